//! Text, positions and colours of the editor, without a browser.

use podhop_engine::protocol::{DiagnosticView, FileView, TextRange};

/// What a stretch of YAML is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Key,
    Text,
    Comment,
}

/// Larger texts, in bytes, are not edited here: a text area, or CodeMirror's copies of it, would hold up the page for a
/// minute and more.
const EDITED_MAX: usize = 2 << 20;
/// What is shown of them.
const BEGINNING: usize = 128 << 10;

/// What of a text is shown, and whether it is only its beginning, which then ends with a whole line where it can.
pub fn shown(text: &str) -> (&str, bool) {
    if text.len() <= EDITED_MAX {
        return (text, false);
    }
    let end = (0..=BEGINNING).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = text[..end].rfind('\n').map_or(end, |line| line + 1);
    (&text[..end], true)
}

/// Whether a line (1-based) of a text is shown.
pub fn shows(text: &str, line: u32) -> bool {
    let (beginning, cut) = shown(text);
    !cut || line as usize <= beginning.lines().count()
}

/// What is underlined in a file: problems of what is shown of it, with fixes where it can be edited. A note speaks of a
/// whole object; underlined, it would look like an error.
pub fn underlined(file: &FileView, all: &[DiagnosticView]) -> Vec<DiagnosticView> {
    let (beginning, cut) = shown(&file.text);
    let lines = if cut { beginning.lines().count() } else { usize::MAX };
    let here = |one: &&DiagnosticView| {
        one.at.file == file.name && one.severity != "info" && one.at.end_line.max(one.at.line) as usize <= lines
    };
    let mut found: Vec<DiagnosticView> = all.iter().filter(here).cloned().collect();
    if cut || file.read_only {
        found.iter_mut().for_each(|one| one.fix = None);
    }
    found
}

/// Takes the fixes of what is known of the cluster from these files: their texts have moved on.
pub fn without_fixes(all: &mut [DiagnosticView], file: impl Fn(&str) -> bool) {
    all.iter_mut().filter(|one| one.about_cluster && file(&one.at.file)).for_each(|one| one.fix = None);
}

/// `38 MB`
pub fn megabytes(text: &str) -> String {
    [&(text.len() / 1_000_000).to_string(), " MB"].concat()
}

impl Kind {
    pub fn class(self) -> &'static str {
        match self {
            Kind::Plain => "",
            Kind::Key => "y-key",
            Kind::Text => "y-text",
            Kind::Comment => "y-comment",
        }
    }
}

/// One stretch of a line; `class` joins its colour and its underline.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub text: String,
    pub class: String,
}

/// Colours a line of YAML. Only the eye depends on it, so a line is coloured by itself.
pub fn kinds(line: &str) -> Vec<(Kind, &str)> {
    let mut spans = Vec::new();
    let body = line.trim_start_matches([' ', '-']);
    let (lead, rest) = line.split_at(line.len() - body.len());
    if rest.is_empty() || rest.starts_with('#') {
        return vec![(Kind::Comment, line)];
    }
    if !lead.is_empty() {
        spans.push((Kind::Plain, lead));
    }
    let comment_at = comment_start(rest);
    let (code, comment) = rest.split_at(comment_at);
    let is_key = |c: char| c.is_alphanumeric() || "-_./\"'".contains(c);
    let key_len = code.find(|c: char| !is_key(c)).unwrap_or(code.len());
    let after = &code[key_len..];
    if key_len > 0 && (after == ":" || after.starts_with(": ")) {
        spans.push((Kind::Key, &code[..key_len]));
        spans.push((Kind::Plain, ":"));
        value(&after[1..], &mut spans);
    } else {
        value(code, &mut spans);
    }
    if !comment.is_empty() {
        spans.push((Kind::Comment, comment));
    }
    spans
}

fn value<'a>(code: &'a str, spans: &mut Vec<(Kind, &'a str)>) {
    if code.is_empty() {
        return;
    }
    let quoted = code.trim_start();
    let kind = if quoted.starts_with(['"', '\'']) { Kind::Text } else { Kind::Plain };
    spans.push((kind, code));
}

/// A `#` after a space, outside quotes.
fn comment_start(code: &str) -> usize {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in code.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '#' && before.is_whitespace() => return at,
            None => {}
        }
        before = c;
    }
    code.len()
}

/// The part of line `number` (1-based) that a range covers: columns from and to, 0-based, in characters.
pub fn columns_of(range: &TextRange, number: u32, line_len: usize) -> Option<(usize, usize)> {
    if number < range.line || number > range.end_line.max(range.line) {
        return None;
    }
    let from = if number == range.line { range.column.saturating_sub(1) as usize } else { 0 };
    let to = if number == range.end_line { range.end_column.saturating_sub(1) as usize } else { line_len };
    let from = from.min(line_len.saturating_sub(1));
    Some((from, to.clamp(from + 1, line_len.max(from + 1))))
}

/// The spans of line `number` of `file`, with colours, and the tokens of diagnostics underlined.
pub fn spans(line: &str, number: u32, file: &str, diagnostics: &[DiagnosticView]) -> Vec<Span> {
    let len = line.chars().count();
    let under: Vec<(usize, usize, &str)> = diagnostics
        .iter()
        // A note speaks of a whole object; underlined, it would look like an error.
        .filter(|diagnostic| diagnostic.at.file == file && diagnostic.severity != "info")
        .filter_map(|diagnostic| {
            let (from, to) = columns_of(&diagnostic.at, number, len)?;
            Some((from, to, diagnostic.severity.as_str()))
        })
        .collect();
    let mut spans: Vec<Span> = Vec::new();
    let mut column = 0;
    for (kind, text) in kinds(line) {
        for c in text.chars() {
            let severity = under.iter().find(|(from, to, _)| (*from..*to).contains(&column)).map(|under| under.2);
            let class = match severity {
                Some(severity) => [kind.class(), " u-", severity].concat(),
                None => kind.class().to_string(),
            };
            match spans.last_mut() {
                Some(last) if last.class == class => last.text.push(c),
                _ => spans.push(Span { text: c.to_string(), class }),
            }
            column += 1;
        }
    }
    // A token that is missing at the end of a line is underlined there.
    if let Some((_, _, severity)) = under.iter().find(|(_, to, _)| *to > len) {
        spans.push(Span { text: " ".into(), class: [" u-", severity].concat() });
    }
    spans
}

/// The lines to draw: first (0-based) and one past the last, with a line of reserve at both ends.
pub fn visible(scroll: f64, height: f64, line_height: f64, lines: usize) -> (usize, usize) {
    let first = (scroll / line_height).floor().max(0.0) as usize;
    let count = (height / line_height).ceil().max(0.0) as usize + 2;
    let first = first.saturating_sub(1).min(lines.saturating_sub(1));
    (first, (first + count + 1).min(lines))
}

/// The byte at a 1-based line and column (in characters), at most the end of that line.
pub fn byte_at(text: &str, line: u32, column: u32) -> usize {
    let mut start = 0;
    for _ in 1..line.max(1) {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let line = text[start..].split('\n').next().unwrap_or_default();
    let skip = column.saturating_sub(1) as usize;
    start + line.char_indices().nth(skip).map_or(line.len(), |(at, _)| at)
}

/// The text with a range replaced.
pub fn replaced(text: &str, range: &TextRange, by: &str) -> String {
    let from = byte_at(text, range.line, range.column);
    let to = byte_at(text, range.end_line, range.end_column).max(from);
    [&text[..from], by, &text[to..]].concat()
}

/// The browser counts in UTF-16 units.
pub fn utf16_at(text: &str, byte: usize) -> u32 {
    text[..byte.min(text.len())].encode_utf16().count() as u32
}

/// The 1-based line of a UTF-16 offset.
pub fn line_at(text: &str, offset: u32) -> u32 {
    let mut units = 0;
    let mut line = 1;
    for c in text.chars() {
        if units >= offset {
            break;
        }
        units += c.len_utf16() as u32;
        line += u32::from(c == '\n');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_very_large_text_whole_lines_of_its_beginning_are_shown() {
        assert_eq!(shown("kind: Pod\n"), ("kind: Pod\n", false));
        let large = "name: größe\n".repeat(400_000);
        let (beginning, cut) = shown(&large);
        assert!(cut && beginning.ends_with("größe\n") && beginning.len() <= BEGINNING, "{}", beginning.len());
        assert_eq!(megabytes(&large), "5 MB");
        let line = "ß".repeat(2 << 20);
        assert_eq!(shown(&line).0.len(), BEGINNING);
    }

    #[test]
    fn of_a_cut_file_only_what_is_shown_is_underlined_and_nothing_is_mended() {
        let fix = Some((range(1, 1, 1, 4), "name".to_string()));
        let at = |line: u32| DiagnosticView { fix: fix.clone(), ..diagnostic(range(line, 1, line, 4)) };
        let note = DiagnosticView { severity: "info".into(), ..at(1) };
        let elsewhere = range(1, 1, 1, 4);
        let elsewhere = DiagnosticView { at: TextRange { file: "b.yaml".into(), ..elsewhere }, ..at(1) };
        let all = [at(1), at(300_000), note, elsewhere];
        let of = |text: &str, read_only: bool| {
            let file = FileView { name: "a.yaml".into(), text: text.into(), live: true, read_only };
            underlined(&file, &all).iter().map(|one| (one.at.line, one.fix.is_some())).collect::<Vec<_>>()
        };
        let (small, large) = ("nam: a\n", "nam: a\n".repeat(400_000));
        assert_eq!(of(small, false), [(1, true), (300_000, true)]);
        assert_eq!(of(small, true), [(1, false), (300_000, false)]);
        assert_eq!(of(&large, false), [(1, false)]);
        assert!(shows(&large, 1) && !shows(&large, 300_000) && shows(small, 300_000));
        let last = shown(&large).0.lines().count() as u32;
        assert!(shows(&large, last) && !shows(&large, last + 1));
    }

    #[test]
    fn problems_of_the_cluster_lose_their_fixes_when_their_text_moves_on() {
        let of = |file: &str, about_cluster: bool| {
            let at = TextRange { file: file.into(), ..range(1, 1, 1, 4) };
            DiagnosticView { about_cluster, fix: Some((at.clone(), "name".into())), ..diagnostic(at) }
        };
        let mut all = [of("a.yaml", true), of("a.yaml", false), of("b.yaml", true)];
        without_fixes(&mut all, |file| file == "a.yaml");
        assert_eq!(all.map(|one| one.fix.is_some()), [false, true, true]);
    }

    fn range(line: u32, column: u32, end_line: u32, end_column: u32) -> TextRange {
        TextRange { file: "a.yaml".into(), line, column, end_line, end_column }
    }

    fn diagnostic(at: TextRange) -> DiagnosticView {
        DiagnosticView {
            severity: "warning".into(),
            code: "c".into(),
            about_cluster: false,
            at,
            message: "m".into(),
            hint: None,
            fix: None,
        }
    }

    #[test]
    fn keys_values_and_comments_have_their_colours() {
        let kinds_of = |line| kinds(line).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(kinds_of("  name: pod-a # mine"), [Kind::Plain, Kind::Key, Kind::Plain, Kind::Plain, Kind::Comment]);
        assert_eq!(kinds_of("- image: \"a # b\""), [Kind::Plain, Kind::Key, Kind::Plain, Kind::Text]);
        assert_eq!(kinds_of("# all"), [Kind::Comment]);
        assert_eq!(kinds_of("url: http://x:80"), [Kind::Key, Kind::Plain, Kind::Plain]);
        for line in ["---", "", "  - a", "key:", "ä: ö # ü", ":", "- - :"] {
            assert_eq!(kinds(line).into_iter().map(|(_, text)| text).collect::<String>(), line);
        }
    }

    #[test]
    fn the_exact_token_is_underlined() {
        let spans = spans("    comand: [sleep]", 20, "a.yaml", &[diagnostic(range(20, 5, 20, 11))]);
        let under: Vec<&Span> = spans.iter().filter(|span| span.class.contains("u-warning")).collect();
        assert_eq!(under.len(), 1);
        assert_eq!(under[0].text, "comand");
    }

    #[test]
    fn an_error_at_the_end_of_a_line_still_shows() {
        for (line, at) in [("", range(1, 1, 1, 1)), ("a", range(1, 2, 1, 2)), ("a: b", range(1, 3, 3, 1))] {
            let spans = spans(line, 1, "a.yaml", &[diagnostic(at)]);
            assert!(spans.iter().any(|span| span.class.contains("u-warning")), "{line:?}: {spans:?}");
        }
        assert!(spans("a", 2, "a.yaml", &[diagnostic(range(1, 1, 1, 2))]).iter().all(|s| !s.class.contains("u-")));
    }

    #[test]
    fn a_fix_replaces_characters_not_bytes() {
        let text = "ä: 1\nöö: [comand]\n";
        assert_eq!(replaced(text, &range(2, 6, 2, 12), "command"), "ä: 1\nöö: [command]\n");
        assert_eq!(replaced(text, &range(9, 1, 9, 9), "x"), [text, "x"].concat());
        assert_eq!(utf16_at("ä😀b", "ä😀".len()), 3);
        assert_eq!(line_at("a\n😀\nc", 5), 3);
        assert_eq!(line_at("a\nb", 1), 1);
    }

    #[test]
    fn only_visible_lines_are_drawn() {
        assert_eq!(visible(0.0, 200.0, 20.0, 100_000), (0, 13));
        let (first, last) = visible(20_000.0, 200.0, 20.0, 100_000);
        assert!(first <= 1000 && last >= 1010 && last - first < 20);
        assert_eq!(visible(0.0, 200.0, 20.0, 3), (0, 3));
        assert_eq!(visible(900.0, 200.0, 20.0, 1), (0, 1));
    }
}
