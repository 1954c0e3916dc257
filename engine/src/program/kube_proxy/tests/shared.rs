//! What nodes have in common is kept once, and an edit of one Service leaves the rest as it was.

use crate::cluster::{Options, ProxyMode};
use crate::program::{Shared, netns};
use crate::tables::netfilter::{Match, Rule, TableName};
use crate::tables::nft::{NftAddress, NftPart, NftValue};
use crate::tables::{Named, Netns};
use crate::world::World;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// Services of two endpoints each; the port of number 3, and whether number 5's policy makes it each node's own.
fn services(port: u16, local: bool) -> String {
    let mut text = String::new();
    for n in 0..20 {
        let port = if n == 3 { port } else { 80 };
        let policy = if local && n == 5 { "Local" } else { "Cluster" };
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec: {{clusterIP: 10.96.7.{n}, internalTrafficPolicy: \
             {policy}, ports: [{{port: {port}}}]}}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: \
             s{n}-x, labels: {{kubernetes.io/service-name: s{n}}}}}\naddressType: IPv4\nports: [{{port: 8080}}]\nendpoints: \
             [{{addresses: [10.244.1.9], nodeName: worker-1}}, {{addresses: [10.244.2.9], nodeName: worker-2}}]\n---\n"
        );
    }
    text
}

/// Two nodes' tables with one manifest and then with another.
fn programmed(proxy: ProxyMode, texts: [String; 2]) -> [[Netns; 2]; 2] {
    let mut world = World::new(Options { proxy: Some(proxy), ..Options::default() });
    let mut shared = Shared::default();
    texts.map(|text| {
        let applied = world.open_file("a.yaml", &text, true);
        assert!(applied.committed, "{:?}", applied.diagnostics);
        let revision = world.revision();
        ["worker-1", "worker-2"].map(|name| {
            let id = revision.nodes[name].netns;
            let written = netns(revision, id, &mut shared).expect("a node");
            let anew = netns(revision, id, &mut Shared::default()).expect("a node");
            let [kept, made] = [&written, &anew].map(|netns| format!("{:?}", netns.netfilter));
            assert!(kept == made, "{name} has kept something too long");
            written
        })
    })
}

/// Two nodes' tables before and after an edit.
fn edited(proxy: ProxyMode, local: bool) -> [[Netns; 2]; 2] {
    programmed(proxy, [80, 81].map(|port| services(port, local)))
}

fn chains(netns: &Netns) -> Vec<&Arc<crate::tables::netfilter::Chain>> {
    let nat = &netns.netfilter.v4.tables[&TableName::Nat];
    nat.chains().filter(|chain| chain.name().starts_with("KUBE-S")).collect()
}

/// Of so many chains, how many are not the same in memory.
fn others<C>(a: &[&Arc<C>], b: &[&Arc<C>]) -> usize {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).filter(|(a, b)| !Arc::ptr_eq(a, b)).count()
}

fn dispatch(netns: &Netns) -> Vec<&Arc<Rule>> {
    let chain = chains(netns).into_iter().find(|chain| &**chain.name() == "KUBE-SERVICES");
    chain.expect("kube-proxy's chain").rules.iter().collect()
}

#[test]
fn iptables_nodes_share_every_chain_and_an_edit_makes_three_anew() {
    let [before, after] = edited(ProxyMode::Iptables, false);
    for nodes in [&before, &after] {
        assert!(chains(&nodes[0]).len() > 60, "20 Services with two endpoints each");
        assert_eq!(others(&chains(&nodes[0]), &chains(&nodes[1])), 0);
    }
    // KUBE-SERVICES, and the Service's own chain with those of its two endpoints.
    assert_eq!(others(&chains(&before[0]), &chains(&after[0])), 4);
    assert_eq!(others(&dispatch(&before[0]), &dispatch(&after[0])), 1 + 1, "the Service's rule, and the last");
}

#[test]
fn a_service_of_policy_local_is_each_nodes_own_and_the_others_are_not() {
    let [before, after] = edited(ProxyMode::Iptables, true);
    let own = |nodes: &[Netns; 2]| {
        let [a, b] = nodes.each_ref().map(chains);
        a.iter().filter(|chain| !b.iter().any(|other| Arc::ptr_eq(chain, other))).count()
    };
    // KUBE-SERVICES, KUBE-SVL-… and its one endpoint.
    assert_eq!((own(&before), own(&after)), (3, 3));
    assert_eq!(others(&chains(&before[0]), &chains(&after[0])), 4);
}

#[test]
fn nftables_nodes_share_chains_and_elements() {
    let [before, after] = edited(ProxyMode::Nftables, false);
    let chains = |netns: &Netns| -> Vec<_> {
        let table = &netns.netfilter.nft[0];
        table.chains().filter(|chain| chain.name().contains("default/s")).cloned().collect()
    };
    let [a, b, c] = [&before[0], &before[1], &after[0]].map(chains);
    assert_eq!(a.len(), 60, "service-… and two of endpoint-… for each");
    assert_eq!(others(&a.iter().collect::<Vec<_>>(), &b.iter().collect::<Vec<_>>()), 0);
    assert_eq!(others(&a.iter().collect::<Vec<_>>(), &c.iter().collect::<Vec<_>>()), 3);
    let elements = |netns: &Netns| netns.netfilter.nft[0].map("service-ips").expect("a map").elements.shared().clone();
    assert!(Arc::ptr_eq(&elements(&before[0]), &elements(&before[1])));
    assert_eq!(elements(&before[0]).len(), 20 + 4, "the cluster's own Services have some, too");
}

/// The networks outside of which a sender is masqueraded.
fn own_networks(netns: &Netns) -> BTreeSet<IpNet> {
    let nat = netns.netfilter.v4.tables[&TableName::Nat].chains();
    let matches = nat.filter(|chain| chain.name().starts_with("KUBE-SVC-")).flat_map(|chain| &chain.rules);
    let by_iptables = matches.flat_map(|rule| &rule.matches).filter_map(|part| match part {
        Match::Source { net, invert: true } => Some(*net),
        _ => None,
    });
    let rules = netns.netfilter.nft.iter().flat_map(|table| table.chains()).flat_map(|chain| &chain.rules);
    let by_nftables = rules.flat_map(|rule| &rule.parts).filter_map(|part| match part {
        NftPart::Address { which: NftAddress::Saddr, not: true, value: NftValue::Net(net) } => Some(*net),
        _ => None,
    });
    by_iptables.chain(by_nftables).collect()
}

#[test]
fn with_node_cidr_each_node_masquerades_whom_its_own_subnet_does_not_have() {
    let text = |subnets: [&str; 2]| {
        let mut text = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\ndetectLocalMode: \
                        NodeCIDR\n---\n"
            .to_owned();
        for (at, subnet) in subnets.iter().enumerate() {
            let _ = write!(
                text,
                "apiVersion: v1\nkind: Node\nmetadata: {{name: worker-{}}}\nspec: {{podCIDR: {subnet}}}\nstatus: {{addresses: \
                 [{{type: InternalIP, address: 172.18.0.{}}}]}}\n---\n",
                at + 1,
                at + 3
            );
        }
        text + &services(80, false)
    };
    let subnets = [["10.244.7.0/24", "10.244.8.0/24"], ["10.244.9.0/24", "10.244.8.0/24"]];
    for proxy in [ProxyMode::Iptables, ProxyMode::Nftables] {
        let nodes = programmed(proxy, subnets.map(text));
        let wanted = subnets.map(|both| both.map(|subnet| BTreeSet::from([subnet.parse().expect("a subnet")])));
        assert_eq!(nodes.each_ref().map(|both| both.each_ref().map(own_networks)), wanted, "{proxy:?}");
    }
}

#[test]
fn beyond_a_thousand_endpoints_rules_of_a_node_s_own_lose_their_comments_too() {
    let many = || {
        let mut text = services(80, true);
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Service\nmetadata: {{name: many}}\nspec: {{clusterIP: 10.96.7.99, ports: [{{port: 80}}]}}\n\
             ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: many-x, labels: \
             {{kubernetes.io/service-name: many}}}}\naddressType: IPv4\nports: [{{port: 8080}}]\nendpoints:\n"
        );
        (0..1_000).for_each(|n| {
            let _ = writeln!(text, "- addresses: [10.245.{}.{}]", n / 250, 1 + n % 250);
        });
        text
    };
    let nodes = programmed(ProxyMode::Iptables, [services(80, true), many()]);
    let commented = nodes.each_ref().map(|both| {
        let local = chains(&both[0]).into_iter().find(|chain| chain.name().starts_with("KUBE-SVL-"));
        let rules = &local.expect("the Service of policy Local").rules;
        rules
            .iter()
            .any(|rule| rule.matches.iter().any(|part| matches!(part, Match::Comment(text) if text.contains("->"))))
    });
    assert_eq!(commented, [true, false]);
}
