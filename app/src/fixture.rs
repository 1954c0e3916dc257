//! Hand-made scenes and conversations for the tests of the view-models.

use podhop_engine::protocol::*;

pub fn device(name: &str, kind: &str, address: &str) -> DeviceView {
    let note = if kind == "vxlan" { "VNI 1 · UDP 8472" } else { "" };
    let mtu = if kind == "vxlan" || kind == "bridge" { 1450 } else { 1500 };
    DeviceView {
        name: name.into(),
        kind: kind.into(),
        address: address.into(),
        mac: "02:00:00:00:00:01".into(),
        mtu,
        carrier: true,
        note: note.into(),
    }
}

pub fn pod(namespace: &str, name: &str, ip: &str) -> PodView {
    let system = namespace != "default";
    let container = ContainerView {
        name: "app".into(),
        image: "busybox".into(),
        ready: true,
        listens: vec!["TCP 80".into()],
        tools: ToolsView { ping: true, nc: true, wget: true, curl: false },
    };
    PodView {
        namespace: namespace.into(),
        name: name.into(),
        place: ["pod/", namespace, "/", name].concat(),
        ip: ip.into(),
        other_ip: String::new(),
        phase: PodPhase::Running,
        reason: String::new(),
        host_network: ip.starts_with("172."),
        frozen: false,
        dns: false,
        system,
        containers: vec![container],
        veth: if ip.starts_with("172.") { String::new() } else { ["veth", name].concat() },
        owner: String::new(),
        labels: vec![["app=", name].concat()],
    }
}

/// A Service `10.96.0.50:80` with these Pods behind it, all ready.
pub fn service(name: &str, pods: &[&str]) -> ServiceView {
    let endpoint = |(at, place): (usize, &&str)| EndpointView {
        ip: format!("10.244.1.{}", 2 + at),
        place: (*place).to_string(),
        ready: true,
    };
    let port = ServicePortView {
        name: String::new(),
        protocol: "TCP".into(),
        port: 80,
        target: "8080".into(),
        node_port: None,
    };
    ServiceView {
        namespace: "default".into(),
        name: name.into(),
        kind: "ClusterIP".into(),
        system: false,
        cluster_ips: vec!["10.96.0.50".into()],
        ingress: Vec::new(),
        external_name: String::new(),
        ports: vec![port],
        selector: vec![["app=", name].concat()],
        ready_count: pods.len() as u32,
        endpoints_count: pods.len() as u32,
        endpoints: pods.iter().enumerate().map(endpoint).collect(),
    }
}

/// A node with `pods` Pods of the user and the system's own.
pub fn node(number: usize, pods: usize) -> NodeView {
    let name = if number == 0 { "control-plane".to_string() } else { ["worker-", &number.to_string()].concat() };
    let ip = format!("172.18.{}.{}", number / 200, 2 + number % 200);
    let subnet = format!("10.{}.{}", 244 + number / 256, number % 256);
    let mut all = vec![
        pod("kube-flannel", &format!("kube-flannel-ds-{number}"), &ip),
        pod("kube-system", &format!("kube-proxy-{number}"), &ip),
    ];
    if number == 0 {
        for part in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            all.push(pod("kube-system", &[part, "-control-plane"].concat(), &ip));
        }
    }
    for i in 0..pods {
        let name = match (number, i) {
            (1, 0) => "pod-a".to_string(),
            (2, 0) => "pod-b".to_string(),
            _ => format!("web-frontend-production-5d4f8c9b7f-{number}x{i}"),
        };
        all.push(pod("default", &name, &format!("{subnet}.{}", 2 + i)));
    }
    NodeView {
        place: ["node/", &name].concat(),
        control_plane: number == 0,
        name,
        ip: ip.clone(),
        other_ip: String::new(),
        pod_cidr: format!("{subnet}.0/24"),
        ready: true,
        proxy: ProxyState::Follows,
        labels: vec!["tier=edge".into()],
        devices: vec![
            device("lo", "loopback", "127.0.0.1/8"),
            device("eth0", "nic", &[&ip, "/16"].concat()),
            device("flannel.1", "vxlan", &format!("{subnet}.0/32")),
            device("cni0", "bridge", &format!("{subnet}.1/24")),
        ],
        pods_count: all.len() as u32,
        pods: all,
    }
}

/// A control plane and `workers` workers with `pods` Pods each.
pub fn scene(workers: usize, pods: usize) -> Scene {
    Scene {
        revision: 1,
        node_network: "172.18.0.0/16".into(),
        pod_network: "10.244.0.0/16".into(),
        gateway_ip: "172.18.0.1".into(),
        cni: "Flannel VXLAN".into(),
        nodes: (0..=workers).map(|i| node(i, if i == 0 { 0 } else { pods })).collect(),
        pending: Vec::new(),
        proxy_mode: "iptables".into(),
        services: Vec::new(),
        services_count: 0,
        internet_ip: "198.51.100.7".into(),
    }
}

const INNER: (&str, &str) = ("ICMP echo", "10.244.1.2 → 10.244.2.2");
const OUTER: (&str, &str) = ("VXLAN", "172.18.0.3 → 172.18.0.4");

fn step(at_ns: u64, place: &str, device: &str, stage: &str, wrapped: bool) -> StepView {
    let mut envelope = vec![(INNER.0.to_string(), INNER.1.to_string())];
    if wrapped {
        envelope.insert(0, (OUTER.0.to_string(), OUTER.1.to_string()));
    }
    let title = [&stage[..1].to_uppercase(), &stage[1..]].concat();
    let forwards = stage == "forward";
    let range = TextRange { file: "pods.yaml".into(), line: 4, column: 3, end_line: 4, end_column: 14 };
    let origin = OriginView { label: "Flannel · lease of worker-2".into(), at: Some(range), as_of_revision: None };
    StepView {
        at_ns,
        place: place.into(),
        device: device.into(),
        stage: stage.into(),
        title,
        sentence: ["The packet: ", stage].concat(),
        sentence_beginner: ["It is: ", stage].concat(),
        verdict: VerdictKind::Pass,
        changes: if forwards {
            vec![ChangeView { field: "ttl".into(), before: "64".into(), after: "63".into() }]
        } else {
            Vec::new()
        },
        cause: forwards.then(|| CauseView {
            place: place.into(),
            table: "route".into(),
            text: "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink".into(),
            command: "ip route".into(),
            origin,
        }),
        chance: String::new(),
        has_why: matches!(stage, "route" | "neighbor" | "bridge" | "encapsulate" | "decapsulate" | "switch"),
        envelope,
        len: if wrapped { 148 } else { 98 },
    }
}

/// The steps of a packet from a Pod on worker `from` to a Pod on worker `to` through the overlay.
fn overlay(start_ns: u64, from: usize, to: usize) -> Vec<StepView> {
    let name = |n: usize| if n == 1 { "pod-a" } else { "pod-b" };
    let pods = [from, to].map(|n| ["pod/default/", name(n)].concat());
    let nodes = [from, to].map(|n| ["node/worker-", &n.to_string()].concat());
    let veths = [from, to].map(|n| ["veth", name(n)].concat());
    let way: [(&str, &str, &str, bool); 22] = [
        (&pods[0], "", "send", false),
        (&pods[0], "", "route", false),
        (&pods[0], "eth0", "neighbor", false),
        (&pods[0], "eth0", "transmit", false),
        (&nodes[0], &veths[0], "receive", false),
        (&nodes[0], "cni0", "bridge", false),
        (&nodes[0], "", "route", false),
        (&nodes[0], "", "forward", false),
        (&nodes[0], "flannel.1", "neighbor", false),
        (&nodes[0], "flannel.1", "encapsulate", true),
        (&nodes[0], "", "route", true),
        (&nodes[0], "eth0", "transmit", true),
        ("segment/0", "", "switch", true),
        (&nodes[1], "eth0", "receive", true),
        (&nodes[1], "", "route", true),
        (&nodes[1], "flannel.1", "decapsulate", false),
        (&nodes[1], "", "forward", false),
        (&nodes[1], "cni0", "transmit", false),
        (&nodes[1], "cni0", "bridge", false),
        (&nodes[1], &veths[1], "transmit", false),
        (&pods[1], "eth0", "receive", false),
        (&pods[1], "", "deliver", false),
    ];
    let times = (0..).map(|i: u64| start_ns + i * 1_900);
    way.iter()
        .zip(times)
        .map(|((place, device, stage, wrapped), at)| step(at, place, device, stage, *wrapped))
        .collect()
}

fn packet(number: u32, title: &str, steps: Vec<StepView>) -> PacketView {
    PacketView {
        packet: number,
        parent: None,
        title: title.into(),
        label: INNER.1.into(),
        plumbing: false,
        reply: title.contains("reply"),
        born_at_ns: steps[0].at_ns,
        steps,
        disposition: "delivered".into(),
        disposition_kind: VerdictKind::Delivered,
    }
}

/// `ping -c 3` from pod-a on worker-1 to pod-b on worker-2; the first echo waits for ARP.
pub fn ping() -> FlowView {
    let mut packets = Vec::new();
    for seq in 0..3u64 {
        let start_ns = seq * 1_000_000_000;
        let mut steps = overlay(start_ns, 1, 2);
        if seq == 0 {
            for step in &mut steps[3..] {
                step.at_ns += 20_000;
            }
            steps[2].verdict = VerdictKind::Wait;
        }
        let request = packet(packets.len() as u32, &format!("ICMP echo request seq {seq}"), steps);
        let id = request.packet;
        packets.push(request);
        if seq == 0 {
            let asked = step(start_ns + 6_000, "pod/default/pod-a", "eth0", "transmit", false);
            let heard = step(start_ns + 8_000, "node/worker-1", "cni0", "deliver", false);
            let mut arp = packet(id + 1, "ARP who has 10.244.1.1?", vec![asked, heard]);
            (arp.plumbing, arp.parent) = (true, Some((id, "serves".into())));
            let mut told = packet(
                id + 2,
                "ARP reply",
                vec![step(start_ns + 9_000, "pod/default/pod-a", "eth0", "deliver", false)],
            );
            (told.plumbing, told.parent) = (true, Some((id + 1, "answers".into())));
            packets.extend([arp, told]);
        }
        let steps = overlay(start_ns + 90_000, 2, 1);
        let mut reply = packet(packets.len() as u32, &format!("ICMP echo reply seq {seq}"), steps);
        reply.parent = Some((id, "answers".into()));
        packets.push(reply);
    }
    FlowView { summary: summary("ping 10.244.2.2"), packets, unrecorded_count: 0 }
}

pub fn summary(title: &str) -> FlowSummary {
    FlowSummary {
        flow: 0,
        title: title.into(),
        from: "pod/default/pod-a".into(),
        to: "pod/default/pod-b".into(),
        end: "delivered".into(),
        end_kind: VerdictKind::Delivered,
        reason: String::new(),
        started_at_ns: 0,
        packets_count: 6,
    }
}

/// The ways of `count` conversations like `flow`, with the numbers from 0 on.
pub fn ways(flow: &FlowView, count: u32) -> WaysView {
    let mut view = WaysView::default();
    let began = flow.packets.first().map_or(0, |packet| packet.born_at_ns);
    let main: Vec<&PacketView> = flow.packets.iter().filter(|packet| !packet.plumbing).collect();
    let mut packets = Vec::new();
    for packet in &main {
        let mut steps = Vec::new();
        for step in &packet.steps {
            let place = view.places.iter().position(|place| *place == step.place).unwrap_or_else(|| {
                view.places.push(step.place.clone());
                view.places.len() - 1
            });
            steps.push((view.stops.len() as u32, step.at_ns - began));
            view.stops.push(StopView {
                place: place as u32,
                device: step.device.clone(),
                stage: step.stage.clone(),
                verdict: step.verdict,
                tunnelled: crate::stage::route::Stop::of(step).tunnelled,
            });
        }
        let answers = packet.parent.as_ref().filter(|(_, relation)| relation == "answers");
        let answers = answers.and_then(|(of, _)| main.iter().position(|one| one.packet == *of));
        let (reply, disposition_kind) = (packet.reply, packet.disposition_kind);
        packets.push(PacketWay { reply, answers: answers.map(|of| of as u32), disposition_kind, steps });
    }
    let FlowSummary { from, to, end, end_kind, .. } = flow.summary.clone();
    let one = FlowWays { flow: 0, from, to, end, end_kind, packets };
    view.flows = (0..count).map(|flow| FlowWays { flow, ..one.clone() }).collect();
    view
}
