//! One table of one place, in the real tool's text, with the row that decided lit.

pub mod model;
#[cfg(target_arch = "wasm32")]
mod view;
#[cfg(target_arch = "wasm32")]
pub use view::tables;

use podhop_engine::protocol::Scene;

/// A table of a namespace: the protocol's name and what it is called here.
pub type TableName = (&'static str, &'static str);

const SWITCH: [TableName; 1] = [("segment", "switch ports")];
/// What every namespace has.
const OF_ALL: [TableName; 6] = [
    ("route", "routes"),
    ("neigh", "neighbours"),
    ("fdb", "bridge FDB"),
    ("link", "links"),
    ("addr", "addresses"),
    ("socket", "sockets"),
];
/// What a machine has besides.
const OF_MACHINES: [TableName; 6] = [
    ("nat", "nat rules"),
    ("filter", "filter rules"),
    ("mangle", "mangle rules"),
    ("raw", "raw rules"),
    ("conntrack", "connections"),
    ("qdisc", "queues"),
];
/// What kube-proxy's mode brings along.
const OF_IPVS: [TableName; 3] =
    [("ipvs", "virtual servers"), ("ipvs-conn", "IPVS connections"), ("ipset", "sets of addresses")];
const OF_NFTABLES: [TableName; 1] = [("nft", "nftables")];
/// What Cilium brings along.
const OF_CILIUM: [TableName; 5] = [
    ("bpf-prog", "eBPF programs"),
    ("bpf-endpoint", "endpoints"),
    ("bpf-ipcache", "identities of addresses"),
    ("bpf-policy", "policy maps"),
    ("bpf-lb", "eBPF services"),
];
const DNS: TableName = ("dns", "DNS");
const SYSCTL: TableName = ("sysctl", "sysctls");

/// The tables that a place has.
pub fn tables_of(scene: Option<&Scene>, place: &str) -> Vec<TableName> {
    if place.starts_with("segment") {
        return SWITCH.to_vec();
    }
    let mut all = OF_ALL.to_vec();
    let of_pod = place.starts_with("pod/");
    if of_pod {
        // A Pod has no bridge of its own.
        all.retain(|(name, _)| *name != "fdb");
    } else {
        all.extend(OF_MACHINES);
    }
    if place.starts_with("node/") {
        match scene.map(|scene| &*scene.proxy_mode) {
            Some("ipvs") => all.extend(OF_IPVS),
            Some("nftables") => all.extend(OF_NFTABLES),
            _ => {}
        }
    }
    if place.starts_with("node/") && scene.is_some_and(|scene| scene.cni.starts_with("Cilium")) {
        all.extend(OF_CILIUM);
    }
    let mut pods = scene.into_iter().flat_map(|scene| &scene.nodes).flat_map(|node| &node.pods);
    let names = place == "gateway" || place == "internet" || of_pod && pods.any(|pod| pod.dns && pod.place == place);
    all.extend(names.then_some(DNS));
    all.push(SYSCTL);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn each_place_offers_the_tables_that_it_has() {
        let mut scene = fixture::scene(1, 1);
        let names = |scene: &Scene, place: &str| -> Vec<&str> {
            tables_of(Some(scene), place).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&scene, "segment/0"), ["segment"]);
        let node = names(&scene, "node/worker-1");
        assert!(["nat", "raw", "conntrack", "qdisc", "fdb"].iter().all(|table| node.contains(table)));
        assert!(!node.contains(&"dns") && !node.contains(&"ipvs") && !node.contains(&"nft"));
        scene.proxy_mode = "ipvs".to_owned();
        assert!(names(&scene, "node/worker-1").contains(&"ipvs"));
        assert!(!names(&scene, "gateway").contains(&"ipvs"));
        assert!(names(&scene, "internet").contains(&"dns"));
        assert!(!names(&scene, "pod/default/pod-a").contains(&"nat"));
        assert!(!names(&scene, "pod/default/pod-a").contains(&"dns"));
        let pod = scene.nodes[1].pods.iter_mut().find(|pod| pod.name == "pod-a").unwrap();
        pod.dns = true;
        assert!(names(&scene, "pod/default/pod-a").contains(&"dns"));
    }
}
