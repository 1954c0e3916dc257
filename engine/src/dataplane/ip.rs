//! IP: input, forwarding, output.
//!
//! Models net/ipv4 ip_rcv, ip_route_input_slow, ip_forward, ip_local_out and ip_finish_output with `rp_filter` 0, and
//! what net/ipv6 does in their places.

use super::cost;
use super::fragment;
use super::netfilter::{Gate, Tracking};
use super::skb::{Balanced, Bridged, CROSSINGS_MAX, Skb};
use super::walk::{SendError, Walk};
use crate::net::{Frame, IcmpError, IpPacket, MacAddr, Payload, Transport};
use crate::tables::netfilter::Hook;
use crate::tables::{LinkIndex, Netns, Route, RouteKind, RowId, source_v6};
use crate::trace::{
    Birth, CauseTable, Change, Disposition, DropReason, FlowId, PacketId, PacketRef, Relation, Stage, Verdict,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which row routes a destination.
pub(super) struct Routed<'a> {
    pub route: &'a Route,
    pub cause: CauseTable,
}

/// Rule 0: table `local`; rule 32766: table `main`.
pub(super) fn route(netns: &Netns, dst: IpAddr) -> Option<Routed<'_>> {
    if let Some((row, route)) = netns.local.lookup(dst) {
        return Some(Routed { route, cause: CauseTable::RouteLocal(row) });
    }
    let (row, route) = netns.main.lookup(dst)?;
    Some(Routed { route, cause: CauseTable::RouteMain(row) })
}

/// The same for a packet that came in on `link`: of IPv6 rows with one prefix, that of this device comes first.
/// Models net/ipv6/route.c rt6_score_route.
pub(super) fn route_in(netns: &Netns, link: LinkIndex, dst: IpAddr) -> Option<Routed<'_>> {
    let routed = route(netns, dst)?;
    if dst.is_ipv4() || routed.route.dev == link || !routed.route.kind.is_local() {
        return Some(routed);
    }
    let own = netns.local.rows.own().iter().position(|row| row.dst == routed.route.dst && row.dev == link);
    let own = own.map(|row| RowId(row as u32)).and_then(|row| Some((row, netns.local.rows.get(row)?)));
    Some(own.map_or(routed, |(row, route)| Routed { route, cause: CauseTable::RouteLocal(row) }))
}

/// The source address that the kernel picks for a packet by this route.
pub(super) fn source_for(netns: &Netns, route: &Route, dst: IpAddr) -> Option<IpAddr> {
    if route.kind.is_local() {
        return Some(route.src.filter(|_| !dst.is_loopback()).unwrap_or(dst));
    }
    if let IpAddr::V6(dst) = dst {
        return route.src.or_else(|| source_v6(netns, dst, route.dev).map(IpAddr::V6));
    }
    let same_family = |ip: &IpAddr| ip.is_ipv4() == dst.is_ipv4();
    route
        .src
        .or_else(|| netns.addresses_of(route.dev).map(|a| a.net.addr()).find(same_family))
        .or_else(|| netns.addresses.iter().map(|a| a.net.addr()).find(|ip| same_family(ip) && !ip.is_loopback()))
}

/// The device that a packet leaves by.
fn device(route: &Route) -> LinkIndex {
    if route.kind.is_local() { LinkIndex::LO } else { route.dev }
}

/// Whether no packet can come in like this: fib_validate_source and martian destinations, or ip6_rcv_core, which lets
/// own addresses come from outside.
pub(super) fn is_martian(netns: &Netns, packet: &IpPacket, link: LinkIndex) -> bool {
    let outside = link != LinkIndex::LO;
    if packet.dst.is_ipv6() {
        let loopback = packet.src.is_loopback() || packet.dst.is_loopback();
        return outside && loopback || packet.src.is_multicast();
    }
    let own_source = outside && netns.is_local(packet.src);
    let loopback_outside = outside && packet.dst.is_loopback() && !netns.sysctls.route_localnet;
    let limited_broadcast = packet.dst == IpAddr::V4(Ipv4Addr::BROADCAST);
    own_source || loopback_outside || limited_broadcast || packet.src.is_multicast()
}

/// Multicast, or the limited broadcast: for more than one receiver.
fn is_group(ip: IpAddr) -> bool {
    ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
}

impl Walk<'_> {
    /// A frame that this namespace takes in on `link`: the network layer's turn.
    pub(super) fn receive_network(&mut self, link: LinkIndex, skb: Skb) {
        match &skb.frame.payload {
            Payload::Arp(arp) => {
                let arp = *arp;
                self.arp_receive(link, arp, skb);
            }
            Payload::Ip(_) => self.ip_receive(link, skb),
        }
    }

    fn ip_receive(&mut self, link: LinkIndex, mut skb: Skb) {
        let netns = self.netns.clone();
        if skb.bridged == Bridged::No {
            let passed = self.hook(Gate::new(Hook::Prerouting, Some(link), None), skb);
            let Some(passed) = passed else { return };
            skb = passed;
        }
        skb.bridged = Bridged::No;
        let Some(packet) = skb.ip() else { return };
        let dst = packet.dst;
        self.spend(cost::LOOKUP);
        if is_martian(&netns, packet, link) {
            let cause = self.address_row(packet.src);
            return self.drop(skb, Stage::RouteIn, Some(link), DropReason::InvalidAddress, cause);
        }
        if let IpAddr::V6(group) = dst
            && group.is_multicast()
        {
            return self.group_in(link, group, skb);
        }
        let routed = route_in(&netns, link, dst);
        if let Some(Routed { route, cause }) = &routed {
            match route.kind {
                RouteKind::Local | RouteKind::Anycast => {
                    self.step(&skb, Stage::RouteIn, Some(link), Verdict::Pass, Some(*cause));
                    return self.local_in(link, skb);
                }
                // Nothing here answers a broadcast (net.ipv4.icmp_echo_ignore_broadcasts=1).
                RouteKind::Broadcast => {
                    self.step(&skb, Stage::RouteIn, Some(link), Verdict::Accept, Some(*cause));
                    return self.recorder.finish(skb.track, Disposition::Ignored);
                }
                RouteKind::Unicast | RouteKind::Multicast | RouteKind::Blackhole => {}
            }
        }
        if !netns.forwards(dst) {
            let cause =
                CauseTable::Sysctl(if dst.is_ipv4() { "net.ipv4.ip_forward" } else { "net.ipv6.conf.all.forwarding" });
            return self.drop(skb, Stage::RouteIn, Some(link), DropReason::ForwardingOff, Some(cause));
        }
        match routed {
            None => self.reject(skb, Stage::RouteIn, Some(link), IcmpError::NetUnreachable, None),
            Some(Routed { route, cause }) if route.kind == RouteKind::Blackhole => {
                self.drop(skb, Stage::RouteIn, Some(link), DropReason::Blackhole, Some(cause));
            }
            Some(routed) => {
                self.step(&skb, Stage::RouteIn, Some(link), Verdict::Pass, Some(routed.cause));
                self.forward(link, routed, skb);
            }
        }
    }

    /// A packet for an IPv6 group: for those who have joined it on this device. Groups are not routed here.
    fn group_in(&mut self, link: LinkIndex, group: Ipv6Addr, skb: Skb) {
        if self.netns.has_joined(link, group) {
            let routed = self.netns.local.lookup(IpAddr::V6(group));
            let cause = routed.map(|(row, _)| CauseTable::RouteLocal(row));
            self.step(&skb, Stage::RouteIn, Some(link), Verdict::Pass, cause);
            return self.local_in(link, skb);
        }
        self.step(&skb, Stage::RouteIn, Some(link), Verdict::Accept, None);
        self.recorder.finish(skb.track, Disposition::Ignored);
    }

    fn forward(&mut self, input: LinkIndex, routed: Routed<'_>, mut skb: Skb) {
        let Some(packet) = skb.ip() else { return };
        let (ttl, len, dont_fragment) = (packet.ttl, packet.len(), packet.dont_fragment);
        let dev = routed.route.dev;
        if ttl <= 1 {
            return self.reject(skb, Stage::Forward, Some(dev), IcmpError::TtlExceeded, None);
        }
        let mtu = self.netns.route_mtu(routed.route);
        // Of IPv6 only the sender cuts packets; pieces that were put together on the way go on as they came.
        let whole = if packet.dst.is_ipv6() { skb.fragment_len_max.map_or(len, usize::from) } else { len };
        if whole > mtu as usize && (dont_fragment || packet.dst.is_ipv6()) {
            let error = IcmpError::FragmentationNeeded { mtu: mtu.min(0xffff) as u16 };
            return self.reject(skb, Stage::Forward, Some(dev), error, Some(CauseTable::Link(dev)));
        }
        self.spend(cost::LOOKUP);
        self.rewrite(&mut skb, Stage::Forward, Some(dev), None, Change::Ttl { from: ttl, to: ttl - 1 });
        if let Some(skb) = self.hook(Gate::new(Hook::Forward, Some(input), Some(dev)), skb) {
            self.ip_output(routed.route, skb, None);
        }
    }

    /// Sends by a route that is known: through POSTROUTING, in fragments where the packet is too large, then to the
    /// next hop. `cut_to`: a packet of this machine's own, which IPv6 may cut, too, to this many bytes.
    pub(super) fn ip_output(&mut self, route: &Route, skb: Skb, cut_to: Option<u32>) {
        let dev = device(route);
        let Some(skb) = self.hook(Gate::new(Hook::Postrouting, None, Some(dev)), skb) else { return };
        let Some(packet) = skb.ip() else { return };
        if route.kind.is_local() {
            return self.transmit(LinkIndex::LO, skb);
        }
        let next_hop = route.via.unwrap_or(packet.dst);
        let mut mtu = self.netns.route_mtu(route);
        if packet.dst.is_ipv6() {
            mtu = cut_to.map_or(mtu, |len| len.min(mtu));
            if cut_to.is_none() && skb.fragment_len_max.is_none() && packet.len() > mtu as usize {
                return self.drop(skb, Stage::Fragment, Some(dev), DropReason::TooBig, Some(CauseTable::Link(dev)));
            }
        } else if packet.dont_fragment && packet.len() > mtu as usize {
            let error = IcmpError::FragmentationNeeded { mtu: mtu.min(0xffff) as u16 };
            return self.reject(skb, Stage::Fragment, Some(dev), error, Some(CauseTable::Link(dev)));
        }
        if packet.len() <= mtu as usize {
            return self.neighbor_output(dev, next_hop, skb);
        }
        for skb in self.fragments(dev, mtu, skb) {
            self.neighbor_output(dev, next_hop, skb);
        }
    }

    /// The packet itself if it fits, else its fragments; none if not even those can be made.
    pub(super) fn fragments(&mut self, dev: LinkIndex, mtu: u32, mut skb: Skb) -> Vec<Skb> {
        let Some(packet) = skb.ip() else { return Vec::new() };
        if packet.len() <= mtu as usize {
            return vec![skb];
        }
        let room = skb.fragment_len_max.take().map_or(mtu, |len| mtu.min(u32::from(len)));
        let Some(packet) = skb.ip() else { return Vec::new() };
        let pieces = fragment::split(packet, room as usize);
        let cause = Some(CauseTable::Link(dev));
        if pieces.is_empty() {
            self.drop(skb, Stage::Fragment, Some(dev), DropReason::TooBig, cause);
            return Vec::new();
        }
        let verdict = Verdict::Flood { copies_count: pieces.len() as u32, ignored_count: 0 };
        self.step(&skb, Stage::Fragment, Some(dev), verdict, cause);
        self.recorder.finish(skb.track, Disposition::Split);
        let mut skbs = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let frame = Frame { src: skb.frame.src, dst: skb.frame.dst, payload: Payload::Ip(piece) };
            let birth =
                Birth { flow: skb.track.flow, parent: Some((skb.track.packet, Relation::Fragments)), at: self.now };
            let track = self.recorder.birth(birth, &frame);
            let skb = skb.with(frame, track);
            self.step(&skb, Stage::Fragment, Some(dev), Verdict::Pass, cause);
            skbs.push(skb);
        }
        skbs
    }

    /// Sends a packet that was made here. An unspecified source is filled in. On an error the trace has the packet all
    /// the same, ended at its routing decision.
    pub fn send(
        &mut self,
        packet: IpPacket,
        flow: FlowId,
        parent: Option<(PacketId, Relation)>,
    ) -> Result<PacketRef, SendError> {
        self.send_because(packet, flow, parent, (None, Tracking::Unseen))
    }

    /// Sends a packet that netfilter has made, as part of a connection that it names.
    pub(super) fn send_attached(
        &mut self,
        packet: IpPacket,
        flow: FlowId,
        parent: Option<(PacketId, Relation)>,
        tracking: Tracking,
    ) -> Result<PacketRef, SendError> {
        self.send_because(packet, flow, parent, (None, tracking))
    }

    /// As `send`, with the row by which a server made the packet's content.
    pub(super) fn send_because(
        &mut self,
        mut packet: IpPacket,
        flow: FlowId,
        parent: Option<(PacketId, Relation)>,
        (cause, tracking): (Option<CauseTable>, Tracking),
    ) -> Result<PacketRef, SendError> {
        let netns = self.netns.clone();
        self.recorder.keep(flow, &netns);
        if packet.dst.is_unspecified() {
            // `ping 0.0.0.0` is `ping 127.0.0.1` (ip_route_output_key_hash_rcu).
            packet.dst = if packet.dst.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        }
        let routed = route(&netns, packet.dst);
        if packet.src.is_unspecified() {
            let by_route = routed.as_ref().and_then(|r| source_for(&netns, r.route, packet.dst));
            packet.src = by_route.unwrap_or(packet.src);
        }
        if packet.id == 0 && !packet.dont_fragment {
            packet.id = self.state.next_ip_id();
        }
        let frame = Frame { src: MacAddr::ZERO, dst: MacAddr::ZERO, payload: Payload::Ip(packet) };
        let track = self.recorder.birth(Birth { flow, parent, at: self.now }, &frame);
        let skb = Skb { tracking, ..Skb::new(frame, track, CROSSINGS_MAX) };
        self.step(&skb, Stage::Send, None, Verdict::Pass, cause);
        self.spend(cost::SOCKET + cost::LOOKUP);
        let Some(routed) = routed else {
            self.drop(skb, Stage::RouteOut, None, DropReason::NoRoute, None);
            return Err(SendError::NoRoute);
        };
        self.route_out(routed, skb).map(|()| track)
    }

    fn route_out(&mut self, routed: Routed<'_>, skb: Skb) -> Result<(), SendError> {
        let Some(packet) = skb.ip() else { return Err(SendError::Invalid) };
        let (dst, len, dont_fragment) = (packet.dst, packet.len(), packet.dont_fragment);
        let Routed { route, cause } = routed;
        let dev = device(route);
        // Not simulated, which is no row's doing.
        if route.kind == RouteKind::Broadcast || is_group(dst) {
            self.drop(skb, Stage::RouteOut, Some(dev), DropReason::InvalidAddress, None);
            return Err(SendError::Invalid);
        }
        if route.kind == RouteKind::Blackhole {
            self.drop(skb, Stage::RouteOut, Some(dev), DropReason::Blackhole, Some(cause));
            return Err(SendError::Invalid);
        }
        let device_mtu = self.netns.link(dev).map_or(0, |link| link.mtu).min(route.mtu.unwrap_or(u32::MAX));
        let mtu = self.state.pmtu(dst, self.now).map_or(device_mtu, |pmtu| device_mtu.min(u32::from(pmtu)));
        if dont_fragment && len > mtu as usize {
            self.drop(skb, Stage::RouteOut, Some(dev), DropReason::TooBig, Some(CauseTable::Link(dev)));
            return Err(SendError::TooBig { mtu });
        }
        // Models __ip_append_data maxnonfragsize: no header can say a greater length.
        let len_max = if dst.is_ipv4() { 0xffff } else { 0xffff + 40 };
        if len > len_max {
            self.drop(skb, Stage::RouteOut, Some(dev), DropReason::TooBig, None);
            return Err(SendError::TooBig { mtu });
        }
        self.step(&skb, Stage::RouteOut, Some(dev), Verdict::Pass, Some(cause));
        self.local_out(route, skb, Some(mtu))
    }

    /// A packet that was made here passes OUTPUT. If that gave it another destination it is routed again
    /// (ip_route_me_harder, ip6_route_me_harder). `cut_to` as for [`Walk::ip_output`].
    fn local_out(&mut self, route: &Route, skb: Skb, cut_to: Option<u32>) -> Result<(), SendError> {
        let before = skb.ip().map(|packet| packet.dst);
        let passed = self.hook(Gate::new(Hook::Output, None, Some(device(route))), skb);
        let skb = passed.ok_or(SendError::Denied)?;
        let Some(dst) = skb.ip().map(|packet| packet.dst).filter(|dst| Some(*dst) != before) else {
            self.ip_output(route, skb, cut_to);
            return Ok(());
        };
        let netns = self.netns.clone();
        self.spend(cost::LOOKUP);
        match self::route(&netns, dst) {
            Some(Routed { route, cause }) if route.kind == RouteKind::Unicast || route.kind.is_local() => {
                // IPVS has told the way to a real server already.
                if !matches!(skb.ipvs, Balanced::Request { routed: true, .. }) {
                    self.step(&skb, Stage::RouteOut, Some(device(route)), Verdict::Pass, Some(cause));
                }
                self.ip_output(route, skb, cut_to);
                Ok(())
            }
            routed => {
                self.drop(skb, Stage::RouteOut, None, DropReason::NoRoute, routed.map(|routed| routed.cause));
                Err(SendError::Denied)
            }
        }
    }

    /// Sends a packet that a tunnel device has wrapped; it keeps its record.
    pub(super) fn tunnel_output(&mut self, skb: Skb) {
        let netns = self.netns.clone();
        let Some(dst) = skb.ip().map(|packet| packet.dst) else { return };
        self.spend(cost::LOOKUP);
        match route(&netns, dst) {
            None => self.drop(skb, Stage::RouteOut, None, DropReason::NoRoute, None),
            Some(Routed { route, cause }) if route.kind == RouteKind::Unicast || route.kind.is_local() => {
                self.step(&skb, Stage::RouteOut, Some(device(route)), Verdict::Pass, Some(cause));
                // Nobody waits to hear that it was dropped.
                let _ = self.local_out(route, skb, None);
            }
            Some(routed) => self.drop(skb, Stage::RouteOut, None, DropReason::Blackhole, Some(routed.cause)),
        }
    }

    /// A packet for one of this namespace's own addresses.
    fn local_in(&mut self, link: LinkIndex, skb: Skb) {
        let Some(skb) = self.reassemble(link, skb) else { return };
        let Some(skb) = self.hook(Gate::new(Hook::Input, Some(link), None), skb) else { return };
        let Some(packet) = skb.ip() else { return };
        if self.state.memory.watch.is_some() {
            self.watch_sockets(packet);
        }
        self.spend(cost::SOCKET);
        match packet.payload {
            Transport::Icmp(_) => self.icmp_receive(link, skb),
            Transport::Udp(_) => self.udp_receive(link, skb),
            // No connection is made to an address that others have, too (tcp_v6_conn_request, tcp_v6_send_reset).
            Transport::Tcp(_) if self.is_anycast(link, packet.dst) => {
                self.drop(skb, Stage::Deliver, Some(link), DropReason::InvalidAddress, None);
            }
            Transport::Tcp(_) => self.tcp_receive(link, skb),
            Transport::Sctp(_) => self.sctp_receive(link, skb),
            Transport::Ipip(_) => self.ipip_receive(link, skb),
        }
    }
}
