//! Nodes join, get their share of the Pod network, change and leave.
//!
//! Models kube-controller-manager's range allocator (pkg/controller/nodeipam/ipam) and taint eviction.

use super::addresses;
use super::builtin::{CONTROL_PLANE, nth_address};
use super::network::usable;
use crate::cluster::{
    Draft, NetnsOwner, Network, NodeRecord, Object, ObjectKey, PodKey, Provenance, SecondSubnet, Typed, Work, identity,
};
use crate::manifest::Span;
use crate::manifest::typed::{NodeObject, TaintEffect};
use crate::tables::Origin;
use imbl::OrdMap;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// `--node-cidr-mask-size`: kubeadm's defaults.
pub const MASK_V4: u8 = 24;
pub const MASK_V6: u8 = 64;

/// The node's `spec.podCIDRs` of the cluster's families, one of each, and where they stand. One of another family counts
/// if there is no other.
fn given_cidrs(network: &Network, node: &NodeObject) -> Vec<(IpNet, Span)> {
    let mut given: Vec<(IpNet, Span)> = Vec::new();
    for (net, span) in &node.pod_cidrs {
        let fits = network.pod_networks().any(|(pods, _)| pods.addr().is_ipv4() == net.addr().is_ipv4());
        if fits && !given.iter().any(|(other, _)| other.addr().is_ipv4() == net.addr().is_ipv4()) {
            given.push((net.trunc(), *span));
        }
    }
    if given.is_empty() {
        given.extend(node.pod_cidrs.first().map(|(net, span)| (net.trunc(), *span)));
    }
    given
}

/// Looks at the nodes that changed: those that left first, then given values, then what has to be found.
pub fn reconcile(draft: &mut Draft) {
    let dirty = std::mem::take(&mut draft.dirty_nodes);
    let mut present: Vec<(Arc<Object>, Arc<NodeObject>)> = Vec::new();
    for name in &dirty {
        let object = draft.revision.objects.get(&ObjectKey::node(name)).cloned();
        match object.map(|object| (object.typed.clone(), object)) {
            Some((Typed::Node(node), object)) => present.push((object, node)),
            _ => leave(draft, name),
        }
    }
    if draft.revision.nodes.is_empty() {
        // Other nodes altogether, as when the default ones give way to those a file names: a cluster from scratch.
        draft.revision.index.next_blocks = [0; 2];
    }
    present.sort_by_key(|(object, _)| object.written().span);
    if draft.revision.nodes.len() + present.len() > 2 * super::NODES_MAX {
        let message = format!("more than {} nodes are not simulated", super::NODES_MAX);
        draft.diagnostics.error("too-many-nodes", present[0].0.written().span, message);
        return;
    }
    for (object, node) in &present {
        join_or_update(draft, object, node);
    }
    for (object, _) in &present {
        allocate_cidrs(draft, &object.key.name);
    }
    let names: Vec<Arc<str>> = present.iter().map(|(object, _)| object.key.name.clone()).collect();
    if draft.revision.network.cni.cilium().is_some() {
        super::cilium::join(draft, &names);
    } else {
        super::calico::join(draft, &names);
    }
    place_gateway(draft);
    let daemon_sets: Vec<ObjectKey> = draft.revision.list("DaemonSet", None).map(|object| object.key.clone()).collect();
    draft.work.extend(daemon_sets.into_iter().map(Work::DaemonSet));
    // The API servers' own addresses stand behind their Service.
    draft.dirty_endpoints.insert(PodKey::new("default", "kubernetes"));
    draft.work.insert(Work::Endpoints);
    draft.retry_pending = true;
    draft.work.insert(Work::Schedule);
}

fn join_or_update(draft: &mut Draft, object: &Arc<Object>, node: &NodeObject) {
    let name = &object.key.name;
    let old = draft.revision.nodes.get(&**name).cloned();
    let Some(mut addresses) = addresses::addresses(draft, object, node, old.as_deref()) else { return };
    let (ip, ip_origin) = addresses.remove(0);
    let number = draft.revision.number;
    let mut taints = node.taints.clone();
    if node.unschedulable {
        // The node lifecycle controller says by a taint what the field says.
        let taint = crate::manifest::typed::Taint {
            key: "node.kubernetes.io/unschedulable".into(),
            value: "".into(),
            effect: TaintEffect::NoSchedule,
        };
        if !taints.contains(&taint) {
            taints.push(taint);
        }
    }
    let record = NodeRecord {
        labels: object.labels.clone(),
        taints: taints.into(),
        control_plane: object.labels.contains_key(CONTROL_PLANE),
        ready: node.ready.unwrap_or(true),
        unschedulable: node.unschedulable,
        pods_max: node.allocatable_pods.or(node.capacity_pods).unwrap_or(110),
        ip,
        ip_given: !addresses::internal_ips(node).is_empty(),
        ip_origin,
        more_ips: addresses.into(),
        ..match old.as_deref() {
            Some(old) => old.clone(),
            None => newcomer(draft, object, ip),
        }
    };
    let moved = old.as_ref().is_none_or(|old| !old.ips().eq(record.ips()));
    if moved {
        if let Some(old) = &old {
            addresses::release(draft, old);
        }
        for ip in record.ips() {
            draft.revision.addresses.insert(ip, record.netns);
        }
        draft.revision.nodes_version = number;
    }
    let taints_changed = old.as_ref().is_some_and(|old| old.taints != record.taints);
    draft.revision.nodes.insert(name.clone(), Arc::new(record));
    let given = given_cidrs(&draft.revision.network, node);
    if !given.is_empty() {
        take_given_cidrs(draft, object, given);
    }
    if moved && old.is_some() {
        rewire(draft, name, true);
    }
    if taints_changed {
        evict_intolerant(draft, name);
    }
}

fn newcomer(draft: &mut Draft, object: &Object, ip: IpAddr) -> NodeRecord {
    let name = object.key.name.clone();
    let index = draft.revision.index.next_node;
    draft.revision.index.next_node += 1;
    draft.revision.index.node_names.insert(index, name.clone());
    NodeRecord {
        uid: object.uid,
        index,
        netns: draft.new_netns(NetnsOwner::Node(name.clone())),
        name,
        ip,
        ip_origin: Origin::Kernel,
        ip_given: false,
        more_ips: Arc::new([]),
        pod_cidr: None,
        pod_cidr_given: false,
        second: None,
        labels: Arc::default(),
        taints: Arc::new([]),
        control_plane: false,
        ready: true,
        unschedulable: false,
        pods_max: 110,
        pods_version: draft.revision.number,
        pods: OrdMap::new(),
        waiting: OrdMap::new(),
        reserved: OrdMap::new(),
        host_ports: OrdMap::new(),
        last_reserved_ip: None,
        blocks: Arc::new([]),
        bridge_made: false,
        created_at_ns: draft.revision.at_ns,
    }
}

fn take_given_cidrs(draft: &mut Draft, object: &Object, given: Vec<(IpNet, Span)>) {
    let name = &object.key.name;
    let Some(record) = draft.revision.nodes.get(&**name) else { return };
    if record.pod_cidr_given && record.pod_cidrs().eq(given.iter().map(|(net, _)| *net)) {
        return;
    }
    release_cidrs(draft, name);
    let mut taken = Vec::new();
    for (net, span) in given {
        if let Some((other, holder)) = overlapping(draft, &net) {
            let given = draft.revision.nodes.get(&*holder).is_some_and(|record| record.pod_cidr_given);
            if given {
                let message = format!("the Pod subnet {net} overlaps {other} of node {holder:?}");
                let problem = draft.diagnostics.error("pod-subnets-overlap", span, message);
                problem.hint("every node needs a subnet of its own");
                return;
            }
            // What was found for another node makes room for what is given.
            release_cidrs(draft, &holder);
            allocate_later(draft, &holder);
        }
        let network = draft.revision.network.clone();
        let of_family = network.pod_networks().find(|(pods, _)| pods.addr().is_ipv4() == net.addr().is_ipv4());
        let (pods, _) = of_family.unwrap_or(&network.pod_network);
        if !pods.contains(&net) {
            let message = format!("the Pod subnet {net} is not part of the Pod network {pods}");
            let hint = "Flannel routes and masquerades by the Pod network: Pods here will be unreachable from others";
            draft.diagnostics.warning("pod-subnet-outside", span, message).hint(hint);
        }
        let at = |path: &str| object.written().at(path).span == span;
        let paths = ["spec.podCIDRs[0]", "spec.podCIDRs[1]"];
        let path = paths.into_iter().find(|path| at(path)).unwrap_or("spec.podCIDR");
        taken.push((net, Origin::object(object.uid, path)));
    }
    set_cidrs(draft, name, taken, true);
}

/// Another node's subnet that shares addresses with this one.
fn overlapping(draft: &Draft, net: &IpNet) -> Option<(IpNet, Arc<str>)> {
    let subnets = &draft.revision.index.subnets;
    let before = subnets.range(..=net.network()).next_back().filter(|(_, (other, _))| other.contains(&net.network()));
    let within = || subnets.range(net.network()..=net.broadcast()).next();
    before.or_else(within).map(|(_, (other, name))| (*other, name.clone()))
}

/// At most two, of different families.
fn set_cidrs(draft: &mut Draft, name: &Arc<str>, subnets: Vec<(IpNet, Origin)>, given: bool) {
    for (net, _) in &subnets {
        draft.revision.index.subnets.insert(net.network(), (*net, name.clone()));
    }
    draft.revision.nodes_version = draft.revision.number;
    if let Some(record) = draft.revision.nodes.get_mut(&**name) {
        let record = Arc::make_mut(record);
        let mut subnets = subnets.into_iter();
        (record.pod_cidr, record.pod_cidr_given, record.last_reserved_ip) = (subnets.next(), given, None);
        record.second = subnets.next().map(|(net, origin)| SecondSubnet { net, origin, last_reserved_ip: None });
        // A subnet never changes while a node lives: the machine has been reset.
        record.bridge_made = false;
    }
    rewire(draft, name, false);
}

fn release_cidrs(draft: &mut Draft, name: &Arc<str>) {
    let Some(record) = draft.revision.nodes.get_mut(&**name) else { return };
    let nets: Vec<IpNet> = record.pod_cidrs().collect();
    if nets.is_empty() {
        return;
    }
    let record = Arc::make_mut(record);
    (record.pod_cidr, record.second) = (None, None);
    for net in nets {
        draft.revision.index.subnets.remove(&net.network());
    }
    draft.revision.nodes_version = draft.revision.number;
}

fn allocate_later(draft: &mut Draft, name: &Arc<str>) {
    draft.dirty_nodes.insert(name.clone());
    draft.work.insert(Work::Nodes);
}

/// Gives a node without Pod subnets the next free block of each Pod network, if one is left.
fn allocate_cidrs(draft: &mut Draft, name: &Arc<str>) {
    let network = draft.revision.network.clone();
    let Some(record) = draft.revision.nodes.get(&**name).cloned() else { return };
    let is_small = |net: &IpNet| net.prefix_len() > if net.addr().is_ipv4() { MASK_V4 } else { MASK_V6 };
    if network.pod_networks().any(|(net, _)| is_small(net)) {
        return release_cidrs(draft, name);
    }
    if record.pod_cidr.is_some() {
        let mut nets = network.pod_networks();
        let fits = record.pod_cidrs().all(|own| nets.next().is_some_and(|(pods, _)| pods.contains(&own)));
        if record.pod_cidr_given || fits && nets.next().is_none() {
            return;
        }
        release_cidrs(draft, name);
    }
    let mut found = Vec::new();
    for (at, (pods, _)) in network.pod_networks().enumerate() {
        let Some(net) = free_block(draft, pods, at.min(1)) else {
            let Some(object) = draft.revision.objects.get(&ObjectKey::node(name)) else { return };
            let span = object.written().span;
            let message = format!("node {name:?} gets no Pod subnet: {pods} has none left (CIDRNotAvailable)");
            let larger = if pods.addr().is_ipv4() { "10.0.0.0/8" } else { "fd00:10:244::/48" };
            let problem = draft.diagnostics.warning("no-pod-subnet", span, message);
            problem.hint(format!("take a larger Pod subnet, such as {larger}"));
            return;
        };
        let reason = "the next free block of the Pod network (--cluster-cidr, --node-cidr-mask-size)";
        found.push((net, Origin::default("kube-controller-manager", reason)));
    }
    set_cidrs(draft, name, found, false);
}

fn free_block(draft: &mut Draft, pods: &IpNet, at: usize) -> Option<IpNet> {
    let mask = if pods.addr().is_ipv4() { MASK_V4 } else { MASK_V6 };
    let bits = u32::from(mask.saturating_sub(pods.prefix_len())).min(20);
    let blocks = 1u32 << bits;
    if draft.revision.index.subnets.len() >= blocks as usize * 2 * (1 + at) {
        return None;
    }
    for step in 0..blocks {
        let block = (draft.revision.index.next_blocks[at] + step) % blocks;
        let Some(net) = block_at(pods, mask, block) else { continue };
        if overlapping(draft, &net).is_none() {
            draft.revision.index.next_blocks[at] = (block + 1) % blocks;
            return Some(net);
        }
    }
    None
}

fn block_at(net: &IpNet, mask: u8, block: u32) -> Option<IpNet> {
    let ip = match net.network() {
        IpAddr::V4(ip) => IpAddr::from((u32::from(ip) | (block << (32 - mask))).to_be_bytes()),
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) | (u128::from(block) << (128 - u32::from(mask)))).to_be_bytes()),
    };
    IpNet::new(ip, mask).ok()
}

/// The node networks' first addresses that no node has.
fn place_gateway(draft: &mut Draft) {
    let network = draft.revision.network.clone();
    let netns = network.gateway.1;
    let olds = [Some(network.gateway.0), network.second.gateway];
    let mut news = [None, None];
    for (at, (net, _)) in network.node_networks().enumerate().take(2) {
        let free = |ip: &IpAddr| draft.revision.addresses.get(ip).is_none_or(|holder| *holder == netns);
        let mut candidates = (1..70_000).map_while(|n| nth_address(net, n)).filter(|ip| usable(net, *ip));
        news[at] = candidates.find(free);
    }
    let Some(first) = news[0] else { return };
    for ip in news.into_iter().flatten() {
        draft.revision.addresses.insert(ip, netns);
    }
    if news != olds {
        for old in olds.into_iter().flatten().filter(|old| !news.contains(&Some(*old))) {
            if draft.revision.addresses.get(&old) == Some(&netns) {
                draft.revision.addresses.remove(&old);
            }
        }
        let mut network = (*network).clone();
        network.gateway = (first, netns);
        network.second.gateway = news[1];
        draft.revision.network = Arc::new(network);
        draft.revision.nodes_version = draft.revision.number;
    }
}

fn pods_on(record: &NodeRecord) -> Vec<PodKey> {
    record.pods.values().chain(record.waiting.values()).cloned().collect()
}

/// New sandboxes for the node's Pods, as its subnets (or its own address) has changed.
pub(super) fn rewire(draft: &mut Draft, name: &Arc<str>, host_network: bool) {
    let Some(record) = draft.revision.nodes.get(&**name).cloned() else { return };
    for key in pods_on(&record) {
        if draft.revision.pods.get(&key).is_some_and(|pod| pod.host_network == host_network) {
            draft.unbind(&key);
            draft.bind(&key, name);
        }
    }
}

fn leave(draft: &mut Draft, name: &Arc<str>) {
    let Some(record) = draft.revision.nodes.get(&**name).cloned() else { return };
    for key in pods_on(&record) {
        evict(draft, &key);
    }
    release_cidrs(draft, name);
    super::calico::leave(draft, name);
    addresses::release(draft, &record);
    draft.revision.netns.remove(&record.netns);
    draft.revision.index.node_names.remove(&record.index);
    draft.revision.nodes.remove(&**name);
    draft.revision.nodes_version = draft.revision.number;
}

/// A taint with NoExecute drives out the Pods that do not tolerate it.
fn evict_intolerant(draft: &mut Draft, name: &Arc<str>) {
    let Some(record) = draft.revision.nodes.get(&**name).cloned() else { return };
    let taints: Vec<_> = record.taints.iter().filter(|taint| taint.effect == TaintEffect::NoExecute).collect();
    if taints.is_empty() {
        return;
    }
    for key in pods_on(&record) {
        let Some(pod) = draft.revision.pods.get(&key) else { continue };
        let tolerated = taints.iter().all(|taint| {
            let from_daemon_set = pod.meant_for.is_some() && super::daemonset::tolerates(taint);
            from_daemon_set || pod.spec.tolerations.iter().any(|toleration| toleration.tolerates(taint))
        });
        if !tolerated {
            evict(draft, &key);
        }
    }
}

/// Ends a Pod. Its controller makes another; a Pod that a manifest asks for starts anew itself.
fn evict(draft: &mut Draft, key: &PodKey) {
    let key = ObjectKey::pod(key);
    let Some(object) = draft.revision.objects.get(&key).cloned() else { return };
    let controlled = object.owner.as_ref().is_some_and(|owner| draft.owner_alive(owner.uid));
    draft.delete(&key);
    if controlled || object.provenance == Provenance::Builtin {
        return;
    }
    let number = draft.revision.number;
    let mut again = Object::clone(&object);
    let parts = [&*key.kind, &*key.namespace, &*key.name, &number.to_string()];
    again.uid = identity::uid(draft.revision.seed, &parts);
    (again.created_at_ns, again.created_revision, again.changed_revision) = (draft.revision.at_ns, number, number);
    draft.insert(again);
}
