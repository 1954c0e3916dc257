//! Rollouts that stand still: Pods of the new template do not become ready, so the old ones stay.

use super::{Findings, count};
use crate::cluster::{Object, api};
use std::sync::Arc;

pub(super) fn check(findings: &mut Findings<'_>) {
    let deployments: Vec<Arc<Object>> = findings.revision.list("Deployment", None).cloned().collect();
    for deployment in deployments {
        if let Some((message, why)) = stuck(findings, &deployment) {
            let span = findings.span(&deployment, "metadata.name");
            if let Some(problem) = findings.warn("rollout-stuck", span, message) {
                problem.hint = why;
            }
        }
    }
}

/// What is to be said of a Deployment whose old Pods cannot go, and what its new Pods complain of.
fn stuck(findings: &Findings<'_>, deployment: &Object) -> Option<(String, Option<String>)> {
    let revision = findings.revision;
    let wanted = deployment.workload().filter(|wanted| !wanted.paused)?;
    let children = revision.children.get(&deployment.uid)?;
    if children.len() < 2 {
        return None;
    }
    let sets = children.iter().filter_map(|key| revision.objects.get(key));
    let (mut new, mut old_count) = (None, 0);
    for set in sets {
        let made = set.workload()?;
        if made.template.fingerprint == wanted.template.fingerprint {
            new = Some(set);
        } else {
            old_count += made.replicas as usize;
        }
    }
    let new = new.filter(|_| old_count > 0)?;
    let ready = api::replica_counts(revision, new).ready;
    let pods = revision.children.get(&new.uid).into_iter().flatten();
    let mut records = pods.filter_map(|key| revision.pods.get(&key.as_pod()?));
    let why = records.find(|pod| !pod.reason.is_none()).map(|pod| format!("{}: {}", pod.key.name, pod.reason));
    let stay = if old_count == 1 { "stays" } else { "stay" };
    let message = format!(
        "the rollout stands still: {ready} of {} new Pods run, and {} {stay}",
        wanted.replicas,
        count(old_count, "old Pod")
    );
    Some((message, why))
}
