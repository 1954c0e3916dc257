//! Syntax errors in words a person can act upon. The parser says where it stopped; what the text looks like there says why.

use crate::manifest::{Diagnostics, Source, Span};

use super::excerpt;

/// What is wrong, where, and what to do.
struct Finding {
    at: usize,
    /// How many bytes the problem covers.
    length: usize,
    message: String,
    hint: String,
    /// Put in place of the bytes covered.
    fix: Option<&'static str>,
}

fn finding(at: usize, length: usize, message: impl Into<String>, hint: impl Into<String>) -> Finding {
    Finding { at, length, message: message.into(), hint: hint.into(), fix: None }
}

/// Reports the syntax error `info` that the parser met at byte `at` of a document that starts at byte `base`. `open` is
/// the innermost bracket not closed yet.
pub(super) fn explain(
    source: &Source,
    base: usize,
    at: usize,
    open: Option<Span>,
    info: &str,
    diagnostics: &mut Diagnostics,
) {
    let place = Place { text: &source.text, base, at, open: open.map(|span| span.start as usize) };
    let found = place.find(info);
    let end = (found.at + found.length).min(source.text.len());
    let span = Span { source: source.id, start: found.at.min(end) as u32, end: end as u32 };
    let code = if info.contains("recursion") { "too-deep" } else { "syntax" };
    let added = diagnostics.error(code, span, found.message);
    added.hint(found.hint);
    if let Some(fix) = found.fix {
        added.fix(span, fix);
    }
}

/// Where the parser stopped.
struct Place<'s> {
    text: &'s str,
    base: usize,
    at: usize,
    open: Option<usize>,
}

impl Place<'_> {
    fn find(&self, info: &str) -> Finding {
        let has = |words: &[&str]| words.iter().any(|word| info.contains(word));
        self.tab(info)
            .or_else(|| self.template())
            .or_else(|| if has(&["quoted scalar"]) { self.quote(info) } else { None })
            .or_else(|| if has(&["recursion"]) { Some(self.too_deep()) } else { None })
            .or_else(|| if has(&["unknown anchor"]) { Some(self.unknown_anchor()) } else { None })
            .or_else(|| if has(&["unexpected character", "anchor or alias"]) { Some(self.reserved()) } else { None })
            .or_else(|| if has(&["block scalar"]) { Some(self.block_scalar()) } else { None })
            .or_else(|| self.bracket(info))
            .or_else(|| if has(&["tag", "handle"]) { Some(self.tag()) } else { None })
            .or_else(|| if has(&["block sequence entries", "\"-\" is only valid"]) { Some(self.dash()) } else { None })
            .or_else(|| if has(&["mapping values", "followed by a valid YAML"]) { self.colon() } else { None })
            .or_else(|| if has(&["simple key", "mapping keys"]) { self.no_colon() } else { None })
            .or_else(|| if has(&["<document"]) { Some(self.after_document()) } else { None })
            .or_else(|| self.indentation(info))
            .unwrap_or_else(|| {
                finding(
                    self.at,
                    0,
                    format!("this is not valid YAML: {info}"),
                    "compare the indentation and punctuation with the lines above",
                )
            })
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The line that holds byte `at`: its start, and its text without the line break.
    fn line(&self, at: usize) -> (usize, &str) {
        let at = at.min(self.text.len());
        let start = self.bytes()[..at].iter().rposition(|&b| b == b'\n').map_or(0, |index| index + 1);
        let end = self.bytes()[at..].iter().position(|&b| b == b'\n').map_or(self.text.len(), |index| at + index);
        (start, self.text[start..end].trim_end_matches('\r'))
    }

    /// Lines before the one that holds byte `at`, nearest first, without blank ones and comments, back to the start of
    /// the document.
    fn lines_before(&self, at: usize) -> impl Iterator<Item = (usize, &str)> {
        let mut start = self.line(at).0;
        std::iter::from_fn(move || {
            while start > self.base {
                let (line_start, line) = self.line(start - 1);
                start = line_start;
                let trimmed = line.trim_start();
                if !trimmed.is_empty() && !trimmed.starts_with('#') {
                    return Some((line_start, line));
                }
            }
            None
        })
    }

    /// The line the error is about: the parser's, or the last one before it if that is blank.
    fn current(&self) -> (usize, &str) {
        let (start, line) = self.line(self.at);
        if line.trim().is_empty() { self.lines_before(self.at).next().unwrap_or((start, line)) } else { (start, line) }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    fn tab(&self, info: &str) -> Option<Finding> {
        let (start, line) = self.line(self.at);
        let indent = line.len() - line.trim_start().len();
        let tab = line[..indent].find('\t');
        if self.open.is_some() && !info.contains("tab") {
            return None;
        }
        let at = match tab {
            Some(tab) => start + tab,
            None if info.contains("tab") && self.char_at(self.at) == Some('\t') => self.at,
            None if info.contains("tab") => start + line.find('\t')?,
            None => return None,
        };
        Some(finding(at, 1, "a tab where YAML allows only spaces", "indent with spaces"))
    }

    fn template(&self) -> Option<Finding> {
        let (start, line) = self.current();
        let at = line.find("{{").or_else(|| line.find("{%"))?;
        let message = format!("`{}` starts a template, not a value", &line[at..at + 2]);
        Some(finding(start + at, 2, message, "render templates first: helm template, envsubst …"))
    }

    /// Problems within quotes or right after them.
    fn quote(&self, info: &str) -> Option<Finding> {
        let quote = self.char_at(self.at).filter(|c| matches!(c, '"' | '\''));
        if info.contains("trailing content") && (self.open.is_some() || self.in_json()) {
            let at = self.text[..self.at].trim_end().len();
            return Some(finding(
                at,
                0,
                "expected `:` or `,` after the closing quote",
                "text that goes on needs a comma",
            ));
        }
        if info.contains("trailing content") {
            let hint = "put the whole text in quotes; within '…' a quote is written ''";
            return Some(finding(self.at, 1, "text after the closing quote", hint));
        }
        if info.contains("escape") || info.contains("hexadecimal") {
            let at = self.bad_escape(self.at + 1).unwrap_or(self.at);
            let length = 1 + self.char_at(at + 1).map_or(0, char::len_utf8);
            let escape = self.text.get(at..at + length).unwrap_or("\\");
            let hint = "write \\\\ for a backslash, or use single quotes";
            return Some(finding(at, length, format!("`{escape}` is not an escape that YAML knows"), hint));
        }
        let quote = quote?;
        let hint = format!("close it with {quote} on the same line, or indent the lines that continue it");
        Some(finding(self.at, 1, format!("the quote {quote} is not closed"), hint))
    }

    /// The first escape sequence from `from` on that is none.
    fn bad_escape(&self, from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(c) = self.char_at(at) {
            if c == '"' {
                return None;
            }
            if c == '\\' {
                let next = self.char_at(at + 1)?;
                let digits = match next {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                let hex = self.text.get(at + 2..at + 2 + digits);
                let good = hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
                    && (digits == 0
                        || hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32).is_some());
                if !"0abt\tnvfre \"/\\N_LPxuU\n".contains(next) || (digits > 0 && !good) {
                    return Some(at);
                }
                at += 1 + next.len_utf8();
            } else {
                at += c.len_utf8();
            }
        }
        None
    }

    fn too_deep(&self) -> Finding {
        let message = format!("lists and mappings are nested more than {} deep", super::DEPTH_MAX);
        finding(self.at, 1, message, "no Kubernetes object needs that; is a bracket left open?")
    }

    fn word_at(&self, at: usize) -> &str {
        let rest = self.text.get(at..).unwrap_or("");
        &rest[..rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(rest.len())]
    }

    fn unknown_anchor(&self) -> Finding {
        let word = self.word_at(self.at);
        let name = word.trim_start_matches('*');
        let hint = format!("define it first with &{name}; a text that starts with * needs quotes");
        finding(self.at, word.len(), format!("there is no anchor &{} before this", excerpt(name)), hint)
    }

    fn reserved(&self) -> Finding {
        let c = self.char_at(self.at).unwrap_or(' ');
        let (start, _) = self.line(self.at);
        // An alias without a name is reported after its `*`.
        let at = if matches!(c, '@' | '`' | '%' | '*' | '&') { self.at } else { self.at.saturating_sub(1).max(start) };
        let c = self.char_at(at).unwrap_or(c);
        if c.is_control() {
            let message = format!("the character U+{:04X} cannot stand in YAML", c as u32);
            return finding(at, c.len_utf8(), message, "remove it; some editors show it as a space");
        }
        finding(at, c.len_utf8(), format!("a value cannot start with `{c}`"), "put the value in quotes")
    }

    fn block_scalar(&self) -> Finding {
        let (start, line) = self.current();
        let at = line.rfind(['|', '>']).map_or(self.at, |at| start + at);
        finding(
            at,
            1,
            "a block of text is not laid out as its header says",
            "end the line after | or >, and indent every line of the text alike",
        )
    }

    fn tag(&self) -> Finding {
        let at = self.line(self.at).1.find('!').map_or(self.at, |at| self.line(self.at).0 + at);
        finding(
            at,
            self.word_at(at).len(),
            "a value that starts with `!` is a tag, and this one is not valid",
            "put the value in quotes",
        )
    }

    /// A bracket that is not closed, or closes nothing.
    fn bracket(&self, info: &str) -> Option<Finding> {
        let c = self.char_at(self.at);
        let Some(open) = self.open else {
            let (start, line) = self.line(self.at);
            let stray = c.filter(|c| matches!(c, ']' | '}')).map(|_| self.at).or_else(|| {
                let first = line.trim_start();
                first.starts_with([']', '}']).then(|| start + line.len() - first.len())
            })?;
            let bracket = self.char_at(stray)?;
            return Some(finding(
                stray,
                1,
                format!("`{bracket}` closes nothing"),
                "remove it, or open the bracket it belongs to",
            ));
        };
        let (bracket, close) = if self.bytes().get(open) == Some(&b'[') { ('[', ']') } else { ('{', '}') };
        let same_line = self.line(open).0 == self.line(self.at).0;
        if let Some(wrong) = c.filter(|c| matches!(c, ']' | '}') && *c != close) {
            let message = format!("`{wrong}` does not close `{bracket}`");
            return Some(finding(self.at, 1, message, format!("close it with `{close}`")));
        }
        let at_end = self.text.get(self.at..).is_none_or(|rest| rest.trim().is_empty() || rest.starts_with("---"));
        if at_end || (!same_line && !self.in_json()) || info.contains("end of") {
            let message = format!("the bracket `{bracket}` is not closed");
            return Some(finding(open, 1, message, format!("close it with `{close}`")));
        }
        // Between two elements: point right after the one before. At a colon, the key before it is already the next one.
        let next = if c == Some(':') { self.key_before(self.at) } else { self.at };
        let before = self.text[..next].trim_end().len();
        let hint = "elements between brackets are separated by commas";
        Some(finding(before, 0, format!("expected `,` or `{close}`"), hint))
    }

    /// Where the key that ends at `end` starts: a word, or a text in quotes.
    fn key_before(&self, end: usize) -> usize {
        let before = self.text[..end].trim_end();
        match before.strip_suffix(['"', '\'']) {
            Some(inner) => inner.rfind(&before[inner.len()..]).unwrap_or(end),
            None => before.rfind(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | '{')).map_or(end, |at| at + 1),
        }
    }

    /// Whether the document is written with brackets from its start, where line ends say nothing about nesting.
    fn in_json(&self) -> bool {
        self.text[self.base..].trim_start().starts_with(['{', '['])
    }

    fn dash(&self) -> Finding {
        let (start, line) = self.line(self.at);
        let after_key = self.text[start..self.at].trim_end().ends_with(':');
        if after_key {
            let hint = "put it on a line of its own, below the key";
            return finding(self.at, 1, "a list cannot start on the line of its key", hint);
        }
        let indent = line.len() - line.trim_start().len();
        finding(start + indent, 1, "a list item where none can stand", "align it with the other items of the list")
    }

    /// A colon where no key can be.
    fn colon(&self) -> Option<Finding> {
        let (start, line) = self.line(self.at);
        let before = &line[..(self.at - start).min(line.len())];
        // `a: b: c` on one line.
        if let Some(value) = before.find(": ").map(|at| before[at + 2..].trim_start()) {
            let value_at = self.at - value.len();
            let rest = self.line(self.at).1[value_at - start..].trim_end();
            let hint = format!("put the value in quotes: \"{}\"", excerpt(rest));
            return Some(finding(self.at, 1, "a second colon in one line", hint));
        }
        let (above_start, above) = self.lines_before(self.at).next()?;
        let content = above.trim_start();
        let item = content.trim_start_matches("- ");
        // `name:x` above is a text that goes on here.
        if let Some((name, value)) = item.split_once(':')
            && value.starts_with(|c: char| !c.is_whitespace())
            && !item.contains(": ")
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        {
            let at = above_start + above.len() - item.len() + name.len();
            let hint = format!("write `{}: {}`", excerpt(name), excerpt(value));
            let mut found = finding(at, 1, "a space is missing after the colon", hint);
            found.fix = Some(": ");
            return Some(found);
        }
        if !item.contains(':') && !content.starts_with("- ") {
            return Some(missing_colon(above_start, above));
        }
        self.too_far_in(start, line, above)
    }

    /// The line is indented deeper than the line above, which already has a value.
    fn too_far_in(&self, start: usize, line: &str, above: &str) -> Option<Finding> {
        let indent = indent_of(line);
        let (above_indent, mut above_name) = (content_column(above), above.trim_start());
        above_name = above_name.trim_start_matches("- ");
        if indent <= above_indent {
            return None;
        }
        let name = excerpt(above_name.split(':').next().unwrap_or(above_name));
        let message = format!("wrong indentation: this is deeper than `{name}` above, which already has a value");
        Some(finding(
            start + indent,
            self.word_at(start + indent).trim_end_matches(':').len(),
            message,
            format!("indent it by {above_indent} spaces"),
        ))
    }

    /// A line that is neither a key with its value nor a list item.
    fn no_colon(&self) -> Option<Finding> {
        let (mut start, mut line) = self.line(self.at);
        // The parser may notice only on the next line.
        if line.contains(": ") || line.trim_end().ends_with(':') || line.trim().is_empty() {
            (start, line) = self.lines_before(self.at).next()?;
        }
        if line.contains(": ") || line.trim_end().ends_with(':') {
            return None;
        }
        Some(missing_colon(start, line))
    }

    fn after_document(&self) -> Finding {
        let (start, _) = self.line(self.base);
        if self.text[start..].starts_with('%') {
            let hint = "put it in quotes, or write `---` on the line below if it is one";
            return finding(start, 1, "a line that starts with % is a directive", hint);
        }
        finding(
            self.at,
            self.word_at(self.at).len(),
            "text after the end of the document",
            "start another document with `---`",
        )
    }

    fn indentation(&self, info: &str) -> Option<Finding> {
        let (start, line) = self.current();
        let indent = indent_of(line);
        let content = &line[indent..];
        let length = self.word_at(start + indent).trim_end_matches(':').len().max(1);
        let columns = self.open_columns(start);
        let is_item = |text: &str| text.starts_with("- ") || text == "-";
        if is_item(content) && columns.contains(&indent) {
            let item_above = self.lines_before(start).find(|(_, above)| is_item(above.trim_start()));
            let hint = match item_above {
                Some((_, above)) => format!("align it with the items above: indent it by {} spaces", indent_of(above)),
                None => "a mapping and a list cannot stand side by side; indent the item below its key".to_owned(),
            };
            return Some(finding(start + indent, 1, "a list item where a key is expected", hint));
        } else if info.contains("'-' indicator") && columns.contains(&indent) {
            let hint = "start it with `- `, or indent it below the item above";
            return Some(finding(start + indent, length, "a key where a list item is expected", hint));
        }
        if columns.contains(&indent) {
            return None;
        }
        let words: Vec<String> = columns.iter().map(usize::to_string).collect();
        let hint = match words.as_slice() {
            [] => "start at the left margin".to_owned(),
            words => format!("indent it by {} spaces", words.join(" or ")),
        };
        Some(finding(start + indent, length, "wrong indentation: nothing above starts in this column", hint))
    }

    /// The columns in which blocks that are still open started, from the outside in.
    fn open_columns(&self, at: usize) -> Vec<usize> {
        let mut columns: Vec<usize> = Vec::new();
        for (_, line) in self.lines_before(at) {
            let (dash, content) = (indent_of(line), content_column(line));
            let lowest = columns.last().copied().unwrap_or(usize::MAX);
            for column in [content, dash] {
                if column < lowest && columns.last() != Some(&column) {
                    columns.push(column);
                }
            }
            if dash == 0 || columns.len() > 16 {
                break;
            }
        }
        columns.reverse();
        columns
    }
}

fn missing_colon(start: usize, line: &str) -> Finding {
    let content = line.trim();
    let at = start + line.len() - line.trim_start().len();
    let item = content.trim_start_matches("- ");
    let name = excerpt(item);
    finding(
        at + content.len() - item.len(),
        item.len(),
        format!("`{name}` has no value: a colon is missing"),
        format!("write `{name}: …`"),
    )
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The column in which a line's key starts: after its indentation and dashes.
fn content_column(line: &str) -> usize {
    let mut rest = line.trim_start_matches(' ');
    while let Some(after) = rest.strip_prefix("- ") {
        rest = after.trim_start_matches(' ');
    }
    line.len() - rest.len()
}
