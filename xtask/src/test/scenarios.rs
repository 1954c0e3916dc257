//! Labs and cases: each Markdown file is one check of `podhop check`.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command::{cargo, output, root, run, target};
use crate::steps::Tally;

/// Checks every scenario through the command line, as a user would.
pub fn check() -> Result<Tally> {
    let podhop = podhop()?;
    let mut tally = Tally::NOTHING;
    for file in files()? {
        let mut check = std::process::Command::new(&podhop);
        let relative = file.strip_prefix(root()).unwrap_or(&file).to_path_buf();
        let passed = run(check.current_dir(root()).arg("check").arg(&relative)).is_ok();
        if !passed {
            println!("failed: {}", relative.display());
        }
        tally += Tally::of(passed);
    }
    Ok(tally)
}

/// Every lab and case, in order of their paths.
pub fn files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["labs", "tests/cases"] {
        find(&root().join(folder), &mut files)?;
    }
    files.sort();
    Ok(files)
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("README.md") {
            files.push(path);
        }
    }
    Ok(())
}

/// The command line, built for speed.
pub fn podhop() -> Result<PathBuf> {
    output(&mut cargo("build --quiet --locked --release --package podhop"))?;
    Ok(target().join("release/podhop"))
}
