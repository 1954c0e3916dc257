use crate::cluster::{CniName, Options, ProxyMode};
use crate::net::Family;
use crate::program::{Shared, netns};
use crate::tables::netfilter::{Chain, TableName, Target};
use crate::tables::text::{ipset, iptables};
use crate::tables::{Netns, Origin};
use crate::world::World;
use std::sync::Arc;

const PODS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {team: red}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: x, labels: {app: web}}
spec: {nodeName: worker-1, containers: [{name: c, image: nginx, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: x, labels: {app: db}}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
---
";

fn policy(name: &str, spec: &str) -> String {
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";
    format!("{head}metadata: {{name: {name}, namespace: x}}\nspec: {spec}\n---\n")
}

fn world(policies: &str) -> World {
    let options = Options { cni: Some(CniName::Calico), workers_count: Some(2), ..Options::default() };
    opened(options, policies)
}

fn opened(options: Options, policies: &str) -> World {
    let mut world = World::new(options);
    let applied = world.open_file("a.yaml", &format!("{PODS}{policies}"), true);
    assert!(applied.committed, "{:?}", applied.diagnostics);
    world
}

fn node(world: &World, name: &str, shared: &mut Shared) -> Netns {
    let revision = world.revision();
    netns(revision, revision.nodes[name].netns, shared).expect("a node")
}

/// A chain as it is saved, without Felix' hashes.
fn saved(netns: &Netns, table: TableName, chain: &str) -> Vec<String> {
    let line = |line: String| {
        let start = line.find(" -m comment --comment \"cali:").expect("Felix' comment");
        format!("{}{}", &line[..start], &line[start + 45..])
    };
    with_hashes(netns, table, chain).into_iter().map(line).collect()
}

fn with_hashes(netns: &Netns, table: TableName, chain: &str) -> Vec<String> {
    let rules = &netns.netfilter.v4.tables[&table];
    let chain = rules.chain(rules.find(chain).unwrap_or_else(|| panic!("no {chain}"))).expect("a chain");
    chain.rules.iter().map(|rule| iptables::save(Family::V4, "", rule).replacen("-A ", "", 1)).collect()
}

fn filter_chain(netns: &Netns, start: &str) -> Arc<Chain> {
    let mut found =
        netns.netfilter.v4.tables[&TableName::Filter].chains().filter(|chain| chain.name.starts_with(start));
    let chain = found.next().unwrap_or_else(|| panic!("no {start}"));
    assert!(found.next().is_none(), "more than one {start}");
    chain.clone()
}

/// Hashes as every cluster with Calico has them.
#[test]
fn rules_have_upstreams_hashes() {
    let netns = node(&world(""), "worker-1", &mut Shared::default());
    let has = |table, chain: &str, at: usize, hash: &str| {
        let line = &with_hashes(&netns, table, chain)[at];
        assert!(line.contains(&format!("\"cali:{hash}\"")), "{chain}: {line}");
    };
    has(TableName::Filter, "INPUT", 0, "Cz_u1IQiXIMmKD4c");
    has(TableName::Filter, "FORWARD", 0, "wUHhoiAYhphO9Mso");
    has(TableName::Filter, "OUTPUT", 0, "tVnHkvAo15HuiPy0");
    has(TableName::Nat, "PREROUTING", 0, "6gwbT8clXdHdC1b1");
    has(TableName::Nat, "cali-PREROUTING", 0, "r6XmIziWUJsdOK6Z");
    has(TableName::Nat, "cali-OUTPUT", 0, "GBTAv2p5CwevEyJm");
    has(TableName::Nat, "cali-POSTROUTING", 0, "Z-c7XtVd2Bq7s_hA");
    has(TableName::Nat, "cali-POSTROUTING", 1, "nYKhEzDlr11Jccal");
    has(TableName::Nat, "cali-nat-outgoing", 0, "flqWnvo8yq4ULQLa");
    has(TableName::Filter, "cali-wl-to-host", 0, "Ee9Sbo10IpVujdIY");
    has(TableName::Filter, "cali-wl-to-host", 1, "nSZbcOoG1xPONxb8");
    has(TableName::Mangle, "POSTROUTING", 0, "O3lYWMrLQYEMJtB5");
    let forward = with_hashes(&netns, TableName::Filter, "FORWARD");
    let [.., accepted, marked] = forward.as_slice() else { panic!("{forward:?}") };
    assert!(accepted.contains("cali:S93hcgKJrXEqnTfs") && marked.contains("cali:mp77cMpurHhyjLrM"), "{forward:?}");
}

#[test]
fn names_that_are_too_long_are_hashed() {
    let name = super::names::chain("cali-pi-", "/long-policy-name-that-gets-hashed");
    assert_eq!(&*name, "cali-pi-_FJ9yUkNpzshVDh2n7mg");
    assert_eq!(&*super::names::chain("cali-pri-", "kns.x"), "cali-pri-kns.x");
}

#[test]
fn felix_comes_before_kube_proxy_but_for_masquerading() {
    let netns = node(&world(""), "worker-1", &mut Shared::default());
    for (table, chain) in [
        (TableName::Raw, "PREROUTING"),
        (TableName::Raw, "OUTPUT"),
        (TableName::Mangle, "PREROUTING"),
        (TableName::Mangle, "POSTROUTING"),
        (TableName::Filter, "INPUT"),
        (TableName::Filter, "FORWARD"),
        (TableName::Filter, "OUTPUT"),
        (TableName::Nat, "PREROUTING"),
        (TableName::Nat, "OUTPUT"),
    ] {
        let line = &with_hashes(&netns, table, chain)[0];
        assert!(line.ends_with(&format!("-j cali-{chain}")), "{line}");
    }
    let last = with_hashes(&netns, TableName::Nat, "POSTROUTING").pop().expect("a rule");
    assert!(last.ends_with("-j cali-POSTROUTING"), "{last}");
}

#[test]
fn a_pod_without_policies_has_its_profiles() {
    let netns = node(&world(""), "worker-1", &mut Shared::default());
    let chain = filter_chain(&netns, "cali-pri-kns.x").name.clone();
    let filter = &netns.netfilter.v4.tables[&TableName::Filter];
    let leads = |own: &&Arc<Chain>| own.rules.iter().any(|rule| rule.target == Some(Target::Jump(chain.clone())));
    let lines = saved(&netns, TableName::Filter, &filter.chains().find(leads).expect("a Pod's chain").name);
    let accepted = "-m comment --comment \"Return if profile accepted\" -m mark --mark 0x10000/0x10000 -j RETURN";
    let expected = [
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-m conntrack --ctstate INVALID -j DROP",
        "-j MARK --set-xmark 0x0/0x30000",
        "-j cali-pri-kns.x",
        accepted,
        "-j cali-pri-ksa.x.default",
        accepted,
        "-m comment --comment \"Drop if no profiles matched\" -j DROP",
    ];
    assert_eq!(lines.iter().map(|line| line.trim()).collect::<Vec<_>>(), expected);
    let title = " -m comment --comment \"Profile kns.x ingress\" -j MARK --set-xmark 0x10000/0x10000";
    assert_eq!(saved(&netns, TableName::Filter, "cali-pri-kns.x"), [title]);
    // Chains that nothing leads to are not there.
    let all: Vec<&str> =
        netns.netfilter.v4.tables.values().flat_map(|table| table.chains()).map(|chain| &*chain.name).collect();
    assert!(!all.iter().any(|name| name.contains("failsafe") || name.contains("wireguard")), "{all:?}");
}

#[test]
fn what_one_rule_cannot_say_becomes_blocks() {
    let spec = "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: \
                [10.1.0.0/16, 10.2.0.0/16]}}], ports: [{port: 81}, {port: http}, {port: 80}, {port: 90, endPort: 95}]}]}";
    let netns = node(&world(&policy("blocks", spec)), "worker-1", &mut Shared::default());
    let chain = filter_chain(&netns, "cali-pi-");
    let set = netns.netfilter.sets.keys().find(|name| name.starts_with("cali40n:")).expect("the set of a named port");
    let expected = [
        " -m comment --comment \"Policy x/knp.default.blocks ingress\" -j MARK --set-xmark 0x0/0x180000".to_owned(),
        " -p tcp -m multiport --dports 80:81,90:95 -j MARK --set-xmark 0x80000/0x80000".to_owned(),
        format!(" -m set --match-set {set} dst,dst -j MARK --set-xmark 0x80000/0x80000"),
        " -s 10.1.0.0/16 -j MARK --set-xmark 0x0/0x80000".to_owned(),
        " -s 10.2.0.0/16 -j MARK --set-xmark 0x0/0x80000".to_owned(),
        " -s 10.0.0.0/8 -p tcp -m mark --mark 0x80000/0x80000 -j MARK --set-xmark 0x10000/0x10000".to_owned(),
    ];
    assert_eq!(saved(&netns, TableName::Filter, &chain.name), expected);
    let members: Vec<String> = netns.netfilter.sets[set].entries.iter().map(ipset::entry).collect();
    assert_eq!(members.len(), 1, "{members:?}");
    assert!(members[0].ends_with(",tcp:80"), "{members:?}");
}

#[test]
fn rules_and_members_tell_where_they_come_from() {
    let peers = "{namespaceSelector: {}}, {podSelector: {matchLabels: {app: db}}}";
    let spec = format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{from: [{peers}]}}]}}");
    let world = world(&policy("who", &spec));
    let netns = node(&world, "worker-1", &mut Shared::default());
    let chain = filter_chain(&netns, "cali-pi-");
    let paths: Vec<&str> = chain.rules.iter().map(|rule| path(&rule.origin)).collect();
    assert_eq!(paths, ["spec.ingress[0].from[0]", "spec.ingress[0].from[0]", "spec.ingress[0].from[1]"]);
    let sets: Vec<_> = netns.netfilter.sets.values().filter(|set| set.name.starts_with("cali40s:")).collect();
    assert_eq!(sets.len(), 2);
    assert!(sets.iter().all(|set| set.entries.iter().all(|entry| path(&entry.origin) == "metadata.labels")));
    let db = world.revision().pod("x", "db").expect("a Pod").ips().next().expect("an address");
    assert!(sets.iter().any(|set| set.entries.len() == 1 && set.entries[0].net == Some(db.into())));
    // On the other node nobody is selected.
    let other = node(&world, "worker-2", &mut Shared::default());
    assert!(!other.netfilter.sets.keys().any(|name| name.starts_with("cali40s:")));
}

fn path(origin: &Origin) -> &str {
    match origin {
        Origin::Object { path, .. } => path,
        other => panic!("{other:?}"),
    }
}

#[test]
fn policies_of_one_selector_are_a_group() {
    let policies: String = (0..7).map(|n| policy(&format!("p{n}"), "{podSelector: {}}")).collect();
    let netns = node(&world(&policies), "worker-1", &mut Shared::default());
    let lines = saved(&netns, TableName::Filter, &filter_chain(&netns, "cali-gi-").name);
    assert_eq!(lines.len(), 8, "{lines:#?}");
    assert!(lines[0].starts_with(" -j cali-pi-") && lines[1].starts_with(" -m mark --mark 0x0/0x30000 -j cali-pi-"));
    assert_eq!(lines[5], " -m comment --comment \"Return on verdict\" -m mark ! --mark 0x0/0x30000 -j RETURN");
}

#[test]
fn many_pods_are_found_by_the_beginning_of_their_interface() {
    let pods: String = (0..40)
        .map(|n| {
            let spec = "spec: {nodeName: worker-1, containers: [{name: c, image: nginx}]}";
            format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}, namespace: x}}\n{spec}\n---\n")
        })
        .collect();
    let netns = node(&world(&pods), "worker-1", &mut Shared::default());
    let root = saved(&netns, TableName::Filter, "cali-from-wl-dispatch");
    let tree: Vec<&String> =
        root.iter().filter(|line| line.contains("+ ") && line.contains("-g cali-from-wl-dispatch-")).collect();
    assert!(tree.len() > 8, "{root:#?}");
    let letter = tree[0].split("-i cali").nth(1).and_then(|rest| rest.chars().next()).expect("a letter");
    let below = saved(&netns, TableName::Filter, &format!("cali-from-wl-dispatch-{letter}"));
    assert!(below.len() > 2 && below.last().is_some_and(|line| line.contains("Unknown interface")), "{below:#?}");
}

#[test]
fn nodes_share_what_is_the_same() {
    let peers = "{podSelector: {matchLabels: {app: web}}}";
    let spec = |who: &str| format!("{{podSelector: {{}}, ingress: [{{from: [{who}]}}]}}");
    let (kept, other) = (policy("kept", &spec(peers)), policy("other", "{podSelector: {matchLabels: {app: db}}}"));
    let mut world = world(&(kept.clone() + &other));
    let mut shared = Shared::default();
    let chain = |netns: &Netns| filter_chain(netns, "cali-pi-");
    let before = node(&world, "worker-1", &mut shared);
    let kept_chain = chain(&before);
    let on_other = node(&world, "worker-2", &mut shared);
    let set = |netns: &Netns| netns.netfilter.sets.values().find(|set| set.name.starts_with("cali40s:")).cloned();
    assert!(Arc::ptr_eq(&set(&before).expect("a set"), &set(&on_other).expect("a set")));
    assert!(world.edit_file("a.yaml", &format!("{PODS}{kept}")).committed);
    assert!(Arc::ptr_eq(&kept_chain, &chain(&node(&world, "worker-2", &mut shared))));
}

#[test]
fn with_ipvs_the_mark_tells_where_a_packet_comes_from() {
    let options = Options {
        cni: Some(CniName::Calico),
        workers_count: Some(2),
        proxy: Some(ProxyMode::Ipvs),
        ..Options::default()
    };
    let netns = node(&opened(options, ""), "worker-1", &mut Shared::default());
    let check = saved(&netns, TableName::Filter, "cali-forward-check");
    assert_eq!(check[0], " -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN");
    assert_eq!(
        check[3],
        " -m comment --comment \"To kubernetes service\" -m set ! --match-set cali40this-host dst -j cali-set-endpoint-mark"
    );
    let this_host: Vec<String> = netns.netfilter.sets["cali40this-host"].entries.iter().map(ipset::entry).collect();
    assert!(!this_host.iter().any(|ip| ip.starts_with("10.96.")), "{this_host:?}");
    let output = saved(&netns, TableName::Filter, "cali-OUTPUT");
    assert_eq!(output[1], " -m mark ! --mark 0x0/0xffe00000 -g cali-forward-endpoint-mark");
}

/// A ClusterNetworkPolicy or one of Calico's objects.
fn other(version: &str, kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n")
}

#[test]
fn tiers_follow_each_other_and_drop_at_their_end_unless_they_pass() {
    let cluster = |tier: &str| {
        let spec = format!(
            "{{tier: {tier}, priority: 1, subject: {{namespaces: {{}}}}, ingress: [{{action: Deny, from: [{{namespaces: {{}}}}]}}]}}"
        );
        other("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", &tier.to_lowercase(), &spec)
    };
    let own = other("projectcalico.org/v3", "Tier", "late", "{}")
        + &other(
            "projectcalico.org/v3",
            "GlobalNetworkPolicy",
            "late.x",
            "{tier: late, selector: app == 'web', ingress: [{action: Pass}]}",
        );
    let policies =
        cluster("Baseline") + &cluster("Admin") + &own + &policy("k", "{podSelector: {matchLabels: {app: web}}}");
    let netns = node(&world(&policies), "worker-1", &mut Shared::default());
    let filter = &netns.netfilter.v4.tables[&TableName::Filter];
    let web = filter.chains().find(|chain| {
        chain.name.starts_with("cali-tw-")
            && chain.rules.iter().any(|rule| rule.target == Some(Target::Jump("cali-pi-late/late.x".into())))
    });
    let lines = saved(&netns, TableName::Filter, &web.expect("the Pod's chain").name);
    let start = |tier: &str| format!("-m comment --comment \"Start of tier {tier}\" -j MARK --set-xmark 0x0/0x20000");
    let asked = |chain: &str| format!("-m mark --mark 0x0/0x20000 -j {chain}");
    let accepted =
        "-m comment --comment \"Return if policy accepted\" -m mark --mark 0x10000/0x10000 -j RETURN".to_owned();
    let end = |tier: &str| {
        format!(
            "-m comment --comment \"End of tier {tier}. Drop if no policies passed packet\" -m mark --mark 0x0/0x20000 -j DROP"
        )
    };
    let mut expected = Vec::new();
    expected.extend([start("kube-admin"), asked("cali-pi-kcnp/admin"), accepted.clone()]);
    let own = super::names::chain("cali-pi-", "default/x/knp.default.k");
    expected.extend([start("default"), asked(&own), accepted.clone(), end("default")]);
    expected.extend([start("kube-baseline"), asked("cali-pi-kcnp/baseline"), accepted.clone()]);
    expected.extend([start("late"), asked("cali-pi-late/late.x"), accepted, end("late")]);
    let found: Vec<&str> = lines[3..lines.len() - 5].iter().map(|line| line.trim()).collect();
    assert_eq!(found, expected);
    let denied = saved(&netns, TableName::Filter, "cali-pi-kcnp/admin");
    assert_eq!(denied[1].trim(), "-m mark --mark 0x40000/0x40000 -j DROP");
    assert!(denied[0].ends_with(" src -j MARK --set-xmark 0x40000/0x40000"), "{denied:?}");
    let passed = saved(&netns, TableName::Filter, "cali-pi-late/late.x");
    assert_eq!(passed, [" -m comment --comment \"Policy late.x ingress\" -j MARK --set-xmark 0x20000/0x20000"]);
}

#[test]
fn a_rule_of_calicos_has_all_its_conditions() {
    let rule = "{action: Log, protocol: UDP, source: {nets: [10.0.0.0/8, 11.0.0.0/8], notNets: [10.1.0.0/16], \
                notPorts: [1, '5:7']}, destination: {notSelector: app == 'db', ports: [53]}}";
    let icmp = "{action: Deny, ipVersion: 4, protocol: ICMP, icmp: {type: 8, code: 0}, notICMP: {type: 3}}";
    let spec = format!("{{ingress: [{rule}, {icmp}, {{action: Allow, notProtocol: 47}}]}}");
    let own = other("crd.projectcalico.org/v1", "GlobalNetworkPolicy", "p", &spec);
    let netns = node(&world(&own), "worker-1", &mut Shared::default());
    let set = netns.netfilter.sets.keys().find(|name| name.starts_with("cali40s:")).expect("the set of a selector");
    let expected = [
        " -m comment --comment \"Policy default.p ingress\" -j MARK --set-xmark 0x0/0x180000".to_owned(),
        " -s 10.0.0.0/8 -j MARK --set-xmark 0x80000/0x80000".to_owned(),
        " -s 11.0.0.0/8 -j MARK --set-xmark 0x80000/0x80000".to_owned(),
        format!(
            " ! -s 10.1.0.0/16 -p udp -m multiport --dports 53 -m multiport ! --sports 1,5:7 -m set ! --match-set {set} dst -m mark \
             --mark 0x80000/0x80000 -j LOG --log-prefix \"calico-packet: \" --log-level 5"
        ),
        " -p icmp -m icmp --icmp-type 8/0 -m icmp ! --icmp-type 3 -j MARK --set-xmark 0x40000/0x40000".to_owned(),
        " -m mark --mark 0x40000/0x40000 -j DROP".to_owned(),
        " ! -p gre -j MARK --set-xmark 0x10000/0x10000".to_owned(),
    ];
    assert_eq!(saved(&netns, TableName::Filter, &filter_chain(&netns, "cali-pi-").name), expected);
}
