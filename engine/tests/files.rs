//! Files as the page handles them: named anew, deleted, undone.

use podhop_engine::protocol::{Edited, OpenFile, Progress, ReplyBody, Request, RequestBody, Scene, Server};
use std::sync::Mutex;

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

/// `kubectl get pods -A -o yaml` of so many Pods.
fn dump(pods: usize) -> String {
    let mut text = String::from("apiVersion: v1\nitems:\n");
    for n in 0..pods {
        text += &format!(
            "- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: p{n}\n  spec:\n    containers:\n    - image: nginx\n      \
             name: c\n    nodeName: nowhere\n"
        );
    }
    text + "kind: List\n"
}

#[test]
fn a_dump_tells_how_far_it_has_come_and_is_read_once() {
    static TOLD: Mutex<Vec<Progress>> = Mutex::new(Vec::new());
    let take = || std::mem::take(&mut *TOLD.lock().unwrap());
    let mut server = server().watched(|progress| TOLD.lock().unwrap().push(progress));
    let text = dump(12_345);
    let bytes_all = text.len() as u64;
    edited(&mut server, RequestBody::Edit { file: "dump.yaml".into(), text });
    let told = take();
    let read = |progress: &Progress| match progress {
        Progress::Reading { objects_count, bytes, bytes_all } => Some((*objects_count, *bytes, *bytes_all)),
        Progress::Applying { .. } => None,
    };
    let reading: Vec<_> = told.iter().filter_map(read).collect();
    assert!(reading.len() == told.len() && reading.len() >= 2, "{told:?}");
    assert!(reading.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1), "{told:?}");
    assert!(reading.iter().all(|(_, bytes, all)| *bytes <= bytes_all && *all == bytes_all), "{told:?}");
    let source = |server: &mut Server| server.world().cluster().file("dump.yaml").map(|file| file.source);
    let checked = source(&mut server);
    let applied = edited(&mut server, RequestBody::Apply { file: "dump.yaml".into() });
    assert!(applied.applied && applied.files.is_empty() && applied.changes.len() == 12_345);
    assert_eq!(source(&mut server), checked, "what was read is what is applied");
    let told = take();
    let is_applying = |progress: &Progress| matches!(progress, Progress::Applying { objects_all: 12_345, .. });
    assert!(told.len() >= 2 && told.iter().all(is_applying), "nothing is read again: {told:?}");
}

#[test]
fn a_command_tells_of_the_files_that_it_has_changed() {
    let mut server = server();
    edited(&mut server, RequestBody::Edit { file: "b.yaml".into(), text: POD.replace("name: a", "name: b") });
    let mut files = |line: &str| match server
        .handle(Request { id: 0, body: RequestBody::Run { session: 0, line: line.into() } })
        .body
    {
        ReplyBody::Console(console) => console.files.into_iter().map(|file| (file.name, file.live)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(files("kubectl get pods"), []);
    assert_eq!(files("kubectl apply -f b.yaml"), [("b.yaml".to_owned(), true)]);
    assert_eq!(files("echo x > c.txt"), [("c.txt".to_owned(), false)]);
}
