//! Where one document ends and the next begins.

use std::ops::Range;

/// The next document's stretch of `text` from `position` on, its `---` line and directives included; `None` when
/// nothing but blank text is left. No scalar can contain a line that starts with `---` or `...` (YAML 1.2.2, 9.1.2), so
/// this needs no parsing, and a broken document cannot swallow the next.
pub(super) fn next_chunk(text: &str, position: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut start, mut at) = (position, position);
    let (mut marker, mut content) = (false, false);
    while at < bytes.len() {
        let end = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |index| at + index + 1);
        let line = &bytes[at..end];
        if is_marker(line, b"---") {
            if marker || content {
                if content {
                    return Some(start..at);
                }
                start = at;
            }
            marker = true;
            content = line[3..].iter().any(|b| !b.is_ascii_whitespace()) && !is_blank(&line[3..]);
        } else if is_marker(line, b"...") {
            if content {
                return Some(start..end);
            }
            (start, marker) = (end, false);
        } else if !is_blank(line) && (marker || content || line[0] != b'%') {
            content = true;
        }
        at = end;
    }
    content.then_some(start..bytes.len())
}

fn is_marker(line: &[u8], marker: &[u8; 3]) -> bool {
    line.starts_with(marker) && line.get(3).is_none_or(u8::is_ascii_whitespace)
}

/// Nothing but white space and a comment.
fn is_blank(line: &[u8]) -> bool {
    line.iter().find(|b| !b.is_ascii_whitespace()).is_none_or(|&b| b == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: &str) -> Vec<&str> {
        let (mut position, mut found) = (0, Vec::new());
        while let Some(chunk) = next_chunk(text, position) {
            position = chunk.end;
            found.push(&text[chunk]);
        }
        found
    }

    #[test]
    fn documents_end_at_markers() {
        assert_eq!(chunks("a: 1\n---\nb: 2\n"), ["a: 1\n", "---\nb: 2\n"]);
        assert_eq!(chunks("---\n---\n# none\n---\na: 1"), ["---\na: 1"]);
        assert_eq!(chunks("%YAML 1.2\n---\na: 1\n...\n# end\n"), ["%YAML 1.2\n---\na: 1\n...\n"]);
        assert_eq!(chunks("a: |\n  ---\n  x\n--- b\n---c\n"), ["a: |\n  ---\n  x\n", "--- b\n---c\n"]);
        assert_eq!(chunks("--- {a: 1}\r\n---\r\nb: 1"), ["--- {a: 1}\r\n", "---\r\nb: 1"]);
        assert_eq!(chunks(" \n# only a comment\n---\n"), [""; 0]);
    }
}
