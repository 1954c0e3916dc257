//! What is looked at: a text, a table, an object.

use super::App;
use crate::editor::model;
use crate::shown::{Notice, ObjectAsk, Tab, TableAsk};
use crate::text::thousands;
use podhop_engine::protocol::{FileView, TextRange};

impl App {
    /// Shows a stretch of a file in the editor.
    pub fn show_text(self, at: &TextRange) {
        let cut_off = |file: &FileView| file.name == at.file && !model::shows(&file.text, at.line);
        if self.files.peek(|files| files.iter().any(cut_off)) {
            let said = ["Line ", &thousands(at.line), " of ", &at.file, " is not shown: the file is too large."];
            self.notice.set(Some(Notice::text(&said.concat())));
        }
        self.active_file.set(at.file.clone());
        self.marked.set(Some(at.clone()));
        self.pane.set(Tab::Editor);
    }

    pub fn look_at_table(self, ask: TableAsk) {
        self.table.set(Some(ask));
        self.inspector.set(Tab::Tables);
        self.pane.set(Tab::Inspector);
    }

    pub fn look_at_object(self, kind: &str, namespace: &str, name: &str) {
        let ask = ObjectAsk { kind: kind.into(), namespace: namespace.into(), name: name.into() };
        self.object.set(Some(ask));
        self.inspector.set(Tab::Object);
    }
}
