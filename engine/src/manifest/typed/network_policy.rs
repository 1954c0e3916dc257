//! NetworkPolicies of `networking.k8s.io/v1`.

use ipnet::IpNet;

use super::{IntOrString, LabelSelector, ObjectMeta, Protocol, reader};
use crate::manifest::{Diagnostics, Node, Span};

#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy {
    pub meta: ObjectMeta,
    /// Empty: every Pod of the namespace.
    pub pod_selector: LabelSelector,
    /// `None`: the policy says nothing of this direction. Empty: it isolates and allows nothing.
    pub ingress: Option<Vec<PolicyRule>>,
    pub egress: Option<Vec<PolicyRule>>,
    pub span: Span,
}

/// One of `ingress` or `egress`: a packet matches if one of the peers and one of the ports does.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRule {
    /// `from` or `to`. Empty: everybody.
    pub peers: Vec<PolicyPeer>,
    /// Empty: every port of every protocol.
    pub ports: Vec<PolicyPort>,
    pub span: Span,
}

/// One of a rule's peers.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyPeer {
    pub kind: PeerKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PeerKind {
    /// Pods with these labels in namespaces with those. Without `namespaces`: in the policy's own; without `pods`: all.
    Pods {
        namespaces: Option<LabelSelector>,
        pods: Option<LabelSelector>,
    },
    Block {
        cidr: IpNet,
        except: Vec<IpNet>,
    },
}

/// One of a rule's ports.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyPort {
    pub protocol: Protocol,
    /// A number, or the name of a container's port. `None`: every port of the protocol.
    pub port: Option<IntOrString>,
    /// The last port of a range that begins with `port`.
    pub end_port: Option<u16>,
    pub span: Span,
}

impl NetworkPolicy {
    /// Defaults `policyTypes`: Ingress always, Egress if there is a rule for it. Models pkg/apis/networking/v1
    /// SetDefaults_NetworkPolicy.
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<NetworkPolicy> {
        let d = diagnostics;
        if !reader::is_object(root, d) {
            return None;
        }
        let spec = reader::object(root, "spec", d).unwrap_or(root);
        let types = reader::texts(spec, "policyTypes", d);
        let (ingress, egress) = (rules(spec, "ingress", "from", d), rules(spec, "egress", "to", d));
        let says = |name: &str| types.iter().any(|own| **own == *name);
        let isolates = match types.is_empty() {
            true => [true, !egress.is_empty()],
            false => [says("Ingress"), says("Egress")],
        };
        Some(NetworkPolicy {
            meta: ObjectMeta::project(root, d),
            pod_selector: LabelSelector::project(spec, "podSelector", d).unwrap_or_default(),
            ingress: isolates[0].then_some(ingress),
            egress: isolates[1].then_some(egress),
            span: spec.span,
        })
    }
}

fn rules(spec: &Node, name: &str, peers: &str, d: &mut Diagnostics) -> Vec<PolicyRule> {
    let found = reader::objects(spec, name, d);
    let project = |rule: &Node| PolicyRule {
        peers: reader::objects(rule, peers, d).into_iter().filter_map(|peer| PolicyPeer::project(peer, d)).collect(),
        ports: reader::objects(rule, "ports", d).into_iter().map(|port| PolicyPort::project(port, d)).collect(),
        span: rule.span,
    };
    found.into_iter().map(project).collect()
}

impl PolicyPeer {
    fn project(peer: &Node, d: &mut Diagnostics) -> Option<PolicyPeer> {
        let kind = match reader::object(peer, "ipBlock", d) {
            Some(block) => {
                let mut subnet = |node: &Node| {
                    // An empty one is missing.
                    let text = reader::string(node, d).filter(|text| !text.is_empty())?;
                    reader::subnet(&text, node.span, d)
                };
                let cidr = subnet(reader::field(block, "cidr")?)?;
                let except = reader::field(block, "except").map_or(&[][..], Node::items);
                PeerKind::Block { cidr, except: except.iter().filter_map(subnet).collect() }
            }
            None => PeerKind::Pods {
                namespaces: LabelSelector::project(peer, "namespaceSelector", d),
                pods: LabelSelector::project(peer, "podSelector", d),
            },
        };
        Some(PolicyPeer { kind, span: peer.span })
    }
}

impl PolicyPort {
    fn project(port: &Node, d: &mut Diagnostics) -> PolicyPort {
        PolicyPort {
            protocol: reader::protocol(port, d),
            port: reader::int_or_string(port, "port", d),
            end_port: reader::int(port, "endPort", d).and_then(|last| u16::try_from(last).ok()),
            span: port.span,
        }
    }
}
