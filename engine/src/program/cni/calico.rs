//! Calico's own network: a veth for each Pod that is routed, not bridged, and routes to the blocks of other nodes, with
//! VXLAN or IP in IP where pools ask for it. Models Calico 3.31: cni-plugin/internal/pkg/utils, felix/routetable,
//! felix/dataplane/linux (endpoint_mgr, vxlan_mgr, ipip_mgr, noencap_mgr) and BIRD's configuration from confd.
//!
//! Left out: WireGuard, the eBPF dataplane.

use super::super::empty;
use super::super::node::ETH0;
use super::super::rows::{self, Writer};
use super::super::shared::Peers;
use crate::cluster::{CalicoConfig, Encapsulation, IpPool, NodeRecord, PodRecord, Revision, identity};
use crate::net::{Family, MacAddr};
use crate::tables::SharedRows;
use crate::tables::{
    FdbEntry, LinkIndex, LinkKind, NeighborEntry, Netns, NetnsId, Origin, Place, Route, RouteKind, RouteProto, Scope,
};
use ipnet::IpNet;
use sha1::{Digest, Sha1};
use std::borrow::Cow;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

/// UDP port of the tunnel, and its number.
pub const VXLAN_PORT: u16 = 4789;
const VNI: u32 = 4096;
/// `vxlan.calico`, which Felix makes as it starts, or `tunl0`; the one for IPv6 comes after it.
const TUNNEL: LinkIndex = LinkIndex(3);
/// Devices of the Pods come after both tunnels.
const FIRST_VETH: u32 = 5;
/// Ethernet, IPv4, UDP and VXLAN headers, in bytes, and what IPv6 takes beyond that.
const OVERHEAD: u32 = 50;
const V6_MORE: u32 = 20;
/// An IPv4 header, in bytes.
const IPIP_OVERHEAD: u32 = 20;

static VXLAN_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "vxlan.calico".into());
static IPIP_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "tunl0".into());
static VXLAN_V6_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "vxlan-v6.calico".into());

/// Every veth on a node has the same: Pods ask for their gateway and get this.
const VETH_MAC: MacAddr = MacAddr([0xee; 6]);
/// Nobody has it: the node answers for it, as it has a route to it out of another device.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

const CNI: Origin = Origin::Default {
    component: Cow::Borrowed("calico"),
    reason: Cow::Borrowed("Calico's CNI plugin gives every Pod the gateway 169.254.1.1, which nobody has"),
};

/// What Felix and BIRD make on a node; whether there are routes to other nodes.
pub(in super::super) fn node(
    revision: &Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
    config: &CalicoConfig,
    writer: &mut Writer,
) -> bool {
    for family in [Family::V4, Family::V6] {
        tunnel(revision, node, family, config, writer);
    }
    for block in node.blocks.iter() {
        if let Some(pool) = pool_of(config, block.net.addr()) {
            writer.main.push(blackhole(block.net, pool, config));
        }
    }
    for (pod, netns) in pods.iter().filter_map(|pod| Some((*pod, pod.netns.filter(|_| !pod.host_network)?))) {
        let kind = LinkKind::Veth { peer_netns: netns, peer: ETH0 };
        let (index, origin) = (veth_index(pod), Origin::object(pod.uid, "metadata.name"));
        writer.link(index, veth_name(pod).into(), kind, VETH_MAC, config.mtu.0, origin);
        if let Some(link) = writer.netns.links.last_mut() {
            link.proxy_arp = true;
        }
        writer.groups(index);
        writer.link_local(index);
        for (ip, origin) in pod.addresses() {
            writer.main.push(device_route(IpNet::from(*ip), index, origin.clone()));
        }
    }
    true
}

/// Felix' tunnel of one family, with the first address of one of the node's blocks. There is one as soon as a pool asks for
/// it, whether or not packets take it.
fn tunnel(revision: &Revision, node: &NodeRecord, family: Family, config: &CalicoConfig, writer: &mut Writer) {
    let (Some(local), Some(ip)) = (node.ip_of(family), node.tunnel_ip(family)) else { return };
    let Some(pool) = pool_of(config, ip) else { return };
    if config.is_ipip(family) {
        let most = revision.network.node_mtu.saturating_sub(IPIP_OVERHEAD);
        let mtu = config.mtu.0.min(most);
        writer.link(TUNNEL, IPIP_NAME.clone(), LinkKind::Ipip, MacAddr::ZERO, mtu, pool.origin.clone());
        return writer.address(TUNNEL, IpNet::from(ip), Scope::Global, pool.origin.clone());
    }
    let kind = LinkKind::Vxlan { vni: VNI, port: VXLAN_PORT, local, underlay: ETH0 };
    let (link, name, more) = match family {
        Family::V4 => (TUNNEL, VXLAN_NAME.clone(), 0),
        Family::V6 => (vxlan_v6(), VXLAN_V6_NAME.clone(), V6_MORE),
    };
    // The kernel gives the device no more than the card carries (drivers/net/vxlan vxlan_config_apply).
    let most = revision.network.node_mtu.saturating_sub(OVERHEAD);
    let mtu = config.mtu.0.min(most).saturating_sub(more);
    writer.link(link, name, kind, tunnel_mac(revision, node, family), mtu, pool.origin.clone());
    writer.address(link, IpNet::from(ip), Scope::Global, pool.origin.clone());
    writer.groups(link);
    writer.link_local(link);
}

fn vxlan_v6() -> LinkIndex {
    LinkIndex(TUNNEL.0 + 1)
}

/// What nobody of the block has goes nowhere.
fn blackhole(block: IpNet, pool: &IpPool, config: &CalicoConfig) -> Route {
    Route {
        kind: RouteKind::Blackhole,
        dst: block,
        via: None,
        dev: LinkIndex::LO,
        onlink: false,
        proto: proto(pool, config),
        scope: Scope::Global,
        src: None,
        mtu: None,
        origin: pool.origin.clone(),
    }
}

/// Who tells of a pool's routes: BIRD, but Felix where packets may go through the VXLAN.
fn proto(pool: &IpPool, config: &CalicoConfig) -> RouteProto {
    if !pool.encapsulation.is_vxlan() && config.bgp.0 { RouteProto::Bird } else { RouteProto::Felix }
}

fn device_route(dst: IpNet, dev: LinkIndex, origin: Origin) -> Route {
    Route {
        kind: RouteKind::Unicast,
        dst,
        via: None,
        dev,
        onlink: false,
        proto: RouteProto::Boot,
        scope: if dst.addr().is_ipv4() { Scope::Link } else { Scope::Global },
        src: None,
        mtu: None,
        origin,
    }
}

/// The pool that an address is of.
pub fn pool_of(config: &CalicoConfig, ip: IpAddr) -> Option<&IpPool> {
    config.pools.iter().find(|pool| pool.cidr.contains(&ip))
}

/// What the CNI plugin makes in a Pod's namespace.
pub(in super::super) fn pod(revision: &Revision, pod: &PodRecord, node: &NodeRecord, config: &CalicoConfig) -> Netns {
    let place = Place::Pod { namespace: pod.key.namespace.clone(), name: pod.key.name.clone() };
    let mut writer = Writer::new(empty(&revision.network, pod.netns.unwrap_or(NetnsId(u32::MAX)), place), 2);
    let kind = LinkKind::Veth { peer_netns: node.netns, peer: veth_index(pod) };
    let mac = MacAddr::local(identity::bits(revision.seed ^ (pod.uid.0 >> 64) as u64 ^ pod.uid.0 as u64, &["eth0"]));
    let (mtu, mtu_origin) = &config.mtu;
    writer.link(ETH0, rows::ETH0.clone(), kind, mac, *mtu, mtu_origin.clone());
    let mut addresses: Vec<&(IpAddr, Origin)> = pod.addresses().collect();
    addresses.sort_by_key(|(ip, _)| ip.is_ipv6());
    for (ip, origin) in &addresses {
        writer.address(ETH0, IpNet::from(*ip), Scope::Global, origin.clone());
    }
    writer.groups(ETH0);
    writer.link_local(ETH0);
    for (ip, _) in addresses {
        let gateway = match ip {
            IpAddr::V4(_) => IpAddr::from(GATEWAY),
            IpAddr::V6(_) => VETH_MAC.link_local().into(),
        };
        writer.main.push(device_route(IpNet::from(gateway), ETH0, CNI));
        writer.route(rows::default_net(gateway), gateway, ETH0, CNI);
    }
    writer.finish(None)
}

/// Routes to each node's blocks, and to addresses that its Pods have outside of them, for all the others; with what the
/// tunnel needs to know where they lead through it.
pub(in super::super) fn peers(revision: &Revision, config: &CalicoConfig) -> Peers {
    let (mut routes, mut neighbors, mut fdb) = (Vec::new(), Vec::new(), Vec::new());
    for node in revision.nodes.values() {
        let blocks = node.blocks.iter().map(|block| block.net);
        for dst in blocks.chain(borrowed(revision, node)) {
            let family = Family::of(dst.addr());
            let (Some(pool), Some(ip)) = (pool_of(config, dst.addr()), node.ip_of(family)) else { continue };
            let ipip = pool.encapsulation.is_ipip();
            // BIRD alone tells of these.
            if ipip && !config.bgp.0 {
                continue;
            }
            let link = if family == Family::V4 { TUNNEL } else { vxlan_v6() };
            let route = match node.tunnel_ip(family).filter(|_| tunnelled(revision, pool, ip)) {
                Some(_) if ipip => rows::gateway_route(dst, ip, link, true, pool.origin.clone()),
                Some(tunnel) => rows::gateway_route(dst, tunnel, link, true, pool.origin.clone()),
                None => rows::gateway_route(dst, ip, ETH0, pool.encapsulation.is_vxlan(), pool.origin.clone()),
            };
            routes.push((node.index, Route { proto: proto(pool, config), ..route }));
        }
        for (family, link) in [(Family::V4, TUNNEL), (Family::V6, vxlan_v6())] {
            if config.is_ipip(family) {
                continue;
            }
            let (Some(tunnel), Some(remote)) = (node.tunnel_ip(family), node.ip_of(family)) else { continue };
            let Some(pool) = pool_of(config, tunnel) else { continue };
            let mac = tunnel_mac(revision, node, family);
            neighbors.push((node.index, NeighborEntry { link, ip: tunnel, mac, origin: pool.origin.clone() }));
            fdb.push((node.index, FdbEntry { link, mac, remote, origin: node.ip_origin.clone() }));
        }
    }
    Peers {
        routes: Arc::new(SharedRows::new(routes)),
        neighbors: Arc::new(SharedRows::new(neighbors)),
        fdb: Arc::new(SharedRows::new(fdb)),
    }
}

/// Whether packets to this node take the tunnel.
fn tunnelled(revision: &Revision, pool: &IpPool, node: IpAddr) -> bool {
    match pool.encapsulation {
        Encapsulation::None => false,
        Encapsulation::Vxlan | Encapsulation::Ipip => true,
        Encapsulation::VxlanCrossSubnet | Encapsulation::IpipCrossSubnet => {
            let net = revision.network.node_network_of(Family::of(node));
            net.is_none_or(|(net, _)| !net.contains(&node))
        }
    }
}

/// Addresses of the node's Pods that are in no block of its own.
fn borrowed<'r>(revision: &'r Revision, node: &'r NodeRecord) -> impl Iterator<Item = IpNet> + 'r {
    let own = |ip: &IpAddr| node.blocks.iter().any(|block| block.net.contains(ip));
    let pods = node.pods.values().filter_map(|key| revision.pods.get(key)).filter(|pod| !pod.host_network);
    pods.flat_map(|pod| pod.ips()).filter(move |ip| !own(ip)).map(IpNet::from)
}

fn tunnel_mac(revision: &Revision, node: &NodeRecord, family: Family) -> MacAddr {
    let name = if family == Family::V4 { &*VXLAN_NAME } else { &*VXLAN_V6_NAME };
    MacAddr::local(identity::bits(revision.seed ^ (node.uid.0 >> 64) as u64 ^ node.uid.0 as u64, &[name]))
}

/// `cali` and the beginning of a hash of the Pod's namespace and name. Models libcalico-go
/// lib/backend/k8s/conversion VethNameForWorkload.
pub fn veth_name(pod: &PodRecord) -> String {
    let digest = Sha1::digest(format!("{}.{}", pod.key.namespace, pod.key.name));
    let mut name = "cali".to_owned();
    for byte in &digest[..6] {
        let _ = write!(name, "{byte:02x}");
    }
    name.truncate(15);
    name
}

pub(super) fn veth_index(pod: &PodRecord) -> LinkIndex {
    LinkIndex(FIRST_VETH.saturating_add(u32::try_from(pod.order).unwrap_or(u32::MAX)).max(FIRST_VETH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    #[test]
    fn the_default_gateway_of_ipv6_is_the_veths_own_address() {
        let expected: Ipv6Addr = "fe80::ecee:eeff:feee:eeee".parse().expect("an address");
        assert_eq!(VETH_MAC.link_local(), expected);
    }
}
