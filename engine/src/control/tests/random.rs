//! Whatever the order of edits, the state holds together and is what the files as they stand would give.

use super::*;
use crate::cluster::{NetnsOwner, PodPhase, Revision, identity};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that must hold of a settled revision.
pub fn check(revision: &Revision) {
    let mut addresses = BTreeMap::new();
    let mut live = BTreeSet::new();
    for node in revision.nodes.values() {
        assert_eq!(revision.netns.get(&node.netns), Some(&NetnsOwner::Node(node.name.clone())));
        assert!(live.insert(node.netns));
        assert!(addresses.insert(node.ip, node.netns).is_none());
        for (order, key) in &node.pods {
            let pod = &revision.pods[key];
            assert_eq!((pod.order, pod.node.as_ref()), (*order, Some(&node.name)), "{key}");
        }
        for (queued, key) in &node.waiting {
            let pod = &revision.pods[key];
            assert_eq!((pod.queued, pod.node.as_ref(), pod.netns), (*queued, Some(&node.name), None), "{key}");
        }
        for (ip, key) in &node.reserved {
            assert_eq!(revision.pods[key].ip.as_ref().map(|(ip, _)| ip), Some(ip), "{key}");
        }
        assert!(node.pods_count() <= node.pods_max, "{}", node.name);
    }
    for pod in revision.pods.values() {
        check_pod(revision, pod, &mut addresses, &mut live);
    }
    let (gateway_ip, gateway) = revision.network.gateway;
    assert!(live.insert(gateway) && addresses.insert(gateway_ip, gateway).is_none());
    assert!(live.insert(revision.network.internet));
    assert_eq!(revision.netns.keys().copied().collect::<BTreeSet<_>>(), live);
    assert_eq!(revision.addresses.iter().map(|(ip, id)| (*ip, *id)).collect::<BTreeMap<_, _>>(), addresses);
    check_indexes(revision);
    check_controllers(revision);
    super::services::check_allocations(revision);
    super::endpoints::check_slices(revision);
}

fn check_pod(
    revision: &Revision,
    pod: &crate::cluster::PodRecord,
    addresses: &mut BTreeMap<std::net::IpAddr, crate::tables::NetnsId>,
    live: &mut BTreeSet<crate::tables::NetnsId>,
) {
    let object = &revision.objects[&pod.object_key()];
    assert_eq!((object.uid, &object.owner, &object.labels), (pod.uid, &pod.owner, &pod.labels), "{}", pod.key);
    let pending = revision.index.pending.get(&pod.queued) == Some(&pod.key);
    assert_eq!(pending, pod.phase == PodPhase::Pending, "{} {:?}", pod.key, pod.phase);
    if let (Some(netns), Some((ip, _)), Some(node)) = (pod.netns, &pod.ip, &pod.node) {
        let node = &revision.nodes[&**node];
        assert_eq!(node.pods.get(&pod.order), Some(&pod.key));
        if pod.host_network {
            assert_eq!((netns, *ip), (node.netns, node.ip), "{}", pod.key);
        } else {
            assert!(live.insert(netns) && addresses.insert(*ip, netns).is_none(), "{}", pod.key);
            assert_eq!(revision.netns.get(&netns), Some(&NetnsOwner::Pod(pod.key.clone())));
            assert_eq!(node.reserved.get(ip), Some(&pod.key), "{}", pod.key);
        }
    } else {
        assert!(pod.netns.is_none() && pod.ip.is_none(), "{}", pod.key);
    }
}

fn check_indexes(revision: &Revision) {
    let mut children: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for object in revision.objects.values() {
        assert_eq!(revision.by_uid.get(&object.uid), Some(&object.key));
        if let Some(owner) = &object.owner {
            children.entry(owner.uid).or_default().insert(object.key.clone());
        }
    }
    assert_eq!(revision.by_uid.len(), revision.objects.len());
    let indexed = revision.children.iter().map(|(uid, keys)| (*uid, keys.iter().cloned().collect()));
    assert_eq!(indexed.collect::<BTreeMap<_, BTreeSet<_>>>(), children);
    let mut orphans = BTreeSet::new();
    for pod in revision.pods.values().filter(|pod| pod.owner.is_none()) {
        for (name, value) in pod.labels.iter() {
            orphans.insert(((pod.key.namespace.clone(), name.clone(), value.clone()), pod.key.clone()));
        }
    }
    let indexed = revision.index.orphans.iter().flat_map(|(pair, keys)| keys.iter().map(|k| (pair.clone(), k.clone())));
    assert_eq!(indexed.collect::<BTreeSet<_>>(), orphans);
    let mut last: Option<ipnet::IpNet> = None;
    for (net, name) in revision.index.subnets.values() {
        assert_eq!(revision.nodes[&**name].pod_cidr.as_ref().map(|(net, _)| net), Some(net));
        assert!(last.is_none_or(|last| last.broadcast() < net.network()));
        last = Some(*net);
    }
}

fn check_controllers(revision: &Revision) {
    for object in revision.objects.values() {
        let Some(workload) = object.workload() else { continue };
        let counts = crate::cluster::api::replica_counts(revision, object);
        if object.key.is("DaemonSet") {
            let pods = revision.children.get(&object.uid).into_iter().flatten();
            let nodes: BTreeSet<_> = pods
                .filter_map(|key| {
                    let pod = &revision.pods[&key.as_pod()?];
                    pod.node.clone().or_else(|| pod.meant_for.clone())
                })
                .collect();
            assert_eq!(nodes.len(), counts.current as usize, "{}", object.key);
        } else if object.key.is("Deployment") && !workload.paused {
            // Where Pods do not become ready a rollout stops half-way, within its fenceposts.
            let most = workload.replicas + workload.max_surge;
            assert!((counts.ready..=most).contains(&counts.current), "{} {counts:?}", object.key);
            if counts.updated == workload.replicas && counts.ready == counts.current {
                assert_eq!(counts.current, workload.replicas, "{}", object.key);
            }
        } else if object.key.is("StatefulSet") {
            // A Pod that does not become ready holds up those behind it.
            assert!(counts.current <= workload.replicas, "{} {counts:?}", object.key);
            assert!(counts.current == workload.replicas || counts.ready < counts.current, "{} {counts:?}", object.key);
        } else if !workload.paused {
            assert_eq!(counts.current, workload.replicas, "{}", object.key);
        }
    }
}

/// What must be equal however a state was reached: everything but names, addresses and places that were drawn.
fn essence(revision: &Revision) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for object in revision.objects.values() {
        let made = object.owner.is_some();
        let counts = crate::cluster::api::replica_counts(revision, object);
        let old = object.key.is("ReplicaSet") && counts.desired == 0;
        // Whether a Pod that a workload took in survives, or one that it had made, depends on the order; upstream, too.
        if !made && !old && !object.key.is("Pod") {
            lines.push(format!("{} {} {:?}", object.key, object.key.namespace, counts));
        }
    }
    for node in revision.nodes.values() {
        let daemons = node
            .pods
            .values()
            .filter(|key| {
                let owner = &revision.pods[key].owner;
                owner.as_ref().is_some_and(|owner| owner.key.is("DaemonSet"))
            })
            .count();
        lines.push(format!("{} {} {} {daemons}", node.name, node.ip, node.control_plane));
    }
    for service in revision.services.values() {
        let slices: Vec<_> = revision.slices(&service.key).map(|(_, slice)| slice).collect();
        let endpoints = || slices.iter().flat_map(|slice| &slice.endpoints);
        let ports: BTreeSet<_> = slices.iter().flat_map(|slice| &slice.ports).map(|port| port.port).collect();
        let ready = endpoints().filter(|endpoint| endpoint.ready).count();
        let had = (service.cluster_ips.len(), service.node_ports.iter().flatten().count(), service.ingress.len());
        lines.push(format!("{} {ready} of {} {ports:?} {had:?}", service.key, endpoints().count()));
    }
    lines.push(format!("{:?}", revision.network.pod_network));
    lines
}

/// A random file: nodes or not, Pods, workloads, Services.
fn random_text(bits: &mut impl FnMut(u64) -> u64) -> String {
    let mut text = String::new();
    if bits(3) == 0 {
        for n in 0..1 + bits(4) {
            // Where no Pod can run a rollout stops half-way, and how it got there matters; upstream, too.
            let kinds = if n == 0 { 1 } else { 4 };
            let taint = ["", "", "spec: {taints: [{key: a, effect: NoSchedule}]}\n", "spec: {unschedulable: true}\n"];
            text += &node(&format!("n{n}"), &format!("172.18.0.{}", 20 + n), taint[bits(kinds) as usize]);
        }
    }
    for name in ["a", "b", "c", "d"] {
        let spec = ["", "  hostNetwork: true\n", "  nodeName: worker-1\n", "  nodeSelector: {disk: n1}\n"];
        if bits(2) == 0 {
            let (app, spec) = (["a", "web", "db"][bits(3) as usize], spec[bits(4) as usize]);
            // Workloads take in only what runs: how many of theirs are ready would depend on the order.
            let app = if spec.is_empty() { app } else { "a" };
            text += &pod(name, spec).replace(&format!("{{app: {name}}}"), &format!("{{app: {app}}}"));
        }
    }
    for name in ["web", "db"] {
        let image = ["nginx:1", "nginx:2", "httpd"][bits(3) as usize];
        let made = deployment(name, bits(6) as u32, image);
        match bits(5) {
            0 => text += &made,
            1 => text += &made.replace("kind: Deployment", "kind: ReplicaSet"),
            2 => {
                let replicas = made.lines().find(|line| line.contains("replicas:")).unwrap_or("").to_owned() + "\n";
                text += &made.replace("kind: Deployment", "kind: DaemonSet").replace(&replicas, "");
            }
            3 => {
                text += &made
                    .replace("kind: Deployment", "kind: StatefulSet")
                    .replace("  selector:", "  serviceName: x\n  selector:")
            }
            _ => {}
        }
        let spec =
            ["", "  clusterIP: None\n", "  type: NodePort\n", "  type: LoadBalancer\n", "  clusterIP: 10.96.0.99\n"];
        let made = super::services::service(name, spec[bits(5) as usize]);
        match bits(4) {
            0 => text += &made,
            1 => text += &made.replace("{port: 80}", "{port: 80, targetPort: http}"),
            2 => text += &made.replace(&format!("  selector: {{app: {name}}}\n"), ""),
            _ => {}
        }
    }
    text
}

#[test]
fn edits_lead_where_a_fresh_start_leads() {
    for seed in 0..40u64 {
        let mut drawn = 0;
        let mut bits = |bound: u64| {
            drawn += 1;
            identity::bits(seed, &["edit", &drawn.to_string()]) % bound
        };
        let mut cluster = start(Options { seed, ..Options::default() });
        cluster.open_file("a.yaml", "", true, 0);
        let mut text = String::new();
        for step in 0..8 {
            let next = random_text(&mut bits);
            let applied = cluster.edit_file("a.yaml", &next, step);
            assert!(applied.committed, "seed {seed}: {}\n{next}", rendered(&cluster, &applied));
            text = next;
            check(cluster.revision());
            if bits(4) == 0 {
                let keys: Vec<ObjectKey> =
                    cluster.revision().list("Pod", Some("default")).map(|o| o.key.clone()).collect();
                let of_controller = |key: &&ObjectKey| !cluster.revision().owners(key).is_empty();
                if let Some(key) = keys.iter().find(of_controller) {
                    cluster.delete(std::slice::from_ref(key), step);
                    check(cluster.revision());
                }
            }
        }
        let mut fresh = start(Options { seed, ..Options::default() });
        fresh.open_file("a.yaml", &text, true, 0);
        check(fresh.revision());
        assert_eq!(essence(cluster.revision()), essence(fresh.revision()), "seed {seed}\n{text}");
    }
}

#[test]
fn edits_with_pods_that_cannot_run_settle() {
    for seed in 0..40u64 {
        let mut drawn = 0;
        let mut bits = |bound: u64| {
            drawn += 1;
            identity::bits(seed, &["stuck", &drawn.to_string()]) % bound
        };
        let mut cluster = start(Options { seed, ..Options::default() });
        cluster.open_file("a.yaml", "", true, 0);
        for step in 0..12 {
            let command = ["nginx", "nginx:2", "busybox\n        command: [\"false\"]", "nginx"][bits(4) as usize];
            let strategy = ["", "  strategy: {type: Recreate}\n", "  paused: true\n", ""][bits(4) as usize];
            let selector = ["", "", "      nodeSelector: {disk: none}\n"][bits(3) as usize];
            let text = deployment("web", bits(9) as u32, command)
                .replace("  selector:", &format!("{strategy}  selector:"))
                .replace("    spec:\n      containers:", &format!("    spec:\n{selector}      containers:"));
            let applied = cluster.edit_file("a.yaml", &text, step);
            assert!(applied.committed, "seed {seed}: {}\n{text}", rendered(&cluster, &applied));
            check(cluster.revision());
        }
        // What can run ends every rollout, whatever was stuck before.
        cluster.edit_file("a.yaml", &deployment("web", 4, "httpd"), 12);
        check(cluster.revision());
        assert_eq!(places(&cluster, "default").len(), 4, "seed {seed}");
    }
}
