//! What a visitor downloads: the bytes that Chromium receives until the first flow has played and an edit is answered.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{browser_tests, command, output, root};
use crate::server::{Kind, Site};
use crate::setup::chromium;
use crate::steps::Tally;

/// Measures dist/ in Chromium and compares with the budget.
pub fn check() -> Result<Tally> {
    let site = Site::start(&root().join("dist"), 0, Kind::Brotli)?;
    let mut measure = command("node", ["size.mjs", &site.url()]);
    let printed = output(measure.current_dir(browser_tests()).env("CHROMIUM", chromium()?))?;
    let measured: Value = serde_json::from_str(&printed).context("size.mjs printed something else than JSON")?;
    let files = measured.get("files").and_then(Value::as_array).context("size.mjs lists no files")?;
    println!("{:>10}  file", "bytes");
    let mut total = 0;
    for file in files {
        let bytes = file.get("bytes").and_then(Value::as_u64).context("a file without its bytes")?;
        println!("{bytes:>10}  {}", file.get("path").and_then(Value::as_str).unwrap_or_default());
        total += bytes;
    }
    let budget = budget("size", "first_flow_bytes")?;
    println!("{total:>10}  received, of {budget} allowed ({:.1} of {:.1} KB)", kilobytes(total), kilobytes(budget));
    Ok(Tally::of(total <= budget && total > 0))
}

fn kilobytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

/// A number of xtask/budgets.toml.
pub fn budget(section: &str, name: &str) -> Result<u64> {
    let budgets: toml::Table = std::fs::read_to_string(root().join("xtask/budgets.toml"))?.parse()?;
    let value = budgets.get(section).and_then(|section| section.get(name)).and_then(toml::Value::as_integer);
    value.and_then(|value| u64::try_from(value).ok()).with_context(|| format!("budgets.toml has no {section}.{name}"))
}
