//! The files that a place has: the ones that Kubernetes and the kernel put there, and what commands have written.
//!
//! On the student's own machine the folder `/home/student` holds the editor's files.

mod calico;
mod cilium;
mod contents;
#[cfg(test)]
mod tests;

use super::machine::{Context, Machine};
use super::net;
use super::shell::{FileError, FileKind};
use std::collections::BTreeMap;

/// The host's folder with the editor's files.
pub const HOME: &str = "/home/student";

/// Folders that every place with a file system has.
const FOLDERS: [&str; 13] = [
    "/bin",
    "/dev",
    "/etc",
    "/home",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr/bin",
    "/usr/local/bin",
    "/var/tmp",
];

/// The text of a file; `path` is absolute.
pub fn read(machine: &mut Machine<'_>, path: &str) -> Result<String, FileError> {
    if let Some(name) = editor_name(machine, path) {
        if machine.effects.truncated.contains(name) {
            return Ok(String::new());
        }
        if let Some(file) = machine.world.cluster().file(name) {
            return Ok(file.text.to_string());
        }
    }
    match machine.world.scratch.get(&place(machine), path) {
        Some(Some(text)) => return Ok(text.to_owned()),
        Some(None) => return Err(FileError::NotFound),
        None => {}
    }
    if let Some(text) = contents::text(machine, path) {
        return Ok(text);
    }
    match stat(machine, path) {
        Some(FileKind::Directory) => Err(FileError::IsDirectory),
        _ => Err(FileError::NotFound),
    }
}

/// Replaces a file's text, or adds to it. A file in the host's folder is one of the editor's.
pub fn write(machine: &mut Machine<'_>, path: &str, text: &str, append: bool) -> Result<(), FileError> {
    check_writable(machine, path)?;
    if let Some(name) = path.strip_prefix("/proc/sys/") {
        return net::write_sysctl(machine, &name.replace('/', "."), text.trim());
    }
    if let Some(name) = editor_name(machine, path).map(str::to_owned) {
        return write_editor(machine, &name, text, append);
    }
    let before = if append { read(machine, path).unwrap_or_default() } else { String::new() };
    put(machine, path, Some(before + text))
}

/// Removes a file.
pub fn remove(machine: &mut Machine<'_>, path: &str) -> Result<(), FileError> {
    match stat(machine, path) {
        None => return Err(FileError::NotFound),
        Some(FileKind::Directory) => return Err(FileError::IsDirectory),
        Some(FileKind::File) => check_writable(machine, path)?,
    }
    if let Some(name) = editor_name(machine, path).map(str::to_owned)
        && machine.world.cluster().file(&name).is_some()
    {
        machine.world.change(|cluster, now| cluster.close_file(&name, now));
        machine.effects.changed = true;
        return Ok(());
    }
    put(machine, path, None)
}

/// Removes a folder with all that is in it.
pub fn remove_folder(machine: &mut Machine<'_>, path: &str) -> Result<(), FileError> {
    let inside = format!("{path}/");
    let tree = tree(machine);
    let files = tree.into_iter().filter(|(own, kind)| *kind == FileKind::File && own.starts_with(&inside));
    files.into_iter().try_for_each(|(own, _)| remove(machine, &own))
}

/// Makes an empty folder: one hidden file in it keeps it there.
pub fn make_folder(machine: &mut Machine<'_>, path: &str) -> Result<(), FileError> {
    check_writable(machine, path)?;
    put(machine, &format!("{path}/{KEEP}"), Some(String::new()))
}

const KEEP: &str = ".keep";

fn put(machine: &mut Machine<'_>, path: &str, text: Option<String>) -> Result<(), FileError> {
    let place = place(machine);
    if machine.world.scratch.put(&place, path, text) { Ok(()) } else { Err(FileError::ReadOnly) }
}

fn check_writable(machine: &mut Machine<'_>, path: &str) -> Result<(), FileError> {
    if stat(machine, path) == Some(FileKind::Directory) {
        return Err(FileError::IsDirectory);
    }
    let folder = path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    match stat(machine, folder) {
        None => return Err(FileError::NotFound),
        Some(FileKind::File) => return Err(FileError::NotDirectory),
        Some(FileKind::Directory) => {}
    }
    let kernel = path.starts_with("/proc/") || path.starts_with("/sys/");
    if !kernel || path.starts_with("/proc/sys/") { Ok(()) } else { Err(FileError::Denied) }
}

/// The name under which the editor knows a file of the host's folder.
fn editor_name<'p>(machine: &Machine<'_>, path: &'p str) -> Option<&'p str> {
    if machine.context != Context::Host {
        return None;
    }
    path.strip_prefix(HOME)?.strip_prefix('/').filter(|name| !name.ends_with(KEEP))
}

/// A live file is emptied only together with what is written next: emptying it alone would delete its objects.
fn write_editor(machine: &mut Machine<'_>, name: &str, text: &str, append: bool) -> Result<(), FileError> {
    let (before, live) = match machine.world.cluster().file(name) {
        Some(file) if file.read_only => return Err(FileError::Denied),
        Some(file) => (file.text.to_string(), file.live),
        None => (String::new(), false),
    };
    if live && text.is_empty() {
        if !append {
            machine.effects.truncated.insert(name.to_owned());
        }
        return Ok(());
    }
    let emptied = machine.effects.truncated.remove(name);
    let text = if append && !emptied { before + text } else { text.to_owned() };
    machine.world.open_file(name, &text, false);
    machine.effects.changed = true;
    Ok(())
}

/// The name of this file system.
fn place(machine: &Machine<'_>) -> String {
    match &machine.context {
        Context::Host => "host".to_owned(),
        Context::Node { name } => format!("node {name}"),
        Context::Container { pod, container } => match machine.world.revision().pods.get(pod) {
            Some(record) => format!("container {} {container}", record.uid),
            None => String::new(),
        },
    }
}

/// Where a program is.
pub fn find(machine: &mut Machine<'_>, name: &str) -> Option<String> {
    net::installed_at(machine, name)
}

pub fn stat(machine: &mut Machine<'_>, path: &str) -> Option<FileKind> {
    let tree = tree(machine);
    if path == "/" || tree.get(path) == Some(&FileKind::Directory) {
        return Some(FileKind::Directory);
    }
    if tree.get(path) == Some(&FileKind::File) {
        return Some(FileKind::File);
    }
    // Programs are files too.
    let (folder, name) = path.rsplit_once('/')?;
    let at = net::installed_at(machine, name).filter(|at| at.rsplit_once('/').is_some_and(|(own, _)| own == folder));
    at.map(|_| FileKind::File)
}

/// The names in a folder, sorted, hidden ones too.
pub fn list(machine: &mut Machine<'_>, path: &str) -> Result<Vec<String>, FileError> {
    match stat(machine, path) {
        None => return Err(FileError::NotFound),
        Some(FileKind::File) => return Err(FileError::NotDirectory),
        Some(FileKind::Directory) => {}
    }
    let inside = |known: &String| {
        let rest = known.strip_prefix(path.trim_end_matches('/'))?.strip_prefix('/')?;
        let name = rest.split('/').next().filter(|name| !name.is_empty() && *name != KEEP)?;
        Some(name.to_owned())
    };
    let mut names: Vec<String> = tree(machine).keys().filter_map(inside).collect();
    names.dedup();
    Ok(names)
}

/// Every path of this place with its kind, parents included.
fn tree(machine: &mut Machine<'_>) -> BTreeMap<String, FileKind> {
    let mut tree = BTreeMap::new();
    let folder = |tree: &mut BTreeMap<String, FileKind>, path: &str| {
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
        ends.for_each(|end| _ = tree.insert(path[..end].to_owned(), FileKind::Directory));
    };
    FOLDERS.iter().for_each(|path| folder(&mut tree, path));
    let mut files = contents::paths(machine);
    if machine.context == Context::Host {
        folder(&mut tree, HOME);
        files.extend(machine.world.cluster().files().iter().map(|file| format!("{HOME}/{}", file.name)));
    }
    let own = place(machine);
    for (path, exists) in machine.world.scratch.paths(&own) {
        files.retain(|known| known != path);
        files.extend(exists.then(|| path.to_owned()));
    }
    for path in files {
        if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
            folder(&mut tree, parent);
        }
        tree.entry(path).or_insert(FileKind::File);
    }
    tree
}
