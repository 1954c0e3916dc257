//! What the cluster reads of a Pod's `spec`.

use super::Labels;
use crate::net::Protocol;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub struct PodSpec {
    pub containers: Vec<Container>,
    pub node_name: Option<Arc<str>>,
    pub node_selector: Labels,
    pub tolerations: Vec<Toleration>,
    pub host_network: bool,
    pub hostname: Option<Arc<str>>,
    pub subdomain: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub name: Arc<str>,
    pub image: Arc<str>,
    pub command: Vec<Arc<str>>,
    pub args: Vec<Arc<str>>,
    pub env: Vec<(Arc<str>, Arc<str>)>,
    pub ports: Vec<ContainerPort>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ContainerPort {
    pub name: Option<Arc<str>>,
    pub container_port: u16,
    pub host_port: Option<u16>,
    pub protocol: Protocol,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Toleration {
    pub key: Option<Arc<str>>,
    pub operator: Option<Arc<str>>,
    pub value: Option<Arc<str>>,
    pub effect: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Taint {
    pub key: Arc<str>,
    pub value: Arc<str>,
    pub effect: Arc<str>,
}
