//! The only code that touches a canvas.

use super::camera::{Camera, Canvas};
use super::geometry::{Point, Rect, point, within};
use super::prim::{Align, Picture, Prim, Stroke, Tone};
use super::text::Face;
use crate::glyph::Glyph;
use crate::platform;
use podhop_engine::protocol::VerdictKind;
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::*;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, Path2d};

#[wasm_bindgen]
extern "C" {
    /// A context that takes words as strings of JavaScript's, made once.
    type Writing;
    #[wasm_bindgen(method, setter)]
    fn set_font(this: &Writing, font: &JsValue);
    #[wasm_bindgen(method, setter, js_name = textAlign)]
    fn set_text_align(this: &Writing, align: &JsValue);
    #[wasm_bindgen(method, setter, js_name = lineCap)]
    fn set_line_cap(this: &Writing, cap: &JsValue);
}

/// Colours and fonts as the browser wants them, read from the tokens once a theme.
pub struct Palette {
    tones: Vec<JsValue>,
    fonts: Vec<JsValue>,
    aligns: [JsValue; 3],
    caps: [JsValue; 2],
    dash: JsValue,
    solid: JsValue,
    /// The broken circle of a refusal.
    broken: JsValue,
    shadow: String,
    /// Made when they are first drawn.
    glyphs: RefCell<Vec<Option<Option<Path2d>>>>,
}

impl Palette {
    pub fn read() -> Palette {
        let (sans, mono) = (platform::token("--sans"), platform::token("--mono"));
        let fonts = Face::ALL.iter().map(|face| {
            let weight = if matches!(face, Face::Title | Face::Strong) { "600 " } else { "" };
            let family = if *face == Face::Mono { &mono } else { &sans };
            JsValue::from_str(&[weight, &(face.size() as u32).to_string(), "px ", family].concat())
        });
        Palette {
            tones: Tone::ALL.iter().map(|tone| JsValue::from_str(&platform::token(tone.token()))).collect(),
            fonts: fonts.collect(),
            aligns: ["left", "center", "right"].map(JsValue::from_str),
            caps: ["round", "butt"].map(JsValue::from_str),
            dash: js_sys::Array::of2(&JsValue::from(2.0), &JsValue::from(6.0)).into(),
            solid: js_sys::Array::new().into(),
            broken: js_sys::Array::of2(&JsValue::from(4.0), &JsValue::from(2.7)).into(),
            shadow: platform::token("--shadow-canvas"),
            glyphs: RefCell::new(vec![None; Glyph::ALL.len()]),
        }
    }

    fn tone(&self, tone: Tone) -> &JsValue {
        &self.tones[tone as usize]
    }

    /// Red, green, blue, alpha, as a canvas understands the token.
    #[allow(deprecated)]
    pub fn rgba(&self, tone: Tone, context: &CanvasRenderingContext2d) -> [u8; 4] {
        context.set_fill_style(self.tone(tone));
        // An opaque colour is told as `#rrggbb`, however it was given.
        let text = context.fill_style().as_string().unwrap_or_default();
        let digits: Vec<u8> = text.chars().skip(1).filter_map(|c| c.to_digit(16)).map(|c| c as u8).collect();
        match digits[..] {
            [r, rr, g, gg, b, bb] => [r * 16 + rr, g * 16 + gg, b * 16 + bb, 255],
            _ => [128, 128, 128, 255],
        }
    }
}

pub struct Painter<'a> {
    context: CanvasRenderingContext2d,
    /// The face and the alignment that the context has.
    writes: Cell<Option<(Face, Align)>>,
    /// Letters are drawn no larger than this many times their world size, and lines no wider.
    letters_max: f64,
    lines_max: f64,
    palette: &'a Palette,
}

impl<'a> Painter<'a> {
    /// Clears a canvas of this size, sized for the screen's pixels, and looks through the camera.
    pub fn begin(canvas: &HtmlCanvasElement, size: Canvas, camera: Camera, palette: &'a Palette) -> Option<Self> {
        let ratio = within(platform::window().device_pixel_ratio(), 0.5, 4.0) * size.unit;
        let (width, height) = ((size.width * ratio).round() as u32, (size.height * ratio).round() as u32);
        if canvas.width() != width || canvas.height() != height {
            canvas.set_width(width);
            canvas.set_height(height);
        }
        let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
        let _ = context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        context.clear_rect(0.0, 0.0, f64::from(width), f64::from(height));
        let scale = camera.scale * ratio;
        let _ = context.set_transform(scale, 0.0, 0.0, scale, camera.x * ratio, camera.y * ratio);
        context.set_line_join("round");
        let (letters_max, lines_max) = (camera.letters_max(), camera.lines_max());
        Some(Painter { context, writes: Cell::new(None), letters_max, lines_max, palette })
    }

    fn writing(&self) -> &Writing {
        self.context.unchecked_ref()
    }

    pub fn paint(&self, picture: &Picture) {
        self.prims(&picture.prims);
        for (tone, rects) in &picture.squares {
            self.context.begin_path();
            for rect in rects {
                self.context.rect(rect.x, rect.y, rect.width, rect.height);
            }
            self.fill(*tone);
        }
        self.prims(&picture.over);
    }

    /// A canvas of the same size as it is.
    pub fn copy(&self, canvas: &HtmlCanvasElement) {
        let context = &self.context;
        context.save();
        let _ = context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        let _ = context.draw_image_with_html_canvas_element(canvas, 0.0, 0.0);
        context.restore();
    }

    fn prims(&self, prims: &[Prim]) {
        for prim in prims {
            match prim {
                Prim::Box { rect, radius, fill, stroke, shadow } => {
                    self.rounded(*rect, *radius);
                    if *shadow {
                        self.context.set_shadow_color(&self.palette.shadow);
                        self.context.set_shadow_blur(14.0);
                        self.context.set_shadow_offset_y(5.0);
                    }
                    if let Some(tone) = fill {
                        self.fill(*tone);
                    }
                    if *shadow {
                        self.context.set_shadow_color("transparent");
                    }
                    if let Some(stroke) = stroke {
                        self.stroke(*stroke);
                    }
                }
                Prim::Text { at, text, face, tone, align, scale } => self.text(*at, text, *face, *tone, *align, *scale),
                Prim::Line { points, stroke, opacity, arrow } => self.line(points, *stroke, *opacity, *arrow),
                Prim::Sign { at, kind, scale } => self.sign(*at, *kind, *scale),
                Prim::Glyph { at, glyph, size, tone } => self.glyph(*at, *glyph, *size, *tone),
                Prim::Again { at, scale } => self.again(*at, *scale),
            }
        }
    }

    /// The ring around what has the keyboard's focus or the pointer.
    pub fn ring(&self, around: Rect, camera: Camera, strong: bool) {
        self.rounded(around.grown(4.0 / camera.scale), 10.0);
        let width = if strong { 2.5 } else { 1.2 } / camera.scale;
        self.stroke(Stroke { tone: Tone::Accent, width, dashed: false });
    }

    // A JsValue is made once a theme; the string setters would cross into JavaScript with a new string each time.
    #[allow(deprecated)]
    fn fill(&self, tone: Tone) {
        self.context.set_fill_style(self.palette.tone(tone));
        self.context.fill();
    }

    fn stroke(&self, stroke: Stroke) {
        self.stroke_as(stroke, if stroke.dashed { &self.palette.dash } else { &self.palette.solid });
    }

    #[allow(deprecated)]
    fn stroke_as(&self, stroke: Stroke, dash: &JsValue) {
        self.context.set_stroke_style(self.palette.tone(stroke.tone));
        self.context.set_line_width(stroke.width.min(self.lines_max));
        self.writing().set_line_cap(&self.palette.caps[usize::from(stroke.dashed)]);
        let _ = self.context.set_line_dash(dash);
        self.context.stroke();
    }

    fn rounded(&self, rect: Rect, radius: f64) {
        let radius = radius.min(rect.width / 2.0).min(rect.height / 2.0).max(0.0);
        let context = &self.context;
        context.begin_path();
        context.move_to(rect.x + radius, rect.y);
        let corners = [
            (rect.right(), rect.y, rect.right(), rect.bottom()),
            (rect.right(), rect.bottom(), rect.x, rect.bottom()),
            (rect.x, rect.bottom(), rect.x, rect.y),
            (rect.x, rect.y, rect.right(), rect.y),
        ];
        for (x1, y1, x2, y2) in corners {
            let _ = context.arc_to(x1, y1, x2, y2, radius);
        }
        context.close_path();
    }

    #[allow(deprecated)]
    fn text(&self, at: Point, text: &str, face: Face, tone: Tone, align: Align, scale: f64) {
        let context = &self.context;
        if self.writes.replace(Some((face, align))) != Some((face, align)) {
            let writing = self.writing();
            writing.set_font(&self.palette.fonts[face as usize]);
            writing.set_text_align(&self.palette.aligns[align as usize]);
        }
        context.set_fill_style(self.palette.tone(tone));
        let scale = scale.min(self.letters_max);
        if scale == 1.0 {
            let _ = context.fill_text(text, at.x, at.y);
        } else {
            context.save();
            let _ = context.translate(at.x, at.y);
            let _ = context.scale(scale, scale);
            let _ = context.fill_text(text, 0.0, 0.0);
            context.restore();
        }
    }

    #[allow(deprecated)]
    fn glyph(&self, at: Point, glyph: Glyph, size: f64, tone: Tone) {
        let mut glyphs = self.palette.glyphs.borrow_mut();
        let path = glyphs[glyph as usize].get_or_insert_with(|| Path2d::new_with_path_string(glyph.path()).ok());
        let Some(path) = path else { return };
        let context = &self.context;
        context.save();
        let _ = context.translate(at.x, at.y);
        let _ = context.scale(size / 16.0, size / 16.0);
        context.set_stroke_style(self.palette.tone(tone));
        context.set_line_width(1.4);
        self.writing().set_line_cap(&self.palette.caps[0]);
        let _ = context.set_line_dash(&self.palette.solid);
        context.stroke_with_path(path);
        context.restore();
    }

    fn line(&self, points: &[Point], stroke: Stroke, opacity: f64, arrow: bool) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let context = &self.context;
        context.set_global_alpha(opacity);
        context.begin_path();
        context.move_to(first.x, first.y);
        for corner in points.windows(3) {
            let radius =
                (corner[0].distance(corner[1]) / 2.0).min(corner[1].distance(corner[2]) / 2.0).min(6.0 * stroke.width);
            let _ = context.arc_to(corner[1].x, corner[1].y, corner[2].x, corner[2].y, radius);
        }
        context.line_to(last.x, last.y);
        self.stroke(stroke);
        if let (true, Some(before)) = (arrow, points.len().checked_sub(2).map(|i| points[i])) {
            self.arrow(before, *last, stroke);
        }
        context.set_global_alpha(1.0);
    }

    fn arrow(&self, from: Point, to: Point, stroke: Stroke) {
        let length = from.distance(to).max(0.01);
        let (dx, dy) = ((to.x - from.x) / length, (to.y - from.y) / length);
        let (long, wide) = (4.5 * stroke.width, 2.4 * stroke.width);
        let back = point(to.x - dx * long, to.y - dy * long);
        self.context.begin_path();
        self.context.move_to(to.x, to.y);
        self.context.line_to(back.x - dy * wide, back.y + dx * wide);
        self.context.line_to(back.x + dy * wide, back.y - dx * wide);
        self.context.close_path();
        self.fill(stroke.tone);
    }

    fn again(&self, at: Point, scale: f64) {
        let radius = 7.0 * scale;
        self.context.begin_path();
        let _ = self.context.arc(at.x, at.y, radius + 3.0 * scale, 0.0, std::f64::consts::TAU);
        self.fill(Tone::Sheet);
        self.context.begin_path();
        let _ = self.context.arc(at.x, at.y, radius, 0.6, 5.6);
        let pen = Stroke { tone: Tone::Ink2, width: 1.8 * scale, dashed: false };
        self.stroke(pen);
        let tip = point(at.x + radius * 5.75_f64.cos(), at.y + radius * 5.75_f64.sin());
        self.arrow(point(tip.x - 3.0, tip.y - 6.0), point(tip.x + scale, tip.y + 2.0 * scale), pen);
    }

    /// ● ✕ ⊘ ◌ drawn, so that every system shows the same shapes.
    fn sign(&self, at: Point, kind: VerdictKind, scale: f64) {
        let context = &self.context;
        let radius = 8.5 * scale;
        if kind == VerdictKind::Pass {
            return;
        }
        let tone = super::signs::tone(kind);
        let circle = |radius: f64| {
            context.begin_path();
            let _ = context.arc(at.x, at.y, radius, 0.0, std::f64::consts::TAU);
        };
        circle(radius + 2.0 * scale);
        self.fill(Tone::Sheet);
        circle(radius);
        let pen = Stroke { tone, width: 2.2 * scale, dashed: false };
        let stick = |x1: f64, y1: f64, x2: f64, y2: f64| {
            context.begin_path();
            context.move_to(at.x + x1 * radius, at.y + y1 * radius);
            context.line_to(at.x + x2 * radius, at.y + y2 * radius);
            self.stroke(pen);
        };
        match kind {
            VerdictKind::Delivered => self.fill(tone),
            VerdictKind::Dropped => {
                stick(-0.62, -0.62, 0.62, 0.62);
                stick(-0.62, 0.62, 0.62, -0.62);
            }
            VerdictKind::Rejected => {
                self.stroke(pen);
                stick(-0.66, 0.66, 0.66, -0.66);
            }
            VerdictKind::Wait => {
                self.stroke(pen);
                stick(0.0, -0.6, 0.0, 0.0);
                stick(0.0, 0.0, 0.45, 0.0);
            }
            _ => self.stroke_as(Stroke { dashed: true, ..pen }, &self.palette.broken),
        }
    }
}
