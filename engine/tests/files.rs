//! Files as the page handles them: named anew, deleted, undone.

use podhop_engine::protocol::{Edited, OpenFile, ReplyBody, Request, RequestBody, Scene, Server};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: nginx}]}\n";

fn server() -> Server {
    let mut server = Server::default();
    let files = vec![OpenFile { name: "a.yaml".into(), text: POD.into(), live: true }];
    server.handle(Request { id: 0, body: RequestBody::Open { files, seed: 1 } });
    server
}

fn edited(server: &mut Server, body: RequestBody) -> Edited {
    match server.handle(Request { id: 0, body }).body {
        ReplyBody::Edited(edited) => edited,
        other => panic!("{other:?}"),
    }
}

fn address(scene: &Scene) -> Option<&str> {
    let mut pods = scene.nodes.iter().flat_map(|node| &node.pods);
    pods.find(|pod| pod.namespace == "default").map(|pod| pod.ip.as_str())
}

fn place(server: &mut Server) -> Option<String> {
    let body = RequestBody::Object { kind: "Pod".into(), namespace: "default".into(), name: "a".into() };
    match server.handle(Request { id: 0, body }).body {
        ReplyBody::Object(view) => view.at.map(|at| at.file),
        _ => None,
    }
}

#[test]
fn a_file_with_another_name_has_the_same_pods() {
    let mut server = server();
    let before = edited(&mut server, RequestBody::Edit { file: "a.yaml".into(), text: POD.into() });
    let renamed = edited(&mut server, RequestBody::Rename { file: "a.yaml".into(), name: "b.yaml".into() });
    assert_eq!(
        renamed.files.iter().map(|file| (file.name.as_str(), file.live)).collect::<Vec<_>>(),
        [("b.yaml", true)]
    );
    assert_eq!(address(&renamed.scene), address(&before.scene));
    assert_eq!(place(&mut server).as_deref(), Some("b.yaml"));
    // It goes on being what the cluster has.
    let emptied = edited(&mut server, RequestBody::Edit { file: "b.yaml".into(), text: String::new() });
    assert_eq!(emptied.changes, ["pod/a deleted"]);
}

#[test]
fn a_name_that_is_taken_stays_taken() {
    let mut server = server();
    edited(&mut server, RequestBody::Edit { file: "b.yaml".into(), text: "# b\n".into() });
    let same = edited(&mut server, RequestBody::Rename { file: "a.yaml".into(), name: "b.yaml".into() });
    assert!(!same.applied);
    assert_eq!(same.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["a.yaml", "b.yaml"]);
    assert!(!edited(&mut server, RequestBody::Rename { file: "x".into(), name: "y".into() }).applied);
}

#[test]
fn what_a_deleted_file_brought_goes_with_it_and_comes_back() {
    let mut server = server();
    let closed = edited(&mut server, RequestBody::Close { file: "a.yaml".into() });
    assert_eq!((closed.changes, closed.files), (vec!["pod/a deleted".to_owned()], vec![]));
    edited(&mut server, RequestBody::Edit { file: "a.yaml".into(), text: POD.into() });
    let back = edited(&mut server, RequestBody::Apply { file: "a.yaml".into() });
    assert_eq!(back.changes, ["pod/a created"]);
}

#[test]
fn taking_an_edit_back_takes_back_what_it_did() {
    let mut server = server();
    let more = POD.to_owned() + "---\n" + &POD.replace("{name: a}", "{name: b}");
    assert_eq!(edited(&mut server, RequestBody::Edit { file: "a.yaml".into(), text: more }).changes, ["pod/b created"]);
    let undone = edited(&mut server, RequestBody::Edit { file: "a.yaml".into(), text: POD.into() });
    assert_eq!(undone.changes, ["pod/b deleted"]);
}
