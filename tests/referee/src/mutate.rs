//! Breaks one thing in the simulated tables: a route, a forwarding entry, a neighbour or an MTU.

use crate::random::Random;
use podhop_engine::net::MacAddr;
use podhop_engine::tables::{LinkIndex, LinkKind, Netns, NetnsId, Place, RouteKind, RouteTable, Rows};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// One broken row, by its position in the table when every row is the namespace's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    RouteGone { row: usize },
    RouteVia { row: usize, via: IpAddr },
    LocalRouteGone { row: usize },
    ForwardingGone { row: usize },
    ForwardingTo { row: usize, remote: IpAddr },
    NeighborGone { row: usize },
    NeighborMac { row: usize, mac: MacAddr },
    Mtu { link: LinkIndex, mtu: u32 },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Mutation {
    pub netns: NetnsId,
    pub breakage: Breakage,
    place: Place,
}

impl Mutation {
    /// A random mutation of a Pod's or node's namespace; `None` if the one chosen has nothing of the kind drawn.
    pub fn random(spaces: &[Arc<Netns>], random: &mut Random) -> Option<Mutation> {
        // On nodes there is more to break.
        let node = random.percent(65);
        let wanted = |netns: &&Arc<Netns>| match netns.place {
            Place::Node(_) => node,
            Place::Pod { .. } => !node,
            _ => false,
        };
        let candidates: Vec<&Arc<Netns>> = spaces.iter().filter(wanted).collect();
        let netns = random.pick(&candidates)?;
        let addresses: Vec<IpAddr> = (spaces.iter())
            .flat_map(|netns| &netns.addresses)
            .map(|address| address.net.addr())
            .filter(|ip| !ip.is_loopback())
            .collect();
        let other = *random.pick(&addresses)?;
        let breakage = match random.weighted(&[(3, 0), (2, 1), (1, 2), (2, 3), (2, 4), (2, 5), (2, 6), (4, 7)])? {
            0 => Breakage::RouteGone { row: row(netns.main.rows.iter().count(), random)? },
            1 => {
                let with_via: Vec<usize> =
                    rows_where(netns.main.rows.iter().map(|(_, route)| route.via.is_some_and(|via| via != other)));
                Breakage::RouteVia { row: *random.pick(&with_via)?, via: other }
            }
            2 => {
                let own: Vec<usize> = rows_where(
                    netns.local.rows.iter().map(|(_, r)| r.kind == RouteKind::Local && !r.dst.addr().is_loopback()),
                );
                Breakage::LocalRouteGone { row: *random.pick(&own)? }
            }
            3 => Breakage::ForwardingGone { row: row(netns.fdb.iter().count(), random)? },
            4 => {
                let row = row(netns.fdb.iter().count(), random)?;
                let same = netns.fdb.iter().nth(row).is_some_and(|(_, entry)| entry.remote == other);
                (!same).then_some(Breakage::ForwardingTo { row, remote: other })?
            }
            5 => Breakage::NeighborGone { row: row(netns.neighbors.iter().count(), random)? },
            6 => {
                let row = row(netns.neighbors.iter().count(), random)?;
                Breakage::NeighborMac { row, mac: MacAddr::local(random.next()) }
            }
            _ => {
                let devices: Vec<_> = (netns.links.iter()).filter(|link| link.kind != LinkKind::Loopback).collect();
                let link = random.pick(&devices)?;
                let mtu = *random.pick(&[link.mtu - 1, link.mtu - 50, link.mtu - 200, link.mtu + 1, link.mtu + 50])?;
                Breakage::Mtu { link: link.index, mtu }
            }
        };
        Some(Mutation { netns: netns.id, breakage, place: netns.place.clone() })
    }

    /// The broken tables.
    pub fn apply(&self, netns: &Netns) -> Netns {
        let mut netns = netns.clone();
        match self.breakage {
            Breakage::RouteGone { row } => edit(&mut netns.main, |rows| drop(rows.remove(row))),
            Breakage::RouteVia { row, via } => edit(&mut netns.main, |rows| rows[row].via = Some(via)),
            Breakage::LocalRouteGone { row } => edit(&mut netns.local, |rows| drop(rows.remove(row))),
            Breakage::ForwardingGone { row } => drop(netns.fdb.make_own().remove(row)),
            Breakage::ForwardingTo { row, remote } => netns.fdb.make_own()[row].remote = remote,
            Breakage::NeighborGone { row } => drop(netns.neighbors.make_own().remove(row)),
            Breakage::NeighborMac { row, mac } => netns.neighbors.make_own()[row].mac = mac,
            Breakage::Mtu { link, mtu } => {
                netns.links.iter_mut().filter(|l| l.index == link).for_each(|link| link.mtu = mtu);
            }
        }
        netns
    }

    /// An MTU that packets may meet because of it.
    pub fn mtu(&self) -> Option<u32> {
        match self.breakage {
            Breakage::Mtu { mtu, .. } => Some(mtu),
            _ => None,
        }
    }
}

fn row(count: usize, random: &mut Random) -> Option<usize> {
    (count > 0).then(|| random.range(0, count as u64 - 1) as usize)
}

fn rows_where(fits: impl Iterator<Item = bool>) -> Vec<usize> {
    fits.enumerate().filter(|(_, fits)| *fits).map(|(i, _)| i).collect()
}

fn edit(table: &mut RouteTable, change: impl FnOnce(&mut Vec<podhop_engine::tables::Route>)) {
    let mut rows: Vec<_> = table.rows.iter().map(|(_, route)| route.clone()).collect();
    change(&mut rows);
    *table = RouteTable::new(Rows::from(rows));
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.breakage, self.place)
    }
}
