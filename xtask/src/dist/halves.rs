//! Both modules in two halves: what the opening of the page runs, and the rest.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::split;
use crate::command::{browser_tests, cargo, command, npm_bin, output, root, run, target};
use crate::server::{Kind, Site};
use crate::setup::installed_chromium;

/// The import by which a first half asks for its second: app/src/main.rs and app/src/bin/worker.rs have it.
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

/// Splits the worker's module in `staging`; `layout` is that of its data.
pub fn worker(staging: &Path, layout: &split::Layout) -> Result<()> {
    let work = empty_folder("worker")?;
    let asked = output(&mut cargo("run --quiet --locked --package podhop-app --bin podhop-rehearsal"))?;
    let rehearsal = work.join("rehearsal.txt");
    fs::write(&rehearsal, asked)?;
    let glue = work.join("podhop-worker.mjs");
    fs::copy(staging.join("podhop-worker.js"), &glue)?;
    let script = root().join("xtask/src/dist/rehearse.mjs");
    let rehearse = |wasm: &Path, rest: Option<&Path>| {
        let paths = [script.as_path(), &glue, wasm, &rehearsal].into_iter().chain(rest);
        output(&mut command("node", paths))
    };
    let [bound, rest] = paths(staging, "podhop-worker");
    let whole = fs::read(&bound)?;
    let instrumented = work.join("instrumented.wasm");
    fs::write(&instrumented, split::instrument(&whole)?)?;
    let ran = rehearse(&instrumented, None)?;
    write(&whole, layout, &ran, [&bound, &rest])?;
    rehearse(&bound, Some(&rest))?;
    Ok(())
}

/// Splits the page's module in `staging`, which has all other files of the site, if there is a Chromium to rehearse in.
/// `html` is the page as it ships. Gives whether it was split.
pub fn page(staging: &Path, layout: &split::Layout, html: &str) -> Result<bool> {
    let [bound, rest] = paths(staging, "podhop-app");
    let Some(chromium) = installed_chromium() else {
        println!("  no Chromium to rehearse the page in: its module stays whole, and the first load is larger");
        // A module of nothing.
        fs::write(rest, b"\0asm\x01\0\0\0")?;
        return Ok(false);
    };
    let whole = fs::read(&bound)?;
    let site = empty_folder("page")?;
    super::copy_folder(staging, &site)?;
    fs::write(site.join("index.html"), html)?;
    fs::write(site.join("podhop-app_bg.wasm"), split::instrument(&whole)?)?;
    let server = Site::start(&site, 0, Kind::Brotli)?;
    let mut rehearse = command("node", ["rehearse.mjs", &server.url()]);
    let ran = output(rehearse.current_dir(browser_tests()).env("CHROMIUM", chromium))?;
    write(&whole, layout, &ran, [&bound, &rest])?;
    Ok(true)
}

/// Where the second half of a program is.
pub fn second(staging: &Path, program: &str) -> PathBuf {
    let [_, rest] = paths(staging, program);
    rest
}

/// The halves of a program: the first replaces the whole.
fn paths(staging: &Path, program: &str) -> [PathBuf; 2] {
    ["bg", "rest"].map(|half| staging.join(format!("{program}_{half}.wasm")))
}

/// `ran` has a number of 64 bits a line, a bit for each stretch of code.
fn write(whole: &[u8], layout: &split::Layout, ran: &str, paths: [&Path; 2]) -> Result<()> {
    let words: Vec<u64> =
        ran.lines().map(str::parse).collect::<Result<_, _>>().context("the rehearsal said no bits")?;
    let ran = |stretch: u32| words.get(stretch as usize / 64).is_some_and(|word| word >> (stretch % 64) & 1 == 1);
    let mut halves = split::split(whole, layout, ran, LOAD)?;
    for (path, half) in paths.into_iter().zip(&mut halves) {
        fs::write(path, &half)?;
        // Nothing lies below 1024: there the stack would end that grows down from the first megabyte's end.
        run(npm_bin("wasm-opt").args(["--low-memory-unused", "-Oz"]).args(FEATURES).arg(path).arg("-o").arg(path))?;
        *half = fs::read(path)?;
    }
    for (path, half) in paths.into_iter().zip(split::order(&halves[0], &halves[1])?) {
        fs::write(path, half)?;
    }
    Ok(())
}

fn empty_folder(name: &str) -> Result<PathBuf> {
    let folder = target().join("xtask/halves").join(name);
    super::empty(&folder)?;
    Ok(folder)
}
