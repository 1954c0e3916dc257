//! `ls`, `mkdir`, `rm`, `touch`, over the files of a place.

use super::super::files;
use super::super::machine::Machine;
use super::super::shell::{FileError, FileKind, Io, Session};
use super::clock::Moment;
use super::fail;
use super::options::{Options, Spec};

/// The options of `ls`.
pub const LS: Spec = Spec::short("1aAlhFRrtSdiC");
/// The options of `mkdir`, `rm` and `touch`.
pub const CHANGES: Spec = Spec::short("frRpvc");

pub fn run(machine: &mut Machine<'_>, argv: &[String], session: &mut Session, io: &mut Io) -> i32 {
    let name = argv[0].rsplit('/').next().unwrap_or_default();
    let mut options = Options::new(if name == "ls" { LS } else { CHANGES }, argv);
    let mut given = String::new();
    while let Some(option) = options.next() {
        match option {
            Ok((letter, _)) => given.push(letter),
            Err(message) => return fail(io, &format!("{name}: {message}\n"), 1),
        }
    }
    let operands: Vec<(String, String)> =
        options.operands.iter().map(|operand| ((*operand).to_owned(), session.absolute(operand))).collect();
    if name == "ls" {
        return ls(machine, session, &given, operands, io);
    }
    if operands.is_empty() && !given.contains('f') {
        return fail(io, &format!("{name}: missing operand\n"), 1);
    }
    let mut status = 0;
    for (shown, path) in operands {
        let done = match name {
            "touch" => touch(machine, &path),
            "mkdir" => make(machine, &path, given.contains('p')),
            _ => remove(machine, &path, &given),
        };
        if let Err(message) = done {
            let (verb, quote) = match (name, machine.toolbox().busybox) {
                ("touch", true) => ("", ["", ""]),
                ("touch", false) => ("cannot touch ", ["'", "'"]),
                ("mkdir", true) => ("can't create directory ", ["'", "'"]),
                ("mkdir", false) => ("cannot create directory ", ["‘", "’"]),
                (_, true) => ("can't remove ", ["'", "'"]),
                (_, false) => ("cannot remove ", ["'", "'"]),
            };
            status = fail(io, &format!("{name}: {verb}{}{shown}{}: {message}\n", quote[0], quote[1]), 1);
        }
    }
    status
}

fn touch(machine: &mut Machine<'_>, path: &str) -> Result<(), &'static str> {
    match files::stat(machine, path) {
        Some(_) => Ok(()),
        None => files::write(machine, path, "", false).map_err(FileError::message),
    }
}

fn make(machine: &mut Machine<'_>, path: &str, parents: bool) -> Result<(), &'static str> {
    match files::stat(machine, path) {
        Some(FileKind::Directory) if parents => return Ok(()),
        Some(_) => return Err("File exists"),
        None => {}
    }
    if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| parents && !parent.is_empty()) {
        make(machine, parent, true)?;
    }
    files::make_folder(machine, path).map_err(FileError::message)
}

fn remove(machine: &mut Machine<'_>, path: &str, given: &str) -> Result<(), &'static str> {
    match files::stat(machine, path) {
        None if given.contains('f') => Ok(()),
        Some(FileKind::Directory) if given.contains(['r', 'R']) => {
            let removed = files::remove_folder(machine, path);
            removed.map_err(FileError::message)
        }
        _ => files::remove(machine, path).map_err(FileError::message),
    }
}

fn ls(machine: &mut Machine<'_>, session: &Session, given: &str, operands: Vec<(String, String)>, io: &mut Io) -> i32 {
    let here = vec![(".".to_owned(), session.cwd.clone())];
    let operands = if operands.is_empty() { here } else { operands };
    let several = operands.len() > 1;
    let mut status = 0;
    let mut first = true;
    for (shown, path) in operands {
        let kind = files::stat(machine, &path);
        let folder = kind == Some(FileKind::Directory) && !given.contains('d');
        let names = match (kind, folder) {
            (None, _) => {
                let (message, code) = match machine.toolbox().busybox {
                    true => (format!("ls: {shown}: No such file or directory\n"), 1),
                    false => (format!("ls: cannot access '{shown}': No such file or directory\n"), 2),
                };
                status = fail(io, &message, code);
                continue;
            }
            (_, true) => files::list(machine, &path).unwrap_or_default(),
            _ => vec![shown.clone()],
        };
        if several && folder {
            io.out(&format!("{}{shown}:\n", if first { "" } else { "\n" }));
        }
        first = false;
        for name in names.into_iter().filter(|name| !folder || !name.starts_with('.') || given.contains(['a', 'A'])) {
            let full = if folder { format!("{}/{name}", path.trim_end_matches('/')) } else { path.clone() };
            let line = if given.contains('l') { long(machine, &full, &name) } else { name };
            io.out(&format!("{line}\n"));
        }
    }
    status
}

/// `-rw-r--r--    1 root     root           191 Jan  1 00:00 hosts`
fn long(machine: &mut Machine<'_>, path: &str, name: &str) -> String {
    let folder = files::stat(machine, path) == Some(FileKind::Directory);
    let (mode, links) = if folder { ("drwxr-xr-x", 2) } else { ("-rw-r--r--", 1) };
    let size = if folder { 4096 } else { files::read(machine, path).map_or(0, |text| text.len()) };
    let moment = Moment::new(0);
    let (month, day, time) = (moment.month_name(), moment.day, &moment.time()[..5]);
    let owner = if path.starts_with(files::HOME) { "student" } else { "root" };
    format!("{mode} {links:>4} {owner:<8} {owner:<8} {size:>9} {month} {day:>2} {time} {name}")
}
