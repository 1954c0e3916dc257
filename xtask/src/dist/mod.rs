//! The static site: two wasm modules (page and worker), style sheets joined, names with content hashes, a strict
//! policy in the page, and a `.br` and a `.gz` beside every file that gains from it.
//!
//! It reads the index.html that `trunk serve` reads; the names of files in there are the plain ones.

mod compress;
mod editor;
mod glue;
mod halves;
mod names;
mod page;
mod split;
mod streams;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{cargo, command, npm_bin, root, run, target};
use crate::setup;
use crate::steps::Tally;

pub use page::CONTENT_SECURITY_POLICY;

/// The site's files by path relative to its root, as they will be served.
type Files = BTreeMap<String, Vec<u8>>;

/// The two programs: the page and the worker.
const PROGRAMS: [&str; 2] = ["podhop-app", "podhop-worker"];
/// The scripts that the page and its worker start with, and those that they take in.
const ENTRIES: [&str; 2] = ["start.js", "worker.js"];
/// The script that runs where modules cannot.
const CLASSIC: &str = "boot.js";
const JOINED: [&str; 3] = ["streams.js", "podhop-app.js", "podhop-worker.js"];
/// The custom section of the page's second half that start.js finds its style sheet in.
const STYLES_SECTION: &str = "styles";
const TARGET: &str = "wasm32-unknown-unknown";
/// Has the linker say where each constant lies, which splitting needs to know.
const LINKING: &str = "'-Clink-arg=--emit-relocs'";
/// A panic traps and says nothing: nobody would hear it in a browser. Only a standard library built here can do that.
const PANICKING: &str = "'-Zunstable-options','-Cpanic=immediate-abort'";
/// Builds the standard library along, for size. Cargo and rustc of a stable release take this if `RUSTC_BOOTSTRAP` is set.
const BUILD_STD: [&str; 2] = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];

pub fn dist() -> PathBuf {
    root().join("dist")
}

/// Builds the site into `dist/`, not compressed yet.
pub fn build() -> Result<Tally> {
    // Whatever goes wrong from here on, no earlier site is mistaken for this one.
    empty(&dist())?;
    println!("  compiling to wasm");
    compile()?;
    let staging = target().join("xtask/site");
    empty(&staging)?;
    println!("  wasm-bindgen, wasm-opt");
    let [page_layout, worker_layout] = bind(&staging)?;
    let html = fs::read_to_string(root().join("index.html"))?;
    copy_folder(&root().join("public"), &staging)?;
    let [opening_styles, late_styles] = [join_styles(&html, false)?, join_styles(&html, true)?];
    fs::write(staging.join(page::STYLES), opening_styles.clone() + &late_styles)?;
    let html = page::ship(&html)?;
    println!("  rehearsals, halves");
    halves::worker(&staging, &worker_layout)?;
    if halves::page(&staging, &page_layout, &html)? {
        fs::write(staging.join(page::STYLES), opening_styles)?;
        fs::write(staging.join(page::LATE_STYLES), late_styles)?;
    }
    for program in PROGRAMS {
        tighten(&staging, program)?;
    }
    println!("  esbuild, names with hashes");
    bundle(&staging)?;
    editor::bundle(&staging)?;
    let mut files = Files::new();
    collect(&staging, &staging, &mut files)?;
    files.insert("index.html".to_string(), html.into_bytes());
    let files = names::hashed(files)?;
    for (name, content) in &files {
        let path = dist().join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, content)?;
    }
    Ok(Tally::NOTHING)
}

fn compile() -> Result<()> {
    let mut build = cargo("build --quiet --locked --package podhop-app --profile wasm-release");
    let mut flags = LINKING.to_string();
    if setup::has_library_source()? {
        flags = format!("{LINKING},{PANICKING}");
        build.args(BUILD_STD).env("RUSTC_BOOTSTRAP", "1");
    } else {
        println!("  no source of Rust's standard library: it is taken as it comes, and the first load is larger");
    }
    build.args(["--target", TARGET, "--config", &format!("target.{TARGET}.rustflags=[{flags}]")]);
    run(build.args(PROGRAMS.iter().flat_map(|program| ["--bin", program])))
}

/// Writes the compressed forms beside the files, and prints their sizes.
pub fn compress() -> Result<Tally> {
    compress::folder(&dist())?;
    Ok(Tally::NOTHING)
}

/// JavaScript glue and optimised wasm for each program; gives the layouts of their data.
fn bind(staging: &Path) -> Result<[split::Layout; 2]> {
    let built = target().join(TARGET).join("wasm-release");
    std::thread::scope(|scope| {
        let programs = PROGRAMS.map(|program| {
            let wasm = built.join(format!("{program}.wasm"));
            scope.spawn(move || bind_one(program, &wasm, staging))
        });
        let [page, worker] = programs.map(|program| program.join().expect("a binding thread does not panic"));
        Ok([page?, worker?])
    })
}

fn bind_one(program: &str, wasm: &Path, staging: &Path) -> Result<split::Layout> {
    let linked = fs::read(wasm)?;
    let plain = target().join(format!("xtask/{program}.wasm"));
    fs::write(&plain, split::without_linking(&linked)?)?;
    // start.js and worker.js always say which module to start.
    let options = ["--target", "web", "--no-typescript", "--omit-default-module-path", "--out-name", program];
    run(command("wasm-bindgen", options).arg("--out-dir").arg(staging).arg(&plain))?;
    let [script, bound] = pair(staging, program);
    let (glue, module) = glue::without_unused(&fs::read_to_string(&script)?, &fs::read(&bound)?)?;
    fs::write(&script, glue)?;
    fs::write(&bound, module)?;
    // The features that rustc used are named in the module itself, where wasm-opt finds them. Functions that are called
    // once stay functions: a half can do without one of them.
    let options = ["-Oz", "--one-caller-inline-max-function-size", "0", "--strip-debug", "--strip-producers"];
    run(npm_bin("wasm-opt").args(options).arg(&bound).arg("-o").arg(&bound))?;
    split::Layout::read(&linked)
}

/// wasm-bindgen's script and module of a program; once it is split, the first half.
fn pair(staging: &Path, program: &str) -> [PathBuf; 2] {
    [".js", "_bg.wasm"].map(|end| staging.join(format!("{program}{end}")))
}

/// Shortens names and sorts code in a program's first half, which is what visitors wait for.
fn tighten(staging: &Path, program: &str) -> Result<()> {
    let [script, module] = pair(staging, program);
    let (glue, first) = glue::with_short_names(&fs::read_to_string(&script)?, &fs::read(&module)?)?;
    fs::write(&script, glue)?;
    fs::write(&module, streams::sort(&first)?)?;
    let whole = target().join(format!("xtask/{program}-whole.wasm"));
    fs::write(&whole, first)?;
    let check = root().join("xtask/src/dist/in-order.mjs");
    run(&mut command("node", [check, staging.join("streams.js"), module, whole]))
}

fn join_styles(html: &str, late: bool) -> Result<String> {
    let mut all = String::new();
    for sheet in page::style_sheets(html, late) {
        all.push_str(&fs::read_to_string(root().join(sheet)).with_context(|| format!("index.html names {sheet}"))?);
        all.push('\n');
    }
    Ok(all)
}

/// Joins and shortens scripts, shortens the style sheets; that of what the opening does not show comes with the code that
/// shows it.
fn bundle(staging: &Path) -> Result<()> {
    for entry in ENTRIES {
        let whole = target().join("xtask").join(entry);
        let mut esbuild = npm_bin("esbuild");
        esbuild.args(["--bundle", "--format=esm", "--target=es2022", "--log-level=warning", "--external:./editor.js"]);
        run(esbuild.arg(staging.join(entry)).arg(format!("--outfile={}", whole.display())))?;
    }
    for script in ENTRIES.into_iter().chain(JOINED) {
        fs::remove_file(staging.join(script))?;
    }
    let classic = target().join("xtask").join(CLASSIC);
    fs::copy(staging.join(CLASSIC), &classic)?;
    editor::shorten(&classic, &staging.join(CLASSIC))?;
    for entry in ENTRIES {
        editor::shorten(&target().join("xtask").join(entry), &staging.join(entry))?;
    }
    shorten_styles(&staging.join(page::STYLES))?;
    let late = staging.join(page::LATE_STYLES);
    if late.exists() {
        shorten_styles(&late)?;
        split::add_section(&halves::second(staging, PROGRAMS[0]), STYLES_SECTION, &fs::read(&late)?)?;
        fs::remove_file(late)?;
    }
    Ok(())
}

fn shorten_styles(sheet: &Path) -> Result<()> {
    let mut esbuild = npm_bin("esbuild");
    esbuild.args(["--minify", "--target=es2022", "--log-level=warning", "--allow-overwrite"]);
    run(esbuild.arg(sheet).arg(format!("--outfile={}", sheet.display())))
}

fn collect(folder: &Path, staging: &Path, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, staging, files)?;
        } else if let Ok(relative) = path.strip_prefix(staging) {
            files.insert(relative.to_string_lossy().replace('\\', "/"), fs::read(&path)?);
        }
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, goal) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &goal)?;
        } else {
            fs::copy(&source, &goal)?;
        }
    }
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
