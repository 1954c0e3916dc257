//! `test` and `[`: files, strings and integers (POSIX, with `-a`, `-o`, `==`, `<`, `>`).

use crate::console::shell::{Dialect, FileKind, Host, Io, Session, glob};

const DEPTH_MAX: usize = 50;

struct Test<'a> {
    words: &'a [String],
    at: usize,
    depth: usize,
    /// `[[`: the right side of `==` is a pattern.
    patterns: bool,
    host: &'a mut dyn Host,
    session: &'a Session,
}

/// `test EXPRESSION`, `[ EXPRESSION ]`; 0 true, 1 false, 2 wrong usage.
pub fn test(argv: &[String], host: &mut dyn Host, session: &Session, io: &mut Io) -> i32 {
    let name = argv[0].as_str();
    let mut words = &argv[1..];
    let close = if name == "[[" { "]]" } else { "]" };
    if name != "test" {
        match words {
            [inner @ .., last] if last == close => words = inner,
            _ => {
                let missing = match session.dialect {
                    Dialect::Ash => format!("missing {close}"),
                    Dialect::Bash => format!("{name}: missing `{close}'"),
                };
                io.err(&format!("{}: {missing}\n", session.name));
                return 2;
            }
        }
    }
    if words.is_empty() {
        return 1;
    }
    let mut test = Test { words, at: 0, depth: 0, patterns: name == "[[", host, session };
    let result = test.either();
    let problem = match result {
        Ok(value) if test.at == words.len() => return i32::from(!value),
        Ok(_) => format!("{}: unknown operand", words[test.at]),
        Err(problem) => problem,
    };
    let problem = match session.dialect {
        Dialect::Ash => problem,
        Dialect::Bash => format!("{name}: {}", problem.replace("bad number", "integer expression expected")),
    };
    io.err(&format!("{}: {problem}\n", session.name));
    2
}

impl Test<'_> {
    fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.at)?.clone();
        self.at += 1;
        Some(word)
    }

    fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.words.get(self.at).is_some_and(|word| words.contains(&word.as_str()));
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("test: nested too deeply (podhop's limit is {DEPTH_MAX})"));
        }
        let mut value = self.both()?;
        while self.eat(&["-o"]) {
            value |= self.both()?;
        }
        self.depth -= 1;
        Ok(value)
    }

    fn both(&mut self) -> Result<bool, String> {
        let mut value = self.not()?;
        while self.eat(&["-a"]) {
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Result<bool, String> {
        let mut negated = false;
        while self.words.len() > self.at + 1 && !self.is_binary(self.at + 1) && self.eat(&["!"]) {
            negated = !negated;
        }
        Ok(self.primary()? != negated)
    }

    fn is_binary(&self, at: usize) -> bool {
        let operators = ["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];
        self.words.len() > at + 1 && operators.contains(&self.words[at].as_str())
    }

    fn primary(&mut self) -> Result<bool, String> {
        let first = self.next().ok_or("argument expected")?;
        if self.is_binary(self.at) {
            let (operator, right) = (self.next().unwrap_or_default(), self.next().unwrap_or_default());
            return self.binary(&first, &operator, &right);
        }
        if first == "(" && self.at < self.words.len() {
            let value = self.either()?;
            return if self.eat(&[")"]) { Ok(value) } else { Err("closing paren expected".into()) };
        }
        if first.len() == 2
            && first.starts_with('-')
            && self.at < self.words.len()
            && "defhLnprsStuwxz".contains(&first[1..])
        {
            let operand = self.next().unwrap_or_default();
            return Ok(self.unary(&first, &operand));
        }
        Ok(!first.is_empty())
    }

    fn unary(&mut self, operator: &str, operand: &str) -> bool {
        let kind = |test: &mut Self| test.host.stat(&test.session.absolute(operand));
        match operator {
            "-n" => !operand.is_empty(),
            "-z" => operand.is_empty(),
            "-d" => kind(self) == Some(FileKind::Directory),
            "-f" => kind(self) == Some(FileKind::File),
            "-e" | "-r" | "-w" => kind(self).is_some(),
            "-x" => kind(self) == Some(FileKind::Directory),
            "-s" => match kind(self) {
                Some(FileKind::File) => {
                    self.host.read_file(&self.session.absolute(operand)).is_ok_and(|text| !text.is_empty())
                }
                other => other.is_some(),
            },
            // Links, pipes, sockets and terminals: there are none.
            _ => false,
        }
    }

    fn binary(&self, left: &str, operator: &str, right: &str) -> Result<bool, String> {
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| format!("{text}: bad number"));
        Ok(match operator {
            "=" | "==" if self.patterns => glob::matches(right, left),
            "!=" if self.patterns => !glob::matches(right, left),
            "=" | "==" => left == right,
            "!=" => left != right,
            "<" => left < right,
            ">" => left > right,
            "-eq" => number(left)? == number(right)?,
            "-ne" => number(left)? != number(right)?,
            "-lt" => number(left)? < number(right)?,
            "-le" => number(left)? <= number(right)?,
            "-gt" => number(left)? > number(right)?,
            "-ge" => number(left)? >= number(right)?,
            // Files carry no times here.
            _ => operator == "-ef" && self.session.absolute(left) == self.session.absolute(right),
        })
    }
}
