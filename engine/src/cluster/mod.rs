//! The object store: what the API server holds and how it answers, in numbered revisions.

pub mod identity;
mod kinds;
mod labels;
mod object;
mod record;
mod revision;
mod typed;

pub use crate::manifest::typed::{Container, ContainerPort, PodSpec, Taint, Toleration};
pub use kinds::Kind;
pub use labels::{FieldSelector, parse_selector};
pub use object::{Body, Labels, Object, ObjectKey, Owner, PodKey, Provenance};
pub use record::{NodeRecord, PodPhase, PodRecord};
pub use revision::{Cni, FlannelBackend, FlannelConfig, NetnsOwner, Network, ProxyMode, Revision};
pub use typed::{Template, Typed, Workload, same};
