//! The words of calicoctl.

use super::lex::Word;
use super::{Found, Item};
use crate::console::machine::Machine;
use crate::console::net::{self, CALICO_COLUMNS, CALICO_KINDS, CALICOCTL};

/// What may follow these words.
pub fn argument(machine: &Machine<'_>, words: &[String], word: &Word) -> Found {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Found::of(CALICOCTL.iter().map(|(name, about)| Item::new(*name, *about)).collect()),
        ["node"] => Found::of(vec![Item::new("status", "its Calico and the BGP sessions of its BIRD")]),
        ["ipam"] => Found::of(vec![Item::new("show", "how addresses are used")]),
        ["ipam", "show", ..] => Found::of(vec![
            Item::open("--ip=", "who has this address"),
            Item::new("--show-blocks", "blocks as well as pools"),
            Item::new("--show-borrowed", "addresses out of other nodes' blocks"),
            Item::new("--show-configuration", "how addresses are given"),
        ]),
        ["version", ..] => Found::of(vec![Item::new("--client", "without asking the cluster")]),
        ["get", rest @ ..] => get(machine, rest, word),
        _ => Found::default(),
    }
}

fn get(machine: &Machine<'_>, words: &[&str], word: &Word) -> Found {
    let revision = machine.world.revision();
    match words.last() {
        Some(&("-o" | "--output")) => return formats(words, word),
        Some(&("-n" | "--namespace")) => {
            let namespaces = revision.list("Namespace", None).map(|object| Item::new(&*object.key.name, ""));
            return Found::of(namespaces.collect());
        }
        _ if word.text.starts_with('-') => {
            return Found::of(vec![
                Item::new("-A", "of all namespaces"),
                Item::new("-n", "of this namespace"),
                Item::new("-o", "wide, yaml, json or custom-columns="),
            ]);
        }
        _ => {}
    }
    match kind(words) {
        Some(resource) => Found::of(
            net::calico_names(revision, resource, namespace(words))
                .into_iter()
                .map(|name| Item::new(name, ""))
                .collect(),
        ),
        None => Found::of(CALICO_KINDS.iter().map(|resource| Item::new(resource.names[1], resource.kind)).collect()),
    }
}

/// The kind that stands there already.
fn kind(words: &[&str]) -> Option<&'static net::CalicoKind> {
    CALICO_KINDS.iter().find(|resource| words.iter().any(|word| resource.names.contains(word)))
}

fn namespace<'a>(words: &[&'a str]) -> &'a str {
    let at = words.iter().position(|word| matches!(*word, "-n" | "--namespace"));
    at.and_then(|at| words.get(at + 1)).copied().unwrap_or("default")
}

fn formats(words: &[&str], word: &Word) -> Found {
    if let Some(at) = word.text.rfind(['=', ',']).filter(|_| word.text.starts_with("custom-columns=")) {
        let columns = kind(words).and_then(|own| CALICO_COLUMNS.iter().find(|(kind, _)| *kind == own.kind));
        let from = word.text[..=at].chars().count();
        return Found::at(
            from,
            columns.map_or(&[][..], |(_, names)| names).iter().map(|name| Item::open(*name, "")).collect(),
        );
    }
    Found::of(vec![
        Item::new("wide", "a table with more columns"),
        Item::new("yaml", "the resources as YAML"),
        Item::new("json", "the resources as JSON"),
        Item::open("custom-columns=", "columns of your own choice"),
    ])
}
