//! Whose an address is: any panel that shows one can say so.

#[cfg(target_arch = "wasm32")]
pub mod view;

use podhop_engine::protocol::Scene;

/// Addresses of one text that are explained.
const TOLD_MAX: usize = 6;

/// Whose `ip` is at present, in words; None if it is nobody's in this cluster.
pub fn whose(scene: &Scene, ip: &str) -> Option<String> {
    for node in &scene.nodes {
        if node.ip == ip || node.other_ip == ip && !ip.is_empty() {
            return Some(["node ", &node.name].concat());
        }
        for device in node.devices.iter().filter(|device| device.kind != "loopback") {
            if device.address.split('/').next() == Some(ip) {
                return Some([&device.name, " on ", &node.name].concat());
            }
        }
        // On the node's network a Pod has the node's address, which was told above.
        if let Some(pod) = node.pods.iter().find(|pod| pod.ip == ip || pod.other_ip == ip) {
            let namespace = if pod.namespace == "default" { "" } else { &pod.namespace };
            let within = if namespace.is_empty() { "" } else { " in " };
            return Some(["Pod ", &pod.name, within, namespace, " on ", &node.name].concat());
        }
    }
    if let Some(service) = scene.services.iter().find(|service| service.cluster_ips.iter().any(|own| own == ip)) {
        return Some(["Service ", &service.namespace, "/", &service.name].concat());
    }
    if let Some(service) = scene.services.iter().find(|service| service.ingress.iter().any(|own| own == ip)) {
        return Some(["load balancer of Service ", &service.namespace, "/", &service.name].concat());
    }
    if scene.internet_ip == ip {
        return Some("a client in the internet".to_string());
    }
    if scene.gateway_ip == ip {
        return Some("gateway of the node network".to_string());
    }
    let first = |network: &str| network.split('/').next() == Some(ip);
    if first(&scene.pod_network) || first(&scene.node_network) {
        return None;
    }
    ip.starts_with("127.").then(|| "loopback, each namespace's own".to_string())
}

/// Whose a network is: `10.244.1.0/24`.
fn whose_network(scene: &Scene, network: &str) -> Option<String> {
    if scene.node_network == network {
        return Some("the node network".to_string());
    }
    if scene.pod_network == network {
        return Some("the Pod network".to_string());
    }
    let node = scene.nodes.iter().find(|node| node.pod_cidr.split(", ").any(|subnet| subnet == network))?;
    Some(["Pods of ", &node.name].concat())
}

/// The IPv4 addresses in a text, each with the `/24` behind it if there is one, in order, once each.
pub fn addresses(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == '/';
    for word in text.split(|c: char| !is_part(c)) {
        let word = word.trim_matches(['.', '/']);
        let ip = word.split('/').next().unwrap_or_default();
        let octets = ip.split('.').count() == 4 && ip.split('.').all(|part| part.parse::<u8>().is_ok());
        if octets && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// What is to be said of the addresses in a text: each with whose it is. Nobody's are left out.
pub fn told(scene: &Scene, text: &str) -> Vec<(String, String)> {
    let one = |word: &str| {
        let ip = word.split('/').next().unwrap_or_default();
        let owner = whose_network(scene, word).or_else(|| whose(scene, ip))?;
        Some((word.to_string(), owner))
    };
    addresses(text).into_iter().filter_map(one).take(TOLD_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn every_address_of_the_cluster_has_an_owner() {
        let scene = fixture::scene(2, 2);
        let of = |ip: &str| whose(&scene, ip).unwrap_or_default();
        let pod = scene.nodes[1].pods.iter().find(|pod| pod.name == "pod-a").unwrap();
        assert_eq!(of(&pod.ip), "Pod pod-a on worker-1");
        assert_eq!(of(&scene.nodes[2].ip), "node worker-2");
        assert_eq!(of(scene.nodes[1].devices[3].address.split('/').next().unwrap()), "cni0 on worker-1");
        assert_eq!(of("172.18.0.1"), "gateway of the node network");
        assert_eq!(whose(&scene, "8.8.8.8"), None);
    }

    #[test]
    fn addresses_are_found_in_any_text() {
        assert_eq!(addresses("10.244.1.2 → 10.244.2.2, 10.244.1.2"), ["10.244.1.2", "10.244.2.2"]);
        assert_eq!(addresses("10.244.2.0/24 via 10.244.2.0 dev flannel.1"), ["10.244.2.0/24", "10.244.2.0"]);
        assert_eq!(addresses("busybox 1.37.0, 999.1.1.1 and 1.2.3."), Vec::<&str>::new());
    }

    #[test]
    fn networks_are_told_too() {
        let scene = fixture::scene(2, 2);
        let cidr = scene.nodes[1].pod_cidr.clone();
        assert_eq!(told(&scene, &cidr), [(cidr, "Pods of worker-1".to_string())]);
    }
}
