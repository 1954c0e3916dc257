//! The engine's module in two halves: what the opening of the page runs, and the rest.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::split;
use crate::command::{cargo, command, npm_bin, output, root, run, target};

/// The import by which the first half asks for the second: app/src/bin/worker.rs has it.
const LOAD: &str = "podhopLoadRest";

/// What rustc's modules use of wasm, and what the halves do: functions that give several values, shared globals.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Splits the worker's module in `staging`; `layout` is that of its data. The second half becomes
/// `podhop-worker_rest.wasm`.
pub fn make(staging: &Path, layout: &split::Layout) -> Result<()> {
    let work = target().join("xtask/halves");
    fs::create_dir_all(&work)?;
    let rehearsal = rehearsal(&work)?;
    let bound = staging.join("podhop-worker_bg.wasm");
    let glue = work.join("podhop-worker.mjs");
    fs::copy(staging.join("podhop-worker.js"), &glue)?;
    let whole = fs::read(&bound)?;
    let instrumented = work.join("instrumented.wasm");
    fs::write(&instrumented, split::instrument(&whole)?)?;
    let ran = rehearse(&glue, &instrumented, &rehearsal, None)?;
    let words: Vec<u64> = ran.lines().map(str::parse).collect::<Result<_, _>>().context("the rehearsal said no bits")?;
    let ran = |stretch: u32| words[stretch as usize / 64] >> (stretch % 64) & 1 == 1;
    let rest = staging.join("podhop-worker_rest.wasm");
    let halves = split::split(&whole, layout, ran, LOAD)?;
    for (path, half) in [&bound, &rest].into_iter().zip(halves) {
        fs::write(path, half)?;
        run(npm_bin("wasm-opt").arg("-Oz").args(FEATURES).arg(path).arg("-o").arg(path))?;
    }
    rehearse(&glue, &bound, &rehearsal, Some(&rest))?;
    Ok(())
}

/// What is rehearsed, as the native engine answers it.
fn rehearsal(work: &Path) -> Result<PathBuf> {
    let asked = output(&mut cargo("run --quiet --locked --package podhop-app --bin podhop-rehearsal"))?;
    let path = work.join("rehearsal.txt");
    fs::write(&path, asked)?;
    Ok(path)
}

fn rehearse(glue: &Path, wasm: &Path, rehearsal: &Path, rest: Option<&Path>) -> Result<String> {
    let script = root().join("xtask/src/dist/rehearse.mjs");
    let paths = [script.as_path(), glue, wasm, rehearsal].into_iter().chain(rest);
    output(&mut command("node", paths))
}
