//! Cluster-wide networking from the objects that set it.

use super::{calico_network as calico, cilium_network as cilium};
use crate::cluster::{
    Cni, CniName, Draft, FlannelBackend, FlannelConfig, NetnsOwner, Network, Object, ObjectKey, Provenance, ProxyMode,
    SecondNetworks, Typed, Work,
};
use crate::manifest::typed::{
    CniConf, ConfigMap, FlannelNetConf, IpFamily, KindCluster, KubeProxyConfiguration, KubeProxyMode,
    KubeadmClusterConfiguration,
};
use crate::manifest::{Diagnostics, Span, embedded};
use crate::net::Family;
use crate::tables::Origin;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Reads the configuration anew; if it has changed, everything that depends on it is looked at again.
pub fn reconcile(draft: &mut Draft) {
    let network = compute(draft);
    let old = draft.revision.network.clone();
    if draft.revision.index.builtin.is_none() {
        draft.work.insert(Work::Builtin);
    }
    if *old == network {
        return;
    }
    let nets = |network: &Network| {
        network.pod_networks().chain(network.node_networks()).map(|(net, _)| *net).collect::<Vec<_>>()
    };
    if addressing(&old.cni) != addressing(&network.cni) {
        draft.dirty_nodes.extend(draft.revision.nodes.keys().cloned());
        draft.work.insert(Work::Nodes);
        let names: Vec<Arc<str>> = draft.revision.nodes.keys().cloned().collect();
        names.iter().for_each(|name| super::nodes::rewire(draft, name, false));
    }
    if nets(&old) != nets(&network) {
        draft.dirty_nodes.extend(draft.revision.nodes.keys().cloned());
        draft.work.insert(Work::Nodes);
    }
    if !old.pod_networks().map(|(net, _)| net).eq(network.pod_networks().map(|(net, _)| net)) {
        draft.revision.index.next_blocks = [0; 2];
    }
    draft.revision.network = Arc::new(network);
    draft.revision.nodes_version = draft.revision.number;
    draft.work.insert(Work::Builtin);
}

/// What decides which addresses Pods get: the plugin, its families, and Calico's pools with the prefixes of their blocks.
fn addressing(cni: &Cni) -> (Option<CniName>, [bool; 2], Vec<(IpNet, u8)>) {
    let pools = cni.calico().map(|config| config.pools.iter().map(|pool| (pool.cidr, pool.block_size)).collect());
    let families = [cni.serves(Family::V4), cni.serves(Family::V6)];
    if let Some(config) = cni.cilium() {
        let pool = config.pool.as_ref().map(|(pool, _)| (*pool, config.mask_size));
        return (Some(CniName::Cilium), families, pool.into_iter().collect());
    }
    (pools.is_some().then_some(CniName::Calico), families, pools.unwrap_or_default())
}

/// An object's own view and identity, unless the cluster brought it by itself.
pub(super) fn given<'d>(draft: &'d Draft, kind: &str, namespace: &str, name: &str) -> Option<&'d Arc<Object>> {
    let object = draft.revision.objects.get(&ObjectKey::new(kind, namespace, name))?;
    (object.provenance != Provenance::Builtin).then_some(object)
}

/// Precedence among manifests: kind's `Cluster`, kubeadm's `ClusterConfiguration` (or the ConfigMap that keeps it),
/// Flannel's own configuration, then the nodes' subnets and addresses.
fn compute(draft: &mut Draft) -> Network {
    let mut found = Diagnostics::default();
    let Network { gateway, internet, second: SecondNetworks { gateway: other, .. }, .. } = *draft.revision.network;
    let second = SecondNetworks { gateway: other, ..SecondNetworks::default() };
    let mut network = Network { gateway, internet, second, ..Network::default() };
    if let Some(options) = draft.options.proxy {
        network.kube_proxy_mode = (options, Origin::default("command line", "--proxy"));
    }
    let conf = flannel(draft, &mut network, &mut found);
    let of_flannel: Vec<(IpNet, Origin)> = conf.iter().flat_map(flannel_networks).collect();
    network.set_pod_networks(of_flannel.clone());
    let of_nodes = kubeadm(draft, &mut network, &mut found) | kind(draft, &mut network);
    for (nodes, _) in network.pod_networks().filter(|_| of_nodes) {
        let same = of_flannel.iter().find(|(net, _)| net.addr().is_ipv4() == nodes.addr().is_ipv4());
        let Some((flannel, origin)) = same.filter(|(net, _)| !net.contains(nodes)) else { continue };
        let field = if nodes.addr().is_ipv4() { "Network" } else { "IPv6Network" };
        let message =
            format!("Flannel's {field} {flannel} does not contain the Pod subnet {nodes}: flanneld would exit");
        let span = span_of(draft, origin).unwrap_or_default();
        found
            .warning("flannel-network", span, message)
            .hint(format!("write \"{field}\": \"{nodes}\" in net-conf.json; podhop goes on with {nodes}"));
    }
    let pools = calico::given_pools(draft, &mut found);
    if pools.iter().any(|pool| !of_nodes && !pool.pool.disabled) {
        let nets = pools.iter().map(|pool| (pool.pool.cidr, pool.origin.clone()));
        network.set_pod_networks(one_of_each_pool(nets));
    }
    let by_cilium = cilium::is_chosen(draft);
    let pool = cilium::pool_network(draft).filter(|_| by_cilium && !of_nodes && of_flannel.is_empty());
    if let Some(pool) = &pool {
        network.set_pod_networks(vec![pool.clone()]);
    }
    infer_from_nodes(draft, &mut network, !of_flannel.is_empty() || of_nodes || !pools.is_empty());
    if by_cilium {
        cilium::configure(draft, &mut network, &mut found);
    } else if calico::is_chosen(draft) {
        calico::configure(draft, &mut network, pools, &mut found);
    } else {
        flannel_families(&mut network, conf.as_ref(), draft, &mut found);
    }
    kube_proxy(draft, &mut network, &mut found);
    if pool.is_some() {
        // kubeadm was told no Pod subnet.
        Arc::make_mut(&mut network.kube_proxy).cluster_cidrs.clear();
    }
    check(&network, draft, &mut found);
    draft.diagnostics.append(found);
    if !draft.revision.netns.contains_key(&network.gateway.1) {
        network.gateway.1 = draft.new_netns(NetnsOwner::Gateway);
        network.internet = draft.new_netns(NetnsOwner::Internet);
    }
    network
}

/// The subnets of a list, at most one of each family, in their order.
fn one_of_each(subnets: &[IpNet]) -> Vec<IpNet> {
    let mut found: Vec<IpNet> = Vec::new();
    for net in subnets {
        if !found.iter().any(|other| other.addr().is_ipv4() == net.addr().is_ipv4()) {
            found.push(net.trunc());
        }
    }
    found
}

/// The first pool of each family.
fn one_of_each_pool(pools: impl Iterator<Item = (IpNet, Origin)>) -> Vec<(IpNet, Origin)> {
    let mut found: Vec<(IpNet, Origin)> = Vec::new();
    for (net, origin) in pools {
        if !found.iter().any(|(other, _)| other.addr().is_ipv4() == net.addr().is_ipv4()) {
            found.push((net, origin));
        }
    }
    found
}

fn with_origin(subnets: &[IpNet], origin: &Origin) -> Vec<(IpNet, Origin)> {
    one_of_each(subnets).into_iter().map(|net| (net, origin.clone())).collect()
}

fn kind(draft: &Draft, network: &mut Network) -> bool {
    let Some(object) = given(draft, "Cluster", "", "") else { return false };
    let Typed::KindCluster(cluster) = &object.typed else { return false };
    let KindCluster { name, networking, .. } = &**cluster;
    let origin = |path, span: Option<Span>, reason| match span {
        Some(_) => Origin::object(object.uid, path),
        None => Origin::default("kind", reason),
    };
    let reasons = match networking.ip_family {
        IpFamily::Ipv4 => ["podSubnet is 10.244.0.0/16 by default", "serviceSubnet is 10.96.0.0/16 by default"],
        IpFamily::Ipv6 => ["podSubnet is fd00:10:244::/56 by default", "serviceSubnet is fd00:10:96::/112 by default"],
        IpFamily::Dual => [
            "podSubnet is 10.244.0.0/16,fd00:10:244::/56 by default",
            "serviceSubnet is 10.96.0.0/16,fd00:10:96::/112 by default",
        ],
    };
    let pods = origin("networking.podSubnet", networking.pod_subnet_span, reasons[0]);
    network.set_pod_networks(with_origin(&networking.pod_subnet, &pods));
    let services = origin("networking.serviceSubnet", networking.service_subnet_span, reasons[1]);
    network.set_service_networks(with_origin(&networking.service_subnet, &services));
    let mode = match networking.kube_proxy_mode {
        KubeProxyMode::Ipvs => ProxyMode::Ipvs,
        KubeProxyMode::Nftables => ProxyMode::Nftables,
        KubeProxyMode::Iptables | KubeProxyMode::None => ProxyMode::Iptables,
    };
    if draft.options.proxy.is_none() && networking.kube_proxy_mode != KubeProxyMode::Iptables {
        network.kube_proxy_mode = (mode, Origin::object(object.uid, "networking.kubeProxyMode"));
    }
    network.cluster_name = name.clone();
    true
}

fn kubeadm(draft: &Draft, network: &mut Network, found: &mut Diagnostics) -> bool {
    if let Some(object) = given(draft, "ClusterConfiguration", "", "")
        && let Typed::Kubeadm(configuration) = &object.typed
    {
        let origin = |path| Origin::object(object.uid, path);
        let pods = origin("networking.podSubnet");
        return kubeadm_networking(configuration, network, pods, origin("networking.serviceSubnet"));
    }
    let Some((object, config_map)) = config_map(draft, "kube-system", "kubeadm-config") else { return false };
    let Some((text, span)) = config_map.data.get("ClusterConfiguration") else { return false };
    let root = embedded::parse(text, *span, &draft.sources, found);
    let parsed = root.as_ref().and_then(|root| KubeadmClusterConfiguration::project(root, found));
    let origin = || Origin::object(object.uid, "data.ClusterConfiguration");
    parsed.is_some_and(|configuration| kubeadm_networking(&configuration, network, origin(), origin()))
}

fn kubeadm_networking(
    configuration: &KubeadmClusterConfiguration,
    network: &mut Network,
    pods: Origin,
    services: Origin,
) -> bool {
    let given = configuration.pod_subnet.as_deref().unwrap_or_default();
    network.set_pod_networks(with_origin(given, &pods));
    if one_of_each(&configuration.service_subnet) != [network.service_network.0] {
        network.set_service_networks(with_origin(&configuration.service_subnet, &services));
    }
    network.dns_domain = configuration.dns_domain.clone();
    network.cluster_name = configuration.cluster_name.clone();
    !given.is_empty()
}

pub(super) fn config_map<'d>(
    draft: &'d Draft,
    namespace: &str,
    name: &str,
) -> Option<(&'d Arc<Object>, &'d Arc<ConfigMap>)> {
    let object = given(draft, "ConfigMap", namespace, name)?;
    match &object.typed {
        Typed::ConfigMap(config_map) => Some((object, config_map)),
        _ => None,
    }
}

/// Flannel's ConfigMap as the user wrote it, and the object it is in.
struct GivenFlannel {
    conf: FlannelNetConf,
    origin: Origin,
}

fn flannel_networks(given: &GivenFlannel) -> Vec<(IpNet, Origin)> {
    let conf = &given.conf;
    let v4 = conf.network.filter(|_| conf.enable_ipv4);
    let v6 = conf.ipv6_network.filter(|_| conf.enable_ipv6);
    v4.into_iter().chain(v6).map(|net| (net.trunc(), given.origin.clone())).collect()
}

/// Which families flanneld serves: those of the Pod networks, unless its configuration says otherwise.
fn flannel_families(network: &mut Network, given: Option<&GivenFlannel>, draft: &Draft, found: &mut Diagnostics) {
    let has = |v6: bool| network.pod_networks().any(|(net, _)| net.addr().is_ipv6() == v6);
    let (v4, v6) = (has(false), has(true));
    let (ipv4, ipv6) = given.map_or((v4, v6), |given| (given.conf.enable_ipv4, given.conf.enable_ipv6));
    if let Some(given) = given.filter(|_| v4 && !ipv4 || v6 && !ipv6) {
        let (field, family, other) =
            if v6 && !ipv6 { ("EnableIPv6", "IPv6", "IPv6Network") } else { ("EnableIPv4", "IPv4", "Network") };
        let span = span_of(draft, &given.origin).unwrap_or_default();
        let message = format!("Flannel's {field} is not true: Pods get no {family} addresses");
        found.warning("flannel-family", span, message).hint(format!("write \"{field}\": true, and the {other}"));
    }
    if let Cni::Flannel(config) = &mut network.cni {
        (config.ipv4, config.ipv6) = (ipv4, ipv6);
    }
}

/// Models flanneld's pkg/subnet/config.go, backend/vxlan and backend/hostgw, and the flannel CNI plugin's delegate.
fn flannel(draft: &Draft, network: &mut Network, found: &mut Diagnostics) -> Option<GivenFlannel> {
    let config = config_map(draft, "kube-flannel", "kube-flannel-cfg");
    let (object, config_map) = config.or_else(|| self::config_map(draft, "kube-system", "kube-flannel-cfg"))?;
    let origin = |path| Origin::object(object.uid, path);
    let Cni::Flannel(flannel) = &mut network.cni else { return None };
    let mut given = None;
    if let Some((text, span)) = config_map.data.get("net-conf.json")
        && let Some(conf) = FlannelNetConf::parse(text, *span, &draft.sources, found)
    {
        let backend = &conf.backend;
        match &*backend.backend_type {
            "vxlan" => {}
            "host-gw" => flannel.backend = FlannelBackend::HostGw,
            other => {
                let message = format!("Flannel's backend {other:?} is not simulated yet");
                found
                    .error("flannel-backend", backend.span, message)
                    .hint("podhop simulates \"vxlan\" and \"host-gw\"");
            }
        }
        flannel_numbers(flannel, &conf, network.node_mtu, &origin);
        given = Some(GivenFlannel { conf, origin: origin("data.net-conf.json") });
    }
    if let Some((text, span)) = config_map.data.get("cni-conf.json")
        && let Some(conf) = CniConf::parse(text, *span, &draft.sources, found)
    {
        flannel.hairpin = (conf.hairpin_mode, origin("data.cni-conf.json"));
        if let Some(mtu) = conf.mtu {
            flannel.pod_mtu = (mtu, origin("data.cni-conf.json"));
        }
    }
    given
}

fn flannel_numbers(
    flannel: &mut FlannelConfig,
    conf: &FlannelNetConf,
    node_mtu: u32,
    origin: &impl Fn(&'static str) -> Origin,
) {
    let backend = &conf.backend;
    let path = "data.net-conf.json";
    if backend.vni != flannel.vni.0 {
        flannel.vni = (backend.vni, origin(path));
    }
    if let Some(port) = backend.port {
        flannel.port = (port, origin(path));
    }
    flannel.direct_routing = backend.direct_routing;
    if flannel.backend == FlannelBackend::HostGw {
        // Pods' packets go out as they are.
        flannel.mtu = (node_mtu, origin(path));
        flannel.pod_mtu = flannel.mtu.clone();
    } else if let Some(mtu) = backend.mtu {
        // Backend.MTU is the underlay's MTU; the tunnel's header comes off it.
        flannel.mtu = (mtu.min(node_mtu).saturating_sub(50), origin(path));
        flannel.pod_mtu = flannel.mtu.clone();
    }
}

/// A `KubeProxyConfiguration` of the user's, else kubeadm's ConfigMap of it.
fn kube_proxy(draft: &Draft, network: &mut Network, found: &mut Diagnostics) {
    let given_as_object = given(draft, "KubeProxyConfiguration", "", "");
    let (config, origin) = if let Some(object) = given_as_object {
        (KubeProxyConfiguration::project(object.written(), found), Origin::object(object.uid, "mode"))
    } else if let Some((object, config_map)) = config_map(draft, "kube-system", "kube-proxy")
        && let Some((text, span)) = config_map.data.get("config.conf")
        && let Some(root) = embedded::parse(text, *span, &draft.sources, found)
    {
        (KubeProxyConfiguration::project(&root, found), Origin::object(object.uid, "data.config.conf"))
    } else {
        // kubeadm writes the Pod subnets there.
        let cluster_cidrs = network.pod_networks().map(|(net, _)| *net).collect();
        network.kube_proxy = Arc::new(KubeProxyConfiguration { cluster_cidrs, ..KubeProxyConfiguration::default() });
        return;
    };
    if draft.options.proxy.is_none()
        && let Ok(mode) = config.mode.parse::<ProxyMode>()
    {
        network.kube_proxy_mode = (mode, origin);
    }
    network.kube_proxy = Arc::new(config);
}

/// Without any configuration the nodes themselves tell the networks they are part of.
fn infer_from_nodes(draft: &Draft, network: &mut Network, pods_given: bool) {
    let (mut ips, mut cidrs): (Vec<IpNet>, Vec<IpNet>) = (Vec::new(), Vec::new());
    let mut first = None;
    for object in draft.revision.list("Node", None) {
        let Typed::Node(node) = &object.typed else { continue };
        // The default nodes have their addresses from these very networks.
        if object.provenance == Provenance::Builtin {
            continue;
        }
        ips.extend(super::addresses::internal_ips(node).into_iter().map(|(ip, _)| IpNet::from(ip)));
        let given = one_of_each(&node.pod_cidrs.iter().map(|(net, _)| *net).collect::<Vec<_>>());
        if !given.is_empty() && first.is_none() {
            first = Some(object.uid);
        }
        cidrs.extend(given);
    }
    let inside = |net: &IpNet| network.pod_network.0.contains(net);
    if let (false, Some(uid)) = (pods_given || cidrs.iter().any(inside), first) {
        let origin = Origin::object(uid, "spec.podCIDR");
        let covering = |v6: bool| {
            let nets: Vec<IpNet> = cidrs.iter().filter(|net| net.addr().is_ipv6() == v6).copied().collect();
            covering(&nets, 16)
        };
        let nets = one_of_each(&cidrs).into_iter().filter_map(|net| covering(net.addr().is_ipv6()));
        network.set_pod_networks(nets.map(|net| (net, origin.clone())).collect());
        if network.pod_networks().all(|(net, _)| net.addr().is_ipv6()) && network.service_network.0.addr().is_ipv4() {
            let reason = "serviceSubnet is fd00:10:96::/112 by default where Pods have IPv6 addresses only";
            network.set_service_networks(vec![(SERVICES_V6, Origin::default("cluster", reason))]);
        }
    }
    node_networks(network, &ips);
}

/// The networks of the nodes' own addresses: one for each family of the Pods' and of the addresses that are given.
fn node_networks(network: &mut Network, ips: &[IpNet]) {
    let mut families: Vec<bool> = Vec::new();
    let of_pods = network.pod_networks().map(|(net, _)| net.addr().is_ipv6());
    for v6 in of_pods.chain(ips.iter().map(|net| net.addr().is_ipv6())) {
        if !families.contains(&v6) {
            families.push(v6);
        }
    }
    let mut nets = Vec::new();
    for v6 in families {
        let default = if v6 {
            (NODES_V6, Origin::default("cluster", "nodes are on fc00:f853:ccd:e793::/64 by default"))
        } else {
            Network::default().node_network
        };
        let given: Vec<IpNet> = ips.iter().filter(|net| net.addr().is_ipv6() == v6).copied().collect();
        let outside = given.iter().any(|net| !default.0.contains(net));
        let found = covering(&given, 24).filter(|_| outside).map(|net| {
            let reason = "the smallest network, of at most 24 bits, that holds every node's InternalIP";
            let reason_v6 = "the smallest network, of at most 64 bits, that holds every node's InternalIP";
            (net, Origin::default("cluster", if v6 { reason_v6 } else { reason }))
        });
        nets.push(found.unwrap_or(default));
    }
    network.set_node_networks(nets);
}

/// kind's networks of IPv6: its nodes' and its Services'.
const NODES_V6: IpNet =
    IpNet::new_assert(IpAddr::V6(std::net::Ipv6Addr::new(0xfc00, 0xf853, 0xccd, 0xe793, 0, 0, 0, 0)), 64);
const SERVICES_V6: IpNet =
    IpNet::new_assert(IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0x10, 0x96, 0, 0, 0, 0, 0)), 112);

/// The smallest network with a prefix of at most `len_max` bits that holds all of `nets`; `None` if they are none or of
/// both families.
fn covering(nets: &[IpNet], len_max: u8) -> Option<IpNet> {
    let first = nets.first()?;
    let len_max = if first.addr().is_ipv4() { len_max } else { 64 };
    let mut net = IpNet::new(first.addr(), len_max.min(first.prefix_len())).ok()?.trunc();
    for other in nets {
        while !net.contains(other) {
            net = net.supernet()?;
        }
    }
    Some(net)
}

/// The last address of a network is left alone, and so are its own and the gateway's.
pub fn usable(net: &IpNet, ip: IpAddr) -> bool {
    ip != net.network() && (ip != net.broadcast() || ip.is_ipv6())
}

fn check(network: &Network, draft: &Draft, found: &mut Diagnostics) {
    for pods in network.pod_networks() {
        for services in network.service_networks() {
            // Cilium's pool holds kubeadm's Services, too: nodes take its first addresses.
            let pool = network.cni.cilium().is_some_and(|config| config.pool.as_ref() == Some(pods));
            if !pool && (pods.0.contains(&services.0) || services.0.contains(&pods.0)) {
                let message = format!("the Pod subnet {} and the Service subnet {} overlap", pods.0, services.0);
                let span = span_of(draft, &pods.1).or_else(|| span_of(draft, &services.1)).unwrap_or_default();
                found
                    .error("subnets-overlap", span, message)
                    .hint("give each a range of its own, such as 10.244.0.0/16 and 10.96.0.0/16");
            }
        }
        for nodes in network.node_networks() {
            let overlap = pods.0.contains(&nodes.0) || nodes.0.contains(&pods.0);
            if matches!(pods.1, Origin::Object { .. }) && overlap {
                let message = format!("the Pod subnet {} and the nodes' network {} overlap", pods.0, nodes.0);
                let span = span_of(draft, &pods.1).unwrap_or_default();
                let hint = "Pods will get addresses of nodes: take 10.244.0.0/16";
                found.warning("subnets-overlap", span, message).hint(hint);
            }
        }
        let v4 = pods.0.addr().is_ipv4();
        let len_max = if v4 { super::nodes::MASK_V4 } else { super::nodes::MASK_V6 };
        // Calico's nodes have blocks, and no share.
        if pods.0.prefix_len() > len_max && network.cni.flannel().is_some() {
            let message = format!("the Pod subnet {} is smaller than a node's share of it, a /{len_max}", pods.0);
            let span = span_of(draft, &pods.1).unwrap_or_default();
            let such_as = if v4 { "/16" } else { "/56" };
            found
                .error("pod-subnet", span, message)
                .hint(format!("take a prefix of at most {len_max} bits, such as {such_as}"));
        }
    }
}

/// Where the field that an origin names is written.
pub fn span_of(draft: &Draft, origin: &Origin) -> Option<Span> {
    let Origin::Object { uid, path } = origin else { return None };
    let object = draft.revision.object_by_uid(*uid)?;
    Some(draft.revision.span(object, path))
}
