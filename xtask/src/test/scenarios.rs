//! Labs and cases: `podhop check` counts what each Markdown file asserts.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, root, run, target};
use crate::steps::Tally;

/// Checks every scenario through the command line, as a user would, but with the engine's assertions on.
pub fn check() -> Result<Tally> {
    let files = files()?;
    let relative = files.iter().map(|file| file.strip_prefix(root()).unwrap_or(file));
    run(&mut cargo("build --quiet --locked --package podhop"))?;
    Tally::of_program(Command::new(target().join("debug/podhop")).current_dir(root()).arg("check").args(relative))
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
    run(&mut cargo("build --quiet --locked --release --package podhop"))?;
    Ok(target().join("release/podhop"))
}
