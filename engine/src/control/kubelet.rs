//! The kubelets: sandboxes with addresses for the Pods bound to each node, and what becomes of their containers.
//!
//! Models the CNI plugin chain of kube-flannel (flannel → bridge → host-local) as data: which address a Pod reserves,
//! or why its sandbox fails.

use super::containers::{Fate, Fates};
use super::network::usable;
use crate::cluster::{
    Cni, Draft, FlannelConfig, NetnsOwner, NodeRecord, ObjectKey, PodKey, PodPhase, PodReason, Typed, Work,
};
use crate::net::Family;
use crate::tables::Origin;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Tries the Pods without a sandbox on each node where something changed; those with a given address first, so that
/// nobody else is handed it.
pub fn reconcile(draft: &mut Draft) {
    for key in std::mem::take(&mut draft.probe_again) {
        let Some(pod) = draft.revision.pods.get(&key).cloned() else { continue };
        let Some(node) = pod.node.as_ref().and_then(|name| draft.revision.nodes.get(name)).cloned() else { continue };
        let unready = super::readiness::unready(&pod, &node, &pod.failing);
        draft.change_pod(&key, |record| record.unready = unready);
    }
    let mut fates = Fates::default();
    let mut last = None;
    for name in std::mem::take(&mut draft.dirty_sandboxes) {
        let Some(node) = draft.revision.nodes.get(&*name).cloned() else { continue };
        let is_given = |key: &PodKey| draft.revision.pods.get(key).is_some_and(|pod| pod.ip_given);
        let (given, rest): (Vec<PodKey>, Vec<PodKey>) = node.waiting.values().cloned().partition(is_given);
        for key in given.into_iter().chain(rest) {
            add(draft, &name, &key, &mut fates);
            let owner = draft.revision.pods.get(&key).and_then(|pod| pod.owner.as_ref());
            if let Some(set) = owner.filter(|owner| owner.key.is("StatefulSet")) {
                // The next ordinal may have waited for this one.
                draft.work.insert(Work::StatefulSet(set.key.clone()));
            } else if let Some(owner) = owner.filter(|owner| last != Some(owner.uid)).cloned() {
                last = Some(owner.uid);
                go_on(draft, &owner.key);
            }
        }
    }
}

/// A rollout may have waited for this ReplicaSet's Pods.
fn go_on(draft: &mut Draft, replica_set: &ObjectKey) {
    let owner = draft.revision.objects.get(replica_set).and_then(|object| object.owner.as_ref());
    if let Some(owner) = owner.filter(|owner| owner.key.is("Deployment")) {
        draft.work.insert(Work::Rollout(owner.key.clone()));
    }
}

/// `status.podIPs` as the Pod's manifest gives them: at most one of each family.
pub fn given_ips(draft: &Draft, key: &PodKey) -> Vec<IpAddr> {
    let Some(object) = draft.revision.objects.get(&ObjectKey::pod(key)) else { return Vec::new() };
    let Typed::Pod { given, .. } = &object.typed else { return Vec::new() };
    let mut ips: Vec<IpAddr> = Vec::new();
    for ip in given.pod_ip.iter().chain(&given.pod_ips) {
        if !ips.iter().any(|other| other.is_ipv4() == ip.is_ipv4()) {
            ips.push(*ip);
        }
    }
    ips
}

/// RunPodSandbox: the namespace, the address, then the containers.
fn add(draft: &mut Draft, node_name: &Arc<str>, key: &PodKey, fates: &mut Fates) {
    let (Some(pod), Some(node)) =
        (draft.revision.pods.get(key).cloned(), draft.revision.nodes.get(&**node_name).cloned())
    else {
        return;
    };
    let failing = match fates.of(draft, &pod, &node) {
        Fate::Runs(failing) => failing,
        Fate::Ended(well) => return draft.end_pod(node_name, key, well),
    };
    let given = if pod.ip_given { given_ips(draft, key) } else { Vec::new() };
    let (corefile, broken) = super::coredns::start(&draft.revision, &pod);
    let failing: Arc<[_]> = match broken {
        Some(broken) if !failing.iter().any(|container| container.index == broken.index) => {
            failing.iter().cloned().chain([broken]).collect()
        }
        _ => failing,
    };
    let wired = if pod.host_network {
        let other = node.addresses().find(|(ip, _)| ip.is_ipv4() != node.ip.is_ipv4());
        Ok([Some((node.ip, node.ip_origin.clone())), other.map(|(ip, origin)| (ip, origin.clone()))])
    } else if given.is_empty() {
        reserve(draft, &node, key)
    } else {
        let origin = || Origin::object(pod.uid, "status.podIP");
        let taken = given.iter().try_for_each(|ip| take_given(draft, key, *ip));
        taken.map(|()| [Some((given[0], origin())), given.get(1).map(|ip| (*ip, origin()))])
    };
    let [first, second] = match wired {
        Ok(wired) => wired,
        Err(message) => return fail(draft, key, message),
    };
    let from_range = !pod.host_network && given.is_empty();
    let ips = || first.iter().chain(&second).map(|(ip, _)| *ip);
    let netns = if pod.host_network { node.netns } else { draft.new_netns(NetnsOwner::Pod(key.clone())) };
    draft.revision.index.next_order += 1;
    let (order, number) = (draft.revision.index.next_order, draft.revision.number);
    if !pod.host_network {
        for ip in ips() {
            draft.revision.addresses.insert(ip, netns);
        }
    }
    if let Some(node) = draft.revision.nodes.get_mut(&**node_name) {
        let node = Arc::make_mut(node);
        node.waiting.remove(&pod.queued);
        node.pods.insert(order, key.clone());
        node.pods_version = number;
        for ip in ips().filter(|_| !pod.host_network) {
            node.reserved.insert(ip, key.clone());
            let second = node.second.as_mut().filter(|second| second.net.contains(&ip));
            match second.map(|second| &mut second.last_reserved_ip).or(Some(&mut node.last_reserved_ip)) {
                Some(last) if from_range => *last = Some(ip),
                _ => {}
            }
            node.bridge_made = true;
        }
    }
    if !pod.host_network {
        super::calico::note_borrowed(draft, &node, &ips().collect::<Vec<_>>());
    }
    let now = draft.revision.at_ns;
    if let Some(record) = draft.revision.pods.get_mut(key) {
        let record = Arc::make_mut(record);
        record.netns = Some(netns);
        (record.ip, record.second_ip) = (first, second.map(Box::new));
        record.order = order;
        record.phase = if failing.is_empty() { PodPhase::Running } else { PodPhase::CrashLoopBackOff };
        record.reason = failing.first().map_or(PodReason::None, |failing| PodReason::Failing(failing.message.clone()));
        record.unready = super::readiness::unready(record, &node, &failing);
        record.corefile = corefile;
        record.failing = failing;
        record.started_at_ns = Some(now);
        record.version = number;
    }
    draft.wake_services(key);
    draft.follow_again(key);
}

fn fail(draft: &mut Draft, key: &PodKey, message: String) {
    let reason = PodReason::Sandbox(message.into());
    if let Some(record) = draft.revision.pods.get_mut(key)
        && record.reason != reason
    {
        Arc::make_mut(record).reason = reason;
    }
}

/// A Pod's addresses, of which the first is of the family of the node's own first one.
type Addresses = [Option<(IpAddr, Origin)>; 2];

/// The next address of each of the node's ranges, in the kubelet's order (pkg/kubelet sortPodIPs). Err: the plugin's
/// words.
fn reserve(draft: &mut Draft, node: &NodeRecord, key: &PodKey) -> Result<Addresses, String> {
    let network = draft.revision.network.clone();
    let mut found = match &network.cni {
        Cni::Flannel(config) => reserve_of_subnets(node, config)?,
        Cni::Calico(config) => super::calico::reserve(draft, &node.name, config)?,
        Cni::Cilium(config) => super::cilium::reserve(draft, node, key, config)?,
    };
    found.sort_by_key(|(ip, _)| ip.is_ipv4() != node.ip.is_ipv4());
    let mut found = found.into_iter();
    Ok([found.next(), found.next()])
}

fn reserve_of_subnets(node: &NodeRecord, flannel: &FlannelConfig) -> Result<Vec<(IpAddr, Origin)>, String> {
    let mut found = Vec::new();
    for (at, (net, origin)) in node.subnets().enumerate() {
        if flannel.serves(Family::of(net.addr())) {
            let last =
                if at == 0 { node.last_reserved_ip } else { node.second.as_ref().and_then(|s| s.last_reserved_ip) };
            found.push((reserve_in(node, net, last, found.len())?, origin.clone()));
        }
    }
    if found.is_empty() {
        return Err("plugin type=\"flannel\" failed (add): loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory".to_owned());
    }
    Ok(found)
}

/// The next address of a range. Models host-local's allocator: it goes on after the last reserved address, and the
/// gateway is never given out.
fn reserve_in(node: &NodeRecord, net: &IpNet, last: Option<IpAddr>, range: usize) -> Result<IpAddr, String> {
    // Bigger ranges than a node can hold Pods of need not be searched to the end.
    let size = range_size(net).min(70_000);
    let last = last.and_then(|ip| offset(net, ip)).unwrap_or(0).min(size);
    let candidates = (1..=size).map(|step| (last + step - 1) % size + 1);
    for n in candidates {
        let Some(ip) = super::builtin::nth_address(net, n) else { continue };
        if n != 1 && usable(net, ip) && !node.reserved.contains_key(&ip) {
            return Ok(ip);
        }
    }
    let end = super::builtin::nth_address(net, range_size(net));
    let (start, end) = (super::builtin::nth_address(net, 1), end);
    let show = |ip: Option<IpAddr>| ip.map_or_else(String::new, |ip| ip.to_string());
    Err(format!(
        "plugin type=\"flannel\" failed (add): failed to delegate add: failed to allocate for range {range}: no IP \
         addresses available in range set: {}-{}",
        show(start),
        show(end)
    ))
}

/// How many addresses a range has from `.1` on; an IPv4 network's last one is its broadcast address.
fn range_size(net: &IpNet) -> u32 {
    let bits = u32::from(net.max_prefix_len() - net.prefix_len()).min(31);
    let all = (1u32 << bits) - 1;
    if net.addr().is_ipv4() { all.saturating_sub(1) } else { all }
}

fn offset(net: &IpNet, ip: IpAddr) -> Option<u32> {
    match (net.network(), ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => u32::from(ip).checked_sub(u32::from(net)),
        (IpAddr::V6(net), IpAddr::V6(ip)) => u128::from(ip).checked_sub(u128::from(net)).map(|n| n as u32),
        _ => None,
    }
}

/// A given address is taken as it is; whoever was handed it before gets another one. Err: another Pod was given it, too.
fn take_given(draft: &mut Draft, key: &PodKey, ip: IpAddr) -> Result<(), String> {
    let Some(holder) = draft.revision.addresses.get(&ip).copied() else { return Ok(()) };
    match draft.revision.netns.get(&holder).cloned() {
        Some(NetnsOwner::Pod(other)) if other != *key => {
            let record = draft.revision.pods.get(&other).cloned();
            let Some(node) = record.as_ref().filter(|pod| !pod.ip_given).and_then(|pod| pod.node.clone()) else {
                return Err(format!("the address {ip} is given to Pod {other}, too"));
            };
            draft.unbind(&other);
            draft.bind(&other, &node);
            Ok(())
        }
        Some(NetnsOwner::Node(other)) => Err(format!("the address {ip} is that of node {other}")),
        _ => Ok(()),
    }
}
