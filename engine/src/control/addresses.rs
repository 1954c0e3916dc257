//! The nodes' own addresses: as they are given, or free ones of the nodes' networks.

use super::builtin::nth_address;
use super::network::usable;
use crate::cluster::{Draft, NetnsOwner, NodeRecord, Object};
use crate::manifest::typed::NodeObject;
use crate::net::Family;
use crate::tables::Origin;
use ipnet::IpNet;
use std::net::IpAddr;

/// The node's InternalIPs and their indices in `status.addresses`: the first of each family, then the others.
pub fn internal_ips(node: &NodeObject) -> Vec<(IpAddr, usize)> {
    let internal = node.addresses.iter().enumerate().filter(|(_, address)| &*address.address_type == "InternalIP");
    let mut ips: Vec<(IpAddr, usize)> = Vec::new();
    let mut others: Vec<(IpAddr, usize)> = Vec::new();
    for (at, address) in internal {
        let Ok(ip) = address.address.parse::<IpAddr>() else { continue };
        if ips.iter().chain(&others).any(|(other, _)| *other == ip) {
            continue;
        }
        let known = ips.iter().any(|(other, _)| other.is_ipv4() == ip.is_ipv4());
        if known { others.push((ip, at)) } else { ips.push((ip, at)) }
    }
    ips.append(&mut others);
    ips
}

/// The node's addresses: as given, as it has them, or the next free ones; at least one of each family that Pods have.
/// `None` after an error.
pub fn addresses(
    draft: &mut Draft,
    object: &Object,
    node: &NodeObject,
    old: Option<&NodeRecord>,
) -> Option<Vec<(IpAddr, Origin)>> {
    let given = internal_ips(node);
    let mut found: Vec<(IpAddr, Origin)> = Vec::new();
    for (ip, at) in &given {
        take_given_address(draft, node, (*ip, *at), old)?;
        let path = format!("status.addresses[{at}].address");
        found.push((*ip, Origin::Object { uid: object.uid, path: path.into() }));
    }
    let firsts = 1 + usize::from(given.iter().any(|(ip, _)| ip.is_ipv4() != given[0].0.is_ipv4()));
    let network = draft.revision.network.clone();
    for (net, _) in network.node_networks() {
        let family = Family::of(net.addr());
        let of_pods = network.pod_networks().any(|(pods, _)| Family::of(pods.addr()) == family);
        if given.iter().any(|(ip, _)| Family::of(*ip) == family) || !given.is_empty() && !of_pods {
            continue;
        }
        let at = if given.is_empty() { found.len() } else { firsts.min(found.len()) };
        found.insert(at, free_address(draft, object, net, old)?);
    }
    (!found.is_empty()).then_some(found)
}

/// `None` if another node has it.
fn take_given_address(
    draft: &mut Draft,
    node: &NodeObject,
    (ip, at): (IpAddr, usize),
    old: Option<&NodeRecord>,
) -> Option<()> {
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
    Some(())
}

/// The address that the node has had of this network, or the next free one.
fn free_address(draft: &mut Draft, object: &Object, net: &IpNet, old: Option<&NodeRecord>) -> Option<(IpAddr, Origin)> {
    let found = |origin: &Origin| matches!(origin, Origin::Default { .. });
    let mut had = old.into_iter().flat_map(NodeRecord::addresses);
    if let Some((ip, origin)) = had.find(|(ip, origin)| net.contains(ip) && found(origin)) {
        return Some((ip, origin.clone()));
    }
    let start = draft.revision.nodes.len() as u32 + 2;
    let candidates = (start..start.saturating_add(70_000)).chain(2..start);
    let mut free = candidates.filter_map(|n| nth_address(net, n)).filter(|ip| usable(net, *ip));
    let ip = free.find(|ip| !draft.revision.addresses.contains_key(ip));
    if ip.is_none() {
        let message = format!("no address is left for node {:?} in {net}", &*object.key.name);
        draft.diagnostics.error("node-network-full", object.written().span, message);
    }
    Some((ip?, Origin::default("cluster", "the next free address of the node network")))
}

pub fn release(draft: &mut Draft, record: &NodeRecord) {
    for ip in record.ips() {
        if draft.revision.addresses.get(&ip) == Some(&record.netns) {
            draft.revision.addresses.remove(&ip);
        }
    }
}
