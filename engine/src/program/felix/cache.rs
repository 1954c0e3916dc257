//! What all nodes have in common: policies with their chains, and sets with their members, for the last revision that was
//! asked for.

use super::endpoints::profile_prefix;
use super::names;
use super::policy::{Allow, Direction, Peer, Policy, SetSource};
use super::rule::chain;
use super::{component, render};
use crate::cluster::{Labels, Object, PodKey, PodRecord, Revision};
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
    /// By namespace, in the order of their names.
    policies: BTreeMap<Arc<str>, Vec<Arc<Policy>>>,
    namespaces: BTreeMap<Arc<str>, Arc<Labels>>,
}

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
        for object in revision.list("NetworkPolicy", None) {
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
        policies.values_mut().for_each(|policies| policies.sort_by(|a, b| a.name.cmp(&b.name)));
        let labels = |object: &Arc<Object>| (object.key.name.clone(), object.labels.clone());
        Policies { policies, namespaces: revision.list("Namespace", None).map(labels).collect() }
    }

    fn labels(&self, namespace: &str) -> &Arc<Labels> {
        self.namespaces.get(namespace).unwrap_or(&NO_LABELS)
    }

    /// Those that select a Pod.
    pub fn of(&self, pod: &PodRecord) -> Vec<Arc<Policy>> {
        let own = self.policies.get(&pod.key.namespace).into_iter().flatten();
        let labels = self.labels(&pod.key.namespace);
        own.filter(|policy| policy.selector.has_pod(pod, labels)).cloned().collect()
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
    let (protocol, peer, ports, named_ports) = (None, Peer::Anyone, Vec::new(), Vec::new());
    let all = Allow { protocol, peer, ports, named_ports, origin: origin.clone() };
    let rules = if profile.starts_with("kns.") { vec![all] } else { Vec::new() };
    let title = format!("Profile {profile} {}", direction.name());
    let drafts = render::rules(&rules, direction, Family::V4, &title, &origin);
    chain(names::chain(profile_prefix(direction), profile), drafts)
}

/// The Pods that a set selects, and their ports if it is about one.
fn members(revision: &Revision, policies: &Policies, source: &SetSource, family: Family) -> IpSet {
    let mut entries = Vec::new();
    let selector = source.selector.as_ref();
    for namespace in namespaces(revision) {
        let labels = policies.labels(&namespace);
        if !selector.is_none_or(|selector| selector.namespaces.has(&namespace, labels)) {
            continue;
        }
        let pods = pods_of(revision, &namespace);
        for pod in pods.filter(|pod| selector.is_none_or(|selector| selector.has_pod(pod, labels))) {
            let Some((ip, _)) = pod.addresses().find(|(ip, _)| Family::of(*ip) == family) else { continue };
            let net = Some(IpNet::from(*ip));
            let entry = |port, origin| SetEntry { net, port, second: None, origin };
            match &source.port {
                None => entries.push(entry(None, Origin::object(pod.uid, "metadata.labels"))),
                Some((protocol, name)) => {
                    let ports = named_ports(pod, *protocol, name).map(|port| Some((*protocol, port)));
                    let origin = || Origin::object(pod.uid, "spec.containers");
                    entries.extend(ports.map(|port| entry(port, origin())));
                }
            }
        }
    }
    entries.sort_by_key(|entry| (entry.net, entry.port.map(|(_, port)| port)));
    entries.dedup_by(|a, b| (a.net, a.port) == (b.net, b.port));
    let set_type = if source.port.is_some() { SetType::HashIpPort } else { SetType::HashNet };
    set(names::set(family, &source.id), set_type, family, entries)
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
