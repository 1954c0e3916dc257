//! Runs a parsed script: lists, pipelines, redirections, compound commands and functions (POSIX XCU 2.8, 2.9).
//!
//! A pipeline's stages run one after the other on complete text; every command of the simulation ends by itself.

use super::ast::*;
use super::error::Dialect;
use super::glob;
use super::io::Io;
use super::session::{Background, FileKind, Host, Job, Session};
use std::collections::VecDeque;
use std::rc::Rc;

/// Why a list ended before its last command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Break(u32),
    Continue(u32),
    Return(i32),
    Exit(i32),
    /// An error of expansion: the line ends, the shell goes on.
    Abort(i32),
    /// A bound was reached.
    Stop,
}

pub(super) type Run<T> = Result<T, Flow>;

pub(super) struct Shell<'a> {
    pub host: &'a mut dyn Host,
    pub session: &'a mut Session,
    pub io: &'a mut Io,
}

impl Shell<'_> {
    pub(super) fn list(&mut self, list: &List) -> Run<i32> {
        let mut status = 0;
        for and_or in list {
            status = self.and_or(and_or)?;
        }
        Ok(status)
    }

    fn and_or(&mut self, and_or: &AndOr) -> Run<i32> {
        if and_or.background {
            return self.background(and_or);
        }
        let mut status = self.pipeline(&and_or.first, !and_or.rest.is_empty())?;
        for (index, (join, pipeline)) in and_or.rest.iter().enumerate() {
            if (status == 0) == (*join == Join::And) {
                status = self.pipeline(pipeline, index + 1 < and_or.rest.len())?;
            }
        }
        Ok(status)
    }

    /// `command &`: a copy of the shell runs it while the next commands run. The host is told of the sleeps that it
    /// begins with; from then on it takes the time that it takes.
    fn background(&mut self, and_or: &AndOr) -> Run<i32> {
        let mut list = match and_or.first.alone().map(|command| &command.kind) {
            Some(Kind::Group(inner) | Kind::Subshell(inner)) if and_or.rest.is_empty() => inner.clone(),
            _ => vec![AndOr { background: false, ..and_or.clone() }],
        };
        let mut sleeps = Vec::new();
        while let Some(Kind::Simple { assignments, words }) =
            list.first().filter(|first| !first.background).and_then(|first| first.first.alone()).map(|one| &one.kind)
        {
            let argv = if assignments.is_empty() { self.fields(words)? } else { break };
            let next = list[0].rest.first().map(|(join, _)| *join);
            if argv.first().is_none_or(|name| name != "sleep") || next == Some(Join::Or) {
                break;
            }
            sleeps.push(argv);
            match next {
                Some(_) => list[0].first = list[0].rest.remove(0).1,
                None => _ = list.remove(0),
            }
        }
        let status = Rc::default();
        let session = Session { jobs: VecDeque::new(), ..self.session.clone() };
        let commands = Background { list, session, status: Rc::clone(&status) };
        match self.host.later(&sleeps, commands, self.io) {
            Some(number) => {
                self.session.add_job(Job { number, status });
                Ok(0)
            }
            None => Ok(self.complain("too many commands in the background: this one does not run", 1)),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, tested: bool) -> Run<i32> {
        let tested = tested || pipeline.negated;
        self.session.conditions += u32::from(tested);
        let result = match pipeline.commands.as_slice() {
            [command] => self.command(command),
            commands => self.stages(commands),
        };
        self.session.conditions -= u32::from(tested);
        let mut status = result?;
        if pipeline.negated {
            status = i32::from(status == 0);
        }
        self.session.last_status = status;
        let options = self.session.options;
        if status != 0 && options.exit_on_error && self.session.conditions == 0 && !tested {
            return Err(Flow::Exit(status));
        }
        Ok(status)
    }

    fn stages(&mut self, commands: &[Command]) -> Run<i32> {
        let sinks = self.io.sinks;
        let mut outer_input = None;
        let (mut status, mut failed) = (Ok(0), 0);
        for (index, command) in commands.iter().enumerate() {
            let is_last = index + 1 == commands.len();
            self.io.sinks[0] = if is_last { sinks[0] } else { self.io.begin_capture() };
            status = self.subshell(&mut |shell| shell.command(command));
            let output = if is_last { String::new() } else { self.io.end_capture() };
            if let Ok(code @ 1..) = status {
                failed = code;
            }
            let before = self.io.swap_input(output);
            outer_input.get_or_insert(before);
            if status.is_err() {
                break;
            }
        }
        self.io.sinks = sinks;
        self.io.swap_input(outer_input.unwrap_or_default());
        let status = status?;
        Ok(if self.session.options.pipefail && status == 0 { failed } else { status })
    }

    /// Runs something in a copy of the shell.
    pub(super) fn subshell(&mut self, inner: &mut dyn FnMut(&mut Shell) -> Run<i32>) -> Run<i32> {
        let mut session = self.session.clone();
        self.nested(&mut |shell| inner(&mut Shell { host: shell.host, session: &mut session, io: shell.io })).or_else(
            |flow| match flow {
                Flow::Exit(status) | Flow::Return(status) | Flow::Abort(status) => Ok(status),
                Flow::Break(_) | Flow::Continue(_) => Ok(0),
                Flow::Stop => Err(Flow::Stop),
            },
        )
    }

    /// Runs something one level deeper.
    pub(super) fn nested(&mut self, inner: &mut dyn FnMut(&mut Shell) -> Run<i32>) -> Run<i32> {
        let result = if self.io.enter() { inner(self) } else { Err(Flow::Stop) };
        self.io.leave();
        result
    }

    /// The output of `$(…)`.
    pub(super) fn substitute(&mut self, list: &List) -> Run<String> {
        let sink = self.io.begin_capture();
        let before = std::mem::replace(&mut self.io.sinks[0], sink);
        let status = self.subshell(&mut |shell| shell.list(list));
        self.io.sinks[0] = before;
        let output = self.io.end_capture();
        self.session.last_status = status?;
        Ok(output)
    }

    fn command(&mut self, command: &Command) -> Run<i32> {
        if !self.io.count_command() {
            return Err(Flow::Stop);
        }
        if let Kind::Simple { assignments, words } = &command.kind {
            return self.simple(assignments, words, &command.redirects);
        }
        let redirected = match self.redirect(&command.redirects)? {
            Ok(redirected) => redirected,
            Err(status) => return Ok(status),
        };
        let result = self.compound(&command.kind);
        self.restore(redirected, result)
    }

    fn compound(&mut self, kind: &Kind) -> Run<i32> {
        match kind {
            Kind::Simple { assignments, words } => self.simple(assignments, words, &[]),
            Kind::Group(list) => self.nested(&mut |shell| shell.list(list)),
            Kind::Subshell(list) => self.subshell(&mut |shell| shell.list(list)),
            Kind::If { arms, otherwise } => self.nested(&mut |shell| {
                for (condition, body) in arms {
                    if shell.condition(condition)? == 0 {
                        return shell.list(body);
                    }
                }
                shell.list(otherwise)
            }),
            Kind::Loop { until, condition, body } => self.nested(&mut |shell| {
                let mut status = 0;
                while (shell.condition(condition)? == 0) != *until {
                    if shell.iteration(body, &mut status)? {
                        break;
                    }
                }
                Ok(status)
            }),
            Kind::For { name, words, body } => self.nested(&mut |shell| {
                let values = match words {
                    Some(words) => shell.fields(words)?,
                    None => shell.session.arguments.clone(),
                };
                let mut status = 0;
                for value in values {
                    shell.session.set(name, &value);
                    if shell.iteration(body, &mut status)? {
                        break;
                    }
                }
                Ok(status)
            }),
            Kind::Case { subject, arms } => self.nested(&mut |shell| {
                let subject = shell.text(subject)?;
                for (patterns, body) in arms {
                    for pattern in patterns {
                        let pattern = shell.pattern(pattern)?;
                        shell.spend(subject.len().saturating_mul(pattern.len()) / 64)?;
                        if glob::matches(&pattern, &subject) {
                            return shell.list(body);
                        }
                    }
                }
                Ok(0)
            }),
            Kind::Function { name, body } => {
                self.session.functions.insert(name.clone(), body.clone());
                Ok(0)
            }
        }
    }

    fn condition(&mut self, list: &List) -> Run<i32> {
        self.session.conditions += 1;
        let result = self.list(list);
        self.session.conditions -= 1;
        result
    }

    /// One turn of a loop; true when the loop must end.
    fn iteration(&mut self, body: &List, status: &mut i32) -> Run<bool> {
        match self.list(body) {
            Ok(code) => *status = code,
            Err(Flow::Break(levels)) => return if levels > 1 { Err(Flow::Break(levels - 1)) } else { Ok(true) },
            Err(Flow::Continue(levels)) if levels > 1 => return Err(Flow::Continue(levels - 1)),
            Err(Flow::Continue(_)) => {}
            Err(flow) => return Err(flow),
        }
        Ok(false)
    }

    fn simple(&mut self, assignments: &[(String, Word)], words: &[Word], redirects: &[Redirect]) -> Run<i32> {
        let before = std::mem::replace(&mut self.session.last_status, 0);
        // `$?` in the words is the status of the command before; a substitution in them may set a new one.
        self.session.last_status = before;
        let argv = self.fields(words)?;
        let mut saved = Vec::new();
        let mut traced = String::new();
        for (name, word) in assignments {
            if argv.is_empty() {
                self.session.last_status = 0;
            }
            let value = self.text(word)?;
            traced.push_str(&format!(" {name}={}", quoted(&value)));
            if !argv.is_empty() {
                saved.push((name.clone(), self.session.variables.get(name).cloned()));
                self.session.export(name, &value);
            } else {
                self.session.set(name, &value);
            }
        }
        if self.session.options.trace {
            argv.iter().for_each(|word| traced.push_str(&format!(" {}", quoted(word))));
            self.io.err(&format!("+{traced}\n"));
        }
        let result = match self.redirect(redirects)? {
            Ok(redirected) => {
                let result = if argv.is_empty() {
                    Ok(if assignments.is_empty() { 0 } else { self.session.last_status })
                } else {
                    self.invoke(&argv)
                };
                self.restore(redirected, result)
            }
            Err(status) => Ok(status),
        };
        for (name, value) in saved.into_iter().rev() {
            match value {
                Some(value) => _ = self.session.variables.insert(name, value),
                None => _ = self.session.variables.remove(&name),
            }
        }
        result
    }

    /// Runs a command by its words: a function, a builtin or a program.
    pub(super) fn invoke(&mut self, argv: &[String]) -> Run<i32> {
        if let Some(body) = self.session.functions.get(&argv[0]).cloned() {
            return self.call(&body, &argv[1..]);
        }
        self.invoke_builtin_or_program(argv)
    }

    pub(super) fn invoke_builtin_or_program(&mut self, argv: &[String]) -> Run<i32> {
        if let Some(result) = self.builtin(argv) {
            return result;
        }
        let status = match self.host.run(argv, self.session, self.io) {
            Some(status) => status,
            None => self.not_found(&argv[0]),
        };
        if self.io.is_stopped() { Err(Flow::Stop) } else { Ok(status) }
    }

    fn not_found(&mut self, name: &str) -> i32 {
        if name.contains('/') {
            let (message, status) = match self.host.stat(&self.session.absolute(name)) {
                None => (if self.is_bash() { "No such file or directory" } else { "not found" }, 127),
                Some(FileKind::Directory) if self.is_bash() => ("Is a directory", 126),
                Some(_) => ("Permission denied", 126),
            };
            return self.complain(&format!("{name}: {message}"), status);
        }
        let message = if self.is_bash() { "command not found" } else { "not found" };
        self.complain(&format!("{name}: {message}"), 127)
    }

    fn call(&mut self, body: &Command, arguments: &[String]) -> Run<i32> {
        let before = std::mem::replace(&mut self.session.arguments, arguments.to_vec());
        self.session.locals.push(Vec::new());
        let result = self.nested(&mut |shell| shell.command(body));
        for (name, value) in self.session.locals.pop().unwrap_or_default().into_iter().rev() {
            match value {
                Some(value) => _ = self.session.variables.insert(name, value),
                None => _ = self.session.variables.remove(&name),
            }
        }
        self.session.arguments = before;
        match result {
            Err(Flow::Return(status)) => Ok(status),
            Err(Flow::Break(_) | Flow::Continue(_)) => Ok(0),
            other => other,
        }
    }

    pub(super) fn is_bash(&self) -> bool {
        self.session.dialect == Dialect::Bash
    }

    /// Prints `sh: message`; returns the status.
    pub(super) fn complain(&mut self, message: &str, status: i32) -> i32 {
        self.io.err(&format!("{}: {message}\n", self.session.name));
        status
    }

    /// An error that ends the line.
    pub(super) fn fail(&mut self, message: &str) -> Flow {
        let status = if self.is_bash() { 1 } else { 2 };
        Flow::Abort(self.complain(message, status))
    }
}

/// A word as `set -x` shows it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+./:=@%,".contains(c) || !c.is_ascii();
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
