//! ConfigMaps.

use std::{collections::BTreeMap, sync::Arc};

use super::{ObjectMeta, reader};
use crate::manifest::{Diagnostics, Node, Span};

#[derive(Clone, Debug, PartialEq)]
pub struct ConfigMap {
    pub meta: ObjectMeta,
    /// Each key's text and where the text stands.
    pub data: BTreeMap<Arc<str>, (Arc<str>, Span)>,
}

impl ConfigMap {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<ConfigMap> {
        if !reader::is_object(root, diagnostics) {
            return None;
        }
        let mut data = BTreeMap::new();
        if let Some(node) = reader::object(root, "data", diagnostics) {
            for (key, value) in node.entries() {
                if let Some(text) = reader::string(value, diagnostics) {
                    data.insert(key.name.clone(), (text, value.span));
                }
            }
        }
        Some(ConfigMap { meta: ObjectMeta::project(root, diagnostics), data })
    }
}
