//! What was written for each Service port, as long as nothing of it changes: nodes have most of it in common, and an edit
//! of one Service writes that one anew.

use super::Proxy;
use super::ports::{ServicePort, Usable, service_ports};
use crate::cluster::ServiceKey;
use crate::manifest::typed::KubeProxyConfiguration;
use crate::net::Family;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::iter::Peekable;
use std::sync::Arc;

/// Beyond this many endpoints iptables' rules go without comments.
const LARGE_CLUSTER: usize = 1_000;
/// Most families and revisions of which the common part is kept: a stale kube-proxy has an older one.
const COMMON_MAX: usize = 4;

/// One way of programming.
pub trait Mode {
    /// What is written for one Service port.
    type Rules: Debug;
    /// What all nodes have in common.
    type Base: Debug;

    fn write(proxy: &Proxy<'_>, port: &ServicePort<'_>, usable: &Usable, comments: bool) -> Self::Rules;

    /// Of all ports, by name.
    fn base(proxy: &Proxy<'_>, slots: &[Slot<Self::Rules>]) -> Self::Base;
}

/// A Service port.
#[derive(Debug)]
pub struct Slot<R> {
    service: ServiceKey,
    index: usize,
    name: Arc<str>,
    /// What is written on every node; None: each writes its own.
    pub common: Option<Arc<R>>,
}

impl<R> Clone for Slot<R> {
    fn clone(&self) -> Slot<R> {
        let Slot { service, index, name, common } = self;
        Slot { service: service.clone(), index: *index, name: name.clone(), common: common.clone() }
    }
}

/// What all nodes of one revision have in common.
#[derive(Debug)]
pub struct Common<M: Mode> {
    /// By name.
    pub slots: Vec<Slot<M::Rules>>,
    pub base: M::Base,
    comments: bool,
}

type Configured = (Arc<KubeProxyConfiguration>, bool);
/// A family and the version of all Services.
type CommonKey = (Family, u64);
/// Family, Service, port and node.
type OwnKey = (Family, ServiceKey, usize, u32);
/// The version of what it was made from, and whether it has comments.
type OwnVersion = (u64, bool);

#[derive(Debug)]
pub struct Cache<M: Mode> {
    configured: Option<Configured>,
    /// The Services of each family in the order of their keys, as they were when they were last looked at.
    known: BTreeMap<Family, Vec<Known<M::Rules>>>,
    /// Newest last.
    common: Vec<(CommonKey, Arc<Common<M>>)>,
    /// What nodes have of their own.
    own: BTreeMap<OwnKey, (OwnVersion, Arc<M::Rules>)>,
}

#[derive(Debug)]
struct Known<R> {
    service: ServiceKey,
    version: u64,
    comments: bool,
    ports: Vec<KnownPort<R>>,
}

#[derive(Debug)]
struct KnownPort<R> {
    slot: Slot<R>,
    endpoints_count: usize,
    /// None until it is written.
    depends_on_node: Option<bool>,
}

impl<M: Mode> Default for Cache<M> {
    fn default() -> Cache<M> {
        Cache { configured: None, known: BTreeMap::new(), common: Vec::new(), own: BTreeMap::new() }
    }
}

impl<M: Mode> Cache<M> {
    /// What this kube-proxy has in common with those of other nodes.
    pub fn common(&mut self, proxy: &Proxy<'_>) -> Arc<Common<M>> {
        let configured = Some((proxy.config.clone(), proxy.random_fully));
        if self.configured != configured {
            *self = Cache { configured, ..Cache::default() };
        }
        let key = (proxy.family, proxy.revision.services_version);
        if let Some((_, common)) = self.common.iter().find(|(own, _)| *own == key) {
            return common.clone();
        }
        let common = Arc::new(self.write(proxy));
        if self.common.len() >= COMMON_MAX {
            self.common.remove(0);
        }
        self.common.push((key, common.clone()));
        common
    }

    /// What this node writes for a port of which each node has its own.
    pub fn own(&mut self, proxy: &Proxy<'_>, common: &Common<M>, slot: &Slot<M::Rules>) -> Option<Arc<M::Rules>> {
        let service = proxy.revision.services.get(&slot.service)?;
        let key = (proxy.family, slot.service.clone(), slot.index, proxy.node.index);
        // It depends on the node, too: its subnet, its zone.
        let version = (service.version.max(proxy.revision.nodes_version), common.comments);
        if let Some((_, rules)) = self.own.get(&key).filter(|(known, _)| *known == version) {
            return Some(rules.clone());
        }
        let port = service_ports(service, proxy.family).nth(slot.index)?;
        let rules = Arc::new(M::write(proxy, &port, &port.usable(proxy), common.comments));
        // What is of no use any more goes once there is much of it.
        if self.own.len() > 4 * common.slots.len() + 4_096 {
            self.own.clear();
        }
        self.own.insert(key, (version, rules.clone()));
        Some(rules)
    }

    fn write(&mut self, proxy: &Proxy<'_>) -> Common<M> {
        let mut old = self.known.remove(&proxy.family).unwrap_or_default().into_iter().peekable();
        let services = proxy.revision.services.values();
        let mut known: Vec<Known<M::Rules>> = services.map(|service| look(proxy, service, &mut old)).collect();
        let endpoints_count: usize = known.iter().flat_map(|known| &known.ports).map(|port| port.endpoints_count).sum();
        let comments = endpoints_count <= LARGE_CLUSTER;
        for known in &mut known {
            let complete = known.ports.iter().all(|port| port.depends_on_node.is_some());
            if complete && known.comments == comments {
                continue;
            }
            known.comments = comments;
            let Some(service) = proxy.revision.services.get(&known.service) else { continue };
            for (port, known) in service_ports(service, proxy.family).zip(&mut known.ports) {
                let own = port.depends_on_node(proxy);
                known.depends_on_node = Some(own);
                let write = || Arc::new(M::write(proxy, &port, &port.usable(proxy), comments));
                known.slot.common = (!own).then(write);
            }
        }
        let mut slots: Vec<Slot<M::Rules>> =
            known.iter().flat_map(|known| &known.ports).map(|port| port.slot.clone()).collect();
        slots.sort_by(|a, b| a.name.cmp(&b.name));
        self.known.insert(proxy.family, known);
        Common { base: M::base(proxy, &slots), slots, comments }
    }
}

/// What is known of a Service, if it has not changed since; otherwise what is still to be written.
fn look<R>(
    proxy: &Proxy<'_>,
    service: &crate::cluster::ServiceRecord,
    old: &mut Peekable<impl Iterator<Item = Known<R>>>,
) -> Known<R> {
    while let Some(known) = old.next_if(|known| known.service <= service.key) {
        if known.service == service.key && known.version == service.version {
            return known;
        }
    }
    let port = |port: ServicePort<'_>| KnownPort {
        endpoints_count: port.endpoints_count(proxy),
        slot: Slot { service: service.key.clone(), index: port.index, name: port.name, common: None },
        depends_on_node: None,
    };
    let ports = service_ports(service, proxy.family).map(port).collect();
    Known { service: service.key.clone(), version: service.version, comments: false, ports }
}
