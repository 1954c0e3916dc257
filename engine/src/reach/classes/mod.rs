//! Which ends no table tells apart.
//!
//! A Pod's class is a name made of all that tables say of it: its own namespace, its device on the node, the rules that
//! packets of this device meet, the networks and sets that it is in, the rows by which nodes find it, and what its node is
//! like. What says the same of every node's own is told without naming the node, so that Pods of alike nodes can be of
//! one class. Where nodes are not alike, the class says the node; where a namespace was changed by hand, its Pods are
//! for themselves, and what it says of each other Pod is part of that one's class.

mod nft;
mod rows;
mod rules;
mod universe;

use super::{End, EndKind};
use crate::dataplane::Surroundings;
use crate::net::Family;
use crate::tables::netfilter::IpSet;
use crate::tables::{Link, LinkKind, Netns, NetnsId, Scope};
use crate::world::TableCache;
use rows::Look;
use rules::{Reader, Rules, View};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use universe::{Members, Universe, Whose};

/// A name for each end's class. Equal names mean that the tables say the same of both.
pub struct Classes {
    names: Vec<u64>,
}

/// Names of ends that are alone in their class have this bit.
const ALONE: u64 = 1 << 63;

impl Classes {
    /// Every end for itself.
    pub fn alone(count: usize) -> Classes {
        Classes { names: (0..count as u64).map(|at| at | ALONE).collect() }
    }

    pub fn name(&self, end: usize) -> u64 {
        self.names[end]
    }

    pub fn is_alone(&self, name: u64) -> bool {
        name & ALONE != 0
    }

    /// The class of each end, numbered as they first appear, and the members of each.
    pub fn numbered(&self) -> (Vec<u32>, Vec<Vec<u32>>) {
        let mut numbers = BTreeMap::new();
        let mut members: Vec<Vec<u32>> = Vec::new();
        let mut class_of = Vec::with_capacity(self.names.len());
        for (end, name) in self.names.iter().enumerate() {
            let number = *numbers.entry(*name).or_insert(members.len() as u32);
            if number as usize == members.len() {
                members.push(Vec::new());
            }
            members[number as usize].push(end as u32);
            class_of.push(number);
        }
        (class_of, members)
    }
}

/// Makes one number of many things.
#[derive(Default)]
struct Seen(DefaultHasher);

impl Seen {
    fn put(&mut self, what: &impl Hash) {
        what.hash(&mut self.0);
    }

    fn end(self) -> u64 {
        self.0.finish()
    }

    fn of(what: &impl Hash) -> u64 {
        let mut seen = Seen::default();
        seen.put(what);
        seen.end()
    }
}

/// A node with ends on it.
struct Node {
    name: Arc<str>,
    netns: Arc<Netns>,
    changed: bool,
    /// What it is like without its Pods.
    generic: u64,
}

impl Node {
    fn add(&mut self, what: &impl Hash) {
        self.generic = self.generic.wrapping_add(Seen::of(what));
    }
}

/// A Pod that may share a class.
struct Pod {
    end: usize,
    node: usize,
    netns: Arc<Netns>,
    said: Vec<u64>,
}

/// The classes of these ends.
pub fn of(tables: &mut TableCache, ends: &[End]) -> Classes {
    Survey::new(tables, ends).map_or_else(|| Classes::alone(ends.len()), |survey| survey.classes(ends))
}

struct Survey {
    family: Family,
    nodes: Vec<Node>,
    pods: Vec<Pod>,
    universe: Universe,
    /// Places that were changed by hand, and those beyond the cluster if an end is there: what they say of a Pod is part
    /// of its class.
    viewers: Vec<Arc<Netns>>,
    local: bool,
}

impl Survey {
    /// None: there is nothing to share.
    fn new(tables: &mut TableCache, ends: &[End]) -> Option<Survey> {
        let family = Family::of(ends.first()?.ip);
        let (mut nodes, mut places): (Vec<Node>, BTreeMap<Arc<str>, usize>) = (Vec::new(), BTreeMap::new());
        let mut all = BTreeMap::new();
        let (mut pods, mut viewers) = (Vec::new(), Vec::new());
        for (at, end) in ends.iter().enumerate() {
            let Some(record) = tables.revision().node(&end.node).map(|node| node.netns) else { continue };
            let place = *places.entry(end.node.clone()).or_insert(nodes.len());
            if place == nodes.len() {
                let (netns, changed) = (tables.netns(record)?, tables.is_changed(record));
                nodes.push(Node { name: end.node.clone(), netns, changed, generic: 0 });
            }
            if end.kind != EndKind::Pod || end.host_network {
                continue;
            }
            let netns = tables.netns(end.netns)?;
            if tables.is_changed(end.netns) {
                viewers.push(netns.clone());
            } else if !nodes[place].changed && has_no_rules(&netns, family) {
                pods.push(Pod { end: at, node: place, netns, said: Vec::new() });
            }
            all.insert(end.ip, Whose::Pod { end: at, node: place });
        }
        for (place, node) in nodes.iter().enumerate() {
            for (ip, device) in addresses(&node.netns) {
                let whose = Whose::Node { node: place, device };
                // An address that two have tells nobody apart.
                all.insert(ip, whose).map_or(Some(()), |_| None)?;
            }
        }
        all.retain(|ip, _| Family::of(*ip) == family);
        viewers.extend(nodes.iter().filter(|node| node.changed).map(|node| node.netns.clone()));
        let local = ends.iter().any(|end| end.kind != EndKind::Pod || end.host_network);
        if ends.iter().any(|end| end.kind == EndKind::Outside) {
            let network = &tables.revision().network;
            let beyond: [NetnsId; 2] = [network.gateway.1, network.internet];
            viewers.extend(beyond.into_iter().filter_map(|id| tables.netns(id)));
        }
        let universe = Universe::new(all, nodes.len());
        Some(Survey { family, nodes, pods, universe, viewers, local })
    }

    fn classes(mut self, ends: &[End]) -> Classes {
        let mut classes = Classes::alone(ends.len());
        let mut rules = Rules::default();
        let mut nft_sets: Vec<(Arc<str>, Vec<IpAddr>)> = Vec::new();
        self.rules(&mut rules, &mut nft_sets);
        self.viewers.iter().for_each(|netns| rules.note_all(netns, self.family));
        self.own(ends, &mut rules);
        let held = self.memberships(&rules, nft_sets);
        let alike = self.routes(ends, &held);
        for pod in &self.pods {
            let node = &self.nodes[pod.node];
            let mut seen = Seen::default();
            seen.put(&(node.generic, &pod.said));
            if !alike {
                seen.put(&node.name);
            }
            classes.names[pod.end] = seen.end() & !ALONE;
        }
        classes
    }

    /// What the nodes' rules say in general, and to packets of each Pod.
    fn rules(&mut self, rules: &mut Rules, nft_sets: &mut Vec<(Arc<str>, Vec<IpAddr>)>) {
        for node in 0..self.nodes.len() {
            let netns = self.nodes[node].netns.clone();
            let devices: BTreeSet<&str> =
                netns.links.iter().filter(|link| is_veth(link)).map(|link| &*link.name).collect();
            let (family, universe) = (self.family, &mut self.universe);
            let (local, own) = (self.local, BTreeMap::new());
            let mut reader = Reader { rules, universe, netns: &netns, node, devices: &devices, local, own };
            let mut seen = Seen::default();
            seen.put(&(reader.family(family, View::Others), reader.nftables(family, nft_sets)));
            for pod in self.pods.iter_mut().filter(|pod| pod.node == node) {
                let Some(link) = device_of(&netns, pod.netns.id) else { continue };
                pod.said.push(reader.family(family, View::In(&link.name)));
                pod.said.push(reader.family(family, View::Out(&link.name)));
            }
            self.machine(&netns, &mut seen);
            self.nodes[node].generic = seen.end();
        }
    }

    /// A node's settings and devices, those of its Pods left out.
    fn machine(&self, netns: &Netns, seen: &mut Seen) {
        seen.put(&format!("{:?} {:?}", netns.sysctls, netns.netem));
        for link in netns.links.iter().filter(|link| !is_veth(link)) {
            seen.put(&(&link.name, rows::link(netns, link)));
            for address in netns.addresses_of(link.index) {
                seen.put(&(address.net.prefix_len(), address.scope as u8));
            }
        }
        let ipvs = netns.netfilter.ipvs.as_deref();
        let known = ipvs.iter().flat_map(|ipvs| &ipvs.services).map(|service| service.key());
        known
            .filter(|(_, ip, _)| self.universe.all.contains_key(ip))
            .for_each(|(protocol, ip, port)| seen.put(&(protocol.name(), ip, port)));
    }

    /// A Pod's own namespace, and its device on the node.
    fn own(&mut self, ends: &[End], rules: &mut Rules) {
        for pod in &mut self.pods {
            let node = &self.nodes[pod.node].netns;
            let (netns, ip) = (&pod.netns, ends[pod.end].ip);
            let mut seen = Seen::default();
            seen.put(&format!("{:?} {:?}", netns.sysctls, netns.netem));
            for link in &netns.links {
                seen.put(&(&link.name, rows::link(netns, link)));
            }
            for (_, route) in netns.main.rows.iter() {
                let look = Look { universe: &self.universe, node: Some(pod.node), netns };
                let relation = |ip_of: Option<IpAddr>| ip_of.map(|own| look.relation(own, ip));
                seen.put(&(relation(route.via), relation(route.src), route.dev.0, route.onlink));
                seen.put(&format!("{:?} {:?}", route.kind, route.scope));
                let dst = route.dst;
                let itself = (dst.addr() == ip).then_some("it");
                let relation = self.universe.relation(dst, pod.node).filter(|_| itself.is_none());
                if itself.is_none() && relation.is_none() {
                    rules.nets.insert(dst);
                    seen.put(&dst);
                }
                seen.put(&(itself, relation, dst.prefix_len()));
            }
            let look = Look { universe: &self.universe, node: Some(pod.node), netns };
            for address in &netns.addresses {
                seen.put(&(look.relation(address.net.addr(), ip), address.net.prefix_len()));
            }
            for (_, neighbor) in netns.neighbors.iter() {
                seen.put(&(look.relation(neighbor.ip, ip), neighbor.mac.to_string()));
            }
            for listener in &netns.listeners {
                seen.put(&(listener.protocol.name(), listener.port, listener.ip.is_some()));
            }
            if let Some(link) = device_of(node, netns.id) {
                seen.put(&rows::link(node, link));
            }
            pod.said.push(seen.end());
        }
    }

    /// The networks and sets that each Pod is in, and each node with its own addresses. Gives, by node, the names of the
    /// sets that others' addresses are in.
    fn memberships(&mut self, rules: &Rules, nft_sets: Vec<(Arc<str>, Vec<IpAddr>)>) -> Held {
        let mut atoms: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        let all = self.universe.pods_count();
        for net in &rules.nets {
            let (content, atom) = (self.universe.content(*net), Seen::of(net));
            for end in content.pods.iter().filter(|_| content.pods.len() < all) {
                atoms.entry(*end).or_default().insert(atom);
            }
            for (node, device) in &content.devices {
                self.nodes[*node].add(&(atom, device));
            }
        }
        let held = self.sets(rules, &mut atoms);
        for (name, ips) in nft_sets {
            let atom = Seen::of(&(&name, &ips));
            for ip in ips {
                match self.universe.all.get(&ip) {
                    Some(Whose::Pod { end, .. }) => drop(atoms.entry(*end).or_default().insert(atom)),
                    Some(Whose::Node { node, device }) => self.nodes[*node].add(&(atom, device)),
                    None => {}
                }
            }
        }
        for pod in &mut self.pods {
            pod.said.extend(atoms.remove(&pod.end).unwrap_or_default());
        }
        held
    }

    /// The same for sets. Those of one name that differ are told apart.
    fn sets(&mut self, rules: &Rules, atoms: &mut BTreeMap<usize, BTreeSet<u64>>) -> Held {
        type Variant = (Arc<IpSet>, Vec<(usize, Arc<str>)>);
        let mut variants: BTreeMap<Arc<str>, Vec<Variant>> = BTreeMap::new();
        let mut held = vec![BTreeMap::new(); self.nodes.len()];
        for (place, held) in held.iter_mut().enumerate() {
            let netns = self.nodes[place].netns.clone();
            for name in &rules.sets {
                let Some(set) = netns.netfilter.sets.get(name) else { continue };
                let known = variants.entry(name.clone()).or_default();
                let same = |(other, _): &Variant| Arc::ptr_eq(other, set) || other.entries == set.entries;
                let at = known.iter().position(same).unwrap_or_else(|| {
                    let Members { pods, devices } = self.universe.members(set);
                    for (end, rest) in pods {
                        atoms.entry(end).or_default().insert(Seen::of(&(name, known.len(), rest)));
                    }
                    known.push((set.clone(), devices));
                    known.len() - 1
                });
                for (node, device) in &known[at].1 {
                    match *node == place {
                        true => self.nodes[place].add(&(name, device)),
                        false => held.entry((*node, device.clone())).or_insert_with(Vec::new).push(name.clone()),
                    }
                }
            }
        }
        held
    }

    /// The rows by which places find each Pod. True: the nodes are alike.
    fn routes(&mut self, ends: &[End], held: &Held) -> bool {
        let mut foreign: BTreeSet<u64> = BTreeSet::new();
        let mut devices: BTreeMap<&str, u64> = BTreeMap::new();
        let mut alike = self.viewers.is_empty();
        let mut said: Vec<Vec<u64>> = vec![Vec::new(); self.pods.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            let look = Look { universe: &self.universe, node: Some(place), netns: &node.netns };
            for (at, pod) in self.pods.iter().enumerate() {
                let own = (pod.node == place).then(|| device_of(&node.netns, pod.netns.id)).flatten();
                let token = look.route(ends[pod.end].ip, own.map(|link| link.index));
                said[at].push(token);
                if pod.node != place {
                    foreign.insert(token);
                }
            }
            for (ip, whose) in &self.universe.all {
                if let Whose::Node { node: other, device } = whose
                    && *other != place
                {
                    let sets = held[place].get(&(*other, device.clone()));
                    let token = Seen::of(&(look.route(*ip, None), sets));
                    alike &= *devices.entry(device).or_insert(token) == token;
                }
            }
        }
        alike &= foreign.len() <= 1;
        for (at, pod) in self.pods.iter_mut().enumerate() {
            match alike {
                true => pod.said.push(said[at][pod.node]),
                false => pod.said.append(&mut said[at]),
            }
            for viewer in &self.viewers {
                let look = Look { universe: &self.universe, node: None, netns: viewer };
                pod.said.push(look.route(ends[pod.end].ip, None));
            }
        }
        alike
    }
}

/// By node, the addresses of other nodes' devices that are in its sets, and in which.
type Held = Vec<BTreeMap<(usize, Arc<str>), Vec<Arc<str>>>>;

/// The addresses by which a node sends and is found, with the names of their devices: not those of every machine, and
/// not those of Services.
fn addresses(netns: &Netns) -> impl Iterator<Item = (IpAddr, Arc<str>)> + '_ {
    let found = netns.addresses.iter().filter(|address| address.scope == Scope::Global);
    found.filter_map(|address| {
        let link = netns.link(address.link).filter(|link| link.kind != LinkKind::Dummy)?;
        Some((address.net.addr(), link.name.clone()))
    })
}

fn has_no_rules(netns: &Netns, family: Family) -> bool {
    netns.netfilter.ruleset(family).tables.is_empty() && netns.netfilter.nft.is_empty()
}

fn is_veth(link: &Link) -> bool {
    matches!(link.kind, LinkKind::Veth { .. })
}

/// The device that leads to a Pod's namespace.
fn device_of(netns: &Netns, pod: NetnsId) -> Option<&Link> {
    netns.links.iter().find(|link| matches!(link.kind, LinkKind::Veth { peer_netns, .. } if peer_netns == pod))
}
