//! kube-proxy in iptables mode: the same chains, rules and order as pkg/proxy/iptables/proxier.go syncProxyRules.

use super::ports::{Backend, ServicePort, Usable, service_ports};
use super::{Proxy, names, one_in};
use crate::cluster::ServiceKey;
use crate::manifest::typed::{DetectLocal, KubeProxyConfiguration};
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::{
    AddrType, Chain, CtState, Match, NatRange, RecentMode, RejectWith, Rule, Ruleset, TableName, Target,
};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const SERVICES: &str = "KUBE-SERVICES";
const EXTERNAL: &str = "KUBE-EXTERNAL-SERVICES";
const NODE_PORTS: &str = "KUBE-NODEPORTS";
const POSTROUTING: &str = "KUBE-POSTROUTING";
const MARK_MASQ: &str = "KUBE-MARK-MASQ";
const FORWARD: &str = "KUBE-FORWARD";
const PROXY_FIREWALL: &str = "KUBE-PROXY-FIREWALL";
const FIREWALL: &str = "KUBE-FIREWALL";

/// Beyond this many endpoints rules go without comments.
const LARGE_CLUSTER: usize = 1_000;

/// Adds what kube-proxy (and the kubelet, whose firewall chain it shares) writes to a node's tables.
pub fn program(proxy: &Proxy<'_>, cache: &mut Cache, rules: &mut Ruleset) {
    let ports = service_ports(proxy.revision, proxy.family);
    let endpoints_count: usize = ports.iter().map(|port| port.endpoints_count(proxy)).sum();
    let comments = endpoints_count <= LARGE_CLUSTER;
    let mut writer = Writer { proxy, rules };
    writer.chains();
    writer.frame();
    cache.prepare(proxy, comments, ports.len());
    for port in &ports {
        let written = cache.of(proxy, port, comments);
        for (table, chain, rule) in &written.shared {
            writer.rules.table(*table).append_shared(chain, rule.clone());
        }
        for chain in &written.chains {
            writer.rules.table(TableName::Nat).put(chain.clone());
        }
    }
    writer.node_ports();
    writer.jumps();
}

/// The rules of one Service port.
#[derive(Debug, Default)]
struct PortRules {
    /// Those in chains that all Services share.
    shared: Vec<(TableName, &'static str, Arc<Rule>)>,
    /// Its own chains in `nat`.
    chains: Vec<Arc<Chain>>,
}

/// What was written for each Service port, as long as nothing of it changes: nodes have most of it in common, and an
/// edit of one Service writes that one anew.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// What all of it depends on.
    made_for: Option<(Arc<KubeProxyConfiguration>, bool, bool)>,
    /// By family, Service, port and, where the endpoints differ from node to node, the node's number; with the Service's
    /// version.
    ports: BTreeMap<PortKey, (u64, Arc<PortRules>)>,
}

type PortKey = (Family, ServiceKey, usize, Option<u32>);

impl Cache {
    fn prepare(&mut self, proxy: &Proxy<'_>, comments: bool, ports_count: usize) {
        let made_for = Some((proxy.config.clone(), comments, proxy.random_fully));
        // What is of no use any more goes once there is much of it.
        if self.made_for != made_for || self.ports.len() > 4 * ports_count + 4_096 {
            (self.made_for, self.ports) = (made_for, BTreeMap::new());
        }
    }

    fn of(&mut self, proxy: &Proxy<'_>, port: &ServicePort<'_>, comments: bool) -> Arc<PortRules> {
        let node = port.depends_on_node(proxy).then_some(proxy.node.index);
        let key = (proxy.family, port.service.key.clone(), port.index, node);
        // A node's own part depends on the node, too: its subnet, its zone.
        let version = port.service.version.max(if node.is_some() { proxy.revision.nodes_version } else { 0 });
        match self.ports.get(&key) {
            Some((known, rules)) if *known == version => rules.clone(),
            _ => {
                let usable = port.usable(proxy);
                let rules = Arc::new(PortWriter::new(proxy, port, &usable, comments).write());
                self.ports.insert(key, (version, rules.clone()));
                rules
            }
        }
    }
}

fn component(reason: &'static str) -> Origin {
    Origin::default("kube-proxy", reason)
}

fn comment(text: impl Into<Arc<str>>) -> Match {
    Match::Comment(text.into())
}

fn source(net: IpNet) -> Match {
    Match::Source { net, invert: false }
}

fn destination(net: IpNet) -> Match {
    Match::Destination { net, invert: false }
}

fn protocol(protocol: Protocol) -> [Match; 2] {
    [Match::Transport(protocol), Match::Protocol { protocol, invert: false }]
}

fn to_port(port: u16) -> Match {
    Match::DestinationPort { ports: port.into(), invert: false }
}

fn local_source() -> Match {
    Match::AddrType { source: Some(AddrType::Local), destination: None }
}

fn local_destination() -> Match {
    Match::AddrType { source: None, destination: Some(AddrType::Local) }
}

fn jump(chain: &str) -> Option<Target> {
    Some(Target::Jump(chain.into()))
}

fn host(ip: IpAddr) -> IpNet {
    IpNet::from(ip)
}

struct Writer<'w, 'a> {
    proxy: &'w Proxy<'a>,
    rules: &'w mut Ruleset,
}

impl Writer<'_, '_> {
    fn append(&mut self, table: TableName, chain: &str, matches: Vec<Match>, target: Option<Target>, origin: Origin) {
        self.rules.table(table).append(chain, Rule { matches, target, origin });
    }

    /// The chains that are always there.
    fn chains(&mut self) {
        let filter = [NODE_PORTS, SERVICES, EXTERNAL, FIREWALL, FORWARD, PROXY_FIREWALL];
        let firewall = self.proxy.localhost_node_ports();
        for chain in filter.into_iter().filter(|chain| *chain != FIREWALL || firewall) {
            self.rules.table(TableName::Filter).put(Arc::new(Chain::user(chain)));
        }
        for chain in [NODE_PORTS, SERVICES, MARK_MASQ, POSTROUTING] {
            self.rules.table(TableName::Nat).put(Arc::new(Chain::user(chain)));
        }
        // By their absence kubelet and kube-proxy notice that somebody has flushed the tables.
        for table in [TableName::Mangle, TableName::Nat, TableName::Filter] {
            for canary in ["KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY"] {
                self.rules.table(table).put(Arc::new(Chain::user(canary)));
            }
        }
        // The kubelet tells by it which iptables backend it uses.
        self.rules.table(TableName::Mangle).put(Arc::new(Chain::user("KUBE-IPTABLES-HINT")));
    }

    /// The rules that do not depend on Services.
    fn frame(&mut self) {
        let mark = self.proxy.config.masquerade_mark;
        let masquerade = || component("what KUBE-MARK-MASQ has marked is masqueraded");
        let is_marked = |invert| Match::Mark { value: mark, mask: mark, invert };
        let mut nat = |chain: &str, matches: Vec<Match>, target, origin| {
            self.rules.table(TableName::Nat).append(chain, Rule { matches, target: Some(target), origin });
        };
        nat(POSTROUTING, vec![is_marked(true)], Target::Return, masquerade());
        nat(POSTROUTING, vec![], Target::Mark { value: mark, mask: 0 }, masquerade());
        let random_fully = self.proxy.random_fully;
        let why = vec![comment("kubernetes service traffic requiring SNAT")];
        nat(POSTROUTING, why, Target::Masquerade { random_fully }, masquerade());
        nat(MARK_MASQ, vec![], Target::Mark { value: mark, mask: mark }, masquerade());
        let mut filter = |chain: &str, matches: Vec<Match>, target, origin| {
            self.rules.table(TableName::Filter).append(chain, Rule { matches, target: Some(target), origin });
        };
        let state = |states: &[CtState], invert| Match::CtState { states: states.to_vec(), invert };
        let invalid = vec![state(&[CtState::Invalid], false), Match::Nfacct("ct_state_invalid_dropped_pkts".into())];
        filter(FORWARD, invalid, Target::Drop, component("packets that fit no connection are dropped"));
        let rules = vec![comment("kubernetes forwarding rules"), is_marked(false)];
        filter(FORWARD, rules, Target::Accept, component("forwards what it has marked, whatever the policy"));
        let known = state(&[CtState::Related, CtState::Established], false);
        let rules = vec![comment("kubernetes forwarding conntrack rule"), known];
        filter(FORWARD, rules, Target::Accept, component("forwards what belongs to a known connection"));
        if self.proxy.localhost_node_ports() {
            let loopback = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8));
            let matches = vec![
                comment("block incoming localnet connections"),
                destination(loopback),
                Match::Source { net: loopback, invert: true },
                state(&[CtState::Related, CtState::Established, CtState::Dnat], true),
            ];
            let origin = component("iptables.localhostNodePorts: 127.0.0.0/8 is routed, so strangers are kept out");
            self.append(TableName::Filter, FIREWALL, matches, Some(Target::Drop), origin);
        }
    }

    /// The way from KUBE-SERVICES to the node ports comes last.
    fn node_ports(&mut self) {
        let note = "kubernetes service nodeports; NOTE: this must be the last rule in this chain";
        let addresses = &self.proxy.config.node_port_addresses;
        let origin = || component("nodePortAddresses: every address of the node");
        if addresses.is_empty() || addresses.iter().any(|net| matches!(&**net, "0.0.0.0/0" | "::/0")) {
            let mut matches = vec![comment(note), local_destination()];
            let (ip, len) = match self.proxy.family {
                Family::V4 => (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
                Family::V6 => (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
            };
            if !self.proxy.localhost_node_ports() {
                matches.push(Match::Destination { net: IpNet::new_assert(ip, len), invert: true });
            }
            return self.append(TableName::Nat, SERVICES, matches, jump(NODE_PORTS), origin());
        }
        let nets: Vec<IpNet> = addresses.iter().filter_map(|net| net.parse().ok()).collect();
        let primary = addresses.iter().any(|net| &**net == "primary");
        let ips: Vec<IpAddr> = self.proxy.node.ips().filter(|ip| self.proxy.of_family(ip)).collect();
        for (at, ip) in ips.into_iter().enumerate() {
            if (primary && at == 0) || nets.iter().any(|net| net.contains(&ip)) {
                let matches = vec![comment(note), destination(host(ip))];
                self.append(TableName::Nat, SERVICES, matches, jump(NODE_PORTS), origin());
            }
        }
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if self.proxy.localhost_node_ports() && nets.iter().any(|net| net.contains(&loopback)) {
            let matches = vec![comment(note), destination(host(loopback))];
            self.append(TableName::Nat, SERVICES, matches, jump(NODE_PORTS), origin());
        }
    }

    /// From the built-in chains to kube-proxy's. Each jump is put first, so the last one here is asked first.
    fn jumps(&mut self) {
        use TableName::{Filter, Nat};
        if self.proxy.localhost_node_ports() {
            for chain in ["INPUT", "OUTPUT"] {
                let rule = Rule { matches: vec![], target: jump(FIREWALL), origin: component("the kubelet's jump") };
                self.rules.table(Filter).prepend(chain, rule);
            }
        }
        let portals = "kubernetes externally-visible service portals";
        let balancer = "kubernetes load balancer firewall";
        let jumps: [(TableName, &str, &str, &str, bool); 12] = [
            (Filter, EXTERNAL, "INPUT", portals, true),
            (Filter, EXTERNAL, "FORWARD", portals, true),
            (Filter, NODE_PORTS, "INPUT", "kubernetes health check service ports", false),
            (Filter, SERVICES, "FORWARD", "kubernetes service portals", true),
            (Filter, SERVICES, "OUTPUT", "kubernetes service portals", true),
            (Filter, FORWARD, "FORWARD", "kubernetes forwarding rules", false),
            (Filter, PROXY_FIREWALL, "INPUT", balancer, true),
            (Filter, PROXY_FIREWALL, "OUTPUT", balancer, true),
            (Filter, PROXY_FIREWALL, "FORWARD", balancer, true),
            (Nat, SERVICES, "OUTPUT", "kubernetes service portals", false),
            (Nat, SERVICES, "PREROUTING", "kubernetes service portals", false),
            (Nat, POSTROUTING, "POSTROUTING", "kubernetes postrouting rules", false),
        ];
        for (table, to, from, note, new_only) in jumps {
            let mut matches = Vec::new();
            if new_only {
                matches.push(Match::CtState { states: vec![CtState::New], invert: false });
            }
            matches.push(comment(note));
            let rule = Rule { matches, target: jump(to), origin: component("the way into kube-proxy's chains") };
            self.rules.table(table).prepend(from, rule);
        }
    }
}

/// Writes the rules of one Service port.
struct PortWriter<'p> {
    proxy: &'p Proxy<'p>,
    comments: bool,
    written: PortRules,
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
    fn new(proxy: &'p Proxy<'p>, port: &'p ServicePort<'p>, usable: &'p Usable, comments: bool) -> PortWriter<'p> {
        let lower = port.protocol.name().to_ascii_lowercase();
        let name = |prefix: &str| names::chain(prefix, &[&port.name, &lower]);
        let local = !usable.local.is_empty();
        PortWriter {
            proxy,
            comments,
            written: PortRules::default(),
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
        self.written.shared.push((TableName::Nat, chain, Arc::new(Rule { matches, target, origin })));
    }

    /// A rule of one of the port's own chains, each of which is written in one go.
    fn nat(&mut self, chain: &Arc<str>, matches: Vec<Match>, target: Option<Target>, origin: Origin) {
        if self.chain.as_ref().is_none_or(|open| open.name != *chain) {
            self.end_chain();
            // One that was begun before goes on.
            let known = self.written.chains.iter().position(|known| known.name == *chain);
            let begun = known.map(|at| Arc::unwrap_or_clone(self.written.chains.remove(at)));
            self.chain = Some(begun.unwrap_or_else(|| Chain::user(chain.clone())));
        }
        if let Some(open) = &mut self.chain {
            open.rules.push(Arc::new(Rule { matches, target, origin }));
        }
    }

    fn end_chain(&mut self) {
        self.written.chains.extend(self.chain.take().map(Arc::new));
    }

    fn filter(&mut self, chain: &'static str, matches: Vec<Match>, target: Target, origin: Origin) {
        self.written.shared.push((TableName::Filter, chain, Arc::new(Rule { matches, target: Some(target), origin })));
    }

    /// `-m tcp -p tcp -d IP --dport PORT` after a comment.
    fn to(&self, note: String, ip: IpAddr, port: u16) -> Vec<Match> {
        let [load, is] = protocol(self.port.protocol);
        vec![comment(note), load, is, destination(host(ip)), to_port(port)]
    }

    fn write(mut self) -> PortRules {
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
            self.to_endpoints(self.svc.clone(), &self.usable.cluster);
        }
        if !self.usable.local.is_empty() && port.uses_local() {
            self.to_endpoints(self.svl.clone(), &self.usable.local);
        }
        for backend in &self.usable.all {
            self.endpoint(backend);
        }
        self.end_chain();
        self.written
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

    fn to_endpoints(&mut self, chain: Arc<str>, backends: &[Backend]) {
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

impl Proxy<'_> {
    /// What tells this node's Pods from other senders, if anything does.
    fn pods(&self, invert: bool) -> Option<Match> {
        let of_family = |net: &&IpNet| Family::of(net.addr()) == self.family;
        match &self.config.detect_local {
            DetectLocal::ClusterCidr => {
                let net = self.config.cluster_cidrs.iter().find(of_family)?;
                Some(Match::Source { net: *net, invert })
            }
            DetectLocal::NodeCidr => {
                let net = self.node.pod_cidrs().find(|net| Family::of(net.addr()) == self.family)?;
                Some(Match::Source { net, invert })
            }
            DetectLocal::Interface(name) => Some(Match::InInterface { name: name.clone(), invert }),
        }
    }
}
