//! Cilium's eBPF on a node: the programs at their hooks and the maps that they look into. Models Cilium 1.18 bpf/ and
//! pkg/maps. What packets teach (tracked connections, affinity) is runtime state and lives with the walk.

mod ipcache;
mod lb;
mod policy;

pub use ipcache::{IpCache, IpCacheEntry};
pub use lb::{LbBackend, LbKey, LbMap, LbService};
pub use policy::{Direction, PolicyEntry, PolicyKey, PolicyMap, prefixes};

use super::{LinkIndex, Origin};
use crate::net::MacAddr;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A security identity: a number for a set of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity(pub u32);

impl Identity {
    /// No identity in particular: in a policy map everybody.
    pub const ANY: Identity = Identity(0);
    pub const HOST: Identity = Identity(1);
    pub const WORLD: Identity = Identity(2);
    pub const REMOTE_NODE: Identity = Identity(6);
    pub const KUBE_APISERVER: Identity = Identity(7);
    /// Identities of this bit are of one node alone: those of CIDRs.
    pub const LOCAL: u32 = 1 << 24;

    /// The label of an identity that every Cilium has; None: it stands for labels of this cluster.
    pub fn reserved(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "reserved:unknown",
            1 => "reserved:host",
            2 => "reserved:world",
            3 => "reserved:unmanaged",
            4 => "reserved:health",
            5 => "reserved:init",
            6 => "reserved:remote-node",
            7 => "reserved:kube-apiserver",
            8 => "reserved:ingress",
            _ => return None,
        })
    }
}

/// Where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TcHook {
    Ingress,
    Egress,
}

impl TcHook {
    /// As `bpftool net` has it for attachments by tcx.
    pub fn name(self) -> &'static str {
        match self {
            TcHook::Ingress => "tcx/ingress",
            TcHook::Egress => "tcx/egress",
        }
    }
}

/// An entry program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Program {
    FromContainer,
    FromHost,
    ToHost,
    FromOverlay,
    ToOverlay,
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Program::FromContainer => "cil_from_container",
            Program::FromHost => "cil_from_host",
            Program::ToHost => "cil_to_host",
            Program::FromOverlay => "cil_from_overlay",
            Program::ToOverlay => "cil_to_overlay",
        }
    }
}

/// A program at a device's hook.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub link: LinkIndex,
    pub hook: TcHook,
    pub program: Program,
    pub origin: Origin,
}

/// A row of the map `cilium_lxc`: an address of this node, of an endpoint or of the host itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// None: the host.
    pub pod: Option<EndpointInfo>,
    pub origin: Origin,
}

/// What the programs know of a Pod on this node.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointInfo {
    /// `lxc_id`, unique on the node.
    pub id: u16,
    /// The veth on the node, and the MAC addresses of its two ends.
    pub link: LinkIndex,
    pub mac: MacAddr,
    pub node_mac: MacAddr,
    pub identity: Identity,
    /// `NAMESPACE/NAME`
    pub name: Arc<str>,
    pub policy: Arc<PolicyMap>,
}

/// What a node's programs are given. Maps that are equal on all nodes are shared.
#[derive(Clone, Debug)]
pub struct Ebpf {
    /// By device and hook.
    pub attachments: Vec<Attachment>,
    /// `cilium_lxc`
    pub endpoints: BTreeMap<Ipv4Addr, Endpoint>,
    /// `cilium_ipcache`, as all nodes have it; then what this node has instead.
    pub ipcache: Arc<IpCache>,
    pub own_ipcache: IpCache,
    /// `cilium_lb4_services_v2` with its backends; then services that differ from node to node.
    pub services: Arc<LbMap>,
    pub own_services: LbMap,
    /// The labels of identities, for print.
    pub labels: Arc<BTreeMap<Identity, Arc<[Arc<str>]>>>,
    /// The node's own address: a tunnel that ends here is none.
    pub node_ip: IpAddr,
    /// The router's address, that of `cilium_host`.
    pub router_ip: Ipv4Addr,
    /// `IPV4_LOOPBACK`: who calls himself by a Service's address gets packets from here.
    pub loopback: Ipv4Addr,
    pub host: LinkIndex,
    pub peer: LinkIndex,
    pub overlay: LinkIndex,
    /// UDP port of the tunnel.
    pub tunnel_port: u16,
    /// `enable-sctp`
    pub sctp_enabled: bool,
}

/// The default of `--ipv4-service-loopback-address`.
pub const LOOPBACK: Ipv4Addr = Ipv4Addr::new(169, 254, 42, 1);

impl Ebpf {
    pub fn attachment(&self, link: LinkIndex, hook: TcHook) -> Option<&Attachment> {
        let key = |row: &Attachment| (row.link, row.hook);
        self.attachments.binary_search_by_key(&(link, hook), key).ok().map(|at| &self.attachments[at])
    }

    pub fn endpoint(&self, ip: Ipv4Addr) -> Option<&Endpoint> {
        self.endpoints.get(&ip)
    }

    /// The endpoint behind a veth, and its address.
    pub fn endpoint_at(&self, link: LinkIndex) -> Option<(Ipv4Addr, &EndpointInfo)> {
        let infos = self.endpoints.iter().filter_map(|(ip, row)| Some((*ip, row.pod.as_ref()?)));
        infos.into_iter().find(|(_, info)| info.link == link)
    }

    /// The row of the longest prefix that has this address.
    pub fn lookup(&self, ip: Ipv4Addr) -> Option<(Ipv4Net, &IpCacheEntry)> {
        let own = self.own_ipcache.lookup(ip);
        let shared = self.ipcache.lookup(ip);
        match (own, shared) {
            (Some(own), Some(shared)) => Some(if own.0.prefix_len() >= shared.0.prefix_len() { own } else { shared }),
            (own, shared) => own.or(shared),
        }
    }

    /// The row of exactly this prefix.
    pub fn ipcache_row(&self, net: Ipv4Net) -> Option<&IpCacheEntry> {
        self.own_ipcache.get(net).or_else(|| self.ipcache.get(net))
    }

    /// Every row, by prefix.
    pub fn ipcache_rows(&self) -> impl Iterator<Item = (Ipv4Net, &IpCacheEntry)> {
        let mut rows: BTreeMap<(Ipv4Addr, u8), (Ipv4Net, &IpCacheEntry)> = BTreeMap::new();
        for (net, row) in self.ipcache.iter().chain(self.own_ipcache.iter()) {
            rows.insert((net.addr(), net.prefix_len()), (net, row));
        }
        rows.into_values()
    }

    /// Where a packet by this row is tunnelled to; None: nowhere.
    pub fn tunnel(&self, row: &IpCacheEntry) -> Option<IpAddr> {
        row.tunnel.filter(|ip| *ip != self.node_ip)
    }

    pub fn service(&self, key: &LbKey) -> Option<&LbService> {
        self.own_services.get(key).or_else(|| self.services.get(key))
    }

    /// Every service with its key, in the order of their numbers.
    pub fn all_services(&self) -> Vec<(&LbKey, &LbService)> {
        let mut all: Vec<_> = self.services.iter().chain(self.own_services.iter()).collect();
        all.sort_by_key(|(_, service)| service.id);
        all
    }

    /// An identity's labels as they are printed, one a line.
    pub fn labels_of(&self, identity: Identity) -> Vec<Arc<str>> {
        match (identity.reserved(), self.labels.get(&identity)) {
            (_, Some(labels)) => labels.to_vec(),
            // An API server's node is a node, too.
            (Some(label), None) if identity == Identity::KUBE_APISERVER => {
                vec![label.into(), "reserved:remote-node".into()]
            }
            (Some(label), None) => vec![label.into()],
            (None, None) => Vec::new(),
        }
    }
}
