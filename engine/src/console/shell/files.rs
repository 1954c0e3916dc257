//! Redirections while commands run: where each descriptor leads, and what is written to files at the end.

use super::ast::*;
use super::exec::{Run, Shell};
use super::io::{Sink, Stream};
use super::session::FileError;

/// Redirections in effect, to be undone.
pub(super) struct Redirected {
    sinks: [Sink; 2],
    input: Option<String>,
    files: Vec<String>,
}

impl Shell<'_> {
    /// Puts redirections into effect; the inner error is the status after a message.
    pub(super) fn redirect(&mut self, redirects: &[Redirect]) -> Run<Result<Redirected, i32>> {
        let mut redirected = Redirected { sinks: self.io.sinks, input: None, files: Vec::new() };
        for redirect in redirects {
            let opened = match self.open(redirect, &mut redirected) {
                Ok(opened) => opened,
                Err(flow) => return self.restore(redirected, Err(flow)).map(Err),
            };
            if let Err(message) = opened {
                let status = self.complain(&message, 1);
                return self.restore(redirected, Ok(status)).map(Err);
            }
        }
        Ok(Ok(redirected))
    }

    fn open(&mut self, redirect: &Redirect, redirected: &mut Redirected) -> Run<Result<(), String>> {
        let fd = redirect.fd;
        let input = match &redirect.target {
            RedirectTarget::Write { path, append } => {
                let path = self.text(path)?;
                let sink = match self.create(&path, *append, &mut redirected.files) {
                    Ok(sink) => sink,
                    Err(error) => return Ok(Err(self.open_error(&path, error, true))),
                };
                return Ok(self.set_sink(fd, sink));
            }
            RedirectTarget::Copy(from) => {
                let from = self.text(from)?;
                let sink = match from.as_str() {
                    "1" => self.io.sinks[0],
                    "2" => self.io.sinks[1],
                    "-" => Sink::Closed,
                    "0" if fd == 0 => return Ok(Ok(())),
                    _ => return Ok(Err(format!("{from}: Bad file descriptor"))),
                };
                return Ok(self.set_sink(fd, sink));
            }
            RedirectTarget::Read(path) => {
                let path = self.text(path)?;
                match path.as_str() {
                    "/dev/null" => String::new(),
                    "/dev/stdin" => return Ok(Ok(())),
                    _ => match self.host.read_file(&self.session.absolute(&path)) {
                        Ok(text) => text,
                        Err(error) => return Ok(Err(self.open_error(&path, error, false))),
                    },
                }
            }
            RedirectTarget::Text(word) => self.text(word)?,
            RedirectTarget::HereDocument(body) => match body.get() {
                Some(word) => self.text(word)?,
                None => String::new(),
            },
        };
        if fd != 0 {
            return Ok(Err(format!("{fd}: podhop's shell reads from descriptor 0 only")));
        }
        let before = self.io.swap_input(input);
        redirected.input.get_or_insert(before);
        Ok(Ok(()))
    }

    fn create(&mut self, path: &str, append: bool, files: &mut Vec<String>) -> Result<Sink, FileError> {
        match path {
            "/dev/null" => Ok(Sink::Null),
            "/dev/stdout" => Ok(self.io.sinks[0]),
            "/dev/stderr" => Ok(self.io.sinks[1]),
            "/dev/tty" => Ok(Sink::Terminal(Stream::Out)),
            _ => {
                let path = self.session.absolute(path);
                self.host.write_file(&path, "", append)?;
                files.push(path);
                Ok(self.io.begin_capture())
            }
        }
    }

    fn set_sink(&mut self, fd: u8, sink: Sink) -> Result<(), String> {
        match fd {
            1 => self.io.sinks[0] = sink,
            2 => self.io.sinks[1] = sink,
            0 => {}
            _ => return Err(format!("{fd}: podhop's shell has the descriptors 0, 1 and 2 only")),
        }
        Ok(())
    }

    /// Models busybox ash redir.c openredirect and errmsg: "no such file", "nonexistent directory".
    fn open_error(&self, path: &str, error: FileError, create: bool) -> String {
        if self.is_bash() {
            return format!("{path}: {}", error.message());
        }
        let message = match (error, create) {
            (FileError::NotFound, true) => "nonexistent directory",
            (FileError::NotFound, false) => "no such file",
            _ => error.message(),
        };
        format!("can't {} {path}: {message}", if create { "create" } else { "open" })
    }

    /// Undoes redirections and writes what was collected for files.
    pub(super) fn restore(&mut self, redirected: Redirected, result: Run<i32>) -> Run<i32> {
        let mut result = result;
        for path in redirected.files.iter().rev() {
            let text = self.io.end_capture();
            if !text.is_empty()
                && let Err(error) = self.host.write_file(path, &text, true)
            {
                result = result.map(|_| 1);
                self.io.sinks = redirected.sinks;
                self.complain(&format!("write error: {}", error.message()), 1);
            }
        }
        self.io.sinks = redirected.sinks;
        if let Some(input) = redirected.input {
            self.io.swap_input(input);
        }
        result
    }
}
