//! What every kernel does by itself when a device gets an address: local, broadcast and connected routes.

use crate::net::MacAddr;
use crate::tables::{
    Address, Link, LinkIndex, LinkKind, Netns, Origin, Route, RouteKind, RouteProto, RouteTable, Rows, Scope,
    SharedRows,
};
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

/// Names that every namespace has, so that none of them allocates.
pub(super) static LO: LazyLock<Arc<str>> = LazyLock::new(|| "lo".into());
pub(super) static ETH0: LazyLock<Arc<str>> = LazyLock::new(|| "eth0".into());

/// A namespace's rows while they are being written.
pub(super) struct Writer {
    pub netns: Netns,
    pub local: Vec<Route>,
    pub main: Vec<Route>,
}

impl Writer {
    /// A namespace with its loopback device up.
    pub fn new(mut netns: Netns, links_count: usize) -> Writer {
        netns.links.reserve_exact(links_count);
        netns.addresses.reserve_exact(4);
        let mut writer = Writer { netns, local: Vec::with_capacity(10), main: Vec::with_capacity(4) };
        writer.link(LinkIndex::LO, LO.clone(), LinkKind::Loopback, MacAddr::ZERO, 65536, Origin::Kernel);
        let net = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8));
        writer.address(LinkIndex::LO, net, Scope::Host, Origin::Kernel);
        if !writer.netns.sysctls.disable_ipv6 {
            let net = IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST));
            writer.address(LinkIndex::LO, net, Scope::Host, Origin::Kernel);
        }
        writer
    }

    pub fn link(&mut self, index: LinkIndex, name: Arc<str>, kind: LinkKind, mac: MacAddr, mtu: u32, origin: Origin) {
        let link =
            Link { index, name, kind, mac, mtu, up: true, master: None, hairpin: false, proxy_arp: false, origin };
        self.netns.links.push(link);
    }

    /// `ip addr add` and what the kernel derives from it. Models net/ipv4/fib_frontend.c fib_add_ifaddr.
    pub fn address(&mut self, link: LinkIndex, net: IpNet, scope: Scope, origin: Origin) {
        let ip = net.addr();
        if ip.is_ipv6() {
            return self.address_v6(link, net, scope, origin);
        }
        let host = IpNet::from(ip);
        let broadcast = match net {
            IpNet::V4(net) if net.prefix_len() < 31 => Some(IpAddr::V4(net.broadcast())),
            _ => None,
        };
        let kernel = |kind, dst, scope| Route {
            kind,
            dst,
            via: None,
            dev: link,
            onlink: false,
            proto: RouteProto::Kernel,
            scope,
            src: Some(ip),
            mtu: None,
            origin: Origin::Kernel,
        };
        self.local.push(kernel(RouteKind::Local, host, Scope::Host));
        if link == LinkIndex::LO && ip.is_loopback() && net != host {
            self.local.push(kernel(RouteKind::Local, net.trunc(), Scope::Host));
        } else if net.prefix_len() < net.max_prefix_len() {
            self.main.push(kernel(RouteKind::Unicast, net.trunc(), Scope::Link));
        }
        if let Some(broadcast) = broadcast {
            self.local.push(kernel(RouteKind::Broadcast, IpNet::from(broadcast), Scope::Link));
        }
        // Only loopback's address is set without a broadcast address.
        let broadcast = broadcast.filter(|_| link != LinkIndex::LO);
        self.netns.addresses.push(Address { link, net, broadcast, scope, origin });
    }

    /// An address without a network, on a device that is down: packets for it are for this machine all the same.
    pub fn own_address(&mut self, link: LinkIndex, ip: IpAddr, origin: Origin) {
        let dst = IpNet::from(ip);
        self.local.push(match ip {
            IpAddr::V4(_) => Route {
                scope: Scope::Host,
                src: Some(ip),
                origin: origin.clone(),
                ..kernel_route(RouteKind::Local, dst, link)
            },
            IpAddr::V6(_) => Route { origin: origin.clone(), ..kernel_route(RouteKind::Local, dst, link) },
        });
        self.netns.addresses.push(Address { link, net: dst, broadcast: None, scope: Scope::Global, origin });
    }

    /// Models net/ipv6/addrconf.c add_addr, __ipv6_ifa_notify and addrconf_join_anycast.
    fn address_v6(&mut self, link: LinkIndex, net: IpNet, scope: Scope, origin: Origin) {
        self.local.push(kernel_route(RouteKind::Local, IpNet::from(net.addr()), link));
        if self.netns.sysctls.ip6_forward && net.prefix_len() < 127 {
            self.local.push(kernel_route(RouteKind::Anycast, IpNet::from(net.network()), link));
        }
        if link != LinkIndex::LO {
            self.main.push(kernel_route(RouteKind::Unicast, net.trunc(), link));
        }
        self.netns.addresses.push(Address { link, net, broadcast: None, scope, origin });
    }

    /// The link-local address that the kernel gives a device by itself once it has a carrier, after the addresses that it was given. Models
    /// net/ipv6/addrconf.c addrconf_dev_config.
    pub fn link_local(&mut self, link: LinkIndex) {
        let Some(mac) = self.netns.link(link).map(|device| device.mac) else { return };
        if self.netns.sysctls.disable_ipv6 {
            return;
        }
        let net = IpNet::new_assert(mac.link_local().into(), 64);
        self.address_v6(link, net, Scope::Link, Origin::Kernel);
    }

    /// The route to IPv6 groups that a device has once it is up.
    pub fn groups(&mut self, link: LinkIndex) {
        if self.netns.sysctls.disable_ipv6 {
            return;
        }
        let groups = IpNet::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0).into(), 8);
        self.local.push(kernel_route(RouteKind::Multicast, groups, link));
    }

    /// `ip route add DST via VIA dev LINK`.
    pub fn route(&mut self, dst: IpNet, via: IpAddr, dev: LinkIndex, origin: Origin) {
        self.main.push(gateway_route(dst, via, dev, false, origin));
    }

    /// The finished namespace; `shared` are routes that other nodes have as well.
    pub fn finish(self, shared: Option<(Arc<SharedRows<Route>>, u32)>) -> Netns {
        let Writer { mut netns, local, main } = self;
        netns.local = RouteTable::new(Rows::from(local));
        netns.main = RouteTable::new(match shared {
            Some((shared, owner)) => Rows::with_shared(main, shared, owner),
            None => Rows::from(main),
        });
        netns
    }
}

/// A route as the kernel makes it for a device.
pub(super) fn kernel_route(kind: RouteKind, dst: IpNet, dev: LinkIndex) -> Route {
    Route {
        kind,
        dst,
        via: None,
        dev,
        onlink: false,
        proto: RouteProto::Kernel,
        scope: Scope::Global,
        src: None,
        mtu: None,
        origin: Origin::Kernel,
    }
}

pub(super) fn gateway_route(dst: IpNet, via: IpAddr, dev: LinkIndex, onlink: bool, origin: Origin) -> Route {
    Route {
        kind: RouteKind::Unicast,
        dst,
        via: Some(via),
        dev,
        onlink,
        proto: RouteProto::Boot,
        scope: Scope::Global,
        src: None,
        mtu: None,
        origin,
    }
}

/// `0.0.0.0/0` or `::/0`.
pub(super) fn default_net(ip: IpAddr) -> IpNet {
    let zero = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    IpNet::new_assert(zero, 0)
}

/// `ip` with the prefix length of `net`, or alone if it is not in it.
pub(super) fn in_net(ip: IpAddr, net: &IpNet) -> IpNet {
    let len = if net.contains(&ip) { net.prefix_len() } else { return IpNet::from(ip) };
    IpNet::new(ip, len).unwrap_or_else(|_| IpNet::from(ip))
}

/// The first host address of a network: `.1` of `10.244.1.0/24`.
pub(super) fn first_host(net: &IpNet) -> IpAddr {
    match net.network() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from(u32::from(ip).wrapping_add(1))),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip).wrapping_add(1))),
    }
}

/// The MAC that docker gives a container with these addresses: 02:42 and the four bytes of the first IPv4 address; where
/// there is none, four bytes made from the first address.
pub(super) fn nic_mac(ips: impl Iterator<Item = IpAddr>) -> MacAddr {
    let mut first = None;
    for ip in ips {
        match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                return MacAddr([0x02, 0x42, a, b, c, d]);
            }
            IpAddr::V6(ip) => first = first.or(Some(ip)),
        }
    }
    let words = first.map_or([0; 4], |ip| {
        let bits = u128::from(ip);
        let folded = (bits >> 96) as u32 ^ (bits >> 64) as u32 ^ (bits >> 32) as u32 ^ bits as u32;
        folded.to_be_bytes()
    });
    let [a, b, c, d] = words;
    MacAddr([0x02, 0x42, a, b, c, d])
}
