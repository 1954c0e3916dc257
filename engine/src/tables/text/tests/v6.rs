//! IPv6: the expected texts were printed by iproute2 6.1 on Linux 6.18 for a namespace built with these very addresses and
//! routes.

use super::fixture::{address, link, node, route};
use super::*;
use crate::tables::{
    FdbEntry, LinkKind, NeighborEntry, Netns, Origin, Route, RouteKind, RouteProto, RouteTable, Rows, Scope, Sysctls,
};

fn kernel(kind: RouteKind, dst: &str, dev: u32) -> Route {
    Route { kind, proto: RouteProto::Kernel, ..route(dst, None, dev) }
}

/// A node with two addresses on its card, a tunnel over IPv6 and a bridge.
fn dual() -> Netns {
    let vxlan = LinkKind::Vxlan { vni: 1, port: 8472, local: ip("fc00:f853:ccd:e793::2"), underlay: LinkIndex(2) };
    let links = vec![
        link(1, "lo", LinkKind::Loopback, "00:00:00:00:00:00", 65536),
        link(2, "eth0", LinkKind::Nic { segment: 0 }, "02:42:ac:12:00:02", 1500),
        link(3, "flannel-v6.1", vxlan, "02:00:00:00:00:07", 1430),
        link(4, "cni0", LinkKind::Bridge, "02:00:00:00:00:01", 1500),
    ];
    let local = vec![
        kernel(RouteKind::Local, "::1/128", 1),
        kernel(RouteKind::Local, "2001:db8:1::2/128", 2),
        kernel(RouteKind::Anycast, "2001:db8:1::/128", 2),
        kernel(RouteKind::Local, "fd00:10:244:1::/128", 3),
        kernel(RouteKind::Anycast, "fe80::/128", 2),
        kernel(RouteKind::Local, "fe80::42:acff:fe12:2/128", 2),
        kernel(RouteKind::Multicast, "ff00::/8", 2),
        kernel(RouteKind::Multicast, "ff00::/8", 3),
        kernel(RouteKind::Anycast, "fe80::/128", 3),
        kernel(RouteKind::Local, "fe80::ff:fe00:7/128", 3),
        kernel(RouteKind::Anycast, "fd00:10:244:1::/128", 4),
        kernel(RouteKind::Local, "fd00:10:244:1::1/128", 4),
    ];
    let onlink = Route { onlink: true, ..route("fd00:10:244:2::/64", Some("fd00:10:244:2::"), 3) };
    let main = vec![
        route("::/0", Some("fc00:f853:ccd:e793::1"), 2),
        kernel(RouteKind::Unicast, "2001:db8:1::/64", 2),
        kernel(RouteKind::Unicast, "fc00:f853:ccd:e793::/64", 2),
        kernel(RouteKind::Unicast, "fe80::/64", 2),
        kernel(RouteKind::Unicast, "fd00:10:244:1::/128", 3),
        kernel(RouteKind::Unicast, "fe80::/64", 3),
        kernel(RouteKind::Unicast, "fd00:10:244:1::/64", 4),
        kernel(RouteKind::Unicast, "fe80::/64", 4),
        onlink,
    ];
    Netns {
        links,
        addresses: vec![
            address(1, "127.0.0.1/8", None, Scope::Host),
            address(1, "::1/128", None, Scope::Host),
            address(2, "172.18.0.2/16", Some("172.18.255.255"), Scope::Global),
            address(2, "2001:db8:1::2/64", None, Scope::Global),
            address(2, "fc00:f853:ccd:e793::2/64", None, Scope::Global),
            address(2, "fe80::42:acff:fe12:2/64", None, Scope::Link),
            address(3, "fd00:10:244:1::/128", None, Scope::Global),
            address(3, "fe80::ff:fe00:7/64", None, Scope::Link),
            address(4, "fd00:10:244:1::1/64", None, Scope::Global),
        ],
        local: RouteTable::new(Rows::from(local)),
        main: RouteTable::new(Rows::from(main)),
        neighbors: Rows::from(vec![NeighborEntry {
            link: LinkIndex(3),
            ip: ip("fd00:10:244:2::"),
            mac: mac("02:00:00:00:00:99"),
            origin: Origin::Kernel,
        }]),
        fdb: Rows::from(vec![FdbEntry {
            link: LinkIndex(3),
            mac: mac("02:00:00:00:00:99"),
            remote: ip("fc00:f853:ccd:e793::3"),
            origin: Origin::Kernel,
        }]),
        sysctls: Sysctls { ip6_forward: true, disable_ipv6: false, ..node().sysctls },
        ..node()
    }
}

const SIX: Format = Format { family: Family::V6, ..PLAIN };

#[test]
fn ip_addr() {
    assert_eq!(
        addr::all(&dual(), PLAIN, dev("eth0")).split_once("ff:ff:ff:ff:ff:ff\n").map(|(_, rest)| rest),
        Some(
            "    inet 172.18.0.2/16 brd 172.18.255.255 scope global eth0\n       valid_lft forever preferred_lft forever\n    \
             inet6 2001:db8:1::2/64 scope global nodad \n       valid_lft forever preferred_lft forever\n    \
             inet6 fc00:f853:ccd:e793::2/64 scope global nodad \n       valid_lft forever preferred_lft forever\n    \
             inet6 fe80::42:acff:fe12:2/64 scope link \n       valid_lft forever preferred_lft forever\n"
        )
    );
    assert_eq!(
        addr::all(&dual(), BRIEF, link::Filter::default()).lines().nth(1),
        Some(
            "eth0             UP             172.18.0.2/16 2001:db8:1::2/64 fc00:f853:ccd:e793::2/64 \
             fe80::42:acff:fe12:2/64 "
        )
    );
    assert_eq!(
        addr::all(&dual(), Format { oneline: true, ..SIX }, dev("flannel-v6.1")),
        "3: flannel-v6.1    inet6 fd00:10:244:1::/128 scope global \\       valid_lft forever preferred_lft forever\n\
         3: flannel-v6.1    inet6 fe80::ff:fe00:7/64 scope link \\       valid_lft forever preferred_lft forever\n"
    );
    let json = addr::all(&dual(), Format { json: true, ..SIX }, dev("eth0"));
    let first = r#""addr_info":[{"family":"inet6","local":"2001:db8:1::2","prefixlen":64,"scope":"global","nodad":true,"valid_life_time":4294967295,"preferred_life_time":4294967295},"#;
    assert!(json.contains(first), "{json}");
}

#[test]
fn ip_route() {
    assert_eq!(
        route::all(&dual(), SIX, route::Filter::default()),
        "2001:db8:1::/64 dev eth0 proto kernel metric 256 pref medium\n\
         fc00:f853:ccd:e793::/64 dev eth0 proto kernel metric 256 pref medium\n\
         fd00:10:244:1:: dev flannel-v6.1 proto kernel metric 256 pref medium\n\
         fd00:10:244:1::/64 dev cni0 proto kernel metric 256 linkdown pref medium\n\
         fd00:10:244:2::/64 via fd00:10:244:2:: dev flannel-v6.1 metric 1024 onlink pref medium\n\
         fe80::/64 dev eth0 proto kernel metric 256 pref medium\n\
         fe80::/64 dev flannel-v6.1 proto kernel metric 256 pref medium\n\
         fe80::/64 dev cni0 proto kernel metric 256 linkdown pref medium\n\
         default via fc00:f853:ccd:e793::1 dev eth0 metric 1024 pref medium\n"
    );
    assert_eq!(
        route::all(&dual(), SIX, route::Filter { table: route::Table::Local, ..route::Filter::default() }),
        "local ::1 dev lo proto kernel metric 0 pref medium\n\
         anycast 2001:db8:1:: dev eth0 proto kernel metric 0 pref medium\n\
         local 2001:db8:1::2 dev eth0 proto kernel metric 0 pref medium\n\
         local fd00:10:244:1:: dev flannel-v6.1 proto kernel metric 0 pref medium\n\
         anycast fd00:10:244:1:: dev cni0 proto kernel metric 0 pref medium\n\
         local fd00:10:244:1::1 dev cni0 proto kernel metric 0 pref medium\n\
         anycast fe80:: dev eth0 proto kernel metric 0 pref medium\n\
         anycast fe80:: dev flannel-v6.1 proto kernel metric 0 pref medium\n\
         local fe80::ff:fe00:7 dev flannel-v6.1 proto kernel metric 0 pref medium\n\
         local fe80::42:acff:fe12:2 dev eth0 proto kernel metric 0 pref medium\n\
         multicast ff00::/8 dev eth0 proto kernel metric 256 pref medium\n\
         multicast ff00::/8 dev flannel-v6.1 proto kernel metric 256 pref medium\n"
    );
    let details = route::all(&dual(), Format { details: true, ..SIX }, route::Filter::default());
    assert_eq!(
        details.lines().last(),
        Some("unicast default via fc00:f853:ccd:e793::1 dev eth0 proto boot scope global metric 1024 pref medium")
    );
    let json = route::all(&dual(), Format { json: true, ..SIX }, route::Filter::default());
    let onlink = r#"{"dst":"fd00:10:244:2::/64","gateway":"fd00:10:244:2::","dev":"flannel-v6.1","metric":1024,"flags":["onlink"],"pref":"medium"}"#;
    assert!(json.contains(onlink), "{json}");
    // Of one table IPv4 is shown unless said otherwise; of all of them both are.
    assert_eq!(route::all(&dual(), PLAIN, route::Filter::default()), "");
    let all = route::Filter { table: route::Table::All, ..route::Filter::default() };
    assert!(
        route::all(&dual(), PLAIN, all).contains("local ::1 dev lo table local proto kernel metric 0 pref medium\n")
    );
}

#[test]
fn neighbours_and_forwarding() {
    let row = |ip_text, state, router| neigh::Neighbor {
        link: LinkIndex(4),
        ip: ip(ip_text),
        mac: Some(mac("02:00:00:00:00:11")),
        state,
        router,
        probes_count: 0,
    };
    let learned = || {
        [
            row("fd00:10:244:1::2", neigh::NeighborState::Delay, false),
            row("fd00:10:244:1::1", neigh::NeighborState::Reachable, true),
        ]
    };
    assert_eq!(
        neigh::all(&dual(), learned(), PLAIN, neigh::Filter::default()),
        "fd00:10:244:2:: dev flannel-v6.1 lladdr 02:00:00:00:00:99 PERMANENT \n\
         fd00:10:244:1::1 dev cni0 lladdr 02:00:00:00:00:11 router REACHABLE \n\
         fd00:10:244:1::2 dev cni0 lladdr 02:00:00:00:00:11 DELAY \n"
    );
    assert_eq!(
        fdb::all(&dual(), [], PLAIN, fdb::Filter { dev: Some(LinkIndex(3)), ..fdb::Filter::default() }),
        "02:00:00:00:00:99 dst fc00:f853:ccd:e793::3 self permanent\n"
    );
    assert_eq!(
        fdb::all(&dual(), [], PLAIN, fdb::Filter { dev: Some(LinkIndex(4)), ..fdb::Filter::default() }),
        "33:33:00:00:00:01 self permanent\n33:33:00:00:00:02 self permanent\n01:00:5e:00:00:6a self permanent\n\
         33:33:00:00:00:6a self permanent\n01:00:5e:00:00:01 self permanent\n33:33:ff:00:00:01 self permanent\n\
         33:33:ff:00:00:00 self permanent\n02:00:00:00:00:01 master cni0 permanent\n"
    );
}

#[test]
fn settings_of_ipv6_are_listed_where_there_is_ipv6() {
    assert!(sysctl::all(&dual()).ends_with(
        "net.ipv6.conf.all.disable_ipv6 = 0\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv6.conf.all.hop_limit = 64\n"
    ));
    assert!(!sysctl::all(&node()).contains("ipv6"));
    assert_eq!(
        sysctl::row(&node(), "net.ipv6.conf.all.disable_ipv6").as_deref(),
        Some("net.ipv6.conf.all.disable_ipv6 = 1")
    );
}
