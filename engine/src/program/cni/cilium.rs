//! Cilium's own network: a veth for each Pod, `cilium_host` with its peer, the tunnel, and routes. Models Cilium 1.18
//! plugins/cilium-cni, pkg/datapath/linux (node.go, route) and pkg/datapath/loader. What its programs do is in
//! [`super::super::cilium`].
//!
//! Left out: the health endpoint.

use super::super::empty;
use super::super::node::ETH0;
use super::super::rows::{self, Writer};
use crate::cluster::{CiliumConfig, NodeRecord, PodRecord, Revision, identity};
use crate::net::{Family, MacAddr};
use crate::tables::{LinkIndex, LinkKind, Netns, NetnsId, Origin, Place, Route, RouteKind, RouteProto, Scope};
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;

pub const CILIUM_NET: LinkIndex = LinkIndex(3);
pub const CILIUM_HOST: LinkIndex = LinkIndex(4);
pub const CILIUM_VXLAN: LinkIndex = LinkIndex(5);
/// Devices of the Pods come after these.
const FIRST_VETH: u32 = 6;

pub(in super::super) const AGENT: Origin = Origin::Default {
    component: Cow::Borrowed("cilium"),
    reason: Cow::Borrowed("cilium-agent makes cilium_host, its peer cilium_net and cilium_vxlan as it starts"),
};
const CNI: Origin = Origin::Default {
    component: Cow::Borrowed("cilium"),
    reason: Cow::Borrowed("Cilium's CNI plugin gives every Pod the address of cilium_host for a gateway"),
};

/// What cilium-agent and the plugin make on a node. Its routes lead by the node's own address, so that it shares none.
pub(in super::super) fn node(
    revision: &Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
    config: &CiliumConfig,
    writer: &mut Writer,
) -> bool {
    let mtu = revision.network.node_mtu;
    let id = node.netns;
    let mac = |name| device_mac(revision, node, name);
    let veth = |peer| LinkKind::Veth { peer_netns: id, peer };
    writer.link(CILIUM_NET, "cilium_net".into(), veth(CILIUM_HOST), mac("cilium_net"), mtu, AGENT);
    writer.link(CILIUM_HOST, "cilium_host".into(), veth(CILIUM_NET), mac("cilium_host"), mtu, AGENT);
    let (port, origin) = &config.tunnel_port;
    let tunnel = LinkKind::VxlanExternal { port: *port, underlay: ETH0 };
    writer.link(CILIUM_VXLAN, "cilium_vxlan".into(), tunnel, mac("cilium_vxlan"), mtu, origin.clone());
    if let Some(router) = node.tunnel_ip(Family::V4) {
        writer.address(CILIUM_HOST, IpNet::from(router), Scope::Global, AGENT);
        writer.main.push(Route { scope: Scope::Link, ..route(IpNet::from(router), CILIUM_HOST, AGENT) });
        for other in revision.nodes.values() {
            let own = other.index == node.index;
            for share in other.blocks.iter() {
                let (via, src) = (Some(router), Some(router));
                let mtu = (!own).then_some(config.route_mtu.0);
                let origin = pool_origin(other, config);
                writer.main.push(Route { via, src, mtu, ..route(share.net, CILIUM_HOST, origin) });
            }
        }
    }
    for (pod, netns) in pods.iter().filter_map(|pod| Some((*pod, pod.netns.filter(|_| !pod.host_network)?))) {
        let kind = LinkKind::Veth { peer_netns: netns, peer: ETH0 };
        let origin = Origin::object(pod.uid, "metadata.name");
        writer.link(veth_index(pod), veth_name(pod).into(), kind, veth_mac(revision, pod, "lxc"), mtu, origin);
    }
    false
}

/// What gave a node its share.
fn pool_origin(node: &NodeRecord, config: &CiliumConfig) -> Origin {
    match &config.pool {
        Some((_, origin)) => origin.clone(),
        None => node.subnet_of(Family::V4).map_or(AGENT, |(_, origin)| origin.clone()),
    }
}

fn route(dst: IpNet, dev: LinkIndex, origin: Origin) -> Route {
    Route { origin, ..rows::kernel_route(RouteKind::Unicast, dst, dev) }
}

/// What the CNI plugin makes in a Pod's namespace.
pub(in super::super) fn pod(revision: &Revision, pod: &PodRecord, node: &NodeRecord, config: &CiliumConfig) -> Netns {
    let place = Place::Pod { namespace: pod.key.namespace.clone(), name: pod.key.name.clone() };
    let mut writer = Writer::new(empty(&revision.network, pod.netns.unwrap_or(NetnsId(u32::MAX)), place), 2);
    let kind = LinkKind::Veth { peer_netns: node.netns, peer: veth_index(pod) };
    let (mac, mtu) = (veth_mac(revision, pod, "eth0"), revision.network.node_mtu);
    writer.link(ETH0, rows::ETH0.clone(), kind, mac, mtu, Origin::object(pod.uid, "metadata.name"));
    for (ip, origin) in pod.addresses().filter(|(ip, _)| ip.is_ipv4()) {
        writer.address(ETH0, IpNet::from(*ip), Scope::Global, origin.clone());
    }
    writer.groups(ETH0);
    writer.link_local(ETH0);
    if let Some(router @ IpAddr::V4(_)) = node.tunnel_ip(Family::V4) {
        let boot = |dst| Route { proto: RouteProto::Boot, ..route(dst, ETH0, CNI) };
        writer.main.push(Route { scope: Scope::Link, ..boot(IpNet::from(router)) });
        let mtu = Some(config.route_mtu.0);
        let origin = config.route_mtu.1.clone();
        writer.main.push(Route { via: Some(router), mtu, origin, ..boot(rows::default_net(router)) });
    }
    writer.finish(None)
}

fn device_mac(revision: &Revision, node: &NodeRecord, name: &str) -> MacAddr {
    MacAddr::local(identity::bits(revision.seed ^ (node.uid.0 >> 64) as u64 ^ node.uid.0 as u64, &[name]))
}

/// The MAC address of one end of a Pod's veth: `eth0` in the Pod, `lxc` on the node.
pub(in super::super) fn veth_mac(revision: &Revision, pod: &PodRecord, end: &str) -> MacAddr {
    MacAddr::local(identity::bits(revision.seed ^ (pod.uid.0 >> 64) as u64 ^ pod.uid.0 as u64, &[end]))
}

/// `lxc` and the beginning of a hash of the container's number. Models pkg/datapath/connector Endpoint2IfName.
pub fn veth_name(pod: &PodRecord) -> String {
    let digest = Sha256::digest(pod.uid.to_string());
    let mut name = "lxc".to_owned();
    for byte in &digest[..6] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

pub(in super::super) fn veth_index(pod: &PodRecord) -> LinkIndex {
    LinkIndex(FIRST_VETH.saturating_add(u32::try_from(pod.order).unwrap_or(u32::MAX)).max(FIRST_VETH))
}
