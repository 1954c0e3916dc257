//! `kubectl apply -n`: objects that name no namespace go into the one that was given.

use super::apply::Manifest;
use super::flags::Parsed;
use super::{Command, Failure, printers};
use crate::cluster::{Applied, Kind};
use crate::manifest::{Diagnostics, Documents, Sources};

/// What a text says about namespaces.
#[derive(Default)]
struct Places {
    /// Namespaces that objects name.
    named: Vec<String>,
    /// Where the metadata of objects begins that name none, in bytes; None: it has no place in the text.
    open: Vec<Option<usize>>,
}

/// None: the text has errors, which applying it will tell.
fn places(name: &str, text: &str) -> Option<Places> {
    let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
    let source = sources.add(name, text.to_owned());
    let mut documents = Documents::new(&source);
    let mut places = Places::default();
    while let Some(document) = documents.next(&mut diagnostics) {
        let field = |path: &str| printers::field(&document.root, path);
        let version = field("apiVersion");
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if !Kind::guess(&field("kind"), group).namespaced {
            continue;
        }
        match field("metadata.namespace") {
            given if !given.is_empty() => places.named.push(given),
            _ => places.open.push(document.root.get("metadata").map(|metadata| metadata.span.start as usize)),
        }
    }
    (diagnostics.errors() == 0).then_some(places)
}

/// The text with `namespace` in the metadata that begins at these places.
fn with_namespace(text: &str, open: &[Option<usize>], namespace: &str) -> Option<String> {
    let mut open = open.iter().copied().collect::<Option<Vec<usize>>>()?;
    open.sort_unstable();
    open.dedup();
    let mut out = text.to_owned();
    for at in open.into_iter().rev() {
        let before = text.get(..at)?;
        if text[at..].starts_with('{') {
            out.insert_str(at + 1, &format!("\"namespace\": {namespace:?}, "));
        } else {
            let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
            out.insert_str(at, &format!("namespace: {namespace:?}\n{}", " ".repeat(column)));
        }
    }
    Some(out)
}

impl Command<'_, '_> {
    /// The text to apply instead of a manifest's own because of `-n`. A file of the editor is live: the cluster follows
    /// its text, so that nothing but the text can say where its objects go.
    pub(super) fn moved(&mut self, manifest: &Manifest, parsed: &Parsed) -> Result<Option<String>, Failure> {
        let Some(namespace) = parsed.value("namespace").filter(|name| !name.is_empty()) else { return Ok(None) };
        let name = &manifest.name;
        let text = match &manifest.text {
            Some(text) => text.clone(),
            None => self.machine.world.cluster().file(name).map_or(String::new(), |file| file.text.to_string()),
        };
        let Some(places) = places(name, &text) else { return Ok(None) };
        if let Some(given) = places.named.iter().find(|given| *given != namespace) {
            return Err(Failure::error(&format!(
                "the namespace from the provided object \"{given}\" does not match the namespace \"{namespace}\". You must pass '--namespace={given}' to perform this operation."
            )));
        }
        if places.open.is_empty() || namespace == "default" {
            return Ok(None);
        }
        if manifest.text.is_none() {
            return Err(Failure::error(&format!(
                "-n {namespace} has no effect on {name}, which stays live in podhop's editor: write namespace: {namespace} into its metadata, or apply a copy with kubectl apply -n {namespace} -f - < {name}"
            )));
        }
        let moved = with_namespace(&text, &places.open, namespace)
            .filter(|moved| self::places(name, moved).is_some_and(|places| places.open.is_empty()));
        let failed =
            || Failure::error(&format!("podhop cannot put {name} into {namespace}: write it into the metadata"));
        moved.map(Some).ok_or_else(failed)
    }

    /// Applies a text that is no file's.
    pub(super) fn apply_text(&mut self, name: &str, text: &str) -> Applied {
        self.machine.effects.changed = true;
        let name = if name == "STDIN" { "-" } else { name };
        self.machine.world.apply_text(&format!("kubectl apply -f {name}"), text)
    }
}
