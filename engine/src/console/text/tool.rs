//! What every utility needs: options, input files, messages.

use crate::console::shell::{Dialect, Host, Io, Session};

/// A utility that is running.
pub(super) struct Tool<'a> {
    pub name: &'a str,
    pub host: &'a mut dyn Host,
    pub session: &'a mut Session,
    pub io: &'a mut Io,
}

/// Options in order, and the other words.
#[derive(Debug, Default)]
pub(super) struct Options {
    given: Vec<(char, String)>,
    pub words: Vec<String>,
}

impl Options {
    pub fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The last value of an option.
    pub fn value(&self, letter: char) -> Option<&str> {
        self.values(letter).last()
    }

    pub fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(given, _)| *given == letter).map(|(_, value)| value.as_str())
    }
}

impl Tool<'_> {
    /// Reads options as getopt does, by the utility's letters. Err: the exit status, after a message.
    pub fn options(&mut self, words: &[String]) -> Result<Options, i32> {
        let letters = super::utility(self.name).map_or("", |utility| utility.letters);
        let mut options = Options::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                options.words.extend(rest.cloned());
                break;
            }
            if word.len() < 2 || !word.starts_with('-') {
                options.words.push(word.clone());
                // What follows a program's name is the program's own.
                if matches!(self.name, "env" | "xargs") {
                    options.words.extend(rest.cloned());
                    break;
                }
                continue;
            }
            for (at, letter) in word.char_indices().skip(1) {
                let Some(index) = letters.find(letter).filter(|_| letter != ':' && letter != '-') else {
                    return Err(self.usage(&format!("invalid option -- '{letter}'")));
                };
                if letters.as_bytes().get(index + 1) != Some(&b':') {
                    options.given.push((letter, String::new()));
                    continue;
                }
                let attached = &word[at + letter.len_utf8()..];
                let value = if attached.is_empty() { rest.next().map(String::as_str) } else { Some(attached) };
                let Some(value) = value else {
                    return Err(self.usage(&format!("option requires an argument -- '{letter}'")));
                };
                options.given.push((letter, value.to_string()));
                break;
            }
        }
        Ok(options)
    }

    /// Prints `name: message`; returns the utility's status for trouble.
    pub fn fail(&mut self, message: &str) -> i32 {
        self.io.err(&format!("{}: {message}\n", self.name));
        if matches!(self.name, "grep" | "egrep" | "fgrep" | "sort") { 2 } else { 1 }
    }

    pub fn usage(&mut self, message: &str) -> i32 {
        let status = self.fail(message);
        if self.is_gnu() {
            self.io.err(&format!("Try '{} --help' for more information.\n", self.name));
        }
        status
    }

    pub fn is_gnu(&self) -> bool {
        self.session.dialect == Dialect::Bash
    }

    /// A count such as the value of `-n`.
    pub fn number(&mut self, text: &str) -> Result<usize, i32> {
        text.parse().map_err(|_| self.fail(&format!("invalid number '{text}'")))
    }

    /// The texts of the files named, or of standard input; a message for each that cannot be read, and then the flag is
    /// set.
    pub fn inputs(&mut self, files: &[String]) -> (Vec<(String, String)>, bool) {
        if files.is_empty() {
            return (vec![("-".to_string(), self.io.read_all())], false);
        }
        let mut inputs = Vec::new();
        for file in files {
            if file == "-" || file == "/dev/stdin" {
                inputs.push(("-".to_string(), self.io.read_all()));
                continue;
            }
            if file == "/dev/null" {
                inputs.push((file.clone(), String::new()));
                continue;
            }
            match self.host.read_file(&self.session.absolute(file)) {
                Ok(text) if self.io.spend(text.len()) => inputs.push((file.clone(), text)),
                Ok(_) => break,
                Err(error) => {
                    let message = error.message();
                    let by_opening = matches!(self.name, "cat" | "tail" | "uniq") && !self.is_gnu();
                    self.fail(&if by_opening {
                        format!("can't open '{file}': {message}")
                    } else {
                        format!("{file}: {message}")
                    });
                }
            }
        }
        let failed = inputs.len() < files.len();
        (inputs, failed)
    }

    /// All inputs as one text.
    pub fn input(&mut self, files: &[String]) -> (String, bool) {
        let (inputs, failed) = self.inputs(files);
        (inputs.into_iter().map(|(_, text)| text).collect(), failed)
    }
}

/// A text's lines without their line breaks; a last line may lack its own.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator('\n')
}
