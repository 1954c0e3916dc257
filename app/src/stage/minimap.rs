//! The whole layout in a corner, with what of it can be seen. It is for those who point; the tree is for the others.

use super::camera::{Camera, Canvas};
use super::geometry::{Point, Rect, point};
use super::layout::Layout;
use super::prim::{Picture, Prim, Stroke, Tone};

/// CSS pixels; `stage.css` has the same.
pub const WIDTH: f64 = 148.0;
pub const HEIGHT: f64 = 96.0;
const MARGIN: f64 = 6.0;
/// The layout is larger than this many canvases: then a map helps.
const SCREENS: f64 = 2.0;

/// Is the map of use at this camera?
pub fn is_wanted(layout: &Layout, camera: Camera, canvas: Canvas) -> bool {
    let (bounds, free) = (layout.bounds, canvas.free());
    let shown = bounds.width * bounds.height * camera.scale * camera.scale;
    shown > SCREENS * free.width * free.height
}

/// The camera of the map itself.
pub fn camera(layout: &Layout) -> Camera {
    let bounds = layout.bounds;
    let scale = ((WIDTH - 2.0 * MARGIN) / bounds.width).min((HEIGHT - 2.0 * MARGIN) / bounds.height);
    let middle = bounds.center();
    Camera { scale, x: WIDTH / 2.0 - middle.x * scale, y: HEIGHT / 2.0 - middle.y * scale }
}

/// What the camera of the stage sees, in world pixels.
fn seen(camera: Camera, canvas: Canvas) -> Rect {
    let (from, to) = (camera.to_world(point(0.0, 0.0)), camera.to_world(point(canvas.width, canvas.height)));
    Rect { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y }
}

/// What does not move with the stage's camera.
pub fn still(layout: &Layout) -> Picture {
    let mut picture = Picture::default();
    for room in &layout.rooms {
        picture.square(Tone::Ink3, room.rect);
    }
    for tile in &layout.tiles {
        picture.square(Tone::Line, tile.rect);
    }
    for (_, place) in &layout.pending {
        picture.square(Tone::Line, *place);
    }
    picture.square(Tone::Line, layout.gateway);
    picture
}

/// The frame around what the stage's camera sees.
pub fn frame(layout: &Layout, stage: Camera, canvas: Canvas) -> Picture {
    let mut picture = Picture::default();
    let frame = Stroke { tone: Tone::Accent, width: 1.8 / camera(layout).scale, dashed: false };
    let rect = seen(stage, canvas);
    picture.over.push(Prim::Box { rect, radius: 0.0, fill: None, stroke: Some(frame), shadow: false });
    picture
}

/// The stage's camera with what is at `at` on the map in its middle.
pub fn moved_to(layout: &Layout, stage: Camera, at: Point, canvas: Canvas) -> Camera {
    let (world, middle) = (camera(layout).to_world(at), canvas.middle());
    Camera { x: middle.x - world.x * stage.scale, y: middle.y - world.y * stage.scale, ..stage }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::stage::layout::{Focus, layout};

    #[test]
    fn the_map_is_there_for_large_layouts_and_moves_the_camera() {
        let canvas = Canvas { width: 720.0, height: 556.0, unit: 1.0 };
        let small = layout(&fixture::scene(2, 2), &Focus::default());
        let large = layout(&fixture::scene(999, 5), &Focus::default());
        assert!(!is_wanted(&small, Camera::fit(small.bounds, canvas), canvas));
        assert!(!is_wanted(&large, Camera::fit(large.bounds, canvas), canvas), "all of it is seen");
        let near = Camera { scale: 1.0, x: 0.0, y: 0.0 };
        assert!(is_wanted(&large, near, canvas));
        let map = camera(&large);
        let corner = map.to_screen(point(large.bounds.right(), large.bounds.bottom()));
        assert!(corner.x <= WIDTH && corner.y <= HEIGHT);
        let at = map.to_screen(large.gateway.center());
        let there = moved_to(&large, near, at, canvas);
        assert!(there.to_screen(large.gateway.center()).distance(canvas.middle()) < 0.01);
    }
}
