//! Typed views of the objects whose fields the engine acts upon.
//!
//! A view is made from the tree by hand, field by field: what has the wrong type is a diagnostic with the exact token and
//! counts as absent, and what the view does not name stays in the tree. The views hold what is written, Kubernetes'
//! defaults applied where a field has one; whether it makes sense is for `validate`.

mod calico;
pub(crate) mod calico_policy;
mod cluster_policy;
mod config_map;
mod endpoint_slice;
mod flannel;
mod kind_cluster;
mod kube_proxy;
mod meta;
mod network_policy;
mod node_object;
mod pod;
mod probe;
pub(crate) mod reader;
mod scheduling;
mod selector;
mod service;
mod workload;

#[cfg(test)]
mod tests;

pub use crate::net::Protocol;
pub use calico::{CalicoInstallation, CalicoPool, PoolEncapsulation};
pub use calico_policy::{
    CalicoAction, CalicoEntity, CalicoIcmp, CalicoPolicy, CalicoPort, CalicoProtocol, CalicoRule, CalicoTier,
    NetworkSet, tiered,
};
pub use cluster_policy::{
    ClusterAction, ClusterPeer, ClusterPeerKind, ClusterPods, ClusterPolicy, ClusterProtocol, ClusterRule, ClusterTier,
};
pub use config_map::ConfigMap;
pub use endpoint_slice::{AddressType, Endpoint, EndpointPort, EndpointSlice, SERVICE_NAME};
pub use flannel::{CniConf, FlannelBackend, FlannelNetConf};
pub use kind_cluster::{
    IpFamily, KindCluster, KindNetworking, KindNode, KubeProxyMode, KubeadmClusterConfiguration, Role,
};
pub use kube_proxy::{DetectLocal, IpvsConfiguration, KubeProxyConfiguration, SCHEDULERS};
pub use meta::{ObjectMeta, OwnerReference, TypeMeta};
pub use network_policy::{NetworkPolicy, PeerKind, PolicyPeer, PolicyPort, PolicyRule};
pub use node_object::{NodeAddress, NodeObject, Taint, TaintEffect};
pub use pod::{
    Container, ContainerPort, DnsConfig, DnsPolicy, EnvVar, GivenPodStatus, HostAlias, Pod, PodSpec, RestartPolicy,
};
pub use probe::{Probe, ProbeHandler};
pub use reader::IntOrString;
pub use scheduling::{NodeSelectorTerm, PodAffinityTerm, Toleration, TolerationOperator, TopologySpreadConstraint};
pub use selector::{LabelSelector, Operator, Requirement};
pub use service::{Service, ServicePort, ServiceType, TrafficPolicy};
pub use workload::{DaemonSet, Deployment, PodTemplate, ReplicaSet, Replicas, StatefulSet, Strategy};
