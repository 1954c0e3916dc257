use super::*;
use sha2::{Digest, Sha512};

fn parsed(text: &str) -> Result<Vec<Block>, Problem> {
    with_context(|context| parse(text, context))
}

fn with_context<T>(read: impl FnOnce(&Context<'_>) -> T) -> T {
    read(&Context {
        is_directive: &|name| name != "nonsense",
        variable: &|name| (name == "ZONE").then(|| "example.org".to_owned()),
        file: &|name| (name == "more").then(|| "log\nerrors\n".into()),
    })
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

/// The Corefile that kubeadm 1.28 writes, whose sum stands in the logs of many clusters.
const KUBEADM: &str = "\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
";

#[test]
fn words_as_go_writes_them() {
    let json =
        |text: &str| with_context(|context| super::json(text, context)).unwrap_or_else(|problem| problem.message);
    let sum =
        Sha512::digest(json(KUBEADM).as_bytes()).iter().fold(String::new(), |sum, byte| sum + &format!("{byte:02x}"));
    let real = "591cf328cccc12bc490481273e738df59329c62c0b729d94e8b61db9961c2fa5f046dd37f1cf888b953814040d180f52594972691cd6ff41be96639138a43908";
    assert_eq!(sum, real);
    assert_eq!(
        json("(s) {\n log {$ZONE}\n}\n{$ZONE} {\n import s\n import more\n log \"a<b\"\n}\n"),
        "[{\"Keys\":[\"example.org\"],\"Tokens\":{\
         \"errors\":[{\"File\":\"/etc/coredns/more\",\"Line\":2,\"Text\":\"errors\"}],\
         \"log\":[{\"File\":\"\",\"Line\":2,\"Text\":\"log\"},{\"File\":\"\",\"Line\":2,\"Text\":\"example.org\"},\
         {\"File\":\"/etc/coredns/more\",\"Line\":1,\"Text\":\"log\"},\
         {\"File\":\"\",\"Line\":7,\"Text\":\"log\"},{\"File\":\"\",\"Line\":7,\"Text\":\"a\\u003cb\"}]}}]"
    );
    assert_eq!(json(". {\n log"), "/etc/coredns/Corefile:2 - Syntax error: Unexpected token 'log', expecting '}'");
}
