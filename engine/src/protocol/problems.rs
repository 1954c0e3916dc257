//! What is wrong, for a reader.

use super::origin::range;
use super::{DiagnosticView, Server, TextRange};
use crate::analyze;
use crate::cluster::Cluster;
use crate::manifest::{Diagnostic, Span};

impl Server {
    /// The problems of the cluster as it stands. A fix is offered only where the text is still the one it is meant for.
    pub(super) fn problems(&self) -> Vec<DiagnosticView> {
        let cluster = self.world.cluster();
        let mut problems = analyze::problems(cluster);
        for problem in &mut problems {
            let file = cluster.files().iter().find(|file| file.source == problem.span.source && !file.read_only);
            let source = cluster.sources().get(problem.span.source);
            if file.zip(source).is_none_or(|(file, source)| file.text != source.text) {
                problem.fix = None;
            }
        }
        problems.iter().map(|problem| diagnostic_view(cluster, problem)).collect()
    }
}

pub(super) fn diagnostic_view(cluster: &Cluster, diagnostic: &Diagnostic) -> DiagnosticView {
    let place =
        |span: Span| cluster.sources().get(span.source).map_or_else(TextRange::default, |source| range(source, span));
    DiagnosticView {
        severity: diagnostic.severity.as_str().to_owned(),
        code: diagnostic.code.to_owned(),
        about_cluster: analyze::is_about_cluster(diagnostic),
        at: place(diagnostic.span),
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
        fix: diagnostic.fix.as_ref().map(|fix| (place(fix.span), fix.replacement.clone())),
    }
}
