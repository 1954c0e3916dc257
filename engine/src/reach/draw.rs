//! A matrix as a picture: SVG that follows the reader's light or dark scheme and has its content in words, too.

use super::{Fate, Matrix};
use std::fmt::Write;

/// Pixels of a cell, of a character of the labels, and of the gap between groups.
const CELL: usize = 18;
const CHARACTER: usize = 7;
const GAP: usize = 6;
/// Most ends that are drawn.
const ENDS_MAX: usize = 400;

const STYLE: &str = "text{font:12px ui-monospace,monospace;fill:#1b1f24}.g{font-weight:600}\
.o{fill:#2f7d4f}.p{fill:#b8860b}.x{fill:#b3423a}.i{fill:#c9ced6}.s{stroke:#fff;stroke-width:2;fill:none}\
@media(prefers-color-scheme:dark){text{fill:#e6e9ee}.o{fill:#4fae78}.p{fill:#d9a92e}.x{fill:#d9665c}.i{fill:#4a515c}\
.s{stroke:#15181d}}";

/// The picture. Shapes tell cells apart as well as colours do: a closed one has a cross, one in part a bar.
pub fn svg(matrix: &Matrix) -> String {
    let count = matrix.ends.len().min(ENDS_MAX);
    let longest = matrix.ends.iter().map(|end| end.full_name().chars().count()).max().unwrap_or(0);
    let label = longest * CHARACTER + 12;
    let places = places(matrix, count);
    let side = label + places.last().map_or(0, |last| last + CELL) + 8;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"{side}\" height=\"{side}\" \
         role=\"img\" aria-labelledby=\"t d\"><title id=\"t\">{}</title><desc id=\"d\">{}</desc><style>{STYLE}</style>\n",
        escaped(&format!("Who can connect to whom: {}", matrix.ports.title())),
        escaped(&described(matrix, count)),
    );
    for (at, end) in matrix.ends.iter().take(count).enumerate() {
        let (name, middle) = (escaped(&end.full_name()), label + places[at] + CELL / 2 + 4);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>", label - 6);
        let turned = format!("translate({middle} {}) rotate(-90)", label - 6);
        let _ = writeln!(svg, "<text transform=\"{turned}\">{name}</text>");
    }
    for row in 0..count {
        for column in 0..count {
            cell(&mut svg, matrix.fate(row, column), (label + places[column], label + places[row]));
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Where each row and column begins.
fn places(matrix: &Matrix, count: usize) -> Vec<usize> {
    let mut at = 0;
    let mut places = Vec::with_capacity(count);
    for (i, end) in matrix.ends.iter().take(count).enumerate() {
        if i > 0 && end.group() != matrix.ends[i - 1].group() {
            at += GAP;
        }
        places.push(at);
        at += CELL;
    }
    places
}

fn cell(svg: &mut String, fate: Fate, (x, y): (usize, usize)) {
    let class = match fate {
        Fate::Itself => "i",
        Fate::Open => "o",
        Fate::Part => "p",
        Fate::Closed => "x",
    };
    let side = CELL - 2;
    let _ = write!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" rx=\"3\"/>");
    let path = match fate {
        Fate::Closed => "m5 5 6 6m0-6-6 6",
        Fate::Part => "m4 8h8",
        Fate::Itself | Fate::Open => "",
    };
    if !path.is_empty() {
        let _ = write!(svg, "<path class=\"s\" d=\"M{x} {y}{path}\"/>");
    }
    svg.push('\n');
}

/// The picture in words.
fn described(matrix: &Matrix, count: usize) -> String {
    let mut counts = [0; 3];
    let mut closed = Vec::new();
    for row in 0..count {
        for column in 0..count {
            match matrix.fate(row, column) {
                Fate::Itself => {}
                Fate::Open => counts[0] += 1,
                Fate::Part => counts[1] += 1,
                Fate::Closed => {
                    counts[2] += 1;
                    if closed.len() < 20 {
                        closed.push(format!("{} to {}", matrix.ends[row].full_name(), matrix.ends[column].full_name()));
                    }
                }
            }
        }
    }
    let [open, part, shut] = counts;
    let mut text = format!("{open} pairs connect, {part} in part, {shut} do not");
    if !closed.is_empty() {
        let more = if shut > closed.len() { ", …" } else { "" };
        let _ = write!(text, ": {}{more}", closed.join(", "));
    }
    if matrix.ends.len() > count {
        let _ = write!(text, ". {} more ends are not drawn", matrix.ends.len() - count);
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
