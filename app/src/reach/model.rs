//! The matrix as a table of rows and columns.

use podhop_engine::protocol::{ReachEnd, ReachView};

/// Ends beyond these have no row and no column: a table that large says nothing to the eye.
pub const SHOWN_MAX: usize = 80;

/// What is asked of each pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `TCP`, `UDP`, `SCTP`, `ICMP`; empty: the ports that containers declare.
    pub protocol: String,
    pub port: u16,
    /// The cluster's own Pods, the nodes and a client outside as well.
    pub all: bool,
    pub workloads: bool,
}

impl Default for Question {
    fn default() -> Question {
        Question { protocol: String::new(), port: 80, all: false, workloads: false }
    }
}

/// The sign of a pair: `.` connects, `X` does not, `o` in part, `#` itself.
pub fn sign(view: &ReachView, from: usize, to: usize) -> char {
    let (a, b) = (&view.ends[from], &view.ends[to]);
    if from == to && !is_workload(a) {
        return '#';
    }
    // Workloads, which have their own names for nodes, have both tables alike.
    let table = if a.node == b.node { &view.together } else { &view.apart };
    let class = |end: usize| view.class_of.get(end).copied().unwrap_or_default() as usize;
    table.get(class(from)).and_then(|row| row.chars().nth(class(to))).unwrap_or(' ')
}

fn is_workload(end: &ReachEnd) -> bool {
    end.node == end.name
}

/// A cell's word, class and mark.
pub fn words(sign: char) -> (&'static str, &'static str, &'static str) {
    match sign {
        '.' => ("connects", "yes", "●"),
        'X' => ("does not connect", "no", "✕"),
        'o' => ("connects in part", "part", "◐"),
        '#' => ("itself", "self", ""),
        _ => ("no such pair", "self", ""),
    }
}

/// `6 of 30 pairs do not connect`
pub fn summary(view: &ReachView) -> String {
    let count = view.ends.len().min(SHOWN_MAX);
    let signs = (0..count).flat_map(|from| (0..count).map(move |to| (from, to))).map(|(from, to)| sign(view, from, to));
    let (mut pairs, mut blocked, mut part) = (0, 0, 0);
    for sign in signs {
        pairs += u32::from(matches!(sign, '.' | 'X' | 'o'));
        blocked += u32::from(sign == 'X');
        part += u32::from(sign == 'o');
    }
    let in_part = if part > 0 { [", ", &part.to_string(), " in part"].concat() } else { String::new() };
    match (pairs, blocked, part) {
        (0, ..) => "Nobody is there to connect.".to_string(),
        (_, 0, 0) => "Everyone can connect to everyone.".to_string(),
        _ => [&blocked.to_string(), " of ", &pairs.to_string(), " pairs do not connect", &in_part, "."].concat(),
    }
}

/// The groups of the rows, each with how many follow one another.
pub fn groups(ends: &[ReachEnd]) -> Vec<(&str, usize)> {
    let mut groups: Vec<(&str, usize)> = Vec::new();
    for end in ends {
        match groups.last_mut() {
            Some((group, count)) if *group == end.group => *count += 1,
            _ => groups.push((&end.group, 1)),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(group: &str, name: &str, node: &str) -> ReachEnd {
        let (group, name, node) = (group.to_string(), name.to_string(), node.to_string());
        ReachEnd { place: ["pod/", &group, "/", &name].concat(), group, name, node }
    }

    fn view() -> ReachView {
        let rows = |rows: [&str; 2]| rows.map(str::to_string).to_vec();
        ReachView {
            title: "TCP 80".to_string(),
            ends: vec![end("a", "p", "n1"), end("a", "q", "n1"), end("b", "r", "n2")],
            class_of: vec![0, 0, 1],
            apart: rows([".X", ".o"]),
            together: rows(["X.", "X."]),
            changes: Vec::new(),
            changes_count: 0,
        }
    }

    #[test]
    fn pairs_on_one_node_have_signs_of_their_own() {
        let view = view();
        assert_eq!([sign(&view, 0, 0), sign(&view, 0, 1), sign(&view, 0, 2), sign(&view, 2, 0)], ['#', 'X', 'X', '.']);
    }

    #[test]
    fn a_workload_has_a_sign_for_its_pods_among_themselves() {
        let view = ReachView { ends: vec![end("a", "w", "w"), end("a", "v", "v"), end("b", "r", "r")], ..view() };
        assert_eq!(sign(&view, 0, 0), 'X');
    }

    #[test]
    fn the_matrix_is_summed_up() {
        let view = view();
        assert_eq!(summary(&view), "4 of 6 pairs do not connect.");
        assert_eq!(groups(&view.ends), [("a", 2), ("b", 1)]);
        let open = ReachView { apart: vec!["..".into(); 2], together: vec!["..".into(); 2], ..view.clone() };
        assert_eq!(summary(&open), "Everyone can connect to everyone.");
        assert_eq!(summary(&ReachView { ends: Vec::new(), ..view }), "Nobody is there to connect.");
    }
}
