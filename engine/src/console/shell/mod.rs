//! The console's grammar: a POSIX shell over whatever commands its `Host` has.
//!
//! `parse` turns text into `ast`, `expand` words into fields, `exec` runs it, `builtins` are the commands that change
//! the shell itself. The words of messages are busybox ash's or bash's, by the session's `Dialect`.
//!
//! Left out, each with a message: job control beyond `&` and `wait`, signals, descriptors above 2,
//! arrays and `[[ … ]]` beyond what `test` does.

mod arithmetic;
mod ast;
mod builtins;
mod compound;
mod error;
mod exec;
mod expand;
mod files;
pub(crate) mod glob;
mod io;
mod parse;
mod redirect;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod word;

pub use error::{Dialect, Problem, SyntaxError};
pub use io::{Chunk, Io, Stream};
pub use session::{Background, FileError, FileKind, Host, Session, Variable};

use ast::{AndOr, Kind, Part, PartKind};
pub use builtins::NAMES as BUILTINS;
use exec::{Flow, Run, Shell};
use parse::Parser;
use std::cell::Cell;
use std::rc::Rc;

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// 0 to 255, as `$?` shows it.
    pub status: i32,
    /// `exit` was called: the session is over.
    pub exited: bool,
}

/// Runs a line or script in a session. All output goes to `io`; bounds that are reached are reported there.
pub fn run(script: &str, host: &mut dyn Host, session: &mut Session, io: &mut Io) -> Outcome {
    let name = session.name.clone();
    let mut shell = Shell { host, session, io };
    let result = shell.nested(&mut |shell| shell.run_script(script));
    let outcome = outcome(result);
    session.last_status = outcome.status;
    io.report_stop(&name);
    outcome
}

impl Background {
    /// Where their status is left.
    pub fn status(&self) -> Rc<Cell<Option<i32>>> {
        self.status.clone()
    }

    /// Whether they are one program of a name that fits, whose words run nothing else.
    pub fn is_one_of(&self, fits: &dyn Fn(&str) -> bool) -> bool {
        let [AndOr { first, rest, .. }] = &*self.list else { return false };
        let Some(Kind::Simple { assignments, words }) = first.alone().map(|command| &command.kind) else {
            return false;
        };
        let plain = |part: &Part| match &part.kind {
            PartKind::Text(_) => true,
            PartKind::Parameter { modifier, .. } => modifier.is_none(),
            PartKind::Command(_) | PartKind::Arithmetic(_) => false,
        };
        let name = match words.first().map(|word| &*word.parts) {
            Some([Part { kind: PartKind::Text(name), .. }]) => name,
            _ => return false,
        };
        rest.is_empty()
            && assignments.is_empty()
            && words.iter().all(|word| word.parts.iter().all(plain))
            && !self.session.functions.contains_key(name)
            && fits(name)
    }

    /// Runs them to their end; gives the last one's status.
    pub fn run(mut self, host: &mut dyn Host, io: &mut Io) -> i32 {
        let name = self.session.name.clone();
        let result = Shell { host, session: &mut self.session, io }.nested(&mut |shell| shell.list(&self.list));
        io.report_stop(&name);
        outcome(result).status
    }
}

/// Runs `sh` or `bash` with its arguments, for a host whose programs include it.
pub fn run_shell(argv: &[String], host: &mut dyn Host, session: &mut Session, io: &mut Io) -> i32 {
    let name = session.name.clone();
    let result = Shell { host, session, io }.shell(argv);
    io.report_stop(&name);
    outcome(result).status
}

/// Does the text end within a quote, construct or here-document, so that a prompt should ask for another line?
pub fn needs_more(script: &str) -> bool {
    let mut parser = Parser::new(script);
    loop {
        match parser.next_command() {
            Ok(Some(_)) => {}
            Ok(None) => return parser.open_here_document || script.ends_with("\\\n") || ends_in_backslash(script),
            Err(error) => return error.is_incomplete(),
        }
    }
}

fn ends_in_backslash(script: &str) -> bool {
    let backslashes = script.len() - script.trim_end_matches('\\').len();
    backslashes % 2 == 1
}

/// Is the text a script that a shell accepts?
pub fn check(script: &str) -> Result<(), SyntaxError> {
    Parser::new(script).every_command().map(|_| ())
}

fn outcome(result: Run<i32>) -> Outcome {
    let (status, exited) = match result {
        Ok(status) => (status, false),
        Err(Flow::Exit(status)) => (status, true),
        Err(Flow::Return(status) | Flow::Abort(status)) => (status, false),
        Err(Flow::Break(_) | Flow::Continue(_)) => (0, false),
        // As if it had been killed.
        Err(Flow::Stop) => (137, false),
    };
    Outcome { status: status & 255, exited }
}

impl Shell<'_> {
    /// Parses and runs a script command by command: what stands before a syntax error runs.
    fn run_script(&mut self, script: &str) -> Run<i32> {
        let mut parser = Parser::new(script);
        let mut status = 0;
        loop {
            match parser.next_command() {
                Ok(Some(list)) => status = self.list(&list)?,
                Ok(None) => return Ok(status),
                Err(error) => {
                    let line =
                        if script.trim_end().contains('\n') { format!("line {}: ", error.line) } else { String::new() };
                    let message = format!("{line}{}", error.message(self.session.dialect));
                    return Err(Flow::Abort(self.complain(&message, 2)));
                }
            }
        }
    }
}
