//! The object store: what the API server holds and how it answers, in numbered revisions.

pub mod identity;
mod kinds;
mod object;
mod record;
mod revision;
mod spec;

pub use kinds::Kind;
pub use object::{Body, Labels, Object, ObjectKey, Owner, PodKey, Provenance};
pub use record::{NodeRecord, PodPhase, PodRecord};
pub use revision::{Cni, FlannelBackend, FlannelConfig, NetnsOwner, Network, ProxyMode, Revision};
pub use spec::{Container, ContainerPort, PodSpec, Taint, Toleration};
