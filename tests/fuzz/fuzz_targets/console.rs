//! Any line typed into the console, over a small live cluster: it can be completed, it ends, and its output is bounded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::cluster::Options;
use podhop_engine::protocol::{OpenFile, ReplyBody, Request, RequestBody, Server};

/// Far above what any command prints for three nodes and six Pods, far below what could fill a tab's memory.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

fuzz_target!(|script: &str| {
    let mut server = Server::new(Options::default());
    let text = include_str!("../seeds/yaml/pods.yaml").to_string();
    let files = vec![OpenFile { name: "pods.yaml".to_string(), text, live: true }];
    server.handle(Request { id: 0, body: RequestBody::Open { files, seed: 1 } });
    // Whatever is typed can be completed anywhere in it, and the answer can be put in.
    for cursor in [0, script.len() / 2, script.len()] {
        let body = RequestBody::CompleteLine { session: 0, line: script.to_string(), cursor: cursor as u32 };
        let reply = server.handle(Request { id: 0, body });
        let ReplyBody::LineCompleted(found) = reply.body else { panic!("a line is completed: {reply:?}") };
        assert!(script.is_char_boundary(found.start as usize) && found.start as usize <= cursor);
        assert!(found.candidates.len() <= 200);
    }
    let body = RequestBody::Run { session: 0, line: script.to_string() };
    let reply = server.handle(Request { id: 1, body });
    let ReplyBody::Console(console) = reply.body else { panic!("a line is answered by Console: {reply:?}") };
    let printed: usize = console.chunks.iter().map(|chunk| chunk.text.len()).sum();
    assert!(printed <= OUTPUT_BYTES_MAX, "{printed} bytes of output");
    assert!((0..=255).contains(&console.exit_status));
});
