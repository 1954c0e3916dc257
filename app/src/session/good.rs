//! The last state that is known to be good: what a new worker is opened with after a trap or a stop.

use podhop_engine::protocol::{FileView, OpenFile, ReplyBody, RequestBody};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Good {
    pub files: Vec<OpenFile>,
    pub seed: u64,
}

impl Good {
    /// Learns from an answered question.
    pub fn learn(&mut self, asked: &RequestBody, reply: &ReplyBody) {
        match (asked, reply) {
            (RequestBody::Open { seed, .. }, ReplyBody::Opened(opened)) => {
                self.seed = *seed;
                self.files.clear();
                self.take(&opened.files);
            }
            (RequestBody::Edit { file, text }, ReplyBody::Edited(edited)) => {
                let known = self.files.iter_mut().find(|known| known.name == *file);
                if let Some(known) = known.filter(|known| edited.applied || !known.live) {
                    known.text.clone_from(text);
                }
            }
            (_, ReplyBody::Console(console)) => self.take(&console.files),
            _ => {}
        }
    }

    fn take(&mut self, files: &[FileView]) {
        for file in files {
            let open = OpenFile { name: file.name.clone(), text: file.text.clone(), live: file.live };
            match self.files.iter_mut().find(|known| known.name == file.name) {
                Some(known) => *known = open,
                None => self.files.push(open),
            }
        }
    }

    /// The question that brings a new worker to this state.
    pub fn request(&self) -> RequestBody {
        RequestBody::Open { files: self.files.clone(), seed: self.seed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use podhop_engine::protocol::{Edited, Opened, Scene};

    fn file(name: &str, text: &str, live: bool) -> FileView {
        FileView { name: name.into(), text: text.into(), live, read_only: false }
    }

    fn edited(applied: bool) -> ReplyBody {
        let scene = Scene::default();
        ReplyBody::Edited(Edited { revision: 1, applied, files: vec![], diagnostics: vec![], changes: vec![], scene })
    }

    #[test]
    fn a_live_file_is_remembered_as_last_applied() {
        let mut good = Good::default();
        let files = vec![file("a.yaml", "one", true), file("b.yaml", "draft", false)];
        let opened = Opened { revision: 1, files, diagnostics: vec![], scene: Scene::default() };
        good.learn(&RequestBody::Open { files: vec![], seed: 7 }, &ReplyBody::Opened(opened));
        let edit = |file: &str, text: &str| RequestBody::Edit { file: file.into(), text: text.into() };
        good.learn(&edit("a.yaml", "two"), &edited(true));
        good.learn(&edit("a.yaml", "broken: ["), &edited(false));
        good.learn(&edit("b.yaml", "draft 2"), &edited(false));
        let texts: Vec<&str> = good.files.iter().map(|file| file.text.as_str()).collect();
        assert_eq!(texts, ["two", "draft 2"]);
        assert_eq!(good.seed, 7);
    }
}
