//! What stands where: the stage's data. No coordinates; layout is the page's.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    pub revision: u64,
    /// The node network: `172.18.0.0/16`.
    pub node_network: String,
    pub pod_network: String,
    pub gateway_ip: String,
    /// `Flannel VXLAN`
    pub cni: String,
    /// kube-proxy's mode: `iptables`.
    pub proxy_mode: String,
    pub nodes: Vec<NodeView>,
    /// Pods that are on no node yet.
    pub pending: Vec<PodView>,
    /// The user's first, then the cluster's own; only so many of a very large cluster.
    pub services: Vec<ServiceView>,
    /// All that there are.
    pub services_count: u32,
    /// An outside client's address.
    pub internet_ip: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceView {
    pub namespace: String,
    pub name: String,
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`
    pub kind: String,
    /// Belongs to the cluster itself: `kubernetes`, and all of kube-system.
    pub system: bool,
    /// Empty: headless, or ExternalName.
    pub cluster_ips: Vec<String>,
    /// The load balancer's addresses, or those of `externalIPs`.
    pub ingress: Vec<String>,
    /// Of an ExternalName.
    pub external_name: String,
    pub ports: Vec<ServicePortView>,
    /// `app=web`, sorted by name.
    pub selector: Vec<String>,
    pub ready_count: u32,
    pub endpoints_count: u32,
    /// At most 40 of them.
    pub endpoints: Vec<EndpointView>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServicePortView {
    pub name: String,
    /// `TCP`
    pub protocol: String,
    pub port: u16,
    /// A number, or the name of a container's port.
    pub target: String,
    pub node_port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    pub ip: String,
    /// `pod/default/web-1`, or empty if no Pod stands behind it.
    pub place: String,
    pub ready: bool,
}

/// What a node's kube-proxy does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxyState {
    #[default]
    Follows,
    /// Its rules are those of an earlier moment: it is stopped, or gone.
    Stale,
    /// There is none, and it has left no rules.
    Absent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    pub name: String,
    /// As `StepView.place`: `node/worker-1`.
    pub place: String,
    pub ip: String,
    /// Its address of the cluster's second family, or empty.
    pub other_ip: String,
    /// Its Pod subnets, or Calico's blocks: `10.244.1.0/24`, or `10.244.1.0/24, fd00:10:244:1::/64`.
    pub pod_cidr: String,
    pub control_plane: bool,
    pub ready: bool,
    pub proxy: ProxyState,
    /// `tier=edge`; what a kubelet says of every machine (`kubernetes.io/…`) is left out.
    pub labels: Vec<String>,
    /// The node's devices but the Pods' veths: `cni0`, `flannel.1`, `eth0`, `lo`.
    pub devices: Vec<DeviceView>,
    pub pods_count: u32,
    /// Empty in a very large cluster: then `pods_count` alone tells.
    pub pods: Vec<PodView>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceView {
    pub name: String,
    /// `bridge`, `vxlan`, `nic`, `veth`, `loopback`
    pub kind: String,
    pub address: String,
    /// Empty for loopback.
    pub mac: String,
    pub mtu: u32,
    /// False: switched off, or a bridge that nothing is plugged into.
    pub carrier: bool,
    /// A word more: `VNI 1 · UDP 8472`.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodPhase {
    Pending,
    ContainerCreating,
    Running,
    CrashLoopBackOff,
    Succeeded,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodView {
    pub namespace: String,
    pub name: String,
    /// As `StepView.place`: `pod/default/pod-a`.
    pub place: String,
    /// Empty until it has one.
    pub ip: String,
    /// Its address of the cluster's second family, or empty.
    pub other_ip: String,
    pub phase: PodPhase,
    /// Why it is not running, or empty: `0/3 nodes are available: …`.
    pub reason: String,
    pub host_network: bool,
    /// Its processes are stopped (SIGSTOP).
    pub frozen: bool,
    /// Answers the cluster's DNS questions: CoreDNS.
    pub dns: bool,
    /// Belongs to the cluster itself (kube-system, kube-flannel).
    pub system: bool,
    pub containers: Vec<ContainerView>,
    /// The veth on the node: `veth5e1c0a42`; empty with hostNetwork.
    pub veth: String,
    /// `deployment/web`, or empty.
    pub owner: String,
    /// `app=web`, sorted by name.
    pub labels: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerView {
    pub name: String,
    pub image: String,
    pub ready: bool,
    /// `TCP 80`, `UDP 53` …: what it listens on.
    pub listens: Vec<String>,
    pub tools: ToolsView,
}

/// The tools of an image that send something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolsView {
    pub ping: bool,
    pub nc: bool,
    pub wget: bool,
    pub curl: bool,
}
