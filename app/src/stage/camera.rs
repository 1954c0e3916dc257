//! Pan and zoom: world pixels to the canvas's CSS pixels.

use super::geometry::{Point, Rect, point};

/// screen = world × scale + (x, y)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    pub scale: f64,
    pub x: f64,
    pub y: f64,
}

const SCALE_MIN: f64 = 0.08;
const SCALE_MAX: f64 = 4.0;
/// Space around a fitted picture.
const MARGIN: f64 = 20.0;

impl Camera {
    /// Shows all of `bounds` in a canvas of `width` × `height` below `top` pixels of heading; small pictures are not
    /// blown up beyond 1.15.
    pub fn fit(bounds: Rect, width: f64, height: f64, top: f64) -> Camera {
        let (across, down) = (width - 2.0 * MARGIN, height - top - MARGIN);
        let scale = (across / bounds.width).min(down / bounds.height).clamp(SCALE_MIN, 1.15);
        let x = (width - bounds.width * scale) / 2.0 - bounds.x * scale;
        // A picture that is much lower than the canvas hangs in its upper part, where the eye begins.
        let spare = (down - bounds.height * scale).max(0.0);
        Camera { scale, x, y: top + spare * 0.3 - bounds.y * scale }
    }

    pub fn to_world(self, at: Point) -> Point {
        point((at.x - self.x) / self.scale, (at.y - self.y) / self.scale)
    }

    pub fn to_screen(self, at: Point) -> Point {
        point(at.x * self.scale + self.x, at.y * self.scale + self.y)
    }

    /// Zooms by a factor; the world stays under the screen point `about`.
    pub fn zoomed(self, factor: f64, about: Point) -> Camera {
        let scale = (self.scale * factor).clamp(SCALE_MIN, SCALE_MAX);
        let world = self.to_world(about);
        Camera { scale, x: about.x - world.x * scale, y: about.y - world.y * scale }
    }

    pub fn moved(self, dx: f64, dy: f64) -> Camera {
        Camera { x: self.x + dx, y: self.y + dy, ..self }
    }

    /// How much larger than world size things must be drawn to stay readable when the picture is far away.
    pub fn legible(self) -> f64 {
        (0.92 / self.scale).clamp(1.0, 3.2)
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::rect;
    use super::*;

    #[test]
    fn fitting_shows_everything_and_zooming_keeps_the_point_under_the_finger() {
        let bounds = rect(0.0, 0.0, 2000.0, 700.0);
        let camera = Camera::fit(bounds, 800.0, 600.0, 50.0);
        let (a, b) = (camera.to_screen(point(0.0, 0.0)), camera.to_screen(point(2000.0, 700.0)));
        assert!(a.x >= 0.0 && a.y >= 50.0 && b.x <= 800.0 && b.y <= 600.0);
        let about = point(321.0, 123.0);
        let world = camera.to_world(about);
        let near = camera.zoomed(1.7, about);
        assert!(near.to_screen(world).distance(about) < 1e-9);
        assert!((near.scale / camera.scale - 1.7).abs() < 1e-9);
    }
}
