//! Expected output against real output.

/// Whether the lines agree: `...` alone stands for any number of lines, `[..]` for anything within one. Blanks at the
/// end of lines do not count.
pub(super) fn agrees(expected: &[String], actual: &[&str]) -> bool {
    // Greedy with one point of return, as for `*` in file names: no exponential time.
    let (mut e, mut a) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while a < actual.len() {
        if e < expected.len() && expected[e].trim() == "..." {
            retry = Some((e, a));
            e += 1;
        } else if e < expected.len() && line_agrees(expected[e].trim_end(), actual[a].trim_end()) {
            e += 1;
            a += 1;
        } else if let Some((back_e, back_a)) = retry {
            retry = Some((back_e, back_a + 1));
            (e, a) = (back_e + 1, back_a + 1);
        } else {
            return false;
        }
    }
    expected[e..].iter().all(|line| line.trim() == "...")
}

fn line_agrees(expected: &str, actual: &str) -> bool {
    let mut parts = expected.split("[..]");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = actual.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(found) = last.replace(part) {
            match rest.find(found) {
                Some(at) => rest = &rest[at + found.len()..],
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(part) => rest.len() >= part.len() && rest.ends_with(part),
    }
}

/// Both sides line by line, for a person: ` ` agrees, `-` expected, `+` printed.
pub(super) fn difference(expected: &[String], actual: &[&str]) -> String {
    let same_start = expected.iter().zip(actual).take_while(|(e, a)| line_agrees(e.trim_end(), a.trim_end())).count();
    let mut text = String::new();
    for line in &expected[..same_start] {
        text += &format!("    {line}\n");
    }
    for line in &expected[same_start..] {
        text += &format!("  - {line}\n");
    }
    for line in &actual[same_start..] {
        text += &format!("  + {line}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, actual: &str, agree: bool) {
        let expected: Vec<String> = expected.lines().map(str::to_owned).collect();
        let actual: Vec<&str> = actual.lines().collect();
        assert_eq!(agrees(&expected, &actual), agree, "{expected:?} {actual:?}");
    }

    #[test]
    fn elisions_stand_for_lines_and_for_parts_of_lines() {
        check("a\nb", "a\nb", true);
        check("a\nb", "a\nc", false);
        check("a", "a\nb", false);
        check("...\nb", "x\ny\nb", true);
        check("a\n...", "a", true);
        check("a\n...\nz", "a\nz\ny\nz", true);
        check("time=[..] ms", "time=0.086 ms", true);
        check("time=[..] ms", "time=0.086 s", false);
        check("[..]b[..]b", "abab", true);
        check("[..]b[..]b", "ab", false);
        check("a  ", "a", true);
    }
}
