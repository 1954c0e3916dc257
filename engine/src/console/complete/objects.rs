//! What the cluster and the place have: objects by kind, labels, containers, devices, addresses, files.

use super::lex::Word;
use super::{Found, Item};
use crate::cluster::{Kind, Object, PodRecord, Revision};
use crate::console::files as places;
use crate::console::kubectl::resource;
use crate::console::machine::Machine;
use crate::console::shell::{FileKind, Session};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Labels that are looked at to find keys and values.
const OBJECTS_MAX: usize = 5_000;

/// The names of a kind's objects in a namespace (in all if None), with what tells them apart.
pub fn names(revision: &Revision, kind: &Kind, namespace: Option<&str>) -> Vec<Item> {
    let within = namespace.filter(|_| kind.namespaced);
    let objects = revision.list(&kind.kind, within).filter(|object| object.key.group == kind.group);
    objects
        .take(OBJECTS_MAX)
        .map(|object| {
            let about = match &*kind.kind {
                "Pod" => object.key.as_pod().and_then(|key| revision.pods.get(&key)).map(|pod| pod_about(pod)),
                "Node" => revision.node(&object.key.name).map(|node| node.ip.to_string()),
                _ => None,
            };
            Item::new(&*object.key.name, about.unwrap_or_default())
        })
        .collect()
}

/// `10.244.1.2 on worker-1`, or why it has none.
fn pod_about(pod: &PodRecord) -> String {
    match (&pod.ip, &pod.node) {
        (Some((ip, _)), Some(node)) => format!("{ip} on {node}"),
        _ => pod.phase_name().to_string(),
    }
}

/// The words that mean a kind: plurals; a singular or short name where no plural begins as the word does.
pub fn kinds(revision: &Revision, typed: &str) -> Vec<Item> {
    let all: Vec<Kind> = Kind::all().chain(resource::custom_kinds(revision)).collect();
    let mut items = Vec::new();
    for kind in &all {
        let short = resource::short_names(kind);
        if kind.plural.starts_with(typed) {
            items.push(Item::new(&*kind.plural, short.join(", ")));
            continue;
        }
        let singular = kind.kind.to_ascii_lowercase();
        let named = short.iter().map(|name| (*name).to_owned()).chain([singular]);
        items.extend(named.filter(|name| name.starts_with(typed)).map(|name| Item::new(name, &*kind.plural)));
    }
    items
}

/// Label keys of the kinds' objects, each to be followed by `=`; after `KEY=` its values.
pub fn labels(
    revision: &Revision,
    kinds: &[Kind],
    namespace: Option<&str>,
    word: &Word,
    from: usize,
    bare: bool,
) -> Found {
    let typed = word.from(from);
    let last = typed.rfind(',').map_or(0, |at| at + 1);
    let term = &typed[last..];
    let base = from + typed[..last].chars().count();
    let objects = || {
        let of = |kind: &Kind| -> Vec<&Arc<Object>> {
            revision.list(&kind.kind, namespace.filter(|_| kind.namespaced)).take(OBJECTS_MAX).collect()
        };
        kinds.iter().flat_map(of)
    };
    let equals = term.find('=').filter(|_| !bare);
    let Some(at) = equals else {
        let keys: BTreeSet<&str> = objects().flat_map(|object| object.labels.keys().map(|key| &**key)).collect();
        let item = |key: &str| if bare { Item::new(key, "") } else { Item::open(format!("{key}="), "") };
        return Found::at(base, keys.into_iter().map(item).collect());
    };
    let key = term[..at].trim_end_matches('!');
    let value_from = base + term[..=at].chars().count() + usize::from(term[at + 1..].starts_with('='));
    let of_key = |object: &Arc<Object>| {
        object.labels.iter().find(|(name, _)| &***name == key).map(|(_, value)| value.to_string())
    };
    let values: BTreeSet<String> = objects().filter_map(of_key).collect();
    Found::at(value_from, values.into_iter().map(|value| Item::new(value, "")).collect())
}

/// Network devices of this place.
pub fn devices(machine: &mut Machine<'_>) -> Vec<Item> {
    let Some(netns) = machine.netns() else { return Vec::new() };
    netns.links.iter().take(OBJECTS_MAX).map(|link| Item::new(link.name.to_string(), "")).collect()
}

/// Addresses of Pods and nodes with whose they are, and the names that this place can resolve.
pub fn hosts(machine: &mut Machine<'_>) -> Vec<Item> {
    let text = places::read(machine, "/etc/hosts").unwrap_or_default();
    let names = text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split_whitespace().skip(1));
    let mut items: Vec<Item> = names.filter(|name| !name.starts_with("ip6-")).map(|name| Item::new(name, "")).collect();
    let revision = machine.world.revision();
    let pods = revision.pods.values().filter(|pod| !pod.host_network);
    let pods = pods.flat_map(|pod| pod.ips().map(move |ip| (pod, ip))).map(|(pod, ip)| {
        let own = if &*pod.key.namespace == "default" { String::new() } else { format!("{}/", pod.key.namespace) };
        Item::new(ip.to_string(), format!("{own}{}", pod.key.name))
    });
    items.extend(pods.take(OBJECTS_MAX));
    let nodes = revision.nodes.values().flat_map(|node| node.ips().map(move |ip| (node, ip)));
    items.extend(nodes.map(|(node, ip)| Item::new(ip.to_string(), node.name.to_string())));
    items
}

pub fn nodes(machine: &Machine<'_>) -> Vec<Item> {
    machine.world.revision().nodes.values().map(|node| Item::new(&*node.name, node.ip.to_string())).collect()
}

/// Paths that begin with what stands from character `from`; folders only if asked for.
pub fn files(machine: &mut Machine<'_>, session: &Session, word: &Word, from: usize, folders: bool) -> Found {
    let typed = word.from(from);
    let (folder, begun) = typed.rsplit_once('/').map_or(("", typed), |(folder, begun)| (folder, begun));
    let prefix = typed[..typed.len() - begun.len()].to_owned();
    let home = session.variable("HOME").unwrap_or("/").to_owned();
    let path = match prefix.strip_prefix("~/") {
        Some(rest) => session.absolute(&format!("{home}/{rest}")),
        None if prefix == "/" => "/".to_owned(),
        None => session.absolute(folder),
    };
    let names = places::list(machine, &path).unwrap_or_default();
    // Hidden ones only for who asks for them.
    let shown = names.into_iter().filter(|name| !name.starts_with('.') || begun.starts_with('.'));
    let mut items = Vec::new();
    for name in shown.filter(|name| name.starts_with(begun)) {
        let full = format!("{}/{name}", path.trim_end_matches('/'));
        match places::stat(machine, &full) {
            Some(FileKind::Directory) => items.push(Item::open(format!("{prefix}{name}/"), "")),
            _ if folders => {}
            _ => items.push(Item::new(format!("{prefix}{name}"), "")),
        }
    }
    Found { offset: from, items, paths: true }
}
