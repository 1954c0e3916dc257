//! Cilium's iptables rules. Models Cilium 1.18 pkg/datapath/iptables with tunnels and kube-proxy beside it; the rules for
//! proxies of layer 7 in raw and mangle are left out, as nothing is redirected to any.

use super::super::cni::cilium::AGENT;
use crate::cluster::{CiliumConfig, NodeRecord};
use crate::net::Family;
use crate::tables::Origin;
use crate::tables::netfilter::{CtState, Match, NatRange, Netfilter, Rule, Ruleset, TableName, Target};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const HOST: &str = "cilium_host";
const INPUT: &str = "CILIUM_INPUT";
const OUTPUT: &str = "CILIUM_OUTPUT";
const FORWARD: &str = "CILIUM_FORWARD";
const POST_NAT: &str = "CILIUM_POST_nat";
/// Chains that lead to Cilium's: (table, chain, Cilium's chain).
const FEEDERS: [(TableName, &str, &str); 6] = [
    (TableName::Filter, "INPUT", INPUT),
    (TableName::Filter, "FORWARD", FORWARD),
    (TableName::Filter, "OUTPUT", OUTPUT),
    (TableName::Nat, "PREROUTING", "CILIUM_PRE_nat"),
    (TableName::Nat, "OUTPUT", "CILIUM_OUTPUT_nat"),
    (TableName::Nat, "POSTROUTING", POST_NAT),
];

/// Puts Cilium's rules before those that are there.
pub fn add(node: &NodeRecord, router: Ipv4Addr, config: &CiliumConfig, netfilter: &mut Arc<Netfilter>) {
    let rules = Arc::make_mut(netfilter).ruleset_mut(Family::V4);
    for (table, chain, own) in FEEDERS {
        let comment = Match::Comment(format!("cilium-feeder: {own}").into());
        let (matches, target) = (vec![comment], Some(Target::Jump(own.into())));
        let table = rules.table(table);
        if table.find(own).is_none() {
            table.put(Arc::new(crate::tables::netfilter::Chain::user(own)));
        }
        table.prepend(chain, Rule { matches, target, origin: AGENT });
    }
    filter(rules);
    if config.masquerade.0 {
        node.blocks.iter().for_each(|share| masquerade(rules, share.net, router, &config.masquerade.1));
    }
}

fn mark(value: u32, mask: u32) -> Match {
    Match::Mark { value, mask, invert: false }
}

fn filter(rules: &mut Ruleset) {
    let table = rules.table(TableName::Filter);
    let mut append = |chain: &str, mut matches: Vec<Match>, comment: &str, target: Target| {
        matches.push(Match::Comment(comment.into()));
        table.append(chain, Rule { matches, target: Some(target), origin: AGENT });
    };
    let input = |name: &str| vec![Match::InInterface { name: name.into(), invert: false }];
    let output = vec![Match::OutInterface { name: HOST.into(), invert: false }];
    append(FORWARD, output, "cilium: any->cluster on cilium_host forward accept", Target::Accept);
    append(FORWARD, input(HOST), "cilium: cluster->any on cilium_host forward accept (nodeport)", Target::Accept);
    append(FORWARD, input("lxc+"), "cilium: cluster->any on lxc+ forward accept", Target::Accept);
    append(
        FORWARD,
        input("cilium_net"),
        "cilium: cluster->any on cilium_net forward accept (nodeport)",
        Target::Accept,
    );
    append(INPUT, vec![mark(0x200, 0xf00)], "cilium: ACCEPT for proxy traffic", Target::Accept);
    append(OUTPUT, vec![mark(0xa00, 0xe00)], "cilium: ACCEPT for proxy traffic", Target::Accept);
    append(OUTPUT, vec![mark(0x800, 0xe00)], "cilium: ACCEPT for l7 proxy upstream traffic", Target::Accept);
    // IPsec's two, the tunnel's, the proxies' two, and the DNS proxy's.
    let others = [(0xd00, 0xf00), (0xe00, 0xf00), (0x400, 0xf00), (0xa00, 0xe00), (0x800, 0xe00), (0xf00, 0xf00)];
    let others = others.map(|(value, mask)| Match::Mark { value, mask, invert: true });
    let target = Target::Mark { value: 0xc00, mask: 0xf00 };
    append(OUTPUT, others.to_vec(), "cilium: host->any mark as from host", target);
}

fn masquerade(rules: &mut Ruleset, share: IpNet, router: Ipv4Addr, origin: &Origin) {
    let table = rules.table(TableName::Nat);
    let mut append = |mut matches: Vec<Match>, comment: &str, target: Target| {
        matches.push(Match::Comment(comment.into()));
        table.append(POST_NAT, Rule { matches, target: Some(target), origin: origin.clone() });
    };
    let out = |name: &str, invert| Match::OutInterface { name: name.into(), invert };
    let from = |net, invert| Match::Source { net, invert };
    let not_to = Match::Destination { net: share, invert: true };
    let snat = || Target::Snat(NatRange { ip: router.into(), port: None, random_fully: false });
    let to_outside = vec![from(share, false), not_to.clone(), out("cilium_+", true)];
    append(to_outside, "cilium masquerade non-cluster", Target::Masquerade { random_fully: false });
    append(vec![mark(0xa00, 0xe00)], "exclude proxy return traffic from masquerade", Target::Accept);
    append(vec![from(share, true), not_to, out(HOST, false)], "cilium host->cluster masquerade", snat());
    let localhost = IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let comment = "cilium host->cluster from 127.0.0.1 masquerade";
    append(vec![from(localhost, false), out(HOST, false)], comment, snat());
    let translated = Match::CtState { states: vec![CtState::Dnat], invert: false };
    let hairpin = vec![out(HOST, false), mark(0xf00, 0xf00), translated];
    append(hairpin, "hairpin traffic that originated from a local pod", snat());
}
