//! Names and addresses in output that belong to the cluster.

use podhop_engine::protocol::{PodView, Scene};
use std::collections::BTreeMap;

/// Most links in one text.
const LINKS_MAX: usize = 400;

/// An object as `App::look_at_object` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
}

/// Which object a word means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names(BTreeMap<String, Named>);

/// A stretch of text, and the object that it names.
pub type Piece<'a> = (&'a str, Option<&'a Named>);

impl Names {
    pub fn of(scene: &Scene) -> Names {
        let mut names = Names::default();
        for node in &scene.nodes {
            let named = Named { kind: "Node", namespace: String::new(), name: node.name.clone() };
            names.put(&node.name, &named);
            names.put(&node.ip, &named);
        }
        // Where two namespaces have a Pod of one name, the user's own is meant.
        let pods = || scene.nodes.iter().flat_map(|node| &node.pods).chain(&scene.pending);
        pods().filter(|pod| !pod.system).for_each(|pod| names.put_pod(pod));
        pods().filter(|pod| pod.system).for_each(|pod| names.put_pod(pod));
        names
    }

    fn put_pod(&mut self, pod: &PodView) {
        let named = Named { kind: "Pod", namespace: pod.namespace.clone(), name: pod.name.clone() };
        self.put(&pod.name, &named);
        if !pod.host_network {
            self.put(&pod.ip, &named);
        }
    }

    fn put(&mut self, word: &str, named: &Named) {
        if !word.is_empty() && !self.0.contains_key(word) {
            self.0.insert(word.to_string(), named.clone());
        }
    }

    /// The text in pieces. A word is a name only as a whole: `pod-a` is none in `pod-a-1`.
    pub fn pieces<'a>(&'a self, text: &'a str) -> Vec<Piece<'a>> {
        let mut pieces = Vec::new();
        let (mut plain, mut at) = (0, 0);
        let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        while let Some(start) = text[at..].find(in_word).map(|found| at + found) {
            let end = text[start..].find(|c: char| !in_word(c)).map_or(text.len(), |found| start + found);
            at = end;
            let word = text[start..end].trim_end_matches(['.', '-']);
            let Some(named) = self.0.get(word).filter(|_| pieces.len() < 2 * LINKS_MAX) else { continue };
            if plain < start {
                pieces.push((&text[plain..start], None));
            }
            pieces.push((word, Some(named)));
            plain = start + word.len();
        }
        if plain < text.len() {
            pieces.push((&text[plain..], None));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use podhop_engine::protocol::{NodeView, PodPhase, ProxyState};

    fn pod(namespace: &str, name: &str, ip: &str, host_network: bool) -> PodView {
        PodView {
            labels: Vec::new(),
            namespace: namespace.into(),
            name: name.into(),
            place: format!("pod/{namespace}/{name}"),
            ip: ip.into(),
            other_ip: String::new(),
            phase: PodPhase::Running,
            reason: String::new(),
            host_network,
            frozen: false,
            dns: false,
            system: namespace != "default",
            containers: vec![],
            veth: String::new(),
            owner: String::new(),
        }
    }

    fn names() -> Names {
        let node = NodeView {
            labels: Vec::new(),
            name: "worker-1".into(),
            place: "node/worker-1".into(),
            ip: "172.18.0.3".into(),
            other_ip: String::new(),
            pod_cidr: String::new(),
            control_plane: false,
            ready: true,
            proxy: ProxyState::Follows,
            devices: vec![],
            pods_count: 3,
            pods: vec![
                pod("kube-system", "pod-a", "10.244.1.9", false),
                pod("default", "pod-a", "10.244.1.2", false),
                pod("kube-flannel", "flannel", "172.18.0.3", true),
            ],
        };
        Names::of(&Scene { nodes: vec![node], ..Scene::default() })
    }

    fn found(text: &str) -> Vec<(String, &'static str)> {
        let names = names();
        let pieces = names.pieces(text);
        assert_eq!(pieces.iter().map(|(text, _)| *text).collect::<String>(), text);
        pieces.iter().filter_map(|(text, named)| named.map(|named| (text.to_string(), named.kind))).collect()
    }

    #[test]
    fn whole_words_only() {
        let link = |text: &str, kind| (text.to_string(), kind);
        assert_eq!(
            found("pod/pod-a  1/1  Running  10.244.1.2   worker-1\npod-a-1 10.244.1.22\n"),
            [link("pod-a", "Pod"), link("10.244.1.2", "Pod"), link("worker-1", "Node")]
        );
        assert_eq!(found("PING 10.244.1.2 (10.244.1.2): 56"), [link("10.244.1.2", "Pod"), link("10.244.1.2", "Pod")]);
        assert_eq!(found("10.244.1.0/24 via 172.18.0.3 dev eth0."), [link("172.18.0.3", "Node")]);
        assert_eq!(found("é pod-a. – x"), [link("pod-a", "Pod")]);
        assert_eq!(found(""), []);
    }

    #[test]
    fn a_user_s_pod_before_the_cluster_s() {
        let names = names();
        let pieces = names.pieces("pod-a");
        assert_eq!(pieces[0].1.map(|named| named.namespace.as_str()), Some("default"));
    }
}
