//! What has become of a table's rows between two moments.

use super::rows::Row;
use crate::protocol::RowMark;
use std::collections::BTreeMap;

/// A row and what has become of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Marked {
    pub row: Row,
    pub mark: RowMark,
    /// The text of a changed row as it was.
    pub was: String,
    pub fresh: bool,
}

impl Marked {
    pub fn same(row: Row) -> Marked {
        Marked { row, mark: RowMark::Same, was: String::new(), fresh: false }
    }

    pub fn is_marked(&self) -> bool {
        self.mark != RowMark::Same
    }
}

/// The new rows in their order, marked; then the old ones that are gone. Rows are the same if their keys are: an address,
/// a prefix, a name. Of several with one key the first belongs to the first.
pub(super) fn compare(old: Vec<Row>, new: Vec<Row>) -> Vec<Marked> {
    let mut known: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, row) in old.iter().enumerate().rev() {
        known.entry(&row.key).or_default().push(i);
    }
    let mut gone = vec![true; old.len()];
    let mut marked = Vec::with_capacity(new.len());
    for row in new {
        let before = known.get_mut(&*row.key).and_then(Vec::pop);
        let (mark, was) = match before.map(|i| (i, &old[i])) {
            None => (RowMark::Added, String::new()),
            Some((i, before)) => {
                gone[i] = false;
                match before.text == row.text {
                    true => (RowMark::Same, String::new()),
                    false => (RowMark::Changed, before.text.clone()),
                }
            }
        };
        marked.push(Marked { row, mark, was, fresh: false });
    }
    let gone = old.into_iter().zip(gone).filter(|(_, gone)| *gone);
    marked.extend(gone.map(|(row, _)| Marked { mark: RowMark::Removed, ..Marked::same(row) }));
    marked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::Origin;

    fn rows(texts: &[&str]) -> Vec<Row> {
        let row = |text: &&str| Row {
            key: text.split(' ').next().unwrap_or_default().to_owned(),
            text: (*text).to_owned(),
            origin: Origin::Kernel,
        };
        texts.iter().map(row).collect()
    }

    #[test]
    fn rows_are_told_by_their_keys() {
        let marked = compare(rows(&["a 1", "b 1", "c 1", "b 2"]), rows(&["b 1", "b 3", "d 1", "a 1"]));
        let told: Vec<_> = marked.iter().map(|m| (&*m.row.text, m.mark, &*m.was)).collect();
        assert_eq!(
            told,
            [
                ("b 1", RowMark::Same, ""),
                ("b 3", RowMark::Changed, "b 2"),
                ("d 1", RowMark::Added, ""),
                ("a 1", RowMark::Same, ""),
                ("c 1", RowMark::Removed, ""),
            ]
        );
    }
}
