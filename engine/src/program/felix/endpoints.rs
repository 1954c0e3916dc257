//! The chains of a node's Pods: the way to each by its interface, and what it is allowed. Models felix/rules dispatch.go
//! and endpoints.go.

use super::cache::Policies;
use super::model::Direction;
use super::names::{self, ACCEPT, PASS};
use super::policy::Policy;
use super::rule::{Draft, chain};
use super::{VXLAN_PORT, component};
use crate::cluster::PodRecord;
use crate::net::{Family, Protocol};
use crate::program::cni::calico::veth_name;
use crate::tables::Origin;
use crate::tables::netfilter::{Chain, CtState};
use sha3::{Digest, Sha3_224};
use std::sync::Arc;

/// How many policies a group asks before it looks whether one has decided.
const RETURN_STRIDE: usize = 5;

/// A Pod of this node with its interface and the policies that select it.
pub struct Endpoint<'a> {
    pub pod: &'a PodRecord,
    pub interface: Arc<str>,
    /// In the order in which they are asked.
    pub policies: Vec<Arc<Policy>>,
    /// The tiers of these policies that drop what they do not decide.
    dropping: Vec<Arc<str>>,
}

impl<'a> Endpoint<'a> {
    pub fn new(pod: &'a PodRecord, policies: &Policies) -> Endpoint<'a> {
        let own = policies.of(pod);
        let mut dropping: Vec<Arc<str>> = own.iter().map(|policy| policy.parts.tier.clone()).collect();
        dropping.dedup();
        dropping.retain(|tier| policies.drops(tier));
        Endpoint { pod, interface: veth_name(pod).into(), policies: own, dropping }
    }

    /// The profiles that allow what no policy is about: of its namespace and of its ServiceAccount.
    pub fn profiles(&self) -> [String; 2] {
        let namespace = &self.pod.key.namespace;
        let account = self.pod.spec.service_account_name.as_deref().unwrap_or("default");
        [format!("kns.{namespace}"), format!("ksa.{namespace}.{account}")]
    }

    pub fn origin(&self) -> Origin {
        Origin::object(self.pod.uid, "metadata.name")
    }

    /// What comes to it, or what it sends, and the chains of groups of policies that this leads to.
    pub fn chains(&self, direction: Direction, family: Family) -> Vec<Arc<Chain>> {
        let own = self.origin();
        let draft = || Draft::new(&own);
        let mut drafts = vec![
            draft().known().accept(),
            draft().ct_state(&[CtState::Invalid], "INVALID").drop(),
            draft().clear_mark(ACCEPT | PASS),
        ];
        if direction == Direction::Egress {
            let encapsulated = component("a Pod's own tunnels are dropped: they would go around its policies");
            let title = "Drop VXLAN encapped packets originating in workloads";
            let vxlan = Draft::new(&encapsulated).comment(title).protocol_number(Protocol::Udp);
            let title = "Drop IPinIP encapped packets originating in workloads";
            drafts.extend([
                vxlan.destination_ports(&[VXLAN_PORT.into()]).drop(),
                Draft::new(&encapsulated).comment(title).ip_in_ip().drop(),
            ]);
        }
        let policies: Vec<&Arc<Policy>> =
            self.policies.iter().filter(|policy| policy.rules(direction).is_some()).collect();
        let mut chains = Vec::new();
        for tier in policies.chunk_by(|a, b| a.parts.tier == b.parts.tier) {
            chains.extend(self.tier(tier, direction, &mut drafts));
        }
        chains.extend(policies.iter().map(|policy| policy.chain(direction, family).clone()));
        let prefix = profile_prefix(direction);
        for profile in self.profiles() {
            drafts.push(draft().jump(names::chain(prefix, &profile)));
            drafts.push(draft().comment("Return if profile accepted").marked(ACCEPT).return_());
        }
        drafts.push(draft().comment("Drop if no profiles matched").drop());
        let prefix = if direction == Direction::Ingress { TO.endpoint } else { FROM.endpoint };
        chains.push(chain(names::chain(prefix, &self.interface), drafts));
        chains
    }

    /// The policies of one tier and direction, of which there is one at least: what none of them decides is dropped, or
    /// goes on to the next tier.
    fn tier(&self, policies: &[&Arc<Policy>], direction: Direction, drafts: &mut Vec<Draft>) -> Vec<Arc<Chain>> {
        let mut chains = Vec::new();
        let Some(first) = policies.first() else { return chains };
        let tier = &first.parts.tier;
        drafts.push(Draft::new(&first.origin()).comment(&format!("Start of tier {tier}")).clear_mark(PASS));
        for group in policies.chunk_by(|a, b| a.selector_text == b.selector_text) {
            let name = match group {
                [one] => one.chain_name(direction),
                _ => {
                    let group = group_chain(group, direction);
                    let name = group.name.clone();
                    chains.push(group);
                    name
                }
            };
            let origin = group[0].origin();
            drafts.push(Draft::new(&origin).mark_clear(PASS).jump(name));
            drafts.push(Draft::new(&origin).comment("Return if policy accepted").marked(ACCEPT).return_());
        }
        if self.dropping.contains(tier) {
            let title = format!("End of tier {tier}. Drop if no policies passed packet");
            drafts.push(Draft::new(&first.origin()).comment(&title).mark_clear(PASS).drop());
        }
        chains
    }
}

/// Policies with the same selector, which all endpoints have together or not at all.
fn group_chain(group: &[&Arc<Policy>], direction: Direction) -> Arc<Chain> {
    let (prefix, word) = match direction {
        Direction::Ingress => ("cali-gi-", "inbound"),
        Direction::Egress => ("cali-go-", "outbound"),
    };
    let mut hash = Sha3_224::new();
    let count = group.len().to_string();
    let head = [&*group[0].parts.tier, &group[0].selector_text, word, &count].into_iter();
    for part in head.chain(group.iter().map(|policy| &*policy.parts.name)) {
        hash.update(part);
        hash.update("\n");
    }
    let mut name = format!("{prefix}{}", names::base64(&hash.finalize()));
    name.truncate(28);
    let mut drafts = Vec::new();
    for (at, policy) in group.iter().enumerate() {
        let origin = policy.origin();
        let draft = || Draft::new(&origin);
        if at != 0 && at % RETURN_STRIDE == 0 {
            drafts.push(draft().comment("Return on verdict").mark_not_clear(PASS | ACCEPT).return_());
        }
        let asked = if at % RETURN_STRIDE == 0 { draft() } else { draft().mark_clear(PASS | ACCEPT) };
        drafts.push(asked.jump(policy.chain_name(direction)));
    }
    chain(name, drafts)
}

pub fn profile_prefix(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "cali-pri-",
        Direction::Egress => "cali-pro-",
    }
}

/// One of the ways to the chains of endpoints.
pub struct Dispatch {
    pub root: &'static str,
    /// What the names of endpoints' chains begin with.
    pub endpoint: &'static str,
    pub input: bool,
}

pub const FROM: Dispatch = Dispatch { root: "cali-from-wl-dispatch", endpoint: "cali-fw-", input: true };
pub const TO: Dispatch = Dispatch { root: "cali-to-wl-dispatch", endpoint: "cali-tw-", input: false };

impl Dispatch {
    /// The chains of this way; interfaces of nobody are dropped.
    pub fn chains(&self, endpoints: &[Endpoint<'_>]) -> Vec<Arc<Chain>> {
        let unknown = Draft::new(&component("no Pod has this interface")).comment("Unknown interface").drop();
        let (mut chains, mut root) = self.tree(endpoints, Some(&unknown));
        root.push(unknown);
        chains.push(chain(self.root, root));
        chains
    }

    /// A tree of two levels by the beginnings of names: the chains below, which end with `end`, and the rules of the
    /// root. `endpoints` are in the order of their interfaces.
    pub fn tree(&self, endpoints: &[Endpoint<'_>], end: Option<&Draft>) -> (Vec<Arc<Chain>>, Vec<Draft>) {
        let common = common_len(endpoints);
        let (mut chains, mut root) = (Vec::new(), Vec::new());
        let next = |endpoint: &Endpoint<'_>| endpoint.interface.get(common..common + 1).map(str::to_owned);
        for alike in endpoints.chunk_by(|a, b| next(a) == next(b)) {
            match (alike, next(&alike[0])) {
                (many @ [_, _, ..], Some(letter)) => {
                    let name = format!("{}-{letter}", self.root);
                    let wildcard = format!("{}+", &many[0].interface[..=common]).into();
                    let origin = component("Pods' chains are found by the beginnings of interfaces");
                    root.push(self.of(Draft::new(&origin), &wildcard).goto(name.as_str()));
                    let drafts = many.iter().map(|endpoint| self.to(endpoint)).chain(end.cloned());
                    chains.push(chain(name, drafts.collect()));
                }
                (alike, _) => root.extend(alike.iter().map(|endpoint| self.to(endpoint))),
            }
        }
        (chains, root)
    }

    fn of(&self, draft: Draft, interface: &Arc<str>) -> Draft {
        if self.input { draft.input(interface) } else { draft.output(interface) }
    }

    fn to(&self, endpoint: &Endpoint<'_>) -> Draft {
        let draft = self.of(Draft::new(&endpoint.origin()), &endpoint.interface);
        draft.goto(names::chain(self.endpoint, &endpoint.interface))
    }
}

/// How many letters all interfaces begin with.
fn common_len(endpoints: &[Endpoint<'_>]) -> usize {
    let [first, .., last] = endpoints else { return endpoints.first().map_or(0, |one| one.interface.len()) };
    // They are sorted: what the first and the last have in common all have.
    first.interface.bytes().zip(last.interface.bytes()).take_while(|(a, b)| a == b).count()
}
