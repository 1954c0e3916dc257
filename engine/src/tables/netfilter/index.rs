//! Which rules of a chain may match a packet: a chain of 10,000 Services is not tried rule by rule.

use super::{Match, Rule};
use crate::net::Protocol;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// What a packet shows before any rule is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub dst: IpAddr,
    pub transport: Option<(Protocol, u16)>,
}

/// Rules that want exactly one destination address, by that address; those that want one destination port of any
/// address, by that port; and the others, which every packet tries. Numbers of rules, ascending.
#[derive(Clone, Debug, Default)]
pub struct ChainIndex {
    by_address: BTreeMap<IpAddr, Vec<u32>>,
    by_port: BTreeMap<(Protocol, u16), Vec<u32>>,
    others: Vec<u32>,
}

impl ChainIndex {
    pub fn new(rules: &[Arc<Rule>]) -> ChainIndex {
        let mut index = ChainIndex::default();
        for (number, rule) in (0..).zip(rules) {
            match (address(rule), port(rule)) {
                (Some(ip), _) => index.by_address.entry(ip).or_default().push(number),
                (None, Some(port)) => index.by_port.entry(port).or_default().push(number),
                (None, None) => index.others.push(number),
            }
        }
        index
    }

    /// The ports of this protocol by which rules are found, ascending.
    pub fn ports(&self, protocol: Protocol) -> impl Iterator<Item = u16> + '_ {
        self.by_port.range((protocol, 0)..=(protocol, u16::MAX)).map(|((_, port), _)| *port)
    }

    /// The rules that may match, in their order; all others do not.
    pub fn candidates(&self, probe: Probe) -> impl Iterator<Item = u32> + '_ {
        let none: &[u32] = &[];
        let by_address = self.by_address.get(&probe.dst).map_or(none, Vec::as_slice);
        let by_port = probe.transport.and_then(|port| self.by_port.get(&port)).map_or(none, Vec::as_slice);
        let mut lists = [by_address, by_port, self.others.as_slice()];
        std::iter::from_fn(move || {
            let next = lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list[0])?;
            let (first, rest) = next.split_first()?;
            *next = rest;
            Some(*first)
        })
    }
}

/// The one destination address that a rule is for.
fn address(rule: &Rule) -> Option<IpAddr> {
    rule.matches.iter().find_map(|part| match part {
        Match::Destination { net, invert: false } if net.prefix_len() == net.max_prefix_len() => Some(net.addr()),
        _ => None,
    })
}

/// The one destination port that a rule is for.
fn port(rule: &Rule) -> Option<(Protocol, u16)> {
    let protocol = rule.matches.iter().find_map(|part| match part {
        Match::Protocol { protocol, invert: false } => Some(*protocol),
        _ => None,
    })?;
    rule.matches.iter().find_map(|part| match part {
        Match::DestinationPort { ports, invert: false } if ports.first == ports.last => Some((protocol, ports.first)),
        _ => None,
    })
}

/// A value made from its neighbours when first asked for. It is not part of what its owner is: copies make their own,
/// and comparisons pass it over.
#[derive(Debug)]
pub(in crate::tables) struct Lazy<T>(OnceLock<T>);

impl<T> Lazy<T> {
    pub fn get(&self, make: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(make)
    }
}

impl<T> Default for Lazy<T> {
    fn default() -> Lazy<T> {
        Lazy(OnceLock::new())
    }
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Lazy<T> {
        Lazy::default()
    }
}

impl<T> PartialEq for Lazy<T> {
    fn eq(&self, _: &Lazy<T>) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Origin;
    use crate::tables::netfilter::PortRange;

    #[test]
    fn candidates_come_in_order_and_leave_out_only_what_cannot_match() {
        let to = |text: &str| Match::Destination { net: text.parse().unwrap(), invert: false };
        let tcp = Match::Protocol { protocol: Protocol::Tcp, invert: false };
        let port = |first: u16, last: u16| Match::DestinationPort { ports: PortRange { first, last }, invert: false };
        let rules = [
            vec![to("10.96.0.1/32"), tcp.clone(), port(80, 80)],
            vec![],
            vec![tcp.clone(), port(443, 443)],
            vec![to("10.96.0.2/32")],
            vec![to("10.96.0.0/16")],
            vec![tcp.clone(), port(80, 90)],
            vec![to("10.96.0.1/32")],
            vec![Match::Destination { net: "10.96.0.1/32".parse().unwrap(), invert: true }],
        ];
        let rule =
            |matches: &Vec<Match>| Arc::new(Rule { matches: matches.clone(), target: None, origin: Origin::Kernel });
        let index = ChainIndex::new(&rules.iter().map(rule).collect::<Vec<_>>());
        let candidates = |dst: &str, transport| -> Vec<u32> {
            index.candidates(Probe { dst: dst.parse().unwrap(), transport }).collect()
        };
        assert_eq!(candidates("10.96.0.1", Some((Protocol::Tcp, 443))), [0, 1, 2, 4, 5, 6, 7]);
        assert_eq!(candidates("10.96.0.2", Some((Protocol::Udp, 443))), [1, 3, 4, 5, 7]);
        assert_eq!(candidates("10.0.0.1", None), [1, 4, 5, 7]);
    }
}
