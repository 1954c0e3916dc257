//! The kinds that `calicoctl get` knows: their names, columns and lists. Models calicoctl/calicoctl/resourcemgr.

use crate::cluster::Revision;
use crate::console::kubectl::printers::{field, find, items};
use crate::manifest::{Node, Value};

/// One kind of resource.
pub struct Resource {
    pub kind: &'static str,
    /// What it may be called, small letters.
    pub names: &'static [&'static str],
    pub columns: &'static [&'static str],
    pub wide: &'static [&'static str],
    pub namespaced: bool,
    /// What calicoctl asks the API server for, where that is a kind of Calico's.
    pub crd: Option<&'static str>,
}

/// In the order in which they are told.
pub const KINDS: &[Resource] = &[
    Resource {
        kind: "BGPConfiguration",
        names: &["bgpconfiguration", "bgpconfigurations", "bgpconfig", "bgpconfigs"],
        columns: &["NAME", "LOGSEVERITY", "MESHENABLED", "ASNUMBER"],
        wide: &["NAME", "LOGSEVERITY", "MESHENABLED", "ASNUMBER"],
        namespaced: false,
        crd: Some("BGPConfigurations"),
    },
    Resource {
        kind: "BGPPeer",
        names: &["bgppeer", "bgppeers", "bgpp", "bgpps", "bp", "bps"],
        columns: &["NAME", "PEERIP", "NODE", "ASN"],
        wide: &["NAME", "PEERIP", "NODE", "ASN"],
        namespaced: false,
        crd: Some("BGPPeers"),
    },
    Resource {
        kind: "GlobalNetworkPolicy",
        names: &["globalnetworkpolicy", "globalnetworkpolicies", "gnp", "gnps"],
        columns: &["NAME", "TIER"],
        wide: &["NAME", "TIER", "ORDER", "SELECTOR"],
        namespaced: false,
        crd: Some("GlobalNetworkPolicies"),
    },
    Resource {
        kind: "GlobalNetworkSet",
        names: &["globalnetworkset", "globalnetworksets", "gnetsets"],
        columns: &["NAME"],
        wide: &["NAME", "NETS"],
        namespaced: false,
        crd: Some("GlobalNetworkSets"),
    },
    Resource {
        kind: "IPPool",
        names: &["ippool", "ippools", "ipp", "ipps", "pool", "pools"],
        columns: &["NAME", "CIDR", "SELECTOR"],
        wide: &[
            "NAME",
            "CIDR",
            "NAT",
            "IPIPMODE",
            "VXLANMODE",
            "DISABLED",
            "DISABLEBGPEXPORT",
            "SELECTOR",
            "ASSIGNMENTMODE",
        ],
        namespaced: false,
        crd: Some("IPPools"),
    },
    Resource {
        kind: "NetworkPolicy",
        names: &["networkpolicy", "networkpolicies", "policy", "np", "policies", "pol", "pols"],
        columns: &["NAME", "TIER"],
        wide: &["NAME", "TIER", "ORDER", "SELECTOR"],
        namespaced: true,
        crd: Some("NetworkPolicies"),
    },
    Resource {
        kind: "NetworkSet",
        names: &["networkset", "networksets", "netsets"],
        columns: &["NAME"],
        wide: &["NAME", "NETS"],
        namespaced: true,
        crd: Some("NetworkSets"),
    },
    Resource {
        kind: "Node",
        names: &["node", "nodes", "no", "nos"],
        columns: &["NAME"],
        wide: &["NAME", "ASN", "IPV4", "IPV6"],
        namespaced: false,
        crd: None,
    },
    Resource {
        kind: "Profile",
        names: &["profile", "profiles", "pro", "pros"],
        columns: &["NAME"],
        wide: &["NAME", "LABELS"],
        namespaced: false,
        crd: None,
    },
    Resource {
        kind: "Tier",
        names: &["tier", "tiers"],
        columns: &["NAME", "ORDER"],
        wide: &["NAME", "ORDER"],
        namespaced: false,
        crd: Some("Tiers"),
    },
    Resource {
        kind: "WorkloadEndpoint",
        names: &["workloadendpoint", "workloadendpoints", "wep", "weps"],
        columns: &["WORKLOAD", "NODE", "NETWORKS", "INTERFACE"],
        wide: &["NAME", "WORKLOAD", "NODE", "NETWORKS", "INTERFACE", "PROFILES", "NATS"],
        namespaced: true,
        crd: None,
    },
];

/// Kinds of calicoctl that no table here has.
const OTHERS: &[&str] = &[
    "bgpfilter",
    "clusterinformation",
    "felixconfiguration",
    "hostendpoint",
    "ipreservation",
    "kubecontrollersconfiguration",
    "stagedglobalnetworkpolicy",
    "stagedkubernetesnetworkpolicy",
    "stagednetworkpolicy",
];

/// The groups in which Calico's kinds are served.
pub fn is_group(group: &str) -> bool {
    matches!(group, "projectcalico.org" | "crd.projectcalico.org")
}

/// The kind that a word means.
pub fn kind(word: &str) -> Result<&'static Resource, String> {
    let lower = word.to_ascii_lowercase();
    if let Some(resource) = KINDS.iter().find(|resource| resource.names.contains(&lower.as_str())) {
        return Ok(resource);
    }
    let singular =
        lower.strip_suffix("ies").map_or_else(|| lower.trim_end_matches('s').to_owned(), |stem| format!("{stem}y"));
    if OTHERS.contains(&singular.as_str()) {
        let known: Vec<&str> = KINDS.iter().map(|resource| resource.names[0]).collect();
        return Err(format!("podhop's calicoctl has no {singular} yet; it has {}", known.join(", ")));
    }
    Err(format!("failed to get resources: resource type '{word}' is not supported"))
}

/// Every column of every kind, for `-o custom-columns=`.
pub const COLUMNS: &[(&str, &[&str])] = &[
    ("BGPConfiguration", &["ASNUMBER", "LOGSEVERITY", "MESHENABLED", "NAME"]),
    ("BGPPeer", &["ASN", "NAME", "NODE", "PEERIP"]),
    ("GlobalNetworkPolicy", &["NAME", "ORDER", "SELECTOR", "TIER"]),
    ("GlobalNetworkSet", &["NAME", "NETS"]),
    (
        "IPPool",
        &["ASSIGNMENTMODE", "CIDR", "DISABLEBGPEXPORT", "DISABLED", "IPIPMODE", "NAME", "NAT", "SELECTOR", "VXLANMODE"],
    ),
    ("NetworkPolicy", &["NAME", "NAMESPACE", "ORDER", "SELECTOR", "TIER"]),
    ("NetworkSet", &["NAME", "NAMESPACE", "NETS"]),
    ("Node", &["ASN", "IPV4", "IPV6", "NAME"]),
    ("Profile", &["LABELS", "NAME"]),
    ("Tier", &["NAME", "ORDER"]),
    (
        "WorkloadEndpoint",
        &["INTERFACE", "NAME", "NAMESPACE", "NATS", "NETWORKS", "NODE", "ORCHESTRATOR", "PROFILES", "WORKLOAD"],
    ),
];

/// What stands in a column. `tree` is the resource as `-o yaml` prints it.
pub fn cell(revision: &Revision, resource: &Resource, column: &str, tree: &Node) -> String {
    let text = |path: &str| field(tree, path);
    let or =
        |path: &str, none: &str| Some(text(path)).filter(|found| !found.is_empty()).unwrap_or_else(|| none.to_owned());
    let joined = |path: &str| items(tree, path).iter().filter_map(Node::as_str).collect::<Vec<_>>().join(",");
    match (resource.kind, column) {
        (_, "NAME") => text("metadata.name"),
        (_, "NAMESPACE") => text("metadata.namespace"),
        ("BGPConfiguration", "LOGSEVERITY") => text("spec.logSeverityScreen"),
        ("BGPConfiguration", "MESHENABLED") => or("spec.nodeToNodeMeshEnabled", "-"),
        ("BGPConfiguration", "ASNUMBER") => or("spec.asNumber", "-"),
        ("BGPPeer", "PEERIP") => text("spec.peerIP"),
        ("BGPPeer", "NODE") => or("spec.node", &or("spec.nodeSelector", "(global)")),
        ("BGPPeer", "ASN") => or("spec.asNumber", "0"),
        ("IPPool", "CIDR") => text("spec.cidr"),
        ("IPPool", "NAT") => or("spec.natOutgoing", "false"),
        ("IPPool", "DISABLED") => or("spec.disabled", "false"),
        ("IPPool", "DISABLEBGPEXPORT") => or("spec.disableBGPExport", "false"),
        ("IPPool", "IPIPMODE") => text("spec.ipipMode"),
        ("IPPool", "VXLANMODE") => text("spec.vxlanMode"),
        ("IPPool", "SELECTOR") => text("spec.nodeSelector"),
        ("IPPool", "ASSIGNMENTMODE") => text("spec.assignmentMode"),
        (_, "NETS") => truncated(joined("spec.nets")),
        (_, "TIER") => text("spec.tier"),
        (_, "ORDER") => find(tree, "spec.order").map_or_else(|| "<nil>".to_owned(), order),
        (_, "SELECTOR") => text("spec.selector"),
        ("Node", "ASN") if find(tree, "spec.bgp").is_none() => String::new(),
        ("Node", "ASN") => or("spec.bgp.asNumber", &format!("({})", super::trees::as_number(revision))),
        ("Node", "IPV4") => text("spec.bgp.ipv4Address"),
        ("Node", "IPV6") => text("spec.bgp.ipv6Address"),
        ("Profile", "LABELS") => {
            let labels = find(tree, "spec.labelsToApply").map_or(&[][..], Node::entries);
            let mut labels: Vec<String> =
                labels.iter().map(|(key, value)| format!("{}={}", key.name, value.as_str().unwrap_or(""))).collect();
            labels.sort();
            labels.join(",")
        }
        ("WorkloadEndpoint", "WORKLOAD") => text("spec.pod"),
        ("WorkloadEndpoint", "NODE") => text("spec.node"),
        ("WorkloadEndpoint", "ORCHESTRATOR") => text("spec.orchestrator"),
        ("WorkloadEndpoint", "NETWORKS") => joined("spec.ipNetworks"),
        ("WorkloadEndpoint", "INTERFACE") => text("spec.interfaceName"),
        ("WorkloadEndpoint", "PROFILES") => joined("spec.profiles"),
        _ => String::new(),
    }
}

/// A number as Go prints one.
fn order(node: &Node) -> String {
    let number = match node.value {
        Value::Int(number) => number as f64,
        Value::Float(number) => number,
        _ => return String::new(),
    };
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        -4..=5 => number.to_string(),
        exponent => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

/// Models joinAndTruncate with 80 characters.
fn truncated(text: String) -> String {
    match text.char_indices().nth(NETS_MAX) {
        Some(_) => text.chars().take(NETS_MAX - 3).collect::<String>() + "...",
        None => text,
    }
}

const NETS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_printed_as_go_prints_them() {
        let printed = |value: Value| order(&Node { value, span: Default::default() });
        assert_eq!(printed(Value::Int(1_000)), "1000");
        assert_eq!(printed(Value::Int(1_000_000)), "1e+06");
        assert_eq!(printed(Value::Int(1_234_567)), "1.234567e+06");
        assert_eq!(printed(Value::Float(0.5)), "0.5");
        assert_eq!(printed(Value::Float(0.000_01)), "1e-05");
    }
}
