use super::Expression;
use std::collections::BTreeMap;

fn normal(text: &str) -> String {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).text()
}

fn fault(text: &str) -> (&str, String) {
    let error = Expression::parse(text).expect_err(text);
    (&text[error.at], error.message)
}

#[test]
fn selectors_are_written_as_calico_writes_them() {
    for (text, expected) in [
        ("", "all()"),
        ("  all( )", "all()"),
        ("a=='b'", "a == \"b\""),
        ("a == 'say \"b\"'", "a == 'say \"b\"'"),
        ("a != \"b\"&&has( c/d )", "(a != \"b\" && has(c/d))"),
        ("!a in {'y', 'x', 'y'}", "!a in {\"x\", \"y\"}"),
        ("a notin {}", "a not in {}"),
        ("a not  in {'x',}", "a not in {\"x\"}"),
        (
            "a starts with 'b' || a endswith 'c' && b contains 'd'",
            "(a starts with \"b\" || (a ends with \"c\" && b contains \"d\"))",
        ),
        ("!!(!(has(a)) || global())", "(!has(a) || global())"),
        ("in in {'in'}", "in in {\"in\"}"),
        ("((((a == 'b'))))", "a == \"b\""),
    ] {
        assert_eq!(normal(text), expected, "{text}");
        assert_eq!(normal(&normal(text)), expected, "{text}");
    }
}

#[test]
fn labels_fit_or_not() {
    let labels = BTreeMap::from([("app", "web"), ("tier", "front-1")]);
    let holds = |text: &str| Expression::parse(text).expect(text).matches(&|key| labels.get(key).copied());
    for yes in [
        "all()",
        "app == 'web'",
        "none != 'x'",
        "none not in {'x'}",
        "tier starts with 'front' && tier ends with '-1'",
        "tier contains 'ont'",
        "!has(none)",
        "app in {'db', 'web'} || none == 'x'",
    ] {
        assert!(holds(yes), "{yes}");
    }
    for no in ["app != 'web'", "none contains ''", "has(none)", "!(app == 'web')", "app not in {'web'}", "!all()"] {
        assert!(!holds(no), "{no}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, place, message) in [
        ("app = 'web'", "=", "expected =="),
        ("app == web", "web", "expected string"),
        ("app == 'web", "'web", "unterminated string"),
        ("app is 'web'", "is", "expected operator after label \"app\""),
        ("app", "", "expected operator after label \"app\""),
        ("has(app", "", "no closing ')' after has("),
        ("(has(app)", "", "expected )"),
        ("has(app) has(b)", "has(b)", "unexpected content at end of selector"),
        ("app in 'web'", "'web'", "expected set literal"),
        ("app in {web}", "web", "expected }"),
        ("app == 'web' &&", "", "unexpected end of string looking for op"),
        ("app == 'web' & b", "&", "expected &&"),
        ("&& b == 'c'", "&&", "unexpected token"),
        ("ä == 'c'", "ä", "expected identifier"),
        ("has(ä)", "ä", "expected identifier"),
        ("a ü", "ü", "expected operator after label \"a\""),
    ] {
        assert_eq!(fault(text), (place, message.to_owned()), "{text}");
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!("{}has(a){}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(fault(&deep).1, "the selector is nested too deeply");
    assert_eq!(normal(&format!("{}has(a)", "!".repeat(100_001))), "!has(a)");
    let wide = vec!["has(a)"; 20_000].join(" && ");
    assert!(matches!(Expression::parse(&wide), Ok(Expression::And(parts)) if parts.len() == 20_000));
    assert!(fault(&format!("has({})", "a".repeat(513))).1.starts_with("label too long"));
}
