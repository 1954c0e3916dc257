//! What a namespace's links and routes say of an address, without naming anyone.

use super::Seen;
use super::universe::{Universe, Whose};
use crate::tables::{Link, LinkIndex, LinkKind, Netns, Route};
use std::net::IpAddr;

/// Who looks at whom: a node, and an address with its node.
pub(super) struct Look<'a> {
    pub universe: &'a Universe,
    /// The node whose table is asked, or on which the namespace is; None: another place.
    pub node: Option<usize>,
    pub netns: &'a Netns,
}

impl Look<'_> {
    /// The row that routes an address, the neighbour and the tunnel that it leads to. `own`: the name of the device that
    /// leads to the Pod which has the address.
    pub fn route(&self, ip: IpAddr, own: Option<LinkIndex>) -> u64 {
        let mut seen = Seen::default();
        for (table, found) in [("local", self.netns.local.lookup(ip)), ("main", self.netns.main.lookup(ip))] {
            let Some((_, route)) = found else { continue };
            seen.put(&table);
            self.row(route, ip, own, &mut seen);
            break;
        }
        seen.end()
    }

    fn row(&self, route: &Route, ip: IpAddr, own: Option<LinkIndex>, seen: &mut Seen) {
        seen.put(&(format!("{:?} {:?}", route.kind, route.scope), route.onlink));
        seen.put(&route.via.map(|via| self.relation(via, ip)));
        seen.put(&route.src.map(|src| self.relation(src, ip)));
        seen.put(&self.device(route.dev, own));
        let next = route.via.unwrap_or(ip);
        let Some((_, neighbor)) = self.netns.neighbors.find((route.dev, next)) else { return };
        seen.put(&"neighbor");
        // A device's own address is made of that of its tunnel; what counts is where frames for it go.
        match self.netns.fdb.find((route.dev, neighbor.mac)) {
            Some((_, entry)) => {
                seen.put(&self.relation(entry.remote, ip));
                if let Some((_, under)) = self.netns.main.lookup(entry.remote) {
                    seen.put(&(self.device(under.dev, own), under.via.map(|via| self.relation(via, ip))));
                }
            }
            None => seen.put(&format!("{}", neighbor.mac)),
        }
    }

    fn device(&self, link: LinkIndex, own: Option<LinkIndex>) -> String {
        let name = self.netns.link(link).map_or("none", |link| &link.name);
        if own == Some(link) { "its own".to_owned() } else { name.to_owned() }
    }

    /// What an address is: the one that is looked at, this node's, the node's of the one that is looked at, or itself.
    pub fn relation(&self, ip: IpAddr, of: IpAddr) -> String {
        if ip == of {
            return "it".to_owned();
        }
        let node = self.universe.all.get(&of).map(Whose::node);
        match self.universe.all.get(&ip) {
            Some(Whose::Node { node: own, device }) if Some(*own) == self.node => format!("here {device}"),
            Some(Whose::Node { node: own, device }) if Some(*own) == node => format!("there {device}"),
            _ => ip.to_string(),
        }
    }
}

/// A device without its addresses.
pub(super) fn link(netns: &Netns, link: &Link) -> (String, u32, bool, bool, bool, Option<String>) {
    let kind = match &link.kind {
        LinkKind::Veth { .. } => "veth".to_owned(),
        LinkKind::Vxlan { vni, port, underlay, .. } => {
            format!("vxlan {vni} {port} {}", netns.link(*underlay).map_or("", |under| &under.name))
        }
        kind => format!("{kind:?}"),
    };
    let master = link.master.and_then(|master| netns.link(master)).map(|master| master.name.to_string());
    (kind, link.mtu, link.up, link.hairpin, link.proxy_arp, master)
}
