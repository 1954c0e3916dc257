//! The built site in Chromium, as a person and a keyboard use it.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{browser_tests, npm_bin, root, run};
use crate::server::{Kind, Site};
use crate::setup::chromium;
use crate::steps::Tally;

/// Runs Playwright against the site on a good server and on one that knows nothing; each test is one check.
pub fn check() -> Result<Tally> {
    let good = Site::start(&root().join("dist"), 0, Kind::Brotli)?;
    let plain = Site::start(&root().join("dist"), 0, Kind::PlainInSubPath)?;
    let report = browser_tests().join("out/report.json");
    if report.exists() {
        std::fs::remove_file(&report)?;
    }
    let mut playwright = playwright(&good)?;
    playwright.env("PODHOP_PLAIN_URL", plain.url());
    let passed = playwright.status().context("cannot start Playwright")?.success();
    let report: Value = serde_json::from_slice(&std::fs::read(&report).context("Playwright left no report")?)?;
    let mut tally = counted(&report);
    if !passed && tally.failed == 0 {
        tally += Tally::FAILED;
    }
    Ok(tally)
}

/// Makes the pictures in tests/browser/visual anew, those that have changed.
pub fn pictures() -> Result<Tally> {
    let site = Site::start(&root().join("dist"), 0, Kind::Brotli)?;
    run(playwright(&site)?.args(["specs/visual", "--update-snapshots=changed"]))?;
    Ok(Tally::NOTHING)
}

fn playwright(site: &Site) -> Result<Command> {
    let mut playwright = npm_bin("playwright");
    playwright.arg("test").current_dir(browser_tests());
    playwright.env("PODHOP_URL", site.url()).env("CHROMIUM", chromium()?);
    Ok(playwright)
}

/// The totals of Playwright's JSON report; a test that needed a second try has failed.
fn counted(report: &Value) -> Tally {
    let count = |what: &str| report.pointer(&format!("/stats/{what}")).and_then(Value::as_u64).unwrap_or(0);
    Tally { passed: count("expected"), failed: count("unexpected") + count("flaky"), skipped: count("skipped") }
}
