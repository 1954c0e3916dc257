//! Problems in the order in which they are mended: what causes others comes first and has them folded under it, and those
//! that say the same of many things are told once.

use podhop_engine::protocol::DiagnosticView;

/// A problem with those that follow from it and those like it (indices).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub first: usize,
    pub follows: Vec<usize>,
    pub like: Vec<usize>,
}

/// So many that say the same are a group.
const LIKE_MIN: usize = 4;

/// All problems in groups: the gravest first, and of one gravity those that can be mended with one key.
pub fn groups(all: &[DiagnosticView]) -> Vec<Group> {
    let mut causes: Vec<Option<usize>> = vec![None; all.len()];
    for (index, one) in all.iter().enumerate() {
        causes[index] = cause(all, one);
    }
    let mut sorts: Vec<(String, usize)> = Vec::new();
    for (index, one) in all.iter().enumerate().filter(|(index, _)| causes[*index].is_none()) {
        sorts.push((sort(one), index));
    }
    sorts.sort();
    let mut groups: Vec<Group> = Vec::new();
    for same in sorts.chunk_by(|one, other| one.0 == other.0) {
        let is_many = same.len() >= LIKE_MIN;
        for (at, (_, index)) in same.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if is_many && at > 0 => group.like.push(*index),
                _ => groups.push(Group { first: *index, ..Group::default() }),
            }
        }
    }
    for group in &mut groups {
        let of = |cause: &Option<usize>| cause.is_some_and(|cause| cause == group.first || group.like.contains(&cause));
        group.follows = (0..all.len()).filter(|index| of(&causes[*index])).collect();
    }
    let weight = |index: &usize| match all[*index].severity.as_str() {
        "error" => 0,
        "warning" => 1,
        _ => 2,
    };
    groups.sort_by_key(|group| {
        let gravest = group.follows.iter().chain([&group.first]).map(weight).min();
        (gravest, all[group.first].fix.is_none(), group.first)
    });
    groups
}

/// A field that is misspelt is a field that is missing: the unknown name whose mending gives what `one` asks for.
fn cause(all: &[DiagnosticView], one: &DiagnosticView) -> Option<usize> {
    let field = one.message.strip_prefix("Required value: ").filter(|_| one.code == "required")?;
    let gives = |other: &DiagnosticView| {
        let fix = other.fix.as_ref().filter(|_| other.code == "unknown-field" && other.at.file == one.at.file);
        fix.is_some_and(|(_, by)| by == field) && one.at.line <= other.at.line
    };
    let near = |index: &usize| all[*index].at.line;
    (0..all.len()).filter(|index| gives(&all[*index])).min_by_key(near)
}

/// What a problem says, without the names and numbers of whom.
fn sort(of: &DiagnosticView) -> String {
    let mut sort = [&of.severity, " ", &of.code, " "].concat();
    let mut quoted = false;
    for letter in of.message.chars() {
        quoted ^= letter == '"';
        match letter {
            _ if quoted => {}
            '0'..='9' if sort.ends_with('0') => {}
            '0'..='9' => sort.push('0'),
            letter => sort.push(letter),
        }
    }
    sort
}

#[cfg(test)]
mod tests {
    use super::*;
    use podhop_engine::protocol::TextRange;

    fn problem(severity: &str, code: &str, line: u32, message: &str, fix: Option<&str>) -> DiagnosticView {
        let at = TextRange { file: "a.yaml".into(), line, column: 1, end_line: line, end_column: 9 };
        DiagnosticView {
            severity: severity.into(),
            code: code.into(),
            about_cluster: false,
            fix: fix.map(|by| (at.clone(), by.to_string())),
            at,
            message: message.into(),
            hint: None,
        }
    }

    #[test]
    fn a_misspelt_field_comes_first_and_what_is_missing_for_it_under_it() {
        let all = [
            problem("error", "required", 9, "Required value: image", None),
            problem("error", "required", 20, "Required value: selector", None),
            problem("warning", "unknown-field", 10, "unknown field \"imag\"", Some("image")),
        ];
        let groups = groups(&all);
        assert_eq!(groups.iter().map(|group| group.first).collect::<Vec<usize>>(), [2, 1]);
        assert_eq!(groups[0].follows, [0]);
        let later = [all[2].clone(), problem("error", "required", 30, "Required value: image", None)];
        assert!(super::groups(&later).iter().all(|group| group.follows.is_empty()), "of an object further down");
    }

    #[test]
    fn many_that_say_the_same_are_one_group_and_few_are_not() {
        let of = |at: u32| {
            let text = [
                "the Pod subnet 10.",
                &at.to_string(),
                ".0.0/24 overlaps 10.0.0.0/8 of node \"n",
                &at.to_string(),
                "\"",
            ];
            problem("error", "pod-subnets-overlap", at, &text.concat(), None)
        };
        let mut all: Vec<DiagnosticView> = (1..=1_000).map(of).collect();
        all.push(problem("error", "required", 3, "Required value: selector", None));
        let many = groups(&all);
        assert_eq!(many.iter().map(|group| group.like.len()).collect::<Vec<usize>>(), [999, 0]);
        assert_eq!(many[0].first, 0);
        assert_eq!(groups(&all[..3]).len(), 3);
    }

    #[test]
    fn the_gravest_come_first_and_of_those_the_ones_that_can_be_mended() {
        let all = [
            problem("info", "a", 1, "x", Some("y")),
            problem("error", "b", 2, "x", None),
            problem("warning", "c", 3, "x", None),
            problem("error", "d", 4, "x", Some("y")),
        ];
        assert_eq!(groups(&all).iter().map(|group| group.first).collect::<Vec<usize>>(), [3, 1, 2, 0]);
    }
}
