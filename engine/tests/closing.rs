//! How a TCP connection ends when the process that closed it is gone.

use podhop_engine::protocol::{FlowView, OpenFile, ReplyBody, Request, RequestBody, Server, VerdictKind};

const PODS: &str = "apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server}
spec: {nodeName: worker-2, containers: [{name: c, image: nginx}]}
";

fn flow_of(line: &str) -> FlowView {
    let mut server = Server::default();
    let mut ask = |body| server.handle(Request { id: 0, body }).body;
    ask(RequestBody::Open {
        files: vec![OpenFile { name: "pods.yaml".into(), text: PODS.into(), live: true }],
        seed: 1,
    });
    let ReplyBody::Console(console) = ask(RequestBody::Run { session: 0, line: line.into() }) else { panic!() };
    let ReplyBody::Flow(flow) = ask(RequestBody::Flow { flow: console.flows[0] }) else { panic!() };
    *flow
}

#[test]
fn the_kernel_finishes_what_a_process_has_closed() {
    let flow = flow_of("kubectl exec client -- nc -z 10.244.2.2 80");
    let tcp: Vec<&str> =
        flow.packets.iter().filter(|packet| packet.title.starts_with("TCP")).map(|p| p.title.as_str()).collect();
    assert_eq!(tcp, ["TCP SYN", "TCP SYN-ACK", "TCP ACK", "TCP FIN", "TCP ACK", "TCP FIN", "TCP ACK"]);
    assert!(flow.packets.iter().all(|packet| packet.disposition_kind == VerdictKind::Delivered));
}
