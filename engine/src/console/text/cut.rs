//! `cut -f LIST [-d C] [-s]`, `cut -c LIST` and `tr [-cds] SET1 [SET2]`.

use super::tool::{Tool, lines};
use crate::console::shell::glob;

/// Runs `cut`.
pub(super) fn cut(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let characters = options.value('c').or(options.value('b'));
    let Some(list) = characters.or(options.value('f')) else {
        return tool.fail("expected a list of bytes, characters, or fields");
    };
    let mut ranges = Vec::new();
    for part in list.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let low = if low.is_empty() { Ok(1) } else { tool.number(low) };
        let high = if high.is_empty() { Ok(usize::MAX) } else { tool.number(high) };
        match (low, high) {
            (Ok(low @ 1..), Ok(high)) => ranges.push(low - 1..high),
            _ => return 1,
        }
    }
    let chosen = |index: usize| ranges.iter().any(|range| range.contains(&index));
    let delimiter = options.value('d').and_then(|text| text.chars().next()).unwrap_or('\t');
    let (text, failed) = tool.input(&options.words);
    for line in lines(&text) {
        if !tool.io.spend(line.len().saturating_mul(ranges.len()) / 16) {
            return 1;
        }
        let result: String = if characters.is_some() {
            line.chars().enumerate().filter(|(index, _)| chosen(*index)).map(|(_, c)| c).collect()
        } else if line.contains(delimiter) {
            let fields = line.split(delimiter).enumerate().filter(|(index, _)| chosen(*index));
            fields.map(|(_, field)| field).collect::<Vec<_>>().join(delimiter.encode_utf8(&mut [0; 4]))
        } else if options.has('s') {
            continue;
        } else {
            line.to_string()
        };
        tool.io.out(&format!("{result}\n"));
    }
    i32::from(failed)
}

/// Runs `tr`.
pub(super) fn tr(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let [first, rest @ ..] = options.words.as_slice() else { return tool.usage("expected a set of characters") };
    let from = set(first);
    let to = rest.first().map(|text| set(text)).unwrap_or_default();
    let complement = options.has('c') || options.has('C');
    let inside = |c: char| from.contains(&c) != complement;
    let squeeze = rest.last().map(|text| set(text)).unwrap_or_else(|| from.clone());
    let text = tool.io.read_all();
    if !tool.io.spend(text.len().saturating_mul(from.len() + to.len()) / 64) {
        return 1;
    }
    let mut result = String::with_capacity(text.len());
    for c in text.chars() {
        let mut c = c;
        if inside(c) {
            if options.has('d') {
                continue;
            }
            let index = if complement { usize::MAX } else { from.iter().rposition(|other| *other == c).unwrap_or(0) };
            c = to.get(index).or(to.last()).copied().unwrap_or(c);
        }
        let squeezed = if rest.is_empty() { inside(c) } else { squeeze.contains(&c) };
        if options.has('s') && squeezed && result.ends_with(c) {
            continue;
        }
        result.push(c);
    }
    tool.io.out(&result);
    0
}

/// The characters of a set: `a-z`, `[:upper:]`, escapes.
fn set(text: &str) -> Vec<char> {
    let chars: Vec<char> = super::unescape(text).0.chars().collect();
    let mut set = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match chars[at..] {
            ['[', ':', ..] => {
                let Some(length) = chars[at + 2..].windows(2).position(|pair| pair == [':', ']']) else {
                    set.push('[');
                    at += 1;
                    continue;
                };
                let name: String = chars[at + 2..at + 2 + length].iter().collect();
                set.extend((0..128u8).map(char::from).filter(|c| glob::class(&name, *c)));
                at += length + 4;
            }
            // Sets are of ASCII in practice; a wider range is cut there.
            [low, '-', high, ..] if low <= high => {
                set.extend((low..=high).take(256));
                at += 3;
            }
            [single, ..] => {
                set.push(single);
                at += 1;
            }
            [] => break,
        }
    }
    set
}
