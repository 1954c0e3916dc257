//! What a visitor downloads: the bytes that Chromium receives until the first flow has played and an edit is answered.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{browser_tests, command, output, root};
use crate::server::{Kind, Site};
use crate::setup::chromium;
use crate::steps::Tally;

/// The editor's chunk, compressed: 115 KB. It comes after the first picture and is no part of what is measured.
const EDITOR_BYTES_MAX: u64 = 115 * 1024;

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
    let editor = editor_bytes()?;
    println!(
        "{editor:>10}  the editor's chunk, of {EDITOR_BYTES_MAX} allowed ({:.1} of {:.1} KB)",
        kilobytes(editor),
        kilobytes(EDITOR_BYTES_MAX)
    );
    let mut tally = Tally::of(total <= budget && total > 0);
    tally += Tally::of(editor <= EDITOR_BYTES_MAX);
    Ok(tally)
}

/// What `cargo xtask dist` has made of app/editor.
fn editor_bytes() -> Result<u64> {
    for entry in std::fs::read_dir(root().join("dist"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("editor-") && name.ends_with(".js.br") {
            return Ok(entry.metadata()?.len());
        }
    }
    bail!("dist/ has no editor's chunk")
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
