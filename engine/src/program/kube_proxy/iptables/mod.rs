//! kube-proxy in iptables mode: the same chains, rules and order as pkg/proxy/iptables/proxier.go syncProxyRules.

mod port;

use super::cache::{Cache, Mode, Slot};
use super::ports::{ServicePort, Usable};
use super::{OwnPods, Proxy};
use crate::net::{Family, Protocol};
use crate::tables::netfilter::{AddrType, Chain, CtState, Match, Rule, Ruleset, TableName, Target};
use crate::tables::{Origin, SharedChains};
use ipnet::{IpNet, Ipv4Net};
use port::{PortRules, PortWriter};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const SERVICES: &str = "KUBE-SERVICES";
const EXTERNAL: &str = "KUBE-EXTERNAL-SERVICES";
const NODE_PORTS: &str = "KUBE-NODEPORTS";
const POSTROUTING: &str = "KUBE-POSTROUTING";
const MARK_MASQ: &str = "KUBE-MARK-MASQ";
const FORWARD: &str = "KUBE-FORWARD";
const PROXY_FIREWALL: &str = "KUBE-PROXY-FIREWALL";
const FIREWALL: &str = "KUBE-FIREWALL";

/// What is written for a Service port, and what all nodes have in common.
#[derive(Debug)]
pub struct Iptables;

/// The chains of all Service ports, and those in which all of them have rules.
#[derive(Debug)]
pub struct Base {
    chains: Arc<SharedChains<Chain>>,
    /// None: some port's rules are each node's own.
    lists: Option<Vec<(TableName, Arc<Chain>)>>,
}

impl Mode for Iptables {
    type Rules = PortRules;
    type Base = Base;

    fn write(proxy: &Proxy<'_>, port: &ServicePort<'_>, usable: &Usable, comments: bool) -> PortRules {
        PortWriter::new(proxy, port, usable, comments).write()
    }

    fn base(proxy: &Proxy<'_>, slots: &[Slot<PortRules>]) -> Base {
        let common: Option<Vec<Arc<PortRules>>> = slots.iter().map(|slot| slot.common.clone()).collect();
        let blocks = slots.iter().filter_map(|slot| Some(slot.common.as_ref()?.chains.clone())).collect();
        let lists = common
            .filter(|_| proxy.node_port_nets().is_none())
            .map(|rules| lists(proxy, rules.iter().map(|rules| &**rules)));
        Base { chains: Arc::new(SharedChains::new(blocks)), lists }
    }
}

/// The chains in which all Service ports have rules.
fn lists<'r>(proxy: &Proxy<'_>, rules: impl Iterator<Item = &'r PortRules>) -> Vec<(TableName, Arc<Chain>)> {
    let mut lists: BTreeMap<(TableName, &'static str), Vec<Arc<Rule>>> = BTreeMap::new();
    for (table, chain, rule) in rules.flat_map(|rules| &rules.shared) {
        lists.entry((*table, chain)).or_default().push(rule.clone());
    }
    // The way to the node ports comes last.
    lists.entry((TableName::Nat, SERVICES)).or_default().extend(proxy.to_node_ports().into_iter().map(Arc::new));
    lists.into_iter().map(|((table, name), rules)| (table, Arc::new(Chain::new(name, None, rules)))).collect()
}

/// Adds what kube-proxy (and the kubelet, whose firewall chain it shares) writes to a node's tables.
pub fn program(proxy: &Proxy<'_>, cache: &mut Cache<Iptables>, rules: &mut Ruleset) {
    let mut writer = Writer { proxy, rules };
    writer.chains();
    writer.frame();
    let common = cache.common(proxy);
    let own = common.base.lists.is_none().then(|| {
        let rules = common.slots.iter().map(|slot| match &slot.common {
            Some(rules) => (true, Some(rules.clone())),
            None => (false, cache.own(proxy, &common, slot)),
        });
        let rules: Vec<(bool, Arc<PortRules>)> = rules.filter_map(|(shared, rules)| Some((shared, rules?))).collect();
        let blocks = rules.iter().filter(|(shared, _)| !shared).map(|(_, rules)| &*rules.chains);
        writer.rules.table(TableName::Nat).put_blocks(blocks);
        lists(proxy, rules.iter().map(|(_, rules)| &**rules))
    });
    for (table, chain) in common.base.lists.iter().chain(&own).flatten() {
        writer.rules.table(*table).put(chain.clone());
    }
    writer.rules.table(TableName::Nat).share(common.base.chains.clone());
    writer.jumps();
}

/// The kubelet tells by it which iptables backend it uses.
const HINT: &str = "KUBE-IPTABLES-HINT";

/// Strangers' packets to 127.0.0.0/8.
fn from_elsewhere() -> Vec<Match> {
    let loopback = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8));
    let known = vec![CtState::Related, CtState::Established, CtState::Dnat];
    vec![
        comment("block incoming localnet connections"),
        destination(loopback),
        Match::Source { net: loopback, invert: true },
        Match::CtState { states: known, invert: true },
    ]
}

/// What the kubelet writes by itself. Models pkg/kubelet/kubelet_network_linux.go.
pub fn kubelet(family: Family, rules: &mut Ruleset) {
    for table in [TableName::Mangle, TableName::Nat, TableName::Filter] {
        rules.table(table).put(Arc::new(Chain::user("KUBE-KUBELET-CANARY")));
    }
    rules.table(TableName::Mangle).put(Arc::new(Chain::user(HINT)));
    if family == Family::V6 {
        return;
    }
    let origin = |reason| Origin::default("kubelet", reason);
    let filter = rules.table(TableName::Filter);
    let (target, why) = (Some(Target::Drop), "strangers are kept out of 127.0.0.0/8");
    filter.append(FIREWALL, Rule { matches: from_elsewhere(), target, origin: origin(why) });
    for chain in ["INPUT", "OUTPUT"] {
        let origin = origin("the way into the kubelet's chain");
        filter.prepend(chain, Rule { matches: vec![], target: jump(FIREWALL), origin });
    }
}

pub(super) fn component(reason: &'static str) -> Origin {
    Origin::default("kube-proxy", reason)
}

pub(super) fn comment(text: impl Into<Arc<str>>) -> Match {
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

pub(super) fn jump(chain: &str) -> Option<Target> {
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
        self.rules.table(TableName::Mangle).put(Arc::new(Chain::user(HINT)));
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
            let origin = component("iptables.localhostNodePorts: 127.0.0.0/8 is routed, so strangers are kept out");
            self.append(TableName::Filter, FIREWALL, from_elsewhere(), Some(Target::Drop), origin);
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

impl Proxy<'_> {
    /// The way from KUBE-SERVICES to the node ports.
    fn to_node_ports(&self) -> Vec<Rule> {
        let note = "kubernetes service nodeports; NOTE: this must be the last rule in this chain";
        let rule = |matches: Vec<Match>| {
            let origin = component("nodePortAddresses: every address of the node");
            Rule { matches: [vec![comment(note)], matches].concat(), target: jump(NODE_PORTS), origin }
        };
        let Some(nets) = self.node_port_nets() else {
            let mut matches = vec![local_destination()];
            if !self.localhost_node_ports() {
                matches.push(Match::Destination { net: self.loopback(), invert: true });
            }
            return vec![rule(matches)];
        };
        let loopback = Some(IpAddr::V4(Ipv4Addr::LOCALHOST)).filter(|_| self.localhost_node_ports());
        let own = self.node.ips().chain(loopback).filter(|ip| nets.iter().any(|net| net.contains(ip)));
        own.map(|ip| rule(vec![destination(host(ip))])).collect()
    }

    /// The match of this node's Pods, or of all but those.
    pub(super) fn pods(&self, invert: bool) -> Option<Match> {
        Some(match self.own_pods()? {
            OwnPods::From(net) => Match::Source { net, invert },
            OwnPods::By(name) => Match::InInterface { name: name.clone(), invert },
        })
    }
}
