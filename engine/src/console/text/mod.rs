//! Text utilities, as busybox 1.37 has them; where GNU's differ visibly, a bash session gets GNU's form.
//!
//! Each utility is a function of a `Tool` and its words that returns the exit status. All of them end: input is finite
//! text, patterns are matched without backtracking, and output is counted.

mod awk;
mod cut;
mod env;
mod grep;
mod lines;
mod print;
mod regex;
mod sed;
mod sort;
mod test;
mod tool;

#[cfg(test)]
mod tests;

use super::shell::{Host, Io, Session};
use tool::Tool;

pub use print::unescape;

/// Utilities that every shell has built in.
pub const BUILTINS: [&str; 4] = ["echo", "printf", "test", "["];

/// One utility.
pub struct Utility {
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// Its options as getopt has them: `nf:`, a colon after those that take a value.
    pub letters: &'static str,
    run: fn(&mut Tool, &[String]) -> i32,
}

const fn row(
    name: &'static str,
    about: &'static str,
    letters: &'static str,
    run: fn(&mut Tool, &[String]) -> i32,
) -> Utility {
    Utility { name, about, letters, run }
}

/// All utilities besides the built-in ones.
pub const UTILITIES: &[Utility] = &[
    row("awk", "fields of lines", "F:", awk::awk),
    row("basename", "the last part of a path", "", lines::path_part),
    row("cat", "print files", "nuetvA", lines::cat),
    row("column", "align columns", "ts:o:", lines::column),
    row("cut", "columns of lines", "f:c:b:d:sn", cut::cut),
    row("dirname", "a path without its last part", "", lines::path_part),
    row("egrep", "lines that match", GREP, grep::grep),
    row("env", "the environment", "iu:", env::env),
    row("false", "fail", "", |_, _| 1),
    row("fgrep", "lines that contain a text", GREP, grep::grep),
    row("grep", "lines that match", GREP, grep::grep),
    row("head", "the first lines", HEAD, lines::head_or_tail),
    row("jq", "fields of JSON", "", no_jq),
    row("printenv", "variables of the environment", "iu:", env::env),
    row("sed", "edit a stream of lines", "nEre:is", sed::sed),
    row("seq", "numbers in a row", "ws:", lines::seq),
    row("sort", "sort lines", "nrufbVsk:t:o:", sort::sort),
    row("tail", "the last lines", HEAD, lines::head_or_tail),
    row("tee", "copy the input to files", "ai", lines::tee),
    row("tr", "replace characters", "cCds", cut::tr),
    row("true", "succeed", "", |_, _| 0),
    row("uniq", "lines without their repetitions", "cdui", sort::uniq),
    row("wc", "count lines, words, bytes", "lwcmL", lines::wc),
    row("which", "where a program is", "", env::which),
    row("xargs", "run a program on words of the input", "n:I:rt0P:L:", env::xargs),
];

const GREP: &str = "HhnlLcoqvsriwxFEGae:A:B:C:m:";
const HEAD: &str = "n:c:qvf";

/// The utility of this name.
pub fn utility(name: &str) -> Option<&'static Utility> {
    UTILITIES.iter().find(|utility| utility.name == name)
}

/// Runs a utility that is built into shells; None for other names.
pub fn builtin(argv: &[String], host: &mut dyn Host, session: &mut Session, io: &mut Io) -> Option<i32> {
    match argv[0].as_str() {
        "echo" => Some(print::echo(&argv[1..], io)),
        "printf" => Some(print::printf(&argv[1..], session, io)),
        "test" | "[" | "[[" => Some(test::test(argv, host, session, io)),
        _ => None,
    }
}

/// Runs a utility; None for other names.
pub fn run(argv: &[String], host: &mut dyn Host, session: &mut Session, io: &mut Io) -> Option<i32> {
    let name = argv[0].rsplit('/').next().unwrap_or_default();
    let Some(utility) = utility(name) else { return builtin(argv, host, session, io) };
    let mut tool = Tool { name, host, session, io };
    Some((utility.run)(&mut tool, &argv[1..]))
}

fn no_jq(tool: &mut Tool, _words: &[String]) -> i32 {
    tool.fail("podhop has no jq yet: use kubectl -o jsonpath='{…}'")
}
