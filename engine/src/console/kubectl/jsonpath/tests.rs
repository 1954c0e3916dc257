use super::*;
use crate::manifest::{Diagnostics, Sources, parse};

/// Compared with `kubectl get -o jsonpath` of kubectl 1.32.
const OBJECTS: &str = r#"
kind: Sample
items:
- kind: None
  metadata:
    name: 127.0.0.1
    labels:
      kubernetes.io/hostname: 127.0.0.1
  status:
    capacity: {cpu: "4"}
    addresses: [{type: LegacyHostIP, address: 127.0.0.1}]
    count: 5
- kind: None
  metadata: {name: 127.0.0.2}
  status:
    capacity: {cpu: "8"}
    addresses:
    - {type: LegacyHostIP, address: 127.0.0.2}
    - {type: another, address: 127.0.0.3}
    count: 7
users:
- {name: myself, user: {}}
- {name: e2e, user: {username: admin, password: "se<cret"}}
"#;

fn run(template: &str) -> Result<String, String> {
    let mut sources = Sources::default();
    let source = sources.add("test", OBJECTS);
    let documents = parse(&source, &mut Diagnostics::default());
    JsonPath::parse(template)?.execute(&documents[0].root)
}

#[track_caller]
fn check(template: &str, expected: &str) {
    assert_eq!(run(template).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn fails(template: &str, expected: &str) {
    assert_eq!(run(template), Err(expected.to_string()), "{template}");
}

#[test]
fn the_examples_of_the_documentation() {
    check("kind is {.kind}", "kind is Sample");
    check("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2");
    check("{['kind']}", "Sample");
    check("{..name}", "127.0.0.1 127.0.0.2 myself e2e");
    check("{.users[0].name}", "myself");
    check("{.users[?(@.name==\"e2e\")].user.password}", "se<cret");
    check("{.items[*]['metadata.name', 'status.capacity']}", "127.0.0.1 127.0.0.2 {\"cpu\":\"4\"} {\"cpu\":\"8\"}");
    check(
        "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
        "[127.0.0.1, {\"cpu\":\"4\"}] [127.0.0.2, {\"cpu\":\"8\"}] ",
    );
    check("{range .items[*]}{.metadata.name}{'\\t'}{end}", "127.0.0.1\t127.0.0.2\t");
    check("{.items[0].metadata.labels.kubernetes\\.io/hostname}", "127.0.0.1");
    check("{.items[0].metadata.labels['kubernetes\\.io/hostname']}", "127.0.0.1");
}

#[test]
fn arrays() {
    check("{.items[-1].metadata.name} {.items[-1:].metadata.name}", "127.0.0.2 127.0.0.2");
    check("{.items[0:1].metadata.name} {.items[:2].status.count} {.items[0,1].kind}", "127.0.0.1 5 7 None None");
    check("{.items[::2].status.count} {.items[0:0]}", "5 ");
    fails("{.items[2]}", "array index out of bounds: index 2, length 2");
    fails("{.items[0:3]}", "array index out of bounds: index 2, length 2");
    fails("{.kind[0]}", "string is not array or slice");
    check("{.nothing[3]}", "");
}

#[test]
fn filters_compare_one_kind_of_value() {
    check("{.items[?(@.status.count>5)].metadata.name}", "127.0.0.2");
    check("{.items[?(@.status.count<=5)].metadata.name}", "127.0.0.1");
    check("{.items[?(@.status.capacity.cpu!='4')].metadata.name}", "127.0.0.2");
    check("{.items[?(@.metadata.labels)].metadata.name}", "127.0.0.1");
    check("{.items[*].status.addresses[?(@.type==\"another\")].address}", "127.0.0.3");
    check("{.items[?(@.nope==1)].kind}", "");
    fails("{.items[?(@.status.count=='5')].kind}", "incompatible types for comparison");
    fails("{.items[?(@.status.count=5)].kind}", "unrecognized filter operator =");
    fails("{.kind[?(@.a)]}", "Sample is not array or slice and cannot be filtered");
}

#[test]
fn ranges_nest() {
    check(
        "{range .items[*]}{.metadata.name}:{range .status.addresses[*]}{.type},{end};{end}!",
        "127.0.0.1:LegacyHostIP,;127.0.0.2:LegacyHostIP,another,;!",
    );
    check("{range .nope[*]}{.a}{range .b[*]}x{end}{end}after", "after");
    check("{range .items[*]}{.status.count}", "57");
    fails("{end}", "not in range, nothing to end");
}

#[test]
fn values_print_as_go_prints_them() {
    check(
        "{.users}",
        r#"[{"name":"myself","user":{}},{"name":"e2e","user":{"password":"se\u003ccret","username":"admin"}}]"#,
    );
    check("{.nope}{.items[0].nope.nope}", "");
    check("{1}{-2.5}{true}{\"\\n\"}{'a'}", "1-2.5true\na");
    check("plain text", "plain text");
    check("{.users[*].user.*}", "admin se<cret");
}

#[test]
fn errors_are_those_of_client_go() {
    fails("{.items[*", "unterminated array");
    fails("{.items", "unclosed action");
    fails("{.items[a]}", "invalid array index a");
    fails("{.items[?(@.a=='b)]}", "unterminated filter");
    fails("{.items[?(@.a)}", "unclosed array expect ]");
    fails("{\"a}", "unterminated quoted string");
    fails("{!}", "unrecognized character in action: U+0021 '!'");
    fails("{nope}", "unrecognized identifier nope");
    fails("{..a....b}", "invalid multiple recursive descent");
    fails("{1.2.3}", "cannot parse number 1.2.3");
    fails("{\"\\q\"}", "unquote string \"\\q\" error invalid syntax");
}

#[test]
fn nesting_is_bounded() {
    for open in ["{.a[?(@", "{.a['", "{range .items[*]}", "{..", "{.items[?(@.a==\"b\")"] {
        let _ = run(&open.repeat(2_000));
    }
    assert!(run(&"{range .items[*]}".repeat(40)).is_err());
}
