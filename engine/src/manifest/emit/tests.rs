use super::*;
use crate::manifest::{Diagnostics, Source, Value, parse};

fn tree(text: &str) -> Node {
    let mut diagnostics = Diagnostics::default();
    let mut documents = parse(&Source::new(0, "t", text), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.iter().next());
    documents.remove(0).root
}

fn string(text: &str) -> Node {
    Node { value: Value::String(text.into()), span: Default::default() }
}

#[test]
fn yaml_is_laid_out_as_kubectl_does() {
    let text = "spec: {containers: [{name: a, ports: [{containerPort: 80}, {containerPort: 81}], args: []}], list: [[1, [2]], {}]}\nkind: Pod\n";
    let expected = "\
kind: Pod
spec:
  containers:
  - args: []
    name: a
    ports:
    - containerPort: 80
    - containerPort: 81
  list:
  - - 1
    - - 2
  - {}
";
    assert_eq!(yaml(&tree(text)), expected);
}

#[test]
fn strings_are_quoted_where_kubectl_quotes_them() {
    let cases = [
        ("plain", "plain"),
        ("", "\"\""),
        ("80", "\"80\""),
        ("y", "\"y\""),
        ("null", "\"null\""),
        ("<<", "\"<<\""),
        ("2024-01-02T03:04:05Z", "\"2024-01-02T03:04:05Z\""),
        ("12:30", "\"12:30\""),
        ("10.244.0.1", "10.244.0.1"),
        ("a: b", "'a: b'"),
        ("a:b", "a:b"),
        ("a #b", "'a #b'"),
        ("*", "'*'"),
        ("- a", "'- a'"),
        ("-a", "-a"),
        ("it's", "it's"),
        ("'q", "'''q'"),
        (" a", "' a'"),
        ("{\"a\":1}", "'{\"a\":1}'"),
        ("a\tb", "\"a\\tb\""),
        ("\u{1f600}", "\"\\U0001F600\""),
        ("é", "é"),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\nb", "|-\n  a\n  b"),
        ("a\n\n", "|+\n  a\n"),
        (" a\nb\n", "|2\n   a\n  b"),
        ("a \nb\n", "\"a \\nb\\n\""),
        ("a\n\tb\n", "\"a\\n\\tb\\n\""),
    ];
    for (text, expected) in cases {
        let key = |name: &str| Key { name: name.into(), span: Default::default() };
        let node = Node { value: Value::Mapping(vec![(key("k"), string(text))]), span: Default::default() };
        assert_eq!(yaml(&node), format!("k: {expected}\n"), "{text:?}");
    }
}

#[test]
fn keys_sort_naturally_in_yaml_and_by_byte_in_json() {
    let node = tree("{a10: 1, a2: 1, B: 1, a_b: 1, ab: 1, a-b: 1, '1': 1, a: 1, a01: 1}");
    let keys: Vec<String> = yaml(&node).lines().map(|line| line.trim_end_matches(": 1").to_owned()).collect();
    assert_eq!(keys, ["\"1\"", "B", "a", "a-b", "a_b", "a01", "a2", "a10", "ab"]);
    assert_eq!(json_compact(&tree("{a10: 1, a2: [], B: {}}")), r#"{"B":{},"a10":1,"a2":[]}"#);
}

#[test]
fn json_is_laid_out_as_kubectl_does() {
    let expected = "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": \"\\u003c\\u0026\\u003e\\n\\\"\"\n}\n";
    assert_eq!(json(&tree("{b: \"<&>\\n\\\"\", a: [1, {}]}")), expected);
}

#[test]
fn floats_print_as_go_prints_them() {
    let cases = [
        ("0.5", "0.5", "0.5"),
        ("1234567.5", "1.2345675e+06", "1234567.5"),
        ("0.00001", "1e-05", "0.00001"),
        ("1.5e-7", "1.5e-07", "1.5e-7"),
        ("-1e22", "-1e+22", "-1e+22"),
        ("100000.5", "100000.5", "100000.5"),
    ];
    for (text, yaml_text, json_text) in cases {
        let node = tree(&format!("a: {text}"));
        assert_eq!(yaml(&node), format!("a: {yaml_text}\n"));
        assert_eq!(json_compact(&node), format!("{{\"a\":{json_text}}}"));
    }
}

/// Found by fuzzing: at the root a block of text would have no indentation to tell its own from.
#[test]
fn a_text_alone_reads_back() {
    for text in ["\nx\n\n   y", " a\nb\n", "a\n", "\n"] {
        assert_eq!(tree(&yaml(&string(text))).as_str(), Some(text));
    }
}
