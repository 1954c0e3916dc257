//! `sed [-nE] [-i] SCRIPT FILE…`: `s///[gpiN]`, `d`, `p`, `q`, `=`, `{…}`-less, with line numbers, `$`, `/re/` and
//! ranges as addresses. Other commands are refused with a message.

use super::regex::{Match, Regex, Syntax};
use super::tool::{Tool, lines};

#[derive(Debug)]
enum Address {
    Line(usize),
    Last,
    Pattern(Regex),
}

#[derive(Debug)]
enum Action {
    Substitute { pattern: Regex, replacement: String, global: bool, print: bool, nth: usize },
    Delete,
    Print,
    Quit,
    Number,
}

#[derive(Debug)]
struct Command {
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    action: Action,
    /// Within the range of `from,to`.
    active: bool,
}

/// Runs `sed`.
pub(super) fn sed(tool: &mut Tool, words: &[String]) -> i32 {
    let mut options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let mut script: Vec<String> = options.values('e').map(str::to_string).collect();
    if script.is_empty() {
        if options.words.is_empty() {
            return tool.usage("no script given");
        }
        script.push(options.words.remove(0));
    }
    let syntax = if options.has('E') || options.has('r') { Syntax::Extended } else { Syntax::Basic };
    let mut commands = match parse(&script.join("\n"), syntax) {
        Ok(commands) => commands,
        Err(message) => return tool.fail(&message),
    };
    let (inputs, failed) = tool.inputs(&options.words);
    if options.has('i') {
        for (file, text) in &inputs {
            let result = edit(tool, &mut commands, text, options.has('n'));
            if let Err(error) = tool.host.write_file(&tool.session.absolute(file), &result, false) {
                return tool.fail(&format!("{file}: {}", error.message()));
            }
        }
    } else {
        let text: String = inputs.into_iter().map(|(_, text)| text).collect();
        let result = edit(tool, &mut commands, &text, options.has('n'));
        tool.io.out(&result);
    }
    i32::from(failed)
}

fn edit(tool: &mut Tool, commands: &mut [Command], text: &str, quiet: bool) -> String {
    let mut result = String::new();
    let total = lines(text).count();
    'lines: for (index, line) in lines(text).enumerate() {
        let mut line = line.to_string();
        let mut quits = false;
        for command in commands.iter_mut() {
            if !tool.io.spend(line.len() + 16) {
                return result;
            }
            if !selects(command, index + 1, index + 1 == total, &line) {
                continue;
            }
            match &command.action {
                Action::Substitute { pattern, replacement, global, print, nth } => {
                    let budget = pattern.cost(&line);
                    if tool.io.spend(budget)
                        && let Some(changed) = substitute(tool, &line, pattern, replacement, *global, *nth)
                    {
                        line = changed;
                        if *print {
                            result.push_str(&line);
                            result.push('\n');
                        }
                    }
                }
                Action::Delete => continue 'lines,
                Action::Print => {
                    result.push_str(&line);
                    result.push('\n');
                }
                Action::Number => result.push_str(&format!("{}\n", index + 1)),
                Action::Quit => {
                    quits = true;
                    break;
                }
            }
        }
        if !quiet {
            result.push_str(&line);
            // A last line without a line break stays without.
            if index + 1 < total || text.ends_with('\n') {
                result.push('\n');
            }
        }
        if quits {
            break;
        }
    }
    result
}

fn selects(command: &mut Command, number: usize, last: bool, line: &str) -> bool {
    let hits = |address: &Address| match address {
        Address::Line(wanted) => *wanted == number,
        Address::Last => last,
        Address::Pattern(pattern) => pattern.is_match(line),
    };
    let selected = match (&command.from, &command.to) {
        (None, _) => true,
        (Some(from), None) => hits(from),
        (Some(_), Some(to)) if command.active => {
            command.active = match to {
                Address::Line(end) => number < *end,
                to => !hits(to),
            };
            true
        }
        (Some(from), Some(to)) => {
            let begins = hits(from);
            command.active = begins && !matches!(to, Address::Line(end) if *end <= number);
            begins
        }
    };
    selected != command.negated
}

/// The line after `s`, or None if nothing matched.
fn substitute(
    tool: &mut Tool,
    line: &str,
    pattern: &Regex,
    replacement: &str,
    global: bool,
    nth: usize,
) -> Option<String> {
    let mut result = String::new();
    let (mut at, mut copied, mut count) = (0, 0, 0);
    let mut changed = false;
    while at <= line.len() {
        let Some(found) = pattern.find_at(line, at) else { break };
        let Some((start, end)) = found[0] else { break };
        count += 1;
        // An empty match right behind a match does not count.
        let replaces = count >= nth && !(start == end && start == copied && changed);
        if replaces {
            result.push_str(&line[copied..start]);
            replace(line, &found, replacement, &mut result);
            copied = end;
            changed = true;
        }
        if (replaces && !global) || !tool.io.spend(16 + pattern.cost(line) / 8) {
            break;
        }
        at = if end > start { end } else { end + line[end..].chars().next().map_or(1, char::len_utf8) };
    }
    result.push_str(&line[copied..]);
    changed.then_some(result)
}

fn replace(line: &str, found: &Match, replacement: &str, result: &mut String) {
    let group = |index: usize| found.get(index).copied().flatten().map_or("", |(start, end)| &line[start..end]);
    let mut chars = replacement.chars();
    while let Some(c) = chars.next() {
        match c {
            '&' => result.push_str(group(0)),
            '\\' => match chars.next() {
                Some(digit @ '0'..='9') => result.push_str(group(digit as usize - '0' as usize)),
                Some('n') => result.push('\n'),
                Some('t') => result.push('\t'),
                Some(other) => result.push(other),
                None => result.push('\\'),
            },
            other => result.push(other),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    syntax: Syntax,
}

fn parse(script: &str, syntax: Syntax) -> Result<Vec<Command>, String> {
    let mut parser = Parser { rest: script, syntax };
    let mut commands = Vec::new();
    loop {
        parser.rest = parser.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        if parser.rest.is_empty() {
            return Ok(commands);
        }
        if parser.rest.starts_with('#') {
            parser.rest = parser.rest.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        commands.push(parser.command()?);
    }
}

impl Parser<'_> {
    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn command(&mut self) -> Result<Command, String> {
        let from = self.address()?;
        let to =
            if from.is_some() && self.eat(',') { Some(self.address()?.ok_or("no address after comma")?) } else { None };
        self.rest = self.rest.trim_start();
        let negated = self.eat('!');
        self.rest = self.rest.trim_start();
        let Some(letter) = self.rest.chars().next() else { return Err("missing command".into()) };
        self.rest = &self.rest[letter.len_utf8()..];
        let action = match letter {
            's' => self.substitution()?,
            'd' => Action::Delete,
            'p' => Action::Print,
            'q' => Action::Quit,
            '=' => Action::Number,
            other => return Err(format!("unsupported command {other} (podhop's sed knows s, d, p, q and =)")),
        };
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if !self.rest.is_empty() && !self.rest.starts_with([';', '\n', '#']) {
            return Err("extra characters after command".into());
        }
        Ok(Command { from, to, negated, action, active: false })
    }

    fn address(&mut self) -> Result<Option<Address>, String> {
        if self.eat('$') {
            return Ok(Some(Address::Last));
        }
        if self.eat('/') {
            let text = self.delimited('/')?;
            return Ok(Some(Address::Pattern(self.regex(&text, false)?)));
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        Ok(if digits == 0 { None } else { Some(Address::Line(number.parse().unwrap_or(usize::MAX))) })
    }

    fn regex(&self, text: &str, ignore_case: bool) -> Result<Regex, String> {
        Regex::new(text, self.syntax, ignore_case).ok_or_else(|| format!("bad regex '{text}'"))
    }

    /// Text up to a delimiter without a backslash, which is taken; within, a delimiter loses its backslash.
    fn delimited(&mut self, delimiter: char) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            if c == delimiter {
                self.rest = &self.rest[at + c.len_utf8()..];
                return Ok(text);
            }
            text.push(c);
            if c == '\\' {
                let Some((_, escaped)) = chars.next() else { break };
                if escaped == delimiter {
                    text.pop();
                }
                text.push(escaped);
            }
        }
        Err(format!("unmatched '{delimiter}'"))
    }

    fn substitution(&mut self) -> Result<Action, String> {
        let delimiter = self
            .rest
            .chars()
            .next()
            .filter(|c| *c != '\n' && *c != '\\')
            .ok_or("bad format in substitution expression")?;
        self.rest = &self.rest[delimiter.len_utf8()..];
        let pattern = self.delimited(delimiter)?;
        let replacement = self.delimited(delimiter)?;
        let (mut global, mut print, mut ignore_case, mut nth) = (false, false, false, 1);
        loop {
            if self.eat('g') {
                global = true;
            } else if self.eat('p') {
                print = true;
            } else if self.eat('i') || self.eat('I') {
                ignore_case = true;
            } else {
                let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
                if digits == 0 {
                    break;
                }
                nth = self.rest[..digits].parse().unwrap_or(1);
                self.rest = &self.rest[digits..];
            }
        }
        Ok(Action::Substitute { pattern: self.regex(&pattern, ignore_case)?, replacement, global, print, nth })
    }
}
