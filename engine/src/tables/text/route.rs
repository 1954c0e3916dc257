//! `ip route`. Models iproute2 ip/iproute.c print_route and busybox networking/libiproute/iproute.c.

use super::addr::scope_name;
use super::out::Out;
use super::{Format, Tool};
use crate::tables::{LinkIndex, Netns, Route, RouteKind, RouteProto, Scope};
use ipnet::IpNet;
use std::cmp::Reverse;

/// `table local`, `table main` (the default), `table all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Table {
    #[default]
    Main,
    Local,
    All,
}

/// Which routes to show. What is selected is not printed again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub table: Table,
    /// `dev NAME`
    pub dev: Option<LinkIndex>,
    /// `proto kernel`
    pub proto: Option<RouteProto>,
    /// `scope link`
    pub scope: Option<Scope>,
    /// A prefix: routes for exactly it.
    pub dst: Option<IpNet>,
}

impl Filter {
    fn has(&self, format: Format, route: &Route) -> bool {
        self.dev.is_none_or(|dev| dev == route.dev)
            && self.proto.is_none_or(|proto| proto == route.proto)
            && self.scope.is_none_or(|scope| scope == route.scope)
            && self.dst.is_none_or(|dst| dst == route.dst)
            && match format.family {
                // Of one table IPv4 is shown unless said otherwise.
                super::Family::Any => route.dst.addr().is_ipv4() || self.table == Table::All,
                family => family.has(route.dst.addr()),
            }
    }
}

/// `10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink`
pub fn row(netns: &Netns, route: &Route) -> String {
    let mut out = Out::new(false);
    one(&mut out, netns, route, Format::default(), &Filter::default(), false);
    out.trim_end();
    out.buf
}

/// `ip route show`, in the kernel's order: IPv4 by address, the longer prefix first; IPv6 in the order of its tree, the
/// prefixes within one before it.
pub fn all(netns: &Netns, format: Format, filter: Filter) -> String {
    let mut out = Out::new(format.json);
    out.open("", '[');
    let tables = [(Table::Main, &netns.main), (Table::Local, &netns.local)];
    for (v6, (table, routes)) in [false, true].into_iter().flat_map(|v6| tables.map(|table| (v6, table))) {
        if filter.table != table && filter.table != Table::All {
            continue;
        }
        let rows = routes.rows.iter().map(|(_, route)| route).filter(|route| route.dst.addr().is_ipv6() == v6);
        let mut routes: Vec<&Route> = rows.filter(|route| filter.has(format, route)).collect();
        routes.sort_by_key(|route| {
            let first = if v6 { route.dst.broadcast() } else { route.dst.network() };
            (first, Reverse(route.dst.prefix_len()))
        });
        let name_table = filter.table == Table::All && table == Table::Local;
        for route in routes {
            out.open("", '{');
            one(&mut out, netns, route, format, &filter, name_table);
            out.text("\n");
            out.close('}');
        }
    }
    out.close(']');
    out.finish()
}

/// A prefix as `ip` shows it: `default`, no length for a single address.
pub fn prefix(net: IpNet) -> String {
    if net.prefix_len() == 0 {
        String::from("default")
    } else if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

fn kind_name(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Unicast => "unicast",
        RouteKind::Local => "local",
        RouteKind::Broadcast => "broadcast",
        RouteKind::Multicast => "multicast",
        RouteKind::Anycast => "anycast",
        RouteKind::Blackhole => "blackhole",
    }
}

/// rtnetlink's name of a protocol.
pub fn proto_name(proto: RouteProto) -> &'static str {
    match proto {
        RouteProto::Kernel => "kernel",
        RouteProto::Boot => "boot",
        RouteProto::Static => "static",
        RouteProto::Bird => "bird",
        RouteProto::Felix => "80",
    }
}

fn one(out: &mut Out, netns: &Netns, route: &Route, format: Format, filter: &Filter, name_table: bool) {
    let busybox = format.tool == Tool::Busybox;
    if route.kind != RouteKind::Unicast || format.details {
        out.word("type", "", &kind_name(route.kind), " ");
    }
    out.word("dst", "", &prefix(route.dst), " ");
    if let Some(via) = route.via {
        out.word("gateway", "via ", &via, " ");
    }
    let dev = netns.link(route.dev).filter(|_| route.kind != RouteKind::Blackhole);
    if let Some(link) = dev
        && (busybox || filter.dev.is_none())
    {
        out.word("dev", "dev ", &link.name, " ");
    }
    if name_table {
        out.word("table", "table ", &"local", " ");
    }
    if !busybox {
        let proto_shown = route.proto != RouteProto::Boot || format.details;
        if proto_shown && filter.proto.is_none() {
            out.word("protocol", "proto ", &proto_name(route.proto), " ");
        }
    }
    if (route.scope != Scope::Global || format.details) && filter.scope.is_none() {
        out.word("scope", "scope ", &scope_name(route.scope), " ");
    }
    if let Some(src) = route.src {
        out.word("prefsrc", if busybox { " src " } else { "src " }, &src, " ");
    }
    let v6 = route.dst.addr().is_ipv6();
    if v6 {
        out.number("metric", if busybox { " metric " } else { "metric " }, &metric(route), " ");
    }
    out.open("flags", '[');
    if route.onlink {
        out.word("", "", &"onlink", " ");
    }
    if !busybox && netns.is_linkdown(route) {
        out.word("", "", &"linkdown", " ");
    }
    out.close(']');
    if let Some(mtu) = route.mtu.filter(|_| !busybox) {
        out.open("metrics", '[');
        out.open("", '{');
        out.number("mtu", "mtu ", &mtu, " ");
        out.close('}');
        out.close(']');
    }
    if v6 && !busybox {
        out.word("pref", "pref ", &"medium", "");
    }
}

/// What the kernel gives an IPv6 route (IP6_RT_PRIO_*): 256 to its own, 1024 to others, 0 to addresses of its own.
pub fn metric(route: &Route) -> u32 {
    match (route.kind, route.proto) {
        (kind, _) if kind.is_local() => 0,
        (_, RouteProto::Kernel) => 256,
        _ => 1024,
    }
}
