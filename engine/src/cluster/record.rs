//! What controllers and kubelets have made of the objects: nodes and Pods as the network sees them.

use super::{Labels, ObjectKey, Owner, PodKey, PodReason};
use crate::manifest::typed::{ConfigMap, PodSpec, Taint};
use crate::net::{Family, Protocol};
use crate::tables::{NetnsId, Origin, Uid};
use imbl::OrdMap;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// A node that has joined.
#[derive(Clone, Debug)]
pub struct NodeRecord {
    pub name: Arc<str>,
    pub uid: Uid,
    /// Its number in the order of joining; never reused.
    pub index: u32,
    pub netns: NetnsId,
    /// The first of `status.addresses` of type InternalIP.
    pub ip: IpAddr,
    pub ip_origin: Origin,
    pub ip_given: bool,
    /// Its other addresses: the first one of the other family first.
    pub more_ips: Arc<[(IpAddr, Origin)]>,
    /// `spec.podCIDR`, as given or as kube-controller-manager allocated it; `None` once the Pod network is used up.
    pub pod_cidr: Option<(IpNet, Origin)>,
    pub pod_cidr_given: bool,
    /// The second of `spec.podCIDRs`.
    pub second: Option<SecondSubnet>,
    pub labels: Arc<Labels>,
    pub taints: Arc<[Taint]>,
    pub control_plane: bool,
    pub ready: bool,
    pub unschedulable: bool,
    /// `status.allocatable.pods`, 110 by default.
    pub pods_max: u32,
    /// Grows when the set of Pods with a sandbox on this node, or one of them, changes.
    pub pods_version: u64,
    /// Pods on the node (own sandbox and hostNetwork), in order of sandbox creation.
    pub pods: OrdMap<u64, PodKey>,
    /// Pods bound to the node that have no sandbox (yet), by `PodRecord.queued`.
    pub waiting: OrdMap<u64, PodKey>,
    /// host-local's reservations in the node's subnets.
    pub reserved: OrdMap<IpAddr, PodKey>,
    /// Ports of the node's own addresses that its Pods claim, by protocol, port and address (`0.0.0.0`: every one).
    pub host_ports: OrdMap<(Protocol, u16, Arc<str>), PodKey>,
    /// host-local's `last_reserved_ip.0`: the search goes on after it.
    pub last_reserved_ip: Option<IpAddr>,
    /// Calico's: the blocks of addresses that are affine to the node, in the order in which it got them, and the address
    /// of its tunnel in each family, the first of a block.
    pub blocks: Arc<[Block]>,
    /// The bridge plugin has made the node's bridge, as it does with the first sandbox in the present subnet. It takes
    /// no bridge away again, so this is history: nothing else in a revision tells it.
    pub bridge_made: bool,
    pub created_at_ns: u64,
}

/// A block of an IP pool that a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub net: IpNet,
    /// The address that `vxlan.calico` has, in one block of each family.
    pub tunnel_ip: Option<IpAddr>,
    /// The last address given to a Pod: the search goes on after it.
    pub last_assigned: Option<IpAddr>,
}

/// A node's share of the second Pod network.
#[derive(Clone, Debug)]
pub struct SecondSubnet {
    pub net: IpNet,
    pub origin: Origin,
    /// host-local's `last_reserved_ip.1`
    pub last_reserved_ip: Option<IpAddr>,
}

impl NodeRecord {
    /// `status.addresses` of type InternalIP, the first of each family first.
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        std::iter::once(self.ip).chain(self.more_ips.iter().map(|(ip, _)| *ip))
    }

    /// The same, each with what gave it.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, &Origin)> {
        std::iter::once((self.ip, &self.ip_origin)).chain(self.more_ips.iter().map(|(ip, origin)| (*ip, origin)))
    }

    /// The node's own address of a family.
    pub fn ip_of(&self, family: Family) -> Option<IpAddr> {
        self.ips().find(|ip| Family::of(*ip) == family)
    }

    /// `spec.podCIDRs`
    pub fn pod_cidrs(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.subnets().map(|(net, _)| *net)
    }

    /// The same, each with what gave it.
    pub fn subnets(&self) -> impl Iterator<Item = (&IpNet, &Origin)> {
        let second = self.second.iter().map(|second| (&second.net, &second.origin));
        self.pod_cidr.iter().map(|(net, origin)| (net, origin)).chain(second)
    }

    /// The node's subnet of a family.
    pub fn subnet_of(&self, family: Family) -> Option<(&IpNet, &Origin)> {
        self.subnets().find(|(net, _)| Family::of(net.addr()) == family)
    }

    /// The address of Calico's tunnel in a family.
    pub fn tunnel_ip(&self, family: Family) -> Option<IpAddr> {
        self.blocks.iter().filter_map(|block| block.tunnel_ip).find(|ip| Family::of(*ip) == family)
    }

    /// Pods bound to the node, whether or not they run.
    pub fn pods_count(&self) -> u32 {
        (self.pods.len() + self.waiting.len()) as u32
    }
}

/// How far a Pod has come, as kubectl's STATUS column tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodPhase {
    /// No node yet.
    Pending,
    /// Bound to a node; its sandbox is not there yet.
    ContainerCreating,
    Running,
    /// Runs, but at least one container keeps failing.
    CrashLoopBackOff,
    Succeeded,
    /// The kubelet refused it.
    Failed,
}

/// A container whose program ends, however often it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingContainer {
    /// Its place in `spec.containers`.
    pub index: u32,
    pub exit_status: i32,
    /// The last line it prints.
    pub message: Arc<str>,
}

/// A container that runs and whose readiness probe fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadyContainer {
    /// Its place in `spec.containers`.
    pub index: u32,
    /// The kubelet's words.
    pub message: Arc<str>,
}

/// A ConfigMap as a process read it when it last took it up: the object may have changed since.
#[derive(Clone, Debug)]
pub struct LoadedConfig {
    pub uid: Uid,
    pub config: Arc<ConfigMap>,
}

/// A Pod as scheduled and wired.
#[derive(Clone, Debug)]
pub struct PodRecord {
    pub key: PodKey,
    pub uid: Uid,
    pub node: Option<Arc<str>>,
    /// The node that a DaemonSet made it for.
    pub meant_for: Option<Arc<str>>,
    pub host_network: bool,
    /// Its sandbox: `None` while there is none. hostNetwork: the node's namespace and address.
    pub netns: Option<NetnsId>,
    /// Origin: host-local's allocation from the node's subnet, or `status.podIP` where that was given.
    pub ip: Option<(IpAddr, Origin)>,
    /// The second of `status.podIPs`.
    pub second_ip: Option<Box<(IpAddr, Origin)>>,
    pub ip_given: bool,
    /// Shared between the Pods of one template, as are `labels`.
    pub spec: Arc<PodSpec>,
    pub labels: Arc<Labels>,
    pub owner: Option<Owner>,
    pub phase: PodPhase,
    /// Why it is not running.
    pub reason: PodReason,
    /// Containers that run and are not ready.
    pub unready: Arc<[UnreadyContainer]>,
    /// Its processes are stopped (SIGSTOP): the kernel takes connections for them, and they answer nothing.
    pub frozen: bool,
    /// Containers that do not keep running.
    pub failing: Arc<[FailingContainer]>,
    /// What the process of a CoreDNS Pod has read of its ConfigMap.
    pub corefile: Option<LoadedConfig>,
    /// Virtual time, in nanoseconds.
    pub created_at_ns: u64,
    pub started_at_ns: Option<u64>,
    /// Its turn: with the scheduler until it has a node, then with the node's kubelet.
    pub queued: u64,
    /// Order of sandbox creation in the cluster: decides the order of veths on the node. 0 without a sandbox.
    pub order: u64,
    /// Grows when anything its namespace's tables depend on changes.
    pub version: u64,
}

impl PodRecord {
    pub fn object_key(&self) -> ObjectKey {
        ObjectKey::pod(&self.key)
    }

    /// The condition `Ready`: all containers run, and no readiness probe fails.
    pub fn is_ready(&self) -> bool {
        self.phase == PodPhase::Running && self.failing.is_empty() && self.unready.is_empty()
    }

    /// `status.podIPs`
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses().map(|(ip, _)| *ip)
    }

    /// The same, each with what gave it.
    pub fn addresses(&self) -> impl Iterator<Item = &(IpAddr, Origin)> {
        self.ip.iter().chain(self.second_ip.as_deref())
    }

    /// `status.phase`
    pub fn phase_name(&self) -> &'static str {
        match self.phase {
            PodPhase::Pending | PodPhase::ContainerCreating => "Pending",
            PodPhase::Running | PodPhase::CrashLoopBackOff => "Running",
            PodPhase::Succeeded => "Succeeded",
            PodPhase::Failed => "Failed",
        }
    }

    /// True if this container has started and keeps running.
    pub fn container_runs(&self, index: usize) -> bool {
        self.netns.is_some()
            && matches!(self.phase, PodPhase::Running | PodPhase::CrashLoopBackOff)
            && !self.failing.iter().any(|container| container.index as usize == index)
    }
}
