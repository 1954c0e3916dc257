//! `apiVersion`, `kind` and `metadata`.

use std::{collections::BTreeMap, sync::Arc};

use super::reader;
use crate::manifest::{Diagnostics, Node, Span};

/// What sort of object it is.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeMeta {
    pub api_version: Arc<str>,
    pub kind: Arc<str>,
}

impl TypeMeta {
    /// `None` if either is missing or no string; `validate` says so.
    pub fn project(root: &Node) -> Option<TypeMeta> {
        let text = |name| root.get(name).and_then(Node::as_str).filter(|text| !text.is_empty());
        Some(TypeMeta { api_version: text("apiVersion")?.into(), kind: text("kind")?.into() })
    }

    /// `apps` of `apps/v1`; empty for the core group's `v1`.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// An object's `metadata`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectMeta {
    /// Empty if only `generateName` is given.
    pub name: Arc<str>,
    pub generate_name: Option<Arc<str>>,
    pub namespace: Option<Arc<str>>,
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    pub annotations: BTreeMap<Arc<str>, Arc<str>>,
    pub uid: Option<Arc<str>>,
    pub creation_timestamp: Option<Arc<str>>,
    pub deletion_timestamp: Option<Arc<str>>,
    pub owner_references: Vec<OwnerReference>,
    /// Where the name stands, or what stands nearest to where it should.
    pub span: Span,
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnerReference {
    pub api_version: Arc<str>,
    pub kind: Arc<str>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    /// Whether the owner is the controller that manages the object.
    pub controller: bool,
}

impl ObjectMeta {
    /// The `metadata` of `root`; all of it empty if there is none.
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> ObjectMeta {
        let Some(node) = reader::object(root, "metadata", diagnostics) else {
            return ObjectMeta { span: reader::span_of(root, "kind"), ..ObjectMeta::default() };
        };
        let d = diagnostics;
        ObjectMeta {
            name: reader::text(node, "name", d).unwrap_or_default(),
            generate_name: reader::text(node, "generateName", d).filter(|text| !text.is_empty()),
            namespace: reader::text(node, "namespace", d).filter(|text| !text.is_empty()),
            labels: reader::text_map(node, "labels", d),
            annotations: reader::text_map(node, "annotations", d),
            uid: reader::text(node, "uid", d),
            creation_timestamp: reader::text(node, "creationTimestamp", d),
            deletion_timestamp: reader::text(node, "deletionTimestamp", d),
            owner_references: owner_references(node, d),
            span: reader::span_of(node, "name"),
        }
    }

    /// The owner that manages the object, if one does.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

fn owner_references(node: &Node, d: &mut Diagnostics) -> Vec<OwnerReference> {
    let owners = reader::objects(node, "ownerReferences", d);
    let project = |owner: &Node| OwnerReference {
        api_version: reader::text(owner, "apiVersion", d).unwrap_or_default(),
        kind: reader::text(owner, "kind", d).unwrap_or_default(),
        name: reader::text(owner, "name", d).unwrap_or_default(),
        uid: reader::text(owner, "uid", d).unwrap_or_default(),
        controller: reader::boolean(owner, "controller", d).unwrap_or(false),
    };
    owners.into_iter().map(project).collect()
}
