//! IPv4 fragmentation and reassembly (net/ipv4 ip_do_fragment, ip_frag_queue).

use super::skb::{Skb, Timer};
use super::walk::Walk;
use crate::net::{Fragment, IcmpError, IpPacket};
use crate::tables::LinkIndex;
use crate::trace::{Change, Disposition, DropReason, Nanos, Stage, Verdict};
use std::net::IpAddr;

/// `net.ipv4.ipfrag_time`
const TIMEOUT: Nanos = 30_000_000_000;
/// Packets being put together at a time in one namespace, and pieces of one packet.
const PACKETS_MAX: usize = 64;
const PIECES_MAX: usize = 128;

/// The pieces of a packet that have come so far.
#[derive(Clone, Debug)]
pub struct Reassembly {
    pieces: Vec<Skb>,
}

/// Cuts a packet (or a fragment) into pieces that fit; empty if not even eight bytes of payload fit.
pub(super) fn split(packet: &IpPacket, mtu: usize) -> Vec<IpPacket> {
    let room = mtu.saturating_sub(packet.header_len()) / 8 * 8;
    if room == 0 {
        return Vec::new();
    }
    let whole =
        packet.fragment.unwrap_or(Fragment { offset: 0, len: packet.payload.len().min(65_515) as u16, more: false });
    let mut pieces = Vec::new();
    let mut done = 0;
    while done < usize::from(whole.len) {
        let len = room.min(usize::from(whole.len) - done);
        let last = done + len == usize::from(whole.len);
        let mut piece = packet.clone();
        piece.fragment =
            Some(Fragment { offset: whole.offset + done as u16, len: len as u16, more: !last || whole.more });
        pieces.push(piece);
        done += len;
    }
    pieces
}

impl Walk<'_> {
    /// Passes whole packets through; keeps fragments until their packet is whole.
    pub(super) fn reassemble(&mut self, link: LinkIndex, mut skb: Skb) -> Option<Skb> {
        let packet = skb.ip()?;
        if packet.fragment.is_none() {
            return Some(skb);
        }
        let (src, dst, id) = (packet.src, packet.dst, packet.id);
        let key = (src, dst, id);
        if !self.state.reassembly.contains_key(&key) {
            if self.state.reassembly.len() >= PACKETS_MAX {
                self.drop(skb, Stage::Reassemble, Some(link), DropReason::ReassemblyTimeout, None);
                return None;
            }
            self.set_timer(TIMEOUT, Timer::Reassembly { src, dst, id });
        }
        let mut pieces = self.state.reassembly.remove(&key).map_or_else(Vec::new, |r| r.pieces);
        if pieces.len() >= PIECES_MAX {
            self.drop(skb, Stage::Reassemble, Some(link), DropReason::ReassemblyTimeout, None);
            self.state.reassembly.insert(key, Reassembly { pieces });
            return None;
        }
        if !completes(&pieces, &skb) {
            self.step(&skb, Stage::Reassemble, Some(link), Verdict::Wait, None);
            pieces.push(skb);
            self.state.reassembly.insert(key, Reassembly { pieces });
            return None;
        }
        skb.fragment_len_max = pieces.iter().chain([&skb]).filter_map(|piece| Some(piece.ip()?.len() as u16)).max();
        for piece in pieces {
            self.recorder.finish(piece.track, Disposition::Delivered);
        }
        self.rewrite(&mut skb, Stage::Reassemble, Some(link), None, Change::Whole);
        Some(skb)
    }

    pub(super) fn reassembly_timer(&mut self, src: IpAddr, dst: IpAddr, id: u16) {
        let Some(Reassembly { pieces }) = self.state.reassembly.remove(&(src, dst, id)) else { return };
        for piece in pieces {
            let first = piece.ip().and_then(|packet| packet.fragment).is_some_and(|f| f.offset == 0);
            if first && Walk::may_answer(&piece) {
                self.reject(piece, Stage::Reassemble, None, IcmpError::ReassemblyTimeExceeded, None);
            } else {
                self.drop(piece, Stage::Reassemble, None, DropReason::ReassemblyTimeout, None);
            }
        }
    }
}

/// Whether the pieces and the new one cover the whole payload.
fn completes(pieces: &[Skb], new: &Skb) -> bool {
    let mut parts: Vec<Fragment> =
        pieces.iter().chain([new]).filter_map(|skb| skb.ip().and_then(|packet| packet.fragment)).collect();
    parts.sort_by_key(|part| part.offset);
    let mut covered = 0;
    for part in &parts {
        if usize::from(part.offset) > covered {
            return false;
        }
        covered = covered.max(usize::from(part.offset) + usize::from(part.len));
    }
    parts.last().is_some_and(|last| !last.more)
}
