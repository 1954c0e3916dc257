//! Policies of cluster administrators as Calico sees them. AdminNetworkPolicies and BaselineAdminNetworkPolicies as Calico
//! 3.31 converts them, ClusterNetworkPolicies as 3.32 does (libcalico-go/lib/backend/k8s/conversion), which has their tiers
//! and chains' names.
//!
//! Calico takes no `nodes`, no named ports of v1alpha1, and those of ClusterNetworkPolicies for TCP's: here they do what the
//! API says. What it cannot take otherwise
//! fails closed as there: an accepting rule is left out, any other denies everything.

use super::kubernetes::with_ports;
use super::model::{Action, Direction, Rule, SetSource, merged, of};
use super::policy::Parts;
use super::selector::{Namespaces, PodsOf, Selector};
use crate::cluster::Object;
use crate::manifest::typed::{
    ClusterAction, ClusterPeerKind, ClusterPods, ClusterPolicy, ClusterProtocol, ClusterRule, ClusterTier,
};
use crate::net::Protocol;
use crate::tables::netfilter::PortRange;
use crate::tables::{Origin, Uid};
use ipnet::IpNet;
use std::borrow::Cow;
use std::sync::Arc;

/// Ports of one protocol, perhaps with names; of none: names alone. Nothing of both: all of it.
type Ports = (Option<Protocol>, Vec<PortRange>, Vec<Arc<str>>);

/// None: it has no subject.
pub fn parts(object: &Object, policy: &ClusterPolicy) -> Option<Parts> {
    let name = &object.key.name;
    let (tier, internal, id, title) = match (&*object.key.kind, policy.tier) {
        ("ClusterNetworkPolicy", tier) => {
            let tier = if tier == ClusterTier::Admin { "kube-admin" } else { "kube-baseline" };
            (tier, name.to_string(), format!("kcnp/{name}"), format!("KubernetesClusterNetworkPolicy {name}"))
        }
        (_, tier) => {
            let (tier, prefix) = match tier {
                ClusterTier::Admin => ("adminnetworkpolicy", "kanp"),
                ClusterTier::Baseline => ("baselineadminnetworkpolicy", "kbanp"),
            };
            let internal = format!("{prefix}.{tier}.{name}");
            let (id, title) = (format!("{tier}/{internal}"), format!("Policy {internal}"));
            (tier, internal, id, title)
        }
    };
    let subject = policy.subject.as_ref()?;
    // What a subject selects is always a Pod.
    let mut pods = pods_of(subject);
    pods.pods.get_or_insert_default();
    let rules = |direction: Direction, rules: &[ClusterRule]| {
        let convert = |(index, rule)| Converter { direction, uid: object.uid, index }.rules(rule);
        let rules: Vec<Rule> = rules.iter().enumerate().flat_map(convert).collect();
        Some(rules).filter(|rules| !rules.is_empty())
    };
    Some(Parts {
        tier: tier.into(),
        order: f64::from(policy.priority),
        name: internal.into(),
        id,
        title,
        selector: Selector::Labels(pods),
        selector_path: "spec.subject",
        ingress: rules(Direction::Ingress, &policy.ingress),
        egress: rules(Direction::Egress, &policy.egress),
    })
}

fn pods_of(pods: &ClusterPods) -> PodsOf {
    let namespaces = match pods.namespaces.is_empty() {
        true => Namespaces::All,
        false => Namespaces::Matching(pods.namespaces.clone()),
    };
    PodsOf { namespaces, pods: pods.pods.clone() }
}

struct Converter {
    direction: Direction,
    uid: Uid,
    index: usize,
}

impl Converter {
    fn origin(&self, field: &str) -> Origin {
        let path = format!("spec.{}[{}]{field}", self.direction.name(), self.index);
        Origin::Object { uid: self.uid, path: Cow::Owned(path) }
    }

    fn rules(&self, rule: &ClusterRule) -> Vec<Rule> {
        let action = match rule.action {
            Some(ClusterAction::Accept) => Action::Allow,
            Some(ClusterAction::Deny) => Action::Deny,
            Some(ClusterAction::Pass) => Action::Pass,
            None => return Vec::new(),
        };
        let known = |kind: &ClusterPeerKind| match kind {
            ClusterPeerKind::Unknown | ClusterPeerKind::DomainNames(_) => false,
            ClusterPeerKind::Networks(nets) => !nets.is_empty(),
            ClusterPeerKind::Pods(_) => true,
            ClusterPeerKind::Nodes(_) => self.direction == Direction::Egress,
        };
        if !rule.peers.iter().all(|peer| known(&peer.kind)) {
            let closed = || Rule::new(Action::Deny, self.origin(""));
            return if action == Action::Allow { Vec::new() } else { vec![closed()] };
        }
        let list = if self.direction == Direction::Ingress { "from" } else { "to" };
        let mut out = Vec::new();
        for ports in protocols(&rule.protocols) {
            for (at, peer) in rule.peers.iter().enumerate() {
                let mut own = Rule::new(action, self.origin(&format!(".{list}[{at}]")));
                own.notes =
                    rule.name.iter().filter(|name| !name.is_empty()).map(|name| format!("name={name}")).collect();
                self.fill(&mut own, &peer.kind, &ports);
                out.push(own);
            }
        }
        out
    }

    fn fill(&self, rule: &mut Rule, peer: &ClusterPeerKind, (protocol, ranges, names): &Ports) {
        rule.protocol = protocol.map(of);
        let selector = match peer {
            ClusterPeerKind::Pods(pods) => Some(Selector::Labels(pods_of(pods))),
            ClusterPeerKind::Networks(nets) => {
                rule.peer_mut(self.direction).nets = nets.iter().map(IpNet::trunc).collect();
                None
            }
            ClusterPeerKind::Nodes(nodes) => {
                rule.peer_mut(self.direction).set = Some(SetSource::nodes(nodes));
                None
            }
            ClusterPeerKind::DomainNames(_) | ClusterPeerKind::Unknown => None,
        };
        with_ports(rule, self.direction, selector, (ranges, names));
    }
}

/// Models unpackCNPProtocols: names come first, as they have no protocol, then protocols in the order of their names.
fn protocols(given: &[ClusterProtocol]) -> Vec<Ports> {
    if given.is_empty() {
        return vec![(None, Vec::new(), Vec::new())];
    }
    let names: Vec<Arc<str>> = given
        .iter()
        .filter_map(|protocol| match protocol {
            ClusterProtocol::Named(name) => Some(name.clone()),
            ClusterProtocol::Numbered { .. } => None,
        })
        .collect();
    let mut out = Vec::new();
    if !names.is_empty() {
        out.push((None, Vec::new(), names));
    }
    for wanted in [Protocol::Sctp, Protocol::Tcp, Protocol::Udp] {
        let own = given.iter().filter_map(|protocol| match protocol {
            ClusterProtocol::Numbered { protocol, ports } if *protocol == wanted => {
                Some(ports.map(|(first, last)| PortRange { first, last }))
            }
            _ => None,
        });
        let own: Vec<Option<PortRange>> = own.collect();
        if !own.is_empty() {
            // One without ports is about all of them.
            let ranges: Option<Vec<PortRange>> = own.into_iter().collect();
            out.push((Some(wanted), ranges.map(merged).unwrap_or_default(), Vec::new()));
        }
    }
    out
}
