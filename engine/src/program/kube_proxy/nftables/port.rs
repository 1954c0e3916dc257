//! What one Service port adds to the table.

use super::super::ports::{Backend, ServicePort, Usable};
use super::super::{Proxy, names};
use super::{
    FIREWALL_IPS, MARK, NO_ENDPOINT_NODE_PORTS, NO_ENDPOINT_SERVICES, REJECT, SERVICE_IPS, SERVICE_NODE_PORTS, address,
    component, goto, host, jump,
};
use crate::tables::nft::{NftAddress, NftChain, NftElement, NftKey, NftPart, NftRule, NftSet, NftValue, NftVerdict};
use crate::tables::{ChainBlock, Layered, Origin};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What one Service port adds to the table.
#[derive(Debug)]
pub struct PortParts {
    pub chains: Arc<ChainBlock<NftChain>>,
    /// By map.
    pub elements: Vec<(&'static str, NftKey, NftElement)>,
    pub affinity: Vec<NftSet>,
    pub cluster_ip: (IpAddr, Origin),
}

/// Writes the elements, chains and rules of one Service port.
pub struct PortWriter<'p> {
    proxy: &'p Proxy<'p>,
    port: &'p ServicePort<'p>,
    usable: &'p Usable,
    chains: Vec<NftChain>,
    index: BTreeMap<Arc<str>, usize>,
    elements: Vec<(&'static str, NftKey, NftElement)>,
    affinity: Vec<NftSet>,
    /// `HASH-ns/svc/tcp/port`
    base: Arc<str>,
    internal: bool,
    external: bool,
}

impl<'p> PortWriter<'p> {
    pub fn new(proxy: &'p Proxy<'p>, port: &'p ServicePort<'p>, usable: &'p Usable) -> PortWriter<'p> {
        let local = !usable.local.is_empty();
        PortWriter {
            proxy,
            port,
            usable,
            chains: Vec::new(),
            index: BTreeMap::new(),
            elements: Vec::new(),
            affinity: Vec::new(),
            base: names::hashed(&plain_name(port)),
            internal: usable.any && (!port.internal_local || local),
            external: usable.any && (!port.external_local || local),
        }
    }

    fn add(&mut self, chain: &str, parts: Vec<NftPart>, comment: Option<&str>, origin: Origin) {
        let at = match self.index.get(chain) {
            Some(at) => *at,
            None => {
                let chain = NftChain::new(chain);
                self.index.insert(chain.name.clone(), self.chains.len());
                self.chains.push(chain);
                self.chains.len() - 1
            }
        };
        self.chains[at].rules.push(NftRule { parts, comment: comment.map(Arc::from), origin });
    }

    fn chain(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.base)
    }

    /// `endpoint-HASH-ns/svc/tcp/port__10.180.0.1/80`
    fn endpoint_name(&self, prefix: &str, backend: &Backend) -> Arc<str> {
        let ip = backend.address.ip().to_string().replace(':', ".");
        let plain = format!("{}__{ip}/{}", plain_name(self.port), backend.address.port());
        format!("{prefix}{}", names::hashed(&plain)).into()
    }

    fn put(&mut self, map: &'static str, ip: Option<IpAddr>, number: u16, verdict: NftVerdict, origin: Origin) {
        let commented = map == NO_ENDPOINT_SERVICES || map == NO_ENDPOINT_NODE_PORTS;
        let comment = commented.then(|| self.port.name.clone());
        let protocol = self.port.protocol;
        self.elements.push((map, (ip, protocol, number), NftElement { verdict, comment, origin }));
    }

    pub fn write(mut self) -> PortParts {
        let port = self.port;
        self.put_elements();
        if self.internal {
            let chain = self.chain(if port.internal_local { "local-" } else { "service-" });
            let daddr = address(NftAddress::Daddr, false, host(port.cluster_ip));
            if self.proxy.config.masquerade_all {
                let origin = component("nftables.masqueradeAll");
                self.add(&chain, vec![daddr, jump(MARK)], None, origin);
            } else if let Some(strangers) = self.proxy.pods_part(true) {
                let origin = component("who is not in clusterCIDR is masqueraded");
                self.add(&chain, vec![daddr, strangers, jump(MARK)], None, origin);
            }
        }
        if self.usable.any && port.externally_accessible() {
            self.external_chain();
        }
        if !port.balancer_ips.is_empty() && !port.source_ranges.is_empty() {
            self.firewall_chain();
        }
        if port.affinity.is_some() {
            for backend in &self.usable.all {
                let (name, timeout) = (self.endpoint_name("affinity-", backend), port.affinity);
                self.affinity.push(NftSet { name, comment: None, timeout, elements: Layered::default() });
            }
        }
        if !self.usable.cluster.is_empty() && port.uses_cluster() {
            self.balance("service-", &self.usable.cluster);
        }
        if !self.usable.local.is_empty() && port.uses_local() {
            self.balance("local-", &self.usable.local);
        }
        for backend in &self.usable.all {
            self.endpoint(backend);
        }
        PortParts {
            chains: Arc::new(ChainBlock::new(self.chains.into_iter().map(Arc::new).collect())),
            elements: self.elements,
            affinity: self.affinity,
            cluster_ip: (port.cluster_ip, port.origin("clusterIP")),
        }
    }

    fn refusal(&self) -> NftVerdict {
        if self.usable.any { NftVerdict::Drop } else { NftVerdict::Goto(REJECT.into()) }
    }

    fn put_elements(&mut self) {
        let port = self.port;
        let internal = self.chain(if port.internal_local { "local-" } else { "service-" });
        let external = self.chain("external-");
        let goto = |chain: &str| NftVerdict::Goto(chain.into());
        let origin = port.origin("clusterIP");
        if self.internal {
            self.put(SERVICE_IPS, Some(port.cluster_ip), port.port, goto(&internal), origin);
        } else {
            let refusal = self.refusal();
            self.put(NO_ENDPOINT_SERVICES, Some(port.cluster_ip), port.port, refusal, origin);
        }
        let firewall = self.chain("firewall-");
        let ips = port.external_ips.iter().map(|ip| (*ip, port.origin("externalIPs"), false));
        let ingress = || Origin::Object { uid: port.service.uid, path: "status.loadBalancer.ingress".into() };
        let ips = ips.chain(port.balancer_ips.iter().map(|ip| (*ip, ingress(), true)));
        for (ip, origin, balancer) in ips {
            if self.usable.any {
                self.put(SERVICE_IPS, Some(ip), port.port, goto(&external), origin.clone());
            }
            if balancer && !port.source_ranges.is_empty() {
                let why = port.origin("loadBalancerSourceRanges");
                self.put(FIREWALL_IPS, Some(ip), port.port, goto(&firewall), why);
            }
            if !self.external {
                let refusal = self.refusal();
                self.put(NO_ENDPOINT_SERVICES, Some(ip), port.port, refusal, origin);
            }
        }
        if let Some(number) = port.node_port {
            let origin = port.origin(".nodePort");
            if self.usable.any {
                self.put(SERVICE_NODE_PORTS, None, number, goto(&external), origin.clone());
            }
            if !self.external {
                let refusal = self.refusal();
                self.put(NO_ENDPOINT_NODE_PORTS, None, number, refusal, origin);
            }
        }
    }

    fn external_chain(&mut self) {
        let port = self.port;
        let (chain, cluster) = (self.chain("external-"), self.chain("service-"));
        let policy = || port.origin("externalTrafficPolicy");
        let from_here = || NftPart::FibLocal(NftAddress::Saddr);
        let pods = self.proxy.pods_part(false);
        if !port.external_local {
            self.add(&chain, vec![jump(MARK)], None, policy());
        } else {
            if let Some(pods) = pods {
                self.add(&chain, vec![pods, goto(&cluster)], Some("short-circuit pod traffic"), policy());
            }
            self.add(&chain, vec![from_here(), jump(MARK)], Some("masquerade local traffic"), policy());
            self.add(&chain, vec![from_here(), goto(&cluster)], Some("short-circuit local traffic"), policy());
        }
        if self.external {
            let to = self.chain(if port.external_local { "local-" } else { "service-" });
            self.add(&chain, vec![goto(&to)], None, policy());
        }
    }

    fn firewall_chain(&mut self) {
        let port = self.port;
        let mut allowed = port.source_ranges.clone();
        let own = self.proxy.node_ip();
        if own.is_some_and(|ip| allowed.iter().any(|range| range.contains(&ip))) {
            allowed.extend(port.balancer_ips.iter().map(|ip| IpNet::from(*ip)));
        }
        let others = address(NftAddress::Saddr, true, NftValue::Nets(allowed));
        let drop = NftPart::Verdict(NftVerdict::Drop);
        let chain = self.chain("firewall-");
        self.add(&chain, vec![others, drop], None, port.origin("loadBalancerSourceRanges"));
    }

    fn balance(&mut self, prefix: &str, backends: &[Backend]) {
        let chain = self.chain(prefix);
        if self.port.affinity.is_some() {
            for backend in backends {
                let set = self.endpoint_name("affinity-", backend);
                let known = address(NftAddress::Saddr, false, NftValue::Set(set));
                let endpoint = self.endpoint_name("endpoint-", backend);
                let origin = self.port.origin("sessionAffinity");
                self.add(&chain, vec![known, goto(&endpoint)], None, origin);
            }
        }
        let endpoints = backends.iter().map(|backend| self.endpoint_name("endpoint-", backend)).collect();
        let origin = self.port.origin(if self.port.service.spec.selector.is_empty() { "" } else { "selector" });
        self.add(&chain, vec![NftPart::Numgen(endpoints)], None, origin);
    }

    fn endpoint(&mut self, backend: &Backend) {
        let chain = self.endpoint_name("endpoint-", backend);
        let itself = address(NftAddress::Saddr, false, host(backend.address.ip()));
        self.add(&chain, vec![itself, jump(MARK)], None, backend.origin.clone());
        if self.port.affinity.is_some() {
            let set = self.endpoint_name("affinity-", backend);
            self.add(&chain, vec![NftPart::Update(set)], None, self.port.origin("sessionAffinity"));
        }
        let parts = vec![NftPart::L4Proto(self.port.protocol), NftPart::Dnat(backend.address)];
        self.add(&chain, parts, None, backend.origin.clone());
    }
}

/// `ns/svc/tcp/port`
fn plain_name(port: &ServicePort<'_>) -> String {
    let name = port.service.spec.ports[port.index].name.as_deref().unwrap_or("");
    format!("{}/{}/{name}", port.service.key, port.protocol.name().to_ascii_lowercase())
}
