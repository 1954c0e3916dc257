//! What the card of a Pod, a node or a device says.

use super::camera::Canvas;
use super::geometry::{Point, Rect, point, within};
use super::layout::Target;
use super::picture::phase_word;
use super::shelf;
use podhop_engine::protocol::{EndpointView, NodeView, PodView, ProxyState, Scene, ServicePortView, ServiceView};

/// Labels that a card lists.
const LABELS_MAX: usize = 4;

/// Ports and endpoints that the card of a Service lists.
const PORTS_MAX: usize = 4;
const ENDPOINTS_MAX: usize = 5;

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
    if pod.frozen {
        state.push_str(", stopped");
    }
    facts.row("Containers", &state);
    facts.row("Serves", if pod.dns { "the cluster's DNS (CoreDNS)" } else { "" });
    facts.row("Because", &pod.reason);
    let listens: Vec<&str> = pod.containers.iter().flat_map(|c| &c.listens).map(String::as_str).collect();
    facts.row("Listens", &listens.join(", "));
    facts.labels(&pod.labels);
    facts.row("Owner", &pod.owner);
    facts.row("veth", &pod.veth);
    facts
}

fn node(node: &NodeView, mode: &str) -> Facts {
    let mut facts = Facts { title: ["Node ", &node.name].concat(), rows: Vec::new() };
    facts.row("IP", &both(&node.ip, &node.other_ip));
    facts.row("Pod network", &node.pod_cidr);
    facts.row("Pods", &node.pods_count.to_string());
    let role = if node.control_plane { ", control plane" } else { "" };
    facts.row("State", &[if node.ready { "Ready" } else { "NotReady" }, role].concat());
    let proxy = match node.proxy {
        ProxyState::Follows => mode.to_string(),
        ProxyState::Stale => [mode, ", stopped: its rules are old"].concat(),
        ProxyState::Absent => "none".to_string(),
    };
    facts.row("kube-proxy", &proxy);
    facts.labels(&node.labels);
    facts
}

fn service(scene: &Scene, service: &ServiceView) -> Facts {
    let mut facts = Facts { title: ["Service ", &service.name].concat(), rows: Vec::new() };
    facts.row("Namespace", &service.namespace);
    facts.row("Type", &service.kind);
    let headless = service.cluster_ips.is_empty() && service.external_name.is_empty();
    facts.row("Cluster IP", &if headless { "None: headless".to_string() } else { service.cluster_ips.join(", ") });
    facts.row("Stands for", &service.external_name);
    facts.row("From outside", &service.ingress.join(", "));
    let port = |port: &ServicePortView| {
        let mut text = [&port.port.to_string(), "/", &port.protocol].concat();
        if port.target != port.port.to_string() {
            text = [&text, " → ", &port.target].concat();
        }
        match port.node_port {
            Some(node_port) => [&text, ", on nodes ", &node_port.to_string()].concat(),
            None => text,
        }
    };
    let mut ports: Vec<String> = service.ports.iter().take(PORTS_MAX).map(port).collect();
    if service.ports.len() > PORTS_MAX {
        ports.push("…".to_string());
    }
    facts.row("Ports", &ports.join("; "));
    facts.row("Selector", &service.selector.join(", "));
    let name = |endpoint: &EndpointView| {
        let name = endpoint.place.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&endpoint.ip);
        let state = if endpoint.ready { "" } else { " (not ready)" };
        [name, state].concat()
    };
    let mut endpoints: Vec<String> = service.endpoints.iter().take(ENDPOINTS_MAX).map(name).collect();
    let left = (service.endpoints_count as usize).saturating_sub(endpoints.len());
    if left > 0 {
        endpoints.push(["and ", &left.to_string(), " more"].concat());
    }
    let none = service.endpoints_count == 0 && service.external_name.is_empty();
    facts.row("Endpoints", &if none { "none: nobody answers".to_string() } else { endpoints.join(", ") });
    if scene.nodes.iter().any(|node| node.proxy == ProxyState::Stale) {
        facts.row("Beware", "on a node whose kube-proxy is stopped the rules are older");
    }
    facts
}

fn device(node: &NodeView, index: usize) -> Option<Facts> {
    let device = node.devices.get(index)?;
    let mut facts = Facts { title: [&device.name, " on ", &node.name].concat(), rows: Vec::new() };
    let kind = match device.kind.as_str() {
        "nic" => "network card",
        "vxlan" => "VXLAN tunnel",
        "ipip" => "IP-in-IP tunnel",
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
        Target::Node(index) => scene.nodes.get(index).map(|of| node(of, &scene.proxy_mode)),
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
            facts.row("Balances", &shelf::balancers(scene).join(", "));
            Some(facts)
        }
        Target::Internet => {
            let mut facts = Facts { title: "Internet".to_string(), rows: Vec::new() };
            facts.row("A client", &scene.internet_ip);
            facts.row("Reached by", "the gateway, which masquerades");
            Some(facts)
        }
        Target::Service(index) => scene.services.get(index).map(|of| service(scene, of)),
        Target::MoreServices => {
            let mut facts = Facts { title: "More Services".to_string(), rows: Vec::new() };
            facts.row("In all", &crate::text::thousands(scene.services_count));
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
    fn a_service_s_card_says_where_it_is_and_who_answers() {
        let mut scene = fixture::scene(2, 2);
        scene.services = vec![fixture::service("web", &["pod/default/pod-a", "pod/default/pod-b"])];
        scene.services[0].endpoints[1].ready = false;
        scene.services[0].ports[0].node_port = Some(30_080);
        let rows = |scene: &Scene| facts(scene, &Target::Service(0)).unwrap().rows;
        let value = |scene: &Scene, name: &str| rows(scene).into_iter().find(|row| row.0 == name).map(|row| row.1);
        assert_eq!(value(&scene, "Ports").as_deref(), Some("80/TCP → 8080, on nodes 30080"));
        assert_eq!(value(&scene, "Endpoints").as_deref(), Some("pod-a, pod-b (not ready)"));
        assert_eq!(value(&scene, "Beware"), None);
        scene.nodes[1].proxy = ProxyState::Stale;
        assert!(value(&scene, "Beware").is_some());
        (scene.services[0].endpoints, scene.services[0].endpoints_count) = (Vec::new(), 0);
        assert_eq!(value(&scene, "Endpoints").as_deref(), Some("none: nobody answers"));
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
