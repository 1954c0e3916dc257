//! What is said to have changed since an earlier revision.

use podhop_engine::protocol::{Difference, Edited, OpenFile, ReplyBody, Request, RequestBody, Server};

fn pods(names: &[&str]) -> String {
    let pod = |name: &&str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: busybox, command: [sleep, infinity]}}]}}\n"
        )
    };
    names.iter().map(pod).collect()
}

fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
    server.handle(Request { id: 0, body }).body
}

fn opened(text: &str) -> (Server, u64) {
    let mut server = Server::default();
    let file = OpenFile { name: "pods.yaml".into(), text: text.into(), live: true };
    let ReplyBody::Opened(opened) = ask(&mut server, RequestBody::Open { files: vec![file], seed: 1 }) else {
        panic!()
    };
    (server, opened.revision)
}

fn edit(server: &mut Server, text: &str) -> Edited {
    let edit = RequestBody::Edit { file: "pods.yaml".into(), text: text.into() };
    let ReplyBody::Edited(edited) = ask(server, edit) else { panic!() };
    edited
}

fn since(server: &mut Server, revision: u64) -> Difference {
    match ask(server, RequestBody::Difference { since: revision }) {
        ReplyBody::Difference(difference) => difference,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_pod_brings_rows_to_its_node_and_flips_no_pair() {
    let (mut server, revision) = opened(&pods(&["pod-a", "pod-b"]));
    edit(&mut server, &pods(&["pod-a", "pod-b", "pod-c"]));
    let difference = since(&mut server, revision);
    assert_eq!(difference.since, revision);
    let places: Vec<&str> = difference.rows.iter().map(|rows| rows.place.as_str()).collect();
    assert_eq!(places.len(), 1, "one node has another veth: {places:?}");
    assert!(places[0].starts_with("node/worker-"));
    assert!(difference.rows[0].added_count > 0);
    assert_eq!((difference.gained_count, difference.lost_count), (0, 0));
    assert!(difference.pods_count >= 2);
}

#[test]
fn a_pod_whose_address_is_not_of_its_node_is_reached_no_more_and_again_when_that_is_mended() {
    let good = pods(&["pod-a", "pod-b"]);
    let (mut server, first) = opened(&good);
    let bad = good.replacen("spec: {", "status: {podIP: 10.99.0.7}\nspec: {", 1);
    let broken = edit(&mut server, &bad);
    let difference = since(&mut server, first);
    let lost: Vec<(&str, &str)> = difference
        .pairs
        .iter()
        .filter(|pair| !pair.reaches)
        .map(|pair| (pair.from.as_str(), pair.to.as_str()))
        .collect();
    assert_eq!(difference.lost_count as usize, lost.len());
    assert!(lost.contains(&("pod/default/pod-b", "pod/default/pod-a")), "{difference:?}");
    edit(&mut server, &good);
    let mended = since(&mut server, broken.revision);
    assert_eq!((mended.gained_count, mended.lost_count), (difference.lost_count, 0));
}

#[test]
fn a_revision_that_nobody_has_seen_is_an_error() {
    let (mut server, _) = opened(&pods(&["pod-a"]));
    let reply = ask(&mut server, RequestBody::Difference { since: 99_999 });
    assert!(matches!(reply, ReplyBody::Error(text) if text.contains("99999")));
}

#[test]
fn asking_leaves_no_trace_in_the_cluster() {
    let (mut server, revision) = opened(&pods(&["pod-a", "pod-b"]));
    edit(&mut server, &pods(&["pod-a"]));
    since(&mut server, revision);
    let ReplyBody::Flows(list) = ask(&mut server, RequestBody::Flows) else { panic!() };
    assert!(list.flows.is_empty());
}

#[test]
fn a_change_is_measured_from_its_beginning_however_many_edits_it_takes() {
    let text = |names: usize| {
        let names: Vec<String> = (0..names).map(|n| format!("pod-{n}")).collect();
        pods(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (mut server, first) = opened(&text(2));
    for names in 3..=8 {
        edit(&mut server, &text(names));
    }
    let difference = since(&mut server, first);
    assert_eq!(difference.since, first);
    let added: u32 = difference.rows.iter().map(|rows| rows.added_count).sum();
    assert!(added >= 6, "each of six Pods has brought rows to its node: {difference:?}");
}

#[test]
fn rows_that_all_nodes_share_are_counted_for_each_but_those_about_itself() {
    let node = |name: &str, n: u32, subnet: u32| {
        format!(
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\nspec: {{podCIDR: 10.244.{subnet}.0/24}}\nstatus: \
             {{addresses: [{{type: InternalIP, address: 172.18.0.{n}}}]}}\n"
        )
    };
    let nodes = |names: &[(&str, u32, u32)]| -> String {
        names.iter().map(|(name, n, subnet)| node(name, *n, *subnet)).collect()
    };
    let (mut server, first) = opened(&nodes(&[("n1", 2, 1), ("n2", 3, 2)]));
    edit(&mut server, &nodes(&[("n1", 2, 1), ("n2", 3, 2), ("n3", 4, 3)]));
    let came = since(&mut server, first);
    let told = |difference: &Difference| -> Vec<(String, u32, u32)> {
        let rows = difference.rows.iter().filter(|rows| rows.place.starts_with("node/"));
        rows.map(|rows| (rows.place.clone(), rows.added_count, rows.removed_count)).collect()
    };
    // A route, a neighbour and a forwarding entry about the new node.
    assert_eq!(told(&came), [("node/n1".to_owned(), 3, 0), ("node/n2".to_owned(), 3, 0)]);
    let before = edit(&mut server, &nodes(&[("n1", 2, 1), ("n2", 3, 9), ("n3", 4, 3)])).revision - 1;
    // The node's subnet is another: its peers have another route and neighbour, itself other addresses.
    let moved = told(&since(&mut server, before));
    assert_eq!(moved.len(), 3, "{moved:?}");
    assert_eq!(moved[0], ("node/n1".to_owned(), 2, 2));
    assert_eq!(moved[2], ("node/n3".to_owned(), 2, 2));
}
