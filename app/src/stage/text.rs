//! How wide text is, near enough to lay it out without a browser, and how it is shortened.

/// The faces the stage writes in; sizes in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Face {
    /// 14 px, semibold: node names, the title.
    Title,
    /// 13 px, semibold: Pods of the conversation.
    Strong,
    /// 13 px: other Pods.
    Plain,
    /// 11 px: notes.
    Note,
    /// 11 px, monospaced: addresses and devices.
    Mono,
    /// 10 px: counts on tiny tiles.
    Tiny,
}

impl Face {
    pub const ALL: [Face; 6] = [Face::Title, Face::Strong, Face::Plain, Face::Note, Face::Mono, Face::Tiny];

    pub fn size(self) -> f64 {
        match self {
            Face::Title => 14.0,
            Face::Strong | Face::Plain => 13.0,
            Face::Note | Face::Mono => 11.0,
            Face::Tiny => 10.0,
        }
    }

    /// The mean advance of a character, as a part of the size; on the generous side.
    fn advance(self) -> f64 {
        match self {
            Face::Title | Face::Strong => 0.63,
            Face::Plain | Face::Note | Face::Tiny => 0.61,
            Face::Mono => 0.605,
        }
    }
}

pub fn width(text: &str, face: Face) -> f64 {
    text.chars().count() as f64 * face.size() * face.advance()
}

/// The text, its middle replaced by `…` if it is wider than `room`. Both ends stay, because the end of a Pod's name
/// or address is what tells it from its siblings.
pub fn fit(text: &str, room: f64, face: Face) -> String {
    let count = text.chars().count();
    let fitting = (room / (face.size() * face.advance())).floor().max(0.0) as usize;
    if count <= fitting {
        return text.to_string();
    }
    if fitting < 2 {
        return String::new();
    }
    let tail = ((fitting - 1) * 2 / 5).min(8);
    let head = fitting - 1 - tail;
    let mut short: String = text.chars().take(head).collect();
    short.push('…');
    short.extend(text.chars().skip(count - tail));
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_both_ends_and_fit() {
        let name = "web-frontend-production-5d4f8c9b7f-x2x9q";
        let short = fit(name, 92.0, Face::Strong);
        assert!(width(&short, Face::Strong) <= 92.0, "{short}");
        assert!(short.starts_with("web-") && short.ends_with("x9q") && short.contains('…'), "{short}");
        assert_eq!(fit("pod-a", 92.0, Face::Strong), "pod-a");
        assert_eq!(fit("pod-a", 3.0, Face::Strong), "");
    }
}
