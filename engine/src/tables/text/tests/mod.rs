//! The expected texts were printed by iproute2 6.1 and busybox 1.35 for a namespace built with these very rows.

mod fixture;
mod v6;

use super::*;
use crate::tables::LinkIndex;
use fixture::{ip, mac, node, pod};

const PLAIN: Format =
    Format { tool: Tool::Iproute2, family: Family::Any, brief: false, details: false, json: false, oneline: false };
const BRIEF: Format = Format { brief: true, ..PLAIN };
const DETAILS: Format = Format { details: true, ..PLAIN };
const JSON: Format = Format { json: true, ..PLAIN };
const ONELINE: Format = Format { oneline: true, ..PLAIN };
const BUSYBOX: Format = Format { tool: Tool::Busybox, ..PLAIN };

fn dev(name: &str) -> link::Filter<'_> {
    link::Filter { dev: Some(name), ..link::Filter::default() }
}

#[test]
fn ip_addr_of_a_node() {
    let veth = netns_of_veth();
    let expected = format!(
        "\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000
    link/ether 02:42:ac:12:00:03 brd ff:ff:ff:ff:ff:ff
    inet 172.18.0.3/16 brd 172.18.255.255 scope global eth0
       valid_lft forever preferred_lft forever
3: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default \n\
    \x20   link/ether 5a:01:02:03:04:05 brd ff:ff:ff:ff:ff:ff
    inet 10.244.1.0/32 scope global flannel.1
       valid_lft forever preferred_lft forever
4: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default qlen 1000
    link/ether 4a:c0:d6:f1:f2:57 brd ff:ff:ff:ff:ff:ff
    inet 10.244.1.1/24 brd 10.244.1.255 scope global cni0
       valid_lft forever preferred_lft forever
5: veth5e1c0a41@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP group default qlen 1000
    link/ether ce:8f:31:68:9a:56 brd ff:ff:ff:ff:ff:ff link-netns {}
6: veth5e1c0a42@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 state UP group default qlen 1000
    link/ether fe:fc:04:12:49:62 brd ff:ff:ff:ff:ff:ff link-netns {}
",
        veth.0, veth.1
    );
    assert_eq!(addr::all(&node(), PLAIN, link::Filter::default()), expected);
}

fn netns_of_veth() -> (String, String) {
    (link::netns_name(mac("ce:8f:31:68:9a:56")), link::netns_name(mac("fe:fc:04:12:49:62")))
}

#[test]
fn names_of_namespaces_are_uuids_that_differ() {
    let (a, b) = netns_of_veth();
    assert_ne!(a, b);
    assert!(a.starts_with("cni-") && a.len() == 40 && a.as_bytes()[18] == b'4', "{a}");
}

#[test]
fn ip_br_and_oneline() {
    assert_eq!(
        addr::all(&node(), BRIEF, link::Filter::default()),
        "lo               UNKNOWN        127.0.0.1/8 \n\
         eth0             UP             172.18.0.3/16 \n\
         flannel.1        UNKNOWN        10.244.1.0/32 \n\
         cni0             UP             10.244.1.1/24 \n\
         veth5e1c0a41@if2 UP             \n\
         veth5e1c0a42@if2 UP             \n"
    );
    assert_eq!(
        link::all(&pod(), BRIEF, link::Filter::default()),
        "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n\
         eth0@if6         UP             8e:00:00:00:00:01 <BROADCAST,MULTICAST,UP,LOWER_UP> \n"
    );
    assert_eq!(
        addr::all(&pod(), ONELINE, link::Filter::default()),
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n\
         2: eth0    inet 10.244.1.2/24 brd 10.244.1.255 scope global eth0\\       valid_lft forever preferred_lft forever\n"
    );
    assert_eq!(
        addr::all(&node(), Format { family: Family::V4, ..PLAIN }, dev("cni0")),
        "4: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP group default qlen 1000\n    \
         inet 10.244.1.1/24 brd 10.244.1.255 scope global cni0\n       valid_lft forever preferred_lft forever\n"
    );
}

#[test]
fn ip_link_in_a_pod() {
    assert_eq!(
        link::all(&pod(), PLAIN, dev("eth0")),
        "2: eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP mode DEFAULT group default \
         qlen 1000\n    link/ether 8e:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
    );
    assert_eq!(
        link::all(&pod(), ONELINE, dev("lo")),
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    \
         link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
    );
}

#[test]
fn a_bridge_without_ports_has_no_carrier() {
    let mut netns = node();
    netns.links.truncate(4);
    netns.links[1].up = false;
    assert_eq!(
        link::row(&netns, &netns.links[3]),
        "4: cni0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1450 qdisc noqueue state DOWN mode DEFAULT group default \
         qlen 1000"
    );
    assert_eq!(
        link::row(&netns, &netns.links[1]),
        "2: eth0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000"
    );
}

#[test]
fn a_vxlan_devices_row_has_its_settings() {
    let node = node();
    assert_eq!(
        link::row(&node, &node.links[2]),
        "3: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN mode DEFAULT group \
         default\\    vxlan id 1 local 172.18.0.3 dev eth0 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 \
         udpcsum noudp6zerocsumtx noudp6zerocsumrx"
    );
}

#[test]
fn ip_d_link() {
    let queues = "gso_max_size 65536 gso_max_segs 65535 tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536 \n";
    let text = link::all(&node(), DETAILS, dev("flannel.1"));
    let vxlan = format!(
        "    link/ether 5a:01:02:03:04:05 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n    \
         vxlan id 1 local 172.18.0.3 dev eth0 srcport 0 0 dstport 8472 nolearning ttl auto ageing 300 udpcsum \
         noudp6zerocsumtx noudp6zerocsumrx addrgenmode eui64 numtxqueues 1 numrxqueues 1 {queues}"
    );
    assert_eq!(text.split_once('\n').map(|(_, rest)| rest), Some(&*vxlan));
    let text = link::all(&node(), DETAILS, dev("cni0"));
    let bridge = format!(
        "    bridge forward_delay 1500 hello_time 200 max_age 2000 ageing_time 30000 stp_state 0 priority 32768 \
         vlan_filtering 0 bridge_id 8000.4a:c0:d6:f1:f2:57 designated_root 8000.4a:c0:d6:f1:f2:57 root_port 0 \
         root_path_cost 0 topology_change 0 topology_change_detected 0 hello_timer    0.00 tcn_timer    0.00 \
         topology_change_timer    0.00 gc_timer    0.00 group_fwd_mask 0 group_address 01:80:c2:00:00:00 \
         mcast_snooping 1 no_linklocal_learn 0 mcast_vlan_snooping 0 mcast_router 1 mcast_query_use_ifaddr 0 \
         mcast_querier 0 mcast_hash_elasticity 16 mcast_hash_max 4096 mcast_last_member_count 2 \
         mcast_startup_query_count 2 mcast_last_member_interval 100 mcast_membership_interval 26000 \
         mcast_querier_interval 25500 mcast_query_interval 12500 mcast_query_response_interval 1000 \
         mcast_startup_query_interval 3124 mcast_stats_enabled 0 mcast_igmp_version 2 mcast_mld_version 1 \
         nf_call_iptables 0 nf_call_ip6tables 0 nf_call_arptables 0 addrgenmode eui64 numtxqueues 1 numrxqueues 1 \
         {queues}"
    );
    assert_eq!(text.splitn(3, '\n').nth(2), Some(&*bridge));
    let text = link::all(&node(), DETAILS, dev("veth5e1c0a42"));
    let port = format!(
        "    veth \n    bridge_slave state forwarding priority 32 cost 2 hairpin on guard off root_block off fastleave \
         off learning on flood on port_id 0x8002 port_no 0x2 designated_port 32770 designated_cost 0 \
         designated_bridge 8000.4a:c0:d6:f1:f2:57 designated_root 8000.4a:c0:d6:f1:f2:57 hold_timer    0.00 \
         message_age_timer    0.00 forward_delay_timer    0.00 topology_change_ack 0 config_pending 0 proxy_arp off \
         proxy_arp_wifi off mcast_router 1 mcast_fast_leave off mcast_flood on bcast_flood on mcast_to_unicast off \
         neigh_suppress off group_fwd_mask 0 group_fwd_mask_str 0x0 vlan_tunnel off isolated off locked off \
         addrgenmode eui64 numtxqueues 2 numrxqueues 2 {queues}"
    );
    assert_eq!(text.splitn(3, '\n').nth(2), Some(&*port));
}

#[test]
fn ip_j_link_and_addr() {
    assert_eq!(
        link::all(&node(), Format { details: true, ..JSON }, dev("flannel.1")),
        r#"[{"ifindex":3,"ifname":"flannel.1","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1450,"qdisc":"noqueue","operstate":"UNKNOWN","linkmode":"DEFAULT","group":"default","link_type":"ether","address":"5a:01:02:03:04:05","broadcast":"ff:ff:ff:ff:ff:ff","promiscuity":0,"allmulti":0,"min_mtu":68,"max_mtu":65535,"linkinfo":{"info_kind":"vxlan","info_data":{"id":1,"local":"172.18.0.3","link":"eth0","port_range":{"low":0,"high":0},"port":8472,"learning":false,"ttl":0,"df":"unset","ageing":300,"udp_csum":true,"udp_zero_csum6_tx":false,"udp_zero_csum6_rx":false}},"inet6_addr_gen_mode":"eui64","num_tx_queues":1,"num_rx_queues":1,"gso_max_size":65536,"gso_max_segs":65535,"tso_max_size":524280,"tso_max_segs":65535,"gro_max_size":65536}]
"#
    );
    let port = r#""linkinfo":{"info_kind":"veth","info_slave_kind":"bridge","info_slave_data":{"state":"forwarding","priority":32,"cost":2,"hairpin":true,"guard":false,"root_block":false,"fastleave":false,"learning":true,"flood":true,"id":"0x8001","no":"0x1","designated_port":32769,"designated_cost":0,"bridge_id":"8000.4a:c0:d6:f1:f2:57","root_id":"8000.4a:c0:d6:f1:f2:57","hold_timer":0.00,"message_age_timer":0.00,"forward_delay_timer":0.00,"topology_change_ack":0,"config_pending":0,"proxy_arp":false,"proxy_arp_wifi":false,"multicast_router":1,"mcast_flood":true,"bcast_flood":true,"mcast_to_unicast":false,"neigh_suppress":false,"group_fwd_mask":"0","group_fwd_mask_str":"0x0","vlan_tunnel":false,"isolated":false,"locked":false}},"#;
    let text = link::all(&node(), Format { details: true, ..JSON }, dev("veth5e1c0a41"));
    assert!(text.contains(port), "{text}");
    assert_eq!(
        addr::all(&pod(), JSON, dev("eth0")),
        r#"[{"ifindex":2,"link_index":6,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1450,"qdisc":"noqueue","operstate":"UP","group":"default","txqlen":1000,"link_type":"ether","address":"8e:00:00:00:00:01","broadcast":"ff:ff:ff:ff:ff:ff","link_netnsid":0,"addr_info":[{"family":"inet","local":"10.244.1.2","prefixlen":24,"broadcast":"10.244.1.255","scope":"global","label":"eth0","valid_life_time":4294967295,"preferred_life_time":4294967295}]}]
"#
    );
    assert_eq!(
        addr::all(&pod(), Format { brief: true, ..JSON }, link::Filter::default()),
        r#"[{"ifname":"lo","operstate":"UNKNOWN","addr_info":[{"local":"127.0.0.1","prefixlen":8}]},{"link_index":6,"ifname":"eth0","operstate":"UP","addr_info":[{"local":"10.244.1.2","prefixlen":24}]}]
"#
    );
}

#[test]
fn ip_route() {
    assert_eq!(
        route::all(&node(), PLAIN, route::Filter::default()),
        "default via 172.18.0.1 dev eth0 \n\
         10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink \n\
         10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n\
         10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n\
         172.18.0.0/16 dev eth0 proto kernel scope link src 172.18.0.3 \n"
    );
    assert_eq!(
        route::all(&pod(), DETAILS, route::Filter::default()),
        "unicast default via 10.244.1.1 dev eth0 proto boot scope global \n\
         unicast 10.244.0.0/16 via 10.244.1.1 dev eth0 proto boot scope global \n\
         unicast 10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1.2 \n"
    );
    let eth0 = route::Filter { dev: Some(LinkIndex(2)), ..route::Filter::default() };
    assert_eq!(
        route::all(&node(), PLAIN, eth0),
        "default via 172.18.0.1 \n172.18.0.0/16 proto kernel scope link src 172.18.0.3 \n"
    );
    let everything = route::Filter { table: route::Table::All, dev: Some(LinkIndex::LO), ..route::Filter::default() };
    assert_eq!(
        route::all(&pod(), PLAIN, everything),
        "local 127.0.0.0/8 table local proto kernel scope host src 127.0.0.1 \n\
         local 127.0.0.1 table local proto kernel scope host src 127.0.0.1 \n\
         broadcast 127.255.255.255 table local proto kernel scope link src 127.0.0.1 \n"
    );
    assert_eq!(
        route::all(&pod(), JSON, route::Filter::default()),
        r#"[{"dst":"default","gateway":"10.244.1.1","dev":"eth0","flags":[]},{"dst":"10.244.0.0/16","gateway":"10.244.1.1","dev":"eth0","flags":[]},{"dst":"10.244.1.0/24","dev":"eth0","protocol":"kernel","scope":"link","prefsrc":"10.244.1.2","flags":[]}]
"#
    );
    let (_, onlink) = node().main.lookup(ip("10.244.2.9")).map(|(id, r)| (id, r.clone())).expect("a route");
    assert_eq!(route::row(&node(), &onlink), "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink");
}

fn learned() -> Vec<neigh::Neighbor> {
    let cni0 = LinkIndex(4);
    let row = |ip_text, mac, state| neigh::Neighbor {
        link: cni0,
        ip: ip(ip_text),
        mac,
        state,
        router: false,
        probes_count: 1,
    };
    vec![
        row("10.244.1.3", None, neigh::NeighborState::Failed),
        row("10.244.1.2", Some(mac("8e:00:00:00:00:01")), neigh::NeighborState::Reachable),
    ]
}

#[test]
fn ip_neigh() {
    assert_eq!(
        neigh::all(&node(), learned(), PLAIN, neigh::Filter::default()),
        "10.244.2.0 dev flannel.1 lladdr 5a:01:02:03:04:22 PERMANENT \n\
         10.244.1.2 dev cni0 lladdr 8e:00:00:00:00:01 REACHABLE \n\
         10.244.1.3 dev cni0 FAILED \n"
    );
    assert_eq!(
        neigh::all(&node(), learned(), JSON, neigh::Filter { dev: Some(LinkIndex(4)), ..neigh::Filter::default() }),
        r#"[{"dst":"10.244.1.2","lladdr":"8e:00:00:00:00:01","state":["REACHABLE"]},{"dst":"10.244.1.3","state":["FAILED"]}]
"#
    );
    assert_eq!(
        neigh::all(&node(), learned(), BUSYBOX, neigh::Filter::default()),
        "10.244.2.0 dev flannel.1 lladdr 5a:01:02:03:04:22 used 0/0/0 probes 0 PERMANENT\n\
         10.244.1.2 dev cni0 lladdr 8e:00:00:00:00:01 ref 1 used 0/0/0 probes 1 REACHABLE\n\
         10.244.1.3 dev cni0  used 0/0/0 probes 1 FAILED\n"
    );
    assert_eq!(
        neigh::all(&node(), [], BRIEF, neigh::Filter::default()),
        "10.244.2.0                              flannel.1        5a:01:02:03:04:22\n"
    );
}

#[test]
fn bridge_fdb() {
    let learned = [fdb::LearnedMac { port: LinkIndex(5), mac: mac("8e:00:00:00:00:01") }];
    assert_eq!(
        fdb::all(&node(), learned, PLAIN, fdb::Filter::default()),
        "33:33:00:00:00:01 dev eth0 self permanent\n\
         01:00:5e:00:00:01 dev eth0 self permanent\n\
         5a:01:02:03:04:22 dev flannel.1 dst 172.18.0.4 self permanent\n\
         33:33:00:00:00:01 dev cni0 self permanent\n\
         01:00:5e:00:00:6a dev cni0 self permanent\n\
         33:33:00:00:00:6a dev cni0 self permanent\n\
         01:00:5e:00:00:01 dev cni0 self permanent\n\
         4a:c0:d6:f1:f2:57 dev cni0 master cni0 permanent\n\
         8e:00:00:00:00:01 dev veth5e1c0a41 master cni0 \n\
         ce:8f:31:68:9a:56 dev veth5e1c0a41 master cni0 permanent\n\
         33:33:00:00:00:01 dev veth5e1c0a41 self permanent\n\
         01:00:5e:00:00:01 dev veth5e1c0a41 self permanent\n\
         fe:fc:04:12:49:62 dev veth5e1c0a42 master cni0 permanent\n\
         33:33:00:00:00:01 dev veth5e1c0a42 self permanent\n\
         01:00:5e:00:00:01 dev veth5e1c0a42 self permanent\n"
    );
    let flannel = fdb::Filter { dev: Some(LinkIndex(3)), bridge: None };
    assert_eq!(fdb::all(&node(), [], PLAIN, flannel), "5a:01:02:03:04:22 dst 172.18.0.4 self permanent\n");
    assert_eq!(
        fdb::all(&node(), [], JSON, flannel),
        "[{\"mac\":\"5a:01:02:03:04:22\",\"dst\":\"172.18.0.4\",\"flags\":[\"self\"],\"state\":\"permanent\"}]\n"
    );
    assert_eq!(fdb::learned_row(&node(), &learned[0]), "8e:00:00:00:00:01 dev veth5e1c0a41 master cni0");
}

#[test]
fn busybox_ip() {
    assert_eq!(
        addr::all(&pod(), BUSYBOX, link::Filter::default()),
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\n    \
         link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    \
         inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n\
         2: eth0@if6: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1450 qdisc noqueue qlen 1000\n    \
         link/ether 8e:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    \
         inet 10.244.1.2/24 brd 10.244.1.255 scope global eth0\n       valid_lft forever preferred_lft forever\n"
    );
    assert_eq!(
        link::all(&node(), BUSYBOX, dev("veth5e1c0a41")),
        "5: veth5e1c0a41@eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master cni0 qlen 1000\n    \
         link/ether ce:8f:31:68:9a:56 brd ff:ff:ff:ff:ff:ff\n"
    );
    assert_eq!(
        route::all(&node(), BUSYBOX, route::Filter::default()),
        "default via 172.18.0.1 dev eth0 \n\
         10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink \n\
         10.244.1.0/24 dev cni0 scope link  src 10.244.1.1 \n\
         10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n\
         172.18.0.0/16 dev eth0 scope link  src 172.18.0.3 \n"
    );
}

#[test]
fn sysctl_and_sockets() {
    assert_eq!(sysctl::row(&node(), "net.ipv4.ip_forward").as_deref(), Some("net.ipv4.ip_forward = 1"));
    assert_eq!(sysctl::row(&node(), "net.ipv4.nope"), None);
    let listener = &node().listeners[0];
    assert_eq!(socket::row(listener), "tcp LISTEN 0 4096 127.0.0.1:10248 0.0.0.0:* users:((\"kubelet\"))");
    assert_eq!(
        socket::all(&node()),
        "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess             \n\
         tcp   LISTEN 0      4096       127.0.0.1:10248      0.0.0.0:*    users:((\"kubelet\"))\n"
    );
}
