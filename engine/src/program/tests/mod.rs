mod versions;
mod wire;

use super::*;
use crate::cluster::{Cni, FlannelBackend, FlannelConfig, Network, PodKey, PodPhase, PodReason, ProxyMode};
use crate::manifest::typed::{Container, PodSpec};
use crate::net::MacAddr;
use crate::tables::text::route::{Filter, Table};
use crate::tables::text::{Format, Tool};
use crate::tables::{LinkIndex, Origin, Uid, text};
use std::net::IpAddr;
use std::sync::Arc;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn given<T>(value: T) -> (T, Origin) {
    (value, Origin::default("test", "as given"))
}

/// `cni0` of a cluster with IPv4 only.
const CNI0: crate::tables::LinkIndex = crate::tables::LinkIndex(4);

fn network() -> Network {
    Network {
        cni: Cni::Flannel(FlannelConfig {
            backend: FlannelBackend::Vxlan,
            vni: given(1),
            port: given(8472),
            direct_routing: false,
            mtu: given(1450),
            pod_mtu: given(1450),
            hairpin: given(true),
            ipv4: true,
            ipv6: false,
        }),
        pod_network: given("10.244.0.0/16".parse().expect("a prefix")),
        service_network: given("10.96.0.0/12".parse().expect("a prefix")),
        node_network: given("172.18.0.0/16".parse().expect("a prefix")),
        gateway: (ip("172.18.0.1"), NetnsId(0)),
        internet: NetnsId(1),
        second: Default::default(),
        node_mtu: 1500,
        dns_domain: "cluster.local".into(),
        kube_proxy_mode: given(ProxyMode::Iptables),
        kube_proxy: Arc::default(),
        cluster_name: "kind".into(),
    }
}

/// A cluster of `nodes` nodes (at most 200) with `pods` Pods each; one hostNetwork Pod on the first node.
fn cluster(nodes: u32, pods: u32) -> Revision {
    let mut revision = Revision {
        number: 1,
        seed: 7,
        at_ns: 0,
        objects: imbl::OrdMap::new(),
        network: Arc::new(network()),
        nodes: imbl::OrdMap::new(),
        pods: imbl::OrdMap::new(),
        netns: imbl::OrdMap::new(),
        nodes_version: 1,
        sources: imbl::OrdMap::new(),
        faults: Default::default(),
        by_uid: imbl::OrdMap::new(),
        children: imbl::OrdMap::new(),
        services: imbl::OrdMap::new(),
        slices_of: imbl::OrdMap::new(),
        services_version: 0,
        addresses: imbl::OrdMap::new(),
        index: Default::default(),
    };
    revision.netns.insert(NetnsId(0), NetnsOwner::Gateway);
    revision.netns.insert(NetnsId(1), NetnsOwner::Internet);
    for n in 0..nodes {
        add_node(&mut revision, n, pods);
    }
    revision
}

fn add_node(revision: &mut Revision, n: u32, pods: u32) {
    let name: Arc<str> = format!("node-{n}").into();
    let (id, uid) = (NetnsId(1 + n), Uid(u128::from(1000 + n)));
    revision.netns.insert(id, NetnsOwner::Node(name.clone()));
    let cidr = format!("10.244.{n}.0/24").parse().expect("a prefix");
    let mut node = NodeRecord {
        name: name.clone(),
        uid,
        index: n,
        netns: id,
        ip: ip(&format!("172.18.0.{}", n + 2)),
        ip_origin: Origin::object(uid, "status.addresses[0].address"),
        ip_given: false,
        more_ips: Arc::from([]),
        pod_cidr: Some((cidr, Origin::object(uid, "spec.podCIDR"))),
        pod_cidr_given: false,
        second: None,
        labels: Arc::default(),
        taints: Arc::from([]),
        control_plane: n == 0,
        ready: true,
        unschedulable: false,
        pods_max: 110,
        pods_version: 1,
        pods: imbl::OrdMap::new(),
        waiting: imbl::OrdMap::new(),
        reserved: imbl::OrdMap::new(),
        host_ports: imbl::OrdMap::new(),
        last_reserved_ip: None,
        blocks: Arc::new([]),
        bridge_made: pods > 0,
        created_at_ns: 0,
    };
    for p in 0..pods + u32::from(n == 0) {
        let host_network = p == pods;
        let number = n * 200 + p;
        let key = PodKey::new("default", &format!("pod-{n}-{p}"));
        let netns = if host_network { id } else { NetnsId(10_000 + number) };
        if !host_network {
            revision.netns.insert(netns, NetnsOwner::Pod(key.clone()));
        }
        let image = if host_network { "registry.k8s.io/kube-proxy:v1.34.0" } else { "nginx:1.27" };
        let container = Container { name: "main".into(), image: image.into(), ..Container::default() };
        let pod_ip = if host_network { node.ip } else { ip(&format!("10.244.{n}.{}", p + 2)) };
        let order = u64::from(number) + 1;
        node.pods.insert(order, key.clone());
        let pod = PodRecord {
            key: key.clone(),
            uid: Uid(u128::from(100_000 + number)),
            node: Some(name.clone()),
            meant_for: None,
            host_network,
            netns: Some(netns),
            ip: Some(given(pod_ip)),
            second_ip: None,
            ip_given: false,
            spec: Arc::new(PodSpec { containers: vec![container], host_network, ..PodSpec::default() }),
            labels: Arc::default(),
            owner: None,
            phase: PodPhase::Running,
            reason: PodReason::None,
            unready: [].into(),
            frozen: false,
            corefile: None,
            failing: Arc::from([]),
            created_at_ns: 0,
            started_at_ns: Some(0),
            queued: 0,
            order,
            version: 1,
        };
        revision.pods.insert(key, Arc::new(pod));
    }
    revision.nodes.insert(name, Arc::new(node));
}

fn tables(revision: &Revision, id: u32) -> Netns {
    netns(revision, NetnsId(id), &mut Shared::default()).expect("a namespace")
}

#[test]
fn a_node_has_what_flannel_gives_it() {
    let node = tables(&cluster(3, 2), 2);
    let plain = text::Format::default();
    assert_eq!(
        text::route::all(&node, plain, text::route::Filter::default()),
        "default via 172.18.0.1 dev eth0 \n\
         10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink \n\
         10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n\
         10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n\
         172.18.0.0/16 dev eth0 proto kernel scope link src 172.18.0.3 \n"
    );
    let local = text::route::Filter { table: text::route::Table::Local, ..text::route::Filter::default() };
    assert_eq!(
        text::route::all(&node, plain, local),
        "local 10.244.1.0 dev flannel.1 proto kernel scope host src 10.244.1.0 \n\
         local 10.244.1.1 dev cni0 proto kernel scope host src 10.244.1.1 \n\
         broadcast 10.244.1.255 dev cni0 proto kernel scope link src 10.244.1.1 \n\
         local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1 \n\
         local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1 \n\
         broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1 \n\
         local 172.18.0.3 dev eth0 proto kernel scope host src 172.18.0.3 \n\
         broadcast 172.18.255.255 dev eth0 proto kernel scope link src 172.18.0.3 \n"
    );
    let addresses: Vec<String> = node.addresses.iter().map(|address| text::addr::row(&node, address)).collect();
    assert_eq!(
        addresses,
        [
            "inet 127.0.0.1/8 scope host lo",
            "inet 172.18.0.3/16 brd 172.18.255.255 scope global eth0",
            "inet 10.244.1.0/32 scope global flannel.1",
            "inet 10.244.1.1/24 brd 10.244.1.255 scope global cni0",
        ]
    );
    let veths: Vec<&crate::tables::Link> = node.ports_of(CNI0).collect();
    assert_eq!((veths.len(), veths.iter().all(|link| link.hairpin && link.mtu == 1450)), (2, true));
    assert!(veths[0].name.starts_with("veth") && veths[0].name.len() == 12, "{}", veths[0].name);
}

#[test]
fn remote_nodes_have_one_route_one_neighbor_and_one_forwarding_entry_each() {
    let revision = cluster(20, 1);
    let mut shared = Shared::default();
    for n in 0..20 {
        let node = netns(&revision, NetnsId(1 + n), &mut shared).expect("a node");
        for other in (0..20).filter(|other| *other != n) {
            let vtep = ip(&format!("10.244.{other}.0"));
            let (_, route) = node.main.lookup(ip(&format!("10.244.{other}.9"))).expect("a route");
            assert_eq!((route.via, route.dev, route.onlink), (Some(vtep), FLANNEL, true));
            let (_, neighbor) = node.neighbors.find((FLANNEL, vtep)).expect("a neighbor");
            let (_, entry) = node.fdb.find((FLANNEL, neighbor.mac)).expect("a forwarding entry");
            assert_eq!(entry.remote, ip(&format!("172.18.0.{}", other + 2)));
            // The remote device has that MAC.
            let remote = netns(&revision, NetnsId(1 + other), &mut shared).expect("a node");
            assert_eq!(remote.link(FLANNEL).map(|link| link.mac), Some(neighbor.mac));
        }
        assert_eq!((node.neighbors.iter().count(), node.fdb.iter().count()), (19, 19));
    }
}

#[test]
fn a_node_that_leaves_takes_exactly_its_rows_along() {
    let before = cluster(5, 1);
    let mut after = before.clone();
    after.nodes.remove("node-3");
    after.netns.remove(&NetnsId(4));
    after.nodes_version += 1;
    let (old, new) = (tables(&before, 1), tables(&after, 1));
    let routes = |netns: &Netns| -> Vec<String> {
        netns.main.rows.iter().map(|(_, route)| text::route::row(netns, route)).collect()
    };
    let gone: Vec<String> = routes(&old).into_iter().filter(|row| !routes(&new).contains(row)).collect();
    assert_eq!(gone, ["10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink"]);
    assert_eq!(routes(&new).len(), routes(&old).len() - 1);
    let remotes = |netns: &Netns| -> Vec<IpAddr> { netns.fdb.iter().map(|(_, entry)| entry.remote).collect() };
    let gone: Vec<IpAddr> = remotes(&old).into_iter().filter(|ip| !remotes(&new).contains(ip)).collect();
    assert_eq!((gone, new.neighbors.iter().count()), (vec![ip("172.18.0.5")], 3));
    assert_ne!(input_version(&before, NetnsId(1)), input_version(&after, NetnsId(1)));
}

#[test]
fn every_pod_can_be_reached_from_its_node_and_finds_its_gateway() {
    let revision = cluster(3, 4);
    let mut shared = Shared::default();
    for pod in revision.pods.values().filter(|pod| !pod.host_network) {
        let id = pod.netns.expect("a sandbox");
        let inside = netns(&revision, id, &mut shared).expect("the Pod's namespace");
        let node = &revision.nodes[pod.node.as_ref().expect("a node")];
        let outside = netns(&revision, node.netns, &mut shared).expect("the node's namespace");
        let (pod_ip, _) = pod.ip.as_ref().expect("an address");
        let (_, route) = outside.main.lookup(*pod_ip).expect("a route");
        assert_eq!((route.dev, route.via), (CNI0, None));
        let (_, default) = inside.main.lookup(ip("8.8.8.8")).expect("a default route");
        assert_eq!(default.via, outside.addresses_of(CNI0).next().map(|address| address.net.addr()));
        let eth0 = inside.link(ETH0).expect("eth0");
        let crate::tables::LinkKind::Veth { peer_netns, peer } = eth0.kind else { panic!("not a veth") };
        let veth = outside.link(peer).expect("the veth's other end");
        let back = crate::tables::LinkKind::Veth { peer_netns: id, peer: ETH0 };
        assert_eq!((peer_netns, &veth.kind, veth.master), (node.netns, &back, Some(CNI0)));
        assert_ne!(veth.mac, eth0.mac);
    }
}

#[test]
fn a_pod_has_three_routes() {
    let pod = tables(&cluster(2, 1), 10_000);
    assert_eq!(
        text::route::all(&pod, text::Format::default(), text::route::Filter::default()),
        "default via 10.244.0.1 dev eth0 \n\
         10.244.0.0/24 dev eth0 proto kernel scope link src 10.244.0.2 \n\
         10.244.0.0/16 via 10.244.0.1 dev eth0 \n"
    );
    let sockets: Vec<String> = pod.listeners.iter().map(text::socket::row).collect();
    assert_eq!(sockets, ["tcp LISTEN 0 4096 *:80 *:* users:((\"nginx\"))"]);
    assert_eq!(pod.listeners[0].origin, Origin::object(Uid(100_000), "spec.containers[0].image"));
}

#[test]
fn a_nodes_sockets_are_its_own_and_those_of_host_network_pods() {
    let node = tables(&cluster(1, 1), 1);
    let ports: Vec<u16> = node.listeners.iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [22, 10248, 10250, 10256, 10249]);
}

#[test]
fn nothing_is_made_without_a_subnet_and_no_bridge_without_a_pod() {
    let mut revision = cluster(2, 0);
    assert_eq!(tables(&revision, 2).links.len(), 3, "no cni0 before the first Pod");
    let mut node = (*revision.nodes["node-1"]).clone();
    node.pod_cidr = None;
    revision.nodes.insert("node-1".into(), Arc::new(node));
    let without = tables(&revision, 2);
    assert_eq!((without.links.len(), without.fdb.iter().count()), (2, 0));
    assert_eq!(tables(&revision, 1).fdb.iter().count(), 0, "nobody else knows a way to it");
}

#[test]
fn the_bridge_stays_without_a_carrier_when_the_last_pod_is_gone() {
    let mut revision = cluster(2, 1);
    let with = tables(&revision, 2);
    let mut node = (*revision.nodes["node-1"]).clone();
    node.pods.clear();
    revision.nodes.insert("node-1".into(), Arc::new(node));
    let without = tables(&revision, 2);
    let bridge = without.link(CNI0).expect("cni0");
    assert!(!without.has_carrier(bridge) && without.has_carrier(&without.links[1]));
    assert_eq!(bridge.mac, with.link(CNI0).expect("cni0").mac, "the plugin has set it, so it is no port's");
    assert_eq!(
        text::route::all(&without, Format::default(), Filter { dev: Some(CNI0), ..Filter::default() }),
        "10.244.1.0/24 proto kernel scope link src 10.244.1.1 linkdown \n"
    );
    let json = text::route::all(&without, Format { json: true, ..Format::default() }, Filter::default());
    assert!(json.contains(r#""prefsrc":"10.244.1.1","flags":["linkdown"]"#), "{json}");
    let busybox = Format { tool: Tool::Busybox, ..Format::default() };
    assert!(!text::route::all(&without, busybox, Filter::default()).contains("linkdown"));
    let local = text::route::all(&without, Format::default(), Filter { table: Table::Local, ..Filter::default() });
    assert!(local.contains("local 10.244.1.1 dev cni0 proto kernel scope host src 10.244.1.1 \n"), "{local}");
    assert!(local.contains("10.244.1.255 dev cni0 proto kernel scope link src 10.244.1.1 linkdown \n"), "{local}");
}

#[test]
fn direct_routing_goes_without_the_tunnel() {
    let mut revision = cluster(2, 1);
    let mut network = network();
    let Cni::Flannel(config) = &mut network.cni else { panic!("Flannel wires these Pods") };
    config.direct_routing = true;
    revision.network = Arc::new(network);
    let node = tables(&revision, 1);
    let (_, route) = node.main.lookup(ip("10.244.1.2")).expect("a route");
    assert_eq!(text::route::row(&node, route), "10.244.1.0/24 via 172.18.0.3 dev eth0");
    assert_eq!(node.fdb.iter().count(), 0);
}

#[test]
fn the_segment_knows_every_nic() {
    let revision = cluster(3, 1);
    let segment = segment(&revision);
    assert_eq!(segment.ports().len(), 4);
    let (_, port) = segment.port_by_mac(MacAddr([2, 0x42, 172, 18, 0, 3])).expect("node-1's NIC");
    assert_eq!(port.netns, NetnsId(2));
    assert_eq!(segment.ports_answering(ip("172.18.0.1")).count(), 1);
    let gateway = tables(&revision, 0);
    let (_, out) = gateway.main.lookup(ip("8.8.8.8")).expect("the way to the world");
    assert_eq!(text::route::row(&gateway, out), "default via 192.0.2.2 dev eth1");
    assert!(gateway.sysctls.ip_forward);
}

#[test]
fn cni_add_reads_as_it_happens() {
    let revision = cluster(2, 1);
    let pod = &revision.pods[&PodKey::new("default", "pod-1-0")];
    let steps = cni::add::add(&revision, pod);
    let plugins: Vec<&str> = steps.iter().map(|step| step.plugin).collect();
    assert_eq!(plugins[..4], ["kubelet", "loopback", "flannel", "host-local"]);
    assert!(plugins[4..plugins.len() - 1].iter().all(|plugin| *plugin == "bridge"));
    let rows: Vec<&String> = steps.iter().flat_map(|step| step.rows.iter().map(|(.., text)| text)).collect();
    for row in ["inet 10.244.1.2/24 brd 10.244.1.255 scope global eth0", "default via 10.244.1.1 dev eth0"] {
        assert!(rows.iter().any(|text| *text == row), "{row} in {rows:?}");
    }
    assert!(cni::add::del(&revision, pod).iter().any(|step| step.title == "release 10.244.1.2"));
    let host_network = &revision.pods[&PodKey::new("default", "pod-0-1")];
    assert_eq!(cni::add::add(&revision, host_network), []);
}

#[test]
fn the_script_names_every_namespace_and_lets_nothing_else_through() {
    let mut revision = cluster(2, 1);
    let odd = PodKey::new("default", "a;rm -rf $HOME`'\"");
    let mut pod = (*revision.pods[&PodKey::new("default", "pod-1-0")]).clone();
    pod.key = odd.clone();
    let mut node = (*revision.nodes["node-1"]).clone();
    node.pods.insert(pod.order, odd.clone());
    revision.nodes.insert("node-1".into(), Arc::new(node));
    revision.netns.insert(pod.netns.expect("a sandbox"), NetnsOwner::Pod(odd.clone()));
    revision.pods.insert(odd, Arc::new(pod));
    let (all, segment) = export::everything(&revision);
    let script = export::script(&all, &segment, "t $(x)");
    assert!(script.contains("netns add t---x-node-node-0\n") && script.contains("netns add t---x-gateway\n"));
    assert!(script.contains("t---x-pod-default.a-rm--rf--HOME"));
    assert!(!script.contains("$HOME") && !script.contains("rm -rf") && !script.contains("$(x)"));
    assert_eq!(export::names(&all, "x-").len(), all.len());
}

#[test]
fn a_full_nodes_tables_are_written_fast_and_equal_each_time() {
    let revision = cluster(1, 110);
    let (first, second) = (tables(&revision, 1), tables(&revision, 1));
    assert_eq!(first.links, second.links);
    assert_eq!(first.links.len(), 114);
    let macs: std::collections::BTreeSet<MacAddr> = first.links.iter().map(|link| link.mac).collect();
    assert_eq!(macs.len(), 114);
    assert!(first.links.is_sorted_by_key(|link| link.index));
    assert!(first.link(LinkIndex(5)).is_some());
}
