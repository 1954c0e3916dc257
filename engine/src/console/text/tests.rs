//! Utilities as pipelines use them; expected texts compared with busybox 1.35.

use crate::console::shell::Dialect;
use crate::console::shell::tests::{TestHost, run_with};

const PODS: &str = "NAME    READY   STATUS    IP\n\
                    pod-a   1/1     Running   10.244.1.2\n\
                    pod-b   0/1     Pending   10.244.2.10\n\
                    web-1   1/1     Running   10.244.2.9\n";

fn run(script: &str) -> (String, String, i32) {
    let mut host = TestHost::default();
    host.files.insert("/home/pods".into(), PODS.into());
    host.files
        .insert("/home/x.json".into(), r#"{"items":[{"name":"a","n":1,"l":{"k":"v"}},{"name":"b","n":2}]}"#.into());
    run_with(&mut host, Dialect::Ash, script)
}

#[track_caller]
fn prints(script: &str, out: &str) {
    assert_eq!(run(script), (out.to_string(), String::new(), 0), "{script}");
}

#[track_caller]
fn fails(script: &str, err: &str, status: i32) {
    let (_, stderr, code) = run(script);
    assert_eq!((stderr.as_str(), code), (err, status), "{script}");
}

#[test]
fn grep_finds_lines() {
    prints("grep Running pods | wc -l", "2\n");
    prints("grep -c pod- pods; grep -vc pod- pods; grep -q web pods && echo yes", "2\n2\nyes\n");
    prints(
        "grep -n '^w' pods; grep -i RUNNING pods | head -n 1",
        "4:web-1   1/1     Running   10.244.2.9\npod-a   1/1     Running   10.244.1.2\n",
    );
    prints("grep -oE '[0-9]+(\\.[0-9]+){3}' pods", "10.244.1.2\n10.244.2.10\n10.244.2.9\n");
    prints("grep -o 'a\\|b' pods", "a\nb\nb\n");
    prints("grep -w 10.244.2.1 pods; grep -F 'pod-a ' pods | cut -c1-5", "pod-a\n");
    prints("grep -A1 pod-a pods | cut -c1-5; grep -B1 web pods | cut -c1-5", "pod-a\npod-b\npod-b\nweb-1\n");
    prints("printf '1\\nx\\n2\\n3\\nx\\n' | grep -A1 x | tr '\\n' ' '", "x 2 -- x ");
    prints("grep -l Running pods x.json; grep -H web pods x.json | cut -d: -f1", "pods\npods\n");
    prints("grep -e web -e pod-a pods | wc -l; grep -x 'x*' /dev/null || echo none", "2\nnone\n");
    prints("echo aXbxc | grep -io x", "X\nx\n");
    fails("grep a nope", "grep: nope: No such file or directory\n", 2);
    fails("grep '[' pods", "grep: bad regex '['\n", 2);
    fails("grep zzz pods", "", 1);
}

#[test]
fn regular_expressions() {
    let hits = |pattern: &str, text: &str| {
        run(&format!("echo '{text}' | grep -oE '{pattern}' | head -1")).0.trim_end().to_string()
    };
    for (pattern, text, found) in [
        ("a|ab|abc", "xabcd", "abc"),
        ("(a|ab)(c|bcd)", "abcd", "abcd"),
        ("x*", "xx", "xx"),
        ("a{2}", "aaa", "aa"),
        ("a{2,}", "aaaa", "aaaa"),
        ("(ab){1,2}", "ababab", "abab"),
        ("[^a-c]+", "abcdefabc", "def"),
        ("[[:digit:]]+", "ab12c", "12"),
        ("[]x]+", "a]x]b", "]x]"),
        ("^b|c$", "abc", "c"),
        ("\\bfoo\\b", "xfoo foo", "foo"),
        ("a.c", "abbc a-c", "a-c"),
        ("\\.", "a.b", "."),
        ("(a*)*b", "aaab", "aaab"),
        ("a+?b", "aab", "aab"),
    ] {
        assert_eq!(hits(pattern, text), found, "{pattern}");
    }
    // Patterns that explode in a backtracking matcher.
    let text = "a".repeat(300);
    assert_eq!(run(&format!("echo {text} | grep -cE '(a*)*(a*)*(a*)*b'")).0, "0\n");
    assert_eq!(run(&format!("echo {text} | grep -E '(((a{{200}}){{200}}){{200}})'")).2, 2);
}

#[test]
fn lines_are_cut_and_counted() {
    prints(
        "head -n 1 pods; head -1 pods | wc -w; tail -n 1 pods | cut -d' ' -f1",
        "NAME    READY   STATUS    IP\n4\nweb-1\n",
    );
    prints("tail -n +4 pods | cut -c1-5; head -n -3 pods | cut -c1-4; printf abcdef | tail -c 2", "web-1\nNAME\nef");
    prints("printf 'a b\\nc' | wc; wc -lc pods", "        1         3         5\n        4       141 pods\n");
    prints(
        "printf 'a,b,c\\n' | cut -d, -f1,3; printf 'a,b,c\\n' | cut -d , -f 2-; echo abc | cut -c 2-",
        "a,c\nb,c\nbc\n",
    );
    prints(
        "echo hello | tr a-z A-Z; echo a1b2 | tr -d 0-9; echo aabbc | tr -s ab; echo 'a b' | tr ' ' '\\n'",
        "HELLO\nab\nabc\na\nb\n",
    );
    prints("seq 3; seq 2 2 6 | tr '\\n' ,; seq -s ' ' 3 -1 1; seq -w 9 10", "1\n2\n3\n2,4,6,3 2 1\n09\n10\n");
    prints("printf 'a bb\\nccc d\\n' | column -t", "a    bb\nccc  d\n");
    prints("basename /a/b.txt .txt; dirname /a/b; basename /; dirname a", "b\n/a\n/\n.\n");
    prints("echo x | tee f g; cat f g; echo y | tee -a f >/dev/null; cat f", "x\nx\nx\nx\ny\n");
    fails("cat nope", "cat: can't open 'nope': No such file or directory\n", 1);
    fails("head -n x pods", "head: invalid number 'x'\n", 1);
    fails("cut a", "cut: expected a list of bytes, characters, or fields\n", 1);
}

#[test]
fn sorting() {
    prints("printf 'b\\na\\nc\\n' | sort -r | tr '\\n' ' '; printf '10\\n9\\n' | sort -n | head -1", "c b a 9\n");
    prints("tail -n +2 pods | sort -k3,3 -k1,1r | cut -c1-5", "pod-b\nweb-1\npod-a\n");
    prints("printf 'a:3\\nb:1\\nc:2\\n' | sort -t: -k2n | tr '\\n' ' '", "b:1 c:2 a:3 ");
    prints("printf 'a\\nb\\na\\n' | sort | uniq -c; printf 'a\\na\\nb\\n' | uniq -d", "      2 a\n      1 b\na\n");
    prints(
        "printf '10.244.2.10\\n10.244.2.9\\n' | sort -V | head -1; printf '2\\n1\\n2\\n' | sort -u",
        "10.244.2.9\n1\n2\n",
    );
}

#[test]
fn sed_edits() {
    prints("echo aaa | sed 's/a/b/'; echo aaa | sed 's/a/b/g'; echo aaa | sed 's/a/b/2'", "baa\nbbb\naba\n");
    prints("sed -n 2p pods | cut -c1-5; sed -n '2,3p' pods | wc -l; sed '1d;$d' pods | wc -l", "pod-a\n2\n2\n");
    prints("echo 'k: v' | sed -E 's/([a-z]+): ([a-z]+)/\\2=\\1 [&]/'; echo a/b | sed 's|/|-|'", "v=k [k: v]\na-b\n");
    prints(
        "sed -n '/pod-b/,$p' pods | wc -l; sed -n '/web/!p' pods | wc -l; sed -n '$=' pods; sed 1q pods | wc -l",
        "2\n3\n4\n1\n",
    );
    prints(
        "echo 'a\\b' > f; sed -i 's/a/x/' f; cat f; echo abc | sed 's/x*/-/g'; echo A | sed 's/a/b/I'",
        "x\\b\n-a-b-c-\nb\n",
    );
    fails("sed 'y/a/b/'", "sed: unsupported command y (podhop's sed knows s, d, p, q and =)\n", 1);
    fails("sed s/a", "sed: unmatched '/'\n", 1);
}

#[test]
fn awk_cuts_columns() {
    prints("awk '{print $1}' pods | head -2; awk 'NR==2 {print $NF}' pods", "NAME\npod-a\n10.244.1.2\n");
    prints(
        "awk '/web/{print $1,$3}' pods; awk 'NR>1 && $3 == \"Running\" {print NR \":\" $1}' pods",
        "web-1 Running\n2:pod-a\n4:web-1\n",
    );
    prints(
        "echo a:b | awk -F: '{print $2 \"-\" $1}'; awk '$4 ~ /2\\.9$/' pods | cut -c1-5; echo 'a b c' | awk '{print $(NF-1), NF}'",
        "b-a\nweb-1\nb 3\n",
    );
    let (_, err, status) = run("awk '{s += $1} END {print s}' pods");
    assert!(err.starts_with("awk: podhop's awk knows patterns") && status == 1, "{err}");
    fails("jq . x.json", "jq: podhop has no jq yet: use kubectl -o jsonpath='{…}'\n", 1);
}

#[test]
fn programs_get_arguments_and_environment() {
    prints("echo 'a b c' | xargs -n 2 echo x; printf '1\\n2\\n' | xargs -I{} echo '<{}>'", "x a b\nx c\n<1>\n<2>\n");
    prints(
        "echo '\"a b\" c' | xargs args; export A=1; env | head -1; env B=2 printenv B; printenv A",
        "<a b><c>\nA=1\n2\n1\n",
    );
    prints("which cat; printf 'a' | xargs", "/bin/cat\na\n");
    fails("echo | xargs nosuch", "xargs: nosuch: No such file or directory\n", 127);
}

#[test]
fn printing() {
    prints("echo -n a; echo -e 'b\\tc\\n'; echo -ne 'x\\c' y; echo '\\t' -n", "ab\tc\n\nx\\t -n\n");
    prints("printf '%s-%5s|%-5s|%05d|%x|%c|%%|%.2f\\n' a b c 42 255 xyz 3.14159", "a-    b|c    |00042|ff|x|%|3.14\n");
    prints(
        "printf '%s\\n' a b c | tail -1; printf '%d %s\\n' 1 a 2 b; printf '%b' 'a\\nb'; printf 'x'",
        "c\n1 a\n2 b\na\nbx",
    );
    prints(
        "[ -f pods ] && [ ! -d pods ] && [ -n a -a -z '' ] && [ 2 -gt 1 ] && [ a != b ] && test a = a && echo ok",
        "ok\n",
    );
    fails("[ a -eq 1 ]", "sh: a: bad number\n", 2);
    fails("[ a", "sh: missing ]\n", 2);
}

#[test]
fn nothing_grows_without_bound() {
    for script in [
        "seq 1 100000000",
        "printf '%9999999s' x",
        "seq 100000 | xargs -n 1 echo",
        "seq 100000 | grep -A 100000 1 | wc",
    ] {
        let (out, err, _) = run(script);
        assert!(out.len() + err.len() < (17 << 20), "{script}");
    }
    for (command, unit) in [
        ("awk", "("),
        ("awk", "!"),
        ("awk", "1+"),
        ("awk", "a "),
        ("awk", "$"),
        ("awk", "{"),
        ("awk", "{if(1)"),
        ("awk", "-"),
        ("jq", "("),
        ("jq", ".a"),
        ("jq", ".|"),
        ("grep -E", "("),
        ("grep -E", "a|"),
        ("sed", "1!"),
        ("[", "( "),
        ("[", "! "),
    ] {
        let unit = if command == "[" { unit.replace("( ", "\\( ") } else { unit.to_string() };
        let quoted = if command == "[" { unit.repeat(5000) } else { format!("'{}'", unit.repeat(5000)) };
        let (out, _, _) = run(&format!("{command} {quoted} pods"));
        assert!(out.len() < 1000, "{command} {unit}");
    }
}
