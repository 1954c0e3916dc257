//! The cluster as it was when a conversation was recorded. A later one may have other Pods, or the same with other
//! addresses: the old packets must not be drawn on it.

use podhop_engine::protocol::{FlowView, Scene};
use std::rc::Rc;

/// The conversations of a command, and the cluster then.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Sorted, as they were made one after the other.
    pub flows: Rc<Vec<u32>>,
    pub line: String,
    /// The command was typed whole and at the host, so that it means the same when it is run again.
    pub at_host: bool,
    pub scene: Rc<Scene>,
}

impl Recorded {
    pub fn has(&self, flow: u32) -> bool {
        self.flows.binary_search(&flow).is_ok()
    }
}

/// Whether what a conversation passed is still there, where and as it was.
pub fn still_holds(flow: &FlowView, then: &Scene, now: &Scene) -> bool {
    if then.revision == now.revision {
        return true;
    }
    let steps = flow.packets.iter().flat_map(|packet| &packet.steps);
    let mut last = "";
    for step in steps {
        // Steps of one place follow each other.
        if step.place != last && spot(then, &step.place) != spot(now, &step.place) {
            return false;
        }
        last = &step.place;
    }
    true
}

/// Whether a place is no longer where and as it was.
pub fn is_gone(place: &str, then: &Scene, now: &Scene) -> bool {
    then.revision != now.revision && spot(then, place) != spot(now, place)
}

/// Where a place is: its node and its address. `None` if it is no Pod and no node, or is not there.
fn spot<'s>(scene: &'s Scene, place: &str) -> Option<(&'s str, &'s str)> {
    scene.nodes.iter().find_map(|node| {
        if node.place == place {
            return Some((node.name.as_str(), node.ip.as_str()));
        }
        let pod = node.pods.iter().find(|pod| pod.place == place)?;
        Some((node.name.as_str(), pod.ip.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_conversation_holds_until_something_it_passed_is_elsewhere() {
        let (flow, then) = (fixture::ping(), fixture::scene(2, 3));
        let mut now = then.clone();
        now.revision += 1;
        assert!(still_holds(&flow, &then, &now));
        let passed = flow.packets[0].steps[0].place.clone();
        let pod = now.nodes.iter_mut().flat_map(|node| &mut node.pods).find(|pod| pod.place == passed).unwrap();
        pod.ip = "10.244.9.9".into();
        assert!(!still_holds(&flow, &then, &now));
        for node in &mut now.nodes {
            node.pods.retain(|pod| pod.place != passed);
        }
        assert!(!still_holds(&flow, &then, &now));
    }
}
