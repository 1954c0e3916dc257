//! Cluster-wide networking from the objects that set it.

use crate::cluster::{
    Cni, Draft, FlannelConfig, NetnsOwner, Network, Object, ObjectKey, Provenance, ProxyMode, Typed, Work,
};
use crate::manifest::typed::{
    CniConf, ConfigMap, FlannelNetConf, IpFamily, KindCluster, KubeProxyConfiguration, KubeProxyMode,
    KubeadmClusterConfiguration,
};
use crate::manifest::{Diagnostics, Span, embedded};
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
    if old.pod_network.0 != network.pod_network.0 || old.node_network.0 != network.node_network.0 {
        draft.dirty_nodes.extend(draft.revision.nodes.keys().cloned());
        draft.work.insert(Work::Nodes);
    }
    if old.pod_network.0 != network.pod_network.0 {
        draft.revision.index.next_block = 0;
    }
    draft.revision.network = Arc::new(network);
    draft.revision.nodes_version = draft.revision.number;
    draft.work.insert(Work::Builtin);
}

/// An object's own view and identity, unless the cluster brought it by itself.
fn given<'d>(draft: &'d Draft, kind: &str, namespace: &str, name: &str) -> Option<&'d Arc<Object>> {
    let object = draft.revision.objects.get(&ObjectKey::new(kind, namespace, name))?;
    (object.provenance != Provenance::Builtin).then_some(object)
}

/// Precedence among manifests: kind's `Cluster`, kubeadm's `ClusterConfiguration` (or the ConfigMap that keeps it),
/// Flannel's own configuration, then the nodes' subnets and addresses.
fn compute(draft: &mut Draft) -> Network {
    let mut found = Diagnostics::default();
    let Network { gateway, internet, .. } = *draft.revision.network;
    let mut network = Network { gateway, internet, ..Network::default() };
    if let Some(options) = draft.options.proxy {
        network.kube_proxy_mode = (options, Origin::default("command line", "--proxy"));
    }
    let of_flannel = flannel(draft, &mut network, &mut found).then(|| network.pod_network.clone());
    let of_nodes = kubeadm(draft, &mut network, &mut found) | kind(draft, &mut network, &mut found);
    if let (Some((flannel, origin)), true) = (&of_flannel, of_nodes)
        && !flannel.contains(&network.pod_network.0)
    {
        let nodes = network.pod_network.0;
        let message =
            format!("Flannel's Network {flannel} does not contain the Pod subnet {nodes}: flanneld would exit");
        let span = span_of(draft, origin).unwrap_or_default();
        found
            .warning("flannel-network", span, message)
            .hint(format!("write \"Network\": \"{nodes}\" in net-conf.json; podhop goes on with {nodes}"));
    }
    let pods_given = of_flannel.is_some() || of_nodes;
    infer_from_nodes(draft, &mut network, pods_given);
    kube_proxy(draft, &mut network, &mut found);
    check(&network, draft, &mut found);
    draft.diagnostics.append(found);
    if !draft.revision.netns.contains_key(&network.gateway.1) {
        network.gateway.1 = draft.new_netns(NetnsOwner::Gateway);
        network.internet = draft.new_netns(NetnsOwner::Internet);
    }
    network
}

/// The IPv4 subnet of a list, or the first: podhop's data plane is IPv4 so far.
fn pick(subnets: &[IpNet]) -> Option<IpNet> {
    subnets.iter().find(|net| net.addr().is_ipv4()).or(subnets.first()).map(IpNet::trunc)
}

fn kind(draft: &Draft, network: &mut Network, found: &mut Diagnostics) -> bool {
    let Some(object) = given(draft, "Cluster", "", "") else { return false };
    let Typed::KindCluster(cluster) = &object.typed else { return false };
    let KindCluster { name, networking, .. } = &**cluster;
    if networking.ip_family == IpFamily::Ipv6 {
        let span = object.written().at("networking.ipFamily").span;
        found.error("ipv6", span, "clusters of IPv6 only are not simulated yet").hint("ipFamily: ipv4 or dual");
    }
    let origin = |path, span: Option<Span>, reason| match span {
        Some(_) => Origin::object(object.uid, path),
        None => Origin::default("kind", reason),
    };
    if let Some(net) = pick(&networking.pod_subnet) {
        let reason = "podSubnet is 10.244.0.0/16 by default";
        network.pod_network = (net, origin("networking.podSubnet", networking.pod_subnet_span, reason));
    }
    if let Some(net) = pick(&networking.service_subnet) {
        let reason = "serviceSubnet is 10.96.0.0/16 by default";
        network.service_network = (net, origin("networking.serviceSubnet", networking.service_subnet_span, reason));
    }
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
        let subnets = configuration.pod_subnet.as_deref().unwrap_or_default();
        if subnets.iter().any(|net| net.addr().is_ipv6()) {
            let span = object.written().at("networking.podSubnet").span;
            if subnets.iter().any(|net| net.addr().is_ipv4()) {
                let message =
                    "the IPv6 half of a dual-stack cluster is not simulated yet: Pods get IPv4 addresses only";
                found.warning("ipv6", span, message);
            } else {
                found
                    .error("ipv6", span, "clusters of IPv6 only are not simulated yet")
                    .hint("give the Pods an IPv4 subnet, such as 10.244.0.0/16");
            }
        }
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
    let given = configuration.pod_subnet.as_deref().and_then(pick);
    if let Some(net) = given {
        network.pod_network = (net, pods);
    }
    if let Some(net) = pick(&configuration.service_subnet).filter(|net| *net != network.service_network.0) {
        network.service_network = (net, services);
    }
    network.dns_domain = configuration.dns_domain.clone();
    network.cluster_name = configuration.cluster_name.clone();
    given.is_some()
}

fn config_map<'d>(draft: &'d Draft, namespace: &str, name: &str) -> Option<(&'d Arc<Object>, &'d Arc<ConfigMap>)> {
    let object = given(draft, "ConfigMap", namespace, name)?;
    match &object.typed {
        Typed::ConfigMap(config_map) => Some((object, config_map)),
        _ => None,
    }
}

/// Models flanneld's pkg/subnet/config.go and backend/vxlan, and the flannel CNI plugin's delegate.
fn flannel(draft: &Draft, network: &mut Network, found: &mut Diagnostics) -> bool {
    let config = config_map(draft, "kube-flannel", "kube-flannel-cfg");
    let Some((object, config_map)) = config.or_else(|| self::config_map(draft, "kube-system", "kube-flannel-cfg"))
    else {
        return false;
    };
    let origin = |path| Origin::object(object.uid, path);
    let Cni::Flannel(flannel) = &mut network.cni;
    let mut pods_given = false;
    if let Some((text, span)) = config_map.data.get("net-conf.json")
        && let Some(conf) = FlannelNetConf::parse(text, *span, &draft.sources, found)
    {
        if let Some(net) = conf.network {
            network.pod_network = (net.trunc(), origin("data.net-conf.json"));
            pods_given = true;
        }
        let backend = &conf.backend;
        if &*backend.backend_type != "vxlan" {
            let message = format!("Flannel's backend {:?} is not simulated yet", &*backend.backend_type);
            found.error("flannel-backend", backend.span, message).hint("podhop simulates \"vxlan\"");
        }
        flannel_numbers(flannel, &conf, network.node_mtu, &origin);
    }
    if let Some((text, span)) = config_map.data.get("cni-conf.json")
        && let Some(conf) = CniConf::parse(text, *span, &draft.sources, found)
    {
        flannel.hairpin = (conf.hairpin_mode, origin("data.cni-conf.json"));
        if let Some(mtu) = conf.mtu {
            flannel.pod_mtu = (mtu, origin("data.cni-conf.json"));
        }
    }
    pods_given
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
    if let Some(mtu) = backend.mtu {
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
        // kubeadm writes the Pod subnet there.
        let cluster_cidrs = vec![network.pod_network.0];
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
    let (mut ips, mut cidrs) = (Vec::new(), Vec::new());
    let mut first = None;
    for object in draft.revision.list("Node", None) {
        let Typed::Node(node) = &object.typed else { continue };
        ips.extend(super::nodes::internal_ip(node).map(|(ip, _)| ip));
        let cidr = super::nodes::given_cidr(node).map(|(net, _)| net);
        if cidr.is_some() && first.is_none() {
            first = Some(object.uid);
        }
        cidrs.extend(cidr);
    }
    let inside = |net: &IpNet| network.pod_network.0.contains(net);
    if let (false, Some(uid), Some(net)) = (pods_given || cidrs.iter().any(inside), first, covering(&cidrs, 16)) {
        network.pod_network = (net, Origin::object(uid, "spec.podCIDR"));
    }
    if ips.iter().all(|ip| network.node_network.0.contains(ip)) {
        return;
    }
    let nets: Vec<IpNet> = ips.into_iter().map(IpNet::from).collect();
    if let Some(net) = covering(&nets, 24) {
        let reason = "the smallest network, of at most 24 bits, that holds every node's InternalIP";
        network.node_network = (net, Origin::default("cluster", reason));
    }
}

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
    let (pods, services) = (&network.pod_network, &network.service_network);
    if pods.0.contains(&services.0) || services.0.contains(&pods.0) {
        let message = format!("the Pod subnet {} and the Service subnet {} overlap", pods.0, services.0);
        let span = span_of(draft, &pods.1).or_else(|| span_of(draft, &services.1)).unwrap_or_default();
        found
            .error("subnets-overlap", span, message)
            .hint("give each a range of its own, such as 10.244.0.0/16 and 10.96.0.0/16");
    }
    let nodes = &network.node_network;
    if matches!(pods.1, Origin::Object { .. }) && (pods.0.contains(&nodes.0) || nodes.0.contains(&pods.0)) {
        let message = format!("the Pod subnet {} and the nodes' network {} overlap", pods.0, nodes.0);
        let span = span_of(draft, &pods.1).unwrap_or_default();
        found.warning("subnets-overlap", span, message).hint("Pods will get addresses of nodes: take 10.244.0.0/16");
    }
    let len_max = if pods.0.addr().is_ipv4() { super::nodes::MASK_V4 } else { super::nodes::MASK_V6 };
    if pods.0.prefix_len() > len_max {
        let message = format!("the Pod subnet {} is smaller than a node's share of it, a /{len_max}", pods.0);
        let span = span_of(draft, &pods.1).unwrap_or_default();
        found.error("pod-subnet", span, message).hint(format!("take a prefix of at most {len_max} bits, such as /16"));
    }
}

/// Where the field that an origin names is written.
pub fn span_of(draft: &Draft, origin: &Origin) -> Option<Span> {
    let Origin::Object { uid, path } = origin else { return None };
    let object = draft.revision.object_by_uid(*uid)?;
    Some(draft.revision.span(object, path))
}
