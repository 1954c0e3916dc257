//! NetworkPolicies as Calico sees them: one rule a protocol and peer, with sets in place of selectors and named ports.
//! Models libcalico-go/lib/backend/k8s/conversion K8sNetworkPolicyToCalico and felix/calc rule_scanner.go.

use super::model::{Action, Direction, Rule, SetSource, merged, of};
use super::policy::{DEFAULT_TIER, Parts};
use super::selector::{Namespaces, PodsOf, Selector};
use crate::cluster::Object;
use crate::manifest::typed::{IntOrString, NetworkPolicy, PeerKind, PolicyPort, PolicyRule};
use crate::net::Protocol;
use crate::tables::netfilter::PortRange;
use crate::tables::{Origin, Uid};
use ipnet::IpNet;
use std::borrow::Cow;
use std::sync::Arc;

/// All of them have it.
const ORDER: f64 = 1_000.0;

pub fn parts(object: &Object, policy: &NetworkPolicy) -> Parts {
    let namespace = &object.key.namespace;
    let namespaces = Namespaces::Own(namespace.clone());
    let selector = Selector::Labels(PodsOf { namespaces, pods: Some(policy.pod_selector.clone()) });
    let rules = |direction: Direction, rules: &Option<Vec<PolicyRule>>| {
        let convert = |(index, rule)| Converter { direction, namespace, uid: object.uid, index }.rules(rule);
        rules.as_ref().map(|rules| rules.iter().enumerate().flat_map(convert).collect())
    };
    let name = format!("{namespace}/knp.default.{}", object.key.name);
    Parts {
        tier: DEFAULT_TIER.into(),
        order: ORDER,
        id: format!("{DEFAULT_TIER}/{name}"),
        title: format!("Policy {name}"),
        name: name.into(),
        selector,
        selector_path: "spec.podSelector",
        ingress: rules(Direction::Ingress, &policy.ingress),
        egress: rules(Direction::Egress, &policy.egress),
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
    fn rules(&self, rule: &PolicyRule) -> Vec<Rule> {
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

    fn allow(&self, protocol: Option<Protocol>, ports: &Ports, peer: Option<&PeerKind>, origin: Origin) -> Rule {
        let mut rule = Rule::new(Action::Allow, origin);
        rule.protocol = protocol.map(of);
        let selector = match peer {
            Some(PeerKind::Pods { namespaces, pods }) => {
                let namespaces = Namespaces::of_peer(self.namespace, namespaces.as_ref());
                Some(Selector::Labels(PodsOf { namespaces, pods: Some(pods.clone().unwrap_or_default()) }))
            }
            Some(PeerKind::Block { cidr, except }) => {
                let side = rule.peer_mut(self.direction);
                side.nets = vec![cidr.trunc()];
                side.not_nets = except.iter().map(IpNet::trunc).collect();
                None
            }
            None => None,
        };
        let (ranges, names) = ports.as_ref().map_or((&[][..], &[][..]), |(ranges, names)| (ranges, names));
        with_ports(&mut rule, self.direction, selector, (ranges, names));
        rule
    }
}

/// Models ruleToParsedRule: named ports of those that are selected are looked up together with their addresses. Without a
/// protocol a name is looked for in all of them, as ClusterNetworkPolicy has it; Calico 3.32 takes it for TCP's.
pub fn with_ports(
    rule: &mut Rule,
    direction: Direction,
    selector: Option<Selector>,
    (ranges, names): (&[PortRange], &[Arc<str>]),
) {
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    let wanted = |protocol: &Protocol| rule.protocol.is_none_or(|own| own.number == protocol.number());
    let receives = direction == Direction::Egress;
    let of_port = |name: &Arc<str>, protocol: Protocol| {
        SetSource::selected(selector.clone().filter(|_| receives), Some((protocol, name.clone())))
    };
    let named = names.iter().flat_map(|name| all.into_iter().filter(wanted).map(move |protocol| (name, protocol)));
    rule.destination.named_ports = named.map(|(name, protocol)| of_port(name, protocol)).collect();
    rule.destination.ports = ranges.to_vec();
    let covered = receives && ranges.is_empty() && !names.is_empty();
    if let Some(selector) = selector.filter(|_| !covered) {
        rule.peer_mut(direction).set = Some(SetSource::selected(Some(selector), None));
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
    (merged(ranges), names)
}
