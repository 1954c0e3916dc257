//! Pan and zoom: world pixels to the canvas's CSS pixels.

use super::geometry::{Point, Rect, point, rect, within};

/// screen = world × scale + (x, y)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    pub scale: f64,
    pub x: f64,
    pub y: f64,
}

const SCALE_MIN: f64 = 0.08;
const SCALE_MAX: f64 = 4.0;
/// Below this the smallest letters cannot be read.
const SCALE_READABLE: f64 = 0.72;
/// Space around a fitted picture.
const MARGIN: f64 = 20.0;

impl Camera {
    /// Shows all of `bounds` in a canvas of `width` × `height` below `top` pixels of heading; small pictures are not
    /// blown up beyond 1.15.
    pub fn fit(bounds: Rect, width: f64, height: f64, top: f64) -> Camera {
        let (across, down) = (width - 2.0 * MARGIN, height - top - MARGIN);
        let scale = within((across / bounds.width).min(down / bounds.height), SCALE_MIN, 1.15);
        let x = (width - bounds.width * scale) / 2.0 - bounds.x * scale;
        // A picture that is much lower than the canvas hangs in its upper part, where the eye begins.
        let spare = (down - bounds.height * scale).max(0.0);
        Camera { scale, x, y: top + spare * 0.3 - bounds.y * scale }
    }

    /// Shows everything if it can then be read; else the part that must be readable; else only what is around `at`.
    pub fn readable(bounds: Rect, focus: Rect, width: f64, height: f64, top: f64) -> (Camera, bool) {
        let all = Camera::fit(bounds, width, height, top);
        if all.scale >= SCALE_READABLE {
            return (all, false);
        }
        let part = Camera::fit(focus, width, height, top);
        if part.scale >= SCALE_READABLE {
            return (part, false);
        }
        (Camera { scale: SCALE_READABLE, ..part }, true)
    }

    /// The same scale, with `at` in the middle, but no farther beyond `focus` than the margin.
    pub fn around(self, at: Point, focus: Rect, width: f64, height: f64, top: f64) -> Camera {
        let place = |at: f64, from: f64, to: f64, start: f64, room: f64| {
            let (low, high) = (start + room - to * self.scale, start - from * self.scale);
            // Smaller than the room: in its middle.
            if low > high { (low + high) / 2.0 } else { within(start + room / 2.0 - at * self.scale, low, high) }
        };
        let x = place(at.x, focus.x, focus.right(), MARGIN, width - 2.0 * MARGIN);
        let y = place(at.y, focus.y, focus.bottom(), top, height - top - MARGIN);
        Camera { x, y, ..self }
    }

    pub fn to_world(self, at: Point) -> Point {
        point((at.x - self.x) / self.scale, (at.y - self.y) / self.scale)
    }

    pub fn to_screen(self, at: Point) -> Point {
        point(at.x * self.scale + self.x, at.y * self.scale + self.y)
    }

    /// Zooms by a factor; the world stays under the screen point `about`.
    pub fn zoomed(self, factor: f64, about: Point) -> Camera {
        let scale = within(self.scale * factor, SCALE_MIN, SCALE_MAX);
        let world = self.to_world(about);
        Camera { scale, x: about.x - world.x * scale, y: about.y - world.y * scale }
    }

    pub fn moved(self, dx: f64, dy: f64) -> Camera {
        Camera { x: self.x + dx, y: self.y + dy, ..self }
    }

    /// What of the world can be seen in a canvas of this size.
    pub fn view(self, width: f64, height: f64) -> View {
        let (from, to) = (self.to_world(point(0.0, 0.0)), self.to_world(point(width, height)));
        let world = rect(from.x, from.y, to.x - from.x, to.y - from.y);
        View { world, legible: within(0.92 / self.scale, 1.0, 3.2) }
    }
}

/// The visible part of the world, and how much larger than world size things must be drawn to stay readable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    pub world: Rect,
    pub legible: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitting_shows_everything_and_zooming_keeps_the_point_under_the_finger() {
        let bounds = rect(0.0, 0.0, 2000.0, 700.0);
        let camera = Camera::fit(bounds, 800.0, 600.0, 50.0);
        let (a, b) = (camera.to_screen(point(0.0, 0.0)), camera.to_screen(point(2000.0, 700.0)));
        assert!(a.x >= 0.0 && a.y >= 50.0 && b.x <= 800.0 && b.y <= 600.0);
        let (near, follows) = Camera::readable(bounds, bounds, 390.0, 600.0, 50.0);
        assert!(follows && near.scale >= SCALE_READABLE);
        let around = near.around(point(1000.0, 300.0), bounds, 390.0, 600.0, 50.0);
        assert!((around.to_screen(point(1000.0, 300.0)).x - 195.0).abs() < 1.0);
        let left = near.around(point(0.0, 0.0), bounds, 390.0, 600.0, 50.0);
        assert!((0.0..30.0).contains(&left.to_screen(point(0.0, 0.0)).x), "nothing but the picture is shown");
        let about = point(321.0, 123.0);
        let world = camera.to_world(about);
        let near = camera.zoomed(1.7, about);
        assert!(near.to_screen(world).distance(about) < 1e-9);
        assert!((near.scale / camera.scale - 1.7).abs() < 1e-9);
    }
}
