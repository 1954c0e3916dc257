//! From next hop to MAC address: permanent entries, learned ones, and the wait for those not known yet.
//!
//! Models net/core/neighbour.c: 3 requests a second apart, then failure; reachable for 30 s, then stale; a stale entry
//! is used at once and checked after 5 s.

use super::cost;
use super::skb::{Bridged, Skb, Timer};
use super::state::{DELAY, Nud};
use super::walk::Walk;
use crate::net::{IcmpError, MacAddr};
use crate::tables::{LinkIndex, LinkKind};
use crate::trace::{CauseTable, Change, DropReason, Nanos, Stage, Verdict};
use std::net::IpAddr;

const RETRANS: Nanos = 1_000_000_000;
/// `mcast_solicit` and `ucast_solicit`
const PROBES_MAX: u8 = 3;
/// Packets that wait for one neighbour; the kernel bounds their bytes (`unres_qlen_bytes`). One more, and the oldest goes.
pub const QUEUE_MAX: usize = 101;

impl Walk<'_> {
    /// Sends a packet to its next hop on a device.
    pub(super) fn neighbor_output(&mut self, link: LinkIndex, next_hop: IpAddr, mut skb: Skb) {
        let netns = self.netns.clone();
        let Some(device) = netns.link(link) else {
            return self.drop(skb, Stage::Neighbor, None, DropReason::Gone, None);
        };
        if device.kind == LinkKind::Loopback {
            return self.transmit(link, skb);
        }
        // The device has no addresses of its own: it is told where to.
        if device.kind == LinkKind::Ipip {
            skb.next_hop = Some(next_hop);
            return self.transmit(link, skb);
        }
        if netns.is_noarp(device) {
            return self.resolved_output(link, device.mac, CauseTable::Link(link), skb);
        }
        self.spend(cost::LOOKUP);
        if let Some((row, entry)) = netns.neighbors.find((link, next_hop)) {
            return self.resolved_output(link, entry.mac, CauseTable::Neighbor(row), skb);
        }
        let known = self.state.neighbor(link, next_hop).map(|n| (n.state(self.now), n.mac, n.router));
        match known {
            Some((Nud::Incomplete, ..)) => self.wait(link, next_hop, skb, true),
            Some((state, Some(mac), router)) if state != Nud::Failed => {
                if state == Nud::Stale {
                    let change = self.state.set_neighbor(link, next_hop, Some(mac), Nud::Delay, self.now);
                    self.log(change);
                    self.remember_user(link, next_hop, &skb);
                    self.set_timer(DELAY, Timer::Neighbor { link, ip: next_hop });
                }
                self.resolved_output(
                    link,
                    mac,
                    CauseTable::LearnedNeighbor { link, ip: next_hop, mac, state: state.into(), router },
                    skb,
                );
            }
            _ => {
                let change = self.state.set_neighbor(link, next_hop, None, Nud::Incomplete, self.now);
                self.log(change);
                self.wait(link, next_hop, skb, true);
                self.solicit(link, next_hop);
            }
        }
    }

    fn resolved_output(&mut self, link: LinkIndex, mac: MacAddr, cause: CauseTable, mut skb: Skb) {
        if let Bridged::Diverted { port } = skb.bridged {
            let change = Change::Ethernet { src: skb.frame.src, dst: mac };
            self.rewrite(&mut skb, Stage::Neighbor, Some(link), Some(cause), change);
            return self.bridge_diverted(port, skb);
        }
        let src = self.netns.link(link).map_or(MacAddr::ZERO, |device| device.mac);
        self.rewrite(&mut skb, Stage::Neighbor, Some(link), Some(cause), Change::Ethernet { src, dst: mac });
        self.transmit(link, skb);
    }

    /// Puts a packet into the neighbour's queue.
    fn wait(&mut self, link: LinkIndex, ip: IpAddr, skb: Skb, waits: bool) {
        self.step(&skb, Stage::Neighbor, Some(link), Verdict::Wait, None);
        let Some(neighbor) = self.state.neighbor_mut(link, ip) else { return };
        if neighbor.queue.len() >= QUEUE_MAX {
            let (oldest, _) = neighbor.queue.remove(0);
            neighbor.queue.push((skb, waits));
            self.drop(oldest, Stage::Neighbor, Some(link), DropReason::NeighQueueFull, None);
        } else {
            neighbor.queue.push((skb, waits));
        }
    }

    /// Keeps a copy of a packet that was sent by a stale entry, so that the check after it knows its conversation.
    fn remember_user(&mut self, link: LinkIndex, ip: IpAddr, skb: &Skb) {
        if let Some(neighbor) = self.state.neighbor_mut(link, ip) {
            neighbor.queue.clear();
            neighbor.queue.push((skb.clone(), false));
        }
    }

    /// Sends the next request, if the neighbour's user is known.
    fn solicit(&mut self, link: LinkIndex, ip: IpAddr) {
        let Some(neighbor) = self.state.neighbor_mut(link, ip) else { return };
        neighbor.probes_count += 1;
        let to = neighbor.mac;
        let user = neighbor.queue.first().map(|(skb, _)| skb.clone());
        self.set_timer(RETRANS, Timer::Neighbor { link, ip });
        match (user, ip) {
            (Some(user), IpAddr::V4(ip)) => self.arp_request(link, ip, to, &user),
            (Some(user), IpAddr::V6(ip)) => self.solicit_neighbor(link, ip, to, &user),
            (None, _) => {}
        }
    }

    pub(super) fn neighbor_timer(&mut self, link: LinkIndex, ip: IpAddr) {
        let now = self.now;
        let Some(neighbor) = self.state.neighbor(link, ip) else { return };
        match neighbor.state(now) {
            Nud::Incomplete | Nud::Probe => {
                if neighbor.probes_count < PROBES_MAX {
                    if neighbor.mac.is_some() && neighbor.probes_count == 0 {
                        let (mac, queue) = (neighbor.mac, neighbor.queue.clone());
                        let change = self.state.set_neighbor(link, ip, mac, Nud::Probe, now);
                        self.log(change);
                        if let Some(neighbor) = self.state.neighbor_mut(link, ip) {
                            neighbor.queue = queue;
                        }
                    }
                    self.solicit(link, ip);
                } else {
                    self.neighbor_failed(link, ip);
                }
            }
            _ => {}
        }
    }

    fn neighbor_failed(&mut self, link: LinkIndex, ip: IpAddr) {
        let queue = self.state.neighbor_mut(link, ip).map(|n| std::mem::take(&mut n.queue)).unwrap_or_default();
        let change = self.state.set_neighbor(link, ip, None, Nud::Failed, self.now);
        self.log(change);
        for (skb, _) in queue.into_iter().filter(|(_, waits)| *waits) {
            let cause = Some(CauseTable::FailedNeighbor { link, ip });
            if Walk::may_answer(&skb) {
                self.reject(skb, Stage::Neighbor, Some(link), IcmpError::HostUnreachable, cause);
            } else {
                self.drop(skb, Stage::Neighbor, Some(link), DropReason::NeighFailed, cause);
            }
        }
    }

    /// The neighbour has an address now: what waited for it goes on.
    pub(super) fn neighbor_resolved(&mut self, link: LinkIndex, ip: IpAddr) {
        let Some(neighbor) = self.state.neighbor_mut(link, ip) else { return };
        let Some(mac) = neighbor.mac else { return };
        let (state, router) = (neighbor.state(self.now).into(), neighbor.router);
        let queue = std::mem::take(&mut neighbor.queue);
        for (skb, _) in queue.into_iter().filter(|(_, waits)| *waits) {
            self.resolved_output(link, mac, CauseTable::LearnedNeighbor { link, ip, mac, state, router }, skb);
        }
    }
}
