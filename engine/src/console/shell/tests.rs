//! The grammar as its users see it: a script in, both streams and a status out. The expected texts were compared with
//! busybox 1.35 ash and bash 5.2.

use std::collections::BTreeMap;

use super::*;
use crate::console::text;

/// Files in memory, the text utilities, and a program `args` that shows its words.
#[derive(Default)]
pub(crate) struct TestHost {
    pub files: BTreeMap<String, String>,
}

impl Host for TestHost {
    fn run(&mut self, argv: &[String], session: &mut Session, io: &mut Io) -> Option<i32> {
        match argv[0].as_str() {
            "args" => {
                let words: Vec<String> = argv[1..].iter().map(|word| format!("<{word}>")).collect();
                io.out(&format!("{}\n", words.join("")));
                Some(0)
            }
            "both" => {
                io.out("out\n");
                io.err("err\n");
                Some(3)
            }
            "reads" => {
                let text = io.read_all();
                io.out(&format!("[{text}]\n"));
                Some(0)
            }
            _ => text::run(argv, self, session, io),
        }
    }

    fn find(&mut self, name: &str) -> Option<String> {
        matches!(name, "args" | "cat").then(|| format!("/bin/{name}"))
    }

    fn read_file(&mut self, path: &str) -> Result<String, FileError> {
        match self.stat(path) {
            Some(FileKind::Directory) => Err(FileError::IsDirectory),
            _ => self.files.get(path).cloned().ok_or(FileError::NotFound),
        }
    }

    fn write_file(&mut self, path: &str, text: &str, append: bool) -> Result<(), FileError> {
        if path.starts_with("/etc/") {
            return Err(FileError::Denied);
        }
        let file = self.files.entry(path.to_string()).or_default();
        if !append {
            file.clear();
        }
        file.push_str(text);
        Ok(())
    }

    fn stat(&mut self, path: &str) -> Option<FileKind> {
        let folder = format!("{}/", path.trim_end_matches('/'));
        if self.files.contains_key(path) {
            Some(FileKind::File)
        } else if path == "/" || path == "/home" || self.files.keys().any(|file| file.starts_with(&folder)) {
            Some(FileKind::Directory)
        } else {
            None
        }
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let names =
            self.files.keys().filter_map(|file| Some(file.strip_prefix(&folder)?.split('/').next()?.to_string()));
        let mut names: Vec<String> = names.collect();
        names.dedup();
        Ok(names)
    }
}

fn session(dialect: Dialect) -> Session {
    let mut session = Session::new(if dialect == Dialect::Bash { "bash" } else { "sh" }, dialect, "/home");
    session.export("HOME", "/home");
    session
}

/// Standard output, standard error and status of a script.
pub(crate) fn run_with(host: &mut TestHost, dialect: Dialect, script: &str) -> (String, String, i32) {
    let mut io = Io::new("");
    let outcome = run(script, host, &mut session(dialect), &mut io);
    let (out, err) = io.texts();
    (out, err, outcome.status)
}

fn sh(script: &str) -> (String, String, i32) {
    let mut host = TestHost::default();
    for (path, text) in
        [("/home/a.yaml", "a\n"), ("/home/b.yaml", "b\n"), ("/home/.hidden", ""), ("/home/d/c.yaml", "c\n")]
    {
        host.files.insert(path.into(), text.into());
    }
    run_with(&mut host, Dialect::Ash, script)
}

#[track_caller]
fn prints(script: &str, out: &str) {
    assert_eq!(sh(script), (out.to_string(), String::new(), 0), "{script}");
}

#[track_caller]
fn fails(script: &str, err: &str, status: i32) {
    let (_, stderr, code) = sh(script);
    assert_eq!((stderr.as_str(), code), (err, status), "{script}");
}

#[test]
fn quotes_make_words() {
    prints(r#"args a 'b c' "d  e" f\ g ''"#, "<a><b c><d  e><f g><>\n");
    prints(
        r#"args "a\"b\$c\n" 'x\n' a\
b"#,
        "<a\"b$c\\n><x\\n><ab>\n",
    );
    prints(r#"x='a  b'; args $x "$x" '$x' "${x}"c"#, "<a><b><a  b><$x><a  bc>\n");
    prints("args a#b # comment\nargs c;args d", "<a#b>\n<c>\n<d>\n");
    prints("args $'a\\tb'", "<a\tb>\n");
    prints("args ~ ~/x '~' a~ $ \"$\"", "</home></home/x><~><a~><$><$>\n");
}

#[test]
fn parameters_expand() {
    prints("args ${x:-d} ${x-e} ${x:+f} ${x:=g} $x ${#x} ${x:+f}", "<d><e><g><g><1><f>\n");
    prints("x=; args \"${x:-d}\" \"${x-e}\" ${x+f}", "<d><><f>\n");
    prints("x=a.b.c; args ${x%.*} ${x%%.*} ${x#*.} ${x##*.} ${x#?}", "<a.b><a><b.c><c><.b.c>\n");
    prints("x='a b'; args ${y:-$x} \"${y:-$x}\" \"${y:-\"q\"}\"", "<a><b><a b><q>\n");
    prints("set -- a 'b c'; args $# $1 \"$2\" \"$@\" $* \"$*\" ${2}", "<2><a><b c><a><b c><a><b><c><a b c><b><c>\n");
    prints("false; args $?; args $?", "<1>\n<0>\n");
    prints("IFS=:; x=a:b::c; args $x", "<a><b><><c>\n");
    fails("args ${x:?gone}; args b", "sh: x: gone\n", 2);
    fails("set -u; args $nope", "sh: nope: parameter not set\n", 2);
}

#[test]
fn substitutions_run() {
    prints("args $(args a; args b) \"$(args a; args b)\" `args c`", "<<a>><<b>><<a>\n<b>><<c>>\n");
    prints("args `args \\`args x\\``", "<<<x>>>\n");
    prints("x=$(false); args $?; x=$(true); args $?", "<1>\n<0>\n");
    prints("args \"$(echo \"a b\")\" $(echo ')')", "<a b><)>\n");
    prints("x=1; y=$(x=2; echo $x); args $x $y", "<1><2>\n");
}

#[test]
fn arithmetic_is_that_of_c() {
    prints("args $((1+2*3)) $(( (1+2)*3 )) $((7/2)) $((-7%3)) $((1<<4|1))", "<7><9><3><-1><17>\n");
    prints("x=5; args $((x+1)) $(($x*2)) $((x>3&&x<9)) $((x==5?10:20)) $((!x))", "<6><10><1><10><0>\n");
    prints("i=0; args $((i++)) $i $((++i)) $((i+=5)) $((i=3)) $i", "<0><1><2><7><3><3>\n");
    prints("args $((0x10)) $((010)) $((1?2:1/0)) $((9223372036854775807+1))", "<16><8><2><-9223372036854775808>\n");
    fails("args $((1/0))", "sh: divide by zero\n", 2);
    fails("args $((1+))", "sh: arithmetic syntax error\n", 2);
}

#[test]
fn lists_and_pipelines() {
    prints("true && args a || args b; false && args c || args d", "<a>\n<d>\n");
    prints("! false && args ok", "<ok>\n");
    prints("args a | reads; args b |\nreads", "[<a>\n]\n[<b>\n]\n");
    prints("x=1; echo y | read x; args $x", "<1>\n");
    assert_eq!(sh("both | reads").1, "err\n");
    assert_eq!(sh("both 2>&1 | reads").0, "[out\nerr\n]\n");
    assert_eq!(sh("both |& reads").0, "[out\nerr\n]\n");
    assert_eq!(sh("set -o pipefail; both 2>/dev/null | true").2, 3);
    assert_eq!(sh("both 2>/dev/null | true").2, 0);
}

#[test]
fn both_streams_stay_in_order() {
    let mut io = Io::new("");
    run("both; both >&2; both 2>&1", &mut TestHost::default(), &mut session(Dialect::Ash), &mut io);
    let chunks: Vec<(Stream, String)> = io.take_chunks().into_iter().map(|chunk| (chunk.stream, chunk.text)).collect();
    let chunk = |stream, text: &str| (stream, text.to_string());
    let expected =
        [chunk(Stream::Out, "out\n"), chunk(Stream::Err, "err\nout\nerr\n"), chunk(Stream::Out, "out\nerr\n")];
    assert_eq!(chunks, expected);
}

#[test]
fn redirections() {
    prints("args a > f; args b >> f; reads < f; args c > f; reads < f", "[<a>\n<b>\n]\n[<c>\n]\n");
    prints("{ args a; args b; } > f; reads <f", "[<a>\n<b>\n]\n");
    prints("both > f 2>&1; reads < f", "[out\nerr\n]\n");
    prints("both 2>&1 >/dev/null | reads", "[err\n]\n");
    prints("both >/dev/null 2>/dev/null; both &>/dev/null; args $?", "<3>\n");
    prints("reads <<EOF\na $((1+1)) \\$x \"q\"\nEOF\nargs after", "[a 2 $x \"q\"\n]\n<after>\n");
    prints("reads <<'EOF'\na $x\nEOF", "[a $x\n]\n");
    prints("if true; then\n\treads <<-EOF\n\t\ta\n\tEOF\nfi; reads <<<word", "[a\n]\n[word\n]\n");
    prints("reads <<A; reads <<B\n1\nA\n2\nB", "[1\n]\n[2\n]\n");
    prints("f() { reads <<EOF\n$1\nEOF\n}; f x; f y", "[x\n]\n[y\n]\n");
    prints("> f; reads < f", "[]\n");
    fails("reads < nope", "sh: can't open nope: no such file\n", 1);
    fails("args a > /etc/passwd", "sh: can't create /etc/passwd: Permission denied\n", 1);
    fails("args a >&7", "sh: 7: Bad file descriptor\n", 1);
}

#[test]
fn compound_commands() {
    prints("for x in a 'b c' d; do args $x; done", "<a>\n<b><c>\n<d>\n");
    prints("for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; args $i; done", "<1>\n<3>\n");
    prints("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; args $i", "<3>\n");
    prints("i=0; until [ $i -ge 3 ]; do i=$((i+1)); done; args $i", "<3>\n");
    prints("for i in 1 2; do for j in 1 2; do break 2; done; done; args $i$j", "<11>\n");
    prints("if false; then args a; elif true; then args b; else args c; fi", "<b>\n");
    prints("if false\nthen args a\nelse\nargs c\nfi", "<c>\n");
    prints("x=1; (x=2; args $x); args $x; { x=3; }; args $x", "<2>\n<1>\n<3>\n");
    prints("case pod-a in pod-b) args no;; pod-*|x) args yes;; esac", "<yes>\n");
    prints("case '*' in \\*) args star; esac; case b in [a-c]) args in;; esac", "<star>\n<in>\n");
    prints("f() { args $1; return 4; }; f x; args $?", "<x>\n<4>\n");
    prints("f() { local x=2; args $x; }; x=1; f; args $x", "<2>\n<1>\n");
    prints("printf 'a b\\nc\\n' | while read x y; do args $x \"$y\"; done", "<a><b>\n<c><>\n");
    prints("set -- a b; for x; do args $x; done; shift; args $#", "<a>\n<b>\n<1>\n");
}

#[test]
fn variables_and_environment() {
    prints("x=1 args a; args \"$x\"", "<a>\n<>\n");
    prints("x=1; export x; y=2; sh -c 'args $x \"$y\"'", "<1><>\n");
    prints("x=7 sh -c 'args $x $0 $1' zero one", "<7><zero><one>\n");
    prints("export A=1 B=2; export", "export A='1'\nexport B='2'\nexport HOME='/home'\n");
    prints("echo 'args in' | sh; cd d; pwd; cd -; cd ..; pwd", "<in>\n/home/d\n/home\n/\n");
    prints("eval 'x=3; args $x'; echo 'y=5' > f; . ./f; args $y", "<3>\n<5>\n");
    prints("command -v cat; type cat; type cd", "/bin/cat\ncat is /bin/cat\ncd is a shell builtin\n");
    fails("cd /nowhere", "sh: cd: can't cd to /nowhere: No such file or directory\n", 2);
}

#[test]
fn patterns_name_files() {
    prints(
        "args *.yaml */*.yaml '*.yaml' *.nope /home/a*",
        "<a.yaml><b.yaml><d/c.yaml><*.yaml><*.nope></home/a.yaml>\n",
    );
    prints("x='*.yaml'; args $x \"$x\" [ab].y*l", "<a.yaml><b.yaml><*.yaml><a.yaml><b.yaml>\n");
}

#[test]
fn options() {
    assert_eq!(sh("set -e; false; args no").2, 1);
    prints("set -e; false || args a; if false; then :; fi; ! true; args b", "<a>\n<b>\n");
    fails("set -x; x=1 args a 'b c'", "+ x=1 args a 'b c'\n", 0);
    assert_eq!(sh("args a; exit 7; args b"), ("<a>\n".into(), String::new(), 7));
    assert_eq!(sh("(exit 3); sh -c 'exit 4'; exit $?").2, 4);
}

#[test]
fn messages_of_busybox() {
    fails("nosuch", "sh: nosuch: not found\n", 127);
    fails("./a.yaml", "sh: ./a.yaml: Permission denied\n", 126);
    fails("args 'a", "sh: syntax error: unterminated quoted string\n", 2);
    fails("args `a", "sh: syntax error: EOF in backquote substitution\n", 2);
    fails("done", "sh: syntax error: unexpected \"done\"\n", 2);
    fails("args a; )", "sh: syntax error: unexpected \")\"\n", 2);
    fails("args a &&", "sh: syntax error: unexpected end of file\n", 2);
    fails("| args", "sh: syntax error: unexpected \"|\"\n", 2);
    fails("args >", "sh: syntax error: unexpected end of file\n", 2);
    fails("if true; fi", "sh: syntax error: unexpected \"fi\" (expecting \"then\")\n", 2);
    fails("for x in a b", "sh: syntax error: unexpected end of file\n", 2);
    fails("while true; do args", "sh: syntax error: unexpected end of file (expecting \"done\")\n", 2);
    fails("args ${x!}", "sh: syntax error: bad substitution\n", 2);
    fails("true\ntrue (\n", "sh: line 2: syntax error: unexpected newline (expecting \")\")\n", 2);
    // What stands on the lines before has run.
    assert_eq!(sh("args a\n)").0, "<a>\n");
}

#[test]
fn messages_of_bash() {
    let bash = |script: &str| {
        let (out, err, status) = run_with(&mut TestHost::default(), Dialect::Bash, script);
        format!("{out}{err}{status}")
    };
    assert_eq!(bash("nosuch"), "bash: nosuch: command not found\n127");
    assert_eq!(bash("args \"a"), "bash: unexpected EOF while looking for matching `\"'\n2");
    assert_eq!(bash("args a | | args"), "bash: syntax error near unexpected token `|'\n2");
    assert_eq!(bash("if true; then"), "bash: syntax error: unexpected end of file\n2");
    assert_eq!(bash("reads < nope"), "bash: nope: No such file or directory\n1");
    assert_eq!(bash("args {1..3} a{b,c}d '{x,y}' {z} {3..1..2}"), "<1><2><3><abd><acd><{x,y}><{z}><3><1>\n0");
    assert_eq!(bash("cd nope"), "bash: cd: nope: No such file or directory\n1");
}

#[test]
fn a_prompt_knows_when_to_go_on() {
    for script in [
        "args 'a",
        "if true; then",
        "for x in a; do",
        "args a |",
        "args a &&",
        "args \\",
        "cat <<EOF\na",
        "x=$(",
        "f() {",
    ] {
        assert!(needs_more(script), "{script}");
    }
    for script in ["args a", "", "done", "args a;", "cat <<EOF\na\nEOF", "args \\\\"] {
        assert!(!needs_more(script), "{script}");
    }
}

#[test]
fn nothing_runs_without_bound() {
    let stopped = "sh: stopped after more than";
    for script in [
        "while true; do :; done",
        "while true; do args x; done | reads",
        "f() { f; }; f",
        "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done",
        "f() { f | f; }; f",
        "f() { sh -c 'while :; do :; done'; }; f",
    ] {
        let (_, err, status) = sh(script);
        assert!(err.starts_with(stopped) && err.lines().count() == 1, "{script}: {err}");
        assert_eq!(status, 137, "{script}");
    }
    for open in ["(", "{ ", "$(", "if ", "\"$(", "${x:-", "`a ", "f() ", "! "] {
        let (_, _, status) = sh(&open.repeat(10_000));
        assert!(status != 0 || open.starts_with('`'), "{open}");
    }
    let (_, err, _) = sh(&"(".repeat(100));
    assert_eq!(err, "sh: nested too deeply (podhop's limit is 40)\n");
    let (_, err, _) = sh(&format!("args $(({}", "(".repeat(5_000)));
    assert!(!err.is_empty());
    let (_, err, _) = sh(&format!("args $(({}1{}))", "(".repeat(500), ")".repeat(500)));
    assert_eq!(err, "sh: arithmetic expression is nested too deeply (podhop's limit is 60)\n");
    let (_, err, _) = sh(&" ".repeat(parse::SCRIPT_BYTES_MAX + 1));
    assert_eq!(err, "sh: script is too long (podhop's limit is 1048576)\n");
}
