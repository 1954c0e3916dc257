//! Calico's address management: blocks of the pools that are affine to nodes, and addresses out of them.
//!
//! Models libcalico-go lib/ipam of Calico 3.31. Which blocks a node gets is drawn from a hash of its name, though not by Go's
//! generator.

use crate::cluster::{Block, CalicoConfig, Draft, IpPool, NodeRecord, Typed, identity};
use crate::net::Family;
use crate::tables::Origin;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// `maxBlocksPerHost` of IPAMConfiguration.
const BLOCKS_MAX: usize = 20;
/// How many blocks of a pool are looked at for a free one.
const SEARCH_MAX: u128 = 70_000;

/// What nodes take as they join: the blocks that the given addresses of their Pods are in, then an address for the tunnel
/// of each family where a pool asks for one.
pub fn join(draft: &mut Draft, names: &[Arc<str>]) {
    let network = draft.revision.network.clone();
    let Some(config) = network.cni.calico() else { return names.iter().for_each(|name| leave(draft, name)) };
    names.iter().for_each(|name| keep_blocks_of_pools(draft, name, config));
    for (name, ip) in given_ips(draft) {
        if let Some(pool) = config.pools.iter().find(|pool| pool.cidr.contains(&ip)) {
            claim(draft, &name, block_around(pool, ip));
        }
    }
    names.iter().for_each(|name| take_tunnel_ips(draft, name, config));
}

fn take_tunnel_ips(draft: &mut Draft, name: &Arc<str>, config: &CalicoConfig) {
    for family in [Family::V4, Family::V6] {
        let wanted = config.tunnel(family);
        let had = draft.revision.nodes.get(&**name).and_then(|node| node.tunnel_ip(family));
        match (wanted, had) {
            (Some(pool), None) => take_tunnel_ip(draft, name, pool),
            (None, Some(_)) => change_blocks(draft, name, |blocks| {
                let own = blocks.iter_mut().filter(|block| Family::of(block.net.addr()) == family);
                own.for_each(|block| block.tunnel_ip = None);
            }),
            _ => {}
        }
    }
}

/// Its blocks are anybody's again.
pub fn leave(draft: &mut Draft, name: &Arc<str>) {
    let Some(node) = draft.revision.nodes.get(&**name).filter(|node| !node.blocks.is_empty()).cloned() else { return };
    for block in node.blocks.iter() {
        draft.revision.index.blocks.remove(&block.net.network());
    }
    change_blocks(draft, name, Vec::clear);
}

/// Blocks of pools that are gone, or are cut otherwise now, are given back.
fn keep_blocks_of_pools(draft: &mut Draft, name: &Arc<str>, config: &CalicoConfig) {
    let fits =
        |net: &IpNet| config.pools.iter().any(|pool| pool.cidr.contains(net) && pool.block_size == net.prefix_len());
    let Some(node) = draft.revision.nodes.get(&**name).cloned() else { return };
    let gone: Vec<IpNet> = node.blocks.iter().map(|block| block.net).filter(|net| !fits(net)).collect();
    if gone.is_empty() {
        return;
    }
    for net in &gone {
        draft.revision.index.blocks.remove(&net.network());
    }
    change_blocks(draft, name, |blocks| blocks.retain(|block| fits(&block.net)));
}

/// `status.podIPs` of the manifests' Pods, each with the node that the Pod is bound to.
pub(super) fn given_ips(draft: &Draft) -> Vec<(Arc<str>, IpAddr)> {
    let mut found = Vec::new();
    for object in draft.revision.list("Pod", None) {
        let Typed::Pod { spec, given } = &object.typed else { continue };
        if let Some(node) = spec.node_name.as_ref().filter(|name| draft.revision.nodes.contains_key(&***name))
            && !spec.host_network
        {
            found.extend(given.pod_ip.iter().chain(&given.pod_ips).map(|ip| (node.clone(), *ip)));
        }
    }
    found
}

pub(super) fn change_blocks(draft: &mut Draft, name: &Arc<str>, change: impl FnOnce(&mut Vec<Block>)) {
    note_last(draft, name, change);
    draft.revision.nodes_version = draft.revision.number;
}

/// Changes what no table depends on.
fn note_last(draft: &mut Draft, name: &Arc<str>, change: impl FnOnce(&mut Vec<Block>)) {
    let Some(node) = draft.revision.nodes.get_mut(&**name) else { return };
    let node = Arc::make_mut(node);
    let mut blocks = node.blocks.to_vec();
    change(&mut blocks);
    node.blocks = blocks.into();
}

/// Makes a block the node's, unless it is another's; true if it is the node's now.
pub(super) fn claim(draft: &mut Draft, name: &Arc<str>, net: IpNet) -> bool {
    let index = &mut draft.revision.index.blocks;
    if let Some((_, holder)) = index.get(&net.network()) {
        return holder == name;
    }
    index.insert(net.network(), (net, name.clone()));
    change_blocks(draft, name, |blocks| blocks.push(Block { net, tunnel_ip: None, last_assigned: None }));
    true
}

fn block_around(pool: &IpPool, ip: IpAddr) -> IpNet {
    IpNet::new(ip, pool.block_size).map_or(pool.cidr, |net| net.trunc())
}

/// The next block that nobody has, from a place on that the node's name decides.
fn claim_any(draft: &mut Draft, name: &Arc<str>, pool: &IpPool) -> Option<IpNet> {
    let count = 1u128 << (pool.block_size - pool.cidr.prefix_len()).min(100);
    let start = u128::from(identity::bits(0, &["block", name, &pool.cidr.to_string()])) % count;
    let nets = (0..count.min(SEARCH_MAX)).map(|step| block_at(pool, (start + step) % count));
    let free = |net: &IpNet| !draft.revision.index.blocks.contains_key(&net.network());
    let net = nets.into_iter().find(free)?;
    claim(draft, name, net).then_some(net)
}

fn block_at(pool: &IpPool, n: u128) -> IpNet {
    let ip = match pool.cidr.network() {
        IpAddr::V4(ip) => IpAddr::from((u32::from(ip) | (n as u32) << (32 - pool.block_size)).to_be_bytes()),
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) | n << (128 - pool.block_size)).to_be_bytes()),
    };
    IpNet::new(ip, pool.block_size).unwrap_or(pool.cidr)
}

fn take_tunnel_ip(draft: &mut Draft, name: &Arc<str>, pool: &IpPool) {
    let Some((net, ip)) = assign(draft, name, pool) else { return };
    change_blocks(draft, name, |blocks| {
        if let Some(block) = blocks.iter_mut().find(|block| block.net == net) {
            block.tunnel_ip = Some(ip);
        }
    });
}

/// A free address of a block that the node has, or of another one that it gets.
fn assign(draft: &mut Draft, name: &Arc<str>, pool: &IpPool) -> Option<(IpNet, IpAddr)> {
    let node = draft.revision.nodes.get(&**name)?.clone();
    let own = node.blocks.iter().filter(|block| pool.cidr.contains(&block.net));
    for block in own {
        if let Some(ip) = free_in(draft, &node, block.net, block.last_assigned) {
            return Some((block.net, ip));
        }
    }
    if node.blocks.len() >= BLOCKS_MAX {
        return None;
    }
    let net = claim_any(draft, name, pool)?;
    free_in(draft, &node, net, None).map(|ip| (net, ip))
}

/// The next address that nobody has. Models lib/ipam ipam_block.go autoAssign: what was given back comes last.
fn free_in(draft: &Draft, node: &NodeRecord, net: IpNet, last: Option<IpAddr>) -> Option<IpAddr> {
    let size = 1u64 << (net.max_prefix_len() - net.prefix_len()).min(16);
    let offset = |ip: IpAddr| match (net.network(), ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => u64::from(u32::from(ip).wrapping_sub(u32::from(net))),
        (IpAddr::V6(net), IpAddr::V6(ip)) => u128::from(ip).wrapping_sub(u128::from(net)) as u64,
        _ => 0,
    };
    let start = last.map_or(0, |ip| offset(ip) + 1);
    let taken = |ip: &IpAddr| {
        draft.revision.addresses.contains_key(ip)
            || node.reserved.contains_key(ip)
            || tunnel_ips(draft, ip).any(|tunnel| tunnel == *ip)
    };
    let at = |n: u64| super::builtin::nth_address(&net, (n % size) as u32);
    (start..start + size).filter_map(at).find(|ip| !taken(ip))
}

/// The tunnels' addresses in the block around an address.
fn tunnel_ips<'d>(draft: &'d Draft, ip: &IpAddr) -> impl Iterator<Item = IpAddr> + 'd {
    let around = draft.revision.index.blocks.range(..=*ip).next_back();
    let holder = around.and_then(|(_, (_, name))| draft.revision.nodes.get(&**name));
    holder.into_iter().flat_map(|node| node.blocks.iter().filter_map(|block| block.tunnel_ip))
}

/// An address of each family that pools have. Err: the plugin's words.
pub fn reserve(draft: &mut Draft, name: &Arc<str>, config: &CalicoConfig) -> Result<Vec<(IpAddr, Origin)>, String> {
    let mut found = Vec::new();
    for family in [Family::V4, Family::V6] {
        let pools: Vec<&IpPool> = config.pools.iter().filter(|pool| Family::of(pool.cidr.addr()) == family).collect();
        if pools.is_empty() {
            continue;
        }
        let own = pools.iter().find_map(|pool| Some((*pool, assign(draft, name, pool)?)));
        let assigned = own.or_else(|| pools.iter().find_map(|pool| Some((*pool, borrow(draft, pool)?))));
        let Some((pool, (net, ip))) = assigned else {
            let family = if family == Family::V4 { "IPv4" } else { "IPv6" };
            return Err(format!(
                "plugin type=\"calico\" failed (add): failed to request {family} addresses: Assigned 0 out of 1 requested \
                 {family} addresses; No more free affine blocks and no free addresses to borrow"
            ));
        };
        note_last(draft, name, |blocks| {
            if let Some(block) = blocks.iter_mut().find(|block| block.net == net) {
                block.last_assigned = Some(ip);
            }
        });
        found.push((ip, pool.origin.clone()));
    }
    if found.is_empty() {
        return Err("plugin type=\"calico\" failed (add): no configured Calico pools".to_owned());
    }
    Ok(found)
}

/// An address of another node's block, when there is no block left to have.
fn borrow(draft: &Draft, pool: &IpPool) -> Option<(IpNet, IpAddr)> {
    let blocks = draft.revision.index.blocks.values().filter(|(net, _)| pool.cidr.contains(net));
    blocks.into_iter().find_map(|(net, holder)| {
        let node = draft.revision.nodes.get(&**holder)?;
        Some((*net, free_in(draft, node, *net, None)?))
    })
}

/// Addresses outside the node's own blocks have routes of their own on the other nodes.
pub fn note_borrowed(draft: &mut Draft, node: &NodeRecord, ips: &[IpAddr]) {
    let outside = |ip: &&IpAddr| !node.blocks.iter().any(|block| block.net.contains(*ip));
    if draft.revision.network.cni.calico().is_some() && ips.iter().any(|ip| outside(&ip)) {
        draft.revision.nodes_version = draft.revision.number;
    }
}
