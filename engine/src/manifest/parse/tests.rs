use super::*;
use crate::manifest::Sources;

/// What a text becomes: each document as compact JSON, then the diagnostics.
fn read(text: &str) -> String {
    let mut sources = Sources::default();
    let source = sources.add("f.yaml", text);
    let mut diagnostics = Diagnostics::default();
    let documents = parse(&source, &mut diagnostics);
    let mut out = String::new();
    for document in documents {
        show(&document.root, &mut out);
        out.push('\n');
    }
    out + &diagnostics.render(&sources)
}

fn show(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&format!("{value:?}")),
        Value::String(text) => out.push_str(&format!("{text:?}")),
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                show(item, out);
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&format!("{:?}:", key.name));
                show(value, out);
            }
            out.push('}');
        }
    }
}

#[test]
fn values_resolve_as_kubectl_resolves_them() {
    let cases = [
        ("yes", "true"),
        ("y", "true"),
        ("Off", "false"),
        ("no", "false"),
        ("yEs", r#""yEs""#),
        ("~", "null"),
        ("Null", "null"),
        ("nULL", r#""nULL""#),
        ("0644", "420"),
        ("0o644", "420"),
        ("0x1F", "31"),
        ("-0b11", "-3"),
        ("089", "89"),
        ("1_000", "1000"),
        ("+5", "5"),
        ("3.0", "3"),
        ("1e3", "1000"),
        ("1e-3", "0.001"),
        (".5", "0.5"),
        ("1.2.3", r#""1.2.3""#),
        ("0x", r#""0x""#),
        ("9223372036854775808", "9.223372036854776e18"),
        ("2024-01-02", r#""2024-01-02""#),
        ("2024-01-02T03:04:05Z", r#""2024-01-02T03:04:05Z""#),
        ("10:20", r#""10:20""#),
        ("'80'", r#""80""#),
        ("!!str 80", r#""80""#),
        ("!!int \"80\"", "80"),
        ("! 80", r#""80""#),
    ];
    for (text, expected) in cases {
        assert_eq!(read(&format!("a: {text}\n")), format!("{{\"a\":{expected}}}\n"), "{text}");
    }
}

#[test]
fn json_is_yaml_and_objects_may_follow_one_another() {
    let text = "{\n\t\"a\": [1, 2.5, \"x\\u0041\"],\n\t\"b\": {}\n}\n{\"c\": null}\n";
    assert_eq!(read(text), "{\"a\":[1,2.5,\"xA\"],\"b\":{}}\n{\"c\":null}\n");
}

#[test]
fn anchors_aliases_and_merge_keys() {
    let text = "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\ne:\n  c: 4\n  <<: [{c: 5}, *x]\nf: *x\n";
    let expected = r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3},"e":{"c":5,"b":1},"f":{"b":1,"c":2}}"#;
    assert_eq!(read(text), format!("{expected}\n"));
}

#[test]
fn lists_become_their_items() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- kind: Node\n---\nkind: PodList\napiVersion: v1\nitems: [{x: 1}]\n";
    let expected = "{\"kind\":\"Pod\"}\n{\"kind\":\"Node\"}\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"x\":1}\n";
    assert_eq!(read(text), expected);
    assert_eq!(read("kind: List\nitems: 3\n"), "f.yaml:2:8: error: a List needs `items`, a list of objects\n");
}

#[test]
fn spans_cover_the_exact_text() {
    let mut sources = Sources::default();
    let source = sources.add("f.yaml", "é: {p: 80}\nb:\n- x: 'q'\n  z: [1, é]\nc: |\n  é\n  z\nd: &n\n  e: f\n");
    let documents = parse(&source, &mut Diagnostics::default());
    let root = &documents[0].root;
    let cases = [
        ("é.p", "80"),
        ("é", "{p: 80}"),
        ("b[0]", "x: 'q'\n  z: [1, é]"),
        ("b[0].x", "'q'"),
        ("b[0].z[1]", "é"),
        ("c", "é\n  z\n"),
        ("d", "e: f"),
    ];
    for (path, expected) in cases {
        assert_eq!(source.slice(root.at(path).span), expected, "{path}");
    }
}
