//! What cilium-agent writes into its programs' maps and into iptables. Models Cilium 1.18 pkg/datapath, pkg/endpoint,
//! pkg/identity, pkg/ipcache, pkg/policy and pkg/loadbalancer with the chart's defaults.
//!
//! Left out: CiliumNetworkPolicies, policies for the host, encryption, and what `cilium-config` asks for that is not
//! simulated (control/cilium_network.rs tells of it).

mod cidr;
mod identity;
mod ipcache;
mod iptables;
mod policy;
mod resolve;
mod services;

pub use identity::Identities;

use super::Shared;
use super::cni::cilium::{self, AGENT, CILIUM_HOST, CILIUM_NET, CILIUM_VXLAN};
use super::node::ETH0;
use super::rows::Writer;
use crate::cluster::{CiliumConfig, NodeRecord, PodRecord, Revision};
use crate::net::Family;
use crate::tables::ebpf::{
    Attachment, Ebpf, Endpoint, EndpointInfo, Identity, IpCache, LOOPBACK, LbMap, Program, TcHook,
};
use crate::tables::{LinkIndex, Origin};
use policy::Repository;
use resolve::Resolver;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What all nodes have in common, for the last revision that was asked for.
#[derive(Debug, Default)]
pub struct Cache {
    number: Option<u64>,
    common: Arc<Common>,
    /// Of the Services' last version.
    services: Option<(u64, Arc<LbMap>)>,
    resolver: Resolver,
}

/// Identities, policies and addresses of a cluster.
#[derive(Debug, Default)]
pub struct Common {
    pub identities: Identities,
    pub repository: Repository,
    pub ipcache: Arc<IpCache>,
    pub labels: Arc<BTreeMap<Identity, Arc<[Arc<str>]>>>,
}

impl Cache {
    fn common(&mut self, revision: &Revision) -> Arc<Common> {
        if self.number != Some(revision.number) {
            self.number = Some(revision.number);
            let identities = Identities::new(revision);
            let repository = Repository::new(revision, &self.common.repository);
            let ipcache = Arc::new(ipcache::shared(revision, &identities, &repository));
            let labels = Arc::new(identity::labels(&identities, &repository));
            self.common = Arc::new(Common { identities, repository, ipcache, labels });
            self.resolver = Resolver::default();
        }
        self.common.clone()
    }

    fn services(&mut self, revision: &Revision, node: &NodeRecord) -> Arc<LbMap> {
        match &self.services {
            Some((version, services)) if *version == revision.services_version => services.clone(),
            _ => {
                let services = Arc::new(services::shared(revision, node));
                self.services = Some((revision.services_version, services.clone()));
                services
            }
        }
    }
}

/// Adds Cilium's programs and maps to a node, and its rules to the node's netfilter.
pub(super) fn program(
    revision: &Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
    shared: &mut Shared,
    writer: &mut Writer,
) {
    let Some(config) = revision.network.cni.cilium() else { return };
    let (Some(IpAddr::V4(router_ip)), Some(node_ip)) = (node.tunnel_ip(Family::V4), node.ip_of(Family::V4)) else {
        return;
    };
    iptables::add(node, router_ip, config, &mut writer.netns.netfilter);
    let cache = &mut shared.cilium;
    let (common, services) = (cache.common(revision), cache.services(revision, node));
    let mut endpoints = endpoints(revision, pods, &common, config, &mut cache.resolver);
    let own_ips = writer.netns.addresses.iter().filter(|address| address.link == ETH0 || address.link == CILIUM_HOST);
    for address in own_ips {
        if let IpAddr::V4(ip) = address.net.addr() {
            endpoints.insert(ip, Endpoint { pod: None, origin: address.origin.clone() });
        }
    }
    let links = endpoints.values().filter_map(|row| Some((row.pod.as_ref()?.link, row.origin.clone())));
    writer.netns.ebpf = Some(Arc::new(Ebpf {
        attachments: attachments(links.collect()),
        own_ipcache: ipcache::own(endpoints.iter().filter(|(_, row)| row.pod.is_none())),
        endpoints,
        ipcache: common.ipcache.clone(),
        services,
        own_services: services::own(revision, node),
        labels: common.labels.clone(),
        node_ip,
        router_ip,
        loopback: LOOPBACK,
        host: CILIUM_HOST,
        peer: CILIUM_NET,
        overlay: CILIUM_VXLAN,
        tunnel_port: config.tunnel_port.0,
        sctp_enabled: config.sctp_enabled,
    }));
}

/// By device and hook.
fn attachments(mut links: Vec<(LinkIndex, Origin)>) -> Vec<Attachment> {
    let at = |link, hook, program| Attachment { link, hook, program, origin: AGENT };
    let mut all = vec![
        at(CILIUM_NET, TcHook::Ingress, Program::ToHost),
        at(CILIUM_HOST, TcHook::Ingress, Program::ToHost),
        at(CILIUM_HOST, TcHook::Egress, Program::FromHost),
        at(CILIUM_VXLAN, TcHook::Ingress, Program::FromOverlay),
        at(CILIUM_VXLAN, TcHook::Egress, Program::ToOverlay),
    ];
    links.sort_by_key(|(link, _)| *link);
    let of_pod = |(link, origin)| Attachment { link, hook: TcHook::Ingress, program: Program::FromContainer, origin };
    all.extend(links.into_iter().map(of_pod));
    all
}

/// The node's Pods with their policies. Numbers of endpoints are drawn; one that is taken makes way for the next.
fn endpoints(
    revision: &Revision,
    pods: &[&PodRecord],
    common: &Common,
    config: &CiliumConfig,
    resolver: &mut Resolver,
) -> BTreeMap<Ipv4Addr, Endpoint> {
    let (mut endpoints, mut taken) = (BTreeMap::new(), std::collections::BTreeSet::new());
    for pod in pods.iter().filter(|pod| !pod.host_network && pod.netns.is_some()) {
        let Some((IpAddr::V4(ip), _)) = pod.addresses().find(|(ip, _)| ip.is_ipv4()) else { continue };
        let row = common.identities.of(pod);
        let bits = crate::cluster::identity::bits(pod.uid.0 as u64, &["endpoint"]);
        let mut id = (bits % 4_095 + 1) as u16;
        while !taken.insert(id) {
            id = id % 4_095 + 1;
        }
        let info = EndpointInfo {
            id,
            link: cilium::veth_index(pod),
            mac: cilium::veth_mac(revision, pod, "eth0"),
            node_mac: cilium::veth_mac(revision, pod, "lxc"),
            identity: row.map_or(Identity(5), |row| row.identity),
            name: pod.key.to_string().into(),
            policy: resolver.policy(common, config.enforcement, pod, row),
        };
        endpoints.insert(*ip, Endpoint { pod: Some(info), origin: Origin::object(pod.uid, "metadata.name") });
    }
    endpoints
}

#[cfg(test)]
mod tests;
