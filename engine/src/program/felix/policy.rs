//! NetworkPolicies as Calico sees them: one rule a protocol and peer, with sets in place of selectors and named ports.
//! Models libcalico-go/lib/backend/k8s/conversion K8sNetworkPolicyToCalico and felix/calc rule_scanner.go.

use super::names;
use super::render;
use super::rule::chain;
use super::selector::{Namespaces, Selector};
use crate::cluster::{Object, Typed};
use crate::manifest::typed::{IntOrString, LabelSelector, NetworkPolicy, PeerKind, PolicyPort, PolicyRule};
use crate::net::{Family, Protocol};
use crate::tables::netfilter::{Chain, PortRange};
use crate::tables::{Origin, Uid};
use ipnet::IpNet;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// Every NetworkPolicy is in this tier.
pub const TIER: &str = "default";

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

    fn policy_prefix(self) -> &'static str {
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
    /// None: everything.
    pub selector: Option<Selector>,
    /// The named port that it is about; without one it holds addresses alone.
    pub port: Option<(Protocol, Arc<str>)>,
}

impl SetSource {
    fn new(selector: Option<Selector>, port: Option<(Protocol, Arc<str>)>) -> Arc<SetSource> {
        let text = selector.as_ref().map_or_else(|| "all()".to_owned(), Selector::text);
        let selected = names::unique_id("s", &text);
        let id = match &port {
            None => selected,
            Some((protocol, name)) => {
                let protocol = protocol.name().to_ascii_lowercase();
                names::unique_id("n", &format!("{selected},{protocol},{name}"))
            }
        };
        Arc::new(SetSource { id, selector, port })
    }
}

/// Whom a rule is about: who sends, or for egress who receives.
#[derive(Clone, Debug)]
pub enum Peer {
    Anyone,
    Set(Arc<SetSource>),
    Net { cidr: IpNet, except: Vec<IpNet> },
}

/// It allows what is of its protocol, of its peer and for one of its ports, if it has some.
#[derive(Clone, Debug)]
pub struct Allow {
    pub protocol: Option<Protocol>,
    pub peer: Peer,
    pub ports: Vec<PortRange>,
    pub named_ports: Vec<Arc<SetSource>>,
    pub origin: Origin,
}

/// A policy, with the chains that nodes have in common once one needs them.
#[derive(Debug)]
pub struct Policy {
    pub object: Arc<Object>,
    /// `NAMESPACE/knp.default.NAME`: policies are asked in its order.
    pub name: Arc<str>,
    pub selector: Selector,
    /// The text that policies of one group have in common.
    pub selector_text: String,
    pub ingress: Option<Vec<Allow>>,
    pub egress: Option<Vec<Allow>>,
    chains: [OnceLock<Arc<Chain>>; 4],
}

impl Policy {
    /// None: it is no NetworkPolicy that can be read.
    pub fn new(object: &Arc<Object>) -> Option<Policy> {
        let Typed::NetworkPolicy(policy) = &object.typed else { return None };
        let namespace = &object.key.namespace;
        let selector = Selector { namespaces: Namespaces::Own(namespace.clone()), pods: policy.pod_selector.clone() };
        let rules = |direction: Direction, rules: &Option<Vec<PolicyRule>>| {
            let convert = |(index, rule)| Converter { direction, namespace, uid: object.uid, index }.rules(rule);
            rules.as_ref().map(|rules| rules.iter().enumerate().flat_map(convert).collect())
        };
        let NetworkPolicy { ingress, egress, .. } = &**policy;
        Some(Policy {
            object: object.clone(),
            name: format!("{namespace}/knp.default.{}", object.key.name).into(),
            selector_text: selector.policy_text(),
            selector,
            ingress: rules(Direction::Ingress, ingress),
            egress: rules(Direction::Egress, egress),
            chains: Default::default(),
        })
    }

    /// None: it says nothing of this direction.
    pub fn rules(&self, direction: Direction) -> Option<&[Allow]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }

    pub fn origin(&self) -> Origin {
        Origin::object(self.object.uid, "spec.podSelector")
    }

    pub fn chain_name(&self, direction: Direction) -> Arc<str> {
        names::chain(direction.policy_prefix(), &format!("{TIER}/{}", self.name))
    }

    /// The chain of a direction that it says something of.
    pub fn chain(&self, direction: Direction, family: Family) -> &Arc<Chain> {
        let at = 2 * usize::from(direction == Direction::Egress) + usize::from(family == Family::V6);
        self.chains[at].get_or_init(|| {
            let rules = self.rules(direction).unwrap_or_default();
            let title = format!("Policy {} {}", self.name, direction.name());
            chain(self.chain_name(direction), render::rules(rules, direction, family, &title, &self.origin()))
        })
    }

    /// The sets that its rules look into.
    pub fn sets(&self) -> impl Iterator<Item = &Arc<SetSource>> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        rules.flat_map(|rule| {
            let peer = match &rule.peer {
                Peer::Set(set) => Some(set),
                Peer::Anyone | Peer::Net { .. } => None,
            };
            rule.named_ports.iter().chain(peer)
        })
    }
}

/// One of a policy's rules on its way to Calico's.
struct Converter<'a> {
    direction: Direction,
    namespace: &'a Arc<str>,
    uid: Uid,
    index: usize,
}

/// Ports of one protocol; None: all of them.
type Ports = Option<(Vec<PortRange>, Vec<Arc<str>>)>;

impl Converter<'_> {
    fn origin(&self, field: &str) -> Origin {
        let path = format!("spec.{}[{}]{field}", self.direction.name(), self.index);
        Origin::Object { uid: self.uid, path: Cow::Owned(path) }
    }

    /// Models k8sRuleToCalico.
    fn rules(&self, rule: &PolicyRule) -> Vec<Allow> {
        let mut out = Vec::new();
        for (protocol, ports) in protocols(&rule.ports) {
            if rule.peers.is_empty() {
                let field = if rule.ports.is_empty() { "" } else { ".ports" };
                out.push(self.allow(protocol, &ports, None, self.origin(field)));
            }
            for (at, peer) in rule.peers.iter().enumerate() {
                let list = if self.direction == Direction::Ingress { "from" } else { "to" };
                out.push(self.allow(protocol, &ports, Some(&peer.kind), self.origin(&format!(".{list}[{at}]"))));
            }
        }
        out
    }

    /// Models ruleToParsedRule: named ports of those that are selected are looked up together with their addresses.
    fn allow(&self, protocol: Option<Protocol>, ports: &Ports, peer: Option<&PeerKind>, origin: Origin) -> Allow {
        let selector = match peer {
            Some(PeerKind::Pods { namespaces, pods }) => {
                let pods: LabelSelector = pods.clone().unwrap_or_default();
                Some(Selector { namespaces: Namespaces::of_peer(self.namespace, namespaces.as_ref()), pods })
            }
            Some(PeerKind::Block { .. }) | None => None,
        };
        let (ranges, names) = ports.as_ref().map_or((&[][..], &[][..]), |(ranges, names)| (ranges, names));
        let receives = self.direction == Direction::Egress;
        let of_port = |name: &Arc<str>| {
            let selector = selector.clone().filter(|_| receives);
            SetSource::new(selector, Some((protocol.unwrap_or(Protocol::Tcp), name.clone())))
        };
        let named_ports: Vec<Arc<SetSource>> = names.iter().map(of_port).collect();
        let covered = receives && ranges.is_empty() && !named_ports.is_empty();
        let peer = match (peer, selector) {
            (Some(PeerKind::Block { cidr, except }), _) => {
                Peer::Net { cidr: cidr.trunc(), except: except.iter().map(IpNet::trunc).collect() }
            }
            (_, Some(selector)) if !covered => Peer::Set(SetSource::new(Some(selector), None)),
            _ => Peer::Anyone,
        };
        Allow { protocol, peer, ports: ranges.to_vec(), named_ports, origin }
    }
}

/// The protocols that a rule allows, in the order of their names, with their ports; None: all of them.
fn protocols(ports: &[PolicyPort]) -> Vec<(Option<Protocol>, Ports)> {
    if ports.is_empty() {
        return vec![(None, None)];
    }
    let mut out = Vec::new();
    for protocol in [Protocol::Sctp, Protocol::Tcp, Protocol::Udp] {
        let mut own = ports.iter().filter(|port| port.protocol == protocol).peekable();
        if own.peek().is_some() {
            let ports: Option<Vec<&PolicyPort>> = own.map(|port| port.port.as_ref().map(|_| port)).collect();
            out.push((Some(protocol), ports.map(|ports| simplified(&ports))));
        }
    }
    out
}

/// Models SimplifyPorts: ranges that touch are one, in ascending order, unless there is only one port.
fn simplified(ports: &[&PolicyPort]) -> (Vec<PortRange>, Vec<Arc<str>>) {
    let (mut ranges, mut names) = (Vec::new(), Vec::new());
    for port in ports {
        match &port.port {
            Some(IntOrString::Int(first)) => {
                let first = u16::try_from(*first).unwrap_or_default();
                ranges.push(PortRange { first, last: port.end_port.unwrap_or(first).max(first) });
            }
            Some(IntOrString::String(name)) => names.push(name.clone()),
            None => {}
        }
    }
    ranges.sort_unstable_by_key(|range| (range.first, range.last));
    let mut merged: Vec<PortRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u32::from(range.first) <= u32::from(last.last) + 1 => last.last = last.last.max(range.last),
            _ => merged.push(range),
        }
    }
    (merged, names)
}
