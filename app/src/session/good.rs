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
                match known {
                    Some(known) if edited.applied || !known.live => known.text.clone_from(text),
                    Some(_) => {}
                    None => self.files.push(OpenFile { name: file.clone(), text: text.clone(), live: false }),
                }
            }
            (RequestBody::Apply { file }, ReplyBody::Edited(edited)) => {
                let known = self.files.iter_mut().find(|known| known.name == *file);
                if let Some(known) = known.filter(|_| edited.applied) {
                    known.live = true;
                }
            }
            (RequestBody::Close { file }, ReplyBody::Edited(_)) => self.files.retain(|known| known.name != *file),
            (RequestBody::Rename { file, name }, ReplyBody::Edited(edited)) => {
                let known = self.files.iter_mut().find(|known| known.name == *file);
                if let Some(known) = known.filter(|_| edited.files.iter().any(|file| file.name == *name)) {
                    known.name.clone_from(name);
                }
            }
            (RequestBody::Return { .. }, ReplyBody::Edited(edited)) => {
                self.files.clear();
                self.take(&edited.files);
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

    #[test]
    fn new_renamed_and_deleted_files_are_remembered() {
        let mut good = Good { files: vec![OpenFile { name: "a".into(), text: "1".into(), live: true }], seed: 1 };
        let named = |name: &str| match edited(true) {
            ReplyBody::Edited(reply) => ReplyBody::Edited(Edited { files: vec![file(name, "2", true)], ..reply }),
            other => other,
        };
        good.learn(&RequestBody::Edit { file: "b".into(), text: "2".into() }, &edited(false));
        good.learn(&RequestBody::Apply { file: "b".into() }, &edited(true));
        good.learn(&RequestBody::Rename { file: "b".into(), name: "c".into() }, &named("c"));
        good.learn(&RequestBody::Rename { file: "c".into(), name: "a".into() }, &named("c"));
        good.learn(&RequestBody::Close { file: "a".into() }, &edited(true));
        assert_eq!(good.files, [OpenFile { name: "c".into(), text: "2".into(), live: true }]);
    }
}
