//! Flannel's backends VXLAN and host-gw, and the bridge plugin that it delegates to. Models flannel 0.27 pkg/backend/vxlan
//! (device.go, vxlan_network.go), pkg/backend/hostgw and containernetworking/plugins 1.7 bridge, host-local and flannel.
//!
//! Left out: other backends.

use super::super::empty;
use super::super::node::{ETH0, FLANNEL, cni0, flannel_v6};
use super::super::rows::{self, Writer};
use super::super::shared::Peers;
use crate::cluster::{FlannelBackend, FlannelConfig, NodeRecord, PodRecord, Revision, identity};
use crate::net::{Family, MacAddr};
use crate::tables::{
    FdbEntry, LinkIndex, LinkKind, NeighborEntry, Netns, NetnsId, Origin, Place, Scope, SharedRows, Uid,
};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

static FLANNEL_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "flannel.1".into());
static CNI0_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "cni0".into());

/// Ethernet, IPv6, UDP and VXLAN headers, in bytes.
const OVERHEAD_V6: u32 = 70;

const BRIDGE: Origin = Origin::Default {
    component: Cow::Borrowed("flannel"),
    reason: Cow::Borrowed("cni-conf.json delegates to the bridge plugin, whose bridge is cni0"),
};
const BRIDGE_LEFT: Origin = Origin::Default {
    component: Cow::Borrowed("flannel"),
    reason: Cow::Borrowed("the bridge plugin made cni0 for Pods that are gone, and never takes it away"),
};

/// What flanneld and the bridge plugin make on a node. False if the node has no subnet: flanneld does not start then.
pub(in super::super) fn node(
    revision: &Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
    config: &FlannelConfig,
    writer: &mut Writer,
) -> bool {
    let families = [Family::V4, Family::V6].into_iter().filter(|family| config.serves(*family));
    if !families.clone().any(|family| node.subnet_of(family).is_some()) {
        return false;
    }
    for family in families.clone().filter(|_| config.backend == FlannelBackend::Vxlan) {
        tunnel(revision, node, family, config, writer);
    }
    let own_sandbox = |pod: &&PodRecord| if pod.host_network { None } else { pod.netns };
    let mut sandboxes = pods.iter().filter_map(|pod| Some((*pod, own_sandbox(pod)?))).peekable();
    if !node.bridge_made {
        return true;
    }
    let mac = MacAddr::local(bits(revision, node.uid, "cni0"));
    let bridge_origin = if sandboxes.peek().is_some() { BRIDGE } else { BRIDGE_LEFT };
    let cni0 = cni0(config);
    writer.link(cni0, CNI0_NAME.clone(), LinkKind::Bridge, mac, config.pod_mtu.0, bridge_origin);
    for (subnet, origin) in families.filter_map(|family| node.subnet_of(family)) {
        writer.address(cni0, rows::in_net(rows::first_host(subnet), subnet), Scope::Global, origin.clone());
    }
    // A bridge gets its own once a port gives it a carrier.
    writer.groups(cni0);
    let mut carrier = false;
    for (pod, netns) in sandboxes {
        let kind = LinkKind::Veth { peer_netns: netns, peer: ETH0 };
        let index = veth_index(pod, config);
        let origin = Origin::object(pod.uid, "metadata.name");
        writer.link(index, veth_name(revision, pod).into(), kind, veth_mac(revision, pod), config.pod_mtu.0, origin);
        if let Some(link) = writer.netns.links.last_mut() {
            link.master = Some(cni0);
            link.hairpin = config.hairpin.0;
        }
        writer.groups(index);
        writer.link_local(index);
        if !std::mem::replace(&mut carrier, true) {
            writer.link_local(cni0);
        }
    }
    true
}

/// flanneld's VXLAN device of one family. Models flannel pkg/backend/vxlan device.go; the kernel makes the MTU of one
/// over IPv6 smaller by another 20 bytes (drivers/net/vxlan vxlan_config_apply), Pods keep theirs.
fn tunnel(revision: &Revision, node: &NodeRecord, family: Family, config: &FlannelConfig, writer: &mut Writer) {
    let Some(local) = node.ip_of(family) else { return };
    let (vni, vni_origin) = &config.vni;
    let kind = LinkKind::Vxlan { vni: *vni, port: config.port.0, local, underlay: ETH0 };
    let (link, name, mtu) = match family {
        Family::V4 => {
            let name = if *vni == 1 { FLANNEL_NAME.clone() } else { format!("flannel.{vni}").into() };
            (FLANNEL, name, config.mtu.0)
        }
        Family::V6 => {
            let most = revision.network.node_mtu.saturating_sub(OVERHEAD_V6);
            (flannel_v6(config), format!("flannel-v6.{vni}").into(), config.mtu.0.min(most))
        }
    };
    writer.link(link, name, kind, vtep_mac(revision, node, family), mtu, vni_origin.clone());
    if let Some((subnet, origin)) = node.subnet_of(family) {
        writer.address(link, subnet.network().into(), Scope::Global, origin.clone());
    }
    writer.groups(link);
    writer.link_local(link);
}

/// A Pod's namespace as the bridge plugin leaves it.
pub(in super::super) fn pod(revision: &Revision, pod: &PodRecord, node: &NodeRecord, config: &FlannelConfig) -> Netns {
    let place = Place::Pod { namespace: pod.key.namespace.clone(), name: pod.key.name.clone() };
    let mut writer = Writer::new(empty(&revision.network, pod.netns.unwrap_or(NetnsId(u32::MAX)), place), 2);
    let kind = LinkKind::Veth { peer_netns: node.netns, peer: veth_index(pod, config) };
    let (mtu, mtu_origin) = &config.pod_mtu;
    writer.link(ETH0, rows::ETH0.clone(), kind, eth0_mac(revision, pod), *mtu, mtu_origin.clone());
    let mut addresses: Vec<&(IpAddr, Origin)> = pod.addresses().collect();
    addresses.sort_by_key(|(ip, _)| ip.is_ipv6());
    for (ip, ip_origin) in &addresses {
        let Some((subnet, _)) = node.subnet_of(Family::of(*ip)) else { continue };
        writer.address(ETH0, rows::in_net(*ip, subnet), Scope::Global, ip_origin.clone());
    }
    writer.groups(ETH0);
    writer.link_local(ETH0);
    for (ip, _) in addresses {
        let family = Family::of(*ip);
        let Some((subnet, subnet_origin)) = node.subnet_of(family) else { continue };
        let (net, gateway) = (rows::in_net(*ip, subnet), rows::first_host(subnet));
        // A Pod with an address of another subnet cannot reach the gateway: the kernel refuses such routes.
        if !net.contains(&gateway) {
            continue;
        }
        writer.route(rows::default_net(gateway), gateway, ETH0, subnet_origin.clone());
        let mut networks = revision.network.pod_networks();
        if let Some((pod_network, origin)) = networks.find(|(net, _)| Family::of(net.addr()) == family)
            && pod_network.trunc() != net.trunc()
        {
            writer.route(pod_network.trunc(), gateway, ETH0, origin.clone());
        }
    }
    writer.finish(None)
}

/// One route, one neighbour and one forwarding entry about each node, for all the others.
pub(in super::super) fn peers(revision: &Revision, config: &FlannelConfig) -> Peers {
    let count = revision.nodes.len();
    let (mut routes, mut neighbors, mut fdb) =
        (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
    let families = [(Family::V4, FLANNEL), (Family::V6, flannel_v6(config))];
    for (node, (family, link)) in revision.nodes.values().flat_map(|node| families.map(|family| (node, family))) {
        let served = node.subnet_of(family).filter(|_| config.serves(family));
        let (Some((subnet, origin)), Some(ip)) = (served, node.ip_of(family)) else { continue };
        let (owner, vtep) = (node.index, subnet.network());
        // DirectRouting: nodes that share a subnet send to each other without the tunnel.
        let shares = revision.network.node_network_of(family).is_some_and(|(net, _)| net.contains(&ip));
        let host_gw = config.backend == FlannelBackend::HostGw;
        // A gateway must be on the same network: flanneld logs that it is not, and makes no route.
        if host_gw && !shares {
            continue;
        }
        if host_gw || config.direct_routing && shares {
            routes.push((owner, rows::gateway_route(subnet.trunc(), ip, ETH0, false, origin.clone())));
            continue;
        }
        let mac = vtep_mac(revision, node, family);
        let ip_origin = node.addresses().find(|(own, _)| *own == ip).map_or(&node.ip_origin, |(_, origin)| origin);
        routes.push((owner, rows::gateway_route(subnet.trunc(), vtep, link, true, origin.clone())));
        neighbors.push((owner, NeighborEntry { link, ip: vtep, mac, origin: origin.clone() }));
        fdb.push((owner, FdbEntry { link, mac, remote: ip, origin: ip_origin.clone() }));
    }
    Peers {
        routes: Arc::new(SharedRows::new(routes)),
        neighbors: Arc::new(SharedRows::new(neighbors)),
        fdb: Arc::new(SharedRows::new(fdb)),
    }
}

fn bits(revision: &Revision, uid: Uid, what: &str) -> u64 {
    identity::bits(revision.seed ^ (uid.0 >> 64) as u64 ^ uid.0 as u64, &[what])
}

fn vtep_mac(revision: &Revision, node: &NodeRecord, family: Family) -> MacAddr {
    MacAddr::local(bits(revision, node.uid, if family == Family::V4 { "flannel.1" } else { "flannel-v6.1" }))
}

fn eth0_mac(revision: &Revision, pod: &PodRecord) -> MacAddr {
    MacAddr::local(bits(revision, pod.uid, "eth0"))
}

fn veth_mac(revision: &Revision, pod: &PodRecord) -> MacAddr {
    MacAddr::local(bits(revision, pod.uid, "veth"))
}

/// The veth's name on the node: `veth` and eight random hex digits. Models plugins/pkg/ip RandomVethName.
pub fn veth_name(revision: &Revision, pod: &PodRecord) -> String {
    format!("veth{:08x}", bits(revision, pod.uid, "name") as u32)
}

/// The veth's index on the node: indices are never used again, so they follow the order of all sandboxes.
pub fn veth_index(pod: &PodRecord, config: &FlannelConfig) -> LinkIndex {
    let cni0 = cni0(config).0;
    LinkIndex(cni0.saturating_add(u32::try_from(pod.order).unwrap_or(u32::MAX)).max(cni0 + 1))
}
