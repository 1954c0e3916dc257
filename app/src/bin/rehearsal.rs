//! What the page asks of the worker until its first flow has played and an edit is answered, and what it may ask
//! afterwards, with the answers. The site's builder sends the questions to a worker that is instrumented, to see what the
//! first half of the engine needs, and then to the halves, whose answers must be these.
//!
//! Lines of three words: `opening` or `afterwards`, the bytes of a request, the bytes of its reply, in hexadecimal. An empty
//! line ends a session; the next one has a worker of its own.

use podhop_app::opening;
use podhop_engine::protocol::{OpenFile, Opened, ReplyBody, Request, RequestBody, Server};
use podhop_engine::scenario::library;

struct Rehearsal {
    server: Server,
    part: &'static str,
    next_id: u32,
}

impl Rehearsal {
    fn new() -> Rehearsal {
        Rehearsal { server: library::server(), part: "opening", next_id: 0 }
    }

    fn ask(&mut self, body: RequestBody) -> ReplyBody {
        let request = Request { id: self.next_id, body };
        self.next_id += 1;
        let asked = postcard::to_allocvec(&request).expect("requests can be written");
        let reply = self.server.handle(request);
        let answered = postcard::to_allocvec(&reply).expect("replies can be written");
        println!("{} {} {}", self.part, hex(&asked), hex(&answered));
        reply.body
    }

    fn open(&mut self) -> Opened {
        let file = OpenFile { name: opening::FILE.into(), text: opening::MANIFEST.into(), live: true };
        match self.ask(RequestBody::Open { files: vec![file], seed: opening::SEED }) {
            ReplyBody::Opened(opened) => opened,
            other => panic!("the opening does not open: {other:?}"),
        }
    }

    fn edit(&mut self, text: &str) {
        self.ask(RequestBody::Edit { file: opening::FILE.into(), text: text.into() });
    }

    fn run(&mut self, line: &str) -> Vec<u32> {
        match self.ask(RequestBody::Run { session: 0, line: line.into() }) {
            ReplyBody::Console(console) => console.flows,
            other => panic!("{line}: {other:?}"),
        }
    }
}

/// The opening's manifest and a Namespace of this name.
fn with_namespace(name: &str, blank: &str) -> String {
    [opening::MANIFEST, blank, "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ", name, "\n"].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() {
    // Maps make room at other places for other names, and blank lines are read, too.
    for (name, blank) in [("a-team", "\n"), ("sized", "\n"), ("zoo", "")] {
        let mut rehearsal = Rehearsal::new();
        rehearsal.open();
        rehearsal.edit(&with_namespace(name, blank));
        println!();
    }
    let mut rehearsal = Rehearsal::new();
    let opened = rehearsal.open();
    let line = opening::first_command(&opened.scene).expect("the opening has a first command");
    let flow = *rehearsal.run(&line).last().expect("the first command makes a flow");
    rehearsal.ask(RequestBody::Flow { flow });
    rehearsal.ask(RequestBody::Flows);
    rehearsal.edit(&with_namespace("more", ""));

    rehearsal.part = "afterwards";
    rehearsal.ask(RequestBody::Fields { text: include_str!("../../../public/fields.txt").into() });
    rehearsal.edit(&opening::MANIFEST.replace("image:", "imag:"));
    rehearsal.edit("metadata: [");
    rehearsal.edit(&opening::MANIFEST.replace("busybox", "nginx"));
    for (line, column) in [(1, 1), (9, 7), (10, 14), (24, 1)] {
        rehearsal.ask(RequestBody::Complete { text: opening::MANIFEST.into(), line, column });
        rehearsal.ask(RequestBody::Hover { text: opening::MANIFEST.into(), line, column });
    }
    rehearsal.ask(RequestBody::Rename { file: opening::FILE.into(), name: "other.yaml".into() });
    rehearsal.ask(RequestBody::Rename { file: "other.yaml".into(), name: opening::FILE.into() });
    for step in 0..12 {
        rehearsal.ask(RequestBody::Headers { flow, packet: 0, step });
    }
    for step in 0..24 {
        rehearsal.ask(RequestBody::Why { flow, packet: 0, step });
    }
    for table in ["route", "neigh", "fdb"] {
        let (place, table) = ("node/worker-1".into(), table.into());
        rehearsal.ask(RequestBody::TableAt { flow, packet: 0, step: 9, place, table });
    }
    rehearsal.ask(RequestBody::Problems);
    for table in ["route", "neigh", "fdb", "link", "addr", "socket"] {
        rehearsal.ask(RequestBody::Table { place: "node/worker-1".into(), table: table.into() });
    }
    rehearsal.ask(RequestBody::Object { kind: "Pod".into(), namespace: "default".into(), name: "pod-a".into() });
    rehearsal.ask(RequestBody::Pcap { flow, packet: None });
    rehearsal.ask(RequestBody::Scenarios);
    rehearsal.ask(RequestBody::Scenario { id: "labs/01-pod-to-pod".into() });
    for line in [
        "kubectl get pods -A -o wide",
        "kubectl get node worker-1 -o yaml",
        "kubectl exec pod-a -- traceroute 10.244.2.2",
        "kubectl exec pod-a -- nc -w 1 10.244.2.2 80 < /dev/null; echo $?",
        "kubectl delete pod pod-b; kubectl get pods",
        "for node in worker-1 worker-2; do ssh $node ip -d link | grep -c vxlan; done",
        "printf '%.3f\\n' 2.5e-3 | sed s/0/o/g",
        "no such command",
    ] {
        rehearsal.run(line);
    }
    for line in
        ["kubectl exec po", "kubectl exec pod-a -- ip ro", "ssh worker-1 cat /etc/ho", "kubectl get pods -l app="]
    {
        let (line, cursor) = (line.to_string(), line.len() as u32);
        rehearsal.ask(RequestBody::CompleteLine { session: 0, line, cursor });
    }
}
