//! Services and their endpoints as kube-proxy and CoreDNS see them.

use super::{PodKey, Revision};
use crate::manifest::typed::{EndpointSlice, Service};
use crate::net::Family;
use crate::tables::{Origin, Uid};
use std::net::IpAddr;
use std::sync::Arc;

/// A Service's namespace and name.
pub type ServiceKey = PodKey;

/// A Service with what the API server and the cloud have allocated for it.
#[derive(Clone, Debug)]
pub struct ServiceRecord {
    pub key: ServiceKey,
    pub uid: Uid,
    pub spec: Arc<Service>,
    /// In the order of `spec.clusterIPs`. Empty: headless, or ExternalName.
    pub cluster_ips: Vec<(IpAddr, Origin)>,
    /// `spec.ipFamilies`; a headless Service has them, too.
    pub families: Vec<Family>,
    /// One for each of `spec.ports`.
    pub node_ports: Vec<Option<(u16, Origin)>>,
    pub health_check_node_port: Option<(u16, Origin)>,
    /// `status.loadBalancer.ingress[].ip`
    pub ingress: Vec<(IpAddr, Origin)>,
    /// `service.kubernetes.io/service-proxy-name` names another proxy than kube-proxy.
    pub foreign_proxy: bool,
    /// The revision in which the Service or one of its slices changed last.
    pub version: u64,
}

impl Revision {
    /// A Service's EndpointSlices with their names, in name order. Also for a Service that does not exist.
    pub fn slices<'r>(&'r self, service: &ServiceKey) -> impl Iterator<Item = (Uid, &'r Arc<EndpointSlice>)> + 'r {
        let keys = self.slices_of.get(service).into_iter().flatten();
        keys.filter_map(|key| {
            let object = self.objects.get(key)?;
            match &object.typed {
                super::Typed::EndpointSlice(slice) => Some((object.uid, slice)),
                _ => None,
            }
        })
    }

    pub fn service(&self, namespace: &str, name: &str) -> Option<&Arc<ServiceRecord>> {
        self.services.get(&PodKey::new(namespace, name))
    }
}
