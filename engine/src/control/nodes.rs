//! Nodes join, get their share of the Pod network, change and leave.
//!
//! Models kube-controller-manager's range allocator (pkg/controller/nodeipam/ipam) and taint eviction.

use super::builtin::{CONTROL_PLANE, nth_address};
use super::network::usable;
use crate::cluster::{Draft, NetnsOwner, NodeRecord, Object, ObjectKey, PodKey, Provenance, Typed, Work, identity};
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

/// The node's InternalIP and its index in `status.addresses`, IPv4 before IPv6.
pub fn internal_ip(node: &NodeObject) -> Option<(IpAddr, usize)> {
    let internal = node.addresses.iter().enumerate().filter(|(_, address)| &*address.address_type == "InternalIP");
    let mut ips: Vec<(IpAddr, usize)> = internal.filter_map(|(at, a)| Some((a.address.parse().ok()?, at))).collect();
    ips.sort_by_key(|(ip, _)| ip.is_ipv6());
    ips.first().copied()
}

/// The node's `spec.podCIDR`, IPv4 before IPv6, and where it stands.
pub fn given_cidr(node: &NodeObject) -> Option<(IpNet, Span)> {
    let v4 = node.pod_cidrs.iter().find(|(net, _)| net.addr().is_ipv4());
    v4.or(node.pod_cidrs.first()).map(|(net, span)| (net.trunc(), *span))
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
        draft.revision.index.next_block = 0;
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
        allocate_cidr(draft, &object.key.name);
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
    let Some((ip, ip_origin)) = address(draft, object, node, old.as_deref()) else { return };
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
        ip_given: internal_ip(node).is_some(),
        ip_origin,
        ..match old.as_deref() {
            Some(old) => old.clone(),
            None => newcomer(draft, object, ip),
        }
    };
    let moved = old.as_ref().is_none_or(|old| old.ip != record.ip);
    if moved {
        if let Some(old) = &old
            && draft.revision.addresses.get(&old.ip) == Some(&old.netns)
        {
            draft.revision.addresses.remove(&old.ip);
        }
        draft.revision.addresses.insert(record.ip, record.netns);
        draft.revision.nodes_version = number;
    }
    let taints_changed = old.as_ref().is_some_and(|old| old.taints != record.taints);
    draft.revision.nodes.insert(name.clone(), Arc::new(record));
    if let Some((net, span)) = given_cidr(node) {
        take_given_cidr(draft, object, net, span);
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
        pod_cidr: None,
        pod_cidr_given: false,
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
        bridge_made: false,
        created_at_ns: draft.revision.at_ns,
    }
}

/// The node's address: as given, as it has it, or the next free one. `None` after an error.
fn address(
    draft: &mut Draft,
    object: &Object,
    node: &NodeObject,
    old: Option<&NodeRecord>,
) -> Option<(IpAddr, Origin)> {
    if let Some((ip, at)) = internal_ip(node) {
        let holder = draft.revision.addresses.get(&ip).filter(|holder| old.is_none_or(|old| old.netns != **holder));
        match holder.and_then(|holder| draft.revision.netns.get(holder)).cloned() {
            Some(NetnsOwner::Node(other)) => {
                let span = node.addresses[at].span;
                let message = format!("node {other:?} already has the address {ip}");
                draft.diagnostics.error("address-twice", span, message).hint("every node needs an address of its own");
                return None;
            }
            Some(NetnsOwner::Gateway) => drop(draft.revision.addresses.remove(&ip)),
            _ => {}
        }
        let path = format!("status.addresses[{at}].address");
        return Some((ip, Origin::Object { uid: object.uid, path: path.into() }));
    }
    if let Some(old) = old.filter(|old| !old.ip_given && draft.revision.network.node_network.0.contains(&old.ip)) {
        return Some((old.ip, old.ip_origin.clone()));
    }
    let net = draft.revision.network.node_network.0;
    let start = draft.revision.nodes.len() as u32 + 2;
    let candidates = (start..start.saturating_add(70_000)).chain(2..start);
    let mut free = candidates.filter_map(|n| nth_address(&net, n)).filter(|ip| usable(&net, *ip));
    let ip = free.find(|ip| !draft.revision.addresses.contains_key(ip));
    if ip.is_none() {
        let message = format!("no address is left for node {:?} in {net}", &*object.key.name);
        draft.diagnostics.error("node-network-full", object.written().span, message);
    }
    Some((ip?, Origin::default("cluster", "the next free address of the node network")))
}

fn take_given_cidr(draft: &mut Draft, object: &Object, net: IpNet, span: Span) {
    let name = &object.key.name;
    let Some(record) = draft.revision.nodes.get(&**name) else { return };
    if record.pod_cidr_given && record.pod_cidr.as_ref().is_some_and(|(old, _)| *old == net) {
        return;
    }
    release_cidr(draft, name);
    if let Some((other, holder)) = overlapping(draft, &net) {
        let given = draft.revision.nodes.get(&*holder).is_some_and(|record| record.pod_cidr_given);
        if given {
            let message = format!("the Pod subnet {net} overlaps {other} of node {holder:?}");
            draft.diagnostics.error("pod-subnets-overlap", span, message).hint("every node needs a subnet of its own");
            return;
        }
        // What was found for another node makes room for what is given.
        release_cidr(draft, &holder);
        allocate_later(draft, &holder);
    }
    let pods = draft.revision.network.pod_network.0;
    if !pods.contains(&net) {
        let message = format!("the Pod subnet {net} is not part of the Pod network {pods}");
        let hint = "Flannel routes and masquerades by the Pod network: Pods here will be unreachable from others";
        draft.diagnostics.warning("pod-subnet-outside", span, message).hint(hint);
    }
    let index = object.written().at("spec.podCIDRs[0]").span == span;
    let path = if index { "spec.podCIDRs[0]" } else { "spec.podCIDR" };
    set_cidr(draft, name, net, Origin::object(object.uid, path), true);
}

/// Another node's subnet that shares addresses with this one.
fn overlapping(draft: &Draft, net: &IpNet) -> Option<(IpNet, Arc<str>)> {
    let subnets = &draft.revision.index.subnets;
    let before = subnets.range(..=net.network()).next_back().filter(|(_, (other, _))| other.contains(&net.network()));
    let within = || subnets.range(net.network()..=net.broadcast()).next();
    before.or_else(within).map(|(_, (other, name))| (*other, name.clone()))
}

fn set_cidr(draft: &mut Draft, name: &Arc<str>, net: IpNet, origin: Origin, given: bool) {
    draft.revision.index.subnets.insert(net.network(), (net, name.clone()));
    draft.revision.nodes_version = draft.revision.number;
    if let Some(record) = draft.revision.nodes.get_mut(&**name) {
        let record = Arc::make_mut(record);
        (record.pod_cidr, record.pod_cidr_given, record.last_reserved_ip) = (Some((net, origin)), given, None);
        // A subnet never changes while a node lives: the machine has been reset.
        record.bridge_made = false;
    }
    rewire(draft, name, false);
}

fn release_cidr(draft: &mut Draft, name: &Arc<str>) {
    let Some(record) = draft.revision.nodes.get_mut(&**name) else { return };
    let Some((net, _)) = Arc::make_mut(record).pod_cidr.take() else { return };
    draft.revision.index.subnets.remove(&net.network());
    draft.revision.nodes_version = draft.revision.number;
}

fn allocate_later(draft: &mut Draft, name: &Arc<str>) {
    draft.dirty_nodes.insert(name.clone());
    draft.work.insert(Work::Nodes);
}

/// Gives a node without a Pod subnet the next free block of the Pod network, if one is left.
fn allocate_cidr(draft: &mut Draft, name: &Arc<str>) {
    let pods = draft.revision.network.pod_network.0;
    let Some(record) = draft.revision.nodes.get(&**name).cloned() else { return };
    match &record.pod_cidr {
        Some(_) if record.pod_cidr_given => return,
        Some((net, _)) if pods.contains(net) => return,
        Some(_) => release_cidr(draft, name),
        None => {}
    }
    let mask = if pods.addr().is_ipv4() { MASK_V4 } else { MASK_V6 };
    let bits = u32::from(mask.saturating_sub(pods.prefix_len())).min(20);
    let blocks = 1u32 << bits;
    if draft.revision.index.subnets.len() < blocks as usize * 2 {
        for step in 0..blocks {
            let block = (draft.revision.index.next_block + step) % blocks;
            let Some(net) = block_at(&pods, mask, block) else { continue };
            if overlapping(draft, &net).is_none() {
                draft.revision.index.next_block = (block + 1) % blocks;
                let reason = "the next free block of the Pod network (--cluster-cidr, --node-cidr-mask-size)";
                set_cidr(draft, name, net, Origin::default("kube-controller-manager", reason), false);
                return;
            }
        }
    }
    if let Some(object) = draft.revision.objects.get(&ObjectKey::node(name)) {
        let span = object.written().span;
        let message = format!("node {name:?} gets no Pod subnet: {pods} has none left (CIDRNotAvailable)");
        draft.diagnostics.warning("no-pod-subnet", span, message).hint("take a larger Pod subnet, such as 10.0.0.0/8");
    }
}

fn block_at(net: &IpNet, mask: u8, block: u32) -> Option<IpNet> {
    let ip = match net.network() {
        IpAddr::V4(ip) => IpAddr::from((u32::from(ip) | (block << (32 - mask))).to_be_bytes()),
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) | (u128::from(block) << (128 - u32::from(mask)))).to_be_bytes()),
    };
    IpNet::new(ip, mask).ok()
}

/// The node network's first address that no node has.
fn place_gateway(draft: &mut Draft) {
    let network = draft.revision.network.clone();
    let (old, netns) = network.gateway;
    let net = network.node_network.0;
    let free = |ip: &IpAddr| draft.revision.addresses.get(ip).is_none_or(|holder| *holder == netns);
    let mut candidates = (1..70_000).map_while(|n| nth_address(&net, n)).filter(|ip| usable(&net, *ip));
    let Some(ip) = candidates.find(free) else { return };
    draft.revision.addresses.insert(ip, netns);
    if ip != old {
        if draft.revision.addresses.get(&old) == Some(&netns) {
            draft.revision.addresses.remove(&old);
        }
        let mut network = (*network).clone();
        network.gateway = (ip, netns);
        draft.revision.network = Arc::new(network);
        draft.revision.nodes_version = draft.revision.number;
    }
}

fn pods_on(record: &NodeRecord) -> Vec<PodKey> {
    record.pods.values().chain(record.waiting.values()).cloned().collect()
}

/// New sandboxes for the node's Pods, as its subnet (or its own address) has changed.
fn rewire(draft: &mut Draft, name: &Arc<str>, host_network: bool) {
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
    release_cidr(draft, name);
    if draft.revision.addresses.get(&record.ip) == Some(&record.netns) {
        draft.revision.addresses.remove(&record.ip);
    }
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
