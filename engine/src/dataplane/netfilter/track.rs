//! Connection tracking: which connection a packet belongs to, from its first packet's confirmation to its expiry.
//! Models net/netfilter/nf_conntrack_core.c nf_conntrack_in and __nf_conntrack_confirm.

use super::connections::Confirmed;
use super::hooks::Gate;
use super::protocols::{self, Effect};
use crate::dataplane::skb::Skb;
use crate::dataplane::state::{Learned, RuntimeChange};
use crate::dataplane::walk::Walk;
use crate::net::{Icmp, IpPacket, Transport};
use crate::tables::netfilter::{Connection, CtState, CtTuple};
use crate::trace::{CauseTable, CtStates, DropReason, Stage};
use std::sync::Arc;

/// What conntrack knows of a packet. It stays with the packet within its namespace.
#[derive(Clone, Debug, Default)]
pub(in crate::dataplane) enum Tracking {
    /// Not looked at.
    #[default]
    Unseen,
    Untracked,
    Invalid,
    Of {
        /// As it was when the packet was looked at; its first packet carries the only copy until it is confirmed.
        entry: Arc<Connection>,
        reply: bool,
        /// An ICMP error or a reset about it, not a packet of it.
        related: bool,
        /// No answer had been seen before this packet.
        new: bool,
    },
}

impl Tracking {
    pub fn states(&self) -> CtStates {
        match self {
            Tracking::Unseen | Tracking::Invalid => CtStates::default().with(CtState::Invalid),
            Tracking::Untracked => CtStates::default().with(CtState::Untracked),
            Tracking::Of { entry, related, new, .. } => {
                let state = match (related, new) {
                    (true, _) => CtState::Related,
                    (false, true) => CtState::New,
                    (false, false) => CtState::Established,
                };
                let mut states = CtStates::default().with(state);
                if entry.snat {
                    states = states.with(CtState::Snat);
                }
                if entry.dnat {
                    states = states.with(CtState::Dnat);
                }
                states
            }
        }
    }

    /// For a packet that is made about this one and goes back (icmp_glue_bits, nf_conntrack_attach).
    pub fn attached(&self) -> Tracking {
        match self {
            Tracking::Of { entry, reply, .. } => {
                Tracking::Of { entry: entry.clone(), reply: !reply, related: true, new: false }
            }
            Tracking::Untracked => Tracking::Untracked,
            Tracking::Unseen | Tracking::Invalid => Tracking::Unseen,
        }
    }
}

impl Walk<'_> {
    /// Finds a packet's connection. None: it was dropped, as the table is full.
    pub(super) fn track(&mut self, gate: Gate, skb: &mut Skb) -> Option<()> {
        if !matches!(skb.tracking, Tracking::Unseen) {
            return Some(());
        }
        let packet = skb.ip()?;
        let found = match &packet.payload {
            Transport::Icmp(Icmp::Error { quoted, .. }) => Some(self.related(packet, quoted)),
            // nf_conntrack_icmpv6_error: of no connection.
            Transport::Icmp(Icmp::NeighborSolicit { .. } | Icmp::NeighborAdvert { .. }) => Some(Tracking::Untracked),
            _ => self.connection_of(packet),
        };
        match found {
            Some(tracking) => {
                skb.tracking = tracking;
                Some(())
            }
            None => {
                let cause = Some(CauseTable::Sysctl("net.netfilter.nf_conntrack_max"));
                self.end(skb, Stage::Conntrack(gate.hook), gate.link(), DropReason::Netfilter, cause);
                None
            }
        }
    }

    /// An ICMP error belongs to the connection of what it quotes, if it goes to the one who sent that.
    fn related(&self, packet: &IpPacket, quoted: &IpPacket) -> Tracking {
        let inverse = CtTuple::of(quoted).map(CtTuple::inverse);
        let found = inverse.and_then(|tuple| self.state.connections.find(&tuple, self.now));
        match found {
            Some((entry, reply)) if packet.dst == quoted.src => {
                Tracking::Of { entry: entry.clone(), reply, related: true, new: false }
            }
            _ => Tracking::Invalid,
        }
    }

    /// None: there is no room for another connection.
    fn connection_of(&mut self, packet: &IpPacket) -> Option<Tracking> {
        let Some(tuple) = CtTuple::of(packet) else { return Some(Tracking::Invalid) };
        let now = self.now;
        let known = self.state.connections.find(&tuple, now).map(|(entry, reply)| (entry.clone(), reply));
        if let Some((mut entry, reply)) = known {
            let changed = Arc::make_mut(&mut entry);
            let new = !reply && !changed.seen_reply;
            match protocols::see(changed, packet, reply, now) {
                Effect::Invalid => return Some(Tracking::Invalid),
                Effect::Renew => self.forget_connection(changed.id),
                effect => {
                    changed.seen_reply |= reply;
                    let timeout = protocols::timeout(changed, now, &self.netns.sysctls.conntrack);
                    changed.expires_at = now + timeout;
                    match effect {
                        Effect::Kill => self.forget_connection(entry.id),
                        _ => self.connection_changed(entry.clone()),
                    }
                    return Some(Tracking::Of { entry, reply, related: false, new });
                }
            }
        }
        let Some(state) = protocols::begin(packet, now).filter(|_| protocols::opens(tuple.protocol)) else {
            return Some(Tracking::Invalid);
        };
        let mut gone = Vec::new();
        let max = self.netns.sysctls.conntrack.entries_max as usize;
        // 0 is no bound.
        let room = max == 0 || self.state.connections.make_room(max, now, &mut gone);
        self.connections_gone(gone);
        if !room {
            return None;
        }
        let mut entry = Connection {
            id: self.state.connections.next_id(),
            original: tuple,
            reply: tuple.inverse(),
            state,
            seen_reply: false,
            assured: false,
            snat: false,
            dnat: false,
            snat_done: false,
            dnat_done: false,
            confirmed: false,
            expires_at: 0,
        };
        entry.expires_at = now + protocols::timeout(&entry, now, &self.netns.sysctls.conntrack);
        Some(Tracking::Of { entry: Arc::new(entry), reply: false, related: false, new: true })
    }

    /// A packet has come through: its connection is in the table from now on. None: it was dropped, as another
    /// connection has the same addresses and ports.
    pub(super) fn confirm(&mut self, gate: Gate, skb: &mut Skb) -> Option<()> {
        let Tracking::Of { entry, related: false, .. } = &mut skb.tracking else { return Some(()) };
        if entry.confirmed {
            return Some(());
        }
        match self.state.connections.confirm(Connection::clone(entry), self.now) {
            Confirmed::New(confirmed, gone) => {
                *entry = confirmed.clone();
                self.connections_gone(gone);
                self.log(RuntimeChange { before: None, after: Some(Learned::Connection(confirmed)) });
                Some(())
            }
            Confirmed::Known(known) => {
                *entry = known;
                Some(())
            }
            Confirmed::Clash => {
                self.end(skb, Stage::Conntrack(gate.hook), gate.link(), DropReason::Netfilter, None);
                None
            }
        }
    }

    fn connection_changed(&mut self, entry: Arc<Connection>) {
        let before = self.state.connections.get(entry.id).cloned();
        if self.state.connections.update(entry.clone()) {
            let after = Some(Learned::Connection(entry));
            self.log(RuntimeChange { before: before.map(Learned::Connection), after });
        }
    }

    pub(super) fn forget_connection(&mut self, id: u32) {
        let gone = self.state.connections.remove(id);
        self.connections_gone(gone.into_iter().collect());
    }

    fn connections_gone(&mut self, gone: Vec<Arc<Connection>>) {
        for entry in gone {
            self.log(RuntimeChange { before: Some(Learned::Connection(entry)), after: None });
        }
    }
}
