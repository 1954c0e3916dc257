//! Text utilities, as busybox 1.37 has them.

mod print;
mod test;

use super::shell::{Host, Io, Session};

pub use print::unescape;

/// Utilities that every shell has built in.
pub const BUILTINS: [&str; 4] = ["echo", "printf", "test", "["];

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
    builtin(argv, host, session, io)
}
