//! What can be broken on purpose, and mended again, as command lines: nothing here does what a terminal could not.

use super::layout::Target;
use super::send::Choice;
use podhop_engine::protocol::{PodPhase, PodView, ProxyState, Scene};

const NETEM: &str = "netem loss 30% delay 50ms";

/// What can be broken or mended at a target, in the order of the menu.
pub fn choices(scene: &Scene, of: &Target) -> Vec<Choice> {
    match *of {
        Target::Node(node) => {
            let Some(node) = scene.nodes.get(node) else { return Vec::new() };
            let proxy = ["ssh ", &node.name, " pkill "].concat();
            let mut all = match node.proxy {
                ProxyState::Follows => {
                    vec![choice("Stop kube-proxy: its rules stay as they are", &[&proxy, "-STOP kube-proxy"])]
                }
                ProxyState::Stale => vec![choice("Let kube-proxy go on", &[&proxy, "-CONT kube-proxy"])],
                ProxyState::Absent => Vec::new(),
            };
            all.extend(lossy(&node.name, "eth0"));
            all
        }
        Target::Device(node, device) => {
            let of = scene.nodes.get(node).and_then(|node| Some((node, node.devices.get(device)?)));
            let of = of.filter(|(_, device)| device.kind != "loopback");
            of.map(|(node, device)| lossy(&node.name, &device.name).to_vec()).unwrap_or_default()
        }
        Target::Pod(node, pod) => {
            let pod = scene.nodes.get(node).and_then(|node| node.pods.get(pod));
            pod.map(|pod| of_pod(pod, &scene.nodes[node].name)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// As [`choices`], for every node, with its name: what the palette offers.
pub fn of_nodes(scene: &Scene, nodes_max: usize) -> Vec<Choice> {
    let nodes = scene.nodes.iter().enumerate().take(nodes_max);
    nodes
        .flat_map(|(at, node)| {
            let named = |choice: Choice| Choice { label: [&node.name, ": ", &choice.label].concat(), ..choice };
            choices(scene, &Target::Node(at)).into_iter().map(named).collect::<Vec<_>>()
        })
        .collect()
}

fn of_pod(pod: &PodView, node: &str) -> Vec<Choice> {
    let mut all = Vec::new();
    if pod.phase != PodPhase::Running {
        return all;
    }
    if pod.dns {
        let scale = "kubectl -n kube-system scale deploy coredns --replicas=";
        all.push(choice("No CoreDNS: scale it to 0", &[scale, "0"]));
        all.push(choice("Two CoreDNS Pods again", &[scale, "2"]));
    } else if let Some(program) = program(pod).filter(|_| !pod.host_network) {
        // The image has no pkill: its node's stops every such program there.
        let pkill = ["ssh ", node, " pkill "].concat();
        let (label, signal) = match pod.frozen {
            false => (["Stop every ", program, " on ", node, ": it answers nothing"].concat(), "-STOP "),
            true => (["Let every ", program, " on ", node, " go on"].concat(), "-CONT "),
        };
        all.push(choice(&label, &[&pkill, signal, program]));
    }
    let namespace = if pod.namespace == "default" { "" } else { &pod.namespace };
    let within = if namespace.is_empty() { "" } else { " -n " };
    let delete = ["kubectl", within, namespace, " delete pod ", &pod.name].concat();
    all.push(choice("Delete the Pod", &[&delete]));
    all.push(choice("Delete it 20 ms into the next command", &["(sleep 0.02; ", &delete, ") &"]));
    all
}

/// What its first container runs: the image's last name.
fn program(pod: &PodView) -> Option<&str> {
    let image = &pod.containers.first()?.image;
    let name = image.rsplit('/').next()?.split([':', '@']).next()?;
    (name == "nginx").then_some(name)
}

fn lossy(node: &str, device: &str) -> [Choice; 2] {
    let tc = ["ssh ", node, " tc qdisc "].concat();
    [
        choice(
            &["Lose 30 % and delay by 50 ms what leaves by ", device].concat(),
            &[&tc, "add dev ", device, " root ", NETEM],
        ),
        choice(&["No loss or delay on ", device, " any more"].concat(), &[&tc, "del dev ", device, " root"]),
    ]
}

fn choice(label: &str, line: &[&str]) -> Choice {
    Choice { label: label.to_string(), line: Ok(line.concat()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn lines(scene: &Scene, of: &Target) -> Vec<String> {
        choices(scene, of).into_iter().filter_map(|choice| choice.line.ok()).collect()
    }

    #[test]
    fn a_node_s_kube_proxy_is_stopped_or_let_go_on() {
        let mut scene = fixture::scene(2, 2);
        let all = lines(&scene, &Target::Node(1));
        assert_eq!(all[0], "ssh worker-1 pkill -STOP kube-proxy");
        assert_eq!(all[1], "ssh worker-1 tc qdisc add dev eth0 root netem loss 30% delay 50ms");
        assert_eq!(all[2], "ssh worker-1 tc qdisc del dev eth0 root");
        scene.nodes[1].proxy = ProxyState::Stale;
        assert_eq!(lines(&scene, &Target::Node(1))[0], "ssh worker-1 pkill -CONT kube-proxy");
        assert!(of_nodes(&scene, 2).iter().all(|choice| choice.label.contains(": ")));
    }

    #[test]
    fn a_pod_s_server_is_stopped_and_coredns_is_scaled() {
        let mut scene = fixture::scene(2, 2);
        let (target, _) = super::super::shelf::pod_at(&scene, "pod/default/pod-a").unwrap();
        let delete = ["kubectl delete pod pod-a", "(sleep 0.02; kubectl delete pod pod-a) &"];
        assert_eq!(lines(&scene, &target), delete, "busybox serves nothing");
        let Target::Pod(node, pod) = target else { panic!("a Pod") };
        scene.nodes[node].pods[pod].containers[0].image = "docker.io/library/nginx:1.27".into();
        assert_eq!(lines(&scene, &target)[0], "ssh worker-1 pkill -STOP nginx");
        scene.nodes[node].pods[pod].frozen = true;
        assert_eq!(lines(&scene, &target)[0], "ssh worker-1 pkill -CONT nginx");
        scene.nodes[node].pods[pod].dns = true;
        assert_eq!(lines(&scene, &target)[0], "kubectl -n kube-system scale deploy coredns --replicas=0");
        assert!(lines(&scene, &Target::Gateway).is_empty());
    }
}
