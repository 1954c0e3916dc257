//! The editor's chunk: app/editor and the npm packages it uses, in one file that is fetched after the first picture.

use std::path::Path;

use anyhow::Result;

use crate::command::{browser_tests, npm_bin, root, run, target};

/// Its name before it gets its hash; start.js imports it.
pub const CHUNK: &str = "editor.js";

/// Writes the chunk into `folder`.
pub fn bundle(folder: &Path) -> Result<()> {
    let whole = target().join("xtask").join(CHUNK);
    let mut esbuild = npm_bin("esbuild");
    esbuild.arg(root().join("app/editor/editor.js"));
    esbuild.args(["--bundle", "--format=esm", "--target=es2022", "--legal-comments=none", "--log-level=warning"]);
    // The sources lie outside the folder that npm installs into.
    esbuild.env("NODE_PATH", browser_tests().join("node_modules"));
    run(esbuild.arg(format!("--outfile={}", whole.display())))?;
    shorten(&whole, &folder.join(CHUNK))
}

/// Shortens a script: a few percent less, compressed, than what esbuild leaves.
pub fn shorten(script: &Path, into: &Path) -> Result<()> {
    let mut terser = npm_bin("terser");
    terser.args(["--module", "--ecma", "2020", "--compress", "passes=2", "--mangle"]);
    run(terser.arg("--output").arg(into).arg(script))
}
