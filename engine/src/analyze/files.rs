//! Files whose objects a command has deleted or changed since: what stands there does not hold.

use super::Findings;
use crate::cluster::Provenance;
use crate::manifest::Severity;

pub(super) fn check(findings: &mut Findings<'_>) {
    for file in findings.cluster.files().iter().filter(|file| file.live) {
        for key in file.keys() {
            let what = match findings.revision.objects.get(key).map(|object| &object.provenance) {
                None => "deleted it",
                Some(Provenance::Console { .. }) => "changed it",
                Some(_) => continue,
            };
            if findings.has_enough("not-in-force") {
                return;
            }
            let Some(span) = file.tree(key).map(|tree| tree.at("metadata.name").span) else { continue };
            let message = format!("{key} is not as it stands here: a command has {what} since");
            if let Some(problem) = findings.add(Severity::Info, "not-in-force", span, message) {
                problem.hint(format!("kubectl apply -f {} makes it so again", file.name));
            }
        }
    }
}
