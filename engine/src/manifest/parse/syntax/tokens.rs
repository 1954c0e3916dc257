//! Problems within one token: quotes, escapes, brackets, indicators.

use super::{Finding, Place, finding};
use crate::manifest::parse::{DEPTH_MAX, excerpt};

impl Place<'_> {
    pub(super) fn tab(&self, info: &str) -> Option<Finding> {
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

    pub(super) fn template(&self) -> Option<Finding> {
        let (start, line) = self.current();
        let at = line.find("{{").or_else(|| line.find("{%"))?;
        let message = format!("`{}` starts a template, not a value", &line[at..at + 2]);
        Some(finding(start + at, 2, message, "render templates first: helm template, envsubst …"))
    }

    /// Problems within quotes or right after them.
    pub(super) fn quote(&self, info: &str) -> Option<Finding> {
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
    pub(super) fn bad_escape(&self, from: usize) -> Option<usize> {
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

    pub(super) fn too_deep(&self) -> Finding {
        let message = format!("lists and mappings are nested more than {} deep", DEPTH_MAX);
        finding(self.at, 1, message, "no Kubernetes object needs that; is a bracket left open?")
    }

    pub(super) fn unknown_anchor(&self) -> Finding {
        let word = self.word_at(self.at);
        let name = word.trim_start_matches('*');
        let hint = format!("define it first with &{name}; a text that starts with * needs quotes");
        finding(self.at, word.len(), format!("there is no anchor &{} before this", excerpt(name)), hint)
    }

    pub(super) fn reserved(&self) -> Finding {
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

    pub(super) fn block_scalar(&self) -> Finding {
        let (start, line) = self.current();
        let at = line.rfind(['|', '>']).map_or(self.at, |at| start + at);
        finding(
            at,
            1,
            "a block of text is not laid out as its header says",
            "end the line after | or >, and indent every line of the text alike",
        )
    }

    pub(super) fn tag(&self) -> Finding {
        let at = self.line(self.at).1.find('!').map_or(self.at, |at| self.line(self.at).0 + at);
        finding(
            at,
            self.word_at(at).len(),
            "a value that starts with `!` is a tag, and this one is not valid",
            "put the value in quotes",
        )
    }

    /// A bracket that is not closed, or closes nothing.
    pub(super) fn bracket(&self, info: &str) -> Option<Finding> {
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
    pub(super) fn key_before(&self, end: usize) -> usize {
        let before = self.text[..end].trim_end();
        match before.strip_suffix(['"', '\'']) {
            Some(inner) => inner.rfind(&before[inner.len()..]).unwrap_or(end),
            None => {
                let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | '{')).next();
                before.len() - word.map_or(0, str::len)
            }
        }
    }
}
