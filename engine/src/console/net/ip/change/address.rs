//! `ip address add|change|replace|del|flush`, and the rows that the kernel derives from an address.

use super::super::{Ip, Problem, is_command};
use super::{Refusal, origin, retain, rows};
use crate::tables::{Address, LinkIndex, Netns, Origin, Route, RouteKind, RouteProto, RouteTable, Rows, Scope};
use ipnet::IpNet;
use std::net::IpAddr;

impl Ip<'_, '_, '_> {
    pub(in super::super) fn change_address(&mut self, command: &str, words: &[&str]) -> Result<i32, Problem> {
        let netns = self.tables()?;
        let (mut net, mut dev, mut broadcast, mut scope) = (None, None, None, Scope::Global);
        let mut rest = words.iter();
        while let Some(&word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| self.incomplete());
            match word {
                "dev" => dev = Some(self.address_device(&netns, value()?)?),
                "brd" | "broadcast" => broadcast = Some(value()?),
                "scope" => {
                    scope = match value()? {
                        "global" => Scope::Global,
                        "link" => Scope::Link,
                        "host" => Scope::Host,
                        name => return Err(self.wrong_argument(name, "scope", "invalid scope value.\n")),
                    };
                }
                "label" | "peer" | "valid_lft" | "preferred_lft" => {
                    return Err((format!("ip: podhop's addresses have no {word}\n"), 1));
                }
                "to" | "local" => net = Some(self.prefix(value()?)?),
                text => net = Some(self.prefix(text)?),
            }
        }
        if is_command(command, &["flush"]) {
            return self.flush_addresses(dev);
        }
        let (Some(net), Some(dev)) = (net, dev) else {
            let text = if self.busybox() {
                "ip: \"dev\" required\n"
            } else {
                "Not enough information: \"dev\" argument is required.\n"
            };
            return Err((text.to_owned(), 1));
        };
        if is_command(command, &["delete"]) {
            return self.edit(|netns| delete(netns, net, dev));
        }
        let broadcast = match broadcast {
            None | Some("-") => None,
            Some("+") => last(net),
            Some(text) => Some(text.parse().map_err(|_| self.wrong_argument(text, "brd", "invalid address"))?),
        };
        let address = Address { link: dev, net, broadcast, scope, origin: origin() };
        self.edit(|netns| add(netns, address))
    }

    fn address_device(&self, netns: &Netns, name: &str) -> Result<LinkIndex, Problem> {
        netns.link_named(name).map(|link| link.index).ok_or_else(|| self.no_such_device(name, "Cannot find device", 1))
    }

    fn flush_addresses(&mut self, dev: Option<LinkIndex>) -> Result<i32, Problem> {
        let Some(dev) = dev else {
            let text = if self.busybox() { "ip: flush requires arguments\n" } else { "Flush requires arguments.\n" };
            return Err((text.to_owned(), 255));
        };
        if !self.may_change() {
            return Err(self.cannot_flush());
        }
        self.edit(|netns| {
            let own: Vec<IpNet> = netns.addresses_of(dev).map(|address| address.net).collect();
            own.into_iter().try_for_each(|net| delete(netns, net, dev))
        })
    }
}

/// The last address of a network that has a broadcast address.
fn last(net: IpNet) -> Option<IpAddr> {
    match net {
        IpNet::V4(net) if net.prefix_len() < 31 => Some(IpAddr::V4(net.broadcast())),
        _ => None,
    }
}

fn add(netns: &mut Netns, address: Address) -> Result<(), Refusal> {
    if netns.addresses.iter().any(|own| own.link == address.link && own.net == address.net) {
        return Err(Refusal::words("File exists", "ipv4: Address already assigned"));
    }
    let host = IpNet::from(address.net.addr());
    let local = kernel_route(RouteKind::Local, host, Scope::Host, &address);
    push(&mut netns.local, [local]);
    if netns.link(address.link).is_some_and(|link| link.up) {
        connect(netns, &address);
    }
    // The kernel keeps IPv6 addresses by scope, the newest first (ipv6_link_dev_addr).
    let later = |own: &Address| own.link == address.link && own.net.addr().is_ipv6() && address.scope <= own.scope;
    let at = netns.addresses.iter().position(later).filter(|_| address.net.addr().is_ipv6());
    netns.addresses.insert(at.unwrap_or(netns.addresses.len()), address);
    netns.addresses.sort_by_key(|address| address.link);
    Ok(())
}

/// The routes that an address of a device that is up has besides its own. Models fib_add_ifaddr.
pub(super) fn connect(netns: &mut Netns, address: &Address) {
    let net = address.net.trunc();
    if address.net.prefix_len() < address.net.max_prefix_len() && address.link != LinkIndex::LO {
        push(&mut netns.main, [kernel_route(RouteKind::Unicast, net, Scope::Link, address)]);
    } else if net.addr().is_ipv6() && address.link != LinkIndex::LO {
        push(&mut netns.main, [kernel_route(RouteKind::Unicast, net, Scope::Global, address)]);
    }
    if let Some(last) = last(net) {
        push(&mut netns.local, [kernel_route(RouteKind::Broadcast, IpNet::from(last), Scope::Link, address)]);
    }
}

fn kernel_route(kind: RouteKind, dst: IpNet, scope: Scope, address: &Address) -> Route {
    Route {
        kind,
        dst,
        via: None,
        dev: address.link,
        onlink: false,
        proto: RouteProto::Kernel,
        // Of IPv6 routes there are no scopes, and sources are chosen when packets are sent.
        scope: if dst.addr().is_ipv4() { scope } else { Scope::Global },
        src: Some(address.net.addr()).filter(IpAddr::is_ipv4),
        mtu: None,
        origin: Origin::Kernel,
    }
}

/// Adds rows that are not there yet.
fn push(table: &mut RouteTable, new: impl IntoIterator<Item = Route>) {
    let mut all = rows(table);
    for route in new {
        if !all.iter().any(|row| row.dst == route.dst && row.dev == route.dev) {
            all.push(route);
        }
    }
    *table = RouteTable::new(Rows::from(all));
}

fn delete(netns: &mut Netns, net: IpNet, dev: LinkIndex) -> Result<(), Refusal> {
    let whole = net.prefix_len() == net.max_prefix_len();
    let meant = |own: &Address| own.link == dev && (own.net == net || whole && own.net.addr() == net.addr());
    let at = netns.addresses.iter().position(meant);
    let at = at.ok_or(Refusal::words("Cannot assign requested address", "ipv4: Address not found"))?;
    let address = netns.addresses.remove(at);
    let ip = address.net.addr();
    // What is sent from an address goes with it (fib_sync_down_addr).
    retain(&mut netns.local, |row| row.src != Some(ip) && row.dst != IpNet::from(ip));
    retain(&mut netns.main, |row| row.src != Some(ip));
    let connected = |own: &Address| own.link == dev && own.net.trunc() == address.net.trunc();
    if ip.is_ipv6() && !netns.addresses.iter().any(connected) {
        retain(&mut netns.main, |row| {
            row.proto != RouteProto::Kernel || row.dev != dev || row.dst != address.net.trunc()
        });
    }
    Ok(())
}
