//! Policies as Felix has them, in tiers, with the chains that nodes have in common.

use super::model::{Direction, Rule, SetSource};
use super::names;
use super::render;
use super::rule::chain;
use super::selector::Selector;
use super::{calico, cluster_policy, kubernetes};
use crate::cluster::{Object, Typed};
use crate::net::Family;
use crate::tables::Origin;
use crate::tables::netfilter::Chain;
use std::sync::{Arc, OnceLock};

/// The tier of NetworkPolicies, and of Calico's policies that name none.
pub const DEFAULT_TIER: &str = "default";

/// What a policy is before any chain is made of it.
pub struct Parts {
    pub tier: Arc<str>,
    pub order: f64,
    /// In Felix' order of equal orders.
    pub name: Arc<str>,
    /// What chains' names end with.
    pub id: String,
    /// What the first rule's comment begins with.
    pub title: String,
    pub selector: Selector,
    /// The field that selects.
    pub selector_path: &'static str,
    pub ingress: Option<Vec<Rule>>,
    pub egress: Option<Vec<Rule>>,
}

/// A policy, with the chains that nodes have in common once one needs them.
pub struct Policy {
    pub object: Arc<Object>,
    pub parts: Parts,
    /// The text that policies of one group have in common.
    pub selector_text: String,
    chains: [OnceLock<Arc<Chain>>; 4],
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Policy").field(&self.parts.id).finish()
    }
}

impl Policy {
    /// None: it is no policy that acts upon Pods.
    pub fn new(object: &Arc<Object>) -> Option<Policy> {
        let parts = match &object.typed {
            Typed::NetworkPolicy(policy) => kubernetes::parts(object, policy),
            Typed::ClusterPolicy(policy) => cluster_policy::parts(object, policy)?,
            Typed::CalicoPolicy(policy) => calico::parts(object, policy)?,
            _ => return None,
        };
        let selector_text = parts.selector.policy_text();
        Some(Policy { object: object.clone(), parts, selector_text, chains: Default::default() })
    }

    /// None: it says nothing of this direction.
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.parts.ingress.as_deref(),
            Direction::Egress => self.parts.egress.as_deref(),
        }
    }

    pub fn origin(&self) -> Origin {
        Origin::object(self.object.uid, self.parts.selector_path)
    }

    pub fn chain_name(&self, direction: Direction) -> Arc<str> {
        names::chain(direction.policy_prefix(), &self.parts.id)
    }

    /// The chain of a direction that it says something of.
    pub fn chain(&self, direction: Direction, family: Family) -> &Arc<Chain> {
        let at = 2 * usize::from(direction == Direction::Egress) + usize::from(family == Family::V6);
        self.chains[at].get_or_init(|| {
            let rules = self.rules(direction).unwrap_or_default();
            let title = format!("{} {}", self.parts.title, direction.name());
            chain(self.chain_name(direction), render::rules(rules, family, &title, &self.origin()))
        })
    }

    /// The sets that its rules look into.
    pub fn sets(&self) -> impl Iterator<Item = &Arc<SetSource>> {
        self.parts.ingress.iter().chain(&self.parts.egress).flatten().flat_map(Rule::sets)
    }
}
