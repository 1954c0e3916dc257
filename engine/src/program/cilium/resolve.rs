//! From policies to an endpoint's policy map. Models pkg/policy resolve.go, l4.go toMapState and mapstate.go.

use super::Common;
use super::identity::{IdentityRow, named_ports};
use super::policy::{Allow, Peer, Policy, Port};
use crate::cluster::{Enforcement, PodRecord};
use crate::net::Protocol;
use crate::tables::Origin;
use crate::tables::ebpf::{Direction, Identity, PolicyKey, PolicyMap};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

const OPEN: Origin = Origin::Default {
    component: Cow::Borrowed("cilium"),
    reason: Cow::Borrowed("no policy selects the endpoint in this direction: everything is allowed"),
};
const ALWAYS: Origin = Origin::Default {
    component: Cow::Borrowed("cilium"),
    reason: Cow::Borrowed("enable-policy is always: what no policy allows is denied"),
};
const LOCALHOST: Origin = Origin::Default {
    component: Cow::Borrowed("cilium"),
    reason: Cow::Borrowed("allow-localhost is auto: with Kubernetes a node always reaches its own Pods"),
};

/// Name, protocol and number.
type NamedPort = (Arc<str>, Protocol, u16);

/// Maps that endpoints of one identity with the same named ports share.
#[derive(Debug, Default)]
pub struct Resolver {
    maps: BTreeMap<(Identity, Vec<NamedPort>), Arc<PolicyMap>>,
}

impl Resolver {
    pub fn policy(
        &mut self,
        common: &Common,
        enforcement: Enforcement,
        pod: &PodRecord,
        row: Option<&IdentityRow>,
    ) -> Arc<PolicyMap> {
        let own_ports: Vec<_> = named_ports(pod).collect();
        let identity = row.map_or(Identity::ANY, |row| row.identity);
        let known = self.maps.entry((identity, own_ports));
        let map = known.or_insert_with_key(|(_, own_ports)| {
            let policies: Vec<&Arc<Policy>> = row.into_iter().flat_map(|row| common.repository.of(row)).collect();
            let mut map = PolicyMap::default();
            for direction in Direction::ALL {
                Resolution { common, direction, own_ports, map: &mut map }.add(enforcement, &policies);
            }
            Arc::new(map)
        });
        map.clone()
    }
}

/// One direction of one map.
struct Resolution<'a> {
    common: &'a Common,
    direction: Direction,
    own_ports: &'a [NamedPort],
    map: &'a mut PolicyMap,
}

impl Resolution<'_> {
    fn add(&mut self, enforcement: Enforcement, policies: &[&Arc<Policy>]) {
        if self.direction == Direction::Ingress {
            self.put(Identity::HOST, (None, 0, 0), &LOCALHOST);
        }
        let direction = self.direction;
        let selecting = policies.iter().filter_map(|policy| Some((policy, policy.rules(direction)?)));
        let open = match enforcement {
            Enforcement::Never => true,
            Enforcement::Always => false,
            Enforcement::Default => selecting.clone().next().is_none(),
        };
        if open {
            return self.put(Identity::ANY, (None, 0, 0), &OPEN);
        }
        for (policy, rules) in selecting {
            self.map.enforce(direction, &policy.origin());
            rules.iter().for_each(|allow| self.allow(allow));
        }
        self.map.enforce(direction, &ALWAYS);
    }

    fn allow(&mut self, allow: &Allow) {
        let ports: Vec<_> = allow.ports.iter().filter_map(|port| self.numbered(port)).collect();
        if ports.is_empty() {
            return;
        }
        let common = self.common;
        let mut put = |identity| ports.iter().for_each(|port| self.put(identity, *port, &allow.origin));
        match &allow.peer {
            Peer::Anyone => put(Identity::ANY),
            Peer::Pods(selector) => {
                common.identities.iter().filter(|row| selector.has(row)).for_each(|row| put(row.identity));
            }
            Peer::Nets(nets) => nets.iter().flat_map(|net| common.repository.cidrs.within(*net)).for_each(put),
        }
    }

    /// Protocol, port and length of the port's prefix. None: nobody has a port of this name. What a Pod receives is told by its
    /// own ports; what it sends by those of all Pods, if they agree.
    fn numbered(&self, port: &Port) -> Option<(Option<Protocol>, u16, u8)> {
        match port {
            Port::All(protocol) => Some((*protocol, 0, 0)),
            Port::Number(protocol, port, len) => Some((Some(*protocol), *port, *len)),
            Port::Named(protocol, name) => {
                let number = match self.direction {
                    Direction::Ingress => {
                        let own = |port: &&NamedPort| port.0 == *name && port.1 == *protocol;
                        self.own_ports.iter().find(own).map(|port| port.2)
                    }
                    Direction::Egress => {
                        let all = self.common.identities.named_ports.get(&(name.clone(), *protocol))?;
                        all.first().copied().filter(|_| all.len() == 1)
                    }
                };
                number.map(|number| (Some(*protocol), number, 16))
            }
        }
    }

    fn put(&mut self, identity: Identity, (protocol, port, port_len): (Option<Protocol>, u16, u8), origin: &Origin) {
        let direction = self.direction;
        self.map.insert(PolicyKey { direction, identity, protocol, port, port_len }, origin);
    }
}
