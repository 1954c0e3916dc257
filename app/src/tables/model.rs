//! Tables in words.

use crate::text::thousands;
use podhop_engine::protocol::{RowMark, TableRowView, TableView};

/// Whether a row is to be lit: the one that was asked for, else the one that decided the step.
pub fn is_lit(view: &TableView, row: &TableRowView, lit: &str) -> bool {
    let asked_for = |row: &TableRowView| !lit.is_empty() && row.text == lit && row.mark != RowMark::Removed;
    if view.rows.iter().any(asked_for) { asked_for(row) } else { row.decides }
}

/// A mark's sign and word, and its class; nothing for a row that is as it was.
pub fn mark_of(row: &TableRowView) -> Option<(&'static str, &'static str)> {
    Some(match (row.mark, row.fresh) {
        (RowMark::Same, _) => return None,
        (RowMark::Added, true) => ("+ added at this step", "mark added fresh"),
        (RowMark::Added, false) => ("+ added", "mark added"),
        (RowMark::Changed, true) => ("± changed at this step", "mark changed fresh"),
        (RowMark::Changed, false) => ("± changed", "mark changed"),
        (RowMark::Removed, _) => ("− removed", "mark removed"),
    })
}

/// `just after step “Switch”, 74.8 µs into the conversation: 2 rows added, 1 changed since it began`, or nothing.
pub fn summary(view: &TableView) -> String {
    let count = |mark: RowMark| view.rows.iter().filter(|row| row.mark == mark).count() as u32;
    let counts = [(RowMark::Added, "added"), (RowMark::Changed, "changed"), (RowMark::Removed, "removed")];
    let mut words = String::new();
    for (mark, word) in counts {
        let number = count(mark);
        if number > 0 {
            let parted = if words.is_empty() { "" } else { ", " };
            words = [&words, parted, &thousands(number), " ", word].concat();
        }
    }
    let since = if view.at_ns.is_some() { " since the conversation began" } else { " by the last change" };
    match (words.is_empty(), view.at_ns.is_some()) {
        (true, true) => "Nothing has changed here since the conversation began.".to_string(),
        (true, false) => String::new(),
        (false, _) => [&words, since, "."].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use podhop_engine::protocol::OriginView;

    fn row(text: &str, mark: RowMark, decides: bool) -> TableRowView {
        let origin = OriginView { label: "kernel".into(), at: None, as_of_revision: None };
        TableRowView { text: text.into(), origin, mark, was: String::new(), fresh: false, decides }
    }

    fn view(rows: Vec<TableRowView>, at_ns: Option<u64>) -> TableView {
        TableView { rows, at_ns, ..TableView::default() }
    }

    #[test]
    fn the_row_that_was_asked_for_is_lit_else_the_one_that_decided() {
        let view = view(vec![row("a", RowMark::Same, true), row("b", RowMark::Same, false)], Some(0));
        let lit = |asked: &str| view.rows.iter().map(|row| is_lit(&view, row, asked)).collect::<Vec<_>>();
        assert_eq!(lit(""), [true, false]);
        assert_eq!(lit("b"), [false, true]);
        assert_eq!(lit("gone"), [true, false]);
    }

    #[test]
    fn changes_are_counted_in_words() {
        let rows =
            vec![row("a", RowMark::Added, false), row("b", RowMark::Added, false), row("c", RowMark::Removed, false)];
        assert_eq!(summary(&view(rows.clone(), None)), "2 added, 1 removed by the last change.");
        assert_eq!(summary(&view(rows, Some(5))), "2 added, 1 removed since the conversation began.");
        assert_eq!(summary(&view(Vec::new(), None)), "");
        assert!(summary(&view(Vec::new(), Some(5))).starts_with("Nothing has changed"));
    }

    #[test]
    fn marks_have_a_sign_and_a_word() {
        assert_eq!(mark_of(&row("a", RowMark::Same, true)), None);
        assert_eq!(mark_of(&row("a", RowMark::Changed, false)), Some(("± changed", "mark changed")));
        let fresh = TableRowView { fresh: true, ..row("a", RowMark::Added, false) };
        assert_eq!(mark_of(&fresh), Some(("+ added at this step", "mark added fresh")));
    }
}
