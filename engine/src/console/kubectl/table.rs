//! Tables as kubectl prints them: columns padded to the widest cell and three blanks, at least six wide.
//!
//! Models k8s.io/cli-runtime pkg/printers tableprinter.go and tabwriter.go.

/// Columns before kubectl's own decorations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Upper case names; `wide` ones appear with `-o wide` only.
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    pub name: &'static str,
    pub wide: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub namespace: String,
    /// Sorted by key.
    pub labels: Vec<(String, String)>,
    /// One per column; the first is the object's name.
    pub cells: Vec<String>,
}

/// What the flags of `get` ask for.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    pub wide: bool,
    pub no_headers: bool,
    /// A NAMESPACE column (`-A`).
    pub with_namespace: bool,
    /// Names as `kind/name`, where several kinds are listed: the kind with its group.
    pub with_kind: Option<String>,
    pub show_labels: bool,
    /// `-L`
    pub label_columns: Vec<String>,
}

impl Table {
    /// A table without rows. Names that begin with `+` are shown with `-o wide` only.
    pub fn new(names: &[&'static str]) -> Self {
        let columns = names.iter().map(|name| match name.strip_prefix('+') {
            Some(name) => Column { name, wide: true },
            None => Column { name, wide: false },
        });
        Table { columns: columns.collect(), rows: Vec::new() }
    }

    /// The table's text; nothing at all without rows.
    pub fn print(&self, options: &TableOptions) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let shown = |index: &usize| options.wide || !self.columns[*index].wide;
        let indices: Vec<usize> = (0..self.columns.len()).filter(shown).collect();
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        if !options.no_headers {
            let mut line = Vec::new();
            if options.with_namespace {
                line.push("NAMESPACE".to_string());
            }
            line.extend(indices.iter().map(|index| self.columns[*index].name.to_string()));
            // `-L app.kubernetes.io/name` is headed NAME.
            let header = |label: &String| label.rsplit('/').next().unwrap_or(label).to_ascii_uppercase();
            line.extend(options.label_columns.iter().map(header));
            if options.show_labels {
                line.push("LABELS".to_string());
            }
            lines.push(line);
        }
        for row in &self.rows {
            let mut line = Vec::with_capacity(row.cells.len() + 2);
            if options.with_namespace {
                line.push(row.namespace.clone());
            }
            for index in &indices {
                let cell = row.cells.get(*index).map_or("", String::as_str);
                line.push(match &options.with_kind {
                    Some(kind) if *index == 0 => format!("{kind}/{cell}"),
                    _ => one_line(cell),
                });
            }
            let value =
                |label: &String| row.labels.iter().find(|(key, _)| key == label).map(|(_, value)| value.clone());
            line.extend(options.label_columns.iter().map(|label| value(label).unwrap_or_default()));
            if options.show_labels {
                line.push(format_labels(&row.labels));
            }
            lines.push(line);
        }
        align(&lines)
    }
}

/// A cell ends at its first line break.
fn one_line(cell: &str) -> String {
    match cell.find(['\n', '\r', '\x0c']) {
        Some(end) => format!("{}...", &cell[..end]),
        None => cell.to_string(),
    }
}

/// `app=web,tier=front`, or `<none>`.
pub fn format_labels(labels: &[(String, String)]) -> String {
    if labels.is_empty() {
        return "<none>".to_string();
    }
    let mut text = String::new();
    for (key, value) in labels {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
    text
}

/// Lines of cells → text; a line's last cell is not padded. Models tabwriter with minwidth 6 and padding 3.
pub fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter(|line| line.len() > column + 1);
        cells.map(|line| line[column].chars().count() + 3).max().unwrap_or(0).max(6)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        for (column, cell) in line.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < line.len() {
                text.extend(std::iter::repeat_n(' ', widths[column] - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "READY", "+IP"]);
        for (namespace, name, ready, ip) in [("default", "a", "1/1", "10.244.1.2"), ("x", "long-name", "0/1", "<none>")]
        {
            table.rows.push(Row {
                namespace: namespace.into(),
                labels: if ip == "<none>" {
                    vec![]
                } else {
                    vec![("app".into(), "a".into()), ("k8s.io/b".into(), "c".into())]
                },
                cells: vec![name.into(), ready.into(), ip.into()],
            });
        }
        table
    }

    #[test]
    fn columns_are_three_blanks_apart_and_six_wide() {
        let text = table().print(&TableOptions::default());
        assert_eq!(text, "NAME        READY\na           1/1\nlong-name   0/1\n");
        let wide = TableOptions { wide: true, with_namespace: true, ..TableOptions::default() };
        let expected = "NAMESPACE   NAME        READY   IP\n\
                        default     a           1/1     10.244.1.2\n\
                        x           long-name   0/1     <none>\n";
        assert_eq!(table().print(&wide), expected);
        assert_eq!(align(&[vec!["a".into(), "b".into(), "c".into()]]), "a     b     c\n");
    }

    #[test]
    fn labels_make_columns() {
        let options = TableOptions { show_labels: true, no_headers: true, ..TableOptions::default() };
        assert_eq!(table().print(&options), "a           1/1   app=a,k8s.io/b=c\nlong-name   0/1   <none>\n");
        let options = TableOptions {
            label_columns: vec!["k8s.io/b".into(), "app".into()],
            with_kind: Some("pod".into()),
            ..TableOptions::default()
        };
        let expected = "NAME            READY   B     APP\n\
                        pod/a           1/1     c     a\n\
                        pod/long-name   0/1           \n";
        assert_eq!(table().print(&options), expected);
    }

    #[test]
    fn a_table_without_rows_has_no_header() {
        assert_eq!(Table::new(&["NAME"]).print(&TableOptions::default()), "");
    }
}
