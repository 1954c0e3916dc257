//! Cilium's address management: a share of the pool for each node, which cilium-operator hands out, an address of it for
//! `cilium_host`, and those of the Pods. Models pkg/ipam and operator/pkg/ipam/allocator/clusterpool of Cilium 1.18; which
//! addresses are drawn is not Go's doing.

use super::builtin::nth_address;
use super::calico::{change_blocks, claim, given_ips};
use super::network::usable;
use crate::cluster::{CiliumConfig, Draft, NodeRecord, PodKey, identity};
use crate::net::Family;
use crate::tables::Origin;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// How many shares of the pool are looked at for a free one.
const SEARCH_MAX: u32 = 70_000;

/// What nodes take as they join: the shares that the given addresses of their Pods are in, else the next one of the pool;
/// then an address for the router.
pub fn join(draft: &mut Draft, names: &[Arc<str>]) {
    let network = draft.revision.network.clone();
    let Some(config) = network.cni.cilium() else { return };
    let mut given: BTreeMap<Arc<str>, Vec<IpNet>> = BTreeMap::new();
    for (name, ip) in given_ips(draft).into_iter().filter(|(_, ip)| ip.is_ipv4()) {
        let share = IpNet::new(ip, config.mask_size).map_or(IpNet::from(ip), |net| net.trunc());
        given.entry(name).or_default().push(share);
    }
    for name in names {
        let of_pods = given.get(name).map_or(&[][..], |shares| shares);
        let Some(node) = draft.revision.nodes.get(&**name).cloned() else { continue };
        let wanted = match &config.pool {
            None => node.subnet_of(Family::V4).map(|(net, _)| vec![net.trunc()]).unwrap_or_default(),
            Some(_) => of_pods.to_vec(),
        };
        let fits = |net: &IpNet| match &config.pool {
            None => wanted.contains(net),
            Some((pool, _)) if wanted.is_empty() => pool.contains(net) && net.prefix_len() == config.mask_size,
            Some(_) => wanted.contains(net),
        };
        release(draft, name, |net| !fits(net));
        for net in &wanted {
            claim(draft, name, *net);
        }
    }
    for name in names {
        if let Some((pool, _)) = &config.pool
            && draft.revision.nodes.get(&**name).is_some_and(|node| node.blocks.is_empty())
        {
            claim_next(draft, name, pool, config.mask_size);
        }
        take_router_ip(draft, name);
    }
}

/// Gives back shares that the node is not to have.
fn release(draft: &mut Draft, name: &Arc<str>, unwanted: impl Fn(&IpNet) -> bool) {
    let Some(node) = draft.revision.nodes.get(&**name).cloned() else { return };
    let gone: Vec<IpNet> = node.blocks.iter().map(|block| block.net).filter(|net| unwanted(net)).collect();
    if gone.is_empty() {
        return;
    }
    for net in &gone {
        draft.revision.index.blocks.remove(&net.network());
    }
    change_blocks(draft, name, |blocks| blocks.retain(|block| !gone.contains(&block.net)));
}

/// The first share of the pool that nobody has.
fn claim_next(draft: &mut Draft, name: &Arc<str>, pool: &IpNet, mask_size: u8) {
    let bits = u32::from(mask_size.saturating_sub(pool.prefix_len()));
    let count = 1u32.checked_shl(bits).unwrap_or(u32::MAX).min(SEARCH_MAX);
    let size = 1u32 << (32 - u32::from(mask_size)).min(31);
    for n in 0..count {
        let Some(ip) = n.checked_mul(size).and_then(|offset| nth_address(pool, offset)) else { return };
        let Ok(net) = IpNet::new(ip, mask_size) else { return };
        if !draft.revision.index.blocks.contains_key(&ip) && claim(draft, name, net) {
            return;
        }
    }
}

/// An address of the node's first share for `cilium_host`, that no Pod has or was given.
fn take_router_ip(draft: &mut Draft, name: &Arc<str>) {
    let Some(node) = draft.revision.nodes.get(&**name).cloned() else { return };
    let Some(share) = node.blocks.first().filter(|_| node.tunnel_ip(Family::V4).is_none()) else { return };
    let given: Vec<IpAddr> = given_ips(draft).into_iter().map(|(_, ip)| ip).collect();
    let taken = |ip: &IpAddr| draft.revision.addresses.contains_key(ip) || given.contains(ip);
    let router = draw(&share.net, identity::bits(draft.revision.seed, &["cilium_host", name]), taken);
    if router.is_some() {
        change_blocks(draft, name, |blocks| blocks[0].tunnel_ip = router);
    }
}

/// An address of a network that is not taken, from a place on that was drawn.
fn draw(net: &IpNet, bits: u64, taken: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let size = 1u64 << (32 - u32::from(net.prefix_len())).min(16);
    let free = |ip: &IpAddr| usable(net, *ip) && !taken(ip);
    (0..size).filter_map(|step| nth_address(net, ((bits + step) % size) as u32)).find(free)
}

/// An address for a Pod. Err: the plugin's words.
pub fn reserve(
    draft: &mut Draft,
    node: &NodeRecord,
    key: &PodKey,
    config: &CiliumConfig,
) -> Result<Vec<(IpAddr, Origin)>, String> {
    let router = node.tunnel_ip(Family::V4);
    let taken = |ip: &IpAddr| {
        draft.revision.addresses.contains_key(ip) || node.reserved.contains_key(ip) || router == Some(*ip)
    };
    // Another Pod of the same name gets another address.
    let uid = draft.revision.pods.get(key).map_or(0, |pod| (pod.uid.0 >> 64) as u64 ^ pod.uid.0 as u64);
    let bits = identity::bits(uid, &["address"]) >> 1;
    let found = node.blocks.iter().find_map(|share| draw(&share.net, bits, taken));
    let origin = match &config.pool {
        Some((_, origin)) => origin.clone(),
        None => node.subnet_of(Family::V4).map_or(Origin::Kernel, |(_, origin)| origin.clone()),
    };
    found.map(|ip| vec![(ip, origin)]).ok_or_else(|| {
        "plugin type=\"cilium-cni\" failed (add): unable to allocate IP via local cilium agent: [POST /ipam][502] \
         postIpamFailure \"No more IPs available\""
            .to_owned()
    })
}
