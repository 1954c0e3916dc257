//! Installs what the other steps need, when the right version is missing.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::command::{browser_tests, cargo, command, found, output, quiet, root, run};
use crate::steps::Tally;

/// What building the site takes: the wasm target, the standard library's source, wasm-bindgen's command, and npm's
/// wasm-opt and esbuild.
pub fn build() -> Result<Tally> {
    wasm_target()?;
    library_source()?;
    wasm_bindgen()?;
    npm_packages()?;
    Ok(Tally::NOTHING)
}

/// What the browser tests take: npm packages and Chromium.
pub fn browser() -> Result<Tally> {
    npm_packages()?;
    println!("  Chromium: {}", chromium()?.display());
    Ok(Tally::NOTHING)
}

/// Rust's standard library for wasm, looked for where rustc would.
fn wasm_target() -> Result<()> {
    if sysroot()?.join("lib/rustlib/wasm32-unknown-unknown").is_dir() {
        println!("  Rust target wasm32-unknown-unknown is there");
        return Ok(());
    }
    println!("  adding Rust target wasm32-unknown-unknown");
    run(&mut command("rustup", ["target", "add", "wasm32-unknown-unknown"]))
}

/// The source of Rust's standard library, to build it for size. The site can be built without.
fn library_source() -> Result<()> {
    if has_library_source()? {
        println!("  the source of Rust's standard library is there");
        return Ok(());
    }
    println!("  adding the source of Rust's standard library");
    if run(&mut command("rustup", ["component", "add", "rust-src"])).is_err() {
        println!("  it cannot be had: the site is built with the library as it comes, and its first load is larger");
    }
    Ok(())
}

pub fn has_library_source() -> Result<bool> {
    Ok(sysroot()?.join("lib/rustlib/src/rust/library/Cargo.lock").is_file())
}

fn sysroot() -> Result<PathBuf> {
    Ok(output(&mut command("rustc", ["--print", "sysroot"]))?.trim().into())
}

/// The wasm-bindgen command, which must have the version of the crate: the one in Cargo.lock.
fn wasm_bindgen() -> Result<()> {
    let version = locked_version("wasm-bindgen")?;
    if quiet("wasm-bindgen", &["--version"]).as_deref() == Some(&format!("wasm-bindgen {version}")) {
        println!("  wasm-bindgen {version} is there");
        return Ok(());
    }
    println!("  installing wasm-bindgen {version} (about 4 minutes, once)");
    let mut install = cargo("install wasm-bindgen-cli --version");
    // Optimising less makes the installation, not the site, faster.
    install.arg(version).envs([
        ("CARGO_PROFILE_RELEASE_LTO", "false"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ]);
    run(&mut install)
}

/// The version of a package that Cargo.lock has settled on.
fn locked_version(package: &str) -> Result<String> {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock"))?.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock lists no packages")?;
    let entry = packages.iter().find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package));
    let version = entry.and_then(|entry| entry.get("version")).and_then(toml::Value::as_str);
    Ok(version.with_context(|| format!("Cargo.lock has no package {package}"))?.to_string())
}

/// npm packages of tests/browser, as its lock file says.
pub fn npm_packages() -> Result<()> {
    let folder = browser_tests();
    let lock = std::fs::read(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.podhop-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        println!("  npm packages are there");
        return Ok(());
    }
    let version = quiet("node", &["--version"]).context("Node is not installed: https://nodejs.org")?;
    let major: Option<u32> = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major| major < 20) {
        bail!("Node {version} is too old: 20 or newer is needed");
    }
    println!("  installing npm packages");
    let mut install = command("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    run(install.current_dir(&folder).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"))?;
    std::fs::write(stamp, lock)?;
    Ok(())
}

/// A Chromium: `$CHROMIUM`, the system's, or one that is installed here by apt-get or by Playwright.
pub fn chromium() -> Result<PathBuf> {
    if let Some(path) = installed_chromium() {
        return Ok(path);
    }
    println!("  installing Chromium");
    if found("apt-get").is_some() && is_root() {
        let mut install = command("apt-get", ["install", "--yes", "--quiet", "chromium"]);
        if run(install.env("DEBIAN_FRONTEND", "noninteractive")).is_ok()
            && let Some(path) = installed_chromium()
        {
            return Ok(path);
        }
    }
    let mut install = command("npx", ["playwright", "install", "chromium"]);
    run(install.current_dir(browser_tests()))
        .context("no Chromium: install the package `chromium`, or set CHROMIUM to one")?;
    let script = "process.stdout.write(require('playwright-core').chromium.executablePath())";
    Ok(output(command("node", ["-e", script]).current_dir(browser_tests()))?.into())
}

pub fn installed_chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    std::env::var_os("CHROMIUM").map(PathBuf::from).or_else(|| names.into_iter().find_map(found))
}

pub fn is_root() -> bool {
    quiet("id", &["-u"]).as_deref() == Some("0")
}
