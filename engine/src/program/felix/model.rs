//! Calico's rules, whatever policy they come from. Models felix/calc ParsedRule.

use super::names;
use super::selector::Selector;
use crate::manifest::typed::{CalicoIcmp, CalicoProtocol, LabelSelector};
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::PortRange;
use ipnet::IpNet;
use std::sync::Arc;

/// Whether a policy is about what comes to a Pod or about what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub const ALL: [Direction; 2] = [Direction::Ingress, Direction::Egress];

    pub fn name(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }

    pub fn policy_prefix(self) -> &'static str {
        match self {
            Direction::Ingress => "cali-pi-",
            Direction::Egress => "cali-po-",
        }
    }
}

/// What a set holds.
#[derive(Debug)]
pub struct SetSource {
    pub id: String,
    pub members: Members,
}

#[derive(Debug)]
pub enum Members {
    /// What is selected, or everything; with a named port that is addresses and ports.
    Selected { selector: Option<Selector>, port: Option<(Protocol, Arc<str>)> },
    /// The addresses of nodes with these labels.
    Nodes(LabelSelector),
    /// The endpoints of a Service, perhaps with their ports.
    Service { namespace: Arc<str>, name: Arc<str>, ports: bool },
}

impl SetSource {
    pub fn selected(selector: Option<Selector>, port: Option<(Protocol, Arc<str>)>) -> Arc<SetSource> {
        let text = selector.as_ref().map_or_else(|| "all()".to_owned(), Selector::text);
        let selected = names::unique_id("s", &text);
        let id = match &port {
            None => selected,
            Some((protocol, name)) => {
                let protocol = protocol.name().to_ascii_lowercase();
                names::unique_id("n", &format!("{selected},{protocol},{name}"))
            }
        };
        Arc::new(SetSource { id, members: Members::Selected { selector, port } })
    }

    pub fn nodes(selector: &LabelSelector) -> Arc<SetSource> {
        let id = names::unique_id("s", &format!("nodes:{}", super::selector::labels_text(selector)));
        Arc::new(SetSource { id, members: Members::Nodes(selector.clone()) })
    }

    pub fn service(namespace: &Arc<str>, name: &Arc<str>, ports: bool) -> Arc<SetSource> {
        let prefix = if ports { "svc" } else { "svcnoport" };
        let id = names::unique_id(prefix, &format!("{namespace}/{name}"));
        let (namespace, name) = (namespace.clone(), name.clone());
        Arc::new(SetSource { id, members: Members::Service { namespace, name, ports } })
    }

    /// Whether its entries are of an address and a port.
    pub fn has_ports(&self) -> bool {
        match &self.members {
            Members::Selected { port, .. } => port.is_some(),
            Members::Nodes(_) => false,
            Members::Service { ports, .. } => *ports,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Allow,
    Deny,
    Log,
    Pass,
}

/// What a rule asks of the sender or of the receiver: everything that is given must hold, of each list one, of each list
/// beginning with `not_` none.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub nets: Vec<IpNet>,
    pub not_nets: Vec<IpNet>,
    pub set: Option<Arc<SetSource>>,
    pub not_set: Option<Arc<SetSource>>,
    /// Of a Service: address alone or address and port.
    pub service: Option<Arc<SetSource>>,
    pub ports: Vec<PortRange>,
    pub named_ports: Vec<Arc<SetSource>>,
    pub not_ports: Vec<PortRange>,
    pub not_named_ports: Vec<Arc<SetSource>>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub action: Action,
    pub family: Option<Family>,
    pub protocol: Option<CalicoProtocol>,
    pub not_protocol: Option<CalicoProtocol>,
    pub icmp: Option<CalicoIcmp>,
    pub not_icmp: Option<CalicoIcmp>,
    pub source: Side,
    pub destination: Side,
    /// Comments: `name=…`.
    pub notes: Vec<String>,
    pub origin: Origin,
}

impl Rule {
    /// About everything.
    pub fn new(action: Action, origin: Origin) -> Rule {
        Rule {
            action,
            family: None,
            protocol: None,
            not_protocol: None,
            icmp: None,
            not_icmp: None,
            source: Side::default(),
            destination: Side::default(),
            notes: Vec::new(),
            origin,
        }
    }

    /// The side of the peers: who sends, or for egress who receives.
    pub fn peer_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Ingress => &mut self.source,
            Direction::Egress => &mut self.destination,
        }
    }

    /// The sets that it looks into.
    pub fn sets(&self) -> impl Iterator<Item = &Arc<SetSource>> {
        [&self.source, &self.destination].into_iter().flat_map(|side| {
            let alone = side.set.iter().chain(&side.not_set).chain(&side.service);
            side.named_ports.iter().chain(&side.not_named_ports).chain(alone)
        })
    }
}

/// A protocol that Kubernetes knows.
pub fn of(protocol: Protocol) -> CalicoProtocol {
    CalicoProtocol { number: protocol.number(), name: Some(protocol.name()) }
}

/// Models SimplifyPorts: ranges that touch are one, in ascending order.
pub fn merged(mut ranges: Vec<PortRange>) -> Vec<PortRange> {
    ranges.sort_unstable_by_key(|range| (range.first, range.last));
    let mut merged: Vec<PortRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u32::from(range.first) <= u32::from(last.last) + 1 => last.last = last.last.max(range.last),
            _ => merged.push(range),
        }
    }
    merged
}
