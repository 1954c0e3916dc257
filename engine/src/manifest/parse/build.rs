//! Parser events → [`Node`]s, within the limits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use saphyr_parser::{Event, Marker, ScalarStyle, ScanError, Tag};

use super::{
    ALIAS_VALUES_MAX, DEPTH_MAX,
    entries::{Entries, repeated},
    resolve_plain, syntax,
    tree::{Offsets, Refused, State},
};
use crate::manifest::{Diagnostics, Key, Node, Source, Span, Value};

/// A collection that is not closed yet.
struct Frame {
    span: Span,
    anchor: usize,
    children: Children,
}

enum Children {
    Items(Vec<Node>),
    Entries {
        entries: Entries,
        /// The key that waits for its value.
        key: Option<Pending>,
        /// Keys that came from a merge, and may be set again.
        merged: BTreeSet<Arc<str>>,
    },
}

impl Children {
    fn entries() -> Children {
        Children::Entries { entries: Entries::default(), key: None, merged: BTreeSet::new() }
    }
}

enum Pending {
    Key(Key),
    /// `<<`
    Merge(Span),
}

/// A finished node that aliases may refer to.
struct Anchored {
    node: Node,
    /// How many values an alias adds.
    values: usize,
    /// How deep they nest.
    depth: usize,
}

/// Builds one document's tree.
pub(super) struct Builder<'a> {
    source: &'a Source,
    /// Where the document starts, in bytes.
    base: usize,
    offsets: Offsets<'a>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    state: &'a mut State,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Builder<'a> {
    pub fn new(
        source: &'a Source,
        base: usize,
        text: &'a str,
        state: &'a mut State,
        diagnostics: &'a mut Diagnostics,
    ) -> Builder<'a> {
        let offsets = Offsets::new(text);
        Builder { source, base, offsets, stack: Vec::new(), anchors: BTreeMap::new(), state, diagnostics }
    }

    pub fn span(&mut self, start: Marker, end: Marker) -> Span {
        let start = self.base + self.offsets.byte(start.index());
        let end = self.base + self.offsets.byte(end.index());
        Span { source: self.source.id, start: start as u32, end: end.max(start) as u32 }
    }

    /// Turns a syntax error into a diagnostic.
    pub fn explain(&mut self, error: &ScanError) -> Refused {
        let at = self.span(*error.marker(), *error.marker()).start as usize;
        let open = self.stack.iter().rev().map(|frame| frame.span).find(|span| self.is_flow(*span));
        syntax::explain(self.source, self.base, at, open, error.info(), self.diagnostics);
        Refused
    }

    /// Takes in one event; gives the root once it is complete.
    pub fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, Refused> {
        let span = self.without_properties(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), span)?;
                let plain_merge = &*text == "<<" && style == ScalarStyle::Plain;
                self.scalar_done(Node { value, span }, &text, anchor, plain_merge)
            }
            Event::Alias(id) => self.alias(id, span),
            Event::SequenceStart(anchor, _) => self.open(Children::Items(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => self.open(Children::entries(), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => Ok(None),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Value, Refused> {
        let suffix = tag.map(|tag| match tag.handle.as_str() {
            "tag:yaml.org,2002:" | "!!" => tag.suffix.as_str(),
            // `!` alone, and tags of an application, leave the text as it is.
            _ => "str",
        });
        let value = match suffix {
            None if style == ScalarStyle::Plain => resolve_plain(text),
            None | Some("str" | "timestamp") => None,
            Some("binary") => {
                let hint = "leave the tag out: `data` of a Secret and `binaryData` of a ConfigMap are base64 strings";
                return Err(self.refuse("tag", span, "!!binary cannot be part of a Kubernetes object", hint));
            }
            Some(suffix @ ("int" | "float" | "bool" | "null")) => {
                let value = resolve_plain(text);
                let fits = match &value {
                    Some(Value::Int(_)) => matches!(suffix, "int" | "float"),
                    Some(Value::Float(_)) => suffix == "float",
                    Some(Value::Bool(_)) => suffix == "bool",
                    Some(Value::Null) => suffix == "null",
                    _ => false,
                };
                if !fits {
                    let message = format!("`{}` is not what its tag !!{suffix} says", excerpt(text));
                    return Err(self.refuse("tag", span, &message, "leave the tag out, or use !!str"));
                }
                value
            }
            Some(_) => None,
        };
        match value {
            Some(Value::Float(number)) if !number.is_finite() => {
                let message = format!("`{text}` cannot be part of a Kubernetes object");
                Err(self.refuse("number", span, &message, "write a finite number, or put it in quotes for a string"))
            }
            Some(value) => Ok(value),
            None => Ok(Value::String(self.state.share(text))),
        }
    }

    /// A scalar is a key if a mapping is open and waits for one, else a value.
    fn scalar_done(&mut self, node: Node, text: &str, anchor: usize, is_merge: bool) -> Result<Option<Node>, Refused> {
        if !self.wants_key() {
            return self.value(node, anchor);
        }
        let pending = if is_merge {
            Pending::Merge(node.span)
        } else {
            Pending::Key(Key { name: self.key_name(&node, text)?, span: node.span })
        };
        self.remember(&node, anchor)?;
        if let Some(Frame { children: Children::Entries { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some(pending);
        }
        Ok(None)
    }

    /// Keys are strings in JSON; others become one, as sigs.k8s.io/yaml does it.
    fn key_name(&mut self, node: &Node, text: &str) -> Result<Arc<str>, Refused> {
        let name = match &node.value {
            Value::String(name) => return Ok(name.clone()),
            Value::Bool(value) => self.state.share(if *value { "true" } else { "false" }),
            Value::Int(value) => self.state.share(&value.to_string()),
            Value::Float(_) => self.state.share(text),
            _ => {
                let hint = "write a name before the colon, or \"null\" in quotes";
                return Err(self.refuse("key", node.span, "a key is missing or null", hint));
            }
        };
        if &*name != text {
            let message = format!("the key `{}` is read as `{name}`", excerpt(text));
            let quoted = format!("\"{text}\"");
            let hint = format!("put it in quotes: {quoted}");
            self.diagnostics.warning("key", node.span, message).hint(hint).fix(node.span, quoted);
        }
        Ok(name)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Option<Node>, Refused> {
        let Some(anchored) = self.anchors.get(&id) else {
            let hint = "an alias may only refer to a value that is complete";
            return Err(self.refuse("alias", span, "the alias refers to the value it is part of", hint));
        };
        let (values, depth) = (anchored.values, anchored.depth);
        self.spend(values, span)?;
        if self.stack.len() + depth > DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        let Some(anchored) = self.anchors.get(&id) else { return Ok(None) };
        let node = Node { value: anchored.node.value.clone(), span };
        if matches!(node.value, Value::Sequence(_) | Value::Mapping(_)) {
            return self.key_must_be_scalar(span).and_then(|()| self.value(node, 0));
        }
        let text = node.as_str().unwrap_or("").to_owned();
        self.scalar_done(node, &text, 0, false)
    }

    fn open(&mut self, children: Children, anchor: usize, span: Span) -> Result<Option<Node>, Refused> {
        self.key_must_be_scalar(span)?;
        if self.stack.len() >= DEPTH_MAX {
            return Err(self.too_deep(span));
        }
        self.stack.push(Frame { span, anchor, children });
        Ok(None)
    }

    /// Whether a mapping is open that waits for a key.
    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { children: Children::Entries { key: None, .. }, .. }))
    }

    fn key_must_be_scalar(&mut self, span: Span) -> Result<(), Refused> {
        if !self.wants_key() {
            return Ok(());
        }
        let template = self.source.text[..span.start as usize].ends_with('{');
        let (message, hint) = if template {
            ("`{{` starts a template, not a value", "render templates first: helm template, envsubst …")
        } else {
            ("a key cannot be a list or a mapping", "put a text before the colon")
        };
        Err(self.refuse("key", span, message, hint))
    }

    fn close(&mut self, end: Span) -> Result<Option<Node>, Refused> {
        let Some(Frame { mut span, anchor, children }) = self.stack.pop() else { return Ok(None) };
        let value = match children {
            Children::Items(mut items) => {
                items.shrink_to_fit();
                Value::Sequence(items)
            }
            Children::Entries { entries, .. } => entries.finish(),
        };
        span.end = if self.is_flow(span) {
            end.end
        } else {
            let last = match &value {
                Value::Sequence(items) => items.iter().map(|item| item.span.end).max(),
                Value::Mapping(entries) => entries.iter().map(|(key, value)| key.span.end.max(value.span.end)).max(),
                _ => None,
            };
            last.map_or(span.end, |last| last.max(span.start))
        };
        self.value(Node { value, span }, anchor)
    }

    /// A value is complete: it goes where it belongs.
    fn value(&mut self, node: Node, anchor: usize) -> Result<Option<Node>, Refused> {
        self.remember(&node, anchor)?;
        let depth = self.stack.len();
        let Some(frame) = self.stack.last_mut() else { return Ok(Some(node)) };
        match &mut frame.children {
            Children::Items(items) => {
                // A list's items are two levels deep: they are objects, as far as can be told before the end.
                if depth == 2 {
                    self.state.count(node.span.end as usize);
                }
                items.push(node);
            }
            Children::Entries { entries, key: waiting, merged } => match waiting.take() {
                Some(Pending::Key(key)) => {
                    if let Some(earlier) = entries.insert(key.clone(), node)
                        && !merged.remove(&key.name)
                    {
                        repeated(self.source, &key, earlier, self.diagnostics);
                    }
                }
                Some(Pending::Merge(span)) => self.merge(node, span)?,
                // `open` and `scalar_done` see to it that a key always waits.
                None => {}
            },
        }
        Ok(None)
    }

    /// `<<: *base`. As in go-yaml v2, what is merged overrides what stands before it, and is overridden by what follows;
    /// in a list of mappings the first wins.
    fn merge(&mut self, node: Node, span: Span) -> Result<(), Refused> {
        let bases = match node.value {
            Value::Mapping(_) => vec![node],
            Value::Sequence(items) if items.iter().all(is_mapping) => items,
            _ => {
                let hint = "write `<<: *anchor`, with the anchor on a mapping";
                return Err(self.refuse("merge", span, "only a mapping, or a list of mappings, can be merged", hint));
            }
        };
        let Some(Frame { children: Children::Entries { entries: target, merged, .. }, .. }) = self.stack.last_mut()
        else {
            return Ok(());
        };
        for base in bases.into_iter().rev() {
            let Value::Mapping(entries) = base.value else { continue };
            for (key, value) in entries {
                merged.insert(key.name.clone());
                target.insert(key, value);
            }
        }
        Ok(())
    }

    fn remember(&mut self, node: &Node, anchor: usize) -> Result<(), Refused> {
        if anchor != 0 {
            let (values, depth) = measure(node);
            self.spend(values, node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), values, depth });
        }
        Ok(())
    }

    /// Counts values that are copied, and stops an alias bomb before it goes off.
    fn spend(&mut self, values: usize, span: Span) -> Result<(), Refused> {
        self.state.alias_values = self.state.alias_values.saturating_add(values);
        if self.state.alias_values <= ALIAS_VALUES_MAX {
            return Ok(());
        }
        let message = format!("anchors and aliases expand to more than {ALIAS_VALUES_MAX} values");
        Err(self.refuse("alias-bomb", span, &message, "write the values out, or refer to fewer of them"))
    }

    fn too_deep(&mut self, span: Span) -> Refused {
        let message = format!("lists and mappings are nested more than {DEPTH_MAX} deep");
        self.refuse("too-deep", span, &message, "no Kubernetes object needs that; is a bracket left open?")
    }

    fn refuse(&mut self, code: &'static str, span: Span, message: &str, hint: &str) -> Refused {
        self.diagnostics.error(code, span, message).hint(hint);
        Refused
    }

    /// The span without the anchor and tag before the value itself.
    fn without_properties(&self, span: Span) -> Span {
        let text = self.source.slice(span);
        let mut rest = text;
        while rest.starts_with(['&', '!']) {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest = rest[end..].trim_start();
            while rest.starts_with('#') {
                rest = rest[rest.find('\n').unwrap_or(rest.len())..].trim_start();
            }
        }
        Span { start: span.end - rest.len() as u32, ..span }
    }

    /// Whether the collection that starts there is written with brackets.
    fn is_flow(&self, span: Span) -> bool {
        matches!(self.source.text.as_bytes().get(span.start as usize), Some(b'[' | b'{'))
    }
}

fn is_mapping(node: &Node) -> bool {
    matches!(node.value, Value::Mapping(_))
}

/// (number of values, depth of nesting). The depth is bounded, so the recursion is.
fn measure(node: &Node) -> (usize, usize) {
    let children = node.items().iter().chain(node.entries().iter().map(|(_, value)| value));
    let collection = matches!(node.value, Value::Sequence(_) | Value::Mapping(_));
    children.map(measure).fold((1, usize::from(collection)), |(values, depth), (child_values, child_depth)| {
        (values + child_values, depth.max(child_depth + 1))
    })
}

/// The start of a text, for a message.
pub(crate) fn excerpt(text: &str) -> &str {
    let line = text.lines().next().unwrap_or("");
    line.char_indices().nth(40).map_or(line, |(at, _)| &line[..at])
}
