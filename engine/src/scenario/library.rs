//! The scenarios that the page offers to open: every lab and case of this repository.

use super::document::{Block, Document};
use crate::cluster::CniName;
use crate::protocol::{Library, OpenFile, ScenarioView, ScriptView, Server, ShelfView};

/// What a scenario's `cluster: {cni: …}` is as a manifest, for the page's clusters are made of manifests alone.
const CALICO: &str = "apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata:\n  name: default\nspec: {}\n";

const CILIUM: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cilium-config\n  namespace: kube-system\ndata: {}\n";

/// A scenario of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `failures/closed-port`: stable, part of links.
    pub id: &'static str,
    /// The Markdown.
    pub text: &'static str,
}

/// Entries under one heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    pub title: &'static str,
    pub entries: Vec<Entry>,
}

macro_rules! shelf {
    ($title:literal, $folder:literal, $($name:literal),+) => {
        Shelf {
            title: $title,
            entries: vec![$(Entry {
                id: concat!($folder, "/", $name),
                text: include_str!(concat!("../../../", $folder, "/", $name, ".md")),
            }),+],
        }
    };
}

/// All of them. Made when asked for, so that the texts are not part of what the page needs to open.
pub fn library() -> Vec<Shelf> {
    vec![
        shelf!(
            "Labs",
            "labs",
            "01-pod-to-pod",
            "02-clusterip",
            "03-nodeport",
            "04-dns",
            "05-headless",
            "06-loadbalancer",
            "07-out",
            "08-ndots",
            "09-stale-rules",
            "10-iptables-versus-ipvs",
            "11-networkpolicy",
            "12-flannel-ignores-policies",
            "13-and-or",
            "14-egress-and-dns",
            "15-tiers",
            "16-three-cni-plugins"
        ),
        shelf!(
            "Ways of a packet",
            "tests/cases/paths",
            "same-node",
            "other-node",
            "itself",
            "nodes",
            "host-network",
            "two-containers",
            "sctp",
            "host-gw",
            "ipip"
        ),
        shelf!(
            "Services",
            "tests/cases/services",
            "many-ports",
            "named-ports",
            "no-endpoints",
            "no-selector",
            "readiness",
            "endpoint-deleted",
            "hairpin",
            "host-processes",
            "session-affinity",
            "internal-policy",
            "external-ips",
            "balancer",
            "external-name",
            "api-server",
            "nftables",
            "ipvs",
            "ipvs-schedulers",
            "ipvs-dual-stack"
        ),
        shelf!(
            "Names",
            "tests/cases/dns",
            "troubleshooting",
            "records",
            "names",
            "search-list",
            "policies",
            "corefile",
            "broken-corefile",
            "loop",
            "logs",
            "prefetch",
            "truncated"
        ),
        shelf!(
            "When it fails",
            "tests/cases/failures",
            "absent-address-own-subnet",
            "absent-address-other-node",
            "nobody-outside",
            "closed-port",
            "ttl-expiry",
            "traceroute",
            "oversized-from-the-pod",
            "oversized-into-the-overlay",
            "pod-mtu-above-overlay",
            "bridge-nf",
            "udp-dead-endpoint",
            "tcp-dead-endpoint",
            "last-pod-gone",
            "changed-by-hand"
        ),
        shelf!("Policies in tiers", "tests/cases/policies", "cluster-network-policy", "calico"),
        shelf!("IPv6", "tests/cases/ipv6", "dual-stack", "only", "packet-too-big"),
        shelf!(
            "Where Pods go",
            "tests/cases/placement",
            "out-of-pod-addresses",
            "max-pods",
            "unschedulable",
            "clashing-ports",
            "statefulset"
        ),
        shelf!("What is wrong", "tests/cases/problems", "service", "services", "placement", "flannel", "policies"),
        shelf!(
            "What describes a cluster",
            "tests/cases/input",
            "deployment",
            "kind-cluster",
            "cluster-configuration",
            "dump",
            "networks-that-clash"
        ),
        shelf!(
            "The console",
            "tests/cases/console",
            "output-formats",
            "selectors",
            "debug-node",
            "nodes",
            "rollout",
            "rollouts",
            "logs",
            "expose",
            "policies",
            "calico",
            "calico-vxlan",
            "cilium",
            "no-calico",
            "redirects",
            "created",
            "shell"
        ),
    ]
}

/// A server over a cluster of defaults that offers these scenarios.
pub fn server() -> Server {
    Server::default().offering(Library { shelves, script })
}

fn shelves() -> Vec<ShelfView> {
    let view = |entry: &Entry| {
        let document = Document::parse(entry.text).unwrap_or_default();
        ScenarioView { id: entry.id.to_owned(), title: document.title, summary: document.summary }
    };
    let shelf = |shelf: &Shelf| ShelfView {
        title: shelf.title.to_owned(),
        scenarios: shelf.entries.iter().map(view).collect(),
    };
    library().iter().map(shelf).collect()
}

/// The scenario with this id; on an error says `line: message`.
fn script(id: &str) -> Result<ScriptView, String> {
    let mut entries = library().into_iter().flat_map(|shelf| shelf.entries);
    let entry = entries.find(|entry| entry.id == id).ok_or_else(|| format!("there is no scenario {id:?}"))?;
    let document = Document::parse(entry.text)?;
    let mut script = ScriptView { title: document.title, files: Vec::new(), commands: Vec::new() };
    for block in document.blocks {
        match block {
            Block::File { name, text, .. } => script.files.push(OpenFile { name, text, live: false }),
            Block::Console { steps, .. } => script.commands.extend(steps.into_iter().map(|step| step.command)),
            Block::Prose { .. } | Block::Probe { .. } | Block::Problems { .. } | Block::Code { .. } => {}
        }
    }
    if let Some(text) = manifest_of(document.options.cni) {
        script.files.push(OpenFile { name: "cluster.yaml".to_owned(), text: text.to_owned(), live: true });
    }
    Ok(script)
}

/// The manifest that makes a cluster have this CNI plugin; Flannel needs none.
fn manifest_of(cni: Option<CniName>) -> Option<&'static str> {
    match cni? {
        CniName::Flannel => None,
        CniName::Calico => Some(CALICO),
        CniName::Cilium => Some(CILIUM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Options;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn markdown_below(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                markdown_below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.insert(path.with_extension("").to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn every_lab_and_case_is_on_a_shelf() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut there = BTreeSet::new();
        for folder in ["labs", "tests/cases"] {
            markdown_below(&root.join(folder), &mut there);
        }
        let path = |entry: &Entry| root.join(entry.id).to_string_lossy().into_owned();
        let shelved: BTreeSet<String> = library().iter().flat_map(|shelf| &shelf.entries).map(path).collect();
        assert_eq!(shelved, there);
    }

    #[test]
    fn each_has_a_title_and_commands_over_a_cluster_that_the_page_can_make() {
        for entry in library().into_iter().flat_map(|shelf| shelf.entries) {
            let script = script(entry.id).unwrap();
            assert!(!script.title.is_empty(), "{}", entry.id);
            assert!(!script.commands.is_empty(), "{}", entry.id);
            let options = Document::parse(entry.text).unwrap().options;
            let manifest = manifest_of(options.cni);
            let expected = Options { cni: options.cni.filter(|_| manifest.is_some()), ..Options::default() };
            assert_eq!(options, expected, "{}", entry.id);
            let has = |text: &str| script.files.iter().any(|file| file.live && file.text == text);
            assert_eq!(
                (has(CALICO), has(CILIUM)),
                (manifest == Some(CALICO), manifest == Some(CILIUM)),
                "{}",
                entry.id
            );
        }
        assert_eq!(script("labs/none").unwrap_err(), "there is no scenario \"labs/none\"");
    }
}
