//! Bytes → documents → checks and views → text, and back: nothing may panic or hang, and what is printed reads back as the
//! same tree. `dictionaries/yaml.dict` has the words of YAML and of Kubernetes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use podhop_engine::manifest::{
    Diagnostics, FieldTable, Node, Source, Sources, Span, Value, emit, fields, parse, path_at, typed, validate,
};

static TABLE: LazyLock<FieldTable> =
    LazyLock::new(|| FieldTable::parse(include_str!("../../../public/fields.txt")).expect("the table is well formed"));

fuzz_target!(|bytes: &[u8]| {
    let mut diagnostics = Diagnostics::default();
    let mut sources = Sources::default();
    let source = sources.add_bytes("fuzz.yaml", bytes, &mut diagnostics);
    for document in parse(&source, &mut diagnostics) {
        let root = &document.root;
        in_bounds(root, source.text.len());
        project(root, &sources, &mut diagnostics);
        validate(root, &mut diagnostics);
        fields::check(root, &TABLE, &mut diagnostics);
        let is_list = root.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"));
        if !is_list && root.value != Value::Null {
            reads_back(root, &emit::yaml(root));
            reads_back(root, &emit::json(root));
            reads_back(root, &emit::json_compact(root));
        }
        for diagnostic in diagnostics.iter() {
            path_at(root, diagnostic.span);
        }
    }
    for diagnostic in diagnostics.iter() {
        assert!(diagnostic.span.start <= diagnostic.span.end, "{diagnostic:?}");
        assert!(!diagnostic.message.is_empty());
    }
    diagnostics.render(&sources);
});

fn in_bounds(node: &Node, length: usize) {
    let good = |span: Span| span.start <= span.end && span.end as usize <= length;
    assert!(good(node.span), "{node:?}");
    node.items().iter().for_each(|item| in_bounds(item, length));
    for (key, value) in node.entries() {
        assert!(good(key.span), "{key:?}");
        in_bounds(value, length);
    }
}

fn project(root: &Node, sources: &Sources, diagnostics: &mut Diagnostics) {
    typed::Pod::project(root, diagnostics);
    typed::Deployment::project(root, diagnostics);
    typed::ReplicaSet::project(root, diagnostics);
    typed::DaemonSet::project(root, diagnostics);
    typed::StatefulSet::project(root, diagnostics);
    typed::Service::project(root, diagnostics);
    typed::NodeObject::project(root, diagnostics);
    typed::KindCluster::project(root, diagnostics);
    typed::KubeadmClusterConfiguration::project(root, diagnostics);
    if let Some(map) = typed::ConfigMap::project(root, diagnostics) {
        for (text, span) in map.data.values() {
            typed::FlannelNetConf::parse(text, *span, sources, diagnostics);
            typed::CniConf::parse(text, *span, sources, diagnostics);
        }
    }
}

fn reads_back(root: &Node, text: &str) {
    let mut diagnostics = Diagnostics::default();
    let documents = parse(&Source::new(0, "again", text), &mut diagnostics);
    let first = diagnostics.iter().next();
    assert!(documents.len() == 1 && first.is_none(), "{first:?} in {text:?}, printed for {root:?}");
    assert!(same(root, &documents[0].root), "{text:?} is not {root:?}");
}

/// Equal but for positions and the order of keys.
fn same(left: &Node, right: &Node) -> bool {
    match (&left.value, &right.value) {
        (Value::Sequence(l), Value::Sequence(r)) => l.len() == r.len() && l.iter().zip(r).all(|(l, r)| same(l, r)),
        (Value::Mapping(l), Value::Mapping(r)) => {
            l.len() == r.len() && l.iter().all(|(key, value)| right.get(&key.name).is_some_and(|other| same(value, other)))
        }
        (l, r) => l == r,
    }
}
