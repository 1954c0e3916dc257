use super::*;

fn parsed(text: &str) -> Result<Vec<Block>, Problem> {
    let context = Context {
        is_directive: &|name| name != "nonsense",
        variable: &|name| (name == "ZONE").then(|| "example.org".to_owned()),
        file: &|name| (name == "more").then(|| "log\nerrors\n".into()),
    };
    parse(text, &context)
}

fn shown(text: &str) -> String {
    fn lines(all: &[Line]) -> String {
        let one = |line: &Line| {
            let words: Vec<&str> = line.words.iter().map(|word| &*word.text).collect();
            let inner = if line.lines.is_empty() { String::new() } else { format!(" {{{}}}", lines(&line.lines)) };
            format!("{}{inner}", words.join("|"))
        };
        all.iter().map(one).collect::<Vec<_>>().join("; ")
    }
    match parsed(text) {
        Ok(blocks) => {
            let one = |block: &Block| {
                let keys: Vec<&str> = block.keys.iter().map(|word| &*word.text).collect();
                format!("{} [{}]", keys.join(","), lines(&block.directives))
            };
            blocks.iter().map(one).collect::<Vec<_>>().join(" / ")
        }
        Err(problem) => problem.message,
    }
}

#[test]
fn blocks_words_and_quotes() {
    let text = ".:53 {\n  errors # noise\n  kubernetes cluster.local {\n    pods insecure\n    ttl 30 }\n}\na.org,\nb.org:54 {\n \
                template IN A \"x y\" \"say \\\"hi\\\" \\d\"\n}\n";
    assert_eq!(
        shown(text),
        ".:53 [errors; kubernetes|cluster.local {pods|insecure; ttl|30}] / a.org,b.org:54 [template|IN|A|x y|say \"hi\" \\d]"
    );
    assert_eq!(shown(".\nwhoami\nlog"), ". [whoami; log]");
    assert_eq!(shown("{$ZONE}:1{ log }"), "example.org:1{,log,} []");
}

#[test]
fn snippets_and_files_are_put_in_place() {
    assert_eq!(shown("(s) {\n log a\n}\n. {\n import s\n import more\n cache\n}"), ". [log|a; log; errors; cache]");
    assert_eq!(
        shown(". {\n import nowhere\n}"),
        "/etc/coredns/Corefile:2 - Error during parsing: File to import not found: nowhere"
    );
    assert!(shown("(s) {\n import s\n}\n. {\n import s\n}").ends_with("too many imports"));
}

#[test]
fn mistakes_in_caddy_s_words() {
    for (text, message) in [
        (". {\n nonsense\n}", "2 - Error during parsing: Unknown directive 'nonsense'"),
        (". {\n log", "2 - Syntax error: Unexpected token 'log', expecting '}'"),
        (". {\n log {\n x", "3 - Error during parsing: Unexpected EOF"),
        ("a,", "1 - Error during parsing: Unexpected EOF"),
        ("a, {\n}", "1 - Error during parsing: Expected another address but had '{' - check for extra comma"),
        (". {\n log }\n}", "2 - Error during parsing: Unexpected '}' because no matching opening brace"),
    ] {
        assert_eq!(shown(text), format!("/etc/coredns/Corefile:{message}"), "{text}");
    }
}
