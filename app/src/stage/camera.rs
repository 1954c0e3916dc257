//! Pan and zoom: world pixels to the stage's pixels, which are CSS pixels times the size of the page's type.

use super::geometry::{Point, Rect, point, rect, within};
use super::{room, stack};

/// screen = world × scale + (x, y)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    pub scale: f64,
    pub x: f64,
    pub y: f64,
}

const SCALE_MIN: f64 = 0.08;
const SCALE_MAX: f64 = 4.0;
/// Below this the smallest letters (11 px) cannot be read with ease: a wide canvas bears a little less than a phone,
/// where what does not fit is followed.
const SCALE_READABLE: f64 = 0.76;
const SCALE_READABLE_PHONE: f64 = 1.0;
/// Up to this width it is a phone's.
const PHONE: f64 = 480.0;
/// Up to this width the stage's tools stand below the picture instead of above it; `stage.css` has the same number.
const NARROW: f64 = 620.0;
/// What moves and what marks grows with the picture up to this scale: from close by, labels must leave room to see.
const LARGEST: f64 = 1.3;
/// Letters do not become larger on the screen than this many times their face: beyond it, what grows is the room for them.
const LETTERS_MAX: f64 = 1.6;
/// Nor lines wider than so many pixels.
const LINES_MAX: f64 = 3.0;
/// Space around a fitted picture.
const MARGIN: f64 = 20.0;
/// Height of the heading above the picture, and of the tools below it on a narrow canvas.
const HEADING: f64 = 64.0;
const TOOLS: f64 = 52.0;

/// The canvas in the stage's pixels, and the part of it that nothing covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    pub width: f64,
    pub height: f64,
    /// CSS pixels for one of the stage's: more than 1 where the reader wants larger letters.
    pub unit: f64,
}

impl Default for Canvas {
    fn default() -> Canvas {
        Canvas { width: 0.0, height: 0.0, unit: 1.0 }
    }
}

impl Canvas {
    fn narrow(self) -> bool {
        self.width <= NARROW
    }

    /// Where a picture goes: below the heading, above the tools, with a margin.
    pub fn free(self) -> Rect {
        let below = if self.narrow() { TOOLS } else { MARGIN };
        let (width, height) = (self.width - 2.0 * MARGIN, self.height - HEADING - below);
        rect(MARGIN, HEADING, width.max(40.0), height.max(40.0))
    }

    pub fn middle(self) -> Point {
        self.free().center()
    }

    /// The scale from which on everything can be read. A phone is narrow whatever the letters.
    pub fn readable(self) -> f64 {
        if self.width * self.unit <= PHONE { SCALE_READABLE_PHONE } else { SCALE_READABLE }
    }
}

impl Camera {
    /// Shows all of `bounds`; small pictures are not blown up beyond 1.15.
    pub fn fit(bounds: Rect, canvas: Canvas) -> Camera {
        let free = canvas.free();
        let scale = within((free.width / bounds.width).min(free.height / bounds.height), SCALE_MIN, 1.15);
        let x = free.center().x - bounds.center().x * scale;
        // A picture that is much lower than the canvas hangs in its upper part, where the eye begins.
        let spare = (free.height - bounds.height * scale).max(0.0);
        Camera { scale, x, y: free.y + spare * 0.3 - bounds.y * scale }
    }

    /// Shows everything if it can then be read; else the part that must be readable; else only a part of that, and the
    /// camera has to follow (true).
    pub fn readable(bounds: Rect, focus: Rect, canvas: Canvas) -> (Camera, bool) {
        let all = Camera::fit(bounds, canvas);
        if all.scale >= canvas.readable() {
            return (all, false);
        }
        let part = Camera::fit(focus, canvas);
        if part.scale >= canvas.readable() {
            return (part, false);
        }
        (Camera { scale: canvas.readable(), ..part }, true)
    }

    /// The same scale, with `at` in the middle, but no farther beyond `focus` than the margin.
    pub fn around(self, at: Point, focus: Rect, canvas: Canvas) -> Camera {
        let free = canvas.free();
        let place = |at: f64, from: f64, to: f64, start: f64, room: f64| {
            let (low, high) = (start + room - to * self.scale, start - from * self.scale);
            // Smaller than the room: in its middle.
            if low > high { (low + high) / 2.0 } else { within(start + room / 2.0 - at * self.scale, low, high) }
        };
        let x = place(at.x, focus.x, focus.right(), free.x, free.width);
        let y = place(at.y, focus.y, focus.bottom(), free.y, free.height);
        Camera { x, y, ..self }
    }

    /// Near enough to read, with `at` in the middle.
    pub fn near(self, at: Point, canvas: Canvas) -> Camera {
        let (scale, middle) = (within(self.scale, canvas.readable(), 1.4), canvas.middle());
        Camera { scale, x: middle.x - at.x * scale, y: middle.y - at.y * scale }
    }

    /// A room from its Pods down fills the canvas, near enough for its stations.
    pub fn inside(self, room: Rect, canvas: Canvas) -> Camera {
        let free = canvas.free();
        let scale = (free.width / (room.width + 16.0)).min(free.height / (room::STACK_HEIGHT - 20.0));
        let scale = within(scale, stack::SCALE + 0.02, 2.6);
        let top = room.bottom() - room::STACK_HEIGHT;
        Camera { scale, x: free.center().x - room.center().x * scale, y: free.y - top * scale }
    }

    /// Part of the way to another camera: what is in the middle of the canvas moves straight, the scale grows evenly.
    pub fn towards(self, other: Camera, part: f64, canvas: Canvas) -> Camera {
        if part >= 1.0 {
            return other;
        }
        let middle = canvas.middle();
        let at = self.to_world(middle).towards(other.to_world(middle), part);
        let scale = self.scale * (other.scale / self.scale).powf(part);
        Camera { scale, x: middle.x - at.x * scale, y: middle.y - at.y * scale }
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

    /// The largest scale at which letters are drawn in the world.
    pub fn letters_max(self) -> f64 {
        LETTERS_MAX / self.scale
    }

    /// The largest width of lines in the world: from close by, a frame is still a thin line.
    pub fn lines_max(self) -> f64 {
        LINES_MAX / self.scale
    }

    pub fn moved(self, dx: f64, dy: f64) -> Camera {
        Camera { x: self.x + dx, y: self.y + dy, ..self }
    }

    /// What of the world can be seen in the free part of a canvas.
    pub fn view(self, canvas: Canvas) -> View {
        let free = canvas.free().grown(12.0);
        let (from, to) = (self.to_world(point(free.x, free.y)), self.to_world(point(free.right(), free.bottom())));
        let world = rect(from.x, from.y, to.x - from.x, to.y - from.y);
        let legible = if self.scale > LARGEST { LARGEST / self.scale } else { within(1.0 / self.scale, 1.0, 3.2) };
        View { world, legible }
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
        let (desk, phone) =
            (Canvas { width: 800.0, height: 600.0, unit: 1.0 }, Canvas { width: 390.0, height: 600.0, unit: 1.0 });
        let projector = Canvas { width: 526.0, height: 400.0, unit: 1.375 };
        assert_eq!(projector.readable(), desk.readable(), "large letters on a wide page are no phone");
        let camera = Camera::fit(bounds, desk);
        let (a, b) = (camera.to_screen(point(0.0, 0.0)), camera.to_screen(point(2000.0, 700.0)));
        assert!(a.x >= 0.0 && a.y >= HEADING && b.x <= 800.0 && b.y <= 600.0);
        let (near, follows) = Camera::readable(bounds, bounds, phone);
        assert!(follows && near.scale >= 1.0, "letters of 11 px on a phone");
        let around = near.around(point(1000.0, 300.0), bounds, phone);
        assert!((around.to_screen(point(1000.0, 300.0)).x - 195.0).abs() < 1.0);
        let left = near.around(point(0.0, 0.0), bounds, phone);
        assert!((0.0..30.0).contains(&left.to_screen(point(0.0, 0.0)).x), "nothing but the picture is shown");
        let low = near.around(point(0.0, 700.0), bounds, phone);
        assert!(low.to_screen(point(0.0, 700.0)).y <= 600.0 - TOOLS, "the tools cover nothing");
        let about = point(321.0, 123.0);
        let world = camera.to_world(about);
        let near = camera.zoomed(1.7, about);
        assert!(near.to_screen(world).distance(about) < 1e-9);
        assert!((near.scale / camera.scale - 1.7).abs() < 1e-9);
    }

    #[test]
    fn letters_have_a_largest_size_and_grow_up_to_it() {
        let px = |camera_scale: f64, text_scale: f64| {
            let camera = Camera { scale: camera_scale, x: 0.0, y: 0.0 };
            14.0 * text_scale.min(camera.letters_max()) * camera_scale
        };
        assert_eq!((px(1.0, 1.0), px(1.5, 1.0)), (14.0, 21.0));
        for scale in [2.0, 3.0, SCALE_MAX] {
            assert!((px(scale, 1.0) - 22.4).abs() < 1e-9);
            assert!(px(scale, 0.5) <= 22.4 + 1e-9 && px(scale, 0.5) >= 14.0, "stations stay smaller, and readable");
        }
        assert_eq!(px(0.26, 4.0), 14.0 * 4.0 * 0.26, "from afar nothing is bounded");
    }
}
