//! What the page's object view says of a Pod.

use podhop_engine::protocol::{OpenFile, ReplyBody, Request, RequestBody, Server};

fn events(manifest: &str, name: &str) -> Vec<String> {
    let mut server = Server::default();
    let mut ask = |body| server.handle(Request { id: 0, body }).body;
    let file = OpenFile { name: "pods.yaml".into(), text: manifest.into(), live: true };
    ask(RequestBody::Open { files: vec![file], seed: 1 });
    match ask(RequestBody::Object { kind: "Pod".into(), namespace: "default".into(), name: name.into() }) {
        ReplyBody::Object(view) => view.events,
        other => panic!("{other:?}"),
    }
}

fn pod(spec: &str) -> String {
    format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{{spec}}}}}")
}

#[test]
fn a_pod_that_runs_was_scheduled_and_started() {
    let events = events(&pod("containers: [{name: app, image: nginx}]"), "a");
    assert_eq!(
        events,
        [
            "Normal  Scheduled  default-scheduler  Successfully assigned default/a to worker-1",
            "Normal  Pulled  kubelet  Container image \"nginx\" already present on machine",
            "Normal  Created  kubelet  Created container: app",
            "Normal  Started  kubelet  Started container app",
        ]
    );
}

#[test]
fn a_pod_that_fits_nowhere_says_why() {
    let events = events(&pod("nodeSelector: {disk: ssd}, containers: [{name: app, image: nginx}]"), "a");
    let [event] = &events[..] else { panic!("{events:?}") };
    assert!(event.starts_with("Warning  FailedScheduling  default-scheduler  0/3 nodes are available"), "{event}");
}

#[test]
fn a_pod_that_the_kubelet_refuses_never_met_the_scheduler() {
    let spec = "nodeName: worker-1, nodeSelector: {disk: ssd}, containers: [{name: app, image: nginx}]";
    let events = events(&pod(spec), "a");
    let [event] = &events[..] else { panic!("{events:?}") };
    assert!(event.starts_with("Warning  NodeAffinity  kubelet  Predicate NodeAffinity failed"), "{event}");
}

#[test]
fn a_container_that_keeps_failing_is_backed_off() {
    let events = events(&pod("containers: [{name: app, image: busybox, command: [\"false\"]}]"), "a");
    let last = events.last().expect("there are events");
    assert!(last.starts_with("Warning  BackOff  kubelet  Back-off restarting failed container app in pod a_default("));
}
