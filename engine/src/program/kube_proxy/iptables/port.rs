//! The rules of one Service port.

use super::super::ports::{Backend, ServicePort, Usable};
use super::super::{Proxy, names, one_in};
use super::{
    EXTERNAL, MARK_MASQ, NODE_PORTS, PROXY_FIREWALL, SERVICES, comment, component, destination, host, jump,
    local_destination, local_source, protocol, source, to_port,
};
use crate::net::Protocol;
use crate::tables::netfilter::{Chain, Match, NatRange, RecentMode, RejectWith, Rule, TableName, Target};
use crate::tables::{ChainBlock, Origin};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The rules of one Service port.
#[derive(Debug)]
pub struct PortRules {
    /// Those in chains that all Services share.
    pub shared: Vec<(TableName, &'static str, Arc<Rule>)>,
    /// Its own chains in `nat`.
    pub chains: Arc<ChainBlock<Chain>>,
}

/// Writes the rules of one Service port.
pub struct PortWriter<'p> {
    proxy: &'p Proxy<'p>,
    comments: bool,
    shared: Vec<(TableName, &'static str, Arc<Rule>)>,
    chains: Vec<Arc<Chain>>,
    /// The chain that is being written, until another one is begun.
    chain: Option<Chain>,
    port: &'p ServicePort<'p>,
    usable: &'p Usable,
    svc: Arc<str>,
    svl: Arc<str>,
    ext: Arc<str>,
    fw: Arc<str>,
    internal: bool,
    external: bool,
    firewalled: bool,
}

impl<'p> PortWriter<'p> {
    pub fn new(proxy: &'p Proxy<'p>, port: &'p ServicePort<'p>, usable: &'p Usable, comments: bool) -> PortWriter<'p> {
        let lower = port.protocol.name().to_ascii_lowercase();
        let name = |prefix: &str| names::chain(prefix, &[&port.name, &lower]);
        let local = !usable.local.is_empty();
        PortWriter {
            proxy,
            comments,
            shared: Vec::new(),
            chains: Vec::new(),
            chain: None,
            port,
            usable,
            svc: name("KUBE-SVC-"),
            svl: name("KUBE-SVL-"),
            ext: name("KUBE-EXT-"),
            fw: name("KUBE-FW-"),
            internal: usable.any && (!port.internal_local || local),
            external: usable.any && (!port.external_local || local),
            firewalled: usable.any && !port.balancer_ips.is_empty() && !port.source_ranges.is_empty(),
        }
    }

    /// A rule of a chain in `nat` that all Services share.
    fn dispatch(&mut self, chain: &'static str, matches: Vec<Match>, target: Option<Target>, origin: Origin) {
        self.shared.push((TableName::Nat, chain, Arc::new(Rule { matches, target, origin })));
    }

    /// A rule of one of the port's own chains, each of which is written in one go.
    fn nat(&mut self, chain: &Arc<str>, matches: Vec<Match>, target: Option<Target>, origin: Origin) {
        if self.chain.as_ref().is_none_or(|open| open.name != *chain) {
            self.end_chain();
            // One that was begun before goes on.
            let known = self.chains.iter().position(|known| known.name == *chain);
            let begun = known.map(|at| Arc::unwrap_or_clone(self.chains.remove(at)));
            self.chain = Some(begun.unwrap_or_else(|| Chain::user(chain.clone())));
        }
        if let Some(open) = &mut self.chain {
            open.rules.push(Arc::new(Rule { matches, target, origin }));
        }
    }

    fn end_chain(&mut self) {
        self.chains.extend(self.chain.take().map(Arc::new));
    }

    fn filter(&mut self, chain: &'static str, matches: Vec<Match>, target: Target, origin: Origin) {
        self.shared.push((TableName::Filter, chain, Arc::new(Rule { matches, target: Some(target), origin })));
    }

    /// `-m tcp -p tcp -d IP --dport PORT` after a comment.
    fn to(&self, note: String, ip: IpAddr, port: u16) -> Vec<Match> {
        let [load, is] = protocol(self.port.protocol);
        vec![comment(note), load, is, destination(host(ip)), to_port(port)]
    }

    pub fn write(mut self) -> PortRules {
        self.cluster_ip();
        self.external_ips();
        self.balancer_ips();
        self.node_port();
        self.health_check();
        let port = self.port;
        if self.internal {
            let chain = if port.internal_local { self.svl.clone() } else { self.svc.clone() };
            let mut matches = self.to(format!("{} cluster IP", port.name), port.cluster_ip, port.port);
            if self.proxy.config.masquerade_all {
                self.nat(&chain, matches, jump(MARK_MASQ), component("iptables.masqueradeAll"));
            } else if let Some(not_local) = self.proxy.pods(true) {
                matches.push(not_local);
                let origin = component("who is not in clusterCIDR is masqueraded");
                self.nat(&chain, matches, jump(MARK_MASQ), origin);
            }
        }
        if self.usable.any && port.externally_accessible() {
            self.external_chain();
        }
        if self.firewalled {
            self.firewall_chain();
        }
        if !self.usable.cluster.is_empty() && port.uses_cluster() {
            self.balance(self.svc.clone(), &self.usable.cluster);
        }
        if !self.usable.local.is_empty() && port.uses_local() {
            self.balance(self.svl.clone(), &self.usable.local);
        }
        for backend in &self.usable.all {
            self.endpoint(backend);
        }
        self.end_chain();
        PortRules { shared: self.shared, chains: Arc::new(ChainBlock::new(self.chains)) }
    }

    /// What becomes of packets that no endpoint is there for, and what the rule says about it.
    fn refusal(&self) -> (String, Target) {
        if self.usable.any {
            (format!("{} has no local endpoints", self.port.name), Target::Drop)
        } else {
            (format!("{} has no endpoints", self.port.name), Target::Reject(RejectWith::PortUnreachable))
        }
    }

    fn cluster_ip(&mut self) {
        let port = self.port;
        let origin = port.origin("clusterIP");
        if self.internal {
            let chain = if port.internal_local { self.svl.clone() } else { self.svc.clone() };
            let matches = self.to(format!("{} cluster IP", port.name), port.cluster_ip, port.port);
            self.dispatch(SERVICES, matches, jump(&chain), origin);
        } else {
            let (note, target) = self.refusal();
            let matches = self.to(note, port.cluster_ip, port.port);
            self.filter(SERVICES, matches, target, origin);
        }
    }

    fn external_ips(&mut self) {
        let port = self.port;
        for ip in &port.external_ips {
            let origin = port.origin("externalIPs");
            if self.usable.any {
                let matches = self.to(format!("{} external IP", port.name), *ip, port.port);
                let chain = self.ext.clone();
                self.dispatch(SERVICES, matches, jump(&chain), origin.clone());
            }
            if !self.external {
                let (note, target) = self.refusal();
                let matches = self.to(note, *ip, port.port);
                self.filter(EXTERNAL, matches, target, origin);
            }
        }
    }

    fn balancer_ips(&mut self) {
        let port = self.port;
        for ip in &port.balancer_ips {
            let origin = Origin::Object { uid: port.service.uid, path: "status.loadBalancer.ingress".into() };
            if self.usable.any {
                let matches = self.to(format!("{} loadbalancer IP", port.name), *ip, port.port);
                let chain = if self.firewalled { self.fw.clone() } else { self.ext.clone() };
                self.dispatch(SERVICES, matches, jump(&chain), origin.clone());
            }
            if self.firewalled {
                let note = format!("{} traffic not accepted by {}", port.name, self.fw);
                let matches = self.to(note, *ip, port.port);
                self.filter(PROXY_FIREWALL, matches, Target::Drop, port.origin("loadBalancerSourceRanges"));
            }
        }
        if !self.external {
            for ip in &port.balancer_ips {
                let (note, target) = self.refusal();
                let matches = self.to(note, *ip, port.port);
                self.filter(EXTERNAL, matches, target, port.origin("externalTrafficPolicy"));
            }
        }
    }

    fn node_port(&mut self) {
        let port = self.port;
        let Some(number) = port.node_port else { return };
        let [load, is] = protocol(port.protocol);
        let origin = port.origin(".nodePort");
        let chain = self.ext.clone();
        if self.usable.any {
            if self.proxy.localhost_node_ports() {
                let loopback = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8);
                let matches = vec![
                    comment(port.name.clone()),
                    load.clone(),
                    is.clone(),
                    destination(loopback),
                    to_port(number),
                    Match::Nfacct("localhost_nps_accepted_pkts".into()),
                ];
                self.dispatch(NODE_PORTS, matches, jump(&chain), origin.clone());
            }
            let matches = vec![comment(port.name.clone()), load.clone(), is.clone(), to_port(number)];
            self.dispatch(NODE_PORTS, matches, jump(&chain), origin.clone());
        }
        if !self.external {
            let (note, target) = self.refusal();
            let matches = vec![comment(note), local_destination(), load, is, to_port(number)];
            self.filter(EXTERNAL, matches, target, origin);
        }
    }

    fn health_check(&mut self) {
        let Some(number) = self.port.health_check_node_port else { return };
        let [load, is] = protocol(Protocol::Tcp);
        let note = comment(format!("{} health check node port", self.port.name));
        let origin = self.port.origin("healthCheckNodePort");
        self.filter(NODE_PORTS, vec![note, load, is, to_port(number)], Target::Accept, origin);
    }

    fn external_chain(&mut self) {
        let port = self.port;
        let (chain, svc) = (self.ext.clone(), self.svc.clone());
        let policy = || port.origin("externalTrafficPolicy");
        let about = |what: &str, rest: &str| comment(format!("{what} {} {rest}", port.name));
        if !port.external_local {
            let note = about("masquerade traffic for", "external destinations");
            self.nat(&chain, vec![note], jump(MARK_MASQ), policy());
        } else {
            if let Some(local) = self.proxy.pods(false) {
                let note = about("pod traffic for", "external destinations");
                self.nat(&chain, vec![note, local], jump(&svc), policy());
            }
            let note = about("masquerade LOCAL traffic for", "external destinations");
            self.nat(&chain, vec![note, local_source()], jump(MARK_MASQ), policy());
            let note = about("route LOCAL traffic for", "external destinations");
            self.nat(&chain, vec![note, local_source()], jump(&svc), policy());
        }
        if self.external {
            let to = if port.external_local { self.svl.clone() } else { svc };
            self.nat(&chain, vec![], jump(&to), policy());
        }
    }

    fn firewall_chain(&mut self) {
        let port = self.port;
        let (chain, ext) = (self.fw.clone(), self.ext.clone());
        let note = || comment(format!("{} loadbalancer IP", port.name));
        let origin = || port.origin("loadBalancerSourceRanges");
        for range in &port.source_ranges {
            self.nat(&chain, vec![note(), source(*range)], jump(&ext), origin());
        }
        // A node's own requests to the load balancer come back to it with the balancer's address as their source.
        let own = self.proxy.node_ip();
        if own.is_some_and(|ip| port.source_ranges.iter().any(|range| range.contains(&ip))) {
            for ip in &port.balancer_ips {
                self.nat(&chain, vec![note(), source(host(*ip))], jump(&ext), origin());
            }
        }
        let rest = format!("other traffic to {} will be dropped by {PROXY_FIREWALL}", port.name);
        self.nat(&chain, vec![comment(rest)], None, origin());
    }

    fn sep(&self, backend: &Backend) -> Arc<str> {
        let lower = self.port.protocol.name().to_ascii_lowercase();
        names::chain("KUBE-SEP-", &[&self.port.name, &lower, &backend.text])
    }

    fn note(&self, text: impl Into<Arc<str>>) -> Vec<Match> {
        if self.comments { vec![comment(text)] } else { Vec::new() }
    }

    fn balance(&mut self, chain: Arc<str>, backends: &[Backend]) {
        let note = |own: &Self, backend: &Backend| own.note(format!("{} -> {}", own.port.name, backend.text));
        if let Some(seconds) = self.port.affinity {
            for backend in backends {
                let sep = self.sep(backend);
                let mut matches = note(self, backend);
                matches.push(Match::Recent { name: sep.clone(), mode: RecentMode::Check { seconds } });
                self.nat(&chain, matches, jump(&sep), self.port.origin("sessionAffinity"));
            }
        }
        for (at, backend) in backends.iter().enumerate() {
            let mut matches = note(self, backend);
            let left = backends.len() - at;
            if left > 1 {
                matches.push(Match::Probability(one_in(left)));
            }
            let sep = self.sep(backend);
            self.nat(&chain, matches, jump(&sep), backend.origin.clone());
        }
    }

    fn endpoint(&mut self, backend: &Backend) {
        let port = self.port;
        let sep = self.sep(backend);
        let mut matches = self.note(port.name.clone());
        let mut hairpin = matches.clone();
        hairpin.push(source(host(backend.address.ip())));
        self.nat(&sep, hairpin, jump(MARK_MASQ), backend.origin.clone());
        if port.affinity.is_some() {
            matches.push(Match::Recent { name: sep.clone(), mode: RecentMode::Set });
        }
        matches.extend(protocol(port.protocol));
        let (ip, number) = (backend.address.ip(), backend.address.port());
        let target = Target::Dnat(NatRange { ip, port: Some(number), random_fully: false });
        self.nat(&sep, matches, Some(target), backend.origin.clone());
    }
}
