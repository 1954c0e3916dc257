//! `kubectl apply -f`, `create -f` and `delete`. Models k8s.io/kubectl pkg/cmd/apply, delete.

use super::flags::{Flag, Parsed, Takes, flag};
use super::resource::{self, Selection};
use super::{Command, Failure, get};
use crate::cluster::api::{LAST_APPLIED, was_applied};
use crate::cluster::{Applied, Kind, ObjectKey, Outcome, Provenance};
use crate::console::shell::{FileKind, Host};
use crate::manifest::{Diagnostics, Documents, Severity, Sources};
use std::collections::BTreeSet;

pub const APPLY_FLAGS: &[Flag] = &[
    flag("filename", 'f', Takes::Value),
    flag("recursive", 'R', Takes::Bool),
    flag("output", 'o', Takes::Value),
    flag("validate", ' ', Takes::Optional("strict")),
    flag("server-side", ' ', Takes::Bool),
    flag("force-conflicts", ' ', Takes::Bool),
    flag("force", ' ', Takes::Bool),
    flag("wait", ' ', Takes::Bool),
    flag("dry-run", ' ', Takes::Optional("unchanged")),
    flag("kustomize", 'k', Takes::Value),
];

pub const DELETE_FLAGS: &[Flag] = &[
    flag("filename", 'f', Takes::Value),
    flag("recursive", 'R', Takes::Bool),
    flag("selector", 'l', Takes::Value),
    flag("field-selector", ' ', Takes::Value),
    flag("all", ' ', Takes::Bool),
    flag("all-namespaces", 'A', Takes::Bool),
    flag("ignore-not-found", ' ', Takes::Bool),
    flag("output", 'o', Takes::Value),
    flag("grace-period", ' ', Takes::Value),
    flag("force", ' ', Takes::Bool),
    flag("now", ' ', Takes::Bool),
    flag("wait", ' ', Takes::Bool),
    flag("cascade", ' ', Takes::Optional("background")),
    flag("timeout", ' ', Takes::Value),
];

/// Files that one `-f` may expand to.
const FILES_MAX: usize = 1000;

/// A manifest that a command was given.
pub(super) struct Manifest {
    /// As messages name it.
    pub name: String,
    /// None: it is one of the store's files.
    pub text: Option<String>,
}

/// Runs `kubectl apply`.
pub fn apply(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    if parsed.has("kustomize") {
        return Err(Failure::error("podhop's kubectl has no kustomize: apply the manifests with -f"));
    }
    if parsed.value("dry-run").is_some_and(|value| value != "none") {
        return Err(Failure::error("podhop's apply has no --dry-run: the editor shows what is wrong as you type"));
    }
    if !parsed.has("filename") {
        return Err(Failure::error("must specify one of -f and -k"));
    }
    let mut failed = false;
    let mut count = 0;
    for manifest in command.manifests(parsed)? {
        let created = command.created();
        let applied = match command.moved(&manifest, parsed)? {
            Some(text) => command.apply_text(&manifest.name, &text),
            None => command.apply(&manifest),
        };
        count += applied.objects.len();
        failed |= command.report(&manifest.name, &applied, &created, parsed.value("output") == Some("name"));
    }
    if count == 0 && !failed {
        return Err(Failure::error("no objects passed to apply"));
    }
    Ok(i32::from(failed))
}

/// Runs `kubectl delete`.
pub fn delete(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let selection = match command.named_in_files(parsed)? {
        Some(selection) => selection,
        None if parsed.arguments.is_empty() => {
            return Err(Failure::error(
                "You must provide one or more resources by argument or filename.\nExample resource specifications \
                 include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'",
            ));
        }
        None => resource::select(&parsed.arguments, command.revision())?,
    };
    let by_selector = parsed.has("selector") || parsed.has("field-selector");
    if selection.names.is_empty() && !parsed.is("all") && !by_selector {
        return Err(Failure::error("resource(s) were provided, but no name was specified"));
    }
    if parsed.is("all") && by_selector {
        return Err(Failure::error("cannot set --all and --selector at the same time"));
    }
    let found = get::find(command, parsed, &selection)?;
    let keys = found.objects().map(|object| object.key.clone());
    let (kept, keys): (Vec<ObjectKey>, Vec<ObjectKey>) = keys.partition(may_not_be_deleted);
    let now = parsed.is("force") || parsed.value("grace-period") == Some("0");
    if now {
        command.io.err(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. \
             The resource may continue to run on the cluster indefinitely.\n",
        );
    }
    for key in &kept {
        let name = &key.name;
        let reason = "this namespace may not be deleted";
        let text = format!("Error from server (Forbidden): namespaces \"{name}\" is forbidden: {reason}\n");
        command.io.err(&text);
    }
    if keys.is_empty() && kept.is_empty() && found.errors.is_empty() {
        command.io.out("No resources found\n");
        return Ok(0);
    }
    let applied = command.machine.world.delete(&keys);
    command.machine.effects.changed = true;
    let mut failed = !found.errors.is_empty() || !kept.is_empty();
    for (key, outcome) in &applied.objects {
        let kind = Kind::guess(&key.kind, &key.group);
        let text = match outcome {
            Outcome::Refused(reason, message) => {
                failed = true;
                command.io.err(&format!("Error from server ({reason}): {message}\n"));
                continue;
            }
            _ if parsed.value("output") == Some("name") => format!("{key}\n"),
            _ => {
                let forced = if now { " force deleted" } else { " deleted" };
                let place = match key.namespace.is_empty() {
                    true => String::new(),
                    false => format!(" from {} namespace", key.namespace),
                };
                format!("{} \"{}\"{forced}{place}\n", resource::singular(&kind), key.name)
            }
        };
        command.io.out(&text);
    }
    command.diagnostics(&applied);
    for error in &found.errors {
        command.io.err(&format!("{error}\n"));
    }
    Ok(i32::from(failed))
}

/// Models plugin/pkg/admission/namespace/lifecycle: the namespaces that stay.
fn may_not_be_deleted(key: &ObjectKey) -> bool {
    &*key.kind == "Namespace" && matches!(&*key.name, "default" | "kube-system" | "kube-public")
}

impl Command<'_, '_> {
    /// What `-f` names: files, the manifests in folders, and standard input.
    fn manifests(&mut self, parsed: &Parsed) -> Result<Vec<Manifest>, Failure> {
        let mut manifests = Vec::new();
        for given in parsed.values("filename") {
            if given == "-" {
                manifests.push(Manifest { name: "STDIN".into(), text: Some(self.io.read_all()) });
                continue;
            }
            if given.starts_with("http://") || given.starts_with("https://") {
                let message = format!("podhop reaches no other host: download {given} and open it in the editor");
                return Err(Failure::error(&message));
            }
            let name = self.file_name(given);
            if self.machine.world.cluster().file(&name).is_some() {
                manifests.push(Manifest { name, text: None });
                continue;
            }
            let path = self.session.absolute(given);
            match self.machine.stat(&path) {
                Some(FileKind::Directory) => self.folder(given, &path, parsed.is("recursive"), &mut manifests)?,
                Some(FileKind::File) => manifests.push(self.read(given, &path)?),
                None => return Err(Failure::error(&format!("the path \"{given}\" does not exist"))),
            }
        }
        Ok(manifests)
    }

    fn read(&mut self, given: &str, path: &str) -> Result<Manifest, Failure> {
        let name = self.file_name(given);
        if self.machine.world.cluster().file(&name).is_some() {
            return Ok(Manifest { name, text: None });
        }
        match self.machine.read_file(path) {
            Ok(text) => Ok(Manifest { name, text: Some(text) }),
            Err(error) => Err(Failure::error(&format!("open {given}: {}", error.message().to_ascii_lowercase()))),
        }
    }

    /// The manifests in a folder, by name. Models cli-runtime ExpandPathsToFileVisitors: .json, .yaml and .yml.
    fn folder(
        &mut self,
        given: &str,
        path: &str,
        recursive: bool,
        manifests: &mut Vec<Manifest>,
    ) -> Result<(), Failure> {
        let mut todo = vec![(given.trim_end_matches('/').to_string(), path.to_string())];
        while let Some((given, path)) = todo.pop() {
            let names = self.machine.list(&path).map_err(|error| Failure::error(error.message()))?;
            for name in names {
                let (given, path) = (format!("{given}/{name}"), format!("{}/{name}", path.trim_end_matches('/')));
                let is_manifest = [".json", ".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
                match self.machine.stat(&path) {
                    Some(FileKind::Directory) if recursive => todo.push((given, path)),
                    Some(FileKind::File) if is_manifest && manifests.len() < FILES_MAX => {
                        manifests.push(self.read(&given, &path)?);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// A path as the store names its file: relative to the folder that the terminal starts in.
    fn file_name(&self, given: &str) -> String {
        let path = self.session.absolute(given);
        let home = self.session.variable("HOME").unwrap_or("/home/student");
        let inside = path.strip_prefix(home).and_then(|rest| rest.strip_prefix('/'));
        inside.unwrap_or(path.trim_start_matches('/')).to_string()
    }

    fn apply(&mut self, manifest: &Manifest) -> Applied {
        self.machine.effects.changed = true;
        let world = &mut *self.machine.world;
        match &manifest.text {
            Some(text) if manifest.name == "STDIN" => world.apply_text("kubectl apply -f -", text),
            Some(text) => {
                world.open_file(&manifest.name, text, false);
                world.apply_file(&manifest.name)
            }
            None => world.apply_file(&manifest.name),
        }
    }

    /// What other commands than `kubectl apply` have made.
    fn created(&self) -> BTreeSet<ObjectKey> {
        let is_created =
            |provenance: &Provenance| matches!(provenance, Provenance::Console { .. }) && !was_applied(provenance);
        let objects = self.revision().objects.iter();
        objects.filter(|(_, object)| is_created(&object.provenance)).map(|(key, _)| key.clone()).collect()
    }

    /// Prints what became of each object; true if something failed. `created`: what lacked the annotation of `apply`.
    fn report(&mut self, name: &str, applied: &Applied, created: &BTreeSet<ObjectKey>, names_only: bool) -> bool {
        let mut failed = !applied.committed;
        for (key, outcome) in &applied.objects {
            // The annotation alone is a change.
            let outcome = match created.contains(key) && matches!(outcome, Outcome::Unchanged) {
                true => &Outcome::Configured,
                false => outcome,
            };
            if created.contains(key) {
                let resource = format!("{}/{}", Kind::guess(&key.kind, &key.group).plural, key.name);
                self.io.err(&format!(
                    "Warning: resource {resource} is missing the {LAST_APPLIED} annotation which is required by kubectl \
                     apply. kubectl apply should only be used on resources created declaratively by either kubectl create \
                     --save-config or kubectl apply. The missing annotation will be patched automatically.\n"
                ));
            }
            match outcome {
                Outcome::Refused(reason, message) => {
                    failed = true;
                    let text = format!("Error from server ({reason}): error when creating \"{name}\": {message}\n");
                    self.io.err(&text);
                }
                _ if names_only => self.io.out(&format!("{key}\n")),
                // A kind or kubeadm configuration has no name.
                outcome => self.io.out(&format!("{} {}\n", key.to_string().trim_end_matches('/'), outcome.as_str())),
            }
        }
        self.diagnostics(applied);
        failed
    }

    /// Errors and warnings about a text, with their places.
    pub(super) fn diagnostics(&mut self, applied: &Applied) {
        let mut shown = Diagnostics::default();
        for diagnostic in applied.diagnostics.iter().filter(|diagnostic| diagnostic.severity != Severity::Info) {
            let added = shown.add(diagnostic.severity, diagnostic.code, diagnostic.span, diagnostic.message.clone());
            added.hint = diagnostic.hint.clone();
        }
        let text = shown.render(self.machine.world.cluster().sources());
        self.io.err(&text);
    }

    /// The objects that `-f` names; None without `-f`.
    pub fn named_in_files(&mut self, parsed: &Parsed) -> Result<Option<Selection>, Failure> {
        if !parsed.has("filename") {
            return Ok(None);
        }
        if !parsed.arguments.is_empty() {
            return Err(Failure::error(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
            ));
        }
        let namespace = self.namespace(parsed);
        let mut selection = Selection { kinds: Vec::new(), names: Vec::new(), namespaces: Vec::new() };
        for manifest in self.manifests(parsed)? {
            let text = match manifest.text {
                Some(text) => text,
                None => self
                    .machine
                    .world
                    .cluster()
                    .file(&manifest.name)
                    .map_or(String::new(), |file| file.text.to_string()),
            };
            let mut sources = Sources::default();
            let source = sources.add(manifest.name.as_str(), text);
            let mut diagnostics = Diagnostics::default();
            let mut documents = Documents::new(&source);
            while let Some(document) = documents.next(&mut diagnostics) {
                let field = |path: &str| super::printers::field(&document.root, path);
                let version = field("apiVersion");
                let group = version.split_once('/').map_or("", |(group, _)| group);
                let kind = Kind::guess(&field("kind"), group);
                let given = field("metadata.namespace");
                if kind.namespaced && !given.is_empty() && given != namespace && parsed.has("namespace") {
                    return Err(Failure::error(&format!(
                        "the namespace from the provided object \"{given}\" does not match the namespace \"{namespace}\". You must pass '--namespace={given}' to perform this operation."
                    )));
                }
                if !selection.kinds.contains(&kind) {
                    selection.kinds.push(kind.clone());
                }
                let name = field("metadata.name");
                let place = if given.is_empty() { namespace.clone() } else { given };
                selection.names.push((kind, name));
                selection.namespaces.push(place);
            }
            if diagnostics.errors() > 0 {
                return Err(Failure::Text(diagnostics.render(&sources)));
            }
        }
        if selection.names.is_empty() {
            return Err(Failure::error("no objects passed to the command"));
        }
        Ok(Some(selection))
    }
}
