//! One numbered state of the cluster, made of persistent maps: cheap to clone, sharing structure with its predecessors.

use super::{
    Body, CalicoConfig, CiliumConfig, Faults, NodeRecord, Object, ObjectKey, PodKey, PodRecord, Provenance, ServiceKey,
    ServiceRecord,
};
use crate::manifest::typed::KubeProxyConfiguration;
use crate::manifest::{Node, Source, Span};
use crate::net::Family;
use crate::tables::{NetnsId, Origin, Uid};
use imbl::{OrdMap, OrdSet};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// Everything that is true of the cluster at one moment but for what packets teach.
#[derive(Clone, Debug)]
pub struct Revision {
    pub number: u64,
    pub seed: u64,
    /// The virtual time at which it was committed, in nanoseconds.
    pub at_ns: u64,
    /// Everything the API server would list, and the configuration files that have no name of their own.
    pub objects: OrdMap<ObjectKey, Arc<Object>>,
    pub network: Arc<Network>,
    pub nodes: OrdMap<Arc<str>, Arc<NodeRecord>>,
    pub pods: OrdMap<PodKey, Arc<PodRecord>>,
    /// Live namespaces only; ids are never reused.
    pub netns: OrdMap<NetnsId, NetnsOwner>,
    /// Grows when a node, its address or subnet, or `network` changes: what every node's peer rows depend on.
    pub nodes_version: u64,
    /// The texts that the objects' spans point into, by `Span.source`.
    pub sources: OrdMap<u32, Arc<Source>>,
    /// Objects by identity, for origins.
    pub by_uid: OrdMap<Uid, ObjectKey>,
    /// What each controller's object owns, by the owner's identity.
    pub children: OrdMap<Uid, OrdSet<ObjectKey>>,
    pub services: OrdMap<ServiceKey, Arc<ServiceRecord>>,
    /// EndpointSlices by the Service they name, which need not exist.
    pub slices_of: OrdMap<ServiceKey, OrdSet<ObjectKey>>,
    /// Grows when any Service or EndpointSlice changes.
    pub services_version: u64,
    /// Who has which address: nodes and Pods with a sandbox of their own.
    pub addresses: OrdMap<IpAddr, NetnsId>,
    pub faults: Faults,
    pub(crate) index: Index,
}

/// A namespace, a label's key and its value.
pub(crate) type LabelPair = (Arc<str>, Arc<str>, Arc<str>);

/// What the controllers look things up in, and the numbers they give out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub next_netns: u32,
    pub next_node: u32,
    pub next_order: u64,
    pub next_pending: u64,
    /// Pods without a node, in the order in which the scheduler takes them.
    pub pending: OrdMap<u64, PodKey>,
    /// The nodes' Pod subnets by first address; no two overlap.
    pub subnets: OrdMap<IpAddr, (IpNet, Arc<str>)>,
    /// Where the search for a free block of each Pod network goes on. Models kube-controller-manager's range allocator.
    pub next_blocks: [u32; 2],
    /// Calico's blocks by first address, with the node that each is affine to.
    pub blocks: OrdMap<IpAddr, (IpNet, Arc<str>)>,
    /// Pods without a controller, by each of their labels.
    pub orphans: OrdMap<LabelPair, OrdSet<PodKey>>,
    /// ReplicaSets and DaemonSets by one label that all their Pods have.
    pub selecting: OrdMap<LabelPair, OrdSet<ObjectKey>>,
    /// How many Pods each owner has made so far, for their names.
    pub made: OrdMap<Uid, u32>,
    /// Services by one label of their selector.
    pub service_selecting: OrdMap<LabelPair, OrdSet<ServiceKey>>,
    /// Which Service has an address of the Service network or of the load balancers.
    pub service_ips: OrdMap<IpAddr, ServiceKey>,
    pub node_ports: OrdMap<u16, ServiceKey>,
    /// Nodes by `NodeRecord.index`.
    pub node_names: OrdMap<u32, Arc<str>>,
    /// The text that describes what a cluster has by itself, and its objects in order.
    pub builtin: Option<Arc<Builtin>>,
    /// Built-in objects that the user deleted.
    pub suppressed: OrdSet<ObjectKey>,
}

/// The cluster's own manifests as last rendered.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub source: Arc<Source>,
    pub objects: Vec<(ObjectKey, Arc<Node>)>,
    pub keys: BTreeSet<ObjectKey>,
}

/// Whose network namespace it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetnsOwner {
    Node(Arc<str>),
    Pod(PodKey),
    /// The node network's way out.
    Gateway,
    /// What lies beyond it.
    Internet,
}

/// Cluster-wide networking, each value with the origin that set it.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub cni: Cni,
    pub pod_network: (IpNet, Origin),
    pub service_network: (IpNet, Origin),
    /// The network of the nodes' own addresses.
    pub node_network: (IpNet, Origin),
    /// The first address of `node_network` that no node has, and its namespace.
    pub gateway: (IpAddr, NetnsId),
    /// The namespace of the world beyond the gateway.
    pub internet: NetnsId,
    /// What the cluster has of a second family.
    pub second: SecondNetworks,
    /// MTU of the nodes' NICs and of the segment between them, in bytes.
    pub node_mtu: u32,
    pub dns_domain: Arc<str>,
    pub kube_proxy_mode: (ProxyMode, Origin),
    pub kube_proxy: Arc<KubeProxyConfiguration>,
    pub cluster_name: Arc<str>,
}

impl Default for Network {
    /// The default cluster's: kubeadm's and Flannel's defaults, on the network that kind makes for its nodes.
    fn default() -> Network {
        let net = |octets: [u8; 4], len| IpNet::new_assert(IpAddr::from(octets), len);
        let kubeadm = |reason| Origin::default("kubeadm", reason);
        let flannel = |reason| Origin::default("flannel", reason);
        Network {
            cni: Cni::Flannel(FlannelConfig {
                backend: FlannelBackend::Vxlan,
                vni: (1, flannel("Backend.VNI is 1 by default")),
                port: (8472, flannel("Backend.Port is the kernel's 8472 by default")),
                direct_routing: false,
                mtu: (1450, flannel("the MTU is the node's less 50 for VXLAN by default")),
                pod_mtu: (1450, flannel("Pods get the MTU of flannel.1 by default")),
                hairpin: (true, flannel("kube-flannel-cfg sets hairpinMode: true")),
                ipv4: true,
                ipv6: false,
            }),
            pod_network: (net([10, 244, 0, 0], 16), flannel("net-conf.json's Network is 10.244.0.0/16 by default")),
            service_network: (net([10, 96, 0, 0], 12), kubeadm("serviceSubnet is 10.96.0.0/12 by default")),
            node_network: (
                net([172, 18, 0, 0], 16),
                Origin::default("cluster", "nodes are on 172.18.0.0/16 by default"),
            ),
            gateway: (IpAddr::from([172, 18, 0, 1]), NetnsId(0)),
            internet: NetnsId(1),
            second: SecondNetworks::default(),
            node_mtu: 1500,
            dns_domain: "cluster.local".into(),
            kube_proxy_mode: (
                ProxyMode::Iptables,
                Origin::default("kube-proxy", "mode is iptables by default on Linux"),
            ),
            kube_proxy: Arc::default(),
            cluster_name: "kubernetes".into(),
        }
    }
}

impl Network {
    /// The Pod networks, the cluster's first family first.
    pub fn pod_networks(&self) -> impl Iterator<Item = &(IpNet, Origin)> {
        std::iter::once(&self.pod_network).chain(&self.second.pods)
    }

    /// The Service networks, the cluster's first family first.
    pub fn service_networks(&self) -> impl Iterator<Item = &(IpNet, Origin)> {
        std::iter::once(&self.service_network).chain(&self.second.services)
    }

    /// The networks of the nodes' own addresses.
    pub fn node_networks(&self) -> impl Iterator<Item = &(IpNet, Origin)> {
        std::iter::once(&self.node_network).chain(&self.second.nodes)
    }

    /// The gateway's addresses.
    pub fn gateways(&self) -> impl Iterator<Item = IpAddr> {
        std::iter::once(self.gateway.0).chain(self.second.gateway)
    }

    /// The network of the nodes' own addresses of one family.
    pub fn node_network_of(&self, family: Family) -> Option<&(IpNet, Origin)> {
        self.node_networks().find(|(net, _)| Family::of(net.addr()) == family)
    }

    /// Whether the nodes have addresses of this family.
    pub fn has(&self, family: Family) -> bool {
        self.node_network_of(family).is_some()
    }

    /// At most one network of each family; none leaves what there is.
    pub fn set_pod_networks(&mut self, nets: Vec<(IpNet, Origin)>) {
        set(&mut self.pod_network, &mut self.second.pods, nets);
    }

    pub fn set_service_networks(&mut self, nets: Vec<(IpNet, Origin)>) {
        set(&mut self.service_network, &mut self.second.services, nets);
    }

    pub fn set_node_networks(&mut self, nets: Vec<(IpNet, Origin)>) {
        set(&mut self.node_network, &mut self.second.nodes, nets);
    }
}

fn set(first: &mut (IpNet, Origin), second: &mut Option<(IpNet, Origin)>, nets: Vec<(IpNet, Origin)>) {
    let mut nets = nets.into_iter();
    if let Some(net) = nets.next() {
        *first = net;
        *second = nets.next();
    }
}

/// The networks of a dual-stack cluster's second family, and the gateway's address of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecondNetworks {
    pub pods: Option<(IpNet, Origin)>,
    pub services: Option<(IpNet, Origin)>,
    pub nodes: Option<(IpNet, Origin)>,
    pub gateway: Option<IpAddr>,
}

/// The CNI plugin that wires Pods.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a revision has one, and shares it")]
pub enum Cni {
    Flannel(FlannelConfig),
    Calico(CalicoConfig),
    Cilium(CiliumConfig),
}

impl Cni {
    pub fn flannel(&self) -> Option<&FlannelConfig> {
        match self {
            Cni::Flannel(config) => Some(config),
            Cni::Calico(_) | Cni::Cilium(_) => None,
        }
    }

    pub fn calico(&self) -> Option<&CalicoConfig> {
        match self {
            Cni::Calico(config) => Some(config),
            Cni::Flannel(_) | Cni::Cilium(_) => None,
        }
    }

    pub fn cilium(&self) -> Option<&CiliumConfig> {
        match self {
            Cni::Cilium(config) => Some(config),
            Cni::Flannel(_) | Cni::Calico(_) => None,
        }
    }

    /// Whether Pods get addresses of this family.
    pub fn serves(&self, family: Family) -> bool {
        match self {
            Cni::Flannel(config) => config.serves(family),
            Cni::Calico(config) => config.pools.iter().any(|pool| Family::of(pool.cidr.addr()) == family),
            Cni::Cilium(_) => family == Family::V4,
        }
    }
}

/// ConfigMap `kube-flannel-cfg`: `net-conf.json` and `cni-conf.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct FlannelConfig {
    pub backend: FlannelBackend,
    pub vni: (u32, Origin),
    /// UDP port of the tunnel.
    pub port: (u16, Origin),
    pub direct_routing: bool,
    /// MTU of `flannel.1`: the node's less 50, unless `Backend.MTU` says otherwise.
    pub mtu: (u32, Origin),
    /// MTU of the Pods' interfaces: the delegate's in `cni-conf.json`, else `mtu`.
    pub pod_mtu: (u32, Origin),
    pub hairpin: (bool, Origin),
    /// `EnableIPv4` and `EnableIPv6`: the families that Pods get addresses of.
    pub ipv4: bool,
    pub ipv6: bool,
}

impl FlannelConfig {
    /// How many VXLAN devices flanneld makes.
    pub fn tunnels_count(&self) -> u32 {
        match self.backend {
            FlannelBackend::Vxlan => u32::from(self.ipv4) + u32::from(self.ipv6),
            FlannelBackend::HostGw => 0,
        }
    }

    /// Whether Pods get addresses of this family.
    pub fn serves(&self, family: Family) -> bool {
        if family == Family::V4 { self.ipv4 } else { self.ipv6 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlannelBackend {
    Vxlan,
    /// Nodes are each other's gateways; nothing is encapsulated.
    HostGw,
}

/// `KubeProxyConfiguration.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyMode {
    Iptables,
    Nftables,
    Ipvs,
}

impl Revision {
    /// Nothing at all, not even nodes: what the first draft starts from.
    pub(super) fn empty(seed: u64) -> Revision {
        Revision {
            number: 0,
            seed,
            at_ns: 0,
            objects: OrdMap::new(),
            network: Arc::new(Network::default()),
            nodes: OrdMap::new(),
            pods: OrdMap::new(),
            netns: OrdMap::new(),
            nodes_version: 0,
            sources: OrdMap::new(),
            by_uid: OrdMap::new(),
            children: OrdMap::new(),
            services: OrdMap::new(),
            slices_of: OrdMap::new(),
            services_version: 0,
            addresses: OrdMap::new(),
            faults: Faults::default(),
            index: Index::default(),
        }
    }

    pub fn object(&self, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    pub fn object_by_uid(&self, uid: Uid) -> Option<&Arc<Object>> {
        self.objects.get(self.by_uid.get(&uid)?)
    }

    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Arc<PodRecord>> {
        self.pods.get(&PodKey::new(namespace, name))
    }

    pub fn node(&self, name: &str) -> Option<&Arc<NodeRecord>> {
        self.nodes.get(name)
    }

    /// The Pod whose sandbox this is.
    pub fn pod_of_netns(&self, id: NetnsId) -> Option<&Arc<PodRecord>> {
        match self.netns.get(&id)? {
            NetnsOwner::Pod(key) => self.pods.get(key),
            _ => None,
        }
    }

    /// The namespace that answers for an address: a node's or a Pod's.
    pub fn netns_of_ip(&self, ip: IpAddr) -> Option<NetnsId> {
        self.addresses.get(&ip).copied()
    }

    /// Objects of one kind in key order; all namespaces if `namespace` is `None`.
    pub fn list<'a>(&'a self, kind: &str, namespace: Option<&str>) -> impl Iterator<Item = &'a Arc<Object>> + 'a {
        let (kind, namespace) = (kind.to_owned(), namespace.map(str::to_owned));
        let start = ObjectKey { kind: kind.clone().into(), group: "".into(), namespace: "".into(), name: "".into() };
        self.objects
            .range(start..)
            .map(|(_, object)| object)
            .take_while(move |object| object.key.kind == kind)
            .filter(move |object| namespace.as_ref().is_none_or(|name| *object.key.namespace == **name))
    }

    /// The place in a source that set an object's field at `path` (such as `spec.containers[0].ports[0]`), or the deepest
    /// field on the way that was written. What a controller made points into its owner's template.
    pub fn span(&self, object: &Object, path: &str) -> Span {
        let (mut at, mut path) = (object, path.to_owned());
        for _ in 0..4 {
            let Some(owner) = at.owner.as_ref().filter(|_| at.provenance == Provenance::Controller) else { break };
            let Some(owner) = self.object_by_uid(owner.uid) else { break };
            let current = match (at.workload(), owner.workload()) {
                (Some(made), Some(now)) => made.template.fingerprint == now.template.fingerprint,
                _ => true,
            };
            if !current {
                break;
            }
            if at.key.is("Pod") {
                path.insert_str(0, "spec.template.");
            }
            at = owner;
        }
        // A ReplicaSet that a rollout has left behind keeps the template it was made from.
        let template = matches!(at.body, Body::Template(_)) && at.key.is("ReplicaSet");
        let path = if template { path.strip_prefix("spec.template.").unwrap_or(&path) } else { &path };
        at.written().at(path).span
    }

    /// The object and what owns it, nearest first: a Pod's ReplicaSet, then its Deployment.
    pub fn owners(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        let mut chain: Vec<ObjectKey> = Vec::new();
        let mut owner = self.objects.get(key).and_then(|object| object.owner.clone());
        while let Some(next) = owner {
            // A dump may hold owners in a circle.
            if chain.len() == 8 {
                break;
            }
            owner = self.by_uid.get(&next.uid).and_then(|key| self.objects.get(key)).and_then(|o| o.owner.clone());
            chain.push(next.key);
        }
        chain
    }
}
