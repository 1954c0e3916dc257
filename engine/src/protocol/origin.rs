//! From a row's origin to words and a place in the YAML as it stands now.

use super::{OriginView, TextRange};
use crate::cluster::{Cluster, Object, Provenance, Revision};
use crate::manifest::{Node, Source, Span};
use crate::tables::{Origin, Uid};

/// Lines and columns of a stretch of text.
pub(super) fn range(source: &Source, span: Span) -> TextRange {
    let (line, column) = source.position(span.start as usize);
    let (end_line, end_column) = source.position(span.end as usize);
    TextRange {
        file: source.name.to_string(),
        line: line as u32,
        column: column as u32,
        end_line: end_line as u32,
        end_column: end_column as u32,
    }
}

/// The origin in words, and where it was written. If that text has changed since, the old one is meant.
pub fn origin_view(cluster: &Cluster, origin: &Origin) -> OriginView {
    let plain = |label: String| OriginView { label, at: None, as_of_revision: None };
    match origin {
        Origin::Object { uid, path } => match object(cluster, *uid) {
            Some((revision, found)) => written(cluster, revision, found, path),
            None => plain("an object that is gone".to_owned()),
        },
        Origin::Default { component, reason } => plain(format!("{component} · {reason}")),
        Origin::Kernel => plain("kernel".to_owned()),
        Origin::Learned => plain("learned from a packet".to_owned()),
    }
}

/// The object with this identity, in the revision in force or the newest that still has it.
fn object(cluster: &Cluster, uid: Uid) -> Option<(&Revision, &Object)> {
    let present = cluster.revision();
    if let Some(object) = present.object_by_uid(uid) {
        return Some((present, object));
    }
    cluster
        .history()
        .rev()
        .filter_map(|number| cluster.revision_at(number))
        .find_map(|revision| Some((revision, &**revision.object_by_uid(uid)?)))
}

fn written(cluster: &Cluster, revision: &Revision, object: &Object, path: &str) -> OriginView {
    let label = format!("{} {} · {path}", object.key.kind, object.key.name);
    // Made by a controller: what was written is the template of the topmost owner.
    let mut top = object;
    let mut path = path.to_owned();
    while let Some(owner) = top.owner.as_ref().and_then(|owner| revision.object_by_uid(owner.uid)) {
        if top.key.is("Pod") {
            path = format!("spec.template.{path}");
        }
        top = owner;
    }
    let Provenance::File { file } = &top.provenance else {
        return OriginView { label, at: place_in(revision, top.written(), &path), as_of_revision: None };
    };
    let now = cluster.file(file).and_then(|file| Some((cluster.sources().get(file.source)?, file.tree(&top.key)?)));
    let same_object = revision.number == cluster.revision().number;
    match now.filter(|_| same_object) {
        Some((source, tree)) => {
            OriginView { label, at: Some(range(source, tree.at(&path).span)), as_of_revision: None }
        }
        None => {
            let at = place_in(revision, top.written(), &path);
            OriginView { label, at, as_of_revision: Some(top.changed_revision) }
        }
    }
}

fn place_in(revision: &Revision, tree: &Node, path: &str) -> Option<TextRange> {
    let span = tree.at(path).span;
    Some(range(revision.sources.get(&span.source)?, span))
}
