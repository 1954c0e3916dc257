//! Returning to the cluster of an earlier revision.

use podhop_engine::protocol::{Edited, OpenFile, ReplyBody, Request, RequestBody, Server};

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: pod-a}
spec: {containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
";

fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
    server.handle(Request { id: 0, body }).body
}

fn run(server: &mut Server, line: &str) -> u64 {
    match ask(server, RequestBody::Run { session: 0, line: line.into() }) {
        ReplyBody::Console(console) => {
            assert_eq!(console.exit_status, 0, "{line}: {:?}", console.chunks);
            console.revision
        }
        other => panic!("{other:?}"),
    }
}

fn edited(server: &mut Server, body: RequestBody) -> Edited {
    match ask(server, body) {
        ReplyBody::Edited(edited) => edited,
        other => panic!("{other:?}"),
    }
}

/// The opening's files: one that is live, one that is not; and the revision that they make.
fn opened() -> (Server, u64) {
    let mut server = Server::default();
    let file = |name: &str, text: &str, live| OpenFile { name: name.into(), text: text.into(), live };
    let files = vec![file("pods.yaml", PODS, true), file("later.yaml", &PODS.replace("pod-a", "pod-b"), false)];
    let ReplyBody::Opened(opened) = ask(&mut server, RequestBody::Open { files, seed: 1 }) else { panic!() };
    (server, opened.revision)
}

#[test]
fn what_a_command_deleted_comes_back_with_its_address() {
    let (mut server, before) = opened();
    let pods = |server: &mut Server| {
        let text = RequestBody::Run { session: 0, line: "kubectl get pods -o wide".into() };
        let ReplyBody::Console(console) = ask(server, text) else { panic!() };
        console.chunks.into_iter().map(|chunk| chunk.text).collect::<String>()
    };
    let listed = pods(&mut server);
    let after = run(&mut server, "kubectl delete pod pod-a");
    assert!(after > before);
    let back = edited(&mut server, RequestBody::Return { revision: before });
    assert!(back.applied && back.revision > after, "a number is never used again: {}", back.revision);
    assert_eq!(pods(&mut server), listed);
    run(&mut server, "kubectl exec pod-a -- ping -c 1 10.244.0.1");
    // And forth again.
    edited(&mut server, RequestBody::Return { revision: after });
    assert_eq!(pods(&mut server), "No resources found in default namespace.\n");
}

#[test]
fn a_file_that_was_applied_is_no_longer_live() {
    let (mut server, before) = opened();
    run(&mut server, "kubectl apply -f later.yaml");
    let live = |edited: &Edited| edited.files.iter().map(|file| file.live).collect::<Vec<_>>();
    let back = edited(&mut server, RequestBody::Return { revision: before });
    assert_eq!(live(&back), [true, false]);
}

#[test]
fn what_is_typed_and_not_applied_stays() {
    let (mut server, before) = opened();
    run(&mut server, "kubectl delete pod pod-a");
    let broken = format!("{PODS}spec: [");
    for (file, text) in [("pods.yaml", &*broken), ("later.yaml", "a: draft"), ("new.yaml", "b: draft")] {
        edited(&mut server, RequestBody::Edit { file: file.into(), text: text.into() });
    }
    let back = edited(&mut server, RequestBody::Return { revision: before });
    let texts: Vec<&str> = back.files.iter().map(|file| file.text.as_str()).collect();
    assert_eq!(texts, [&*broken, "a: draft", "b: draft"]);
    assert!(back.diagnostics.iter().any(|problem| problem.severity == "error" && problem.at.file == "pods.yaml"));
}

#[test]
fn a_revision_that_is_not_kept_is_an_error() {
    let (mut server, _) = opened();
    let reply = ask(&mut server, RequestBody::Return { revision: 4_711 });
    assert_eq!(reply, ReplyBody::Error("revision 4711 is not kept (any more)".into()));
}
