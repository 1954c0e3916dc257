//! `calicoctl node status`. Models calicoctl/calicoctl/commands/node/status.go, what BIRD 1.6 says to `show protocols`, and
//! the peers of confd's templates: every other node, as the mesh between nodes is on.

use super::super::clock::Moment;
use super::table::framed;
use crate::cluster::api::calico::bgp_address;
use crate::cluster::{NodeRecord, PodPhase, PodRecord, Revision};
use crate::net::Family;
use crate::trace::Nanos;

/// BIRD prints a moment as a date when it is this long ago.
const DAY: Nanos = 20 * 3_600 * 1_000_000_000;

pub fn print(revision: &Revision, name: &str, now: Nanos) -> Result<String, String> {
    let node = revision.node(name).filter(|node| calico_node(revision, node).is_some());
    let (Some(config), Some(node)) = (revision.network.cni.calico(), node) else {
        return Err("Calico process is not running.".to_owned());
    };
    let mut text = "Calico process is running.\n".to_owned();
    if config.bgp.0 {
        text += &peers(revision, node, Family::V4, now);
        text += &peers(revision, node, Family::V6, now);
    } else {
        text += "\nThe BGP backend process (BIRD) is not running.\n";
    }
    Ok(text + "\n")
}

/// The Pod in which Felix and BIRD run.
fn calico_node<'r>(revision: &'r Revision, node: &NodeRecord) -> Option<&'r PodRecord> {
    let pods = node.pods.values().filter_map(|key| revision.pods.get(key));
    let is_one = |pod: &PodRecord| pod.labels.get("k8s-app").is_some_and(|app| &**app == "calico-node");
    let mut running = pods.filter(|pod| is_one(pod) && pod.netns.is_some() && pod.phase == PodPhase::Running);
    running.next().map(|pod| &**pod)
}

fn peers(revision: &Revision, own: &NodeRecord, family: Family, now: Nanos) -> String {
    let version = if family == Family::V4 { 4 } else { 6 };
    let since =
        |node: &NodeRecord| calico_node(revision, node).map(|pod| pod.started_at_ns.unwrap_or(pod.created_at_ns));
    let own_since = since(own).unwrap_or(0);
    // A BIRD without an address of this family has nobody to speak to.
    let others =
        revision.nodes.values().filter(|node| node.uid != own.uid && bgp_address(revision, own, family).is_some());
    let rows: Vec<Vec<String>> = others
        .filter_map(|node| {
            let ip = bgp_address(revision, node, family)?.addr();
            let (state, since, info) = match since(node) {
                Some(since) => ("up", since.max(own_since), "Established"),
                None => ("start", own_since, "Active Socket: Connection\nrefused"),
            };
            let cells = [ip.to_string(), "node-to-node mesh".into(), state.into(), moment(since, now), info.into()];
            Some(cells.into())
        })
        .collect();
    let table = match rows.is_empty() {
        true => format!("No IPv{version} peers found.\n"),
        false => framed(&["PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO"], &rows),
    };
    format!("\nIPv{version} BGP status\n{table}")
}

fn moment(at: Nanos, now: Nanos) -> String {
    let moment = Moment::new(at);
    if now.saturating_sub(at) < DAY {
        moment.time()
    } else {
        format!("{}-{:02}-{:02}", moment.year, moment.month, moment.day)
    }
}
