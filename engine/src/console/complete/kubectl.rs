//! The words of `kubectl`, by the tables that its own parser uses.

use super::lex::Word;
use super::{Found, Item, nested, objects};
use crate::cluster::{Kind, Revision};
use crate::console::kubectl::exec::{PROFILES, pod_of};
use crate::console::kubectl::flags::{self, Flag, GLOBAL, Parsed, Takes};
use crate::console::kubectl::output::FORMATS;
use crate::console::kubectl::scale::SCALABLE;
use crate::console::kubectl::{COMMANDS, about, resource};
use crate::console::machine::{Context, Machine};
use crate::console::shell::Session;
use crate::console::terminal::session_of;
use std::collections::BTreeSet;

/// A kubectl command that is being typed.
struct Typed<'a> {
    name: &'static str,
    flags: &'static [Flag],
    parsed: Parsed,
    session: &'a Session,
    word: &'a Word,
}

/// What may follow these words, which come after `kubectl`.
pub fn argument(machine: &mut Machine<'_>, session: &Session, words: &[String], word: &Word) -> Found {
    let (before, name, after) = command_of(words);
    let known = COMMANDS.iter().find(|(known, ..)| Some(*known) == name);
    let flags = known.map_or(&[][..], |(_, flags, _)| *flags);
    if name.is_some() && known.is_none() {
        return Found::default();
    }
    let (parsed, pending) = flags::scan(&[before, after].concat(), flags);
    let typed = Typed { name: known.map_or("", |(name, ..)| name), flags, parsed, session, word };
    if typed.parsed.dash.is_some() {
        return typed.in_pod(machine);
    }
    if let Some(flag) = pending {
        return typed.value(machine, flag, 0);
    }
    if word.text.starts_with('-') {
        return typed.flag(machine);
    }
    if known.is_none() {
        return Found::of(COMMANDS.iter().map(|(name, ..)| Item::new(*name, about(name))).collect());
    }
    typed.operand(machine)
}

/// The command's name among the words, and what stands before and after it.
fn command_of(words: &[String]) -> (&[String], Option<&str>, &[String]) {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let Some(name) = word.strip_prefix('-').map(|name| name.trim_start_matches('-')) else { break };
        let takes_next = GLOBAL.iter().any(|flag| {
            flag.takes == Takes::Value && (flag.long == name || (name.len() == 1 && name.starts_with(flag.short)))
        });
        at += if takes_next { 2 } else { 1 };
    }
    match words.get(at) {
        Some(name) => (&words[..at], Some(name), &words[at + 1..]),
        None => (words, None, &[]),
    }
}

impl Typed<'_> {
    fn namespace(&self) -> String {
        self.parsed.value("namespace").filter(|name| !name.is_empty()).unwrap_or("default").to_owned()
    }

    /// None where all namespaces are meant.
    fn within(&self) -> Option<String> {
        (!self.parsed.is("all-namespaces")).then(|| self.namespace())
    }

    fn find(&self, long: &str) -> Option<&'static Flag> {
        self.flags.iter().chain(GLOBAL).find(|flag| flag.long == long)
    }

    /// A word that begins with a dash: a flag's name, or its value in the same word.
    fn flag(&self, machine: &mut Machine<'_>) -> Found {
        let text = &self.word.text;
        if let Some((name, _)) = text.strip_prefix("--").and_then(|name| name.split_once('=')) {
            let from = name.chars().count() + 3;
            return self.find(name).map_or_else(Found::default, |flag| self.value(machine, *flag, from));
        }
        let letters = text.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with('-'));
        if let Some(letters) = letters {
            // `-nkube-system`, `-itc=main`: the first letter that takes a value takes the rest.
            let known =
                |letter: char| self.flags.iter().chain(GLOBAL).find(|flag| flag.short == letter && letter != ' ');
            let taking = letters.char_indices().find_map(|(at, letter)| {
                known(letter)
                    .filter(|flag| flag.takes == Takes::Value)
                    .map(|flag| (letters[..at].chars().count(), flag))
            });
            if let Some((before, flag)) = taking.filter(|(before, _)| letters.chars().count() > before + 1) {
                let from = before + 2 + usize::from(self.word.from(before + 2).starts_with('='));
                return self.value(machine, *flag, from);
            }
        }
        Found::of(self.flag_names())
    }

    fn flag_names(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for flag in self.flags.iter().chain(GLOBAL) {
            let about = flags::about(flag.long);
            // One that takes its value in the same word only stands for something without it, too.
            let long = format!("--{}", flag.long);
            items.push(if flag.takes == Takes::Value { Item::open(long + "=", about) } else { Item::new(long, about) });
            if flag.short != ' ' {
                let about = if about.is_empty() { format!("--{}", flag.long) } else { about.to_owned() };
                items.push(Item::new(format!("-{}", flag.short), about));
            }
        }
        items
    }

    /// The value of a flag, from a character of the word on.
    fn value(&self, machine: &mut Machine<'_>, flag: Flag, from: usize) -> Found {
        let revision = machine.world.revision();
        let words = |words: &[&str]| Found::at(from, words.iter().map(|word| Item::new(*word, "")).collect());
        match flag.long {
            "namespace" => Found::at(
                from,
                Kind::named("Namespace").map_or_else(Vec::new, |kind| objects::names(revision, &kind, None)),
            ),
            "container" => Found::at(from, self.containers(revision)),
            "output" => Found::at(from, self.formats()),
            "selector" => {
                objects::labels(revision, &self.kinds(revision), self.within().as_deref(), self.word, from, false)
            }
            "label-columns" => {
                objects::labels(revision, &self.kinds(revision), self.within().as_deref(), self.word, from, true)
            }
            "filename" | "kustomize" => {
                let typed = self.word.from(from);
                let last = typed.rfind(',').map_or(0, |at| at + 1);
                let from = from + typed[..last].chars().count();
                objects::files(machine, self.session, self.word, from, false)
            }
            "image" => Found::at(from, images(revision)),
            "profile" => words(&PROFILES),
            "dry-run" => words(&["none", "client", "server"]),
            "cascade" => words(&["background", "foreground", "orphan"]),
            "validate" => words(&["strict", "warn", "ignore"]),
            "api-group" => {
                let groups: BTreeSet<String> = Kind::all().map(|kind| kind.group.to_string()).collect();
                Found::at(
                    from,
                    groups.into_iter().filter(|group| !group.is_empty()).map(|g| Item::new(g, "")).collect(),
                )
            }
            _ => Found::default(),
        }
    }

    fn formats(&self) -> Vec<Item> {
        let fits = |name: &str| match self.name {
            "get" => true,
            "version" => false,
            "api-resources" => matches!(name, "wide" | "name"),
            _ => name == "name",
        };
        let fitting = FORMATS.iter().filter(|(name, _)| fits(name));
        fitting
            .map(|(name, about)| if name.ends_with('=') { Item::open(*name, *about) } else { Item::new(*name, *about) })
            .collect()
    }

    /// The kinds that the arguments name; Pods if none.
    fn kinds(&self, revision: &Revision) -> Vec<Kind> {
        let named = resource::select(&self.parsed.arguments, revision).map(|selection| selection.kinds);
        let named = named.ok().filter(|kinds| !kinds.is_empty());
        named.unwrap_or_else(|| Kind::named("Pod").into_iter().collect())
    }

    fn containers(&self, revision: &Revision) -> Vec<Item> {
        let target = self.parsed.arguments.first();
        let Some(Ok(pod)) = target.map(|target| pod_of(revision, target, &self.namespace())) else { return Vec::new() };
        pod.spec.containers.iter().map(|container| Item::new(&*container.name, &*container.image)).collect()
    }

    fn operand(&self, machine: &mut Machine<'_>) -> Found {
        let revision = machine.world.revision();
        let given = self.parsed.arguments.as_slice();
        match self.name {
            "get" | "delete" => self.objects(revision, given, |_| true),
            "scale" => self.objects(revision, given, |kind| SCALABLE.contains(&kind)),
            "exec" if given.is_empty() => self.target(revision),
            "exec" => Found::of(vec![Item::new("--", "the command follows")]),
            "debug" if given.is_empty() => Found::of(
                objects::nodes(machine)
                    .into_iter()
                    .map(|item| Item::new(format!("node/{}", item.value), item.about))
                    .collect(),
            ),
            "help" if given.is_empty() => {
                Found::of(COMMANDS.iter().map(|(name, ..)| Item::new(*name, about(name))).collect())
            }
            "apply" if given.is_empty() && !self.parsed.has("filename") => {
                Found::of(vec![Item::new("-f", flags::about("filename"))])
            }
            _ => Found::default(),
        }
    }

    /// `TYPE`, `TYPE NAME…`, `TYPE/NAME`, `TYPE,TYPE`.
    fn objects(&self, revision: &Revision, given: &[String], fits: impl Fn(&str) -> bool) -> Found {
        let named = |word: &str| resource::find(word, revision).ok().filter(|kind| fits(&kind.kind));
        let within = self.within();
        let slash = self.word.text.find('/');
        if let Some(at) = slash {
            let Some(kind) = named(&self.word.text[..at]) else { return Found::default() };
            let from = self.word.text[..=at].chars().count();
            return Found::at(from, objects::names(revision, &kind, within.as_deref()));
        }
        if let Some(first) = given.first() {
            if first.contains('/') || self.parsed.is("all-namespaces") {
                return Found::default();
            }
            let kind = named(first);
            let names = kind.map_or_else(Vec::new, |kind| objects::names(revision, &kind, within.as_deref()));
            return Found::of(names.into_iter().filter(|item| !given[1..].contains(&item.value)).collect());
        }
        let from = self.word.text.rfind(',').map_or(0, |at| self.word.text[..=at].chars().count());
        let mut items = objects::kinds(revision, self.word.from(from));
        items.retain(|item| named(&item.value).is_some());
        if self.name != "scale" && from == 0 {
            items.push(Item::new("all", resource::ALL.join(", ")));
        }
        Found::at(from, items)
    }

    /// What `exec` can enter: Pods, and `deploy/NAME`.
    fn target(&self, revision: &Revision) -> Found {
        if let Some(at) = self.word.text.find('/') {
            let kind = resource::find(&self.word.text[..at], revision).ok();
            let from = self.word.text[..=at].chars().count();
            let names = kind.map_or_else(Vec::new, |kind| objects::names(revision, &kind, Some(&self.namespace())));
            return Found::at(from, names);
        }
        let pods =
            Kind::named("Pod").map_or_else(Vec::new, |kind| objects::names(revision, &kind, Some(&self.namespace())));
        Found::of(pods)
    }

    /// After `exec POD --`: a command of the Pod's image.
    fn in_pod(&self, machine: &mut Machine<'_>) -> Found {
        let dash = self.parsed.dash.unwrap_or_default();
        let (Some(target), "exec") = (self.parsed.arguments.first().filter(|_| dash > 0), self.name) else {
            return Found::default();
        };
        let Ok(pod) = pod_of(machine.world.revision(), target, &self.namespace()) else { return Found::default() };
        let wanted = self.parsed.value("container");
        let container = pod.spec.containers.iter().position(|own| wanted.is_some_and(|name| *own.name == *name));
        let context = Context::Container { pod: pod.key.clone(), container: container.unwrap_or_default() };
        let mut inside = machine.at(context.clone());
        let session = session_of(&context, inside.toolbox().shell);
        nested(&mut inside, &session, &self.parsed.arguments[dash.min(self.parsed.arguments.len())..], self.word)
    }
}

/// Images that the cluster's containers have, and those that debugging is done with.
fn images(revision: &Revision) -> Vec<Item> {
    let containers = revision.pods.values().flat_map(|pod| pod.spec.containers.iter());
    let used: BTreeSet<&str> =
        containers.map(|container| &*container.image).chain(["busybox", "nicolaka/netshoot"]).collect();
    used.into_iter().map(|image| Item::new(image, "")).collect()
}
