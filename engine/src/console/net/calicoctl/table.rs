//! The two kinds of tables that calicoctl prints.

/// As `calicoctl get` lays out its columns. Models text/tabwriter with minwidth 5 and padding 3, where every cell ends in a
/// tab, the last one too.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count() + 3).max();
    let widths: Vec<usize> = (0..count).map(|at| width(at).unwrap_or(0).max(5)).collect();
    let line =
        |row: &Vec<String>| row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect::<String>();
    rows.iter().map(|row| line(row) + "\n").collect::<Vec<String>>().concat()
}

/// As `calicoctl ipam show` and `calicoctl node status` draw theirs. Models github.com/olekukonko/tablewriter 0.0.5: names
/// in the middle, numbers on the right; a cell may have several lines.
pub fn framed(names: &[&str], rows: &[Vec<String>]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).flat_map(|cell| cell.lines());
        cells.chain([names[at]]).map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let rule = widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("+");
    let rule = format!("+{rule}+\n");
    let head: String =
        names.iter().zip(&widths).map(|(name, width)| format!(" {} |", centered(name, *width))).collect();
    let mut text = format!("{rule}|{head}\n{rule}");
    for row in rows {
        let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or(1);
        for at in 0..height {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let line = cell.lines().nth(at).unwrap_or("");
                if is_number(line) { format!(" {line:>width$} |") } else { format!(" {line:width$} |") }
            });
            text += &format!("|{}\n", cells.collect::<String>());
        }
    }
    text + &rule
}

/// The smaller half of what is left stands before it.
fn centered(text: &str, width: usize) -> String {
    let left = width.saturating_sub(text.chars().count()) / 2;
    format!("{:width$}", format!("{}{text}", " ".repeat(left)))
}

fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    digits(whole.strip_prefix('-').unwrap_or(whole)) && fraction.is_none_or(digits)
}

/// `%.5g` of Go.
pub fn general(number: f64) -> String {
    let text = format!("{number:.4e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let trimmed = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent @ -4..=4 => format!("{number:.*}", trimmed_places(trimmed, exponent)),
        exponent => format!("{trimmed}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

/// Places after the point of a number whose digits these are.
fn trimmed_places(mantissa: &str, exponent: i32) -> usize {
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    (digits - 1 - exponent).max(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits_as_go_prints_them() {
        let printed = [0.0, 64.0, 16384.0, 65531.0, 131_072.0, 1_048_576.0, 1e5].map(general);
        assert_eq!(printed, ["0", "64", "16384", "65531", "1.3107e+05", "1.0486e+06", "1e+05"]);
        assert_eq!(general(2_f64.powi(64)), "1.8447e+19");
    }

    #[test]
    fn framed_tables_put_names_in_the_middle_and_numbers_on_the_right() {
        let rows = [vec!["IP Pool".to_owned(), "10.244.0.0/16".to_owned(), "65536".to_owned()]];
        let expected = "+----------+---------------+-----------+\n\
                        | GROUPING |     CIDR      | IPS TOTAL |\n\
                        +----------+---------------+-----------+\n\
                        | IP Pool  | 10.244.0.0/16 |     65536 |\n\
                        +----------+---------------+-----------+\n";
        assert_eq!(framed(&["GROUPING", "CIDR", "IPS TOTAL"], &rows), expected);
    }

    #[test]
    fn columns_end_in_blanks() {
        let rows = [vec!["NAME".to_owned(), "X".to_owned()], vec!["a".to_owned(), String::new()]];
        assert_eq!(columns(&rows), "NAME   X    \na           \n");
    }
}
