//! The tiers of policies and the order in which they are asked. Models felix/calc policy_sorter.go, and the tiers that
//! libcalico-go/lib/clientv3 makes by itself: 3.31's, and 3.32's for ClusterNetworkPolicies.

use super::policy::Parts;
use crate::cluster::{Object, Revision, Typed};
use std::cmp::Ordering;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    pub name: Arc<str>,
    /// None: after all that have one.
    pub order: Option<f64>,
    /// What its policies do not decide goes on to the next tier; else it is dropped.
    pub passes: bool,
}

/// In the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Tiers(Vec<Tier>);

/// Name, order, whether it passes.
const BUILT_IN: [(&str, f64, bool); 5] = [
    ("adminnetworkpolicy", 1_000.0, true),
    ("kube-admin", 1_000.0, true),
    ("default", 1_000_000.0, false),
    ("baselineadminnetworkpolicy", 10_000_000.0, true),
    ("kube-baseline", 10_000_000.0, true),
];

impl Tiers {
    pub fn new(revision: &Revision) -> Tiers {
        let own = |object: &Arc<Object>| match &object.typed {
            Typed::CalicoTier(tier) => {
                Some(Tier { name: object.key.name.clone(), order: tier.order, passes: tier.passes })
            }
            _ => None,
        };
        let mut tiers: Vec<Tier> = revision.list("Tier", None).filter_map(own).collect();
        for (name, order, passes) in BUILT_IN {
            // What is there by itself stays as it is.
            tiers.retain(|tier| *tier.name != *name);
            tiers.push(Tier { name: name.into(), order: Some(order), passes });
        }
        let order = |tier: &Tier| tier.order.unwrap_or(f64::INFINITY);
        tiers.sort_by(|a, b| order(a).total_cmp(&order(b)).then_with(|| a.name.cmp(&b.name)));
        tiers.dedup_by(|a, b| a.name == b.name);
        Tiers(tiers)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Tier> {
        self.0.iter()
    }

    pub fn find(&self, name: &str) -> Option<&Tier> {
        self.0.iter().find(|tier| *tier.name == *name)
    }

    /// Policies of tiers that do not exist come last, and are dropped after as well.
    pub fn drops(&self, name: &str) -> bool {
        self.find(name).is_none_or(|tier| !tier.passes)
    }

    fn rank(&self, name: &str) -> usize {
        self.0.iter().position(|tier| *tier.name == *name).unwrap_or(self.0.len())
    }

    /// By tier, order and name.
    pub fn compare(&self, a: &Parts, b: &Parts) -> Ordering {
        let tiers = match a.tier == b.tier {
            true => Ordering::Equal,
            false => self.rank(&a.tier).cmp(&self.rank(&b.tier)).then_with(|| a.tier.cmp(&b.tier)),
        };
        tiers.then_with(|| a.order.total_cmp(&b.order)).then_with(|| a.name.cmp(&b.name))
    }
}
