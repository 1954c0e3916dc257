//! `ip neigh`. Models iproute2 ip/ipneigh.c print_neigh and busybox networking/libiproute/ipneigh.c.

use super::out::Out;
use super::{Format, Tool};
use crate::net::MacAddr;
use crate::tables::{LinkIndex, NeighborEntry, Netns};
use std::net::IpAddr;

/// The kernel's NUD states, as `ip neigh` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeighborState {
    Permanent,
    Reachable,
    Stale,
    Delay,
    Probe,
    Incomplete,
    Failed,
}

impl NeighborState {
    /// `REACHABLE`
    pub fn name(self) -> &'static str {
        match self {
            NeighborState::Permanent => "PERMANENT",
            NeighborState::Reachable => "REACHABLE",
            NeighborState::Stale => "STALE",
            NeighborState::Delay => "DELAY",
            NeighborState::Probe => "PROBE",
            NeighborState::Incomplete => "INCOMPLETE",
            NeighborState::Failed => "FAILED",
        }
    }
}

/// One row: programmed or learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbor {
    pub link: LinkIndex,
    pub ip: IpAddr,
    pub mac: Option<MacAddr>,
    pub state: NeighborState,
    /// IPv6: it has said that it routes.
    pub router: bool,
    /// ARP requests sent for it; busybox prints their number.
    pub probes_count: u32,
}

impl From<&NeighborEntry> for Neighbor {
    fn from(entry: &NeighborEntry) -> Neighbor {
        let state = NeighborState::Permanent;
        Neighbor { link: entry.link, ip: entry.ip, mac: Some(entry.mac), state, router: false, probes_count: 0 }
    }
}

/// Which rows to show. What is selected is not printed again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// `dev NAME`
    pub dev: Option<LinkIndex>,
    /// An address.
    pub ip: Option<IpAddr>,
    /// `nud STATE`
    pub state: Option<NeighborState>,
}

/// `10.244.2.0 dev flannel.1 lladdr 5a:01:02:03:04:22 PERMANENT`
pub fn row(netns: &Netns, neighbor: &Neighbor) -> String {
    let mut out = Out::new(false);
    one(&mut out, netns, neighbor, Format::default(), &Filter::default());
    out.trim_end();
    out.buf
}

/// `ip neigh show`: the programmed rows and those that packets taught, by device and address.
pub fn all(netns: &Netns, learned: impl IntoIterator<Item = Neighbor>, format: Format, filter: Filter) -> String {
    let mut rows: Vec<Neighbor> = netns.neighbors.iter().map(|(_, entry)| Neighbor::from(entry)).collect();
    rows.extend(learned);
    rows.retain(|row| {
        filter.dev.is_none_or(|dev| dev == row.link)
            && filter.ip.is_none_or(|ip| ip == row.ip)
            && filter.state.is_none_or(|state| state == row.state)
            && format.family.has(row.ip)
    });
    rows.sort_unstable();
    let mut out = Out::new(format.json);
    out.open("", '[');
    for row in &rows {
        out.open("", '{');
        if format.brief && !format.json {
            brief(&mut out, netns, row);
        } else {
            one(&mut out, netns, row, format, &filter);
        }
        out.text("\n");
        out.close('}');
    }
    out.close(']');
    out.finish()
}

fn brief(out: &mut Out, netns: &Netns, row: &Neighbor) {
    let start = out.buf.len();
    out.word("", "", &row.ip, "");
    out.pad(start, 40);
    let start = out.buf.len();
    out.text(netns.link(row.link).map_or("", |link| &link.name));
    out.pad(start, 16);
    out.text(" ");
    if let Some(mac) = row.mac {
        out.word("", "", &mac, "");
    }
}

fn one(out: &mut Out, netns: &Netns, row: &Neighbor, format: Format, filter: &Filter) {
    let busybox = format.tool == Tool::Busybox;
    out.word("dst", "", &row.ip, " ");
    if filter.dev.is_none()
        && let Some(link) = netns.link(row.link)
    {
        out.word("dev", "dev ", &link.name, " ");
    }
    if let Some(mac) = row.mac {
        out.word("lladdr", "lladdr ", &mac, " ");
    }
    if row.router && out.json {
        out.raw("router", &"null");
    } else if row.router {
        out.text("router ");
    }
    if busybox {
        if matches!(row.state, NeighborState::Reachable | NeighborState::Delay | NeighborState::Probe) {
            out.text("ref 1 ");
        } else if row.mac.is_none() {
            out.text(" ");
        }
        out.number("", "used 0/0/0 probes ", &row.probes_count, " ");
        out.text(row.state.name());
        return;
    }
    out.text(row.state.name());
    out.text(" ");
    out.open("state", '[');
    out.string("", row.state.name());
    out.close(']');
}
