//! Descriptions of a whole cluster: kind's `Cluster` and kubeadm's `ClusterConfiguration`.

use std::{collections::BTreeMap, sync::Arc};

use ipnet::IpNet;

use super::reader;
use crate::manifest::{Diagnostics, Node, Span};

/// `kind.x-k8s.io/v1alpha4` `Cluster`, with kind's defaults for what it leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct KindCluster {
    /// `kind` unless said otherwise.
    pub name: Arc<str>,
    /// At least one.
    pub nodes: Vec<KindNode>,
    pub networking: KindNetworking,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KindNode {
    pub role: Role,
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    pub image: Option<Arc<str>>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    ControlPlane,
    Worker,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpFamily {
    #[default]
    Ipv4,
    Ipv6,
    Dual,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KubeProxyMode {
    #[default]
    Iptables,
    Ipvs,
    Nftables,
    /// No kube-proxy at all.
    None,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KindNetworking {
    pub ip_family: IpFamily,
    /// One subnet, or two under dual stack.
    pub pod_subnet: Vec<IpNet>,
    /// Where it is said; `None` if it is kind's default.
    pub pod_subnet_span: Option<Span>,
    pub service_subnet: Vec<IpNet>,
    pub service_subnet_span: Option<Span>,
    pub kube_proxy_mode: KubeProxyMode,
    pub disable_default_cni: bool,
}

impl KindCluster {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<KindCluster> {
        let d = diagnostics;
        if !reader::is_object(root, d) {
            return None;
        }
        let mut nodes: Vec<KindNode> = Vec::new();
        for node in reader::objects(root, "nodes", d) {
            let role = match reader::choice(node, "role", &["control-plane", "worker"], d) {
                Some(1) => Role::Worker,
                _ => Role::ControlPlane,
            };
            let labels = reader::text_map(node, "labels", d);
            nodes.push(KindNode { role, labels, image: reader::text(node, "image", d), span: node.span });
        }
        if nodes.is_empty() {
            nodes.push(KindNode { role: Role::ControlPlane, labels: BTreeMap::new(), image: None, span: root.span });
        }
        Some(KindCluster {
            name: reader::text(root, "name", d).unwrap_or_else(|| "kind".into()),
            nodes,
            networking: KindNetworking::project(root, d),
            span: root.span,
        })
    }
}

impl KindNetworking {
    /// Models sigs.k8s.io/kind pkg/apis/config/v1alpha4 default.go.
    fn project(root: &Node, d: &mut Diagnostics) -> KindNetworking {
        let node = reader::object(root, "networking", d);
        let ip_family = match node.and_then(|node| reader::choice(node, "ipFamily", &["ipv4", "ipv6", "dual"], d)) {
            Some(1) => IpFamily::Ipv6,
            Some(2) => IpFamily::Dual,
            _ => IpFamily::Ipv4,
        };
        let modes = ["iptables", "ipvs", "nftables", "none"];
        let kube_proxy_mode = match node.and_then(|node| reader::choice(node, "kubeProxyMode", &modes, d)) {
            Some(1) => KubeProxyMode::Ipvs,
            Some(2) => KubeProxyMode::Nftables,
            Some(3) => KubeProxyMode::None,
            _ => KubeProxyMode::Iptables,
        };
        let (pods, services) = match ip_family {
            IpFamily::Ipv4 => ("10.244.0.0/16", "10.96.0.0/16"),
            IpFamily::Ipv6 => ("fd00:10:244::/56", "fd00:10:96::/112"),
            IpFamily::Dual => ("10.244.0.0/16,fd00:10:244::/56", "10.96.0.0/16,fd00:10:96::/112"),
        };
        let mut subnet = |name: &str, default: &str| {
            let given = node.and_then(|node| reader::subnets(node, name, d)).filter(|subnets| !subnets.is_empty());
            let span = given.as_ref().and(node).map(|node| reader::span_of(node, name));
            (given.unwrap_or_else(|| default.split(',').filter_map(|part| part.parse().ok()).collect()), span)
        };
        let (pod_subnet, pod_subnet_span) = subnet("podSubnet", pods);
        let (service_subnet, service_subnet_span) = subnet("serviceSubnet", services);
        KindNetworking {
            ip_family,
            pod_subnet,
            pod_subnet_span,
            service_subnet,
            service_subnet_span,
            kube_proxy_mode,
            disable_default_cni: node.and_then(|node| reader::boolean(node, "disableDefaultCNI", d)).unwrap_or(false),
        }
    }
}

/// `kubeadm.k8s.io/v1beta3` or `v1beta4` `ClusterConfiguration`.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeadmClusterConfiguration {
    /// `None`: kubeadm leaves Pod subnets to the CNI.
    pub pod_subnet: Option<Vec<IpNet>>,
    /// 10.96.0.0/12 unless said otherwise.
    pub service_subnet: Vec<IpNet>,
    /// `cluster.local` unless said otherwise.
    pub dns_domain: Arc<str>,
    /// `kubernetes` unless said otherwise.
    pub cluster_name: Arc<str>,
    /// Where `networking` stands, or the object.
    pub span: Span,
}

impl KubeadmClusterConfiguration {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<KubeadmClusterConfiguration> {
        let d = diagnostics;
        if !reader::is_object(root, d) {
            return None;
        }
        let node = reader::object(root, "networking", d);
        let subnets = |name: &str, d: &mut Diagnostics| {
            let subnets = node.and_then(|node| reader::subnets(node, name, d));
            subnets.filter(|subnets| !subnets.is_empty())
        };
        let default = || "10.96.0.0/12".parse().ok().into_iter().collect();
        let domain = node.and_then(|node| reader::text(node, "dnsDomain", d)).filter(|domain| !domain.is_empty());
        Some(KubeadmClusterConfiguration {
            pod_subnet: subnets("podSubnet", d),
            service_subnet: subnets("serviceSubnet", d).unwrap_or_else(default),
            dns_domain: domain.unwrap_or_else(|| "cluster.local".into()),
            cluster_name: reader::text(root, "clusterName", d).unwrap_or_else(|| "kubernetes".into()),
            span: node.map_or(root.span, |node| node.span),
        })
    }
}
