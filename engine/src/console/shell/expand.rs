//! Words → fields: parameters, substitutions, arithmetic, splitting, braces and file names (POSIX XCU 2.6).
//!
//! While a field grows it is kept in pattern form: characters that were quoted and would mean something in a pattern
//! carry a backslash. A field that is a pattern with matching files becomes their names; any other loses the backslashes.

use super::ast::*;
use super::error::Dialect;
use super::exec::{Flow, Run, Shell};
use super::{arithmetic, glob};

/// Words that one brace expression may expand to.
const BRACES_MAX: usize = 10_000;

#[derive(Default)]
struct Fields {
    done: Vec<String>,
    current: String,
    /// `current` is a field even if it is empty.
    open: bool,
}

impl Fields {
    fn quoted(&mut self, text: &str) {
        self.open = true;
        for c in text.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\') {
                self.current.push('\\');
            }
            self.current.push(c);
        }
    }

    fn unquoted(&mut self, c: char) {
        self.open = true;
        if c == '\\' {
            self.current.push('\\');
        }
        self.current.push(c);
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.done.push(std::mem::take(&mut self.current));
        }
    }

    fn split(&mut self, text: &str, separators: &str) {
        for c in text.chars() {
            if !separators.contains(c) {
                self.unquoted(c);
            } else {
                // Only other separators than blanks make empty fields.
                self.open |= !c.is_ascii_whitespace();
                self.close();
            }
        }
    }
}

impl Shell<'_> {
    /// The fields that words expand to, as a command's arguments.
    pub(super) fn fields(&mut self, words: &[Word]) -> Run<Vec<String>> {
        let mut arguments = Vec::new();
        for word in words {
            let alternatives = match self.session.dialect {
                Dialect::Bash => braces(word),
                Dialect::Ash => None,
            };
            for word in alternatives.as_deref().unwrap_or(std::slice::from_ref(word)) {
                let mut fields = Fields::default();
                self.expand(word, true, &mut fields)?;
                fields.close();
                for field in fields.done {
                    self.spend(field.len() + 8)?;
                    let names = if glob::is_pattern(&field) { self.file_names(&field) } else { Vec::new() };
                    if names.is_empty() {
                        arguments.push(unescape(&field));
                    }
                    arguments.extend(names);
                }
            }
        }
        Ok(arguments)
    }

    /// A word as one text: assignments, redirections, here-documents.
    pub(super) fn text(&mut self, word: &Word) -> Run<String> {
        Ok(unescape(&self.pattern(word)?))
    }

    /// A word in pattern form, unsplit.
    pub(super) fn pattern(&mut self, word: &Word) -> Run<String> {
        let mut fields = Fields::default();
        self.expand(word, false, &mut fields)?;
        self.spend(fields.current.len())?;
        Ok(fields.current)
    }

    pub(super) fn spend(&mut self, bytes: usize) -> Run<()> {
        if self.io.spend(bytes) { Ok(()) } else { Err(Flow::Stop) }
    }

    fn expand(&mut self, word: &Word, split: bool, fields: &mut Fields) -> Run<()> {
        for (index, part) in word.parts.iter().enumerate() {
            match &part.kind {
                PartKind::Text(text) if part.quoted => fields.quoted(text),
                PartKind::Text(text) => {
                    let mut rest = text.as_str();
                    if let (0, Some(after), Some(home)) = (index, text.strip_prefix('~'), self.session.variable("HOME"))
                        && (after.starts_with('/') || (after.is_empty() && word.parts.len() == 1))
                    {
                        fields.quoted(home);
                        rest = after;
                    }
                    rest.chars().for_each(|c| fields.unquoted(c));
                }
                PartKind::Parameter { name, modifier } => {
                    self.parameter(name, modifier.as_deref(), part.quoted, split, fields)?;
                }
                PartKind::Command(list) => {
                    let output = self.substitute(list)?;
                    self.push_value(output.trim_end_matches('\n'), part.quoted, split, fields)?;
                }
                PartKind::Arithmetic(expression) => {
                    let expression = self.text(expression)?;
                    match arithmetic::evaluate(&expression, self.session) {
                        Ok(value) => self.push_value(&value.to_string(), part.quoted, split, fields)?,
                        Err(problem) => return Err(self.fail(&problem)),
                    }
                }
            }
        }
        Ok(())
    }

    fn push_value(&mut self, value: &str, quoted: bool, split: bool, fields: &mut Fields) -> Run<()> {
        self.spend(value.len())?;
        if quoted {
            fields.quoted(value);
        } else if split {
            let separators = self.session.variable("IFS").unwrap_or(" \t\n").to_string();
            fields.split(value, &separators);
        } else {
            value.chars().for_each(|c| fields.unquoted(c));
        }
        Ok(())
    }

    fn parameter(
        &mut self,
        name: &str,
        modifier: Option<&Modifier>,
        quoted: bool,
        split: bool,
        fields: &mut Fields,
    ) -> Run<()> {
        if modifier.is_none() && split && (name == "@" || (name == "*" && !quoted)) {
            let arguments = self.session.arguments.clone();
            for (index, argument) in arguments.iter().enumerate() {
                if index > 0 {
                    fields.close();
                }
                self.push_value(argument, quoted, true, fields)?;
            }
            return Ok(());
        }
        let value = self.value(name);
        let Some(modifier) = modifier else {
            return match value {
                Some(value) => self.push_value(&value, quoted, split, fields),
                None if self.session.options.unset_is_error => Err(match self.session.dialect {
                    Dialect::Ash => self.fail(&format!("{name}: parameter not set")),
                    Dialect::Bash => self.fail(&format!("{name}: unbound variable")),
                }),
                None if quoted => self.push_value("", true, split, fields),
                None => Ok(()),
            };
        };
        let is_set = value.as_ref().is_some_and(|value| !(modifier.or_empty && value.is_empty()));
        let value = value.unwrap_or_default();
        match modifier.kind {
            ModifierKind::Length => self.push_value(&value.chars().count().to_string(), quoted, split, fields),
            ModifierKind::Prefix { longest } => {
                let pattern = self.pattern(&modifier.word)?;
                let value = self.without(&value, &pattern, longest, true)?;
                self.push_value(&value, quoted, split, fields)
            }
            ModifierKind::Suffix { longest } => {
                let pattern = self.pattern(&modifier.word)?;
                let value = self.without(&value, &pattern, longest, false)?;
                self.push_value(&value, quoted, split, fields)
            }
            ModifierKind::Alternative if is_set => self.expand(&modifier.word, split, fields),
            ModifierKind::Alternative => self.push_value("", quoted, split, fields),
            _ if is_set => self.push_value(&value, quoted, split, fields),
            ModifierKind::Default => self.expand(&modifier.word, split, fields),
            ModifierKind::Assign => {
                let value = self.text(&modifier.word)?;
                self.session.set(name, &value);
                self.push_value(&value, quoted, split, fields)
            }
            ModifierKind::Require => {
                let mut message = self.text(&modifier.word)?;
                if message.is_empty() {
                    message = "parameter not set".into();
                }
                Err(self.fail(&format!("{name}: {message}")))
            }
        }
    }

    /// `${value#pattern}` and its three sisters. Values over 4 KiB are cut at line ends only, and the work is counted:
    /// comparing every prefix of a text is quadratic.
    fn without(&mut self, value: &str, pattern: &str, longest: bool, front: bool) -> Run<String> {
        let sparse = value.len() > 4096;
        let mut cuts: Vec<usize> = (0..=value.len())
            .filter(|at| value.is_char_boundary(*at))
            .filter(|at| !sparse || *at == 0 || *at == value.len() || value.as_bytes()[at - 1] == b'\n')
            .collect();
        self.spend(cuts.len().saturating_mul(value.len()) / 64)?;
        if front == longest {
            cuts.reverse();
        }
        for at in cuts {
            let (head, tail) = value.split_at(at);
            let (removed, kept) = if front { (head, tail) } else { (tail, head) };
            if glob::matches(pattern, removed) {
                return Ok(kept.to_string());
            }
        }
        Ok(value.to_string())
    }

    fn value(&self, name: &str) -> Option<String> {
        let session = &*self.session;
        Some(match name {
            "?" => session.last_status.to_string(),
            "#" => session.arguments.len().to_string(),
            "@" | "*" => session.arguments.join(" "),
            "$" => "1".into(),
            "!" => session.latest_job?.to_string(),
            "-" => if session.options.exit_on_error { "e" } else { "" }.into(),
            "0" => session.name.clone(),
            "PWD" => session.cwd.clone(),
            _ if name.as_bytes()[0].is_ascii_digit() => {
                let index: usize = name.parse().ok()?;
                session.arguments.get(index.checked_sub(1)?)?.clone()
            }
            _ => session.variable(name)?.to_string(),
        })
    }

    /// Files that a pattern names: folder by folder, sorted, dot files only where asked for.
    fn file_names(&mut self, pattern: &str) -> Vec<String> {
        let absolute = pattern.starts_with('/');
        let mut found = vec![if absolute { "/".to_string() } else { String::new() }];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = Vec::new();
            for base in &found {
                let folder = self.session.absolute(base);
                if glob::is_pattern(part) {
                    let names = self.host.list(&folder).unwrap_or_default();
                    let visible = |name: &String| !name.starts_with('.') || part.starts_with('.');
                    let names = names.into_iter().filter(|name| visible(name) && glob::matches(part, name));
                    next.extend(names.map(|name| join(base, &name)));
                } else {
                    let path = join(base, &unescape(part));
                    if self.host.stat(&self.session.absolute(&path)).is_some() {
                        next.push(path);
                    }
                }
            }
            found = next;
        }
        found
    }
}

fn join(base: &str, name: &str) -> String {
    match base {
        "" | "/" => format!("{base}{name}"),
        _ => format!("{base}/{name}"),
    }
}

/// Removes the backslashes of pattern form.
fn unescape(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

/// `a{b,c}` and `{1..5}` (bash): the words they stand for; None without a brace expression.
fn braces(word: &Word) -> Option<Vec<Word>> {
    let mut todo = vec![word.clone()];
    let mut done = Vec::new();
    while let Some(word) = todo.pop() {
        match alternatives(&word) {
            Some(words) if done.len() + todo.len() + words.len() <= BRACES_MAX => todo.extend(words.into_iter().rev()),
            _ => done.push(word),
        }
    }
    (done.len() > 1 || done.first() != Some(word)).then_some(done)
}

fn alternatives(word: &Word) -> Option<Vec<Word>> {
    for (index, part) in word.parts.iter().enumerate() {
        let (false, PartKind::Text(text)) = (part.quoted, &part.kind) else { continue };
        let mut from = 0;
        while let Some(open) = text[from..].find('{').map(|at| at + from) {
            from = open + 1;
            let Some((close, inside)) = brace_items(&text[from..]) else { continue };
            let build = |item: &String| {
                let mut word = word.clone();
                let text = format!("{}{item}{}", &text[..open], &text[from + close + 1..]);
                word.parts[index].kind = PartKind::Text(text);
                word
            };
            return Some(inside.iter().map(build).collect());
        }
    }
    None
}

/// Behind an opening brace: where it closes, and the items between; None if it is no brace expression.
fn brace_items(text: &str) -> Option<(usize, Vec<String>)> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    let mut close = None;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                close = Some(at);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(text[start..at].to_string());
                start = at + 1;
            }
            _ => {}
        }
    }
    let close = close?;
    if !items.is_empty() {
        items.push(text[start..close].to_string());
        return Some((close, items));
    }
    let mut ends = text[..close].split("..");
    let (first, last): (i64, i64) = (ends.next()?.parse().ok()?, ends.next()?.parse().ok()?);
    let step = ends.next().map_or(Some(1), |step| step.parse::<i64>().ok())?.unsigned_abs().max(1);
    let count = first.abs_diff(last) / step;
    if count >= BRACES_MAX as u64 {
        return None;
    }
    let at = |index: u64| if first <= last { first + (index * step) as i64 } else { first - (index * step) as i64 };
    Some((close, (0..=count).map(|index| at(index).to_string()).collect()))
}
