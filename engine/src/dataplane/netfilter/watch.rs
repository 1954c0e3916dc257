//! What one packet's fate says of other ports: everything that compares its port with something notes with what, and what
//! is left is the interval around the port in which every comparison comes out the same.

use super::sight::Sight;
use crate::dataplane::walk::Walk;
use crate::net::{IpPacket, Protocol, Transport};
use crate::tables::LinkKind;
use crate::tables::ipvs::Ipvs;
use crate::tables::netfilter::{ChainIndex, IpSet, Match, PortRange, SetDirection, SetType};
use crate::tables::nft::NftMap;
use std::net::IpAddr;

/// The comparisons made with one port so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortWatch {
    port: u16,
    first: u16,
    last: u16,
}

impl PortWatch {
    /// Nothing is compared yet: all ports are alike.
    pub fn new(port: u16) -> PortWatch {
        PortWatch { port, first: 0, last: u16::MAX }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The ports that are alike, both inclusive; the watched one is among them.
    pub fn interval(&self) -> (u16, u16) {
        (self.first, self.last)
    }

    /// The port was compared with these.
    pub(super) fn range(&mut self, ports: PortRange) {
        if ports.first > ports.last {
            return;
        }
        if self.port < ports.first {
            self.last = self.last.min(ports.first - 1);
        } else if self.port > ports.last {
            self.first = self.first.max(ports.last + 1);
        } else {
            self.first = self.first.max(ports.first);
            self.last = self.last.min(ports.last);
        }
    }

    /// Something depends on every single port, as a drawn lot does.
    fn alone(&mut self) {
        (self.first, self.last) = (self.port, self.port);
    }

    /// A rule's argument is asked.
    pub(super) fn argument(&mut self, sight: &Sight<'_>, part: &Match) {
        let Some((sport, dport)) = sight.ports() else { return };
        let is_source = sport == self.port;
        if !is_source && dport != self.port {
            return;
        }
        let own = |side: SetDirection| {
            (side == SetDirection::Src && is_source) || (side == SetDirection::Dst && dport == self.port)
        };
        match part {
            Match::SourcePort { ports, .. } if is_source => self.range(*ports),
            Match::DestinationPort { ports, .. } if dport == self.port => self.range(*ports),
            Match::Multiport { side, ports, .. } if own(*side) => ports.iter().for_each(|range| self.range(*range)),
            Match::Probability(_) => self.alone(),
            Match::Set { name, directions, .. } => {
                let Some(set) = sight.netns.netfilter.sets.get(name) else { return };
                let at = usize::from(set.set_type != SetType::BitmapPort);
                if directions.get(at).is_some_and(|side| own(*side)) {
                    self.set(sight, set, directions);
                }
            }
            _ => {}
        }
    }

    /// A set is asked for the port: its entries of this address.
    fn set(&mut self, sight: &Sight<'_>, set: &IpSet, directions: &[SetDirection]) {
        let ip = match directions.first() {
            Some(SetDirection::Src) => sight.packet.src,
            _ => sight.packet.dst,
        };
        let speaks =
            |net: &Option<ipnet::IpNet>| set.set_type == SetType::BitmapPort || net.is_none_or(|net| net.contains(&ip));
        for entry in set.entries.iter().filter(|entry| speaks(&entry.net)) {
            if let Some((_, port)) = entry.port {
                self.range(port.into());
            }
        }
    }

    /// A chain's rules are found by their destination ports.
    pub(super) fn index(&mut self, sight: &Sight<'_>, index: &ChainIndex) {
        if let Some(protocol) = self.is_destination(sight) {
            index.ports(protocol).for_each(|port| self.range(port.into()));
        }
    }

    /// A verdict map is asked.
    pub(super) fn map(&mut self, sight: &Sight<'_>, map: &NftMap) {
        let Some(protocol) = self.is_destination(sight) else { return };
        let dst = sight.packet.dst;
        let keys = map.elements.iter().map(|(key, _)| *key);
        for (.., port) in keys.filter(|(ip, own, _)| *own == protocol && ip.is_none_or(|ip| ip == dst)) {
            self.range(port.into());
        }
    }

    /// A rule draws among chains.
    pub(super) fn draw(&mut self, sight: &Sight<'_>) {
        if sight.ports().is_some_and(|(sport, dport)| sport == self.port || dport == self.port) {
            self.alone();
        }
    }

    /// A virtual server is looked for.
    pub(super) fn virtual_server(&mut self, ipvs: &Ipvs, protocol: Protocol, (ip, port): (IpAddr, u16)) {
        if port != self.port {
            return;
        }
        let keys = ipvs.services.iter().map(|service| service.key());
        for (.., port) in keys.filter(|(own, address, _)| (*own, *address) == (protocol, ip)) {
            self.range(port.into());
        }
    }

    fn is_destination(&self, sight: &Sight<'_>) -> Option<Protocol> {
        let (_, dport) = sight.ports()?;
        sight.protocol().filter(|_| dport == self.port)
    }
}

impl Walk<'_> {
    /// A packet looks for a socket: what listens here, and tunnels.
    pub(in crate::dataplane) fn watch_sockets(&mut self, packet: &IpPacket) {
        let Some(watch) = &mut self.state.memory.watch else { return };
        let protocol = match packet.payload {
            Transport::Tcp(_) => Protocol::Tcp,
            Transport::Udp(_) => Protocol::Udp,
            Transport::Sctp(_) => Protocol::Sctp,
            Transport::Icmp(_) | Transport::Ipip(_) => return,
        };
        if packet.destination().1 != watch.port {
            return;
        }
        for listener in self.netns.listeners.iter().filter(|listener| listener.protocol == protocol) {
            watch.range(listener.port.into());
        }
        for link in &self.netns.links {
            match link.kind {
                LinkKind::Vxlan { port, .. } if protocol == Protocol::Udp => watch.range(port.into()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_ends_where_a_comparison_would_come_out_otherwise() {
        let mut watch = PortWatch::new(443);
        let range = |first, last| PortRange { first, last };
        assert_eq!(watch.interval(), (0, 65_535));
        watch.range(range(80, 80));
        watch.range(range(8_000, 9_000));
        assert_eq!(watch.interval(), (81, 7_999));
        watch.range(range(400, 500));
        assert_eq!(watch.interval(), (400, 500));
        watch.range(range(500, 400));
        assert_eq!(watch.interval(), (400, 500));
        watch.range(443.into());
        assert_eq!(watch.interval(), (443, 443));
    }
}
