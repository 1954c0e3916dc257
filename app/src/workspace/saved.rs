//! A session as bytes: in a link, and in this browser's storage.

use crate::opening;
use podhop_engine::protocol::OpenFile;
use serde::{Deserialize, Serialize};

/// The format of what is written here. Another one needs another number.
const VERSION: &str = "1";
/// Most characters of a link's fragment that are read or written: more than that, and servers and chats cut it.
pub const LINK_MAX: usize = 60_000;
/// Most bytes that a link may unpack to.
pub const BYTES_MAX: usize = 4 << 20;

/// What it takes to open a session again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    pub title: String,
    pub seed: u64,
    /// As they were last applied.
    pub files: Vec<OpenFile>,
    /// Texts that are not applied, by the name of their file.
    pub typed: Vec<(String, String)>,
    /// Run one after the other until one of them sends a packet.
    pub commands: Vec<String>,
}

/// Why something that was saved cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Damaged,
    /// Written by a later podhop.
    Newer,
    TooLarge,
}

impl Trouble {
    /// What to tell whoever followed the link.
    pub fn text(self) -> &'static str {
        match self {
            Trouble::Damaged => "The link is damaged: a part of it is missing or changed. Ask for it again.",
            Trouble::Newer => {
                "The link was made by a newer podhop than this page. If reloading does not bring it, ask for the files instead."
            }
            Trouble::TooLarge => "The link unpacks to more than 4 MiB, so it is not opened. Ask for the files instead.",
        }
    }
}

impl Saved {
    /// What the page opens with.
    pub fn opening() -> Saved {
        let file = OpenFile { name: opening::FILE.into(), text: opening::MANIFEST.into(), live: true };
        Saved { title: opening::TITLE.into(), seed: opening::SEED, files: vec![file], ..Saved::default() }
    }

    /// The texts are the same: what commands have made of them does not count.
    pub fn same_texts(&self, other: &Saved) -> bool {
        let texts = |saved: &Saved| -> Vec<(String, String)> {
            saved.files.iter().map(|file| (file.name.clone(), file.text.clone())).collect()
        };
        self.typed == other.typed && texts(self) == texts(other)
    }

    /// Nothing of one's own is in it.
    pub fn is_opening(&self) -> bool {
        let opening = Saved::opening();
        (&self.title, &self.files, &self.typed) == (&opening.title, &opening.files, &opening.typed)
    }

    /// A cluster without anything of one's own.
    pub fn blank() -> Saved {
        let file = OpenFile { name: opening::FILE.into(), text: String::new(), live: true };
        Saved { title: "Empty cluster".into(), seed: opening::SEED, files: vec![file], ..Saved::default() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Saved, Trouble> {
        postcard::from_bytes(bytes).map_err(|_| Trouble::Damaged)
    }
}

/// `packed`, in base64 as browsers write it, as a link's fragment (without `#`).
pub fn fragment(packed: &str) -> String {
    let url = packed.trim_end_matches('=').replace('+', "-").replace('/', "_");
    [VERSION, ".", &url].concat()
}

/// The base64 in a link's fragment (without `#`). `None` if the fragment is something else, such as a heading.
pub fn packed(fragment: &str) -> Option<Result<String, Trouble>> {
    let (version, url) = fragment.split_once('.')?;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match version {
        _ if fragment.len() > LINK_MAX => Err(Trouble::TooLarge),
        VERSION => {
            let padding = "=".repeat(url.len().wrapping_neg() % 4);
            Ok([&url.replace('-', "+").replace('_', "/"), padding.as_str()].concat())
        }
        _ => Err(Trouble::Newer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_what_is_opened() {
        let saved = Saved {
            typed: vec![("a.yaml".into(), "kind: [".into())],
            commands: vec!["ping -c 1 10.244.1.2".into()],
            ..Saved::opening()
        };
        assert_eq!(Saved::from_bytes(&saved.to_bytes()), Ok(saved));
        assert_eq!(Saved::from_bytes(&[0xff; 9]), Err(Trouble::Damaged));
        assert_eq!(Saved::from_bytes(&[]), Err(Trouble::Damaged));
    }

    #[test]
    fn applying_a_file_changes_no_text() {
        let mut applied = Saved::opening();
        applied.files[0].live = !applied.files[0].live;
        assert!(applied.same_texts(&Saved::opening()));
        let typed = vec![("pods.yaml".into(), "kind: [".into())];
        assert!(!Saved { typed, ..Saved::opening() }.same_texts(&Saved::opening()));
        applied.files[0].text.push('#');
        assert!(!applied.same_texts(&Saved::opening()));
    }

    #[test]
    fn a_fragment_holds_base64_of_any_length() {
        for packed_text in ["", "TQ==", "TWE=", "TWFu", "+/+/+A=="] {
            assert_eq!(packed(&fragment(packed_text)), Some(Ok(packed_text.to_string())));
            assert!(!fragment(packed_text).contains(['+', '/', '=']));
        }
    }

    #[test]
    fn other_fragments_and_other_versions_are_told_apart() {
        assert_eq!(packed(""), None);
        assert_eq!(packed("heading"), None);
        assert_eq!(packed("a.b"), None);
        assert_eq!(packed("2.AAAA"), Some(Err(Trouble::Newer)));
        assert_eq!(packed(&["1.", &"A".repeat(LINK_MAX)].concat()), Some(Err(Trouble::TooLarge)));
    }
}
