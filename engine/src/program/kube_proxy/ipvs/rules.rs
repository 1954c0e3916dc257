//! The iptables rules of IPVS mode. Models createAndLinkKubeChain and writeIptablesRules of proxier.go.

use super::super::Proxy;
use super::super::iptables::{comment, component, jump, kubelet};
use super::KeptOut;
use super::sets::{Set, Sets};
use crate::net::Protocol;
use crate::tables::Origin;
use crate::tables::netfilter::{
    AddrType, Chain, CtState, Match, RejectWith, Rule, Ruleset, SetDirection, TableName, Target,
};
use ipnet::IpNet;
use std::sync::Arc;

const SERVICES: &str = "KUBE-SERVICES";
const POSTROUTING: &str = "KUBE-POSTROUTING";
const NODE_PORT: &str = "KUBE-NODE-PORT";
const LOAD_BALANCER: &str = "KUBE-LOAD-BALANCER";
const MARK_MASQ: &str = "KUBE-MARK-MASQ";
const FORWARD: &str = "KUBE-FORWARD";
const PROXY_FIREWALL: &str = "KUBE-PROXY-FIREWALL";
const SOURCE_RANGES: &str = "KUBE-SOURCE-RANGES-FIREWALL";
const IPVS_FILTER: &str = "KUBE-IPVS-FILTER";
const IPVS_OUT_FILTER: &str = "KUBE-IPVS-OUT-FILTER";

const DST: &[SetDirection] = &[SetDirection::Dst];
const DST_DST: &[SetDirection] = &[SetDirection::Dst, SetDirection::Dst];
const DST_DST_SRC: &[SetDirection] = &[SetDirection::Dst, SetDirection::Dst, SetDirection::Src];
const SRC_DST: &[SetDirection] = &[SetDirection::Src, SetDirection::Dst];

/// Writes all of them.
pub(super) fn write(proxy: &Proxy<'_>, sets: &Sets, kept_out: &[KeptOut], rules: &mut Ruleset) {
    kubelet(proxy.family, rules);
    let mut writer = Writer { proxy, sets, rules };
    writer.chains();
    writer.services();
    writer.filters(kept_out);
    writer.postrouting();
}

struct Writer<'w, 'a> {
    proxy: &'w Proxy<'a>,
    sets: &'w Sets,
    rules: &'w mut Ruleset,
}

impl Writer<'_, '_> {
    fn chains(&mut self) {
        use TableName::{Filter, Nat};
        for chain in [SERVICES, POSTROUTING, NODE_PORT, LOAD_BALANCER, MARK_MASQ] {
            self.rules.table(Nat).put(Arc::new(Chain::user(chain)));
        }
        for chain in [FORWARD, NODE_PORT, PROXY_FIREWALL, SOURCE_RANGES, IPVS_FILTER, IPVS_OUT_FILTER] {
            self.rules.table(Filter).put(Arc::new(Chain::user(chain)));
        }
        // Each jump is put first, so the last one here is asked first.
        for (table, from, to, note) in [
            (Nat, "OUTPUT", SERVICES, "kubernetes service portals"),
            (Nat, "PREROUTING", SERVICES, "kubernetes service portals"),
            (Nat, "POSTROUTING", POSTROUTING, "kubernetes postrouting rules"),
            (Filter, "FORWARD", FORWARD, "kubernetes forwarding rules"),
            (Filter, "INPUT", NODE_PORT, "kubernetes health check rules"),
            (Filter, "INPUT", PROXY_FIREWALL, "kube-proxy firewall rules"),
            (Filter, "FORWARD", PROXY_FIREWALL, "kube-proxy firewall rules"),
            (Filter, "INPUT", IPVS_FILTER, "kubernetes ipvs access filter"),
            (Filter, "OUTPUT", IPVS_OUT_FILTER, "kubernetes ipvs access filter"),
        ] {
            let origin = component("the way into kube-proxy's chains");
            let rule = Rule { matches: vec![comment(note)], target: jump(to), origin };
            self.rules.table(table).prepend(from, rule);
        }
    }

    fn nat(&mut self, chain: &str, matches: Vec<Match>, target: Target, why: &'static str) {
        self.add(TableName::Nat, chain, matches, target, component(why));
    }

    fn filter(&mut self, chain: &str, matches: Vec<Match>, target: Target, why: &'static str) {
        self.add(TableName::Filter, chain, matches, target, component(why));
    }

    fn add(&mut self, table: TableName, chain: &str, matches: Vec<Match>, target: Target, origin: Origin) {
        self.rules.table(table).append(chain, Rule { matches, target: Some(target), origin });
    }

    /// `-m set --match-set NAME dst,dst`
    fn is_in(&self, set: Set, directions: &[SetDirection]) -> Match {
        Match::Set { name: set.name(self.proxy.family), directions: directions.to_vec(), invert: false }
    }

    /// The same after the set's comment; `None` if the set is empty: kube-proxy then writes no rule.
    fn noted(&self, set: Set, directions: &[SetDirection]) -> Option<Vec<Match>> {
        (!self.sets.is_empty(set)).then(|| vec![comment(set.comment()), self.is_in(set, directions)])
    }

    /// The rules whose sets say where to: ipsetWithIptablesChain.
    fn by_set(&mut self, table: TableName, from: &str, set: Set, (to, directions): (Target, &[SetDirection])) {
        let Some(mut matches) = self.noted(set, directions) else { return };
        let protocol = match set {
            Set::NodePortTcp | Set::NodePortLocalTcp => Some(Protocol::Tcp),
            Set::NodePortUdp | Set::NodePortLocalUdp => Some(Protocol::Udp),
            Set::NodePortSctp | Set::NodePortLocalSctp => Some(Protocol::Sctp),
            _ => None,
        };
        if let Some(protocol) = protocol {
            matches.insert(0, Match::Protocol { protocol, invert: false });
        }
        self.add(table, from, matches, to, component("what the set has is treated alike"));
    }

    fn services(&mut self) {
        let loopback = Match::Source { net: self.proxy.loopback(), invert: false };
        self.nat(SERVICES, vec![loopback], Target::Return, "what comes from loopback stays on this machine");
        let to = |chain: &str| Target::Jump(chain.into());
        let random_fully = false;
        let nat = TableName::Nat;
        self.by_set(nat, POSTROUTING, Set::LoopBack, (Target::Masquerade { random_fully }, DST_DST_SRC));
        self.by_set(nat, SERVICES, Set::LoadBalancer, (to(LOAD_BALANCER), DST_DST));
        self.by_set(nat, LOAD_BALANCER, Set::LoadBalancerLocal, (Target::Return, DST_DST));
        self.by_set(nat, NODE_PORT, Set::NodePortLocalTcp, (Target::Return, DST));
        self.by_set(nat, NODE_PORT, Set::NodePortTcp, (to(MARK_MASQ), DST));
        self.by_set(nat, NODE_PORT, Set::NodePortLocalUdp, (Target::Return, DST));
        self.by_set(nat, NODE_PORT, Set::NodePortUdp, (to(MARK_MASQ), DST));
        self.by_set(nat, NODE_PORT, Set::NodePortLocalSctp, (Target::Return, DST_DST));
        self.by_set(nat, NODE_PORT, Set::NodePortSctp, (to(MARK_MASQ), DST_DST));
        let filter = TableName::Filter;
        self.by_set(filter, PROXY_FIREWALL, Set::LoadBalancerFw, (to(SOURCE_RANGES), DST_DST));
        self.by_set(filter, SOURCE_RANGES, Set::LoadBalancerSourceCidr, (Target::Return, DST_DST_SRC));
        self.by_set(filter, SOURCE_RANGES, Set::LoadBalancerSourceIp, (Target::Return, DST_DST_SRC));
        self.cluster_ips();
        self.external_ips();
        let local = Match::AddrType { source: None, destination: Some(AddrType::Local) };
        self.nat(SERVICES, vec![local], to(NODE_PORT), "every address of the node may have node ports");
        self.nat(LOAD_BALANCER, vec![], to(MARK_MASQ), "endpoints on other nodes answer by way of this one");
        // What goes to a Service passes, whatever other rules say.
        for set in [Set::ClusterIp, Set::LoadBalancer] {
            if !self.sets.is_empty(set) {
                let matches = vec![self.is_in(set, DST_DST)];
                self.nat(SERVICES, matches, Target::Accept, "IPVS will take it");
            }
        }
    }

    fn cluster_ips(&mut self) {
        let Some(mut matches) = self.noted(Set::ClusterIp, DST_DST) else { return };
        let mark = Target::Jump(MARK_MASQ.into());
        if self.proxy.config.masquerade_all {
            self.nat(SERVICES, matches, mark, "iptables.masqueradeAll");
        } else if let Some(strangers) = self.proxy.pods(true) {
            matches.push(strangers);
            self.nat(SERVICES, matches, mark, "who is not in clusterCIDR is masqueraded");
        } else {
            let from_own = vec![comment(Set::ClusterIp.comment()), self.is_in(Set::ClusterIp, SRC_DST)];
            self.nat(SERVICES, from_own, mark, "the node asks from the Service's own address, which it has, too");
        }
    }

    fn external_ips(&mut self) {
        for set in [Set::ExternalIp, Set::ExternalIpLocal] {
            let Some(matches) = self.noted(set, DST_DST) else { continue };
            if set == Set::ExternalIp {
                let mark = Target::Jump(MARK_MASQ.into());
                self.nat(SERVICES, matches.clone(), mark, "endpoints on other nodes answer by way of this one");
            }
            let mut outside = matches.clone();
            outside.extend([Match::PhysdevIsIn { invert: true }, Match::SourceTypeNot(AddrType::Local)]);
            self.nat(SERVICES, outside, Target::Accept, "what comes from off this machine passes");
            let mut own = matches;
            own.push(Match::AddrType { source: None, destination: Some(AddrType::Local) });
            self.nat(SERVICES, own, Target::Accept, "an external address that the node has stays here");
        }
    }

    fn filters(&mut self, kept_out: &[KeptOut]) {
        self.filter(SOURCE_RANGES, vec![], Target::Drop, "whom loadBalancerSourceRanges does not name is dropped");
        for KeptOut { ip, port: (protocol, port), origin } in kept_out {
            let matches = vec![
                Match::Source { net: IpNet::from(*ip), invert: false },
                Match::Ipvs { protocol: *protocol, address: *ip, port: *port },
            ];
            self.add(TableName::Filter, IPVS_OUT_FILTER, matches, Target::Drop, origin.clone());
        }
        let mark = self.proxy.config.masquerade_mark;
        let marked = Match::Mark { value: mark, mask: mark, invert: false };
        let matches = vec![comment("kubernetes forwarding rules"), marked];
        self.filter(FORWARD, matches, Target::Accept, "forwards what it has marked, whatever the policy");
        let states = vec![CtState::Related, CtState::Established];
        let matches = vec![comment("kubernetes forwarding conntrack rule"), Match::CtState { states, invert: false }];
        self.filter(FORWARD, matches, Target::Accept, "forwards what belongs to a known connection");
        let set = Set::HealthCheckNodePort;
        let matches = vec![comment(set.comment()), self.is_in(set, DST)];
        self.filter(NODE_PORT, matches, Target::Accept, "load balancers ask how many endpoints a node has");
        for set in [Set::LoadBalancer, Set::ClusterIp, Set::ExternalIp, Set::ExternalIpLocal] {
            let matches = vec![self.is_in(set, DST_DST)];
            self.filter(IPVS_FILTER, matches, Target::Return, "what a Service serves passes");
        }
        let matches = vec![self.is_in(set, DST)];
        self.filter(IPVS_FILTER, matches, Target::Return, "load balancers ask how many endpoints a node has");
        let new = Match::CtState { states: vec![CtState::New], invert: false };
        let matches = vec![new, self.is_in(Set::IpvsIps, DST)];
        let refuse = Target::Reject(RejectWith::PortUnreachable);
        self.filter(IPVS_FILTER, matches, refuse, "the node's own ports, and its ping, are not a Service's");
    }

    fn postrouting(&mut self) {
        let mark = self.proxy.config.masquerade_mark;
        let why = "what KUBE-MARK-MASQ has marked is masqueraded";
        let unmarked = vec![Match::Mark { value: mark, mask: mark, invert: true }];
        self.nat(POSTROUTING, unmarked, Target::Return, why);
        self.nat(POSTROUTING, vec![], Target::Mark { value: mark, mask: 0 }, why);
        let note = vec![comment("kubernetes service traffic requiring SNAT")];
        let random_fully = self.proxy.random_fully;
        self.nat(POSTROUTING, note, Target::Masquerade { random_fully }, why);
        self.nat(MARK_MASQ, vec![], Target::Mark { value: mark, mask: mark }, why);
    }
}
