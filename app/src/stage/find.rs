//! Finding Pods and nodes by name, address, namespace or label.

use super::layout::Target;
use super::shelf;
use podhop_engine::protocol::{NodeView, PodView, Scene};

/// Found things that are listed.
pub const LISTED_MAX: usize = 40;

#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub target: Target,
    pub name: String,
    /// What tells it from others of this name: kind, namespace, address, node.
    pub detail: String,
    /// 0 is best.
    rank: u8,
}

/// What is found, the best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub hits: Vec<Hit>,
    /// All that match, listed or not.
    pub count: usize,
}

struct Words<'a> {
    name: &'a str,
    ip: &'a str,
    /// Where it is: its namespace, its node, its network.
    around: [&'a str; 2],
    labels: &'a [String],
}

/// How well a thing matches one word of the question; None if not.
fn rank(of: &Words, word: &str) -> Option<u8> {
    if word.contains('=') {
        return of.labels.iter().any(|label| label.to_lowercase().starts_with(word)).then_some(1);
    }
    let name = of.name.to_lowercase();
    if name == word || of.ip == word {
        Some(0)
    } else if name.starts_with(word) {
        Some(1)
    } else if of.around.contains(&word) || !of.ip.is_empty() && of.ip.starts_with(word) {
        Some(2)
    } else {
        (name.contains(word) || of.around.iter().any(|text| text.starts_with(word))).then_some(3)
    }
}

/// Every word must match; the worst match counts.
fn rank_of(of: &Words, question: &[String]) -> Option<u8> {
    question.iter().map(|word| rank(of, word)).try_fold(0, |worst, rank| rank.map(|rank| worst.max(rank)))
}

fn node_words(node: &NodeView) -> Words<'_> {
    Words { name: &node.name, ip: &node.ip, around: ["node", &node.pod_cidr], labels: &node.labels }
}

fn pod_words<'a>(pod: &'a PodView, node: &'a str) -> Words<'a> {
    Words { name: &pod.name, ip: &pod.ip, around: [&pod.namespace, node], labels: &pod.labels }
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// Searches the whole scene. An empty question finds everything, Pods of the user first.
pub fn find(scene: &Scene, question: &str) -> Found {
    let question: Vec<String> = question.split_whitespace().map(str::to_lowercase).collect();
    let mut hits = Vec::new();
    // On the node's network a Pod has the node's address: a search for it finds the node first.
    let pod_rank = |pod: &PodView, node: &str| {
        let later = u8::from(pod.system) + u8::from(pod.host_network);
        rank_of(&pod_words(pod, node), &question).map(|rank| rank * 4 + later)
    };
    for (i, node) in scene.nodes.iter().enumerate() {
        for (j, pod) in node.pods.iter().enumerate() {
            if let Some(rank) = pod_rank(pod, &node.name) {
                let detail = joined(&["Pod", &pod.namespace, &pod.ip, &node.name]);
                hits.push(Hit { target: Target::Pod(i, j), name: pod.name.clone(), detail, rank });
            }
        }
        if let Some(rank) = rank_of(&node_words(node), &question) {
            let detail = joined(&["Node", &node.ip]);
            let rank = rank * 4 + u8::from(question.is_empty());
            hits.push(Hit { target: Target::Node(i), name: node.name.clone(), detail, rank });
        }
    }
    for (i, pod) in scene.pending.iter().enumerate() {
        if let Some(rank) = pod_rank(pod, "") {
            let detail = joined(&["Pod", &pod.namespace, "on no node yet"]);
            hits.push(Hit { target: Target::Pending(i), name: pod.name.clone(), detail, rank });
        }
    }
    for (i, service) in scene.services.iter().enumerate() {
        let words = Words {
            name: &service.name,
            ip: service.cluster_ips.first().map_or("", String::as_str),
            around: [&service.namespace, "service"],
            labels: &[],
        };
        if let Some(rank) = rank_of(&words, &question) {
            let detail = joined(&["Service", &service.namespace, &shelf::address_line(service)]);
            let rank = rank * 4 + u8::from(service.system);
            hits.push(Hit { target: Target::Service(i), name: service.name.clone(), detail, rank });
        }
    }
    let count = hits.len();
    hits.sort_by_key(|hit| hit.rank);
    hits.truncate(LISTED_MAX);
    Found { hits, count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn first(question: &str) -> String {
        find(&fixture::scene(3, 4), question).hits.first().map(|hit| hit.name.clone()).unwrap_or_default()
    }

    #[test]
    fn by_name_address_namespace_and_label() {
        assert_eq!(first("pod-b"), "pod-b");
        assert_eq!(first("POD-B"), "pod-b");
        assert_eq!(first("10.244.1.2"), "pod-a");
        assert_eq!(first("172.18.0.4"), "worker-2");
        assert_eq!(first("app=pod-a"), "pod-a");
        assert_eq!(first("worker-3"), "worker-3");
        let system = find(&fixture::scene(3, 4), "kube-system");
        assert!(system.count > 0 && system.hits.iter().all(|hit| hit.detail.contains("kube-system")));
        assert_eq!(first("nothing-like-this"), "");
    }

    #[test]
    fn services_are_found_by_name_address_and_kind() {
        let mut scene = fixture::scene(2, 2);
        scene.services = vec![fixture::service("shop-front", &[])];
        for question in ["shop", "10.96.0.50", "service shop"] {
            assert_eq!(find(&scene, question).hits[0].target, Target::Service(0), "{question}");
        }
    }

    #[test]
    fn every_word_must_match_and_the_list_is_bounded() {
        let scene = fixture::scene(300, 4);
        let all = find(&scene, "");
        assert_eq!(all.hits.len(), LISTED_MAX);
        assert!(all.count > 1_000);
        let on = find(&scene, "web worker-7");
        assert!(on.count > 0 && on.hits[0].detail.ends_with("worker-7"), "{:?}", on.hits[0]);
    }
}
