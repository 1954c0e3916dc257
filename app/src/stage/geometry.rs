//! Points, rectangles and polylines of the stage, in world pixels (y grows downwards).

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

pub fn point(x: f64, y: f64) -> Point {
    Point { x, y }
}

impl Point {
    pub fn distance(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point `part` (0 to 1) of the way to `other`.
    pub fn towards(self, other: Point, part: f64) -> Point {
        point(self.x + (other.x - self.x) * part, self.y + (other.y - self.y) * part)
    }
}

/// As `f64::clamp`, whose panic message would bring all of floating-point formatting into the page's module. `low` wins
/// where it is above `high`.
pub fn within(value: f64, low: f64, high: f64) -> f64 {
    value.min(high).max(low)
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

pub fn rect(x: f64, y: f64, width: f64, height: f64) -> Rect {
    Rect { x, y, width, height }
}

impl Rect {
    pub fn right(self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(self) -> f64 {
        self.y + self.height
    }

    pub fn center(self) -> Point {
        point(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    pub fn contains(self, at: Point) -> bool {
        at.x >= self.x && at.x <= self.right() && at.y >= self.y && at.y <= self.bottom()
    }

    pub fn overlaps(self, other: Rect) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    /// How many square pixels both cover.
    pub fn shared(self, other: Rect) -> f64 {
        let across = self.right().min(other.right()) - self.x.max(other.x);
        let down = self.bottom().min(other.bottom()) - self.y.max(other.y);
        across.max(0.0) * down.max(0.0)
    }

    /// The smallest rectangle around both.
    pub fn union(self, other: Rect) -> Rect {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        rect(x, y, self.right().max(other.right()) - x, self.bottom().max(other.bottom()) - y)
    }

    /// Larger by `by` on every side.
    pub fn grown(self, by: f64) -> Rect {
        rect(self.x - by, self.y - by, self.width + 2.0 * by, self.height + 2.0 * by)
    }
}

/// A line through points, measured along itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Polyline {
    pub points: Vec<Point>,
    /// Distance from the start to each point.
    lengths: Vec<f64>,
}

impl Polyline {
    /// Appends a point; one that repeats the last is left out. Returns the distance from the start.
    pub fn push(&mut self, at: Point) -> f64 {
        let along = match (self.points.last(), self.lengths.last()) {
            (Some(last), Some(length)) if last.distance(at) < 0.01 => return *length,
            (Some(last), Some(length)) => length + last.distance(at),
            _ => 0.0,
        };
        self.points.push(at);
        self.lengths.push(along);
        along
    }

    pub fn length(&self) -> f64 {
        self.lengths.last().copied().unwrap_or(0.0)
    }

    /// The point `along` pixels from the start.
    pub fn at(&self, along: f64) -> Point {
        let next = self.lengths.partition_point(|length| *length <= along);
        match (next.checked_sub(1).and_then(|i| self.points.get(i)), self.points.get(next)) {
            (Some(from), Some(to)) => {
                let start = self.lengths[next - 1];
                from.towards(*to, (along - start) / (self.lengths[next] - start))
            }
            (Some(last), None) => *last,
            (None, first) => first.copied().unwrap_or_default(),
        }
    }

    /// How far along the line its corners between `from` and `to` are.
    pub fn corners(&self, from: f64, to: f64) -> impl Iterator<Item = f64> + '_ {
        self.lengths.iter().copied().filter(move |length| *length > from && *length < to)
    }

    /// The points from `from` to `to` pixels along the line.
    pub fn part(&self, from: f64, to: f64) -> Vec<Point> {
        if to - from < 0.5 || self.points.len() < 2 {
            return Vec::new();
        }
        let mut points = vec![self.at(from)];
        for (at, length) in self.points.iter().zip(&self.lengths) {
            if *length > from && *length < to {
                points.push(*at);
            }
        }
        points.push(self.at(to));
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polyline_is_measured_along_its_corners() {
        let mut line = Polyline::default();
        line.push(point(0.0, 0.0));
        assert_eq!(line.push(point(0.0, 10.0)), 10.0);
        assert_eq!(line.push(point(0.0, 10.0)), 10.0);
        assert_eq!(line.push(point(20.0, 10.0)), 30.0);
        assert_eq!(line.at(5.0), point(0.0, 5.0));
        assert_eq!(line.at(15.0), point(5.0, 10.0));
        assert_eq!(line.at(99.0), point(20.0, 10.0));
        assert_eq!(line.part(5.0, 15.0), vec![point(0.0, 5.0), point(0.0, 10.0), point(5.0, 10.0)]);
        assert!(Polyline::default().part(0.0, 9.0).is_empty());
    }
}
