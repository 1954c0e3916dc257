//! Redirections and here-documents (POSIX XCU 2.7).

use std::sync::{Arc, OnceLock};

use super::ast::*;
use super::error::SyntaxError;
use super::parse::{Parsed, Parser};

/// A here-document whose lines are still to come.
pub(super) struct Pending {
    pub body: Arc<OnceLock<Word>>,
    delimiter: String,
    quoted: bool,
    strip_tabs: bool,
}

impl Parser<'_> {
    pub(super) fn here_document(&mut self, pending: &Pending) -> Parsed<Word> {
        let (start, line) = (self.at, self.line());
        let mut body = String::new();
        loop {
            if self.at >= self.text.len() {
                self.open_here_document = true;
                break;
            }
            let end = self.rest().find('\n').map_or(self.text.len(), |length| self.at + length);
            let mut line = &self.text[self.at..end];
            self.at = (end + 1).min(self.text.len());
            if pending.strip_tabs {
                line = line.trim_start_matches('\t');
            }
            if line == pending.delimiter {
                break;
            }
            body.push_str(line);
            body.push('\n');
        }
        if pending.quoted {
            return Ok(Word::text(body));
        }
        let mut inner = Parser::within(&body, self.depth);
        let parts = inner.quoted_parts(None).map_err(|error| SyntaxError { at: start, line, ..error })?;
        Ok(Word { parts })
    }

    /// Takes one redirection, if there is one here.
    pub(super) fn redirect(&mut self, redirects: &mut Vec<Redirect>) -> Parsed<bool> {
        let rest = self.rest();
        let both = rest.starts_with("&>");
        let digits = if both { 1 } else { rest.bytes().take_while(u8::is_ascii_digit).count() };
        if digits > 1 || !rest[digits..].starts_with(['<', '>']) {
            return Ok(false);
        }
        let operators = ["<<<", "<<-", "<<", "<&", "<", ">>", ">|", ">&", ">"];
        let operator = operators.iter().find(|operator| rest[digits..].starts_with(**operator)).copied().unwrap_or(">");
        let default = if operator.starts_with('<') { 0 } else { 1 };
        let fd = if both || digits == 0 { default } else { rest.as_bytes()[0] - b'0' };
        self.at += digits + operator.len();
        self.skip_blanks();
        let start = self.at;
        let Some(word) = self.word()? else { return Err(self.unexpected("")) };
        let target = match operator {
            "<<<" => {
                let mut word = word;
                word.parts.push(Part { quoted: true, kind: PartKind::Text("\n".into()) });
                RedirectTarget::Text(word)
            }
            "<<" | "<<-" => {
                let raw = &self.text[start..self.at];
                let quoted = raw.contains(['\'', '"', '\\']);
                let delimiter = raw.replace(['\'', '"', '\\'], "");
                let body = Arc::new(OnceLock::new());
                let strip_tabs = operator == "<<-";
                self.pending.push(Pending { body: body.clone(), delimiter, quoted, strip_tabs });
                RedirectTarget::HereDocument(body)
            }
            "<&" | ">&" if !both => RedirectTarget::Copy(word),
            "<" => RedirectTarget::Read(word),
            _ => RedirectTarget::Write { path: word, append: operator == ">>" },
        };
        redirects.push(Redirect { fd, target });
        if both {
            redirects.push(copy_out_to_err());
        }
        Ok(true)
    }
}

/// `2>&1`
pub(super) fn copy_out_to_err() -> Redirect {
    Redirect { fd: 2, target: RedirectTarget::Copy(Word::text("1".into())) }
}
