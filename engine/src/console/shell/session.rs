//! One shell's state, and the world its commands run in.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::ast::{Command, List};
use super::error::Dialect;
use super::io::Io;

/// What a shell needs from the place it runs in: a laptop, a node or a container.
pub trait Host {
    /// Runs a program to its end and returns its exit status; None if there is no such program.
    fn run(&mut self, argv: &[String], session: &mut Session, io: &mut Io) -> Option<i32>;

    /// Has commands run while others do, after what `sleep` says of each of these argument lists. Their number, as `$!`
    /// has it; None if too many run already.
    fn later(&mut self, _sleeps: &[Vec<String>], _commands: Background, _io: &mut Io) -> Option<u64> {
        None
    }

    /// Waits until something is done, or all that runs in the background, and prints what that has printed.
    fn wait(&mut self, _is_done: &dyn Fn() -> bool, _io: &mut Io) {}

    /// `help`: prints what there is to run; None if this place has nothing to say.
    fn help(&mut self, _io: &mut Io) -> Option<i32> {
        None
    }

    /// The text of a file; `path` is absolute.
    fn read_file(&mut self, path: &str) -> Result<String, FileError>;

    /// Replaces a file's text, or adds to it.
    fn write_file(&mut self, path: &str, text: &str, append: bool) -> Result<(), FileError>;

    /// Where a program is, as `which` prints it.
    fn find(&mut self, name: &str) -> Option<String>;

    /// File, folder or nothing?
    fn stat(&mut self, path: &str) -> Option<FileKind>;

    /// The names in a folder, sorted.
    fn list(&mut self, path: &str) -> Result<Vec<String>, FileError>;
}

/// Commands in the background: a copy of the shell that they run in.
#[derive(Debug)]
pub struct Background {
    pub(super) list: List,
    pub(super) session: Session,
    /// Where they leave their status.
    pub(super) status: Rc<Cell<Option<i32>>>,
}

/// Most commands in the background that a shell remembers.
const JOBS_MAX: usize = 64;

/// A command that was put into the background.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// `$!`
    pub number: u64,
    /// None: it still runs.
    pub status: Rc<Cell<Option<i32>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    File,
    Directory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    NotFound,
    IsDirectory,
    NotDirectory,
    Denied,
    ReadOnly,
}

impl FileError {
    /// The C library's words.
    pub fn message(self) -> &'static str {
        match self {
            FileError::NotFound => "No such file or directory",
            FileError::IsDirectory => "Is a directory",
            FileError::NotDirectory => "Not a directory",
            FileError::Denied => "Permission denied",
            FileError::ReadOnly => "Read-only file system",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    pub value: String,
    pub exported: bool,
}

/// The state of one shell, kept from line to line.
#[derive(Clone, Debug)]
pub struct Session {
    /// As messages name it: `sh`, `bash`.
    pub name: String,
    pub dialect: Dialect,
    pub variables: BTreeMap<String, Variable>,
    /// Absolute, without a trailing slash except for `/`.
    pub cwd: String,
    /// `$?`
    pub last_status: i32,
    /// `$1`, `$2` …
    pub arguments: Vec<String>,
    pub(super) functions: BTreeMap<String, Arc<Command>>,
    pub(super) options: Options,
    /// Within a condition: `set -e` does not act there.
    pub(super) conditions: u32,
    /// Variables to restore when the running functions end, innermost last.
    pub(super) locals: Vec<Vec<(String, Option<Variable>)>>,
    /// What `wait` knows of, the latest last.
    pub(super) jobs: VecDeque<Job>,
    /// `$!`
    pub(super) latest_job: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub exit_on_error: bool,
    pub unset_is_error: bool,
    pub trace: bool,
    pub pipefail: bool,
}

impl Session {
    pub fn new(name: &str, dialect: Dialect, cwd: &str) -> Self {
        Session {
            name: name.to_string(),
            dialect,
            variables: BTreeMap::new(),
            cwd: cwd.to_string(),
            last_status: 0,
            arguments: Vec::new(),
            functions: BTreeMap::new(),
            options: Options::default(),
            conditions: 0,
            locals: Vec::new(),
            jobs: VecDeque::new(),
            latest_job: None,
        }
    }

    pub(super) fn add_job(&mut self, job: Job) {
        if self.jobs.len() >= JOBS_MAX {
            self.jobs.pop_front();
        }
        self.latest_job = Some(job.number);
        self.jobs.push_back(job);
    }

    /// The names of the functions that were defined.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.as_str())
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.entry(name.to_string()).or_default().value = value.to_string();
    }

    pub fn export(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_string(), Variable { value: value.to_string(), exported: true });
    }

    /// The absolute form of a path, `.` and `..` resolved.
    pub fn absolute(&self, path: &str) -> String {
        let joined = if path.starts_with('/') { path.to_string() } else { format!("{}/{path}", self.cwd) };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop(),
                _ => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }
}
