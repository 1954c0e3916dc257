//! What a picture is made of. Coordinates in world pixels; colours by their token, so that themes need no new picture.

use super::geometry::{Point, Rect, rect};
use super::text::{self, Face};
use crate::glyph::Glyph;
use podhop_engine::protocol::VerdictKind;

/// A design token of the stylesheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Paper,
    Sheet,
    Ink,
    Ink2,
    Ink3,
    Rule,
    Line,
    Accent,
    AccentSoft,
    Tunnel,
    Pod,
    Node,
    Ok,
    Drop,
    Reject,
    Wait,
    Nat,
}

impl Tone {
    pub const ALL: [Tone; 17] = [
        Tone::Paper,
        Tone::Sheet,
        Tone::Ink,
        Tone::Ink2,
        Tone::Ink3,
        Tone::Rule,
        Tone::Line,
        Tone::Accent,
        Tone::AccentSoft,
        Tone::Tunnel,
        Tone::Pod,
        Tone::Node,
        Tone::Ok,
        Tone::Drop,
        Tone::Reject,
        Tone::Wait,
        Tone::Nat,
    ];

    /// The CSS custom property.
    pub fn token(self) -> &'static str {
        match self {
            Tone::Paper => "--paper",
            Tone::Sheet => "--sheet",
            Tone::Ink => "--ink",
            Tone::Ink2 => "--ink-2",
            Tone::Ink3 => "--ink-3",
            Tone::Rule => "--rule",
            Tone::Line => "--line",
            Tone::Accent => "--accent",
            Tone::AccentSoft => "--accent-soft",
            Tone::Tunnel => "--tun",
            Tone::Pod => "--pod",
            Tone::Node => "--node",
            Tone::Ok => "--ok",
            Tone::Drop => "--drop",
            Tone::Reject => "--reject",
            Tone::Wait => "--wait",
            Tone::Nat => "--nat",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Center,
    Right,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    pub tone: Tone,
    pub width: f64,
    pub dashed: bool,
}

pub fn stroke(tone: Tone, width: f64) -> Stroke {
    Stroke { tone, width, dashed: false }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Prim {
    Box {
        rect: Rect,
        radius: f64,
        fill: Option<Tone>,
        stroke: Option<Stroke>,
        /// Stands above the drawing.
        shadow: bool,
    },
    /// `at` is on the baseline; `scale` enlarges the face.
    Text { at: Point, text: String, face: Face, tone: Tone, align: Align, scale: f64 },
    /// Corners are rounded by up to six widths; `opacity` 0 to 1; `arrow` at the end.
    Line { points: Vec<Point>, stroke: Stroke, opacity: f64, arrow: bool },
    /// The sign of a verdict: ● ✕ ⊘ ◌ or a waiting clock.
    Sign { at: Point, kind: VerdictKind, scale: f64 },
    /// The sign of a kind or device in a square of this size; `at` is its upper left corner.
    Glyph { at: Point, glyph: Glyph, size: f64, tone: Tone },
    /// An arrow in a circle: the same once more.
    Again { at: Point, scale: f64 },
}

/// Many squares of one colour: drawn as one path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    pub prims: Vec<Prim>,
    pub squares: Vec<(Tone, Vec<Rect>)>,
    /// Drawn last.
    pub over: Vec<Prim>,
}

impl Picture {
    pub fn boxed(&mut self, rect: Rect, radius: f64, fill: Tone, stroke: Stroke) {
        self.prims.push(Prim::Box { rect, radius, fill: Some(fill), stroke: Some(stroke), shadow: false });
    }

    pub fn text(&mut self, at: Point, text: impl Into<String>, face: Face, tone: Tone) {
        self.prims.push(Prim::Text { at, text: text.into(), face, tone, align: Align::Left, scale: 1.0 });
    }

    pub fn aligned(&mut self, at: Point, text: impl Into<String>, face: Face, tone: Tone, align: Align) {
        self.prims.push(Prim::Text { at, text: text.into(), face, tone, align, scale: 1.0 });
    }

    pub fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        self.prims.push(Prim::Line { points, stroke, opacity: 1.0, arrow: false });
    }

    pub fn glyph(&mut self, at: Point, glyph: Glyph, size: f64, tone: Tone) {
        self.prims.push(Prim::Glyph { at, glyph, size, tone });
    }

    /// A text in letters this many times as large.
    pub fn scaled(&mut self, at: Point, text: impl Into<String>, (face, scale): (Face, f64), tone: Tone, align: Align) {
        self.prims.push(Prim::Text { at, text: text.into(), face, tone, align, scale });
    }

    /// Where text stands.
    pub fn texts(&self) -> Vec<Rect> {
        let place = |prim: &Prim| match prim {
            Prim::Text { at, text, face, align, scale, .. } if !text.is_empty() => {
                let (width, size) = (text::width(text, *face) * scale, face.size() * scale);
                let x = match align {
                    Align::Left => at.x,
                    Align::Center => at.x - width / 2.0,
                    Align::Right => at.x - width,
                };
                Some(rect(x, at.y - size * 0.85, width, size * 1.1))
            }
            _ => None,
        };
        self.prims.iter().filter_map(place).collect()
    }

    pub fn square(&mut self, tone: Tone, rect: Rect) {
        match self.squares.iter_mut().find(|(of, _)| *of == tone) {
            Some((_, rects)) => rects.push(rect),
            None => self.squares.push((tone, vec![rect])),
        }
    }
}
