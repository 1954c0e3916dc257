//! What an edit changed of the picture, and in words.

use super::layout::Target;
use super::picture::phase_word;
use podhop_engine::protocol::{Difference, NodeView, PodView, Scene};
use std::cmp::Ordering;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Added,
    Removed,
    Changed,
}

impl Sign {
    pub fn text(self) -> &'static str {
        match self {
            Sign::Added => "+",
            Sign::Removed => "−",
            Sign::Changed => "~",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Sign::Added => "new",
            Sign::Removed => "gone",
            Sign::Changed => "changed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Node,
    Pod,
    Device,
}

/// One thing that is there, is not any more, or is other than before.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub sign: Sign,
    pub of: Of,
    /// `node/worker-1`, `pod/default/pod-a`; of a device its node's.
    pub place: String,
    pub name: String,
    /// Where it is or what is other about it.
    pub about: String,
}

/// An edit, or several in quick succession.
#[derive(Clone, Debug)]
pub struct Change {
    pub before: Rc<Scene>,
    pub entries: Vec<Entry>,
    /// Rows and pairs, when they have been counted.
    pub difference: Option<Difference>,
    /// When the last edit of it came, in milliseconds of the page.
    pub at_ms: f64,
}

struct Placed<'s> {
    node: &'s str,
    pod: &'s PodView,
}

/// Whether two scenes show the same, whatever their revisions.
pub fn same(before: &Scene, now: &Scene) -> bool {
    before.nodes == now.nodes && before.pending == now.pending
}

/// What is other in `now`; nodes first, then Pods by namespace and name.
pub fn entries(before: &Scene, now: &Scene) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (old, new): (Vec<&NodeView>, Vec<&NodeView>) = (before.nodes.iter().collect(), now.nodes.iter().collect());
    joined(old, new, |node| &node.place, |pair| node_entries(&mut entries, pair.map(Option::<&&NodeView>::copied)));
    let (old, new) = (placed(before, now), placed(now, before));
    joined(old, new, |placed| &placed.pod.place, |pair| pod_entry(&mut entries, pair));
    entries
}

/// The Pods of the nodes that are not the same in the other scene.
fn placed<'s>(of: &'s Scene, other: &Scene) -> Vec<Placed<'s>> {
    let mut pods: Vec<Placed> = of.pending.iter().map(|pod| Placed { node: "", pod }).collect();
    for (i, node) in of.nodes.iter().enumerate() {
        if other.nodes.get(i).is_none_or(|twin| twin.name != node.name || twin.pods != node.pods) {
            pods.extend(node.pods.iter().map(|pod| Placed { node: &node.name, pod }));
        }
    }
    pods
}

/// Calls `each` with what bears the same key, sorted by it.
fn joined<T>(mut old: Vec<T>, mut new: Vec<T>, key: impl Fn(&T) -> &String, mut each: impl FnMut([Option<&T>; 2])) {
    for all in [&mut old, &mut new] {
        all.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        let order = match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) => key(one).cmp(key(other)),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        let (one, other) = (order.is_le().then(|| &old[i]), order.is_ge().then(|| &new[j]));
        each([one, other]);
        i += usize::from(one.is_some());
        j += usize::from(other.is_some());
    }
}

fn node_entries(entries: &mut Vec<Entry>, pair: [Option<&NodeView>; 2]) {
    let mut push = |sign: Sign, of: Of, node: &NodeView, name: &str, about: String| {
        entries.push(Entry { sign, of, place: node.place.clone(), name: name.to_string(), about });
    };
    let (old, new) = match pair {
        [Some(old), Some(new)] => (old, new),
        [None, Some(new)] => return push(Sign::Added, Of::Node, new, &new.name, new.ip.clone()),
        [Some(old), None] => return push(Sign::Removed, Of::Node, old, &old.name, old.ip.clone()),
        _ => return,
    };
    let ready = |node: &NodeView| if node.ready { "Ready" } else { "NotReady" }.to_string();
    let facts = [(&old.ip, &new.ip), (&old.pod_cidr, &new.pod_cidr), (&ready(old), &ready(new))];
    if let Some(about) = first_other(&facts) {
        push(Sign::Changed, Of::Node, new, &new.name, about);
    }
    for device in &new.devices {
        match old.devices.iter().find(|known| known.name == device.name) {
            None if old.devices.is_empty() => {}
            None => push(Sign::Added, Of::Device, new, &device.name, ["on ", &new.name].concat()),
            Some(known) => {
                let mtu = |mtu: u32| ["MTU ", &mtu.to_string()].concat();
                let (was, is) = (mtu(known.mtu), mtu(device.mtu));
                let facts = [(&known.address, &device.address), (&was, &is), (&known.note, &device.note)];
                if let Some(about) = first_other(&facts) {
                    push(Sign::Changed, Of::Device, new, &device.name, ["on ", &new.name, ": ", &about].concat());
                }
            }
        }
    }
    for device in old.devices.iter().filter(|_| !new.devices.is_empty()) {
        if new.devices.iter().all(|known| known.name != device.name) {
            push(Sign::Removed, Of::Device, new, &device.name, ["on ", &new.name].concat());
        }
    }
}

fn pod_entry(entries: &mut Vec<Entry>, pair: [Option<&Placed>; 2]) {
    let where_of = |at: &Placed| match (at.node, at.pod.ip.as_str()) {
        ("", _) => "on no node yet".to_string(),
        (node, "") => node.to_string(),
        (node, ip) => [node, ", ", ip].concat(),
    };
    let (sign, at, about) = match pair {
        [None, Some(new)] => (Sign::Added, new, where_of(new)),
        [Some(old), None] => (Sign::Removed, old, where_of(old)),
        [Some(old), Some(new)] => match pod_other(old, new) {
            Some(about) => (Sign::Changed, new, about),
            None => return,
        },
        _ => return,
    };
    let PodView { namespace, name, .. } = at.pod;
    let name = if namespace == "default" { name.clone() } else { [namespace, "/", name].concat() };
    entries.push(Entry { sign, of: Of::Pod, place: at.pod.place.clone(), name, about });
}

fn pod_other(old: &Placed, new: &Placed) -> Option<String> {
    let images = |placed: &Placed| {
        let images: Vec<&str> = placed.pod.containers.iter().map(|container| container.image.as_str()).collect();
        images.join(", ")
    };
    let phase = |placed: &Placed| match phase_word(placed.pod.phase) {
        "" => "Running".to_string(),
        word => word.to_string(),
    };
    let (was, is) = ((phase(old), images(old), old.node.to_string()), (phase(new), images(new), new.node.to_string()));
    let facts = [(&was.2, &is.2), (&old.pod.ip, &new.pod.ip), (&was.0, &is.0), (&was.1, &is.1)];
    let anew = || (old.pod.veth != new.pod.veth).then(|| "made anew".to_string());
    first_other(&facts).or_else(anew)
}

/// `10.244.1.2 → 10.244.2.2`, of the first facts that are not the same.
fn first_other(facts: &[(&String, &String)]) -> Option<String> {
    let (old, new) = facts.iter().find(|(old, new)| old != new)?;
    let or_none = |text: &str| if text.is_empty() { "none".to_string() } else { text.to_string() };
    Some([or_none(old), " → ".to_string(), or_none(new)].concat())
}

/// `1 row`, `2 rows`
pub fn counted(count: usize, one: &str) -> String {
    [count.to_string().as_str(), " ", one, if count == 1 { "" } else { "s" }].concat()
}

impl Change {
    /// `+2 Pods, −1 Pod, 6 rows changed, 1 pair reachable now`
    pub fn sentence(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (of, word) in [(Of::Node, "node"), (Of::Pod, "Pod"), (Of::Device, "device")] {
            for sign in [Sign::Added, Sign::Removed, Sign::Changed] {
                let count = self.entries.iter().filter(|entry| (entry.of, entry.sign) == (of, sign)).count();
                match (count, sign) {
                    (0, _) => {}
                    (_, Sign::Changed) => parts.push([&counted(count, word), " changed"].concat()),
                    _ => parts.push([sign.text(), &counted(count, word)].concat()),
                }
            }
        }
        if let Some(difference) = &self.difference {
            // A row that was rewritten went and came: it is one row.
            let rows = difference.rows.iter().map(|rows| rows.added_count.max(rows.removed_count)).sum::<u32>();
            let of_pairs = [(difference.gained_count, "reachable now"), (difference.lost_count, "reachable no more")];
            if rows > 0 {
                let more = if difference.places_left_count > 0 { "at least " } else { "" };
                parts.push([more, &counted(rows as usize, "row"), " changed"].concat());
            }
            for (count, word) in of_pairs.into_iter().filter(|(count, _)| *count > 0) {
                parts.push([&counted(count as usize, "pair"), " ", word].concat());
            }
        }
        parts.join(", ")
    }

    /// Nothing that anybody would look for.
    pub fn is_empty(&self) -> bool {
        self.sentence().is_empty()
    }

    /// What is said of a thing in the picture's tree.
    pub fn word_of(&self, scene: &Scene, target: &Target) -> &'static str {
        let (of, place, name) = match *target {
            Target::Node(node) => (Of::Node, scene.nodes.get(node).map(|node| &node.place), None),
            Target::Pod(node, pod) => (Of::Pod, pod_place(scene, node, pod), None),
            Target::Pending(pod) => (Of::Pod, scene.pending.get(pod).map(|pod| &pod.place), None),
            Target::Device(node, device) => {
                let node = scene.nodes.get(node);
                let name = node.and_then(|node| node.devices.get(device)).map(|device| &device.name);
                (Of::Device, node.map(|node| &node.place), name)
            }
            Target::Gateway | Target::Internet | Target::Service(_) | Target::MoreServices => return "",
        };
        let is = |entry: &&Entry| {
            entry.of == of && Some(&entry.place) == place && name.is_none_or(|name| *name == entry.name)
        };
        self.entries.iter().find(is).map_or("", |entry| entry.sign.word())
    }
}

fn pod_place(scene: &Scene, node: usize, pod: usize) -> Option<&String> {
    scene.nodes.get(node)?.pods.get(pod).map(|pod| &pod.place)
}

/// What a place is in a scene; of a device its name is given, too.
pub fn target_of(scene: &Scene, place: &str, device: Option<&str>) -> Option<Target> {
    if let Some(index) = scene.pending.iter().position(|pod| pod.place == place) {
        return Some(Target::Pending(index));
    }
    scene.nodes.iter().enumerate().find_map(|(index, node)| {
        if node.place == place {
            let Some(name) = device else { return Some(Target::Node(index)) };
            return node.devices.iter().position(|of| of.name == name).map(|of| Target::Device(index, of));
        }
        node.pods.iter().position(|pod| pod.place == place).map(|pod| Target::Pod(index, pod))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use podhop_engine::protocol::{PairChanged, RowsChanged};

    fn change(edit: impl FnOnce(&mut Scene)) -> Change {
        let before = fixture::scene(2, 2);
        let mut now = before.clone();
        now.revision += 1;
        edit(&mut now);
        let entries = entries(&before, &now);
        Change { before: Rc::new(before), entries, difference: None, at_ms: 0.0 }
    }

    fn listed(change: &Change) -> Vec<String> {
        let line = |entry: &Entry| [entry.sign.text(), " ", &entry.name, " ", &entry.about].concat();
        change.entries.iter().map(line).collect()
    }

    #[test]
    fn what_came_went_and_changed_is_told_apart() {
        let change = change(|scene| {
            scene.nodes[1].pods.push(fixture::pod("shop", "front", "10.244.1.9"));
            scene.nodes[2].pods.retain(|pod| pod.name != "pod-b");
            let pod = scene.nodes[1].pods.iter_mut().find(|pod| pod.name == "pod-a").unwrap();
            pod.ip = "10.244.1.7".into();
            scene.nodes[2].devices[2].mtu = 1400;
            scene.nodes.push(fixture::node(3, 0));
        });
        let expected = [
            "~ flannel.1 on worker-2: MTU 1450 → MTU 1400",
            "+ worker-3 172.18.0.5",
            "~ pod-a 10.244.1.2 → 10.244.1.7",
            "− pod-b worker-2, 10.244.2.2",
            "+ kube-flannel/kube-flannel-ds-3 worker-3, 172.18.0.5",
            "+ kube-system/kube-proxy-3 worker-3, 172.18.0.5",
            "+ shop/front worker-1, 10.244.1.9",
        ];
        assert_eq!(listed(&change), expected);
        assert_eq!(change.sentence(), "+1 node, +3 Pods, −1 Pod, 1 Pod changed, 1 device changed");
    }

    #[test]
    fn a_pod_that_moved_is_one_change_and_labels_are_none() {
        let moved = change(|scene| {
            let pod = scene.nodes[1].pods.pop().unwrap();
            scene.nodes[2].pods.push(pod);
        });
        assert_eq!(moved.entries.len(), 1);
        assert_eq!(moved.entries[0].about, "worker-1 → worker-2");
        let labelled = change(|scene| scene.nodes[1].pods[2].labels.push("tier=web".into()));
        assert!(labelled.entries.is_empty() && labelled.is_empty());
        assert!(same(&labelled.before, &fixture::scene(2, 2)));
    }

    #[test]
    fn rows_and_pairs_are_counted_when_they_are_known() {
        let mut change = change(|_| ());
        let rows = RowsChanged { place: "node/worker-1".into(), added_count: 4, removed_count: 2 };
        let pair = PairChanged { from: "pod/a".into(), to: "pod/b".into(), reaches: false };
        change.difference =
            Some(Difference { rows: vec![rows], lost_count: 1, pairs: vec![pair], ..Difference::default() });
        assert_eq!(change.sentence(), "4 rows changed, 1 pair reachable no more");
    }

    #[test]
    fn the_tree_says_what_is_new() {
        let change = change(|scene| scene.nodes[1].pods.push(fixture::pod("default", "new", "10.244.1.9")));
        let mut now = (*change.before).clone();
        now.nodes[1].pods.push(fixture::pod("default", "new", "10.244.1.9"));
        let target = target_of(&now, "pod/default/new", None).unwrap();
        assert_eq!(change.word_of(&now, &target), "new");
        assert_eq!(change.word_of(&now, &Target::Node(1)), "");
    }
}
