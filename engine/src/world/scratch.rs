//! Files that commands have written in containers and on machines: small, bounded, gone with their place.

use std::collections::BTreeMap;

/// Most bytes of all files together.
const BYTES_MAX: usize = 4 << 20;
/// Most files.
const FILES_MAX: usize = 1_024;

/// Files by place (a container's or machine's name) and absolute path. None: deleted there.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    files: BTreeMap<(String, String), Option<String>>,
    bytes: usize,
}

impl Scratch {
    /// The text of a file; the inner None says that it was deleted.
    pub fn get(&self, place: &str, path: &str) -> Option<Option<&str>> {
        self.files.get(&(place.to_owned(), path.to_owned())).map(Option::as_deref)
    }

    /// Replaces a file, or deletes it. False: there is no room.
    pub fn put(&mut self, place: &str, path: &str, text: Option<String>) -> bool {
        let key = (place.to_owned(), path.to_owned());
        let before = self.files.get(&key).map_or(0, |text| text.as_ref().map_or(0, String::len));
        let bytes = self.bytes - before + text.as_ref().map_or(0, String::len);
        if bytes > BYTES_MAX || self.files.len() >= FILES_MAX && !self.files.contains_key(&key) {
            return false;
        }
        self.bytes = bytes;
        self.files.insert(key, text);
        true
    }

    /// Paths of the files of a place, sorted, and whether each still exists.
    pub fn paths<'a>(&'a self, place: &'a str) -> impl Iterator<Item = (&'a str, bool)> + 'a {
        self.files
            .range((place.to_owned(), String::new())..)
            .take_while(move |((own, _), _)| own == place)
            .map(|((_, path), text)| (path.as_str(), text.is_some()))
    }
}
