//! What the `kubernetes` plugin has synced: Services, endpoints, Pods and namespaces, indexed as it looks them up.
//!
//! Models CoreDNS 1.12 plugin/kubernetes object/*.go and controller.go's indices.

use crate::tables::Origin;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// One port; no number: the object declares none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub port: Option<u16>,
    pub name: Arc<str>,
    /// `TCP`, as written.
    pub protocol: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    Cluster(Vec<IpAddr>),
    Headless,
    ExternalName(Arc<str>),
}

/// A Service or a ServiceImport.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub kind: ServiceKind,
    /// Never empty.
    pub ports: Vec<Port>,
    /// `externalIPs` and the load balancer's addresses and names.
    pub external: Vec<Arc<str>>,
    pub imported: bool,
    pub origin: Origin,
}

impl Service {
    pub fn is_headless(&self) -> bool {
        self.kind == ServiceKind::Headless
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}.{}", self.name, self.namespace)?;
        match &self.kind {
            ServiceKind::Cluster(ips) => ips.iter().try_for_each(|ip| write!(f, " {ip}")),
            ServiceKind::Headless => f.write_str(" headless"),
            ServiceKind::ExternalName(name) => write!(f, " alias of {name}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    pub ip: IpAddr,
    pub hostname: Option<Arc<str>>,
    pub pod: Option<Arc<str>>,
    /// In lower case.
    pub zone: Option<Arc<str>>,
    pub origin: Origin,
}

/// The ready addresses of one EndpointSlice.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoints {
    pub namespace: Arc<str>,
    /// The Service that the slice names.
    pub service: Arc<str>,
    /// Another cluster's, for a ServiceImport.
    pub cluster: Option<Arc<str>>,
    pub addresses: Vec<Address>,
    /// Never empty.
    pub ports: Vec<Port>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
    pub ip: IpAddr,
    pub origin: Origin,
}

type Key = (Arc<str>, Arc<str>);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterData {
    pub services: Vec<Service>,
    pub endpoints: Vec<Endpoints>,
    pub pods: Vec<Pod>,
    pub namespaces: BTreeSet<Arc<str>>,
    /// When it changed last, in seconds since 1970: the SOA's serial.
    pub modified: u32,
    services_of: BTreeMap<Key, Vec<u32>>,
    imports_of: BTreeMap<Key, Vec<u32>>,
    endpoints_of: BTreeMap<Key, Vec<u32>>,
    imported_of: BTreeMap<Key, Vec<u32>>,
    services_by_ip: BTreeMap<IpAddr, Vec<u32>>,
    services_by_external: BTreeMap<Arc<str>, Vec<u32>>,
    endpoints_by_ip: BTreeMap<IpAddr, Vec<u32>>,
    pods_by_ip: BTreeMap<IpAddr, Vec<u32>>,
}

/// Rows to be indexed.
#[derive(Clone, Debug, Default)]
pub struct ClusterDataBuilder {
    pub services: Vec<Service>,
    pub endpoints: Vec<Endpoints>,
    pub pods: Vec<Pod>,
    pub namespaces: BTreeSet<Arc<str>>,
    pub modified: u32,
}

impl ClusterDataBuilder {
    pub fn build(self) -> ClusterData {
        let ClusterDataBuilder { services, endpoints, pods, namespaces, modified } = self;
        let mut data = ClusterData { namespaces, modified, ..ClusterData::default() };
        for (row, service) in (0..).zip(&services) {
            let key = (service.namespace.clone(), service.name.clone());
            let of = if service.imported { &mut data.imports_of } else { &mut data.services_of };
            of.entry(key).or_default().push(row);
            if service.imported {
                continue;
            }
            if let ServiceKind::Cluster(ips) = &service.kind {
                ips.iter().for_each(|ip| data.services_by_ip.entry(*ip).or_default().push(row));
            }
            for external in &service.external {
                data.services_by_external.entry(external.clone()).or_default().push(row);
            }
        }
        for (row, slice) in (0..).zip(&endpoints) {
            let key = (slice.namespace.clone(), slice.service.clone());
            let of = if slice.cluster.is_some() { &mut data.imported_of } else { &mut data.endpoints_of };
            of.entry(key).or_default().push(row);
            for address in slice.addresses.iter().filter(|_| slice.cluster.is_none()) {
                let rows = data.endpoints_by_ip.entry(address.ip).or_default();
                if rows.last() != Some(&row) {
                    rows.push(row);
                }
            }
        }
        for (row, pod) in (0..).zip(&pods) {
            data.pods_by_ip.entry(pod.ip).or_default().push(row);
        }
        ClusterData { services, endpoints, pods, ..data }
    }
}

fn at<'r, T, K: Ord + ?Sized, B: Ord + std::borrow::Borrow<K>>(
    index: &BTreeMap<B, Vec<u32>>,
    key: &K,
    rows: &'r [T],
) -> Vec<(u32, &'r T)> {
    let found = index.get(key).into_iter().flatten();
    found.filter_map(|row| Some((*row, rows.get(*row as usize)?))).collect()
}

impl ClusterData {
    /// Services (or, in a multicluster zone, ServiceImports) of a name, in lower case as all names of the API are.
    pub fn services_named(&self, namespace: &str, name: &str, imported: bool) -> Vec<(u32, &Service)> {
        let index = if imported { &self.imports_of } else { &self.services_of };
        at(index, &(namespace.into(), name.into()), &self.services)
    }

    pub fn endpoints_of(&self, namespace: &str, service: &str, imported: bool) -> Vec<(u32, &Endpoints)> {
        let index = if imported { &self.imported_of } else { &self.endpoints_of };
        at(index, &(namespace.into(), service.into()), &self.endpoints)
    }

    pub fn services_with_ip(&self, ip: IpAddr) -> Vec<(u32, &Service)> {
        at(&self.services_by_ip, &ip, &self.services)
    }

    pub fn services_with_external(&self, external: &str) -> Vec<(u32, &Service)> {
        at(&self.services_by_external, external, &self.services)
    }

    pub fn endpoints_with_ip(&self, ip: IpAddr) -> Vec<(u32, &Endpoints)> {
        at(&self.endpoints_by_ip, &ip, &self.endpoints)
    }

    pub fn pods_with_ip(&self, ip: IpAddr) -> Vec<(u32, &Pod)> {
        at(&self.pods_by_ip, &ip, &self.pods)
    }
}
