//! The table of all fields, by which unknown ones are told and known ones are offered. It is fetched when the first edit
//! has been answered or the editor has come, and every worker is told of it.

use super::App;
use crate::platform;
use podhop_engine::protocol::{ReplyBody, RequestBody};

/// The first edit's answer is shown before anything else is fetched.
const AFTER_MS: u32 = 300;

pub(super) enum Fields {
    Unasked,
    /// What waits for it.
    Coming(Vec<Box<dyn FnOnce()>>),
    /// Nothing if it cannot be had.
    Come(Option<String>),
}

impl App {
    /// Fetches the table unless that was done before.
    pub fn load_fields(self) {
        if !self.fields.peek(|fields| matches!(fields, Fields::Unasked)) {
            return;
        }
        self.fields.set(Fields::Coming(Vec::new()));
        platform::after_ms(AFTER_MS, move || platform::fetch_text("./fields.txt", move |text| self.take_fields(text)));
    }

    fn take_fields(self, text: Option<String>) {
        let before = self.fields.update(|fields| std::mem::replace(fields, Fields::Come(text)));
        self.tell_fields();
        self.ask_problems();
        if let Fields::Coming(waiting) = before {
            waiting.into_iter().for_each(|then| then());
        }
    }

    /// Tells the worker, which answers questions in their order.
    pub(super) fn tell_fields(self) {
        let text = self.fields.peek(|fields| match fields {
            Fields::Come(text) => text.clone(),
            _ => None,
        });
        let Some(text) = text else { return };
        self.ask(RequestBody::Fields { text }, move |reply| {
            if let ReplyBody::Edited(edited) = reply {
                self.take_diagnostics(edited.diagnostics);
            }
        });
    }

    /// Asks what only the table can answer: once the worker has been told of it, or it is known that it cannot be had.
    pub fn ask_with_fields(self, body: RequestBody, answer: impl FnOnce(ReplyBody) + 'static) {
        self.load_fields();
        let ask: Box<dyn FnOnce()> = Box::new(move || self.ask(body, answer));
        let at_once = self.fields.update(|fields| match fields {
            Fields::Coming(waiting) => {
                waiting.push(ask);
                None
            }
            _ => Some(ask),
        });
        if let Some(ask) = at_once {
            ask();
        }
    }
}
