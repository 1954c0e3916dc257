//! Who can open a connection to whom, computed from the tables.
//!
//! A packet is sent for each pair, and everything on its way that looks at its port notes what it compares it with
//! ([`crate::dataplane::PortWatch`]). So one packet answers for all ports up to the next at which something could come
//! out otherwise, and the ports of a pair are known without trying each. Pairs of Pods that no table tells apart
//! (`classes.rs`) are asked once. Nothing here knows of policies: what a rule does is found out by asking it.
//!
//! All of it is an experiment beside the cluster, with nothing learned before: a connection is open if its first packet
//! gets there and an answer, be it a refusal, comes back.

mod changes;
mod classes;
mod draw;
mod ends;
mod ports;
mod solver;
mod text;

pub use changes::{PairChange, changes};
pub use draw::svg;
pub use ends::{End, EndKind, Which, can_ask, end_named, ends, is_system};
pub use ports::{PortSet, Reached};
pub use solver::{Blocked, Solver};
pub use text::{csv, ranges_csv, ranges_text, text};

use crate::net::Protocol;

/// What is asked of each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ports {
    /// Each port that the destination's containers declare; TCP 80 where they declare none.
    Declared,
    /// One port, from 1 on.
    One(Protocol, u16),
    /// An echo request.
    Ping,
}

impl Ports {
    /// What is asked of this destination: protocol (None: ICMP) and port.
    pub fn of(self, end: &End) -> Vec<(Option<Protocol>, u16)> {
        match self {
            Ports::Ping => vec![(None, 0)],
            Ports::One(protocol, port) => vec![(Some(protocol), port)],
            Ports::Declared if end.ports.is_empty() => vec![(Some(Protocol::Tcp), 80)],
            Ports::Declared => end.ports.iter().map(|(protocol, port)| (Some(*protocol), *port)).collect(),
        }
    }

    /// `TCP 80`, `the ports that containers declare (TCP 80 where none)`, `ping`
    pub fn title(self) -> String {
        match self {
            Ports::Declared => "the ports that containers declare (TCP 80 where none)".to_owned(),
            Ports::One(protocol, port) => format!("{} {port}", protocol.name()),
            Ports::Ping => "ping".to_owned(),
        }
    }
}

/// What a pair's answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The row is the column: not asked.
    Itself,
    /// Every port that was asked can be reached.
    Open,
    /// Some of them, or, of workloads, some of the Pods.
    Part,
    Closed,
}

impl Fate {
    /// `#`, `.`, `o`, `X`
    pub fn sign(self) -> char {
        match self {
            Fate::Itself => '#',
            Fate::Open => '.',
            Fate::Part => 'o',
            Fate::Closed => 'X',
        }
    }

    /// Of several fates: `Itself` counts for nothing.
    fn of(fates: impl IntoIterator<Item = Fate>) -> Fate {
        let mut all = None;
        for fate in fates.into_iter().filter(|fate| *fate != Fate::Itself) {
            all = Some(all.map_or(fate, |all| if all == fate { fate } else { Fate::Part }));
        }
        all.unwrap_or(Fate::Itself)
    }
}

/// The answers for all pairs. Ends that no table tells apart are of one class, and a cell says what is true of each pair
/// of their members.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub ports: Ports,
    pub ends: Vec<End>,
    /// By end.
    pub class_of: Vec<u32>,
    /// By class: its members, ascending.
    pub classes: Vec<Vec<u32>>,
    /// Its ends are workloads, whose Pods reach each other or not.
    grouped: bool,
    /// By row class and column class: of ends on two nodes, and of ends on one. None: there is no such pair.
    cells: Vec<[Option<Fate>; 2]>,
}

impl Matrix {
    /// The answer for a pair of ends, by their places.
    pub fn fate(&self, from: usize, to: usize) -> Fate {
        if from == to && !self.grouped {
            return Fate::Itself;
        }
        let together = self.ends[from].node == self.ends[to].node;
        self.class_fate(self.class_of[from], self.class_of[to], together).unwrap_or(Fate::Itself)
    }

    /// The answer for two classes: of members on one node (`together`), or on two. None: there is no such pair.
    pub fn class_fate(&self, from: u32, to: u32, together: bool) -> Option<Fate> {
        self.cells[from as usize * self.classes.len() + to as usize][usize::from(together)]
    }

    /// The same matrix over workloads: Pods of one controller are one end, which has the name of the controller.
    pub fn workloads(&self) -> Matrix {
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut places = std::collections::BTreeMap::new();
        for (at, end) in self.ends.iter().enumerate() {
            let name = end.workload.clone().map_or((end.full_name(), false), |name| (name.to_string(), true));
            let place = *places.entry((end.kind, end.namespace.clone(), name)).or_insert(members.len());
            if place == members.len() {
                members.push(Vec::new());
            }
            members[place].push(at);
        }
        let end = |pods: &Vec<usize>| {
            let first = &self.ends[pods[0]];
            let name = first.workload.clone().unwrap_or_else(|| first.name.clone());
            // Each is a class of its own, on a node of its own.
            End { name: name.clone(), node: name, ..first.clone() }
        };
        let cell = |from: &Vec<usize>, to: &Vec<usize>| Fate::of(kinds(self, from, to));
        let pairs = members.iter().flat_map(|from| members.iter().map(move |to| (from, to)));
        let cells = pairs.map(|(from, to)| Some(cell(from, to)).filter(|fate| *fate != Fate::Itself));
        let cells = cells.map(|fate| [fate, fate]).collect();
        let count = members.len() as u32;
        Matrix {
            ports: self.ports,
            ends: members.iter().map(end).collect(),
            class_of: (0..count).collect(),
            classes: (0..count).map(|at| vec![at]).collect(),
            grouped: true,
            cells,
        }
    }
}

/// The fates of the pairs between two groups of ends, each kind of pair once.
fn kinds(matrix: &Matrix, from: &[usize], to: &[usize]) -> Vec<Fate> {
    let places = |ends: &[usize]| {
        let key = |at: usize| (matrix.class_of[at], matrix.ends[at].node.clone());
        let mut kinds = std::collections::BTreeMap::new();
        for at in ends {
            let kind: &mut Vec<usize> = kinds.entry(key(*at)).or_default();
            // Two of a kind are enough: one may be the other end.
            if kind.len() < 2 {
                kind.push(*at);
            }
        }
        kinds.into_values().flatten().collect::<Vec<_>>()
    };
    let (from, to) = (places(from), places(to));
    from.iter().flat_map(|from| to.iter().map(|to| matrix.fate(*from, *to))).collect()
}
