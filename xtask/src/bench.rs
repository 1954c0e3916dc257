//! The speed budgets: native benchmarks, then the same through the worker in Chromium.

use anyhow::{Result, bail};

use crate::command::{browser_tests, cargo, command, root, watch};
use crate::server::{Kind, Site};
use crate::setup::{chromium, npm_packages};
use crate::size::budget;

/// Runs every benchmark, or those whose names contain one of the arguments, and compares with the budgets.
pub fn run(args: &[String]) -> Result<bool> {
    let mut rows = Vec::new();
    let mut collect = |line: &str| rows.extend(row(line));
    println!("native …");
    if !watch(cargo("bench --quiet --locked --package podhop-engine --bench speed --").args(args), &mut collect)? {
        bail!("the native benchmarks failed");
    }
    if root().join("dist/index.html").is_file() {
        println!("in Chromium …");
        npm_packages()?;
        let site = Site::start(&root().join("dist"), 0, Kind::Brotli)?;
        let mut measure = command("node", ["bench.mjs", &site.url()]);
        if !watch(measure.current_dir(browser_tests()).env("CHROMIUM", chromium()?), &mut collect)? {
            bail!("the benchmarks in Chromium failed");
        }
    } else {
        println!("in Chromium: skipped, there is no dist/ (`cargo xtask dist`)");
    }
    let mut within = true;
    println!();
    for Row { name, value, unit } in rows {
        let allowed = budget("bench", &name).ok();
        let verdict = match allowed {
            Some(allowed) if value > allowed => {
                within = false;
                format!("  OVER {}", shown(allowed, &unit))
            }
            Some(allowed) => format!("  within {}", shown(allowed, &unit)),
            None => String::new(),
        };
        println!("{name:<28} {:>10}{verdict}", shown(value, &unit));
    }
    Ok(within)
}

struct Row {
    name: String,
    value: u64,
    unit: String,
}

/// `bench NAME NUMBER UNIT`
fn row(line: &str) -> Option<Row> {
    let mut words = line.strip_prefix("bench ")?.split(' ');
    let (name, value, unit) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    Some(Row { name: name.to_string(), value, unit: unit.to_string() })
}

fn shown(value: u64, unit: &str) -> String {
    let number = value as f64;
    match unit {
        "ns" if number >= 1e9 => format!("{:.2} s", number / 1e9),
        "ns" if number >= 1e6 => format!("{:.1} ms", number / 1e6),
        "ns" => format!("{:.1} µs", number / 1e3),
        "bytes" => format!("{:.0} MB", number / 1e6),
        _ => format!("{value} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_read_and_shown_in_fitting_units() {
        let echo = row("bench echo_across_nodes 18500 ns").unwrap();
        assert_eq!((echo.name.as_str(), shown(echo.value, &echo.unit).as_str()), ("echo_across_nodes", "18.5 µs"));
        assert!(row("running 0 tests").is_none());
        assert_eq!(shown(1_500_000_000, "bytes"), "1500 MB");
    }
}
