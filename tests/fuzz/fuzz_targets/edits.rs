//! A person typing: pieces of text go in and out of a live file. Every keystroke gets an answer, and a text with
//! errors leaves the last good cluster as it was.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use podhop_engine::cluster::Options;
use podhop_engine::protocol::{OpenFile, ReplyBody, Request, RequestBody, Server};

const START: &str = include_str!("../seeds/yaml/pods.yaml");
/// Pieces that make sense somewhere, so that many edits stay valid.
const PIECES: [&str; 16] = [
    "  nodeName: worker-2\n",
    "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDR: 10.244.9.0/30}\n",
    "  replicas: 40\n",
    "  replicas: 0\n",
    "  hostNetwork: true\n",
    "    - {name: more, image: nginx, ports: [{containerPort: 80}]}\n",
    "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}, template: \
     {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: httpd}]}}}\n",
    "---\nkind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}, {role: worker}]\n",
    "networking: {podSubnet: 10.0.0.0/22, serviceSubnet: 10.0.0.0/24}\n",
    "  nodeSelector: {zone: a}\n",
    "- ",
    "  ",
    "{",
    "&a ",
    "*a",
];

#[derive(Arbitrary, Debug)]
enum Edit {
    Insert { at: u16, piece: u8 },
    Type { at: u16, text: String },
    Delete { at: u16, length: u8 },
    Restore,
}

fuzz_target!(|edits: Vec<Edit>| {
    let mut server = Server::new(Options::default());
    let name = "fuzz.yaml".to_string();
    let mut text = START.to_string();
    let files = vec![OpenFile { name: name.clone(), text: text.clone(), live: true }];
    let ReplyBody::Opened(opened) = ask(&mut server, RequestBody::Open { files, seed: 1 }) else { panic!() };
    let mut revision = opened.revision;
    for edit in edits.into_iter().take(24) {
        change(&mut text, edit);
        let body = RequestBody::Edit { file: name.clone(), text: text.clone() };
        let ReplyBody::Edited(edited) = ask(&mut server, body) else { panic!("an edit is answered by Edited") };
        if !edited.applied {
            assert_eq!(edited.revision, revision, "the last good cluster stays");
        }
        revision = edited.revision;
        // Whoever types asks what may come next.
        let line = text.lines().count() as u32;
        for column in [0, 3, 9] {
            let complete = RequestBody::Complete { text: text.clone(), line: line / 2, column };
            assert!(matches!(ask(&mut server, complete), ReplyBody::Completions(_)));
            let hover = RequestBody::Hover { text: text.clone(), line, column };
            assert!(matches!(ask(&mut server, hover), ReplyBody::Hover(_)));
        }
    }
});

fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
    server.handle(Request { id: 0, body }).body
}

fn change(text: &mut String, edit: Edit) {
    match edit {
        Edit::Insert { at, piece } => {
            // At the start of a line, where such pieces belong.
            let at = boundary(text, at);
            let at = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            text.insert_str(at, PIECES[usize::from(piece) % PIECES.len()]);
        }
        Edit::Type { at, text: typed } => text.insert_str(boundary(text, at), &typed),
        Edit::Delete { at, length } => {
            let start = boundary(text, at);
            let end = (start + usize::from(length)).min(text.len());
            let end = (end..=text.len()).find(|&end| text.is_char_boundary(end)).unwrap_or(text.len());
            text.replace_range(start..end, "");
        }
        Edit::Restore => *text = START.to_string(),
    }
}

fn boundary(text: &str, at: u16) -> usize {
    let at = usize::from(at) % (text.len() + 1);
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
