//! What can be sent from one place to another, as command lines: a drag and the terminal make the same conversation.

use super::layout::Target;
use podhop_engine::protocol::{PodPhase, PodView, Scene, ServiceView, ToolsView};

/// Ports for which connections are offered.
const PORTS_MAX: usize = 4;
/// Pods that one "Ping all" asks.
pub const ALL_MAX: usize = 1_200;
/// Up to so many the line names the addresses and prints what each answers; of more it prints failures only.
const NAMED_MAX: usize = 50;
/// Pings of every Pod to every other, together.
pub const PAIRS_MAX: usize = 6_100;
/// Up to so many senders are named in the line.
const SENDERS_NAMED_MAX: usize = 8;
const QUIET: &str = "ping -c 1 -W 2 $ip >/dev/null || echo ";
/// Prints the addresses of all Pods that have one of their own.
const ADDRESSES: &str = "$(kubectl get pods -A --field-selector spec.hostNetwork=false,status.phase=Running \
-o jsonpath='{.items[*].status.podIP}')";

/// One offer of the menu.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub label: String,
    /// The line to run, or, if it cannot be run, why not.
    pub line: Result<String, String>,
}

/// Who sends: its name, how a command is run there, and what its image has.
struct Sender {
    name: String,
    prefix: String,
    tools: ToolsView,
    image: String,
    /// The node of a Pod.
    node: Option<String>,
}

/// The machine that the terminal is on, at the gateway.
const HOST: &str = "host";

fn exec(pod: &PodView) -> String {
    let namespace = if pod.namespace == "default" { String::new() } else { ["-n ", &pod.namespace, " "].concat() };
    ["kubectl exec ", &namespace, &pod.name, " -- "].concat()
}

fn sender(scene: &Scene, from: &Target) -> Option<Sender> {
    let tools = ToolsView { ping: true, nc: true, wget: true, curl: true };
    match *from {
        Target::Gateway => {
            Some(Sender { name: HOST.to_string(), prefix: String::new(), tools, image: String::new(), node: None })
        }
        Target::Node(node) => {
            let name = scene.nodes.get(node)?.name.clone();
            Some(Sender { prefix: ["ssh ", &name, " "].concat(), name, tools, image: String::new(), node: None })
        }
        Target::Pod(node, pod) => {
            let node = scene.nodes.get(node)?;
            let pod = node.pods.get(pod).filter(|pod| pod.phase == PodPhase::Running)?;
            let first = pod.containers.first()?;
            Some(Sender {
                name: pod.name.clone(),
                prefix: exec(pod),
                tools: first.tools,
                image: first.image.clone(),
                node: Some(node.name.clone()),
            })
        }
        _ => None,
    }
}

/// Can something be sent from here?
pub fn can_send(scene: &Scene, from: &Target) -> bool {
    sender(scene, from).is_some()
}

/// A target's name and the address that reaches it; None if it has none.
pub fn address(scene: &Scene, to: &Target) -> Option<(String, String)> {
    let (name, ip) = match *to {
        Target::Node(node) => scene.nodes.get(node).map(|node| (node.name.clone(), node.ip.clone())),
        Target::Pod(node, pod) => {
            let pod = scene.nodes.get(node)?.pods.get(pod)?;
            Some((pod.name.clone(), pod.ip.clone()))
        }
        Target::Device(node, device) => {
            let device = scene.nodes.get(node)?.devices.get(device)?;
            Some((device.name.clone(), device.address.split('/').next().unwrap_or_default().to_string()))
        }
        Target::Gateway => Some(("gateway".to_string(), scene.gateway_ip.clone())),
        Target::Internet => Some(("internet".to_string(), scene.internet_ip.clone())),
        Target::Service(service) => {
            let service = scene.services.get(service)?;
            let ip = service.cluster_ips.first().or(service.ingress.first());
            Some((service.name.clone(), ip.cloned().unwrap_or_else(|| dns_name(service, "default"))))
        }
        Target::Pending(_) | Target::MoreServices => None,
    }?;
    (!ip.is_empty()).then_some((name, ip))
}

/// The TCP ports that a target listens on: a Pod's containers', and on a node those of the Pods on its network.
fn tcp_ports(scene: &Scene, to: &Target) -> Vec<String> {
    let of = |pod: &PodView| -> Vec<String> {
        let listens = pod.containers.iter().flat_map(|container| &container.listens);
        listens.filter_map(|listens| listens.strip_prefix("TCP ")).map(str::to_string).collect()
    };
    let mut ports = match *to {
        Target::Pod(node, pod) => scene.nodes[node].pods.get(pod).map(of).unwrap_or_default(),
        Target::Node(node) => scene.nodes[node].pods.iter().filter(|pod| pod.host_network).flat_map(of).collect(),
        _ => Vec::new(),
    };
    ports.dedup();
    ports.truncate(PORTS_MAX);
    ports
}

/// What can be sent from `from` to `to`, in the order of the menu. Empty if nothing can.
pub fn choices(scene: &Scene, from: &Target, to: &Target) -> Vec<Choice> {
    let (Some(sender), Some((_, ip))) = (sender(scene, from), address(scene, to)) else { return Vec::new() };
    if let Target::Service(service) = *to {
        return scene.services.get(service).map(|to| to_service(scene, from, &sender, to)).unwrap_or_default();
    }
    let mut choices = Vec::new();
    let mut offer = |label: String, tool: &str, command: Option<String>| {
        let missing = || [&sender.image, " has no ", tool].concat();
        let line = command.as_ref().map(|command| [&sender.prefix, command.as_str()].concat());
        choices.push(Choice { label, line: line.ok_or_else(missing) });
    };
    let ping = ["ping -c 3 ", &ip].concat();
    offer("Ping".to_string(), "ping", sender.tools.ping.then(|| ping.clone()));
    let ports = tcp_ports(scene, to);
    let closed = ["80".to_string()];
    for port in if ports.is_empty() { &closed[..] } else { &ports[..] } {
        let note = if ports.is_empty() { ", where nothing listens" } else { "" };
        let command = ["nc -zv -w 2 ", &ip, " ", port].concat();
        offer(["TCP connect to port ", port, note].concat(), "nc", sender.tools.nc.then_some(command));
    }
    for port in &ports {
        let url = ["http://", &ip, ":", port, "/"].concat();
        let tools = sender.tools;
        let command = match (tools.wget, tools.curl) {
            (_, true) => Some(["curl -sS -m 3 ", &url].concat()),
            (true, _) => Some(["wget -qO- -T 3 ", &url].concat()),
            _ => None,
        };
        offer(["HTTP GET from port ", port].concat(), "wget or curl", command);
    }
    if let (false, Some(node)) = (sender.tools.ping, &sender.node) {
        let line = ["kubectl debug node/", node, " -i --image=busybox -- ", &ping].concat();
        choices.push(Choice { label: ["Ping from its node, ", node].concat(), line: Ok(line) });
    }
    choices
}

/// A Service's name as a Pod of this namespace may call it: `web`, `web.shop`.
fn dns_name(service: &ServiceView, namespace: &str) -> String {
    match service.namespace == namespace {
        true => service.name.clone(),
        false => [&service.name, ".", &service.namespace].concat(),
    }
}

/// What can be sent to a Service: by its name from a Pod, by its address from a node, by what outside knows of it from
/// the host.
fn to_service(scene: &Scene, from: &Target, sender: &Sender, service: &ServiceView) -> Vec<Choice> {
    let cluster_ip = || service.cluster_ips.first().cloned();
    let node_ip = || scene.nodes.iter().find(|node| !node.control_plane).map(|node| node.ip.clone());
    // Where it is reached, and whether by its node port.
    let reached = match *from {
        Target::Pod(node, pod) => Some((dns_name(service, &scene.nodes[node].pods[pod].namespace), false)),
        Target::Gateway => {
            let is_open = service.ports.iter().any(|port| port.node_port.is_some());
            let by_port = || node_ip().filter(|_| is_open).map(|ip| (ip, true));
            service.ingress.first().map(|ip| (ip.clone(), false)).or_else(by_port)
        }
        _ => cluster_ip().map(|ip| (ip, false)),
    };
    let Some((host, by_node_port)) = reached else {
        let line = Err("It has no address outside of the cluster.".to_string());
        return vec![Choice { label: ["Connect to ", &service.name].concat(), line }];
    };
    let mut choices = Vec::new();
    let mut offer = |label: String, tool: &str, command: Option<String>| {
        let missing = || [&sender.image, " has no ", tool].concat();
        let line = command.map(|command| [&sender.prefix, command.as_str()].concat());
        choices.push(Choice { label, line: line.ok_or_else(missing) });
    };
    let tools = sender.tools;
    for port in service.ports.iter().filter(|port| port.protocol == "TCP").take(PORTS_MAX) {
        let number = if by_node_port { port.node_port } else { Some(port.port) };
        let Some(number) = number.map(|number| number.to_string()) else { continue };
        let at = if number == "80" { host.clone() } else { [&host, ":", &number].concat() };
        let url = ["http://", &at, "/"].concat();
        let command = match (tools.wget, tools.curl) {
            (_, true) => Some(["curl -sS -m 3 ", &url].concat()),
            (true, _) => Some(["wget -qO- -T 3 ", &url].concat()),
            _ => None,
        };
        offer(["HTTP GET from ", &at].concat(), "wget or curl", command);
        let connect = ["nc -zv -w 2 ", &host, " ", &number].concat();
        offer(["TCP connect to ", &host, " port ", &number].concat(), "nc", tools.nc.then_some(connect));
    }
    // Where a Pod has wget or ping of BusyBox, it has nslookup, too.
    if matches!(from, Target::Pod(..)) && tools.wget && tools.ping {
        offer(["Ask DNS for ", &host].concat(), "nslookup", Some(["nslookup ", &host].concat()));
    }
    choices
}

/// What "Ping all" runs and whom it asks.
#[derive(Clone, Debug, PartialEq)]
pub struct PingAll {
    pub from: String,
    pub line: String,
    /// Places of the Pods that are asked: `pod/default/pod-b`.
    pub places: Vec<String>,
    /// How many Pods ask each of them.
    pub senders: usize,
    /// Other running Pods that are more than can be asked.
    pub left_out: usize,
}

/// A ping from a Pod or node to every other running Pod that has an address of its own, as one line. Err says why not.
pub fn ping_all(scene: &Scene, from: &Target) -> Result<PingAll, String> {
    // No route leads from the host to Pods.
    let sender = sender(scene, from).filter(|_| *from != Target::Gateway);
    let sender = sender.ok_or("Only running Pods and nodes can send.")?;
    if !sender.tools.ping {
        return Err([&sender.image, " has no ping"].concat());
    }
    let own = match *from {
        Target::Pod(node, pod) => scene.nodes[node].pods[pod].place.clone(),
        _ => String::new(),
    };
    let mut asked = addressed(scene);
    asked.retain(|pod| pod.place != own);
    if asked.is_empty() {
        return Err("There is no other running Pod.".to_string());
    }
    let left_out = asked.len().saturating_sub(ALL_MAX);
    asked.truncate(ALL_MAX);
    let ips: Vec<&str> = asked.iter().map(|pod| pod.ip.as_str()).collect();
    let line = match asked.len() {
        0..=NAMED_MAX => ["for ip in ", &ips.join(" "), "; do ", &sender.prefix, "ping -c 1 -W 2 $ip; done"].concat(),
        _ if left_out > 0 => {
            let ips = ips.join(" ");
            ["for ip in ", &ips, "; do ", &sender.prefix, QUIET, "\"no answer from $ip\"; done"].concat()
        }
        _ => ["for ip in ", ADDRESSES, "; do ", &sender.prefix, QUIET, "\"no answer from $ip\"; done"].concat(),
    };
    let places = asked.iter().map(|pod| pod.place.clone()).collect();
    Ok(PingAll { from: sender.name, line, places, senders: 1, left_out })
}

/// Running Pods with an address of their own, the user's first.
fn addressed(scene: &Scene) -> Vec<&PodView> {
    let pods = scene.nodes.iter().flat_map(|node| &node.pods);
    let mut pods: Vec<&PodView> =
        pods.filter(|pod| pod.phase == PodPhase::Running && !pod.host_network && !pod.ip.is_empty()).collect();
    pods.sort_by_key(|pod| pod.system);
    pods
}

/// A ping from every Pod of a namespace to every Pod, as one line; where those are too many, from the first Pods by name.
/// Err says why not.
pub fn ping_pairs(scene: &Scene) -> Result<PingAll, String> {
    let asked = addressed(scene);
    if asked.len() > ALL_MAX {
        return Err([&asked.len().to_string(), " Pods are too many to ping each other."].concat());
    }
    let mut spaces: Vec<(&str, Vec<&str>)> = Vec::new();
    for pod in &asked {
        let able = pod.containers.first().is_some_and(|first| first.tools.ping);
        match spaces.iter_mut().find(|(namespace, _)| *namespace == pod.namespace) {
            Some((_, names)) if able => names.push(&pod.name),
            None if able => spaces.push((&pod.namespace, vec![&pod.name])),
            _ => {}
        }
    }
    let most = spaces.into_iter().rev().max_by_key(|(_, names)| names.len());
    let (namespace, mut names) = most.ok_or("No running Pod here can ping.")?;
    names.sort_unstable();
    let senders = names.len().min((PAIRS_MAX / asked.len()).max(1));
    let in_namespace = if namespace == "default" { String::new() } else { ["-n ", namespace, " "].concat() };
    // The first Pods by name, if every Pod of the namespace can ping.
    let listed = || {
        let mut all = scene.nodes.iter().flat_map(|node| &node.pods).filter(|pod| pod.namespace == namespace);
        scene.pending.iter().all(|pod| pod.namespace != namespace) && all.all(|pod| names.contains(&pod.name.as_str()))
    };
    let list = match senders {
        0..=SENDERS_NAMED_MAX => names[..senders].join(" "),
        _ if !listed() => names[..senders].join(" "),
        _ if senders == names.len() => ["$(kubectl get pods ", &in_namespace, "-o name)"].concat(),
        _ => ["$(kubectl get pods ", &in_namespace, "-o name | head -n ", &senders.to_string(), ")"].concat(),
    };
    let line = [
        "ips=",
        ADDRESSES,
        "; for pod in ",
        &list,
        "; do for ip in $ips; do kubectl exec ",
        &in_namespace,
        "$pod -- ",
        QUIET,
        "\"$pod: no answer from $ip\"; done; done",
    ];
    let from = if senders == 1 { names[0].to_string() } else { [&senders.to_string(), " Pods"].concat() };
    let places = asked.iter().map(|pod| pod.place.clone()).collect();
    Ok(PingAll { from, line: line.concat(), places, senders, left_out: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn target(scene: &Scene, name: &str) -> Target {
        let node = scene.nodes.iter().position(|node| node.pods.iter().any(|pod| pod.name == name)).unwrap();
        Target::Pod(node, scene.nodes[node].pods.iter().position(|pod| pod.name == name).unwrap())
    }

    fn lines(choices: &[Choice]) -> Vec<&str> {
        choices.iter().filter_map(|choice| choice.line.as_deref().ok()).collect()
    }

    #[test]
    fn a_pod_offers_what_its_image_has_and_the_target_listens_on() {
        let mut scene = fixture::scene(2, 2);
        let (a, b) = (target(&scene, "pod-a"), target(&scene, "pod-b"));
        let all = choices(&scene, &a, &b);
        let expected = [
            "kubectl exec pod-a -- ping -c 3 10.244.2.2",
            "kubectl exec pod-a -- nc -zv -w 2 10.244.2.2 80",
            "kubectl exec pod-a -- wget -qO- -T 3 http://10.244.2.2:80/",
        ];
        assert_eq!(lines(&all), expected);
        let Target::Pod(node, pod) = a else { panic!("a Pod") };
        scene.nodes[node].pods[pod].containers[0].tools = ToolsView { curl: true, ..ToolsView::default() };
        scene.nodes[node].pods[pod].containers[0].image = "nginx".into();
        let all = choices(&scene, &a, &b);
        assert_eq!(all[0].line, Err("nginx has no ping".to_string()));
        assert_eq!(lines(&all)[0], "kubectl exec pod-a -- curl -sS -m 3 http://10.244.2.2:80/");
        assert!(lines(&all)[1].starts_with("kubectl debug node/worker-1 -i --image=busybox -- ping"));
    }

    #[test]
    fn a_service_is_called_by_its_name_from_pods_and_by_its_address_from_elsewhere() {
        let mut scene = fixture::scene(2, 2);
        scene.services = vec![fixture::service("web", &["pod/default/pod-b"])];
        let (a, web) = (target(&scene, "pod-a"), Target::Service(0));
        let expected = [
            "kubectl exec pod-a -- wget -qO- -T 3 http://web/",
            "kubectl exec pod-a -- nc -zv -w 2 web 80",
            "kubectl exec pod-a -- nslookup web",
        ];
        assert_eq!(lines(&choices(&scene, &a, &web)), expected);
        assert_eq!(lines(&choices(&scene, &Target::Node(1), &web))[0], "ssh worker-1 curl -sS -m 3 http://10.96.0.50/");
        assert!(choices(&scene, &Target::Gateway, &web)[0].line.is_err(), "nothing leads in from outside");
        scene.services[0].ports[0].node_port = Some(30_080);
        let outside = choices(&scene, &Target::Gateway, &web);
        assert_eq!(lines(&outside)[0], "curl -sS -m 3 http://172.18.0.3:30080/");
        scene.services[0].ingress = vec!["203.0.113.10".into()];
        assert_eq!(lines(&choices(&scene, &Target::Gateway, &web))[0], "curl -sS -m 3 http://203.0.113.10/");
        scene.services[0].namespace = "shop".into();
        assert!(lines(&choices(&scene, &a, &web))[0].ends_with("http://web.shop/"));
        assert_eq!(address(&scene, &web), Some(("web".to_string(), "10.96.0.50".to_string())));
    }

    #[test]
    fn a_node_sends_by_ssh_and_what_has_no_address_gets_nothing() {
        let mut scene = fixture::scene(2, 2);
        let b = target(&scene, "pod-b");
        assert_eq!(lines(&choices(&scene, &Target::Node(1), &b))[0], "ssh worker-1 ping -c 3 10.244.2.2");
        assert_eq!(lines(&choices(&scene, &b, &Target::Gateway))[0], "kubectl exec pod-b -- ping -c 3 172.18.0.1");
        let Target::Pod(node, pod) = b else { panic!("a Pod") };
        scene.nodes[node].pods[pod].ip.clear();
        assert!(choices(&scene, &Target::Node(1), &b).is_empty());
    }

    #[test]
    fn ping_all_asks_every_other_pod_and_is_bounded() {
        let scene = fixture::scene(2, 2);
        let all = ping_all(&scene, &target(&scene, "pod-a")).unwrap();
        assert!(all.line.ends_with("; do kubectl exec pod-a -- ping -c 1 -W 2 $ip; done"), "{}", all.line);
        assert!(all.line.contains("10.244.2.2") && !all.places.contains(&"pod/default/pod-a".to_string()));
        let many = ping_all(&fixture::scene(14, 90), &Target::Node(0)).unwrap();
        assert_eq!((many.places.len(), many.left_out), (ALL_MAX, 60));
        let some = ping_all(&fixture::scene(9, 90), &Target::Node(0)).unwrap();
        assert!(some.line.starts_with("for ip in $(kubectl get pods -A "), "{}", some.line);
        assert!(some.line.ends_with("ping -c 1 -W 2 $ip >/dev/null || echo \"no answer from $ip\"; done"));
        assert!(ping_all(&scene, &Target::Gateway).is_err());
    }

    #[test]
    fn every_pod_pings_every_pod_within_bounds() {
        let few = ping_pairs(&fixture::scene(2, 2)).unwrap();
        assert_eq!((few.senders, few.places.len()), (4, 4));
        assert!(
            few.line.contains("; for pod in ") && few.line.contains("do kubectl exec $pod -- ping"),
            "{}",
            few.line
        );
        let many = ping_pairs(&fixture::scene(9, 90)).unwrap();
        assert_eq!((many.places.len(), many.senders), (810, PAIRS_MAX / 810));
        let some = ping_pairs(&fixture::scene(8, 9)).unwrap();
        assert_eq!((some.senders, some.from.as_str()), (72, "72 Pods"));
        assert!(some.line.contains("for pod in $(kubectl get pods -o name); do"), "{}", some.line);
        assert!(ping_pairs(&fixture::scene(14, 90)).is_err_and(|why| why.contains("too many")));
    }
}
