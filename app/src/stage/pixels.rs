//! Thousands of squares on a canvas of their own, as pixels: a canvas takes five times as long to fill a path of them.

use super::camera::{Camera, Canvas};
use super::geometry::within;
use super::paint::Palette;
use super::prim::Tone;
use crate::platform;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

pub struct Dots {
    canvas: HtmlCanvasElement,
    pixels: Vec<u8>,
    /// Of each tone, as the canvas has them: red, green, blue, alpha.
    colours: Vec<[u8; 4]>,
    camera: Camera,
    ratio: f64,
    drawn: bool,
}

impl Dots {
    pub fn new(canvas: HtmlCanvasElement) -> Dots {
        let camera = Camera { scale: 1.0, x: 0.0, y: 0.0 };
        Dots { canvas, pixels: Vec::new(), colours: Vec::new(), camera, ratio: 1.0, drawn: false }
    }

    /// The colours are read again when next something is drawn.
    pub fn recolour(&mut self) {
        self.colours.clear();
    }

    /// Nothing is left of what was drawn.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.canvas.set_width(self.canvas.width());
        }
    }

    /// The canvas has this size and looks through the camera.
    pub fn begin(&mut self, size: Canvas, camera: Camera, palette: &Palette) {
        self.ratio = within(platform::window().device_pixel_ratio(), 0.5, 4.0) * size.unit;
        self.camera = camera;
        let (width, height) = ((size.width * self.ratio).round() as u32, (size.height * self.ratio).round() as u32);
        if self.canvas.width() != width || self.canvas.height() != height {
            self.canvas.set_width(width);
            self.canvas.set_height(height);
        }
        self.pixels.clear();
        self.pixels.resize((width * height * 4) as usize, 0);
        if let (true, Some(context)) = (self.colours.is_empty(), self.context()) {
            self.colours = Tone::ALL.iter().map(|tone| palette.rgba(*tone, &context)).collect();
        }
    }

    fn context(&self) -> Option<CanvasRenderingContext2d> {
        self.canvas.get_context("2d").ok()??.dyn_into().ok()
    }

    /// Squares of `side` world pixels around middles, in whole pixels of the screen.
    pub fn draw(&mut self, side: f64, middles: impl Iterator<Item = (f64, f64, Tone)>) {
        let (width, height) = (self.canvas.width() as i32, self.canvas.height() as i32);
        let scale = self.camera.scale * self.ratio;
        let (left, top) = (self.camera.x * self.ratio, self.camera.y * self.ratio);
        let side = ((side * scale).round() as i32).max(2);
        for (x, y, tone) in middles {
            let (x, y) = ((x * scale + left).round() as i32 - side / 2, (y * scale + top).round() as i32 - side / 2);
            let (from, to) = (x.max(0), (x + side).min(width));
            if from >= to {
                continue;
            }
            let Some(colour) = self.colours.get(tone as usize) else { return };
            for row in y.max(0)..(y + side).min(height) {
                let at = |x: i32| ((row * width + x) * 4) as usize;
                self.pixels[at(from)..at(to)].as_chunks_mut::<4>().0.fill(*colour);
            }
        }
        let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(&self.pixels), width as u32, height as u32);
        if let (Ok(data), Some(context)) = (data, self.context()) {
            let _ = context.put_image_data(&data, 0.0, 0.0);
            self.drawn = true;
        }
    }
}
