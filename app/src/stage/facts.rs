//! What the card of a Pod, a node or a device says.

use super::camera::Canvas;
use super::geometry::{Point, Rect, point, within};
use super::layout::Target;
use super::picture::phase_word;
use podhop_engine::protocol::{NodeView, PodView, Scene};

/// Labels that a card lists.
const LABELS_MAX: usize = 4;

/// A card: its title and rows of name and value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub title: String,
    pub rows: Vec<(&'static str, String)>,
}

impl Facts {
    fn row(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.rows.push((name, value.to_string()));
        }
    }

    fn labels(&mut self, labels: &[String]) {
        let mut text = labels[..labels.len().min(LABELS_MAX)].join(", ");
        if labels.len() > LABELS_MAX {
            text.push_str(" …");
        }
        self.row("Labels", &text);
    }
}

/// Addresses of both families, where there are two.
fn both(first: &str, other: &str) -> String {
    if other.is_empty() { first.to_string() } else { [first, ", ", other].concat() }
}

fn pod(pod: &PodView, node: Option<&NodeView>) -> Facts {
    let mut facts = Facts { title: ["Pod ", &pod.name].concat(), rows: Vec::new() };
    facts.row("Namespace", &pod.namespace);
    facts.row("IP", &both(&pod.ip, &pod.other_ip));
    if let Some(node) = node {
        let note = if pod.host_network { ", on its network" } else { "" };
        facts.row("Node", &[&node.name, note].concat());
    }
    let ready = pod.containers.iter().filter(|container| container.ready).count();
    let mut state = [&ready.to_string(), " of ", &pod.containers.len().to_string(), " ready"].concat();
    let word = phase_word(pod.phase);
    if !word.is_empty() {
        state = [word, ", ", &state].concat();
    }
    facts.row("Containers", &state);
    facts.row("Because", &pod.reason);
    let listens: Vec<&str> = pod.containers.iter().flat_map(|c| &c.listens).map(String::as_str).collect();
    facts.row("Listens", &listens.join(", "));
    facts.labels(&pod.labels);
    facts.row("Owner", &pod.owner);
    facts.row("veth", &pod.veth);
    facts
}

fn node(node: &NodeView) -> Facts {
    let mut facts = Facts { title: ["Node ", &node.name].concat(), rows: Vec::new() };
    facts.row("IP", &both(&node.ip, &node.other_ip));
    facts.row("Pod network", &node.pod_cidr);
    facts.row("Pods", &node.pods_count.to_string());
    let role = if node.control_plane { ", control plane" } else { "" };
    facts.row("State", &[if node.ready { "Ready" } else { "NotReady" }, role].concat());
    facts.labels(&node.labels);
    facts
}

fn device(node: &NodeView, index: usize) -> Option<Facts> {
    let device = node.devices.get(index)?;
    let mut facts = Facts { title: [&device.name, " on ", &node.name].concat(), rows: Vec::new() };
    let kind = match device.kind.as_str() {
        "nic" => "network card",
        "vxlan" => "VXLAN tunnel",
        kind => kind,
    };
    facts.row("Kind", kind);
    facts.row("Address", &device.address);
    facts.row("MAC", &device.mac);
    facts.row("MTU", &device.mtu.to_string());
    facts.row("More", &device.note);
    Some(facts)
}

/// What is known of a target; None if the scene has it no more.
pub fn facts(scene: &Scene, target: &Target) -> Option<Facts> {
    match *target {
        Target::Node(index) => scene.nodes.get(index).map(node),
        Target::Pod(of, index) => {
            let node = scene.nodes.get(of)?;
            Some(pod(node.pods.get(index)?, Some(node)))
        }
        Target::Device(of, index) => device(scene.nodes.get(of)?, index),
        Target::Pending(index) => scene.pending.get(index).map(|of| pod(of, None)),
        Target::Gateway => {
            let mut facts = Facts { title: "Gateway to outside".to_string(), rows: Vec::new() };
            facts.row("IP", &scene.gateway_ip);
            facts.row("Network", &scene.node_network);
            Some(facts)
        }
    }
}

/// Where a card of this size stands beside a thing, touching it, so that the pointer can go over to it: right of it,
/// else left, else below, else above, always within the canvas.
pub fn beside(thing: Rect, (width, height): (f64, f64), canvas: Canvas) -> Point {
    const EDGE: f64 = 6.0;
    let (x, y) = (thing.x, within(thing.y, EDGE, canvas.height - height - EDGE));
    let x = within(x, EDGE, canvas.width - width - EDGE);
    if thing.right() + width + EDGE <= canvas.width {
        point(thing.right() - 1.0, y)
    } else if thing.x - width >= EDGE {
        point(thing.x - width + 1.0, y)
    } else if thing.bottom() + height + EDGE <= canvas.height {
        point(x, thing.bottom() - 1.0)
    } else {
        point(x, (thing.y - height).max(EDGE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn cards_say_what_is_known() {
        let scene = fixture::scene(2, 2);
        let value = |target: &Target, name: &str| {
            let rows = facts(&scene, target).unwrap().rows;
            rows.into_iter().find(|row| row.0 == name).map(|row| row.1).unwrap_or_default()
        };
        let pod = scene.nodes[1].pods.iter().position(|pod| pod.name == "pod-a").unwrap();
        assert_eq!(value(&Target::Pod(1, pod), "IP"), "10.244.1.2");
        assert_eq!(value(&Target::Pod(1, pod), "Node"), "worker-1");
        assert_eq!(value(&Target::Pod(1, pod), "Containers"), "1 of 1 ready");
        assert_eq!(value(&Target::Pod(1, pod), "Labels"), "app=pod-a");
        assert_eq!(value(&Target::Device(1, 2), "MTU"), "1450");
        assert_eq!(value(&Target::Device(1, 2), "MAC"), "02:00:00:00:00:01");
        assert_eq!(value(&Target::Node(1), "State"), "Ready");
        assert_eq!(facts(&scene, &Target::Node(99)), None);
    }

    #[test]
    fn a_card_touches_its_thing_and_stays_on_the_canvas() {
        let canvas = Canvas { width: 390.0, height: 600.0, unit: 1.0 };
        let rect = crate::stage::geometry::rect;
        assert_eq!(beside(rect(10.0, 100.0, 100.0, 60.0), (220.0, 200.0), canvas), point(109.0, 100.0));
        assert_eq!(beside(rect(280.0, 100.0, 100.0, 60.0), (220.0, 200.0), canvas), point(61.0, 100.0));
        assert_eq!(beside(rect(100.0, 100.0, 200.0, 60.0), (220.0, 200.0), canvas), point(100.0, 159.0));
        assert_eq!(beside(rect(100.0, 500.0, 200.0, 60.0), (220.0, 200.0), canvas), point(100.0, 300.0));
    }
}
