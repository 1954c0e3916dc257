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
fn json_strings_follow_json() {
    let text = r#"{"a": "\ud83d\ude00\/\ud83dx", "a": "y", "b": yes}"#;
    assert!(read(text).starts_with("f.yaml:1:8: error: "), "not JSON, and YAML has no pairs of surrogates");
    let text = r#"{"a": "\ud83d\ude00\/\ud83dx", "b": "y"}"#;
    assert_eq!(read(text), "{\"a\":\"\u{1f600}/\u{fffd}x\",\"b\":\"y\"}\n");
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

/// Each text, and the first line of diagnostics it gives: `line:column: message | hint`.
#[test]
fn syntax_errors_say_where_and_why() {
    let cases = [
        ("a:\n  b:\n\t- c\n", "3:1: a tab where YAML allows only spaces | indent with spaces"),
        ("a: b: c\n", "1:5: a second colon in one line | put the value in quotes: \"b: c\""),
        ("a:\n  b:c\n  d: e\n", "2:4: a space is missing after the colon | write `b: c`"),
        ("a: [1, 2\nb: 3\n", "1:4: the bracket `[` is not closed | close it with `]`"),
        ("a: [1, 2}\n", "1:9: `}` does not close `[` | close it with `]`"),
        ("a: {x: 1\n", "1:4: the bracket `{` is not closed | close it with `}`"),
        ("{\"a\": 1\n", "1:1: the bracket `{` is not closed | close it with `}`"),
        ("a: {x: 1 y: 2}\n", "1:9: expected `,` or `}` | elements between brackets are separated by commas"),
        (
            "{\n  \"a\": 1\n  \"b\": 2\n}\n",
            "2:9: expected `,` or `}` | elements between brackets are separated by commas",
        ),
        ("{\"a\" 1}\n", "1:5: expected `:` or `,` after the closing quote | text that goes on needs a comma"),
        ("a: 1\n]\n", "2:1: `]` closes nothing | remove it, or open the bracket it belongs to"),
        (
            "a: \"x\nb: 3\n",
            "1:4: the quote \" is not closed | close it with \" on the same line, or indent the lines that continue it",
        ),
        (
            "a: 'it's'\n",
            "1:8: text after the closing quote | put the whole text in quotes; within '…' a quote is written ''",
        ),
        (
            "a: \"C:\\dir\"\n",
            "1:7: `\\d` is not an escape that YAML knows | write \\\\ for a backslash, or use single quotes",
        ),
        (
            "a:\n  b: 1\n   c: 2\n",
            "3:4: wrong indentation: this is deeper than `b` above, which already has a value | indent it by 2 spaces",
        ),
        (
            "spec:\n  containers:\n  - name: a\n    image: b\n   ports: c\n",
            "5:4: wrong indentation: nothing above starts in this column | indent it by 0 or 2 or 4 spaces",
        ),
        (
            "spec:\n  containers:\n    - name: a\n  - name: b\n",
            "4:3: a list item where a key is expected | align it with the items above: indent it by 4 spaces",
        ),
        (
            "- a\nb: c\n",
            "2:1: a key where a list item is expected | start it with `- `, or indent it below the item above",
        ),
        ("a: - b\n", "1:4: a list cannot start on the line of its key | put it on a line of its own, below the key"),
        ("a: @x\n", "1:4: a value cannot start with `@` | put the value in quotes"),
        ("a: *\n", "1:4: a value cannot start with `*` | put the value in quotes"),
        (
            "a: *b\n",
            "1:4: there is no anchor &b before this | define it first with &b; a text that starts with * needs quotes",
        ),
        ("kind: Pod\nmetadata\n  name: x\n", "2:1: `metadata` has no value: a colon is missing | write `metadata: …`"),
        ("a: 1\nb\n", "2:1: `b` has no value: a colon is missing | write `b: …`"),
        (
            "a: {{ .Values.x }}\n",
            "1:5: `{{` starts a template, not a value | render templates first: helm template, envsubst …",
        ),
        (
            "a: |x\n  y\n",
            "1:4: a block of text is not laid out as its header says | end the line after | or >, and indent every line of the text alike",
        ),
        (
            "a: \u{1}\n",
            "1:4: the control character U+0001 cannot stand in YAML | remove it, or write it as an escape within double quotes",
        ),
        (
            "a: .nan\n",
            "1:4: `.nan` cannot be part of a Kubernetes object | write a finite number, or put it in quotes for a string",
        ),
        (
            "a: &x [*x]\n",
            "1:8: the alias refers to the value it is part of | an alias may only refer to a value that is complete",
        ),
        ("? [a]\n: b\n", "1:3: a key cannot be a list or a mapping | put a text before the colon"),
        ("a: !!int x\n", "1:10: `x` is not what its tag !!int says | leave the tag out, or use !!str"),
        ("~: x\n", "1:1: a key is missing or null | write a name before the colon, or \"null\" in quotes"),
        ("on: x\n", "1:1: the key `on` is read as `true` | put it in quotes: \"on\""),
        ("a: 1\nb: 2\na: 3\n", "3:1: the key \"a\" is already set on line 1 | the last one wins; remove the other"),
    ];
    for (text, expected) in cases {
        let mut diagnostics = Diagnostics::default();
        let source = Source::new(0, "f", text);
        parse(&source, &mut diagnostics);
        let first = diagnostics.iter().next().map(|diagnostic| {
            let (line, column) = source.position(diagnostic.span.start as usize);
            let hint = diagnostic.hint.as_deref().unwrap_or("");
            format!("{line}:{column}: {} | {hint}", diagnostic.message)
        });
        assert_eq!(first.as_deref(), Some(expected), "{text}");
        assert_eq!(diagnostics.iter().len(), 1, "{text}");
    }
}

#[test]
fn a_broken_document_leaves_the_others_whole() {
    let text = "a: 1\n---\nb: \"x\n---\n- c: [\n---\nd: 2\n";
    assert!(read(text).starts_with("{\"a\":1}\n{\"d\":2}\nf.yaml:3:4: error"));
}

#[test]
fn limits_hold() {
    let errors = |text: &str| {
        let mut diagnostics = Diagnostics::default();
        let documents = parse(&Source::new(0, "f", text), &mut diagnostics);
        (documents.len(), diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>())
    };
    let deep = |depth: usize| format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(errors(&deep(63)), (1, vec![]));
    assert_eq!(errors(&deep(64)), (0, vec!["too-deep"]));
    assert_eq!(errors(&deep(100_000)), (0, vec!["too-deep"]));
    assert_eq!(errors(&"{\"a\":".repeat(100_000)), (0, vec!["too-deep"]));
    assert_eq!(errors(&"- ".repeat(100_000)), (0, vec!["too-deep"]));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..20 {
        let list = vec![format!("*a{}", level - 1); 9].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    assert_eq!(errors(&bomb), (0, vec!["alias-bomb"]));
    let document = format!("a: &a [{}]\nb: *a\n---\n", "x,".repeat(500));
    assert_eq!(errors(&document).1.len(), 0);
    let documents = document.repeat(1000);
    assert_eq!(errors(&documents).1.first(), Some(&"alias-bomb"), "the budget is the text's, not the document's");
}

/// Found by fuzzing: white space of more than one byte before a key without quotes.
#[test]
fn a_wide_space_before_a_key_is_no_trap() {
    let text = "a: {n: web, shoc:\u{85}-b:\n c replace: shoc:\u{85} bcr: ']\n  sel: x}\n";
    assert!(read(text).contains("error"));
    for at in (0..text.len()).filter(|&at| text.is_char_boundary(at)) {
        read(&text[..at]);
        read(&text[at..]);
    }
}

/// Both readers of one text: block YAML read directly, and the YAML parser.
fn both_readers(text: &str) -> (Option<(Node, usize)>, Option<Node>) {
    let source = Source::new(3, "t.yaml", text);
    let direct = super::block::read(&source, 0, text.len(), &mut super::tree::State::default());
    let direct = direct.map(|(node, said)| (node, said.iter().count()));
    let mut diagnostics = Diagnostics::default();
    let parsed =
        super::tree::parse_events(&source, 0..text.len(), &mut super::tree::State::default(), &mut diagnostics);
    (direct, parsed.ok().flatten())
}

#[test]
fn block_yaml_is_read_as_the_parser_reads_it() {
    let texts = [
        "a: 1\n",
        "a: 1",
        "---\n# said\na: x y\nb:\n  c: true\n\n  d: []\n",
        "a: b\nc:\n- d\n- 5\n- \"x\\ty\"\ne:\n  - f: g\n    h: {}\n  - 'it''s'\n",
        "a:\n- - x\n  - y\n- - z\nb: null\n",
        "f:meta:\n  k:{\"p\":1}:\n    .: {}\n    f:x: {}\n\"q r\": -5\n'8080': é\n",
        "items:\n- a: |\n    one\n     two\n\n  b: c\n- {x: 1}\n- d: e\nkind: List\n",
        "items:\n- a: &x 1\n  b: *x\n# said\n- c: >-\n    z\n\n- d: [1]\n",
    ];
    for text in texts {
        let (direct, parsed) = both_readers(text);
        let (direct, _) = direct.unwrap_or_else(|| panic!("read directly: {text}"));
        assert_eq!(Some(direct), parsed, "{text}");
    }
}

#[test]
fn block_yaml_that_is_not_plain_is_left_to_the_parser() {
    let texts = [
        "a:\n",
        "a: x\n  y\n",
        "a: x: y\n",
        "a: x # said\n",
        "a: 1\na: 2\n",
        "a: |\n  x\n",
        "- a\n",
        "a: .nan\n",
        "yes: 1\n",
        "a: \"x\n  y\"\n",
        "a: 'x\n",
        "a: '\n",
        "a: \"\n",
        " a: 1\n",
        "a:\n  b: 1\n c: 2\n",
        "a: b\n- c\n",
        "? a\n: b\n",
        "a:\tb\n",
        "a: \u{85}b\n",
        "<<: {a: 1}\n",
        "a: !!str 1\n",
        "a: @x\n",
        "a :  1\n",
        "a: x \n",
        "a:1\n",
        "",
        "\n# x\n",
        "a: \"\\u00e9\"\n",
        "a: 'x' y\n",
    ];
    for text in texts {
        assert_eq!(both_readers(text).0, None, "{text:?}");
    }
}

#[test]
fn random_block_yaml_is_read_as_the_parser_reads_it() {
    // Lines of random shapes at random columns: most are no YAML, and some are.
    let pieces = [
        "a: 1",
        "b:",
        "- c: x",
        "- d",
        "- - e",
        "'f': \"g\"",
        "h: {}",
        "- k: |",
        "  text",
        "# said",
        "",
        "i: [1, 2]",
        "- &n m: 1",
        "l: *n",
        "o: p q",
        "- r:",
        "key: -3",
        "- {s: t}",
        "u: 'v''w'",
    ];
    let mut seed = 7u64;
    let mut below = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let mut read = 0;
    for _ in 0..60_000 {
        let mut text = String::new();
        for _ in 0..1 + below(7) {
            text.push_str(&" ".repeat(2 * below(3) as usize));
            text.push_str(pieces[below(pieces.len() as u64) as usize]);
            text.push('\n');
        }
        let (direct, parsed) = both_readers(&text);
        if let Some((direct, _)) = direct {
            read += 1;
            assert_eq!(Some(direct), parsed, "{text}");
        }
    }
    assert!(read > 500, "{read}");
}
