//! What nodes have in common is kept once, and an edit of one Service leaves the rest as it was.

use crate::cluster::{Options, ProxyMode};
use crate::program::{Shared, netns};
use crate::tables::netfilter::{Rule, TableName};
use crate::tables::{Named, Netns};
use crate::world::World;
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

/// Two nodes' tables before and after an edit.
fn edited(proxy: ProxyMode, local: bool) -> [[Netns; 2]; 2] {
    let mut world = World::new(Options { proxy: Some(proxy), ..Options::default() });
    assert!(world.open_file("a.yaml", &services(80, local), true).committed);
    let mut shared = Shared::default();
    let mut nodes = |world: &World| {
        ["worker-1", "worker-2"].map(|name| {
            let revision = world.revision();
            netns(revision, revision.nodes[name].netns, &mut shared).expect("a node")
        })
    };
    let before = nodes(&world);
    assert!(world.edit_file("a.yaml", &services(81, local)).committed);
    [before, nodes(&world)]
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
