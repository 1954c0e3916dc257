//! Regular expressions of a Corefile.

use regex_lite::Regex;
use std::sync::Arc;

/// A compiled pattern, equal to another if it is written the same.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Arc<str>,
    regex: Regex,
}

impl Pattern {
    /// Err: what is wrong with it.
    pub fn new(text: &str) -> Result<Pattern, String> {
        let regex = Regex::new(text).map_err(|error| error.to_string())?;
        Ok(Pattern { text: text.into(), regex })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// How many groups it has, the whole match left out.
    pub fn groups_count(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// The groups of the first match, the whole first, each with its name if it has one. None: no match.
    pub fn groups(&self, text: &str) -> Option<Vec<(Option<String>, String)>> {
        let captures = self.regex.captures(text)?;
        let names = self.regex.capture_names().map(|name| name.map(str::to_owned));
        let group = |(i, name)| (name, captures.get(i).map_or("", |group| group.as_str()).to_owned());
        Some(names.enumerate().map(group).collect())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}
