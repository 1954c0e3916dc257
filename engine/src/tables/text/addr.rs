//! `ip addr`. Models iproute2 ip/ipaddress.c print_addrinfo and busybox networking/libiproute/ipaddress.c.

use super::Format;
use super::link::{self, Filter};
use super::out::Out;
use crate::tables::{Address, LinkKind, Netns, Scope};
use std::net::IpAddr;

/// `inet 10.244.1.2/24 brd 10.244.1.255 scope global eth0`
pub fn row(netns: &Netns, address: &Address) -> String {
    let mut out = Out::new(false);
    inet(&mut out, netns, address);
    out.buf
}

/// `ip addr show`.
pub fn all(netns: &Netns, format: Format, filter: Filter) -> String {
    let mut out = Out::new(format.json);
    out.open("", '[');
    for link in netns.links.iter().filter(|link| filter.has(netns, link)) {
        let mut addresses = netns.addresses_of(link.index).filter(|a| format.family.has(a.net.addr())).peekable();
        let any_family = format.family == super::Family::Any;
        if addresses.peek().is_none() && !any_family {
            continue;
        }
        if format.oneline && !format.json && !format.brief {
            for address in addresses {
                out.number("", "", &link.index.0, ": ");
                out.text(&link.name);
                out.text("    ");
                inet(&mut out, netns, address);
                out.text("\\       valid_lft forever preferred_lft forever\n");
            }
            continue;
        }
        out.open("", '{');
        if format.brief {
            link::brief(&mut out, netns, link);
        } else {
            link::head(&mut out, netns, link, format, false);
            if any_family {
                link::hardware(&mut out, netns, link, format, false);
            }
            out.text("\n");
        }
        out.open("addr_info", '[');
        for address in addresses {
            out.open("", '{');
            if format.brief {
                out.word("local", "", &address.net.addr(), "/");
                out.number("prefixlen", "", &address.net.prefix_len(), " ");
            } else {
                out.text("    ");
                inet(&mut out, netns, address);
                out.text("\n       valid_lft forever preferred_lft forever\n");
                out.raw("valid_life_time", &u32::MAX);
                out.raw("preferred_life_time", &u32::MAX);
            }
            out.close('}');
        }
        out.close(']');
        if format.brief {
            out.text("\n");
        }
        out.close('}');
    }
    out.close(']');
    out.finish()
}

/// rtnetlink's name of a scope.
pub(super) fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Global => "global",
        Scope::Link => "link",
        Scope::Host => "host",
    }
}

fn inet(out: &mut Out, netns: &Netns, address: &Address) {
    let ip = address.net.addr();
    out.word("family", "", &if ip.is_ipv4() { "inet" } else { "inet6" }, " ");
    out.word("local", "", &ip, "/");
    out.number("prefixlen", "", &address.net.prefix_len(), " ");
    if let Some(broadcast) = address.broadcast {
        out.word("broadcast", "brd ", &broadcast, " ");
    }
    out.word("scope", "scope ", &scope_name(address.scope), " ");
    // IPv4 addresses have a label, which is the device's name.
    let link = netns.link(address.link);
    if let (IpAddr::V4(_), Some(link)) = (ip, link) {
        out.word("label", "", &link.name, "");
    }
    // Docker gives a node's card its address without asking whether somebody has it.
    if ip.is_ipv6() && address.scope == Scope::Global && link.is_some_and(|l| matches!(l.kind, LinkKind::Nic { .. })) {
        out.text("nodad ");
        out.raw("nodad", &true);
    }
}
