//! Files: applied once, they are live, and their edits take effect as typed.

use super::store::{Applied, Cluster, Progress};
use super::typed::same;
use super::{Draft, Kind, ObjectKey, Outcome, Provenance, Submission};
use crate::manifest::fields::{FieldTable, check};
use crate::manifest::typed::TypeMeta;
use crate::manifest::{Diagnostics, Documents, Node, Source, Span};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// A manifest in the editor, or the text of a console command.
#[derive(Clone, Debug)]
pub struct File {
    pub name: Arc<str>,
    pub text: Arc<str>,
    /// Applied: edits take effect as typed.
    pub live: bool,
    /// Made by the console.
    pub read_only: bool,
    /// The source that its objects' spans point into; of the last text without errors if it is live.
    pub source: u32,
    /// What its present text gave rise to.
    pub diagnostics: Diagnostics,
    /// The objects it brought, as last applied.
    applied: Vec<(ObjectKey, Arc<Node>)>,
}

impl File {
    /// An object's tree as it stands in the present text.
    pub fn tree(&self, key: &ObjectKey) -> Option<&Arc<Node>> {
        self.applied.iter().find(|(own, _)| own == key).map(|(_, tree)| tree)
    }

    /// The objects it holds, in the order in which they were applied.
    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.applied.iter().map(|(key, _)| key)
    }
}

/// A text that was read and is not applied yet: what was read is what will be applied.
#[derive(Debug)]
pub(super) struct Read {
    source: Arc<Source>,
    /// What is wrong with it before any of it is projected.
    diagnostics: Diagnostics,
    objects: Vec<Parsed>,
}

/// An object of a text, named.
#[derive(Debug)]
struct Parsed {
    key: ObjectKey,
    api_version: Arc<str>,
    tree: Arc<Node>,
}

/// Whose rules hold for a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// `kubectl apply`: objects in order, each accepted or refused by itself.
    Apply,
    /// A live file: all or nothing, in any order; what it no longer holds goes.
    Live,
}

impl Cluster {
    /// Gives the table of all known fields, and reads all files again by it.
    pub fn set_fields(&mut self, fields: Option<Arc<FieldTable>>, now_ns: u64) {
        self.fields = fields;
        let files: Vec<_> = self.files.iter().map(|file| (file.name.clone(), file.text.clone())).collect();
        for (name, text) in files {
            self.edit_text(&name, text, now_ns);
        }
    }

    pub fn files(&self) -> &[Arc<File>] {
        &self.files
    }

    pub fn file(&self, name: &str) -> Option<&Arc<File>> {
        self.files.iter().find(|file| &*file.name == name)
    }

    /// Adds a file, or replaces one of that name. A live one is applied at once.
    pub fn open_file(&mut self, name: &str, text: &str, live: bool, now_ns: u64) -> Applied {
        self.open_text(name, text.into(), live, now_ns)
    }

    /// [`Cluster::open_file`] with a text that may be large: it is not copied.
    pub fn open_text(&mut self, name: &str, text: Arc<str>, live: bool, now_ns: u64) -> Applied {
        if self.file(name).is_none() {
            self.files.push(Arc::new(File {
                name: name.into(),
                text: "".into(),
                live,
                read_only: false,
                source: u32::MAX,
                diagnostics: Diagnostics::default(),
                applied: Vec::new(),
            }));
        }
        if let Some(file) = self.file_mut(name) {
            file.live |= live;
        }
        self.edit_text(name, text, now_ns)
    }

    /// Takes over a file's text as it stands after a keystroke. A live file is applied if the text is free of errors;
    /// otherwise the last good cluster stays.
    pub fn edit_file(&mut self, name: &str, text: &str, now_ns: u64) -> Applied {
        self.edit_text(name, text.into(), now_ns)
    }

    /// [`Cluster::edit_file`] with a text that may be large: it is not copied.
    pub fn edit_text(&mut self, name: &str, text: Arc<str>, now_ns: u64) -> Applied {
        let Some(live) = self.file(name).map(|file| file.live) else { return Applied::default() };
        if let Some(file) = self.file_mut(name) {
            file.text = text;
        }
        if live { self.run(name, Mode::Live, now_ns) } else { self.check(name) }
    }

    /// `kubectl apply -f NAME`: the file is live from now on.
    pub fn apply_file(&mut self, name: &str, now_ns: u64) -> Applied {
        self.run(name, Mode::Apply, now_ns)
    }

    /// Applies what a console command made, as a read-only source of this name.
    pub fn apply_text(&mut self, name: &str, text: &str, now_ns: u64) -> Applied {
        let mut unique = name.to_owned();
        for n in 2.. {
            if self.file(&unique).is_none() {
                break;
            }
            unique = format!("{name} ({n})");
        }
        self.files.push(Arc::new(File {
            name: unique.as_str().into(),
            text: text.into(),
            live: false,
            read_only: true,
            source: u32::MAX,
            diagnostics: Diagnostics::default(),
            applied: Vec::new(),
        }));
        let applied = self.run(&unique, Mode::Apply, now_ns);
        if !applied.committed {
            self.files.pop();
        }
        // Only the newest tabs stay; the objects keep their texts.
        let read_only: Vec<usize> = (0..self.files.len()).filter(|&at| self.files[at].read_only).collect();
        if read_only.len() > CONSOLE_FILES_MAX {
            self.files.remove(read_only[0]);
        }
        applied
    }

    /// Gives a file another name; its objects stay as they are. Nothing happens if there is no such file, if the name is
    /// taken, or if the console has made it.
    pub fn rename_file(&mut self, name: &str, new_name: &str, now_ns: u64) -> Applied {
        if self.file(new_name).is_some() || self.file(name).is_none_or(|file| file.read_only) {
            return Applied::default();
        }
        let Some(file) = self.file_mut(name) else { return Applied::default() };
        file.name = new_name.into();
        let file = file.clone();
        // Its objects are told where they come from now, and then where they stand in a source of that name.
        let mut draft = self.draft(now_ns);
        for key in file.keys() {
            draft.rename_origin(key, name, &file.name);
        }
        self.finish(draft, Applied::default());
        self.seal();
        self.forget_read(name);
        self.edit_text(new_name, file.text.clone(), now_ns)
    }

    /// Forgets a file; a live one's objects are deleted.
    pub fn close_file(&mut self, name: &str, now_ns: u64) -> Applied {
        let Some(at) = self.files.iter().position(|file| &*file.name == name) else { return Applied::default() };
        let file = self.files.remove(at);
        self.forget_read(name);
        let mut draft = self.draft(now_ns);
        let mut applied = Applied::default();
        if file.live {
            delete_missing(&mut draft, &file, &BTreeMap::new(), &mut applied);
        }
        let applied = self.finish(draft, applied);
        self.seal();
        applied
    }

    fn file_mut(&mut self, name: &str) -> Option<&mut File> {
        self.files.iter_mut().find(|file| &*file.name == name).map(Arc::make_mut)
    }

    /// Reads a text that is not applied, for its diagnostics.
    fn check(&mut self, name: &str) -> Applied {
        let mut applied = Applied::default();
        let Some(file) = self.file(name).cloned() else { return applied };
        self.forget_read(name);
        let read = self.read(&file);
        applied.diagnostics = read.diagnostics.clone();
        for parsed in &read.objects {
            super::typed::project(&parsed.key, &parsed.tree, &mut applied.diagnostics);
        }
        if let Some(file) = self.file_mut(name) {
            (file.source, file.diagnostics) = (read.source.id, applied.diagnostics.clone());
        }
        self.unapplied.insert(file.name.clone(), read);
        applied
    }

    fn read(&mut self, file: &File) -> Read {
        let source = self.sources.add(file.name.clone(), file.text.clone());
        let mut diagnostics = Diagnostics::default();
        let objects = parse(&source, self.fields.as_deref(), self.watch, &mut diagnostics);
        Read { source, diagnostics, objects }
    }

    /// What was read of a file and not applied is of no use any more.
    pub(super) fn forget_read(&mut self, name: &str) {
        if let Some(read) = self.unapplied.remove(name) {
            self.sources.remove(read.source.id);
        }
    }

    fn run(&mut self, name: &str, mode: Mode, now_ns: u64) -> Applied {
        let mut applied = Applied::default();
        let Some(file) = self.file(name).cloned() else { return applied };
        let is_known = |read: &Read| Arc::ptr_eq(&read.source.text, &file.text);
        let known = self.unapplied.get(name).is_some_and(is_known).then(|| self.unapplied.remove(name)).flatten();
        self.forget_read(name);
        let Read { source, diagnostics, objects: parsed } = known.unwrap_or_else(|| self.read(&file));
        applied.diagnostics = diagnostics;
        self.new_text_bytes += source.text.len();
        let mut draft = self.draft(now_ns);
        draft.diagnostics = std::mem::take(&mut applied.diagnostics);
        draft.revision.sources.insert(source.id, source.clone());
        let mut brought = Vec::new();
        if draft.diagnostics.errors() == 0 {
            brought = submit(&mut draft, &file, parsed, (mode, self.watch), &mut applied);
        }
        let mut applied = self.finish(draft, applied);
        let committed = applied.committed;
        if !committed {
            applied.objects.clear();
        }
        if let Some(file) = self.file_mut(name) {
            file.diagnostics = applied.diagnostics.clone();
            if committed {
                file.live |= !file.read_only;
                (file.source, file.applied) = (source.id, brought);
            }
        }
        if committed {
            self.seal();
        }
        applied
    }
}

/// How many objects are applied between two words about it.
const WATCHED_EVERY: u32 = 5_000;
/// How many texts of console commands are listed.
const CONSOLE_FILES_MAX: usize = 32;

/// Names the objects of a text. What has no kind or name, or comes twice, is an error.
fn parse(
    source: &Source,
    fields: Option<&FieldTable>,
    watch: Option<fn(Progress)>,
    diagnostics: &mut Diagnostics,
) -> Vec<Parsed> {
    let mut found: Vec<Parsed> = Vec::new();
    let mut seen: BTreeMap<ObjectKey, Span> = BTreeMap::new();
    let mut documents = Documents::new(source);
    if let Some(watch) = watch {
        let bytes_all = source.text.len() as u64;
        documents = documents.watched(Rc::new(move |objects_count, end| {
            watch(Progress::Reading { objects_count, bytes: end as u64, bytes_all });
        }));
    }
    while let Some(document) = documents.next(diagnostics) {
        if let Some(fields) = fields {
            check(&document.root, fields, diagnostics);
        }
        let Some(parsed) = identify(document.root, diagnostics) else { continue };
        let span = parsed.tree.at("metadata.name").span;
        if let Some(first) = seen.get(&parsed.key) {
            let (line, _) = source.position(first.start as usize);
            diagnostics
                .error("duplicate", span, format!("{} is here twice: the first is in line {line}", parsed.key))
                .hint("give one of them another name, or remove it");
            continue;
        }
        seen.insert(parsed.key.clone(), span);
        found.push(parsed);
    }
    found
}

fn identify(root: Node, diagnostics: &mut Diagnostics) -> Option<Parsed> {
    let errors = diagnostics.errors();
    crate::manifest::validate(&root, diagnostics);
    let types = TypeMeta::project(&root).filter(|_| diagnostics.errors() == errors)?;
    let kind = Kind::guess(&types.kind, types.group());
    let metadata = root.get("metadata");
    let text = |name: &str| metadata.and_then(|metadata| metadata.get(name)).and_then(Node::as_str).unwrap_or("");
    let name: Arc<str> = text("name").into();
    if name.is_empty() && kind.served {
        let span = metadata.map_or(root.span, |metadata| metadata.span);
        let hint = "give the object a name; only kubectl create can make one up";
        diagnostics.error("generate-name", span, "cannot use generate name with apply").hint(hint);
        return None;
    }
    let namespace: Arc<str> = match text("namespace") {
        _ if !kind.namespaced => "".into(),
        "" => "default".into(),
        given => given.into(),
    };
    if !kind.simulated {
        let span = root.get("kind").map_or(root.span, |kind| kind.span);
        let message =
            format!("{} is stored and listed, but has no effect here: podhop does not simulate it", types.kind);
        diagnostics.info("not-simulated", span, message);
    }
    // Files such as kind's Cluster describe the one cluster there is, whatever they call it.
    let name = if kind.served { name } else { "".into() };
    let key = ObjectKey { kind: kind.kind, group: kind.group, namespace, name };
    Some(Parsed { key, api_version: types.api_version, tree: Arc::new(root) })
}

/// Puts a text's objects into the draft. Returns those that the file holds from now on.
fn submit(
    draft: &mut Draft,
    file: &File,
    parsed: Vec<Parsed>,
    (mode, watch): (Mode, Option<fn(Progress)>),
    applied: &mut Applied,
) -> Vec<(ObjectKey, Arc<Node>)> {
    let before: BTreeMap<&ObjectKey, &Arc<Node>> = file.applied.iter().map(|(key, tree)| (key, tree)).collect();
    let now: BTreeMap<ObjectKey, ()> = parsed.iter().map(|parsed| (parsed.key.clone(), ())).collect();
    if mode == Mode::Live {
        delete_missing(draft, file, &now, applied);
    }
    let mut brought = Vec::new();
    let objects_all = parsed.len() as u32;
    for (at, Parsed { key, api_version, tree }) in (1..).zip(parsed) {
        if let Some(watch) = watch.filter(|_| u32::is_multiple_of(at, WATCHED_EVERY)) {
            watch(Progress::Applying { objects_count: at, objects_all });
        }
        let provenance = if file.read_only {
            Provenance::Console { file: file.name.clone() }
        } else {
            Provenance::File { file: file.name.clone() }
        };
        let unchanged = mode == Mode::Live && before.get(&key).is_some_and(|old| same(old, &tree));
        if unchanged && !draft.holds(&key, &provenance, before.get(&key)) {
            // The console has changed or deleted it since; what the file says of it has not changed.
            brought.push((key, tree));
            continue;
        }
        if let Some(refusal) = draft.namespace_refusal(&key, mode == Mode::Live, &now, &tree) {
            applied.objects.push((key, refusal));
            continue;
        }
        let replace = mode == Mode::Live;
        let submission = Submission { key: key.clone(), api_version, tree: tree.clone(), provenance, replace };
        let outcome = draft.put(submission);
        if !matches!(outcome, Outcome::Refused(..)) {
            brought.push((key.clone(), tree));
        }
        if mode == Mode::Apply || outcome != Outcome::Unchanged {
            applied.objects.push((key, outcome));
        }
    }
    brought
}

/// Deletes what a live file held and holds no more, last applied first.
fn delete_missing(draft: &mut Draft, file: &File, now: &BTreeMap<ObjectKey, ()>, applied: &mut Applied) {
    for (key, _) in file.applied.iter().rev().filter(|(key, _)| !now.contains_key(key)) {
        if draft.delete(key) {
            applied.objects.push((key.clone(), Outcome::Deleted));
        }
    }
}

impl Draft {
    /// What one file has brought comes from another name now.
    fn rename_origin(&mut self, key: &ObjectKey, old_name: &str, new_name: &Arc<str>) {
        let Some(object) = self.revision.objects.get(key) else { return };
        if matches!(&object.provenance, Provenance::File { file } if **file == *old_name) {
            let mut object = super::Object::clone(object);
            object.provenance = Provenance::File { file: new_name.clone() };
            self.revision.objects.insert(key.clone(), Arc::new(object));
        }
    }

    /// True if the store still has the object as this file last applied it.
    fn holds(&self, key: &ObjectKey, provenance: &Provenance, tree: Option<&&Arc<Node>>) -> bool {
        let object = self.revision.objects.get(key);
        object.is_some_and(|object| object.provenance == *provenance && tree.is_some_and(|t| same(object.written(), t)))
    }

    /// The API server's answer if the object's namespace does not exist. In a live file the order does not count, and
    /// a missing namespace is an error in the text.
    fn namespace_refusal(
        &mut self,
        key: &ObjectKey,
        live: bool,
        coming: &BTreeMap<ObjectKey, ()>,
        tree: &Node,
    ) -> Option<Outcome> {
        if key.namespace.is_empty() {
            return None;
        }
        let namespace = ObjectKey::new("Namespace", "", &key.namespace);
        if self.revision.objects.contains_key(&namespace) || (live && coming.contains_key(&namespace)) {
            return None;
        }
        let message = format!("namespaces {:?} not found", &*key.namespace);
        if live {
            let span = tree.at("metadata.namespace").span;
            let hint = format!("add a Namespace {:?}, or use one that exists", &*key.namespace);
            self.diagnostics.error("namespace", span, message.clone()).hint(hint);
        }
        Some(Outcome::Refused("NotFound", message))
    }
}
