//! "Did you mean": the nearest of some names.

/// The candidate nearest to `name`, if near enough that a person may have meant it.
pub fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let bound = if name.len() <= 3 { 1 } else { 1 + name.len() / 4 };
    let scored = candidates.filter_map(|candidate| Some((distance(name, candidate, bound)?, candidate)));
    // The first of equally near ones: candidates come in a fixed order.
    scored.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Names longer than this are never near to anything; it bounds the work.
const NAME_BYTES_MAX: usize = 64;

/// The number of insertions, deletions, substitutions and swaps of neighbours between two names, upper and lower case
/// being half as far apart as different letters; `None` beyond `bound` letters.
fn distance(left: &str, right: &str, bound: usize) -> Option<usize> {
    if left.eq_ignore_ascii_case(right) {
        return Some(usize::from(left != right));
    }
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() > NAME_BYTES_MAX || right.len() > NAME_BYTES_MAX || left.len().abs_diff(right.len()) > bound {
        return None;
    }
    const LETTER: usize = 2;
    let columns = right.len() + 1;
    let mut before: Vec<usize> = vec![0; columns];
    let mut above: Vec<usize> = (0..columns).map(|column| column * LETTER).collect();
    for (row, &l) in left.iter().enumerate() {
        let mut current = vec![(row + 1) * LETTER; columns];
        for (column, &r) in right.iter().enumerate() {
            let substitution = match (l == r, l.eq_ignore_ascii_case(&r)) {
                (true, _) => 0,
                (false, true) => 1,
                _ => LETTER,
            };
            let mut best = above[column] + substitution;
            best = best.min(above[column + 1] + LETTER).min(current[column] + LETTER);
            if row > 0 && column > 0 && l == right[column - 1] && r == left[row - 1] {
                best = best.min(before[column - 1] + LETTER);
            }
            current[column + 1] = best;
        }
        before = std::mem::replace(&mut above, current);
    }
    let found = above[columns - 1];
    (found <= bound * LETTER).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let fields = ["command", "args", "image", "name", "containerPort", "hostPort", "env", "envFrom"];
        let cases = [
            ("comand", Some("command")),
            ("contianerPort", Some("containerPort")),
            ("containerport", Some("containerPort")),
            ("imgae", Some("image")),
            ("arg", Some("args")),
            ("enviroment", None),
            ("x", None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name, fields.into_iter()), expected, "{name}");
        }
        assert_eq!(nearest("tcp", ["SCTP", "TCP", "UDP"].into_iter()), Some("TCP"));
    }
}
