//! Matrices as text and as CSV.

use super::{End, Matrix, Reached};
use std::fmt::Write;

/// The matrix for a terminal: rows and columns are numbered, grouped by namespace, and legend and totals follow.
pub fn text(matrix: &Matrix) -> String {
    let count = matrix.ends.len();
    let mut text = format!("from row to column: {}\n", matrix.ports.title());
    if count == 0 {
        text.push_str("no Pods\n");
        return text;
    }
    let digits = count.to_string().len();
    let width = matrix.ends.iter().map(|end| end.name.chars().count() + 2).max().unwrap_or(0);
    let indent = " ".repeat(width + digits + 2);
    for place in 0..digits {
        text.push_str(&indent);
        for column in 0..count {
            let _ = write!(text, "{}{}", gap(matrix, column), digit(column + 1, digits, place));
        }
        text.push('\n');
    }
    let mut group = "";
    for (row, end) in matrix.ends.iter().enumerate() {
        if row == 0 || end.group() != group {
            group = end.group();
            let _ = writeln!(text, "{group}");
        }
        let _ = write!(text, "  {:<name$} {:>digits$} ", end.name, row + 1, name = width - 2);
        for column in 0..count {
            let _ = write!(text, "{}{}", gap(matrix, column), matrix.fate(row, column).sign());
        }
        text.push('\n');
    }
    text.push_str(". connects   X does not   o in part   # itself\n");
    text
}

/// What stands before a column: a wider gap where a group begins.
fn gap(matrix: &Matrix, column: usize) -> &'static str {
    let begins = column > 0 && matrix.ends[column].group() != matrix.ends[column - 1].group();
    if begins { "  " } else { "" }
}

/// One digit of a column's number; leading zeros are blanks.
fn digit(number: usize, digits: usize, place: usize) -> char {
    format!("{number:>digits$}").chars().nth(place).unwrap_or(' ')
}

/// One row a pair: `from,to,connects`, with `yes`, `no` or `part`.
pub fn csv(matrix: &Matrix) -> String {
    let mut text = "from,to,connects\n".to_owned();
    for (row, from) in matrix.ends.iter().enumerate() {
        for (column, to) in matrix.ends.iter().enumerate() {
            let word = match matrix.fate(row, column) {
                super::Fate::Itself => continue,
                super::Fate::Open => "yes",
                super::Fate::Part => "part",
                super::Fate::Closed => "no",
            };
            let _ = writeln!(text, "{},{},{word}", from.full_name(), to.full_name());
        }
    }
    text
}

/// `FROM -> TO: TCP 80,443,8000-8999; UDP all`
pub fn ranges_text(from: &End, to: &End, reached: &[Reached]) -> String {
    let one = |Reached { protocol, ports, cut }: &Reached| {
        let cut = cut.map_or_else(String::new, |port| format!(" (from {port} on not asked: too many differ)"));
        format!("{} {ports}{cut}", protocol.name())
    };
    let sets: Vec<String> = reached.iter().map(one).collect();
    format!("{} -> {}: {}\n", from.full_name(), to.full_name(), sets.join("; "))
}

/// One row an interval of ports that connects: `from,to,protocol,first,last`.
pub fn ranges_csv(from: &End, to: &End, reached: &[Reached]) -> String {
    let mut text = String::new();
    for Reached { protocol, ports, .. } in reached {
        for (first, last) in ports.intervals() {
            let _ = writeln!(text, "{},{},{},{first},{last}", from.full_name(), to.full_name(), protocol.name());
        }
    }
    text
}
