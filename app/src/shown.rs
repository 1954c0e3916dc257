//! What is looked at: tabs, commands, tables, objects.

/// Tabs of the inspector, of the dock and, on a narrow screen, of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Journey,
    Headers,
    Tables,
    Object,
    Terminal,
    Flows,
    Stage,
    Inspector,
    Editor,
    Dock,
}

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
