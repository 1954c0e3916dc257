//! The files that a place has.

use super::machine::Machine;
use super::shell::{FileError, FileKind};

/// The text of a file; `path` is absolute.
pub fn read(machine: &mut Machine<'_>, path: &str) -> Result<String, FileError> {
    match path {
        "/etc/hostname" => Ok(machine.hostname() + "\n"),
        _ => Err(FileError::NotFound),
    }
}

pub fn write(_machine: &mut Machine<'_>, _path: &str, _text: &str, _append: bool) -> Result<(), FileError> {
    Err(FileError::ReadOnly)
}

/// Where a program is.
pub fn find(_machine: &mut Machine<'_>, _name: &str) -> Option<String> {
    None
}

pub fn stat(machine: &mut Machine<'_>, path: &str) -> Option<FileKind> {
    read(machine, path).ok().map(|_| FileKind::File)
}

pub fn list(_machine: &mut Machine<'_>, _path: &str) -> Result<Vec<String>, FileError> {
    Ok(Vec::new())
}
