//! What the compiler does not check: which of the engine's modules may know which, how long a file may be, and
//! that nothing was left for later.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{command, output, root};
use crate::steps::Tally;

/// The engine's modules, lowest first, and those beneath that each may use; `ARCHITECTURE.md` says why.
const MODULES: [(&str, Uses); 17] = [
    ("net", Uses::Only(&[])),
    ("manifest", Uses::Only(&["net"])),
    ("tables", Uses::Only(&["net"])),
    // Records carry the identities that rows name as their origins.
    ("cluster", Uses::Only(&["net", "manifest", "tables"])),
    // What the programs in a container do, as sockets' owners in the tables say it.
    ("workload", Uses::Only(&["net", "manifest", "tables"])),
    ("control", Uses::Only(&["net", "manifest", "tables", "cluster", "workload"])),
    ("trace", Uses::Only(&["net", "tables"])),
    ("program", Uses::Only(&["net", "manifest", "tables", "cluster", "control", "workload"])),
    // The walk never sees a Service, a policy or a manifest.
    ("dataplane", Uses::Only(&["net", "tables", "trace"])),
    ("world", Uses::AllBefore),
    ("explain", Uses::AllBefore),
    ("reach", Uses::AllBefore),
    ("analyze", Uses::AllBefore),
    ("assist", Uses::AllBefore),
    ("console", Uses::AllBefore),
    ("protocol", Uses::AllBefore),
    // Labs ask through the façade, as the page does.
    ("scenario", Uses::AllBefore),
];

#[derive(Clone, Copy)]
enum Uses {
    Only(&'static [&'static str]),
    AllBefore,
}

/// About 400 are aimed at; this is where splitting is due.
const FILE_LINES_MAX: usize = 480;
const FOLDERS: [&str; 5] = ["engine", "app", "cli", "xtask", "tests"];

/// Each rule is one check.
pub fn check() -> Result<Tally> {
    let files = rust_files()?;
    let mut tally = Tally::NOTHING;
    for rule in [modules, lengths, leftovers, inline_styles] {
        let mut problems = Vec::new();
        for (path, text) in &files {
            rule(path, text, &mut problems);
        }
        problems.iter().for_each(|problem| println!("{problem}"));
        tally += Tally::of(problems.is_empty());
    }
    Ok(tally)
}

/// Path from the root, and text.
fn rust_files() -> Result<Vec<(PathBuf, String)>> {
    let listed =
        output(command("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--"]).args(FOLDERS))?;
    let paths = listed.lines().map(PathBuf::from);
    let rust =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs") && root().join(path).is_file());
    rust.map(|path| {
        let text = std::fs::read_to_string(root().join(&path)).with_context(|| path.display().to_string())?;
        Ok((path, text))
    })
    .collect()
}

fn modules(path: &Path, text: &str, problems: &mut Vec<String>) {
    let Ok(inside) = path.strip_prefix("engine/src") else { return };
    let Some(module) = inside.iter().next().and_then(|part| part.to_str()).map(|part| part.trim_end_matches(".rs"))
    else {
        return;
    };
    let Some(at) = MODULES.iter().position(|(name, _)| *name == module) else {
        if module != "lib" {
            problems.push(format!("{}: the module `{module}` has no place in the order of modules", path.display()));
        }
        return;
    };
    let allowed: Vec<&str> = match MODULES[at].1 {
        Uses::Only(names) => names.to_vec(),
        Uses::AllBefore => MODULES[..at].iter().map(|(name, _)| *name).collect(),
    };
    for (number, line) in product(path, text).lines().enumerate() {
        for used in modules_named(line) {
            if used != module && !allowed.contains(&used) {
                problems.push(format!("{}:{}: `{module}` must not use `{used}`", path.display(), number + 1));
            }
        }
    }
}

/// The text without its tests, which may set the scene with modules from above.
fn product<'a>(path: &Path, text: &'a str) -> &'a str {
    if path.file_name().is_some_and(|name| name == "tests.rs") || path.iter().any(|part| part == "tests") {
        return "";
    }
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// Modules that a line names as `crate::name` or in `use crate::{name…}`.
fn modules_named(line: &str) -> impl Iterator<Item = &'static str> {
    let code = line.split("//").next().unwrap_or_default();
    let named: Vec<&str> = match code.split_once("use crate::{") {
        Some((_, list)) => list.split([',', '{', '}', ';', ' ', ':']).collect(),
        None => code.split("crate::").skip(1).map(first_word).collect(),
    };
    MODULES.iter().map(|(name, _)| *name).filter(move |name| named.contains(name))
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn lengths(path: &Path, text: &str, problems: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        problems.push(format!("{}: {lines} lines; a file of one subject has at most {FILE_LINES_MAX}", path.display()));
    }
}

fn leftovers(path: &Path, text: &str, problems: &mut Vec<String>) {
    // Spelt so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("X", "XX"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ig", "nore"),
    ];
    for (number, line) in text.lines().enumerate() {
        for mark in marks.iter().filter(|mark| has_word(line, mark)) {
            problems.push(format!("{}:{}: `{mark}` was left behind", path.display(), number + 1));
        }
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_letter) && (word.ends_with('(') || !line[at + word.len()..].starts_with(is_letter))
    })
}

/// A strict policy blocks style attributes: `style:x=` sets properties instead.
fn inline_styles(path: &Path, text: &str, problems: &mut Vec<String>) {
    if !path.starts_with("app") {
        return;
    }
    for (number, line) in text.lines().enumerate() {
        if line.contains(" style=") || line.contains("set_attribute(\"style\"") {
            problems.push(format!("{}:{}: a style attribute", path.display(), number + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(rule: fn(&Path, &str, &mut Vec<String>), path: &str, text: &str) -> usize {
        let mut problems = Vec::new();
        rule(Path::new(path), text, &mut problems);
        problems.len()
    }

    #[test]
    fn the_walk_may_not_know_the_cluster() {
        let walk = "engine/src/dataplane/walk.rs";
        assert_eq!(problems(modules, walk, "use crate::cluster::Store;\nuse crate::tables::Route;"), 1);
        assert_eq!(problems(modules, walk, "use crate::{tables::Route, cluster};"), 1);
        assert_eq!(problems(modules, walk, "fn f(_: &crate::control::Ipam) {}"), 1);
        assert_eq!(
            problems(modules, walk, "/// As crate::cluster says.\n#[cfg(test)]\nmod tests { use crate::world; }"),
            0
        );
        assert_eq!(problems(modules, "engine/src/world/mod.rs", "use crate::cluster::Store;"), 0);
        assert_eq!(problems(modules, "engine/src/elsewhere/mod.rs", ""), 1);
    }

    #[test]
    fn leftovers_are_whole_words() {
        let mark = concat!("TO", "DO");
        assert_eq!(problems(leftovers, "a.rs", &format!("// {mark}: later")), 1);
        assert_eq!(problems(leftovers, "a.rs", &format!("const {mark}_LIST: u8 = 1;")), 0);
    }
}
