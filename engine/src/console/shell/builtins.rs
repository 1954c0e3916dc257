//! Commands that are part of the shell, because they change it.

use super::error::Dialect;
use super::exec::{Flow, Run, Shell};
use super::parse::is_name;
use super::session::{FileKind, Session, Variable};

/// Names that `type` and `command -v` know; `text` holds those that only print.
pub const NAMES: [&str; 25] = [
    ":", ".", "source", "break", "continue", "return", "exit", "cd", "pwd", "command", "eval", "exec", "export",
    "local", "read", "set", "shift", "type", "unset", "wait", "true", "false", "sh", "bash", "help",
];

impl Shell<'_> {
    /// Runs a builtin; None if there is none of this name.
    pub(super) fn builtin(&mut self, argv: &[String]) -> Option<Run<i32>> {
        let arguments = &argv[1..];
        let first = arguments.first().map(String::as_str);
        Some(match argv[0].as_str() {
            ":" | "true" => Ok(0),
            "wait" => Ok(self.wait(arguments)),
            "false" => Ok(1),
            "break" | "continue" | "return" | "exit" => self.leave(&argv[0], first),
            "cd" => Ok(self.change_directory(first)),
            "pwd" => {
                self.io.out(&format!("{}\n", self.session.cwd));
                Ok(0)
            }
            "eval" => self.script(&arguments.join(" ")),
            "exec" if arguments.is_empty() => Ok(0),
            "exec" => self.invoke_builtin_or_program(arguments).and_then(|status| Err(Flow::Exit(status))),
            "." | "source" => self.source(first),
            "command" => self.command_builtin(arguments),
            "type" => Ok(self.type_of(arguments, true)),
            "export" | "local" | "readonly" => Ok(self.declare(&argv[0], arguments)),
            "unset" => {
                for name in arguments {
                    self.session.variables.remove(name);
                    self.session.functions.remove(name);
                }
                Ok(0)
            }
            "read" => Ok(self.read(arguments)),
            "set" => Ok(self.set(arguments)),
            "shift" => Ok(self.shift(first)),
            "help" => return self.host.help(self.io).map(Ok),
            "sh" | "/bin/sh" => self.shell(argv),
            "bash" | "/bin/bash" if self.is_bash() => self.shell(argv),
            "trap" => Ok(self.complain("trap: nothing sends signals in podhop", 1)),
            _ => return super::super::text::builtin(argv, self.host, self.session, self.io).map(Ok),
        })
    }

    /// `wait`, `wait NUMBER…`: the status of the last one.
    fn wait(&mut self, arguments: &[String]) -> i32 {
        if arguments.is_empty() {
            self.host.wait(&|| false, self.io);
            self.session.jobs.clear();
            return 0;
        }
        let mut status = 0;
        for argument in arguments {
            let number: Option<u64> = argument.parse().ok();
            let at = self.session.jobs.iter().position(|job| Some(job.number) == number);
            let Some(job) = at.and_then(|at| self.session.jobs.remove(at)) else {
                let (message, code) = match number {
                    Some(number) => (format!("wait: pid {number} is not a child of this shell"), 127),
                    None if argument.starts_with('%') => (format!("wait: {argument}: no such job"), 127),
                    None => (format!("wait: `{argument}': not a pid or valid job spec"), 1),
                };
                status = if self.is_bash() { self.complain(&message, code) } else { 127 };
                continue;
            };
            self.host.wait(&|| job.status.get().is_some(), self.io);
            // Only what waits for its own end has no status yet.
            status = job.status.get().unwrap_or(127);
        }
        status
    }

    fn leave(&mut self, what: &str, argument: Option<&str>) -> Run<i32> {
        let number = match argument.map(str::parse::<i32>) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(_)) => {
                let argument = argument.unwrap_or_default();
                let status = match self.session.dialect {
                    Dialect::Ash => self.complain(&format!("{what}: Illegal number: {argument}"), 2),
                    Dialect::Bash => self.complain(&format!("{what}: {argument}: numeric argument required"), 2),
                };
                return Err(Flow::Abort(status));
            }
        };
        let status = number.unwrap_or(self.session.last_status) & 255;
        let levels = number.unwrap_or(1).max(1) as u32;
        Err(match what {
            "break" => Flow::Break(levels),
            "continue" => Flow::Continue(levels),
            "return" => Flow::Return(status),
            _ => Flow::Exit(status),
        })
    }

    fn change_directory(&mut self, to: Option<&str>) -> i32 {
        let previous = to == Some("-");
        let path = match to {
            Some("-") => self.session.variable("OLDPWD").map(str::to_string),
            Some(path) => Some(path.to_string()),
            None => self.session.variable("HOME").map(str::to_string),
        };
        let Some(path) = path else {
            return self.complain(if previous { "cd: OLDPWD not set" } else { "cd: HOME not set" }, 1);
        };
        let absolute = self.session.absolute(&path);
        let problem = match self.host.stat(&absolute) {
            Some(FileKind::Directory) => {
                let before = std::mem::replace(&mut self.session.cwd, absolute);
                self.session.set("OLDPWD", &before);
                if previous {
                    self.io.out(&format!("{}\n", self.session.cwd));
                }
                return 0;
            }
            Some(FileKind::File) => "Not a directory",
            None => "No such file or directory",
        };
        match self.session.dialect {
            Dialect::Ash => self.complain(&format!("cd: can't cd to {path}: {problem}"), 2),
            Dialect::Bash => self.complain(&format!("cd: {path}: {problem}"), 1),
        }
    }

    /// Parses and runs text in this shell.
    fn script(&mut self, text: &str) -> Run<i32> {
        self.nested(&mut |shell| shell.run_script(text))
    }

    fn source(&mut self, path: Option<&str>) -> Run<i32> {
        let Some(path) = path else { return Ok(self.complain(".: filename argument required", 2)) };
        match self.host.read_file(&self.session.absolute(path)) {
            Ok(text) => match self.script(&text) {
                Err(Flow::Return(status)) => Ok(status),
                other => other,
            },
            Err(error) if self.is_bash() => Ok(self.complain(&format!("{path}: {}", error.message()), 1)),
            Err(_) => Err(Flow::Abort(self.complain(&format!(".: can't open '{path}': No such file or directory"), 2))),
        }
    }

    fn command_builtin(&mut self, arguments: &[String]) -> Run<i32> {
        match arguments {
            [] => Ok(0),
            [option, names @ ..] if option == "-v" => Ok(self.type_of(names, false)),
            [option, names @ ..] if option == "-V" => Ok(self.type_of(names, true)),
            words => self.invoke_builtin_or_program(words),
        }
    }

    /// `type` in words, `command -v` as a path or name.
    fn type_of(&mut self, names: &[String], in_words: bool) -> i32 {
        let mut status = 0;
        for name in names {
            let is_builtin = NAMES.contains(&name.as_str()) || super::super::text::BUILTINS.contains(&name.as_str());
            let (short, long) = if self.session.functions.contains_key(name) {
                (name.clone(), format!("{name} is a function"))
            } else if is_builtin {
                (name.clone(), format!("{name} is a shell builtin"))
            } else if let Some(path) = self.host.find(name) {
                let long = format!("{name} is {path}");
                (path, long)
            } else {
                status = if self.is_bash() { 1 } else { 127 };
                if in_words {
                    match self.is_bash() {
                        true => _ = self.complain(&format!("type: {name}: not found"), 1),
                        false => self.io.out(&format!("{name}: not found\n")),
                    }
                }
                continue;
            };
            self.io.out(&format!("{}\n", if in_words { long } else { short }));
        }
        status
    }

    fn declare(&mut self, what: &str, arguments: &[String]) -> i32 {
        let arguments: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        if arguments.is_empty() && what == "export" {
            let mut text = String::new();
            for (name, variable) in self.session.variables.iter().filter(|(_, variable)| variable.exported) {
                text.push_str(&match self.session.dialect {
                    Dialect::Ash => format!("export {name}='{}'\n", variable.value),
                    Dialect::Bash => format!("declare -x {name}=\"{}\"\n", variable.value),
                });
            }
            self.io.out(&text);
        }
        for argument in arguments {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            if !is_name(name) {
                return match self.session.dialect {
                    Dialect::Ash => self.complain(&format!("{what}: {argument}: bad variable name"), 2),
                    Dialect::Bash => self.complain(&format!("{what}: `{argument}': not a valid identifier"), 1),
                };
            }
            if what == "local" {
                let before = self.session.variables.get(name).cloned();
                let Some(locals) = self.session.locals.last_mut() else {
                    return match self.session.dialect {
                        Dialect::Ash => self.complain("local: not in a function", 2),
                        Dialect::Bash => self.complain("local: can only be used in a function", 1),
                    };
                };
                locals.push((name.to_string(), before));
                self.session.variables.insert(name.to_string(), Variable::default());
            }
            if let Some(value) = value {
                self.session.set(name, value);
            }
            if what == "export" {
                self.session.variables.entry(name.to_string()).or_default().exported = true;
            }
        }
        0
    }

    /// `read [-r] NAME…`: a line, split into words; the last name takes the rest.
    fn read(&mut self, arguments: &[String]) -> i32 {
        let (options, names): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| word.starts_with('-'));
        let raw = options.iter().any(|option| option.contains('r'));
        let mut line = String::new();
        let ended = loop {
            let Some(read) = self.io.read_line() else { break false };
            line.push_str(read);
            if raw || !line.ends_with("\\\n") {
                break line.ends_with('\n');
            }
            line.truncate(line.len() - 2);
        };
        if line.ends_with('\n') {
            line.pop();
        }
        if !raw {
            line = line.replace('\\', "");
        }
        let separators = self.session.variable("IFS").unwrap_or(" \t\n").to_string();
        let is_blank = |c: char| c.is_ascii_whitespace() && separators.contains(c);
        let reply = "REPLY".to_string();
        let names = if names.is_empty() { vec![&reply] } else { names };
        let mut rest = line.trim_matches(is_blank);
        for (index, name) in names.iter().enumerate() {
            let end = rest.find(|c| separators.contains(c)).filter(|_| index + 1 < names.len());
            let (value, after) = match end {
                Some(end) => (&rest[..end], rest[end..].trim_start_matches(is_blank)),
                None => (rest, ""),
            };
            self.session.set(name, value);
            // One separator that is not a blank belongs to the field before it.
            rest = match after.chars().next() {
                Some(c) if separators.contains(c) => after[c.len_utf8()..].trim_start_matches(is_blank),
                _ => after,
            };
        }
        i32::from(!ended)
    }

    fn set(&mut self, arguments: &[String]) -> i32 {
        if arguments.is_empty() {
            let lines = self.session.variables.iter().map(|(name, variable)| format!("{name}='{}'\n", variable.value));
            let text: String = lines.collect();
            self.io.out(&text);
        }
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let on = word.starts_with('-');
            if word == "--" || !(on || word.starts_with('+')) || word.len() < 2 {
                let rest: Vec<String> = words.cloned().collect();
                self.session.arguments = if word == "--" { rest } else { [vec![word.clone()], rest].concat() };
                return 0;
            }
            for letter in word[1..].chars() {
                let options = &mut self.session.options;
                let option = match letter {
                    'e' => &mut options.exit_on_error,
                    'u' => &mut options.unset_is_error,
                    'x' => &mut options.trace,
                    'o' => match words.next().map(String::as_str) {
                        Some("pipefail") => &mut options.pipefail,
                        Some("errexit") => &mut options.exit_on_error,
                        Some("nounset") => &mut options.unset_is_error,
                        Some("xtrace") => &mut options.trace,
                        _ => return self.complain("set: podhop's shell knows -e, -u, -x and -o pipefail", 2),
                    },
                    _ => return self.complain("set: podhop's shell knows -e, -u, -x and -o pipefail", 2),
                };
                *option = on;
            }
        }
        0
    }

    fn shift(&mut self, count: Option<&str>) -> i32 {
        let count = count.map_or(Ok(1), str::parse::<usize>).unwrap_or(usize::MAX);
        if count > self.session.arguments.len() {
            return 1;
        }
        self.session.arguments.drain(..count);
        0
    }

    /// `sh -c 'script' name arguments`, `sh file arguments`, or a script on standard input.
    pub(super) fn shell(&mut self, argv: &[String]) -> Run<i32> {
        let name = argv[0].rsplit('/').next().unwrap_or("sh");
        let dialect = if name == "bash" { Dialect::Bash } else { Dialect::Ash };
        let mut session = Session::new(name, dialect, &self.session.cwd);
        session.variables = self.session.variables.clone();
        session.variables.retain(|_, variable| variable.exported);
        let mut rest = argv[1..].iter();
        let mut from_argument = false;
        let mut word = rest.next();
        while let Some(option) = word.filter(|word| word.len() > 1 && word.starts_with(['-', '+'])) {
            word = rest.next();
            if option == "--" {
                break;
            }
            for letter in option[1..].chars() {
                match letter {
                    'c' => from_argument = true,
                    'e' => session.options.exit_on_error = true,
                    'u' => session.options.unset_is_error = true,
                    'x' => session.options.trace = true,
                    'i' | 'l' | 's' => {}
                    _ => return Ok(self.complain(&format!("{name}: illegal option -{letter}"), 2)),
                }
            }
        }
        let script = match word {
            None if from_argument => {
                let message = match dialect {
                    Dialect::Ash => "-c requires an argument",
                    Dialect::Bash => "-c: option requires an argument",
                };
                self.io.err(&format!("{name}: {message}\n"));
                return Ok(2);
            }
            None => self.io.read_all(),
            Some(script) if from_argument => {
                if let Some(zero) = rest.next() {
                    session.name = zero.clone();
                }
                script.clone()
            }
            Some(path) => match self.host.read_file(&self.session.absolute(path)) {
                Ok(text) => text,
                Err(error) => {
                    let message = match dialect {
                        Dialect::Ash => format!("{name}: can't open '{path}': {}\n", error.message()),
                        Dialect::Bash => format!("{name}: {path}: {}\n", error.message()),
                    };
                    self.io.err(&message);
                    return Ok(if dialect == Dialect::Bash { 127 } else { 2 });
                }
            },
        };
        session.arguments = rest.cloned().collect();
        self.nested(&mut |shell| {
            let mut inner = Shell { host: shell.host, session: &mut session, io: shell.io };
            inner.run_script(&script)
        })
        .or_else(|flow| match flow {
            Flow::Exit(status) | Flow::Return(status) | Flow::Abort(status) => Ok(status),
            Flow::Break(_) | Flow::Continue(_) => Ok(0),
            Flow::Stop => Err(Flow::Stop),
        })
    }
}
