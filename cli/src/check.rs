//! `podhop check`: scenarios, and the problems of manifests.

use crate::say;
use crate::{Failure, args, input, usage};
use podhop_engine::manifest::Severity;
use podhop_engine::{analyze, scenario};
use std::path::{Path, PathBuf};

pub fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let mut paths = Vec::new();
    let mut update = false;
    let common = args::parse(parser, |name, value| match name {
        None => {
            paths.push(value()?);
            Ok(())
        }
        Some("--update") => {
            update = true;
            Ok(())
        }
        Some(other) => usage(format!("podhop check has no option {other}")),
    })?;
    match (common.paths.is_empty(), paths.is_empty()) {
        (true, true) => {
            return usage(
                "what? podhop check FILE.md… runs scenarios (a folder means all .md files below it); \
                 podhop check -f PATH… tells the problems of manifests",
            );
        }
        (false, true) if update => return usage("podhop check --update is for scenarios, not for -f manifests"),
        (false, true) => return problems(&common),
        (false, false) => return usage("podhop check takes scenarios or -f manifests, not both"),
        (true, false) => {}
    }
    let mut files = Vec::new();
    for path in &paths {
        collect(Path::new(path), &mut files)?;
    }
    let update = update || std::env::var_os("PODHOP_UPDATE").is_some_and(|value| value == "1");
    check(&files, update)
}

/// Tells all that is wrong with manifests and with the cluster that they make. Status 1 if any of it is an error.
fn problems(common: &args::Common) -> Result<(), Failure> {
    let world = input::open_with(common, |_, _| ())?;
    let all = analyze::all(world.cluster());
    say(format_args!("{}", analyze::render(world.cluster(), &all)));
    let of = |severity| all.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let counted = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    say(format_args!("{}, {}\n", counted(errors, "error"), counted(warnings, "warning")));
    if errors > 0 { Err(Failure::Status(1)) } else { Ok(()) }
}

fn check(files: &[PathBuf], update: bool) -> Result<(), Failure> {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let (p, f) = one(file, update)?;
        passed += p;
        failed += f;
    }
    say(format_args!("{passed} passed, {failed} failed\n"));
    if failed > 0 { Err(Failure::Status(1)) } else { Ok(()) }
}

/// Checks one file and returns how many checks passed and failed.
fn one(file: &Path, update: bool) -> Result<(usize, usize), Failure> {
    let name = file.display();
    let text = read(file)?;
    let report = match scenario::run(&text, input::fields()) {
        Ok(report) => report,
        Err(message) => {
            say(format_args!("{name}:{message}\n"));
            return Ok((0, 1));
        }
    };
    for check in &report.checks {
        if let Some(problem) = &check.problem {
            say(format_args!("{name}:{}: {}\n{}\n", check.line, check.what, problem.trim_end()));
        }
    }
    if update && report.updated != text {
        std::fs::write(file, &report.updated).map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
        say(format_args!("{name}: updated\n"));
    }
    say(format_args!("{name}: {} of {} as expected\n", report.passed(), report.checks.len()));
    Ok((report.passed(), report.failed()))
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path).map_err(failed)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "md") {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::Failure;

    #[test]
    fn manifests_are_not_updated() {
        let parser = lexopt::Parser::from_args(["-f", "pods.yaml", "--update"]);
        assert!(matches!(run(parser), Err(Failure::Usage(message)) if message.contains("--update")));
    }
}
