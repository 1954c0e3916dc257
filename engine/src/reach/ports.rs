//! Sets of ports as intervals.

use crate::net::Protocol;
use std::fmt;

/// The ports of one protocol, from 1 on, by which one end can open connections to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub protocol: Protocol,
    pub ports: PortSet,
    /// The first port that was not asked for, as too many differ.
    pub cut: Option<u16>,
}

/// Ports in ascending intervals that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSet(Vec<(u16, u16)>);

impl PortSet {
    /// Adds an interval, both ends inclusive, that begins after all that are there.
    pub fn push(&mut self, first: u16, last: u16) {
        match self.0.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
            _ => self.0.push((first, last)),
        }
    }

    /// The intervals, both ends inclusive, ascending.
    pub fn intervals(&self) -> &[(u16, u16)] {
        &self.0
    }

    pub fn has(&self, port: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }
}

/// `none`, `all`, `80,443,8000-8999`; a set with most ports by what it lacks: `all but 4789`.
impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |set: &[(u16, u16)]| {
            let one = |(first, last): &(u16, u16)| match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            };
            set.iter().map(one).collect::<Vec<_>>().join(",")
        };
        let gaps = self.gaps();
        match (&self.0[..], &gaps[..]) {
            ([], _) => f.write_str("none"),
            (_, []) => f.write_str("all"),
            (own, gaps) if gaps.len() < own.len() => write!(f, "all but {}", list(gaps)),
            (own, _) => f.write_str(&list(own)),
        }
    }
}

impl PortSet {
    /// The ports from 1 on that are not in it.
    fn gaps(&self) -> Vec<(u16, u16)> {
        let mut gaps = Vec::new();
        let mut next = Some(1);
        for (first, last) in &self.0 {
            if let Some(start) = next.filter(|start| start < first) {
                gaps.push((start, first - 1));
            }
            next = last.checked_add(1);
        }
        gaps.extend(next.map(|start| (start, u16::MAX)));
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_ports_are_told_in_few_words() {
        let set = |intervals: &[(u16, u16)]| {
            let mut set = PortSet::default();
            intervals.iter().for_each(|(first, last)| set.push(*first, *last));
            set
        };
        let texts = [
            (vec![], "none"),
            (vec![(1, 65_535)], "all"),
            (vec![(1, 79), (80, 80), (81, 65_535)], "all"),
            (vec![(80, 80), (443, 443), (8_000, 8_999)], "80,443,8000-8999"),
            (vec![(1, 4_788), (4_790, 65_535)], "all but 4789"),
            (vec![(1, 79)], "1-79"),
        ];
        for (intervals, text) in texts {
            assert_eq!(set(&intervals).to_string(), text);
        }
        assert!(set(&[(80, 90)]).has(90) && !set(&[(80, 90)]).has(91));
    }
}
