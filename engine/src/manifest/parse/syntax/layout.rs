//! Problems between lines: colons, dashes and indentation.

use super::{Finding, Place, finding};
use crate::manifest::parse::excerpt;

impl Place<'_> {
    pub(super) fn dash(&self) -> Finding {
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
    pub(super) fn colon(&self) -> Option<Finding> {
        let (start, line) = self.line(self.at);
        let before = &line[..(self.at - start).min(line.len())];
        // `a: b: c` on one line.
        if let Some(value) = before.find(": ").map(|at| before[at + 2..].trim_start()) {
            let value_at = (self.at - start).saturating_sub(value.len());
            let rest = line.get(value_at..).unwrap_or("").trim_end();
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
    pub(super) fn too_far_in(&self, start: usize, line: &str, above: &str) -> Option<Finding> {
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
    pub(super) fn no_colon(&self) -> Option<Finding> {
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

    pub(super) fn after_document(&self) -> Finding {
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

    pub(super) fn indentation(&self, info: &str) -> Option<Finding> {
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
    pub(super) fn open_columns(&self, at: usize) -> Vec<usize> {
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
