//! kube-proxy's rules, compared with upstream's.

mod shared;

use super::{Cache, Proxy, iptables, nftables};
use crate::cluster::{ObjectKey, Options};
use crate::manifest::typed::KubeProxyConfiguration;
use crate::net::Family;
use crate::tables::netfilter::{Match, RecentMode, Rule, Ruleset, TableName, Target};
use crate::tables::text;
use crate::world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

const NODE: &str = "
apiVersion: v1
kind: Node
metadata: {name: test-node}
spec: {podCIDR: 10.180.0.0/24}
status:
  addresses:
  - {type: InternalIP, address: 192.168.0.2}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.0.0.0/8, serviceSubnet: 172.30.0.0/16}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clusterCIDR: 10.0.0.0/8
---
";

/// Asks about the rules that kube-proxy makes of manifests.
fn with_proxy<T>(manifests: &str, ask: impl FnOnce(&Proxy<'_>) -> T) -> T {
    let mut world = World::new(Options::default());
    let namespace = |n| format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: ns{n}}}}}\n---\n");
    let namespaces: String = (1..=6).map(namespace).collect();
    let applied = world.open_file("a.yaml", &format!("{NODE}{namespaces}{manifests}"), true);
    assert!(applied.committed, "{:?}", applied.diagnostics);
    world.delete(
        &[("default", "kubernetes"), ("kube-system", "kube-dns")].map(|(ns, name)| ObjectKey::new("Service", ns, name)),
    );
    let revision = world.revision();
    let node = revision.nodes.get("test-node").expect("the node");
    let config = revision.network.kube_proxy.clone();
    let proxy = Proxy { revision, node, config: &config, family: Family::V4, random_fully: false };
    ask(&proxy)
}

/// Upstream's input as manifests.
fn upstreams_six_services(folder: &str) -> String {
    let input = std::fs::read_to_string(format!("{folder}overall_input.json")).expect("the input");
    let mut input = serde_json::from_str::<serde_json::Value>(&input).expect("JSON");
    // A NodePort Service to which nobody gave a node port; here it would get one.
    input["services"][3]["spec"]["type"] = "ClusterIP".into();
    let objects = ["services", "endpointSlices"].iter().flat_map(|kind| input[kind].as_array().expect("a list"));
    let manifests: Vec<String> = objects.map(|object| object.to_string()).collect();
    manifests.join("\n---\n")
}

/// A rule as kube-proxy feeds it to iptables-restore.
fn fed(rule: &Rule) -> String {
    let mut words: Vec<String> = Vec::new();
    let not = |invert: &bool| if *invert { "! " } else { "" };
    let address = |net: &ipnet::IpNet| {
        if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
    };
    for part in &rule.matches {
        words.push(match part {
            Match::Comment(text) if text.contains(' ') => format!("-m comment --comment \"{text}\""),
            Match::Comment(text) => format!("-m comment --comment {text}"),
            Match::Source { net, invert } => format!("{}-s {}", not(invert), address(net)),
            Match::Destination { net, invert } => format!("{}-d {}", not(invert), address(net)),
            Match::Transport(protocol) => format!("-m {}", protocol.name().to_lowercase()),
            Match::Protocol { protocol, .. } => format!("-p {}", protocol.name().to_lowercase()),
            Match::DestinationPort { ports, .. } => format!("--dport {}", ports.first),
            Match::AddrType { source: Some(_), .. } => "-m addrtype --src-type LOCAL".to_owned(),
            Match::AddrType { .. } => "-m addrtype --dst-type LOCAL".to_owned(),
            Match::Mark { value, mask, invert } => format!("-m mark {}--mark {value:#x}/{mask:#x}", not(invert)),
            Match::CtState { states, invert } => {
                let states: Vec<String> = states.iter().map(|s| format!("{s:?}").to_uppercase()).collect();
                format!("-m conntrack {}--ctstate {}", not(invert), states.join(","))
            }
            Match::Probability(n) => {
                let parts = (f64::from(1_u32 << 31) / f64::from(*n)).round();
                format!("-m statistic --mode random --probability {:.10}", 1.0 / parts)
            }
            Match::Recent { name, mode: RecentMode::Set } => format!("-m recent --name {name} --set"),
            Match::Recent { name, mode: RecentMode::Check { seconds } } => {
                format!("-m recent --name {name} --rcheck --seconds {seconds} --reap")
            }
            Match::Nfacct(name) => format!("-m nfacct --nfacct-name {name}"),
            other => panic!("kube-proxy does not write {other:?}"),
        });
    }
    words.extend(rule.target.as_ref().map(|target| match target {
        Target::Jump(chain) => format!("-j {chain}"),
        Target::Accept => "-j ACCEPT".to_owned(),
        Target::Drop => "-j DROP".to_owned(),
        Target::Return => "-j RETURN".to_owned(),
        Target::Reject(_) => "-j REJECT".to_owned(),
        Target::Mark { value, mask: 0 } => format!("-j MARK --xor-mark {value:#x}"),
        Target::Mark { value, .. } => format!("-j MARK --or-mark {value:#x}"),
        Target::Masquerade { .. } => "-j MASQUERADE".to_owned(),
        Target::Dnat(to) => format!("-j DNAT --to-destination {}:{}", to.ip, to.port.unwrap_or(0)),
        other => panic!("kube-proxy does not write {other:?}"),
    }));
    words.join(" ")
}

/// The rules of each of kube-proxy's chains, and the chains that have none.
fn by_chain(rules: &Ruleset) -> BTreeMap<(TableName, String), Vec<String>> {
    let mut chains = BTreeMap::new();
    for (name, table) in rules.tables.iter().filter(|(name, _)| **name != TableName::Mangle) {
        for chain in table.chains().filter(|chain| chain.policy.is_none() && !chain.name.ends_with("CANARY")) {
            chains.insert((*name, chain.name.to_string()), chain.rules.iter().map(|rule| fed(rule)).collect());
        }
    }
    chains
}

#[test]
fn upstreams_six_services_get_upstreams_rules() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance/kube_proxy_golden/");
    let Ok(expected) = std::fs::read_to_string(format!("{folder}iptables_overall.expected")) else {
        return eprintln!("skipped: {folder} is not here");
    };
    let mut wanted: BTreeMap<(TableName, String), Vec<String>> = BTreeMap::new();
    let mut table = TableName::Filter;
    for line in expected.lines() {
        match line.split_once(' ') {
            None if line == "*nat" => table = TableName::Nat,
            Some((chain, _)) if chain.starts_with(':') => {
                wanted.insert((table, chain[1..].to_owned()), Vec::new());
            }
            Some(("-A", rest)) => {
                let (chain, rule) = rest.split_once(' ').expect("a rule");
                wanted.entry((table, chain.to_owned())).or_default().push(rule.to_owned());
            }
            _ => {}
        }
    }
    let mut rules = Ruleset::default();
    with_proxy(&upstreams_six_services(folder), |proxy| iptables::program(proxy, &mut Cache::default(), &mut rules));
    let found = by_chain(&rules);
    let names = |chains: &BTreeMap<(TableName, String), Vec<String>>| chains.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted));
    for (chain, rules) in wanted {
        assert_eq!(found[&chain], rules, "{chain:?}");
    }
}

#[test]
fn upstreams_six_services_get_upstreams_nftables() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance/kube_proxy_golden/");
    let Ok(expected) = std::fs::read_to_string(format!("{folder}nftables_overall.expected")) else {
        return eprintln!("skipped: {folder} is not here");
    };
    let text = with_proxy(&upstreams_six_services(folder), |proxy| {
        text::nft::commands(&nftables::table(proxy, &mut Cache::default()))
    });
    let mut wanted: Vec<&str> = expected.lines().filter(|line| !line.starts_with('#')).collect();
    let mut found: Vec<&str> = text.lines().collect();
    // Rules of one chain are compared in their order, everything else as a set.
    let rules = |lines: &[&str]| {
        lines.iter().filter(|line| line.starts_with("add rule")).map(ToString::to_string).collect::<Vec<_>>()
    };
    let by_chain = |lines: &[&str]| {
        let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for rule in rules(lines) {
            let chain = rule.split(' ').nth(4).unwrap_or_default().to_owned();
            chains.entry(chain).or_default().push(rule);
        }
        chains
    };
    assert_eq!(by_chain(&found), by_chain(&wanted));
    wanted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, wanted);
}

/// The rules that lead to the node ports in iptables mode.
fn ways_to_node_ports(proxy: &Proxy<'_>, family: Family, addresses: &[&str]) -> Vec<String> {
    let node_port_addresses = addresses.iter().map(|net| (*net).into()).collect();
    let config = Arc::new(KubeProxyConfiguration { node_port_addresses, ..(**proxy.config).clone() });
    let proxy = Proxy { config: &config, family, random_fully: false, ..*proxy };
    let mut rules = Ruleset::default();
    iptables::program(&proxy, &mut Cache::default(), &mut rules);
    let by_chain = by_chain(&rules);
    let rules = by_chain[&(TableName::Nat, "KUBE-SERVICES".to_owned())].iter();
    let ways = rules.filter_map(|rule| rule.strip_suffix(" -j KUBE-NODEPORTS"));
    ways.filter_map(|rule| rule.rsplit_once("\" ")).map(|(_, rest)| rest.to_owned()).collect()
}

#[test]
fn node_port_addresses_of_the_other_family_leave_this_one_all_of_its_own() {
    with_proxy("", |proxy| {
        let all = ["-m addrtype --dst-type LOCAL"];
        for addresses in [&[][..], &["fd00::/8"], &["0.0.0.0/0", "fd00::/8"]] {
            assert_eq!(ways_to_node_ports(proxy, Family::V4, addresses), all, "{addresses:?}");
        }
        let one = ways_to_node_ports(proxy, Family::V4, &["192.168.0.0/24", "::/0"]);
        assert_eq!(one, ["-d 192.168.0.2"]);
        let other = ways_to_node_ports(proxy, Family::V6, &["192.168.0.0/24"]);
        assert_eq!(other, ["-m addrtype --dst-type LOCAL ! -d ::1"]);
    });
}
