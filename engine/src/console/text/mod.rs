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

/// All utilities that `run` knows besides the built-in ones.
pub const NAMES: [&str; 20] = [
    "awk", "basename", "cat", "column", "cut", "dirname", "env", "grep", "head", "printenv", "sed", "seq", "sort",
    "tail", "tee", "tr", "uniq", "wc", "which", "xargs",
];

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
    let utility: fn(&mut Tool, &[String]) -> i32 = match name {
        "awk" => awk::awk,
        "basename" | "dirname" => lines::path_part,
        "cat" => lines::cat,
        "column" => lines::column,
        "cut" => cut::cut,
        "env" | "printenv" => env::env,
        "egrep" | "fgrep" | "grep" => grep::grep,
        "head" | "tail" => lines::head_or_tail,
        "jq" => no_jq,
        "sed" => sed::sed,
        "seq" => lines::seq,
        "sort" => sort::sort,
        "tee" => lines::tee,
        "tr" => cut::tr,
        "true" => |_, _| 0,
        "false" => |_, _| 1,
        "uniq" => sort::uniq,
        "wc" => lines::wc,
        "which" => env::which,
        "xargs" => env::xargs,
        _ => return builtin(argv, host, session, io),
    };
    let mut tool = Tool { name, host, session, io };
    Some(utility(&mut tool, &argv[1..]))
}

fn no_jq(tool: &mut Tool, _words: &[String]) -> i32 {
    tool.fail("podhop has no jq yet: use kubectl -o jsonpath='{…}'")
}
