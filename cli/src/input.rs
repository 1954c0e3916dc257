//! Manifests from files, folders and standard input into a world.

use crate::args::Common;
use crate::{Failure, usage};
use podhop_engine::cluster::Options;
use podhop_engine::manifest::{Diagnostics, FieldTable, Severity, Sources};
use podhop_engine::world::World;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// The complete field table, for unknown fields.
static FIELDS: LazyLock<Option<Arc<FieldTable>>> =
    LazyLock::new(|| FieldTable::parse(include_str!("../../public/fields.txt")).ok().map(Arc::new));

/// The complete field table, if the one built in is sound.
pub fn fields() -> Option<Arc<FieldTable>> {
    FIELDS.clone()
}

/// A world with the field table, without manifests.
pub fn empty(options: Options) -> World {
    let mut world = World::new(options);
    world.change(|cluster, now| cluster.set_fields(FIELDS.clone(), now));
    world
}

/// A world over the manifests that the options name. Diagnostics go to standard error; an error ends the command.
pub fn open(common: &Common) -> Result<World, Failure> {
    let mut errors = 0;
    let world = open_with(common, |diagnostics, sources| errors += print(diagnostics, sources))?;
    if errors > 0 { Err(Failure::Status(2)) } else { Ok(world) }
}

/// A world over the manifests that the options name, as far as they can be applied; `told` gets each file's diagnostics.
pub fn open_with(common: &Common, mut told: impl FnMut(&Diagnostics, &Sources)) -> Result<World, Failure> {
    let mut world = empty(common.options.clone());
    for path in &common.paths {
        for (name, bytes) in read(path)? {
            let text = match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => return usage(format!("{name}: not UTF-8 at byte {}", error.utf8_error().valid_up_to())),
            };
            let applied = world.open_file(&name, &text, true);
            told(&applied.diagnostics, world.cluster().sources());
        }
    }
    Ok(world)
}

/// Prints diagnostics in gcc's form and returns how many are errors.
pub fn print(diagnostics: &Diagnostics, sources: &Sources) -> usize {
    eprint!("{}", diagnostics.render(sources));
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

/// (name, bytes) of every manifest under a path: `-` is standard input, a folder gives its YAML and JSON files by name.
fn read(path: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let failed = |error: std::io::Error| Failure::Usage(format!("{path}: {error}"));
    if path == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(failed)?;
        return Ok(vec![("stdin".to_owned(), bytes)]);
    }
    if !Path::new(path).is_dir() {
        return Ok(vec![(path.to_owned(), std::fs::read(path).map_err(failed)?)]);
    }
    let mut names: Vec<_> = std::fs::read_dir(path)
        .map_err(failed)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json"))
        .collect();
    names.sort();
    if names.is_empty() {
        return usage(format!("{path}: no .yaml, .yml or .json file in this folder"));
    }
    names.into_iter().map(|file| Ok((file.display().to_string(), std::fs::read(&file).map_err(failed)?))).collect()
}
