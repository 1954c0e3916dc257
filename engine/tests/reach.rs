//! The matrix of who can connect to whom is what packets find out one by one, whatever the cluster and its policies.

use podhop_engine::cluster::{CniName, Options, ProxyMode};
use podhop_engine::net::Protocol;
use podhop_engine::protocol::{ReplyBody, Request, RequestBody, Server};
use podhop_engine::reach::{End, Fate, Ports, Solver, Which, changes, csv, end_named, ends, svg, text};
use podhop_engine::world::{ProbeKind, ProbeSpec, World};
use std::fmt::Write;

const CLUSTERS: u64 = 12;
const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// xorshift64*: the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Two namespaces with Pods of three groups on three workers, one on the host's network, a Service, and policies.
fn manifests(random: &mut Random) -> String {
    let mut text = "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {team: red}}}\n---\n\
                    {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n---\n"
        .to_owned();
    for pod in 0..5 + random.below(4) {
        let (namespace, node) = (random.of(&["a", "b"]), 1 + random.below(3));
        let image = random.of(&["nginx", "busybox", "registry.k8s.io/e2e-test-images/agnhost:2.53"]);
        let host = if pod == 4 { "hostNetwork: true, " } else { "" };
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{pod}, namespace: {namespace}, labels: {{app: g{}}}}}\n\
             spec: {{{host}nodeName: worker-{node}, containers: [{{name: c, image: '{image}', command: [sleep, infinity], \
             ports: [{{name: http, containerPort: {}}}]}}]}}\n---\n",
            pod % 3,
            [80, 8080][random.below(2) as usize],
        );
    }
    text.push_str(
        "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: a}, spec: {type: NodePort, selector: {app: g0}, \
         ports: [{port: 80, nodePort: 30080}]}}\n---\n",
    );
    for policy in 0..random.below(6) {
        let ports = random.of(&[
            "",
            "ports: [{port: 80}]",
            "ports: [{port: http}]",
            "ports: [{port: 1000, endPort: 2000}, {port: 443}]",
            "ports: [{protocol: UDP, port: 53}]",
            "ports: [{protocol: SCTP}]",
        ]);
        let peer = random.of(&[
            "{podSelector: {matchLabels: {app: g0}}}",
            "{namespaceSelector: {matchLabels: {team: red}}}",
            "{namespaceSelector: {}, podSelector: {matchLabels: {app: g1}}}",
            "{ipBlock: {cidr: 10.244.0.0/16, except: [10.244.8.128/25]}}",
            "{ipBlock: {cidr: 172.18.0.0/16}}",
        ]);
        let selector = random.of(&["{}", "{matchLabels: {app: g1}}", "{matchLabels: {app: g2}}"]);
        let (kind, field, peers) =
            if random.below(2) == 0 { ("Ingress", "ingress", "from") } else { ("Egress", "egress", "to") };
        let rule = [format!("{peers}: [{peer}]"), ports.to_owned()].into_iter().filter(|part| !part.is_empty());
        let rule = rule.collect::<Vec<_>>().join(", ");
        let namespace = random.of(&["a", "b"]);
        let _ = write!(
            text,
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: n{policy}, namespace: {namespace}}}\n\
             spec: {{podSelector: {selector}, policyTypes: [{kind}], {field}: [{{{rule}}}]}}\n---\n",
        );
    }
    text
}

fn world(seed: u64, cni: CniName, proxy: ProxyMode) -> World {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed + 1));
    let text = manifests(&mut random);
    let options = Options { cni: Some(cni), proxy: Some(proxy), workers_count: Some(3), ..Options::default() };
    let mut world = World::new(options);
    let applied = world.open_file("a.yaml", &text, true);
    assert!(applied.committed, "seed {seed}: {:?}\n{text}", applied.diagnostics);
    world
}

fn probed(world: &mut World, from: &End, to: &End, kind: ProbeKind) -> bool {
    let spec = ProbeSpec { from: from.netns, to: to.ip, kind, timeout: 10_000_000_000 };
    world.probe(&spec).connects()
}

/// Every pair at one port, by the matrix and by packet.
fn compare(world: &mut World, ends: &[End], ports: Ports, what: &str) {
    let matrix = Solver::default().matrix(world.tables(), ends.to_vec(), ports);
    let kind = match ports {
        Ports::One(protocol, port) => ProbeKind::plain(Some(protocol), port),
        _ => ProbeKind::plain(None, 0),
    };
    for (i, from) in ends.iter().enumerate() {
        for (j, to) in ends.iter().enumerate().filter(|(j, _)| *j != i) {
            let open = matrix.fate(i, j) == Fate::Open;
            let (from_name, to_name) = (from.full_name(), to.full_name());
            assert_eq!(open, probed(world, from, to, kind), "{what}: {from_name} -> {to_name} {}", ports.title());
        }
    }
}

/// The ports of a pair, and packets at and beside each end of an interval.
fn compare_ports(world: &mut World, from: &End, to: &End, protocol: Protocol, what: &str) {
    let reached = Solver::default().ports(world.tables(), (from, to), protocol);
    assert_eq!((reached.protocol, reached.cut), (protocol, None));
    let set = reached.ports;
    let edges = set
        .intervals()
        .iter()
        .flat_map(|(first, last)| [first.checked_sub(1), Some(*first), Some(*last), last.checked_add(1)]);
    let mut ports: Vec<u16> = edges.flatten().filter(|port| *port > 0).chain([80, 4_789, 30_080, 65_535]).collect();
    ports.sort_unstable();
    ports.dedup();
    for port in ports {
        let is = probed(world, from, to, ProbeKind::plain(Some(protocol), port));
        let (from, to) = (from.full_name(), to.full_name());
        assert_eq!(set.has(port), is, "{what}: {from} -> {to} {} {port} of {set}", protocol.name());
    }
}

const CLUSTER_KINDS: [(CniName, ProxyMode); 4] = [
    (CniName::Calico, ProxyMode::Iptables),
    (CniName::Calico, ProxyMode::Ipvs),
    (CniName::Calico, ProxyMode::Nftables),
    (CniName::Flannel, ProxyMode::Iptables),
];

#[test]
fn matrices_are_what_packets_find_out() {
    for seed in 0..CLUSTERS {
        let (cni, proxy) = CLUSTER_KINDS[(seed % 4) as usize];
        let mut world = world(seed, cni, proxy);
        let mut list = ends(world.revision(), Which::default());
        if seed % 3 == 0 {
            list.push(end_named(world.revision(), "node/worker-1").unwrap());
            list.push(end_named(world.revision(), "node/worker-2").unwrap());
            list.push(end_named(world.revision(), "outside").unwrap());
        }
        for ports in [
            Ports::One(Protocol::Tcp, 80),
            Ports::One(Protocol::Udp, 53),
            Ports::One(Protocol::Tcp, 1_500),
            Ports::Ping,
        ] {
            compare(&mut world, &list, ports, &format!("seed {seed}, {cni:?} {proxy:?}"));
        }
    }
}

#[test]
fn the_ports_of_pairs_end_where_packets_say() {
    for seed in 0..CLUSTERS {
        let (cni, proxy) = CLUSTER_KINDS[(seed % 4) as usize];
        let mut world = world(seed, cni, proxy);
        let mut list = ends(world.revision(), Which::default());
        list.truncate(3);
        list.push(end_named(world.revision(), "node/worker-1").unwrap());
        for (i, from) in list.iter().enumerate() {
            for (j, to) in list.iter().enumerate().filter(|(j, _)| *j != i) {
                let protocol = PROTOCOLS[(i + j + seed as usize) % 3];
                compare_ports(&mut world, from, to, protocol, &format!("seed {seed}, {cni:?} {proxy:?}"));
            }
        }
    }
}

fn run(server: &mut Server, line: &str) {
    let body = RequestBody::Run { session: 0, line: line.to_owned() };
    match server.handle(Request { id: 1, body }).body {
        ReplyBody::Console(console) => assert_eq!(console.exit_status, 0, "{line}: {:?}", console.chunks),
        other => panic!("{other:?}"),
    }
}

#[test]
fn changes_by_hand_count_as_packets_find_them() {
    let lines: [&[&str]; 5] = [
        &["ssh worker-1 iptables -I FORWARD -p tcp --dport 70:90 -j DROP"],
        &["ssh worker-2 iptables -I FORWARD -s 10.244.0.0/17 -j DROP"],
        &["ssh worker-3 ip link set eth0 down"],
        &["ssh worker-1 sysctl -w net.ipv4.ip_forward=0"],
        &[
            "ssh worker-2 iptables -P FORWARD DROP",
            "ssh worker-1 iptables -I FORWARD -m multiport --dports 1,80 -j REJECT",
        ],
    ];
    for (seed, lines) in (0..).zip(lines) {
        for (cni, proxy) in [(CniName::Calico, ProxyMode::Iptables), (CniName::Flannel, ProxyMode::Nftables)] {
            let mut server = Server::over(world(seed, cni, proxy));
            lines.iter().for_each(|line| run(&mut server, line));
            let what = format!("seed {seed}, {cni:?} {lines:?}");
            let world = server.world();
            let list = ends(world.revision(), Which::default());
            compare(world, &list, Ports::One(Protocol::Tcp, 80), &what);
            compare(world, &list, Ports::Ping, &what);
            compare_ports(world, &list[0], &list[1], Protocol::Tcp, &what);
        }
    }
}

#[test]
fn a_route_that_is_gone_closes_the_way_through_it_alone() {
    let mut server = Server::over(world(2, CniName::Flannel, ProxyMode::Iptables));
    let subnet = server.world().revision().node("worker-2").and_then(|node| node.pod_cidr.clone()).unwrap().0;
    run(&mut server, &format!("ssh worker-1 ip route del {subnet}"));
    let world = server.world();
    let list = ends(world.revision(), Which::default());
    compare(world, &list, Ports::One(Protocol::Tcp, 80), "a route deleted");
    let matrix = Solver::default().matrix(world.tables(), list, Ports::Ping);
    for (i, from) in matrix.ends.iter().enumerate().filter(|(_, end)| !end.host_network) {
        for (j, to) in matrix.ends.iter().enumerate().filter(|(j, to)| *j != i && !to.host_network) {
            let cut = [("worker-1", "worker-2"), ("worker-2", "worker-1")].contains(&(&*from.node, &*to.node));
            assert_eq!(matrix.fate(i, j) == Fate::Closed, cut, "{} -> {}", from.full_name(), to.full_name());
        }
    }
}

fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
    server.handle(Request { id: 1, body }).body
}

#[test]
fn the_panel_gets_classes_changes_and_the_row_that_decides() {
    let options = Options { cni: Some(CniName::Calico), workers_count: Some(2), ..Options::default() };
    let mut server = Server::new(options);
    let open = deployments("");
    server.world().open_file("a.yaml", &open, true);
    let since = server.world().revision().number;
    server.world().edit_file("a.yaml", &deployments(DB_FROM_WEB));
    let body =
        RequestBody::Reach { protocol: "TCP".into(), port: 80, all: false, workloads: false, since: Some(since) };
    let ReplyBody::Reach(view) = ask(&mut server, body) else { panic!("a matrix") };
    assert_eq!((view.title.as_str(), view.ends.len(), view.class_of.len()), ("TCP 80", 16, 16));
    assert_eq!(
        (view.apart, view.together),
        (vec!["X.".to_owned(), "..".to_owned()], vec!["X.".to_owned(), "..".to_owned()])
    );
    assert_eq!((view.changes.len(), view.changes_count), (56, 56));
    assert_eq!((view.changes[0].was, view.changes[0].is), ('.', 'X'));
    let (from, to) = (view.ends[0].place.clone(), view.ends[1].place.clone());
    // Without a protocol it is about the ports that the receiver's containers declare.
    let body = RequestBody::WhyBlocked { from, to, protocol: String::new(), port: 0 };
    let ReplyBody::WhyBlocked(Some(why)) = ask(&mut server, body) else { panic!("a reason") };
    assert_eq!(why.asked, "TCP 80");
    assert_eq!((why.word.as_str(), why.reply, why.table.as_str()), ("timed out", false, "filter"));
    assert!(why.place.starts_with("node/worker-"), "{}", why.place);
    assert!(why.text.contains("Drop if no policies passed packet"), "{}", why.text);
    let body = RequestBody::Reach { protocol: "TCP".into(), port: 0, all: false, workloads: false, since: None };
    assert!(matches!(ask(&mut server, body), ReplyBody::Error(_)));
}

#[test]
fn a_matrix_is_told_as_text_table_and_picture() {
    let mut world = World::new(Options { cni: Some(CniName::Calico), workers_count: Some(2), ..Options::default() });
    world.open_file("a.yaml", &deployments(DB_FROM_WEB), true);
    let list = ends(world.revision(), Which::default());
    let matrix = Solver::default().matrix(world.tables(), list, Ports::One(Protocol::Tcp, 80)).workloads();
    let text = text(&matrix);
    assert!(text.contains("  Deployment/db  1 X.\n  Deployment/web 2 ..\n"), "{text}");
    let lines = "default/Deployment/db,default/Deployment/db,no\ndefault/Deployment/db,default/Deployment/web,yes\n";
    assert!(csv(&matrix).starts_with(&format!("from,to,connects\n{lines}")), "{}", csv(&matrix));
    let svg = svg(&matrix);
    assert!(svg.contains("<title id=\"t\">Who can connect to whom: TCP 80</title>"), "{svg}");
    assert!(
        svg.contains("3 pairs connect, 0 in part, 1 do not: default/Deployment/db to default/Deployment/db"),
        "{svg}"
    );
    assert_eq!((svg.matches("<rect").count(), svg.matches("<path").count()), (4, 1));
}

/// Replicas of two Deployments on four nodes.
fn deployments(policy: &str) -> String {
    let deployment = |name: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}}}, spec: {{replicas: 8, selector: \
             {{matchLabels: {{app: {name}}}}}, template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: \
             [{{name: c, image: nginx, ports: [{{containerPort: 80}}]}}]}}}}}}}}\n---\n"
        )
    };
    deployment("web")
        + &deployment("db")
        + "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}\n---\n"
        + policy
}

const DB_FROM_WEB: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db}, spec: {podSelector: \
    {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}}\n";

#[test]
fn replicas_are_of_one_class_and_a_few_packets_answer_for_all() {
    for proxy in [ProxyMode::Iptables, ProxyMode::Nftables] {
        let options =
            Options { cni: Some(CniName::Calico), proxy: Some(proxy), workers_count: Some(4), ..Options::default() };
        let mut world = World::new(options);
        world.open_file("a.yaml", &deployments(DB_FROM_WEB), true);
        let list = ends(world.revision(), Which::default());
        let mut solver = Solver::default();
        let before = solver.matrix(world.tables(), list, Ports::Declared);
        assert_eq!(before.ends.len(), 16);
        assert_eq!(before.classes.len(), 2, "{proxy:?}: {:?}", before.class_of);
        assert_eq!(solver.trials_count(), 8);
        let workloads = before.workloads();
        let names: Vec<String> = workloads.ends.iter().map(End::full_name).collect();
        assert_eq!(names, ["default/Deployment/db", "default/Deployment/web"]);
        assert_eq!(workloads.fate(0, 0), Fate::Closed);
        assert_eq!([workloads.fate(1, 0), workloads.fate(0, 1), workloads.fate(1, 1)], [Fate::Open; 3]);
        // An edit is found out with few packets more, and back again with none.
        world.edit_file("a.yaml", &deployments(&DB_FROM_WEB.replace("{matchLabels: {app: web}}}]", "{}}]")));
        let list = ends(world.revision(), Which::default());
        let after = solver.matrix(world.tables(), list, Ports::Declared);
        let (pairs, count) = changes(&before, &after, 3);
        assert_eq!((pairs.len(), count), (3, 56));
        assert_eq!((pairs[0].was, pairs[0].is), (Fate::Closed, Fate::Open));
        let tried = solver.trials_count();
        world.edit_file("a.yaml", &deployments(DB_FROM_WEB));
        let list = ends(world.revision(), Which::default());
        let again = solver.matrix(world.tables(), list, Ports::Declared);
        assert_eq!(changes(&before, &again, 3), (Vec::new(), 0));
        assert_eq!(solver.trials_count(), tried);
    }
}
