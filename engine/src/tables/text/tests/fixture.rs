//! A node and a Pod, as they were built with the real tools.

use crate::net::MacAddr;
use crate::tables::{
    Address, App, FdbEntry, Link, LinkIndex, LinkKind, Listener, NeighborEntry, Netns, NetnsId, Origin, Place, Route,
    RouteKind, RouteProto, RouteTable, Rows, Scope, Sysctls,
};
use std::net::IpAddr;
use std::sync::Arc;

pub(super) fn mac(text: &str) -> MacAddr {
    text.parse().expect("a MAC")
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(super) fn link(index: u32, name: &str, kind: LinkKind, mac_text: &str, mtu: u32) -> Link {
    let index = LinkIndex(index);
    let (master, hairpin) = if name.starts_with("veth") { (Some(LinkIndex(4)), true) } else { (None, false) };
    Link {
        index,
        name: name.into(),
        kind,
        mac: mac(mac_text),
        mtu,
        up: true,
        master,
        hairpin,
        proxy_arp: false,
        origin: Origin::Kernel,
    }
}

pub(super) fn address(link: u32, net: &str, broadcast: Option<&str>, scope: Scope) -> Address {
    let net = net.parse().expect("a prefix");
    Address { link: LinkIndex(link), net, broadcast: broadcast.map(ip), scope, origin: Origin::Kernel }
}

pub(super) fn route(dst: &str, via: Option<&str>, dev: u32) -> Route {
    Route {
        kind: RouteKind::Unicast,
        dst: dst.parse().expect("a prefix"),
        via: via.map(ip),
        dev: LinkIndex(dev),
        onlink: false,
        proto: RouteProto::Boot,
        scope: Scope::Global,
        src: None,
        mtu: None,
        origin: Origin::Kernel,
    }
}

pub(super) fn kernel(kind: RouteKind, dst: &str, dev: u32, src: &str) -> Route {
    let scope = if kind == RouteKind::Local { Scope::Host } else { Scope::Link };
    Route { kind, proto: RouteProto::Kernel, scope, src: Some(ip(src)), ..route(dst, None, dev) }
}

/// The node of the reference run: NIC, flannel.1, cni0 and two Pods.
pub(super) fn node() -> Netns {
    let veth = |pod| LinkKind::Veth { peer_netns: NetnsId(pod), peer: LinkIndex(2) };
    let vxlan = LinkKind::Vxlan { vni: 1, port: 8472, local: ip("172.18.0.3"), underlay: LinkIndex(2) };
    let onlink = |dst, via| Route { onlink: true, ..route(dst, Some(via), 3) };
    Netns {
        id: NetnsId(0),
        place: Place::Node("worker-1".into()),
        version: 1,
        links: vec![
            link(1, "lo", LinkKind::Loopback, "00:00:00:00:00:00", 65536),
            link(2, "eth0", LinkKind::Nic { segment: 0 }, "02:42:ac:12:00:03", 1500),
            link(3, "flannel.1", vxlan, "5a:01:02:03:04:05", 1450),
            link(4, "cni0", LinkKind::Bridge, "4a:c0:d6:f1:f2:57", 1450),
            link(5, "veth5e1c0a41", veth(8), "ce:8f:31:68:9a:56", 1450),
            link(6, "veth5e1c0a42", veth(9), "fe:fc:04:12:49:62", 1450),
        ],
        addresses: vec![
            address(1, "127.0.0.1/8", None, Scope::Host),
            address(2, "172.18.0.3/16", Some("172.18.255.255"), Scope::Global),
            address(3, "10.244.1.0/32", None, Scope::Global),
            address(4, "10.244.1.1/24", Some("10.244.1.255"), Scope::Global),
        ],
        local: RouteTable::new(Rows::from(vec![
            kernel(RouteKind::Local, "127.0.0.1/32", 1, "127.0.0.1"),
            kernel(RouteKind::Local, "127.0.0.0/8", 1, "127.0.0.1"),
            kernel(RouteKind::Broadcast, "127.255.255.255/32", 1, "127.0.0.1"),
        ])),
        main: RouteTable::new(Rows::from(vec![
            kernel(RouteKind::Unicast, "172.18.0.0/16", 2, "172.18.0.3"),
            onlink("10.244.2.0/24", "10.244.2.0"),
            route("0.0.0.0/0", Some("172.18.0.1"), 2),
            kernel(RouteKind::Unicast, "10.244.1.0/24", 4, "10.244.1.1"),
            onlink("10.244.0.0/24", "10.244.0.0"),
        ])),
        neighbors: Rows::from(vec![NeighborEntry {
            link: LinkIndex(3),
            ip: ip("10.244.2.0"),
            mac: mac("5a:01:02:03:04:22"),
            origin: Origin::Kernel,
        }]),
        fdb: Rows::from(vec![FdbEntry {
            link: LinkIndex(3),
            mac: mac("5a:01:02:03:04:22"),
            remote: ip("172.18.0.4"),
            origin: Origin::Kernel,
        }]),
        sysctls: Sysctls { ip_forward: true, ..Sysctls::default() },
        netem: Vec::new(),
        ebpf: None,
        netfilter: Default::default(),
        listeners: vec![Listener {
            protocol: crate::net::Protocol::Tcp,
            ip: Some(ip("127.0.0.1")),
            port: 10248,
            app: App::Silent,
            process: Arc::from("kubelet"),
            origin: Origin::Kernel,
        }],
    }
}

/// The namespace of the Pod behind `veth5e1c0a41`.
pub(super) fn pod() -> Netns {
    let veth = LinkKind::Veth { peer_netns: NetnsId(0), peer: LinkIndex(6) };
    Netns {
        id: NetnsId(8),
        place: Place::Pod { namespace: "default".into(), name: "pod-a".into() },
        links: vec![
            link(1, "lo", LinkKind::Loopback, "00:00:00:00:00:00", 65536),
            link(2, "eth0", veth, "8e:00:00:00:00:01", 1450),
        ],
        addresses: vec![
            address(1, "127.0.0.1/8", None, Scope::Host),
            address(2, "10.244.1.2/24", Some("10.244.1.255"), Scope::Global),
        ],
        main: RouteTable::new(Rows::from(vec![
            route("10.244.0.0/16", Some("10.244.1.1"), 2),
            route("0.0.0.0/0", Some("10.244.1.1"), 2),
            kernel(RouteKind::Unicast, "10.244.1.0/24", 2, "10.244.1.2"),
        ])),
        neighbors: Rows::default(),
        fdb: Rows::default(),
        ..node()
    }
}
