//! The object store: what the API server holds and how it answers, in numbered revisions.

pub mod api;
mod calico;
mod cilium;
mod draft;
mod faults;
mod files;
pub mod identity;
mod immutable;
mod kinds;
mod labels;
mod object;
mod options;
mod pods;
mod reason;
mod record;
mod revision;
mod service;
mod store;
mod typed;
mod watch;

pub use crate::manifest::typed::{Container, ContainerPort, PodSpec, Taint, Toleration};
pub use api::api_object;
pub use calico::{CalicoConfig, Encapsulation, IpPool};
pub use cilium::{CiliumConfig, Enforcement};
pub use draft::{Draft, Outcome, Submission, Work};
pub use faults::Faults;
pub use files::File;
pub use kinds::{CALICO, Kind};
pub use labels::{FieldSelector, parse_selector};
pub use object::{Body, Labels, Object, ObjectKey, Owner, PodKey, Provenance};
pub use options::{CniName, Options};
pub use pods::{HostPort, host_ports};
pub use reason::{Objection, PodReason, Rejection};
pub use record::{
    Block, FailingContainer, LoadedConfig, NodeRecord, PodPhase, PodRecord, SecondSubnet, UnreadyContainer,
};
pub(crate) use revision::Builtin;
pub use revision::{Cni, FlannelBackend, FlannelConfig, NetnsOwner, Network, ProxyMode, Revision, SecondNetworks};
pub use service::{ServiceKey, ServiceRecord};
pub use store::{Applied, Cluster, HISTORY_MAX, Progress};
pub use typed::{Rollout, Stateful, Template, Typed, Workload, same};
pub use watch::is_system;
