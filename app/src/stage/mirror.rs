//! The picture as a tree of nodes, Pods and devices, for those who do not see or do not point.

use super::changed::Change;
use super::layout::Target;
use super::picture::phase_word;
use super::shelf;
use crate::few::Few;
use crate::glyph::Glyph;
use crate::text::thousands;
use podhop_engine::protocol::{NodeView, PodView, ProxyState, Scene, ServiceView};

/// One row of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub target: Target,
    pub level: u32,
    pub label: String,
    pub glyph: Option<Glyph>,
    /// None for leaves.
    pub expanded: Option<bool>,
}

/// Nodes listed; the terminal's `kubectl get nodes` lists all.
const NODES_MAX: usize = 500;

fn node_label(node: &NodeView) -> String {
    let pods = match node.pods_count {
        1 => "1 Pod".to_string(),
        count => [&count.to_string(), " Pods"].concat(),
    };
    let state = match (node.ready, node.control_plane) {
        (false, _) => ", NotReady",
        (true, true) => ", control plane",
        _ => "",
    };
    let proxy = if node.proxy == ProxyState::Stale { ", its kube-proxy is stopped" } else { "" };
    ["Node ", &node.name, ", ", &node.ip, state, proxy, ", ", &pods].concat()
}

/// What is said of a Pod in one line.
pub fn pod_label(pod: &PodView) -> String {
    let mut label = ["Pod ", &pod.name].concat();
    if pod.namespace != "default" {
        label.push_str(" in ");
        label.push_str(&pod.namespace);
    }
    if !pod.ip.is_empty() {
        label.push_str(", ");
        label.push_str(&pod.ip);
    }
    if pod.dns {
        label.push_str(", answers DNS");
    }
    if pod.frozen {
        label.push_str(", stopped");
    }
    if pod.host_network {
        label.push_str(", on the node's network");
    }
    let word = phase_word(pod.phase);
    if !word.is_empty() {
        label.push_str(", ");
        label.push_str(word);
    }
    if !pod.reason.is_empty() {
        label.push_str(": ");
        label.push_str(&pod.reason);
    }
    label
}

fn device_label(node: &NodeView, index: usize) -> String {
    let device = &node.devices[index];
    let mut label = ["Device ", &device.name].concat();
    for part in [&device.address, &device.note] {
        if !part.is_empty() {
            label.push_str(", ");
            label.push_str(part);
        }
    }
    label.push_str(", MTU ");
    label.push_str(&device.mtu.to_string());
    label
}

/// What is said of a Service in one line.
pub fn service_label(service: &ServiceView) -> String {
    let mut label = ["Service ", &service.name].concat();
    if service.namespace != "default" {
        label.push_str(" in ");
        label.push_str(&service.namespace);
    }
    if service.kind != "ClusterIP" {
        label.push_str(", ");
        label.push_str(&service.kind);
    }
    let (ready, _) = shelf::readiness(service);
    for part in [&shelf::address_line(service), &ready] {
        if !part.is_empty() {
            label.push_str(", ");
            label.push_str(part);
        }
    }
    label
}

fn gateway_label(scene: &Scene) -> String {
    let mut label = ["Gateway of the node network, ", &scene.gateway_ip].concat();
    for balancer in shelf::balancers(scene) {
        label.push_str(", load balancer ");
        label.push_str(&balancer);
    }
    label
}

/// What is said of anything in the picture.
pub fn label(scene: &Scene, target: &Target) -> String {
    match *target {
        Target::Node(node) => scene.nodes.get(node).map(node_label),
        Target::Pod(node, pod) => scene.nodes.get(node).and_then(|node| node.pods.get(pod)).map(pod_label),
        Target::Device(node, device) => {
            scene.nodes.get(node).filter(|node| device < node.devices.len()).map(|node| device_label(node, device))
        }
        Target::Pending(pod) => scene.pending.get(pod).map(pod_label),
        Target::Gateway => Some(gateway_label(scene)),
        Target::Internet => Some(["Internet, beyond the gateway, ", &scene.internet_ip].concat()),
        Target::Service(service) => scene.services.get(service).map(service_label),
        Target::MoreServices => {
            let left = scene.services_count as usize - scene.services.len();
            Some([&thousands(left as u32), " more Services, found by kubectl"].concat())
        }
    }
    .unwrap_or_default()
}

/// The sign of anything in the picture.
pub fn glyph(scene: &Scene, target: &Target) -> Option<Glyph> {
    match *target {
        Target::Node(_) => Some(Glyph::Node),
        Target::Pod(..) | Target::Pending(_) => Some(Glyph::Pod),
        Target::Device(node, device) => Glyph::of(&scene.nodes.get(node)?.devices.get(device)?.kind),
        Target::Gateway => Some(Glyph::Gateway),
        Target::Internet => Some(Glyph::Internet),
        Target::Service(_) | Target::MoreServices => Some(Glyph::Service),
    }
}

/// The rows that can be seen: nodes, and what is in the open ones.
pub fn items(scene: &Scene, open: &Few<usize>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut push = |target: Target, level: u32, expanded: Option<bool>| {
        items.push(Item { label: label(scene, &target), glyph: glyph(scene, &target), target, level, expanded });
    };
    for (index, node) in scene.nodes.iter().enumerate().take(NODES_MAX) {
        let expanded = open.contains(&index);
        push(Target::Node(index), 1, Some(expanded));
        if expanded {
            (0..node.pods.len()).for_each(|pod| push(Target::Pod(index, pod), 2, None));
            (0..node.devices.len()).for_each(|device| push(Target::Device(index, device), 2, None));
        }
    }
    (0..scene.pending.len().min(NODES_MAX)).for_each(|pod| push(Target::Pending(pod), 1, None));
    (0..scene.services.len()).for_each(|service| push(Target::Service(service), 1, None));
    if scene.services_count as usize > scene.services.len() {
        push(Target::MoreServices, 1, None);
    }
    push(Target::Gateway, 1, None);
    if scene.services.iter().any(|service| service.kind == "LoadBalancer") {
        push(Target::Internet, 1, None);
    }
    items
}

/// Says of what an edit changed that it did.
pub fn tell(items: &mut [Item], scene: &Scene, change: &Change) {
    for item in items {
        let word = change.word_of(scene, &item.target);
        if !word.is_empty() {
            item.label.push_str(", ");
            item.label.push_str(word);
        }
    }
}

/// What an arrow key does: the row to go to, or the node to open or close.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    To(Target),
    Turn(usize),
    Stay,
}

/// Moves in the tree as the WAI-ARIA tree pattern has it.
pub fn moved(items: &[Item], now: &Target, key: &str) -> Move {
    let at = items.iter().position(|item| item.target == *now).unwrap_or(0);
    let to = |index: Option<usize>| {
        index.and_then(|index| items.get(index)).map_or(Move::Stay, |item| Move::To(item.target.clone()))
    };
    let Some(item) = items.get(at) else { return Move::Stay };
    match (key, item.expanded, &item.target) {
        ("ArrowDown", ..) => to(Some(at + 1)),
        ("ArrowUp", ..) => to(at.checked_sub(1)),
        ("Home", ..) => to(Some(0)),
        ("End", ..) => to(items.len().checked_sub(1)),
        ("ArrowRight", Some(false), Target::Node(node)) => Move::Turn(*node),
        ("ArrowRight", Some(true), _) => to(Some(at + 1)),
        ("ArrowLeft", Some(true), Target::Node(node)) => Move::Turn(*node),
        ("ArrowLeft", None, Target::Pod(node, _) | Target::Device(node, _)) => Move::To(Target::Node(*node)),
        _ => Move::Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_thing_in_the_picture_is_in_the_tree() {
        let scene = fixture::scene(2, 2);
        let all = items(&scene, &Few::from_iter([0, 1, 2]));
        let things: usize = scene.nodes.iter().map(|node| 1 + node.pods.len() + node.devices.len()).sum();
        assert_eq!(all.len(), things + 1);
        assert!(
            all.iter().any(|item| item.label == "Pod pod-a, 10.245.1.2" || item.label.starts_with("Pod pod-a, 10."))
        );
        assert!(all.iter().any(|item| item.label.contains("flannel.1") && item.label.contains("VNI 1")));
        assert_eq!(items(&scene, &Few::default()).len(), scene.nodes.len() + 1);
    }

    #[test]
    fn services_are_rows_that_say_what_is_known() {
        let mut scene = fixture::scene(1, 1);
        scene.services = vec![fixture::service("web", &["pod/default/pod-a"])];
        scene.services[0].kind = "LoadBalancer".into();
        scene.services[0].ingress = vec!["203.0.113.10".into()];
        scene.services_count = 12;
        scene.nodes[1].proxy = ProxyState::Stale;
        let labels: Vec<String> = items(&scene, &Few::default()).into_iter().map(|item| item.label).collect();
        let expected = [
            "Node worker-1, 172.18.0.3, its kube-proxy is stopped, 3 Pods",
            "Service web, LoadBalancer, 10.96.0.50:80, 1/1 ready",
            "11 more Services, found by kubectl",
            "Gateway of the node network, 172.18.0.1, load balancer 203.0.113.10 → web",
            "Internet, beyond the gateway, 198.51.100.7",
        ];
        assert_eq!(labels[1..], expected);
    }

    #[test]
    fn arrows_open_close_and_walk() {
        let scene = fixture::scene(2, 2);
        let closed = items(&scene, &Few::default());
        assert_eq!(moved(&closed, &Target::Node(1), "ArrowDown"), Move::To(Target::Node(2)));
        assert_eq!(moved(&closed, &Target::Node(0), "ArrowUp"), Move::Stay);
        assert_eq!(moved(&closed, &Target::Node(1), "ArrowRight"), Move::Turn(1));
        assert_eq!(moved(&closed, &Target::Node(1), "End"), Move::To(Target::Gateway));
        let open = items(&scene, &Few::from_iter([1]));
        assert_eq!(moved(&open, &Target::Node(1), "ArrowRight"), Move::To(Target::Pod(1, 0)));
        assert_eq!(moved(&open, &Target::Device(1, 2), "ArrowLeft"), Move::To(Target::Node(1)));
        assert_eq!(moved(&open, &Target::Node(1), "ArrowLeft"), Move::Turn(1));
        assert_eq!(moved(&[], &Target::Gateway, "Home"), Move::Stay);
    }
}
