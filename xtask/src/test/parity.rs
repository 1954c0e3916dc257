//! Every scenario's trace, byte for byte the same from the native build and from wasm under Node.

use std::process::Command;

use anyhow::Result;

use super::scenarios::files;
use crate::command::{cargo, command, output, root, run, target};
use crate::steps::Tally;

/// Each scenario is one check.
pub fn check() -> Result<Tally> {
    run(&mut cargo("build --quiet --locked --release --package podhop-parity"))?;
    let native = target().join("release/podhop-parity");
    // Optimised as the page's worker is.
    run(&mut cargo(
        "build --quiet --locked --profile wasm-release --package podhop-parity --lib --target wasm32-unknown-unknown",
    ))?;
    let bound = target().join("xtask/parity");
    let wasm = target().join("wasm32-unknown-unknown/wasm-release/podhop_parity.wasm");
    let options = ["--target", "nodejs", "--no-typescript", "--out-dir"];
    run(command("wasm-bindgen", options).arg(&bound).arg(wasm))?;
    let script = root().join("tests/parity/run.mjs");
    let mut tally = Tally::NOTHING;
    let mut bytes = 0;
    for file in files()? {
        let from_native = output(Command::new(&native).arg(&file))?;
        let from_wasm = output(&mut command("node", [&script, &bound.join("podhop_parity.js"), &file]))?;
        bytes += from_native.len();
        let difference = difference(&from_native, &from_wasm);
        if let Some(difference) = &difference {
            println!("{}: {difference}", file.strip_prefix(root()).unwrap_or(&file).display());
        }
        tally += Tally::of(difference.is_none());
    }
    anyhow::ensure!(tally != Tally::NOTHING, "no scenarios in labs/ or tests/cases/");
    println!("{} scenarios, {bytes} bytes of answers and traces", tally.passed + tally.failed);
    Ok(tally)
}

fn difference(native: &str, wasm: &str) -> Option<String> {
    if native.trim().is_empty() {
        return Some("no answer at all".to_string());
    }
    if let Some(error) = native.lines().find(|line| line.starts_with("error: ")) {
        return Some(error.to_string());
    }
    if native == wasm {
        return None;
    }
    let at = native.bytes().zip(wasm.bytes()).position(|(one, other)| one != other);
    let at = at.unwrap_or(native.len().min(wasm.len()));
    let near = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(40).min(text.len())..text.len().min(at + 40)])
            .into_owned()
    };
    Some(format!("differs at byte {at}:\n  native: {}\n  wasm:   {}", near(native), near(wasm)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_where_it_begins() {
        assert_eq!(difference("{\"a\":1}", "{\"a\":1}"), None);
        assert!(difference("{\"a\":1}", "{\"a\":2}").unwrap().contains("byte 5"));
        assert!(difference("{}", "{}x").unwrap().contains("byte 2"));
        assert!(difference("", "").is_some());
        assert!(difference("error: no\n", "error: no\n").is_some());
    }
}
