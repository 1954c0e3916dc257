//! kube-proxy in IPVS mode: virtual servers, the device that holds their addresses, ipsets, and the iptables rules that
//! look into those. The same as pkg/proxy/ipvs/proxier.go syncProxyRules.

mod rules;
mod sets;

use super::Proxy;
use super::ports::{Backend, ServicePort, Usable, service_ports};
use crate::cluster::{ProxyMode, Revision};
use crate::net::{Family, Protocol};
use crate::tables::ipvs::{Ipvs, IpvsTimeouts, RealServer, Scheduler, VirtualServer};
use crate::tables::netfilter::Netfilter;
use crate::tables::{Address, Netns, Origin};
use sets::{Set, Sets};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The device that Services' addresses are put on.
pub const DEVICE: &str = "kube-ipvs0";

/// What kube-proxy programs besides netfilter: the addresses on its device, each with what wants it.
pub type Bound = BTreeMap<IpAddr, Origin>;

/// Adds what kube-proxy writes of one family to a node's tables. `addresses` are those of the node's devices, kube-ipvs0
/// left out.
pub fn program(proxy: &Proxy<'_>, scheduler: Scheduler, addresses: &[Address], netfilter: &mut Netfilter) -> Bound {
    let own: Vec<IpAddr> =
        addresses.iter().map(|address| address.net.addr()).filter(|ip| is_valid(proxy, *ip)).collect();
    let node_ports = proxy.node_port_addresses(&own);
    let mut writer = Writer {
        proxy,
        scheduler,
        own: &own,
        node_ports,
        sets: Sets::default(),
        services: Vec::new(),
        claimed: BTreeSet::new(),
        bound: Bound::new(),
        kept_out: Vec::new(),
    };
    let services = proxy.revision.services.values();
    let mut ports: Vec<ServicePort> = services.flat_map(|service| service_ports(service, proxy.family)).collect();
    ports.sort_by(|a, b| a.name.cmp(&b.name));
    ports.iter().for_each(|port| writer.port(port));
    let Writer { mut sets, services, bound, kept_out, .. } = writer;
    for (ip, origin) in &bound {
        sets.ip(Set::IpvsIps, *ip, origin.clone());
    }
    rules::write(proxy, &sets, &kept_out, netfilter.ruleset_mut(proxy.family));
    netfilter.sets.extend(sets.finish(proxy.family).map(|set| (set.name.clone(), Arc::new(set))));
    let timeouts = timeouts(proxy.config.ipvs.timeouts);
    let ipvs = netfilter.ipvs.get_or_insert_with(|| Box::new(Ipvs::new(Vec::new(), timeouts)));
    let mut all = std::mem::take(&mut ipvs.services);
    all.extend(services);
    **ipvs = Ipvs::new(all, timeouts);
    bound
}

/// Addresses within the nodes' network that a kube-proxy puts on its device: its node answers when somebody asks for
/// them, unless `strictARP` forbids it. Neighbour discovery is answered for a card's own addresses only.
pub fn answered(seen: &Revision) -> BTreeSet<IpAddr> {
    let network = &seen.network;
    let config = &network.kube_proxy.ipvs;
    let starts = network.kube_proxy_mode.0 == ProxyMode::Ipvs && Scheduler::named(&config.scheduler).is_some();
    let Some((net, _)) = network.node_network_of(Family::V4).filter(|_| starts && !config.strict_arp) else {
        return BTreeSet::new();
    };
    let ports = seen.services.values().flat_map(|service| service_ports(service, Family::V4));
    let ips = ports.flat_map(|port| [vec![port.cluster_ip], port.external_ips, port.balancer_ips].concat());
    ips.filter(|ip| net.contains(ip)).collect()
}

/// Gives a namespace that somebody has changed by hand what kube-proxy has on its device since.
pub fn take_over(netns: &mut Netns, written: &Netns) {
    let known = netns.link_named(DEVICE).map(|link| link.index);
    netns.links.retain(|link| Some(link.index) != known);
    netns.addresses.retain(|address| Some(address.link) != known);
    netns.local.rows.make_own().retain(|route| Some(route.dev) != known);
    netns.sysctls.ipvs = written.sysctls.ipvs;
    let Some(device) = written.link_named(DEVICE) else { return };
    netns.links.push(device.clone());
    netns.links.sort_by_key(|link| link.index);
    netns.addresses.extend(written.addresses_of(device.index).cloned());
    let routes = written.local.rows.own().iter().filter(|route| route.dev == device.index);
    netns.local.rows.make_own().extend(routes.cloned());
}

/// Models netlink_linux.go isValidForSet.
fn is_valid(proxy: &Proxy<'_>, ip: IpAddr) -> bool {
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    Family::of(ip) == proxy.family && !ip.is_loopback() && !link_local
}

impl Proxy<'_> {
    /// The addresses on which IPVS mode serves node ports: those in `nodePortAddresses`, by default all.
    fn node_port_addresses(&self, own: &[IpAddr]) -> Vec<IpAddr> {
        let Some(nets) = self.node_port_nets() else { return own.to_vec() };
        own.iter().copied().filter(|ip| nets.iter().any(|net| net.contains(ip))).collect()
    }
}

/// A load balancer's address that the node itself must not use: address, protocol and port.
struct KeptOut {
    ip: IpAddr,
    port: (Protocol, u16),
    origin: Origin,
}

struct Writer<'w, 'a> {
    proxy: &'w Proxy<'a>,
    scheduler: Scheduler,
    own: &'w [IpAddr],
    node_ports: Vec<IpAddr>,
    sets: Sets,
    services: Vec<VirtualServer>,
    claimed: BTreeSet<(Protocol, SocketAddr)>,
    bound: Bound,
    kept_out: Vec<KeptOut>,
}

impl Writer<'_, '_> {
    fn port(&mut self, port: &ServicePort<'_>) {
        let usable = port.usable(self.proxy);
        for backend in port.backends(self.proxy).iter().filter(|backend| backend.local) {
            let (ip, number) = (backend.address.ip(), backend.address.port());
            let at = (ip, (port.protocol, number));
            self.sets.ip_port(Set::LoopBack, at, Some(ip.into()), backend.origin.clone());
        }
        let number = (port.protocol, port.port);
        let origin = port.origin("clusterIP");
        self.sets.ip_port(Set::ClusterIp, (port.cluster_ip, number), None, origin.clone());
        self.bound.entry(port.cluster_ip).or_insert_with(|| origin.clone());
        self.serve(port, port.cluster_ip, port.port, servers(&usable, port.internal_local), origin);
        for ip in &port.external_ips {
            let origin = port.origin("externalIPs");
            let set = if port.external_local { Set::ExternalIpLocal } else { Set::ExternalIp };
            self.sets.ip_port(set, (*ip, number), None, origin.clone());
            self.bind(*ip, &origin);
            self.serve(port, *ip, port.port, servers(&usable, port.external_local), origin);
        }
        for ip in &port.balancer_ips {
            self.balancer(port, *ip);
            let origin = Origin::Object { uid: port.service.uid, path: "status.loadBalancer.ingress".into() };
            self.bind(*ip, &origin);
            self.serve(port, *ip, port.port, servers(&usable, port.external_local), origin);
        }
        if !self.node_port(port, &usable) {
            return;
        }
        if let Some(number) = port.health_check_node_port {
            let origin = port.origin("healthCheckNodePort");
            self.sets.port(Set::HealthCheckNodePort, (Protocol::Tcp, number), origin);
        }
    }

    /// An address that no other device has is put on kube-proxy's.
    fn bind(&mut self, ip: IpAddr, origin: &Origin) {
        if !self.own.contains(&ip) {
            self.bound.entry(ip).or_insert_with(|| origin.clone());
        }
    }

    fn serve(&mut self, port: &ServicePort<'_>, ip: IpAddr, number: u16, backends: &[Backend], origin: Origin) {
        let address = SocketAddr::new(ip, number);
        // What two Services claim belongs to the first.
        if !self.claimed.insert((port.protocol, address)) {
            return;
        }
        let server =
            |backend: &Backend| RealServer { address: backend.address, weight: 1, origin: backend.origin.clone() };
        self.services.push(VirtualServer {
            protocol: port.protocol,
            address,
            scheduler: self.scheduler,
            hashes_port: self.scheduler == Scheduler::MaglevHashing,
            persistent: port.affinity,
            // The kernel puts each new one first.
            servers: backends.iter().rev().map(server).collect(),
            origin,
        });
    }

    /// The sets about a load balancer's address.
    fn balancer(&mut self, port: &ServicePort<'_>, ip: IpAddr) {
        let at = (ip, (port.protocol, port.port));
        let ingress = || Origin::Object { uid: port.service.uid, path: "status.loadBalancer.ingress".into() };
        self.sets.ip_port(Set::LoadBalancer, at, None, ingress());
        if port.external_local {
            self.sets.ip_port(Set::LoadBalancerLocal, at, None, port.origin("externalTrafficPolicy"));
        }
        if port.source_ranges.is_empty() {
            return;
        }
        let ranges = || port.origin("loadBalancerSourceRanges");
        self.sets.ip_port(Set::LoadBalancerFw, at, None, ranges());
        for range in &port.source_ranges {
            self.sets.ip_port(Set::LoadBalancerSourceCidr, at, Some(*range), ranges());
        }
        let node = self.proxy.node_ip();
        if node.is_some_and(|node| port.source_ranges.iter().any(|range| range.contains(&node))) {
            self.sets.ip_port(Set::LoadBalancerSourceIp, at, Some(ip.into()), ranges());
        } else {
            self.kept_out.push(KeptOut { ip, port: at.1, origin: ranges() });
        }
    }

    /// False if the node has no address for node ports: kube-proxy then passes over the rest of the Service, too.
    fn node_port(&mut self, port: &ServicePort<'_>, usable: &Usable) -> bool {
        let Some(number) = port.node_port else { return true };
        if self.node_ports.is_empty() {
            return false;
        }
        let origin = || port.origin(".nodePort");
        let at = (port.protocol, number);
        let (all, local) = match port.protocol {
            Protocol::Tcp => (Set::NodePortTcp, Set::NodePortLocalTcp),
            Protocol::Udp => (Set::NodePortUdp, Set::NodePortLocalUdp),
            Protocol::Sctp => (Set::NodePortSctp, Set::NodePortLocalSctp),
        };
        for set in [Some(all), port.external_local.then_some(local)].into_iter().flatten() {
            if port.protocol == Protocol::Sctp {
                for ip in self.node_ports.clone() {
                    self.sets.ip_port(set, (ip, at), None, origin());
                }
            } else {
                self.sets.port(set, at, origin());
            }
        }
        for ip in self.node_ports.clone() {
            self.serve(port, ip, number, servers(usable, port.external_local), origin());
        }
        true
    }
}

/// The endpoints of a virtual server. With policy Local and no endpoint on this node all are taken, so that the node's
/// own Pods reach them. Models syncEndpoint.
fn servers(usable: &Usable, only_local: bool) -> &[Backend] {
    if only_local && !usable.local.is_empty() { &usable.local } else { &usable.cluster }
}

/// `ipvs.tcpTimeout` and its kin; 0 is the kernel's own.
fn timeouts([tcp, tcp_fin, udp]: [u32; 3]) -> IpvsTimeouts {
    let default = IpvsTimeouts::default();
    let or = |given: u32, default: u32| if given == 0 { default } else { given };
    IpvsTimeouts { tcp: or(tcp, default.tcp), tcp_fin: or(tcp_fin, default.tcp_fin), udp: or(udp, default.udp) }
}
