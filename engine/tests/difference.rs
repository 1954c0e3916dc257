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
