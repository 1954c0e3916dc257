//! Flannel's VXLAN backend and the bridge plugin that it delegates to. Models flannel 0.27 pkg/backend/vxlan
//! (device.go, vxlan_network.go) and containernetworking/plugins 1.7 bridge, host-local and flannel.
//!
//! Left out: IPv6 (`flannel-v6.1`), other backends.

use super::super::empty;
use super::super::node::{CNI0, ETH0, FLANNEL};
use super::super::rows::{self, Writer};
use super::super::shared::Peers;
use crate::cluster::{Cni, FlannelConfig, NodeRecord, PodRecord, Revision, identity};
use crate::net::MacAddr;
use crate::tables::{
    FdbEntry, LinkIndex, LinkKind, NeighborEntry, Netns, NetnsId, Origin, Place, Scope, SharedRows, Uid,
};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

static FLANNEL_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "flannel.1".into());
static CNI0_NAME: LazyLock<Arc<str>> = LazyLock::new(|| "cni0".into());

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
    let Some((subnet, origin)) = &node.pod_cidr else { return false };
    let (vni, vni_origin) = &config.vni;
    let kind = LinkKind::Vxlan { vni: *vni, port: config.port.0, local: node.ip, underlay: ETH0 };
    let name = if *vni == 1 { FLANNEL_NAME.clone() } else { format!("flannel.{vni}").into() };
    writer.link(FLANNEL, name, kind, vtep_mac(revision, node), config.mtu.0, vni_origin.clone());
    writer.address(FLANNEL, subnet.network().into(), Scope::Global, origin.clone());
    let own_sandbox = |pod: &&PodRecord| if pod.host_network { None } else { pod.netns };
    let mut sandboxes = pods.iter().filter_map(|pod| Some((*pod, own_sandbox(pod)?))).peekable();
    if !node.bridge_made {
        return true;
    }
    let mac = MacAddr::local(bits(revision, node.uid, "cni0"));
    let bridge_origin = if sandboxes.peek().is_some() { BRIDGE } else { BRIDGE_LEFT };
    writer.link(CNI0, CNI0_NAME.clone(), LinkKind::Bridge, mac, config.pod_mtu.0, bridge_origin);
    writer.address(CNI0, rows::in_net(rows::first_host(subnet), subnet), Scope::Global, origin.clone());
    for (pod, netns) in sandboxes {
        let kind = LinkKind::Veth { peer_netns: netns, peer: ETH0 };
        let index = veth_index(pod);
        let origin = Origin::object(pod.uid, "metadata.name");
        writer.link(index, veth_name(revision, pod).into(), kind, veth_mac(revision, pod), config.pod_mtu.0, origin);
        if let Some(link) = writer.netns.links.last_mut() {
            link.master = Some(CNI0);
            link.hairpin = config.hairpin.0;
        }
    }
    true
}

/// A Pod's namespace as the bridge plugin leaves it.
pub(in super::super) fn pod(revision: &Revision, pod: &PodRecord, node: &NodeRecord, config: &FlannelConfig) -> Netns {
    let place = Place::Pod { namespace: pod.key.namespace.clone(), name: pod.key.name.clone() };
    let mut writer = Writer::new(empty(pod.netns.unwrap_or(NetnsId(u32::MAX)), place), 2);
    let kind = LinkKind::Veth { peer_netns: node.netns, peer: veth_index(pod) };
    let (mtu, mtu_origin) = &config.pod_mtu;
    writer.link(ETH0, rows::ETH0.clone(), kind, eth0_mac(revision, pod), *mtu, mtu_origin.clone());
    if let (Some((ip, ip_origin)), Some((subnet, subnet_origin))) = (&pod.ip, &node.pod_cidr) {
        let net = rows::in_net(*ip, subnet);
        writer.address(ETH0, net, Scope::Global, ip_origin.clone());
        let gateway = rows::first_host(subnet);
        // A Pod with an address of another subnet cannot reach the gateway: the kernel refuses such routes.
        if net.contains(&gateway) {
            writer.route(rows::default_net(gateway), gateway, ETH0, subnet_origin.clone());
            let (pod_network, origin) = &revision.network.pod_network;
            if pod_network.trunc() != net.trunc() {
                writer.route(pod_network.trunc(), gateway, ETH0, origin.clone());
            }
        }
    }
    writer.finish(None)
}

/// One route, one neighbour and one forwarding entry about each node, for all the others.
pub(in super::super) fn peers(revision: &Revision) -> Peers {
    let Cni::Flannel(config) = &revision.network.cni;
    let count = revision.nodes.len();
    let (mut routes, mut neighbors, mut fdb) =
        (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
    for node in revision.nodes.values() {
        let Some((subnet, origin)) = &node.pod_cidr else { continue };
        let (owner, vtep) = (node.index, subnet.network());
        // DirectRouting: nodes that share a subnet send to each other without the tunnel.
        if config.direct_routing && revision.network.node_network.0.contains(&node.ip) {
            routes.push((owner, rows::gateway_route(subnet.trunc(), node.ip, ETH0, false, origin.clone())));
            continue;
        }
        let mac = vtep_mac(revision, node);
        routes.push((owner, rows::gateway_route(subnet.trunc(), vtep, FLANNEL, true, origin.clone())));
        neighbors.push((owner, NeighborEntry { link: FLANNEL, ip: vtep, mac, origin: origin.clone() }));
        fdb.push((owner, FdbEntry { link: FLANNEL, mac, remote: node.ip, origin: node.ip_origin.clone() }));
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

fn vtep_mac(revision: &Revision, node: &NodeRecord) -> MacAddr {
    MacAddr::local(bits(revision, node.uid, "flannel.1"))
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
fn veth_index(pod: &PodRecord) -> LinkIndex {
    LinkIndex(CNI0.0.saturating_add(u32::try_from(pod.order).unwrap_or(u32::MAX)).max(CNI0.0 + 1))
}
