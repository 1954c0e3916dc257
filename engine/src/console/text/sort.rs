//! `sort [-nrufbV] [-t C] [-k N[,M][nr]]` and `uniq [-cdui]`.

use std::cmp::Ordering;

use super::tool::{Tool, lines};

#[derive(Clone, Debug, Default)]
struct SortKey {
    /// First and last field, counted from 0.
    from: usize,
    to: Option<usize>,
    numeric: bool,
    reverse: bool,
}

/// Runs `sort`.
pub(super) fn sort(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let mut keys = Vec::new();
    for text in options.values('k') {
        match sort_key(text) {
            Some(key) => keys.push(key),
            None => return tool.fail("bad field specification"),
        }
    }
    let (numeric, reverse) = (options.has('n') || options.has('V'), options.has('r'));
    if keys.is_empty() {
        keys.push(SortKey::default());
    }
    for key in &mut keys {
        key.numeric |= numeric;
        key.reverse |= reverse;
    }
    let separator = options.value('t').and_then(|text| text.chars().next());
    let (text, failed) = tool.input(&options.words);
    let mut sorted: Vec<&str> = lines(&text).collect();
    let by_keys = |a: &&str, b: &&str| {
        let orders = keys.iter().map(|key| {
            let (a, b) = (field(a, key, separator), field(b, key, separator));
            let order = match () {
                _ if options.has('V') => versions(a, b),
                _ if key.numeric => number(a).total_cmp(&number(b)),
                _ if options.has('f') => a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()),
                _ => a.cmp(b),
            };
            if key.reverse { order.reverse() } else { order }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    };
    if !tool.io.spend(text.len() * 2) {
        return 2;
    }
    let last_resort = !options.has('s') && !options.has('u');
    sorted.sort_by(|a, b| {
        let whole = || if reverse { b.cmp(a) } else { a.cmp(b) };
        if last_resort { by_keys(a, b).then_with(whole) } else { by_keys(a, b) }
    });
    if options.has('u') {
        sorted.dedup_by(|a, b| by_keys(a, b) == Ordering::Equal);
    }
    let result: String = sorted.iter().flat_map(|line| [line, "\n"]).collect();
    match options.value('o') {
        Some(file) => {
            if let Err(error) = tool.host.write_file(&tool.session.absolute(file), &result, false) {
                return tool.fail(&format!("{file}: {}", error.message()));
            }
        }
        None => tool.io.out(&result),
    }
    if failed { 2 } else { 0 }
}

/// `2`, `2,3`, `2nr`, `1,1n`; characters within fields (`1.3`) are not counted.
fn sort_key(text: &str) -> Option<SortKey> {
    let mut key = SortKey::default();
    for (index, part) in text.splitn(2, ',').enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let field: usize = part[..digits].parse().ok().filter(|field| *field > 0)?;
        for letter in part[digits..].chars() {
            match letter {
                'n' | 'V' => key.numeric = true,
                'r' => key.reverse = true,
                'b' | 'f' => {}
                _ => return None,
            }
        }
        match index {
            0 => key.from = field - 1,
            _ => key.to = Some(field - 1),
        }
    }
    Some(key)
}

/// The part of a line that a key compares.
fn field<'t>(line: &'t str, key: &SortKey, separator: Option<char>) -> &'t str {
    if key.from == 0 && key.to.is_none() {
        return line;
    }
    // Where each field begins and ends; without a separator a field begins with the blanks before it.
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut start = 0;
    let mut inside = false;
    for (at, c) in line.char_indices() {
        let ends = match separator {
            Some(separator) => c == separator,
            None => c.is_ascii_whitespace() && inside,
        };
        if ends {
            spans.push((start, at));
            start = if separator.is_some() { at + c.len_utf8() } else { at };
            inside = false;
        }
        inside |= !c.is_ascii_whitespace();
    }
    spans.push((start, line.len()));
    let Some((from, _)) = spans.get(key.from) else { return "" };
    let to = key.to.and_then(|to| spans.get(to)).map_or(line.len(), |(_, end)| *end);
    line.get(*from..to).unwrap_or("")
}

/// The number that a text begins with, otherwise 0.
fn number(text: &str) -> f64 {
    let text = text.trim_start();
    let sign = usize::from(text.starts_with('-'));
    let length = text[sign..].bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    text[..sign + length].parse().unwrap_or(0.0)
}

/// `10.244.2.9` before `10.244.10.1`: runs of digits compare as numbers.
fn versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let run = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (digits_a, digits_b) = (run(a), run(b));
        if digits_a > 0 && digits_b > 0 {
            let (number_a, number_b) = (a[..digits_a].trim_start_matches('0'), b[..digits_b].trim_start_matches('0'));
            let order = number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[digits_a..], &b[digits_b..]);
            continue;
        }
        match (a.chars().next(), b.chars().next()) {
            (Some(first), Some(second)) if first == second => {
                (a, b) = (&a[first.len_utf8()..], &b[second.len_utf8()..]);
            }
            (first, second) => return first.cmp(&second),
        }
    }
}

/// Runs `uniq`.
pub(super) fn uniq(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let (text, failed) = tool.input(&options.words);
    if failed {
        return 1;
    }
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for line in lines(&text) {
        let same = |before: &str| before == line || (options.has('i') && before.eq_ignore_ascii_case(line));
        match groups.last_mut() {
            Some((before, count)) if same(before) => *count += 1,
            _ => groups.push((line, 1)),
        }
    }
    for (line, count) in groups {
        if (options.has('d') && count == 1) || (options.has('u') && count > 1) {
            continue;
        }
        tool.io.out(&if options.has('c') { format!("{count:7} {line}\n") } else { format!("{line}\n") });
    }
    0
}
