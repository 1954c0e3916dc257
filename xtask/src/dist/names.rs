//! Content hashes in file names, and the references that must follow.
//!
//! A script, style sheet or module `name.ext` becomes `name-HASH.ext`, so that it can be cached for ever. The hash is
//! over the content with its own references renamed already: a change in a file changes the names of all that lead to it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use anyhow::{Result, bail};

use super::Files;

/// Files whose address others know: they keep their names.
const KEPT: [&str; 2] = ["index.html", "sw.js"];
const HASHED: [&str; 3] = ["js", "css", "wasm"];
const TEXT: [&str; 5] = ["html", "js", "css", "webmanifest", "json"];

/// Renames what can be cached for ever, and every reference to it.
pub fn hashed(mut files: Files) -> Result<Files> {
    let mut waiting: Vec<String> = files.keys().cloned().collect();
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut done = Files::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|name| {
            let others = waiting.iter().filter(|other| *other != name && is_hashed(other));
            !is_text(name) || references(&files[name], others).next().is_none()
        });
        let Some(ready) = ready else { bail!("these files name each other in a circle: {}", waiting.join(", ")) };
        let name = waiting.remove(ready);
        let mut content = files.remove(&name).unwrap_or_default();
        if is_text(&name) {
            content = with_new_names(&String::from_utf8_lossy(&content), &renamed).into_bytes();
        }
        let new_name = if is_hashed(&name) { with_hash(&name, &content) } else { name.clone() };
        renamed.insert(name, new_name.clone());
        done.insert(new_name, content);
    }
    Ok(done)
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_text(name: &str) -> bool {
    TEXT.contains(&extension(name))
}

fn is_hashed(name: &str) -> bool {
    HASHED.contains(&extension(name)) && !KEPT.contains(&name)
}

fn with_hash(name: &str, content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    let hash = hasher.finish();
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{hash:016x}.{extension}"),
        None => name.to_string(),
    }
}

fn references<'a>(content: &[u8], names: impl Iterator<Item = &'a String>) -> impl Iterator<Item = &'a String> {
    let text = String::from_utf8_lossy(content).into_owned();
    names.filter(move |name| find(&text, name, 0).is_some())
}

/// Where a file name stands by itself in a text: `worker.js` is not in `podhop-worker.js`.
fn find(text: &str, name: &str, from: usize) -> Option<usize> {
    let in_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text[from..].match_indices(name).map(|(at, _)| from + at).find(|&at| {
        let before = text.as_bytes()[..at].last();
        let after = text.as_bytes().get(at + name.len());
        // `./worker.js` is the file; `..worker.js` is no path at all.
        before.is_none_or(|&byte| !in_a_name(byte)) && after.is_none_or(|&byte| !in_a_name(byte))
    })
}

fn with_new_names(text: &str, renamed: &BTreeMap<String, String>) -> String {
    let mut text = text.to_string();
    for (old, new) in renamed.iter().filter(|(old, new)| old != new) {
        let mut from = 0;
        while let Some(at) = find(&text, old, from) {
            text.replace_range(at..at + old.len(), new);
            from = at + new.len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(name, content)| (name.to_string(), content.as_bytes().to_vec())).collect()
    }

    fn page_of(list: &[(&str, &str)]) -> String {
        String::from_utf8(hashed(files(list)).unwrap().remove("index.html").unwrap()).unwrap()
    }

    #[test]
    fn references_follow_and_only_whole_names_count() {
        let shipped = hashed(files(&[
            ("index.html", "src=\"./worker.js\" href=\"podhop-worker.js\" icon.svg"),
            ("worker.js", "import './podhop-worker.js'"),
            ("podhop-worker.js", "1"),
            ("icon.svg", "<svg/>"),
        ]))
        .unwrap();
        let html = String::from_utf8_lossy(&shipped["index.html"]);
        for name in shipped.keys().filter(|name| *name != "index.html") {
            assert!(find(&html, name, 0).is_some(), "{name} is not in {html}");
        }
        assert!(shipped.contains_key("icon.svg"));
        assert!(!shipped.contains_key("worker.js"));
    }

    #[test]
    fn a_change_renames_everything_that_leads_to_it() {
        let site = |leaf| page_of(&[("index.html", "a.js"), ("a.js", "import 'b.js'"), ("b.js", leaf)]);
        assert_ne!(site("1"), site("2"));
        assert_eq!(site("1"), site("1"));
    }

    #[test]
    fn a_circle_of_references_is_an_error() {
        assert!(hashed(files(&[("a.js", "b.js"), ("b.js", "a.js")])).is_err());
    }
}
