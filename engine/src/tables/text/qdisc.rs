//! `tc qdisc show`: iproute2 6.1's.

use crate::tables::{Link, LinkKind, Netem, Netns};
use std::fmt::Write;

/// One device's root.
pub fn row(netns: &Netns, netem: &Netem) -> String {
    let name = netns.link(netem.link).map_or("", |link| &*link.name);
    let mut text = format!("qdisc netem 8001: dev {name} root refcnt 2 limit 1000");
    if netem.delay > 0 {
        let _ = write!(text, " delay {}", time(netem.delay));
        if netem.jitter > 0 {
            let _ = write!(text, "  {}", time(netem.jitter));
        }
    }
    if netem.loss_ppm > 0 {
        let _ = write!(text, " loss {}%", trim(f64::from(netem.loss_ppm) / 10_000.0));
    }
    text
}

/// Every device's, or one's.
pub fn show(netns: &Netns, only: Option<&Link>) -> String {
    let links = netns.links.iter().filter(|link| only.is_none_or(|only| only.index == link.index));
    let mut text = String::new();
    for link in links {
        let line = match netns.netem.iter().find(|netem| netem.link == link.index) {
            Some(netem) => row(netns, netem),
            None if matches!(link.kind, LinkKind::Nic { .. }) => {
                let bands = "bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1";
                format!("qdisc pfifo_fast 0: dev {} root refcnt 2 {bands}", link.name)
            }
            None => format!("qdisc noqueue 0: dev {} root refcnt 2", link.name),
        };
        let _ = writeln!(text, "{line} ");
    }
    text
}

/// `100ms`, `1.5s`, `10us`
fn time(nanos: u64) -> String {
    let micros = nanos as f64 / 1_000.0;
    if micros >= 1_000_000.0 {
        format!("{}s", trim(micros / 1_000_000.0))
    } else if micros >= 1_000.0 {
        format!("{}ms", trim(micros / 1_000.0))
    } else {
        format!("{}us", trim(micros))
    }
}

/// Without the zeros that say nothing.
fn trim(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
