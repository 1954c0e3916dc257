//! A mapping under construction.

use std::{collections::BTreeMap, sync::Arc};

use crate::manifest::{Diagnostics, Key, Node, Source, Span, Value};

/// From this many keys on, a mapping's keys are indexed to find repeated ones.
const INDEXED_FROM: usize = 16;

/// Entries in the order written, each key once.
#[derive(Default)]
pub(super) struct Entries {
    pub list: Vec<(Key, Node)>,
    /// Where each key of a large mapping stands in the list.
    index: BTreeMap<Arc<str>, usize>,
}

impl Entries {
    /// Sets a key; the last value wins. Where the key stood before, if it was set already.
    pub fn insert(&mut self, key: Key, value: Node) -> Option<Span> {
        let found = if self.list.len() < INDEXED_FROM {
            self.list.iter().position(|(old, _)| old.name == key.name)
        } else {
            if self.index.is_empty() {
                self.index = self.list.iter().enumerate().map(|(at, (key, _))| (key.name.clone(), at)).collect();
            }
            self.index.get(&key.name).copied()
        };
        match found {
            Some(at) => Some(std::mem::replace(&mut self.list[at], (key, value)).0.span),
            None => {
                if !self.index.is_empty() {
                    self.index.insert(key.name.clone(), self.list.len());
                }
                self.list.push((key, value));
                None
            }
        }
    }

    pub fn finish(mut self) -> Value {
        self.list.shrink_to_fit();
        Value::Mapping(self.list)
    }
}

/// Warns of a key that is set twice.
pub(super) fn repeated(source: &Source, key: &Key, earlier: Span, diagnostics: &mut Diagnostics) {
    let (line, _) = source.position(earlier.start as usize);
    let message = format!("the key \"{}\" is already set on line {line}", super::excerpt(&key.name));
    diagnostics.warning("duplicate-key", key.span, message).hint("the last one wins; remove the other");
}
