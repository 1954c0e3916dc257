//! IPVS: packets to a virtual server go to a real one, and its answers get the virtual server's address back.
//!
//! Models Linux 6.18 net/netfilter/ipvs ip_vs_core.c, ip_vs_xmit.c and ip_vs_nfct.c with what kube-proxy sets: masquerading,
//! `conntrack`, `expire_nodest_conn` and `expire_quiescent_template` on, the other settings at their defaults. Left out:
//! firewall marks, applications (FTP), synchronisation, thresholds.

mod choose;
mod hash;
mod scheduler;
mod states;
mod table;

pub use scheduler::{Candidate, overhead};
pub use table::{IpvsTable, ServerLoad};

use super::hooks::Gate;
use super::track::Tracking;
use crate::dataplane::cost;
use crate::dataplane::ip::{Routed, route};
use crate::dataplane::skb::{Balanced, Skb};
use crate::dataplane::state::{Learned, RuntimeChange};
use crate::dataplane::walk::Walk;
use crate::net::{Icmp, IcmpError, IpPacket, Protocol, Transport};
use crate::tables::ipvs::{Ipvs, IpvsConnection, IpvsState};
use crate::tables::netfilter::{CtProtocol, CtTuple, Hook};
use crate::tables::{LinkIndex, RouteKind};
use crate::trace::{CauseTable, Change, DropReason, Nanos, Stage, Verdict};
use states::{Way, begins, is_over, see};
use std::net::IpAddr;
use std::sync::Arc;

const SECOND: Nanos = 1_000_000_000;

/// Where a packet goes on after a hook of IPVS.
pub(super) enum Onward {
    /// Where it was.
    Here,
    /// From the beginning of OUTPUT, to leave by another device.
    Anew(LinkIndex),
}

/// A packet's protocol and ends.
type Ends = (Protocol, (IpAddr, u16), (IpAddr, u16));

fn ends(packet: &IpPacket) -> Option<Ends> {
    let protocol = match packet.payload {
        Transport::Tcp(_) => Protocol::Tcp,
        Transport::Udp(_) => Protocol::Udp,
        Transport::Sctp(_) => Protocol::Sctp,
        Transport::Icmp(_) | Transport::Ipip(_) => return None,
    };
    packet
        .fragment
        .is_none_or(|fragment| fragment.offset == 0)
        .then(|| (protocol, packet.source(), packet.destination()))
}

/// The ends of the packet that an ICMP error quotes.
fn quoted(packet: &IpPacket) -> Option<Ends> {
    match &packet.payload {
        Transport::Icmp(Icmp::Error { quoted, .. }) => ends(quoted),
        _ => None,
    }
}

/// What has become of a connection's real server.
enum Standing {
    Serves,
    /// Weight 0: only what is known goes there.
    Quiet,
    Gone,
}

impl Walk<'_> {
    /// Connections that are over take their conntrack entries along (ip_vs_conn_drop_conntrack).
    pub(super) fn ipvs_sweep(&mut self) {
        let gone = self.state.ipvs.sweep(self.now);
        if gone.is_empty() {
            return;
        }
        self.state.ipvs.forget_services(self.netns.netfilter.ipvs.as_deref());
        for gone in gone {
            self.ipvs_forget(gone, true);
        }
    }

    fn ipvs_forget(&mut self, gone: Arc<IpvsConnection>, with_conntrack: bool) {
        if with_conntrack && !gone.template {
            let protocol = CtProtocol::Transport(gone.protocol);
            let tuple = CtTuple { protocol, src: gone.client, dst: gone.virtual_server };
            let tracked = self.state.connections.find(&tuple, self.now).map(|(entry, _)| entry.id);
            if let Some(id) = tracked {
                self.forget_connection(id);
            }
        }
        self.log(RuntimeChange { before: Some(Learned::Balanced(gone)), after: None });
    }

    /// Answers of real servers: at FORWARD, INPUT and OUTPUT. Models ip_vs_out_hook.
    pub(super) fn ipvs_out(&mut self, gate: Gate, mut skb: Skb) -> Option<Skb> {
        let Some(packet) = skb.ip().filter(|_| skb.ipvs == Balanced::No) else { return Some(skb) };
        if let Some((protocol, from, to)) = quoted(packet) {
            return Some(self.ipvs_error_out(gate, (protocol, to, from), skb));
        }
        let Some((protocol, from, to)) = ends(packet) else { return Some(skb) };
        let Some(entry) = self.state.ipvs.outbound(protocol, from, to, self.now).cloned() else { return Some(skb) };
        let (len, back) = (packet.len() as u64, entry.virtual_server);
        self.ipvs_see(&entry, &skb, Way::Out);
        self.state.ipvs.count(&entry, |stats| stats.count_out(len));
        if let Tracking::Of { entry: tracked, reply: false, .. } = &mut skb.tracking
            && !tracked.confirmed
        {
            Arc::make_mut(tracked).reply.dst = back;
        }
        skb.ipvs = Balanced::Answer;
        let changes = if from == back { Vec::new() } else { vec![Change::Source { from, to: back }] };
        self.ipvs_step(gate, &mut skb, &entry, changes, false);
        Some(skb)
    }

    /// An ICMP error about a packet that a virtual server has sent on: it comes from the virtual server. Models
    /// handle_response_icmp.
    fn ipvs_error_out(&mut self, gate: Gate, (protocol, server, client): Ends, mut skb: Skb) -> Skb {
        let Some(packet) = skb.ip() else { return skb };
        let Some(entry) = self.state.ipvs.outbound(protocol, server, client, self.now).cloned() else { return skb };
        let (len, src, back) = (packet.len() as u64, packet.src, entry.virtual_server);
        self.state.ipvs.count(&entry, |stats| stats.count_out(len));
        skb.ipvs = Balanced::Answer;
        let mut changes = Vec::new();
        if server != back {
            changes.push(Change::QuotedDestination { from: server, to: back });
        }
        if src != back.0 {
            changes.push(Change::Source { from: (src, 0), to: (back.0, 0) });
        }
        self.ipvs_step(gate, &mut skb, &entry, changes, false);
        skb
    }

    /// Requests to virtual servers: at INPUT and OUTPUT; at FORWARD only ICMP errors. None: it went no further here.
    /// Models ip_vs_in_hook.
    pub(super) fn ipvs_in(&mut self, gate: Gate, skb: Skb) -> Option<(Skb, Onward)> {
        let netns = self.netns.clone();
        let Some(ipvs) = netns.netfilter.ipvs.as_deref() else { return Some((skb, Onward::Here)) };
        let Some(packet) = skb.ip().filter(|_| skb.ipvs == Balanced::No) else { return Some((skb, Onward::Here)) };
        if let Some((protocol, from, to)) = quoted(packet) {
            return match self.state.ipvs.inbound(protocol, to, from, self.now).cloned() {
                Some(entry) => self.ipvs_error_in(gate, from, &entry, skb),
                None => Some((skb, Onward::Here)),
            };
        }
        let Some((protocol, client, to)) = ends(packet).filter(|_| gate.hook != Hook::Forward) else {
            return Some((skb, Onward::Here));
        };
        let starts = begins(packet);
        let mut known = self.state.ipvs.inbound(protocol, client, to, self.now).cloned();
        if let Some(entry) = &known {
            let anew = match self.ipvs_standing(ipvs, entry) {
                Standing::Serves => starts && is_over(entry),
                Standing::Quiet => starts,
                Standing::Gone => true,
            };
            if anew {
                let tracked = matches!(&skb.tracking, Tracking::Of { entry, .. } if entry.confirmed);
                if let Some(gone) = self.state.ipvs.remove(entry.id) {
                    self.ipvs_forget(gone, tracked);
                }
                if tracked {
                    self.drop(
                        skb,
                        Stage::Ipvs { hook: gate.hook, scheduled: false },
                        gate.link(),
                        DropReason::Netfilter,
                        None,
                    );
                    return None;
                }
                known = None;
            }
        }
        match known {
            Some(entry) => self.ipvs_request(gate, &entry, skb, false),
            None => self.ipvs_schedule(gate, ipvs, (protocol, client, to), skb),
        }
    }

    fn ipvs_standing(&self, ipvs: &Ipvs, entry: &IpvsConnection) -> Standing {
        let Some((_, service)) = ipvs.find(entry.key()) else { return Standing::Gone };
        match service.find(entry.server.into()).and_then(|at| service.servers.get(at as usize)) {
            Some(server) if server.weight > 0 => Standing::Serves,
            Some(_) => Standing::Quiet,
            None if entry.protocol == Protocol::Tcp => Standing::Quiet,
            None => Standing::Gone,
        }
    }

    /// A packet moves its connection on, and its timer.
    fn ipvs_see(&mut self, entry: &Arc<IpvsConnection>, skb: &Skb, way: Way) {
        let timeouts = self.netns.netfilter.ipvs.as_deref().map(|ipvs| ipvs.timeouts).unwrap_or_default();
        let Some(packet) = skb.ip() else { return };
        let mut after = IpvsConnection::clone(entry);
        see(&mut after, packet, way, timeouts);
        after.expires_at = self.now + Nanos::from(after.timeout) * SECOND;
        let assures = after.state.is_active() || after.state == IpvsState::Udp && way == Way::Out;
        let after = Arc::new(after);
        if let Some(before) = self.state.ipvs.update(after.clone()) {
            let (before, after) = (Some(Learned::Balanced(before)), Some(Learned::Balanced(after.clone())));
            self.log(RuntimeChange { before, after });
        }
        if let Some((before, after)) = after.control.filter(|_| assures).and_then(|id| self.state.ipvs.assure(id)) {
            self.log(RuntimeChange { before: Some(Learned::Balanced(before)), after: Some(Learned::Balanced(after)) });
        }
    }

    /// A client's packet goes to its real server. Models ip_vs_nat_xmit.
    fn ipvs_request(
        &mut self,
        gate: Gate,
        entry: &Arc<IpvsConnection>,
        mut skb: Skb,
        scheduled: bool,
    ) -> Option<(Skb, Onward)> {
        let packet = skb.ip()?;
        let (len, from) = (packet.len() as u64, packet.destination());
        self.state.ipvs.count(entry, |stats| stats.count_in(len));
        self.ipvs_see(entry, &skb, Way::In);
        if let Tracking::Of { entry: tracked, reply: false, .. } = &mut skb.tracking
            && !tracked.confirmed
        {
            Arc::make_mut(tracked).reply.src = entry.server;
        }
        let change = Change::Destination { from, to: entry.server };
        let changes = if from == entry.server { Vec::new() } else { vec![change] };
        self.ipvs_transmit(gate, entry, skb, changes, scheduled)
    }

    /// An ICMP error about an answer goes to the real server that has sent that. Models ip_vs_icmp_xmit.
    fn ipvs_error_in(
        &mut self,
        gate: Gate,
        quoted: (IpAddr, u16),
        entry: &Arc<IpvsConnection>,
        skb: Skb,
    ) -> Option<(Skb, Onward)> {
        let packet = skb.ip()?;
        let (len, dst) = (packet.len() as u64, packet.dst);
        self.state.ipvs.count(entry, |stats| stats.count_in(len));
        let mut changes = Vec::new();
        if quoted != entry.server {
            changes.push(Change::QuotedSource { from: quoted, to: entry.server });
        }
        if dst != entry.server.0 {
            changes.push(Change::Destination { from: (dst, 0), to: (entry.server.0, 0) });
        }
        self.ipvs_transmit(gate, entry, skb, changes, false)
    }

    /// Rewrites a packet and sends it to its real server: through OUTPUT, unless that is this machine. Models
    /// __ip_vs_get_out_rt and ip_vs_nat_send_or_cont.
    fn ipvs_transmit(
        &mut self,
        gate: Gate,
        entry: &Arc<IpvsConnection>,
        mut skb: Skb,
        mut changes: Vec<Change>,
        scheduled: bool,
    ) -> Option<(Skb, Onward)> {
        let netns = self.netns.clone();
        let (stage, link) = (Stage::Ipvs { hook: gate.hook, scheduled }, gate.link());
        let cause = self.ipvs_cause(entry);
        let packet = skb.ip()?;
        let (ttl, len, src) = (packet.ttl, packet.len(), packet.src);
        let cuts = packet.dst.is_ipv4() && !packet.dont_fragment;
        self.spend(cost::LOOKUP);
        let routed = route(&netns, entry.server.0);
        let Some(Routed { route, cause: by }) = routed.filter(|routed| routed.route.kind != RouteKind::Blackhole)
        else {
            self.reject(skb, stage, link, IcmpError::HostUnreachable, cause);
            return None;
        };
        let local = route.kind.is_local();
        skb.ipvs = Balanced::Request { to: entry.key(), routed: !local };
        if local {
            self.ipvs_step(gate, &mut skb, entry, changes, scheduled);
            return Some((skb, Onward::Here));
        }
        if src.is_loopback() {
            self.drop(skb, stage, link, DropReason::InvalidAddress, cause);
            return None;
        }
        if ttl <= 1 {
            self.reject(skb, stage, link, IcmpError::TtlExceeded, cause);
            return None;
        }
        let mtu = netns.link(route.dev).map_or(0, |device| device.mtu);
        if len > mtu as usize && !cuts {
            let error = IcmpError::FragmentationNeeded { mtu: mtu.min(0xffff) as u16 };
            self.reject(skb, stage, link, error, Some(CauseTable::Link(route.dev)));
            return None;
        }
        changes.push(Change::Ttl { from: ttl, to: ttl - 1 });
        self.ipvs_step(gate, &mut skb, entry, changes, scheduled);
        self.step(&skb, Stage::RouteOut, Some(route.dev), Verdict::Pass, Some(by));
        if gate.hook == Hook::Output {
            return Some((skb, Onward::Anew(route.dev)));
        }
        let skb = self.hook(Gate::new(Hook::Output, None, Some(route.dev)), skb)?;
        self.ip_output(route, skb, None);
        None
    }

    /// The rows of a connection's virtual and real server, if they are still there.
    fn ipvs_cause(&self, entry: &IpvsConnection) -> Option<CauseTable> {
        let (service, row) = self.netns.netfilter.ipvs.as_deref()?.find(entry.key())?;
        Some(CauseTable::Ipvs { service, server: row.find(entry.server.into()) })
    }

    fn ipvs_step(&mut self, gate: Gate, skb: &mut Skb, entry: &IpvsConnection, changes: Vec<Change>, scheduled: bool) {
        let (stage, cause) = (Stage::Ipvs { hook: gate.hook, scheduled }, self.ipvs_cause(entry));
        self.rewrite_all(skb, stage, gate.link(), cause, changes.into_iter().collect());
    }
}
