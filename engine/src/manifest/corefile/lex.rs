//! Words of a Corefile. Models github.com/coredns/caddy caddyfile/lexer.go.

use super::{WORDS_MAX, Word};
use std::sync::Arc;

/// The words in order, at most `WORDS_MAX`. Words of an imported file have no place in the Corefile.
pub(super) fn words(text: &str, imported: Option<&Arc<str>>) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut line, mut word_line, mut start) = (1, 1, 0);
    let (mut value, mut begun, mut quoted, mut escaped, mut comment) = (String::new(), false, false, false, false);
    for (at, c) in text.char_indices().chain([(text.len(), '\n')]) {
        let mut end_word = |value: &mut String, end: usize| {
            if words.len() < WORDS_MAX {
                let (start, end) = if imported.is_some() { (0, 0) } else { (start as u32, end as u32) };
                let file = imported.cloned();
                words.push(Word { text: std::mem::take(value).into(), file, line: word_line, start, end });
            }
        };
        if quoted && at < text.len() {
            match c {
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                '"' if !escaped => {
                    (quoted, begun) = (false, false);
                    end_word(&mut value, at + 1);
                    continue;
                }
                '\n' => line += 1,
                _ => {}
            }
            // Only quotes are escaped.
            if escaped && c != '"' {
                value.push('\\');
            }
            value.push(c);
            escaped = false;
            continue;
        }
        if c.is_whitespace() {
            if begun && c != '\r' {
                begun = false;
                end_word(&mut value, at);
            }
            if c == '\n' {
                line += 1;
                comment = false;
            }
            continue;
        }
        comment |= c == '#';
        if comment {
            continue;
        }
        if !begun {
            (begun, start, word_line) = (true, at, line);
            if c == '"' {
                quoted = true;
                continue;
            }
        }
        value.push(c);
    }
    words
}
