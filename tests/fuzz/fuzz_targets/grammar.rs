//! Any text as a line of the console: it is a script or a syntax error, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::console::shell;

fuzz_target!(|line: &str| {
    let accepted = shell::check(line).is_ok();
    assert!(!(accepted && line.trim().is_empty() && shell::needs_more(line)), "an empty line asks for nothing more");
});
