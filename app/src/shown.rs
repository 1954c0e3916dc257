//! What is looked at: tabs, commands, tables, objects.

use std::rc::Rc;

/// Tabs of the inspector, of the dock and, on a narrow screen, of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Journey,
    Headers,
    Tables,
    Object,
    Terminal,
    Flows,
    Timeline,
    Reach,
    Stage,
    Inspector,
    Editor,
    Dock,
}

/// Something to be told, above the page until it is dismissed.
#[derive(Clone)]
pub struct Notice {
    pub text: String,
    /// What can be done about it, by the words of a button.
    pub action: Option<(String, Rc<dyn Fn()>)>,
}

impl Notice {
    pub fn text(text: &str) -> Notice {
        Notice { text: text.to_string(), action: None }
    }
}

/// The command that makes an outdated conversation anew, if it can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Again(pub Option<String>);

/// A table that is looked at, and the text of the row that is lit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableAsk {
    pub place: String,
    pub table: String,
    pub lit: String,
}

/// An object that is looked at: `Pod`, `default`, `pod-a`.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectAsk {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

/// What happens when a conversation comes on the stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    Autoplay,
    Play,
    Packet(u32),
}
