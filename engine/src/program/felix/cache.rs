//! What all nodes have in common: policies with their chains, and sets with their members, for the last revision that was
//! asked for.

use super::endpoints::profile_prefix;
use super::model::{Action, Direction, Members, Rule, SetSource};
use super::names;
use super::policy::Policy;
use super::rule::chain;
use super::selector::{Inherited, Selector, account};
use super::tiers::Tiers;
use super::{component, render};
use crate::cluster::{Labels, Object, PodKey, PodRecord, Revision, Typed};
use crate::manifest::typed::{LabelSelector, NetworkSet};
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::{Chain, IpSet, SetEntry, SetType};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// MaxIpsetSize
const ELEMENTS_MAX: u32 = 1_048_576;
/// Profiles that are kept; more begin anew.
const PROFILES_MAX: usize = 10_000;

static NO_LABELS: LazyLock<Arc<Labels>> = LazyLock::new(Arc::default);

/// The policies of one revision.
#[derive(Debug, Default)]
pub struct Policies {
    /// By namespace; those that are in none have an empty one.
    policies: BTreeMap<Arc<str>, Vec<Arc<Policy>>>,
    namespaces: BTreeMap<Arc<str>, Arc<Labels>>,
    /// Of ServiceAccounts, by namespace and name.
    accounts: BTreeMap<(Arc<str>, Arc<str>), Arc<Labels>>,
    networks: Vec<Networks>,
    tiers: Tiers,
}

/// A NetworkSet or GlobalNetworkSet.
#[derive(Debug)]
struct Networks {
    object: Arc<Object>,
    spec: Arc<NetworkSet>,
}

/// The kinds that are policies, and how their objects are asked for.
const KINDS: [&str; 5] = [
    "NetworkPolicy",
    "ClusterNetworkPolicy",
    "AdminNetworkPolicy",
    "BaselineAdminNetworkPolicy",
    "GlobalNetworkPolicy",
];

#[derive(Debug, Default)]
pub struct Cache {
    number: Option<u64>,
    policies: Arc<Policies>,
    sets: BTreeMap<(Family, String), Arc<IpSet>>,
    profiles: BTreeMap<String, [Arc<Chain>; 2]>,
}

impl Policies {
    /// Policies that have not changed are those of before, with the chains that they have come to.
    fn new(revision: &Revision, before: &Policies) -> Policies {
        let mut policies: BTreeMap<Arc<str>, Vec<Arc<Policy>>> = BTreeMap::new();
        for object in KINDS.iter().flat_map(|kind| revision.list(kind, None)) {
            let namespace = &object.key.namespace;
            let known = before.policies.get(namespace).into_iter().flatten();
            let same = |policy: &&Arc<Policy>| {
                policy.object.uid == object.uid && policy.object.changed_revision == object.changed_revision
            };
            let known = known.into_iter().find(same).cloned();
            if let Some(policy) = known.or_else(|| Policy::new(object).map(Arc::new)) {
                policies.entry(namespace.clone()).or_default().push(policy);
            }
        }
        let tiers = Tiers::new(revision);
        for own in policies.values_mut() {
            own.sort_by(|a, b| tiers.compare(&a.parts, &b.parts));
            // One that both groups of Calico's have is the same object.
            own.dedup_by(|a, b| a.parts.id == b.parts.id);
        }
        let labels = |object: &Arc<Object>| (object.key.name.clone(), object.labels.clone());
        let networks = ["GlobalNetworkSet", "NetworkSet"].into_iter().flat_map(|kind| revision.list(kind, None));
        let networks = networks.filter_map(|object| match &object.typed {
            Typed::NetworkSet(spec) => Some(Networks { object: object.clone(), spec: spec.clone() }),
            _ => None,
        });
        let accounts = revision.list("ServiceAccount", None).filter(|object| !object.labels.is_empty());
        let account =
            |object: &Arc<Object>| ((object.key.namespace.clone(), object.key.name.clone()), object.labels.clone());
        Policies {
            policies,
            namespaces: revision.list("Namespace", None).map(labels).collect(),
            accounts: accounts.map(account).collect(),
            networks: networks.collect(),
            tiers,
        }
    }

    fn labels(&self, namespace: &str) -> &Arc<Labels> {
        self.namespaces.get(namespace).unwrap_or(&NO_LABELS)
    }

    /// What a Pod has of others' labels.
    fn inherited<'a>(&'a self, pod: &PodRecord) -> Inherited<'a> {
        let account = if self.accounts.is_empty() {
            None
        } else {
            self.accounts.get(&(pod.key.namespace.clone(), account(pod).into()))
        };
        Inherited { namespace: self.labels(&pod.key.namespace), account: account.unwrap_or(&NO_LABELS) }
    }

    /// Those that select a Pod, in the order in which they are asked.
    pub fn of(&self, pod: &PodRecord) -> Vec<Arc<Policy>> {
        let inherited = self.inherited(pod);
        let selects = |policy: &&Arc<Policy>| {
            let selector = &policy.parts.selector;
            selector.in_namespace(&pod.key.namespace, inherited.namespace) && selector.has_pod(pod, inherited)
        };
        let of = |namespace: &str| self.policies.get(namespace).into_iter().flatten().filter(selects).cloned();
        let mut found: Vec<Arc<Policy>> = of(&pod.key.namespace).collect();
        let own_count = found.len();
        found.extend(of(""));
        if own_count < found.len() {
            found.sort_by(|a, b| self.tiers.compare(&a.parts, &b.parts));
        }
        found
    }

    /// Whether what no policy of a tier decides is dropped.
    pub fn drops(&self, tier: &str) -> bool {
        self.tiers.drops(tier)
    }
}

impl Cache {
    pub fn policies(&mut self, revision: &Revision) -> Arc<Policies> {
        if self.number != Some(revision.number) {
            self.number = Some(revision.number);
            self.policies = Arc::new(Policies::new(revision, &self.policies));
            self.sets.clear();
        }
        self.policies.clone()
    }

    /// The set of a rule's peer or named port, of the revision of [`Cache::policies`].
    pub fn set(&mut self, revision: &Revision, source: &SetSource, family: Family) -> Arc<IpSet> {
        let key = (family, source.id.clone());
        if let Some(set) = self.sets.get(&key) {
            return set.clone();
        }
        let set = Arc::new(members(revision, &self.policies, source, family));
        self.sets.insert(key, set.clone());
        set
    }

    /// The chain of a profile in one direction: a namespace's allows all, a ServiceAccount's has no rules.
    pub fn profile(&mut self, profile: &str, direction: Direction) -> Arc<Chain> {
        if self.profiles.len() > PROFILES_MAX {
            self.profiles.clear();
        }
        let at = usize::from(direction == Direction::Egress);
        if let Some(chains) = self.profiles.get(profile) {
            return chains[at].clone();
        }
        let chains = Direction::ALL.map(|direction| profile_chain(profile, direction));
        let own = chains[at].clone();
        self.profiles.insert(profile.to_owned(), chains);
        own
    }
}

fn profile_chain(profile: &str, direction: Direction) -> Arc<Chain> {
    let origin = component("a namespace's profile allows what no policy is about");
    let all = Rule::new(Action::Allow, origin.clone());
    let rules = if profile.starts_with("kns.") { vec![all] } else { Vec::new() };
    let title = format!("Profile {profile} {}", direction.name());
    let drafts = render::rules(&rules, Family::V4, &title, &origin);
    chain(names::chain(profile_prefix(direction), profile), drafts)
}

/// What a set holds.
fn members(revision: &Revision, policies: &Policies, source: &SetSource, family: Family) -> IpSet {
    let mut entries = match &source.members {
        Members::Selected { selector, port } => {
            let mut entries = selected(revision, policies, (selector.as_ref(), port.as_ref()), family);
            if port.is_none() {
                entries.extend(networks(policies, selector.as_ref(), family));
            }
            entries
        }
        Members::Nodes(selector) => nodes(revision, selector, family),
        Members::Service { namespace, name, ports } => {
            endpoints(revision, &PodKey::new(namespace, name), *ports, family)
        }
    };
    entries.sort_by_key(|entry| (entry.net, entry.port.map(|(protocol, port)| (protocol.number(), port))));
    entries.dedup_by(|a, b| (a.net, a.port) == (b.net, b.port));
    let set_type = if source.has_ports() { SetType::HashIpPort } else { SetType::HashNet };
    set(names::set(family, &source.id), set_type, family, entries)
}

/// The Pods that are selected, and their ports if it is about one.
fn selected(
    revision: &Revision,
    policies: &Policies,
    (selector, port): (Option<&Selector>, Option<&(Protocol, Arc<str>)>),
    family: Family,
) -> Vec<SetEntry> {
    let mut entries = Vec::new();
    for namespace in namespaces(revision) {
        let labels = policies.labels(&namespace);
        if !selector.is_none_or(|selector| selector.in_namespace(&namespace, labels)) {
            continue;
        }
        let pods = pods_of(revision, &namespace);
        let has = |pod: &&PodRecord| selector.is_none_or(|selector| selector.has_pod(pod, policies.inherited(pod)));
        for pod in pods.filter(has) {
            let Some((ip, _)) = pod.addresses().find(|(ip, _)| Family::of(*ip) == family) else { continue };
            let net = Some(IpNet::from(*ip));
            let entry = |port, origin| SetEntry { net, port, second: None, origin };
            match port {
                None => entries.push(entry(None, Origin::object(pod.uid, "metadata.labels"))),
                Some((protocol, name)) => {
                    let ports = named_ports(pod, *protocol, name).map(|port| Some((*protocol, port)));
                    let origin = || Origin::object(pod.uid, "spec.containers");
                    entries.extend(ports.map(|port| entry(port, origin())));
                }
            }
        }
    }
    entries
}

/// The networks of the sets that are selected.
fn networks(policies: &Policies, selector: Option<&Selector>, family: Family) -> Vec<SetEntry> {
    let mut entries = Vec::new();
    for Networks { object, spec } in &policies.networks {
        let namespace = &object.key.namespace;
        let inherited = Inherited { namespace: policies.labels(namespace), account: &NO_LABELS };
        if !selector.is_none_or(|selector| selector.has_networks(&object.labels, namespace, inherited)) {
            continue;
        }
        let own = spec.nets.iter().filter(|net| Family::of(net.addr()) == family);
        for net in own {
            // A set of networks takes none of length 0.
            let halves = if net.prefix_len() == 0 { net.subnets(1).ok() } else { None };
            let nets: Vec<IpNet> = halves.map_or_else(|| vec![net.trunc()], Iterator::collect);
            let origin = || Origin::object(object.uid, "spec.nets");
            entries.extend(nets.into_iter().map(|net| SetEntry {
                net: Some(net),
                port: None,
                second: None,
                origin: origin(),
            }));
        }
    }
    entries
}

fn nodes(revision: &Revision, selector: &LabelSelector, family: Family) -> Vec<SetEntry> {
    let mut entries = Vec::new();
    for node in revision.nodes.values().filter(|node| selector.matches(&node.labels)) {
        let own = node.ips().filter(|ip| Family::of(*ip) == family);
        let origin = || Origin::object(node.uid, "metadata.labels");
        entries.extend(own.map(|ip| SetEntry { net: Some(ip.into()), port: None, second: None, origin: origin() }));
    }
    entries
}

/// The endpoints of a Service's slices, whether they are ready or not. Models felix/calc service_indexer.go.
fn endpoints(revision: &Revision, service: &PodKey, with_ports: bool, family: Family) -> Vec<SetEntry> {
    let mut entries = Vec::new();
    for (uid, slice) in revision.slices(service) {
        let ips = slice.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
        for ip in ips.filter(|ip| Family::of(**ip) == family) {
            let entry = |port| {
                let origin = Origin::object(uid, "endpoints");
                SetEntry { net: Some(IpNet::from(*ip)), port, second: None, origin }
            };
            match with_ports {
                true => {
                    let ports = slice.ports.iter().filter_map(|port| Some((port.protocol, port.port?)));
                    entries.extend(ports.map(|port| entry(Some(port))));
                }
                false => entries.push(entry(None)),
            }
        }
    }
    entries
}

/// A set of Felix's.
pub fn set(name: Arc<str>, set_type: SetType, family: Family, entries: Vec<SetEntry>) -> IpSet {
    let mut set = IpSet::new(name, set_type, family, entries);
    set.elements_max = ELEMENTS_MAX;
    set
}

/// The namespaces that have Pods.
fn namespaces(revision: &Revision) -> Vec<Arc<str>> {
    let mut out: Vec<Arc<str>> = Vec::new();
    let mut next: Option<PodKey> = None;
    loop {
        let first = match &next {
            None => revision.pods.iter().next(),
            Some(key) => revision.pods.range(key.clone()..).next(),
        };
        let Some((key, _)) = first else { return out };
        out.push(key.namespace.clone());
        // The first key after all of this namespace.
        next = Some(PodKey { namespace: format!("{}\0", key.namespace).into(), name: "".into() });
    }
}

/// The Pods of a namespace that have addresses of their own.
fn pods_of<'a>(revision: &'a Revision, namespace: &'a str) -> impl Iterator<Item = &'a PodRecord> {
    let from = PodKey::new(namespace, "");
    let pods = revision.pods.range(from..).take_while(move |(key, _)| *key.namespace == *namespace);
    pods.map(|(_, pod)| &**pod).filter(|pod| !pod.host_network && pod.node.is_some())
}

fn named_ports<'a>(pod: &'a PodRecord, protocol: Protocol, name: &'a str) -> impl Iterator<Item = u16> + 'a {
    let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let ports = containers.flat_map(|container| &container.ports);
    let meant = move |name: &str, own: &Option<Arc<str>>| own.as_deref() == Some(name);
    ports.filter(move |port| port.protocol == protocol && meant(name, &port.name)).map(|port| port.container_port)
}
