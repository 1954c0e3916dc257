//! One question asked by packet: does it get there, and who says what? Used by `podhop trace`, `podhop probe` and the
//! kernel referee.

use super::runtime::{Limit, Runtime};
use super::{TableCache, World};
use crate::dataplane::{Io, Process, ProcessEvent, SendError, SendOptions, SocketEvent, SocketId};
use crate::net::{Body, Frame, IcmpError, Protocol};
use crate::tables::NetnsId;
use crate::trace::{DropReason, FlowEnd, FlowId, HopPlace, Nanos, PacketId, PacketTrace, Relation, Stage, Trace};
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// One echo request with `size` bytes of data.
    Ping { size: u16, dont_fragment: bool, ttl: Option<u8> },
    /// A connection, closed as soon as it stands.
    Tcp { port: u16, ttl: Option<u8> },
    /// One datagram with `size` bytes of data.
    Udp { port: u16, size: u16, dont_fragment: bool, ttl: Option<u8> },
    /// An association, shut down as soon as it stands.
    Sctp { port: u16 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    pub from: NetnsId,
    pub to: IpAddr,
    pub kind: ProbeKind,
    /// How long to wait for an answer.
    pub timeout: Nanos,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeResult {
    pub end: FlowEnd,
    pub flow: FlowId,
    /// Who answered, or who sent the ICMP error.
    pub responder: Option<IpAddr>,
    pub icmp: Option<IcmpError>,
    /// The MTU that a local EMSGSIZE is about.
    pub local_mtu: Option<u32>,
    /// Whether the first packet reached its destination, and how it looked there.
    pub arrived: bool,
    pub seen_source: Option<IpAddr>,
    /// Address and port that it had been translated to; the port is 0 for an echo request.
    pub seen_destination: Option<(IpAddr, u16)>,
    pub seen_ttl: Option<u8>,
    pub seen_in: Option<NetnsId>,
}

impl ProbeKind {
    /// A connection or datagram to a port with nothing special about it; `Ping` if there is no protocol.
    pub fn plain(protocol: Option<Protocol>, port: u16) -> ProbeKind {
        match protocol {
            None => ProbeKind::Ping { size: 56, dont_fragment: false, ttl: None },
            Some(Protocol::Tcp) => ProbeKind::Tcp { port, ttl: None },
            Some(Protocol::Udp) => ProbeKind::Udp { port, size: 16, dont_fragment: false, ttl: None },
            Some(Protocol::Sctp) => ProbeKind::Sctp { port },
        }
    }

    /// The port that it is sent to.
    pub fn port(self) -> Option<u16> {
        match self {
            ProbeKind::Ping { .. } => None,
            ProbeKind::Tcp { port, .. } | ProbeKind::Udp { port, .. } | ProbeKind::Sctp { port } => Some(port),
        }
    }
}

impl ProbeResult {
    /// The packet got there and an answer came back, be it a refusal.
    pub fn connects(&self) -> bool {
        matches!(self.end, FlowEnd::Delivered | FlowEnd::Refused)
    }
}

#[derive(Default)]
pub(super) struct Seen {
    responder: Option<IpAddr>,
    icmp: Option<IcmpError>,
    local_mtu: Option<u32>,
}

/// The probing program.
struct Prober {
    to: IpAddr,
    kind: ProbeKind,
    timeout: Nanos,
    socket: Option<SocketId>,
    seen: Told,
}

impl Prober {
    fn start(&mut self, io: &mut Io<'_, '_>) -> Result<(), SendError> {
        let to = self.to;
        let body = |size: u16| Body::Pattern(u32::from(size));
        let socket = match self.kind {
            ProbeKind::Ping { size, dont_fragment, ttl } => {
                let socket = io.ping_open().ok_or(SendError::Invalid)?;
                io.ping_send(socket, to, 0, body(size), SendOptions { ttl, dont_fragment })?;
                socket
            }
            ProbeKind::Tcp { port, ttl } => io.tcp_connect((to, port), SendOptions { ttl, dont_fragment: true })?,
            ProbeKind::Udp { port, size, dont_fragment, ttl } => {
                let socket = io.udp_open(None).ok_or(SendError::Invalid)?;
                io.udp_send(socket, (to, port), body(size), SendOptions { ttl, dont_fragment })?;
                socket
            }
            ProbeKind::Sctp { port } => io.sctp_connect((to, port))?,
        };
        self.socket = Some(socket);
        io.timer(self.timeout, 0);
        Ok(())
    }

    fn answered(&self, io: &mut Io<'_, '_>, from: IpAddr, end: FlowEnd) {
        self.seen.borrow_mut().responder = Some(from);
        io.conclude(end);
        if let Some(socket) = self.socket {
            io.close(socket);
        }
        io.exit(0);
    }
}

impl Process for Prober {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => {
                if let Err(error) = self.start(io) {
                    let reason = match error {
                        SendError::NoRoute => DropReason::NoRoute,
                        SendError::TooBig { mtu } => {
                            self.seen.borrow_mut().local_mtu = Some(mtu);
                            DropReason::TooBig
                        }
                        SendError::Invalid => DropReason::Blackhole,
                        SendError::Denied => DropReason::Netfilter,
                    };
                    io.conclude(FlowEnd::LocalError(reason));
                    io.exit(1);
                }
            }
            ProcessEvent::Timer(_) | ProcessEvent::Interrupt => {
                io.conclude(FlowEnd::TimedOut);
                io.exit(1);
            }
            ProcessEvent::Socket(_, event) => match event {
                SocketEvent::EchoReply { from, .. } | SocketEvent::Datagram { from, .. } => {
                    self.answered(io, from, FlowEnd::Delivered);
                }
                SocketEvent::Connected => self.answered(io, self.to, FlowEnd::Delivered),
                SocketEvent::Refused | SocketEvent::Reset => self.answered(io, self.to, FlowEnd::Refused),
                SocketEvent::Error { error, from, .. } => {
                    self.seen.borrow_mut().icmp = Some(error);
                    let refused = error == IcmpError::PortUnreachable && from == self.to;
                    let end = if refused { FlowEnd::Refused } else { FlowEnd::Unreachable { error, from } };
                    self.answered(io, from, end);
                }
                SocketEvent::TimedOut => {
                    io.conclude(FlowEnd::TimedOut);
                    io.exit(1);
                }
                SocketEvent::Data { .. } | SocketEvent::PeerClosed | SocketEvent::Accepted { .. } => {}
            },
        }
    }
}

impl World {
    /// Sends one probe and waits for what comes of it.
    pub fn probe(&mut self, spec: &ProbeSpec) -> ProbeResult {
        probe(&mut self.tables, &mut self.runtime, spec)
    }
}

/// Sends one probe through these tables and waits for what comes of it.
pub(super) fn probe(tables: &mut TableCache, runtime: &mut Runtime, spec: &ProbeSpec) -> ProbeResult {
    let (title, prober, seen) = prober(spec);
    let limit = Limit { duration: spec.timeout.saturating_mul(2) };
    let mut run = runtime.start(tables, spec.from, (title, Some(spec.to)), prober, limit);
    runtime.go_on(tables, &mut run, None);
    let finished = runtime.finish(tables, run);
    result(runtime, spec, (finished.flow, finished.end), &seen)
}

/// What a prober has been told, shared with whoever started it.
pub(super) type Told = std::rc::Rc<std::cell::RefCell<Seen>>;

/// The program that sends a probe, and the title of its conversation.
pub(super) fn prober(spec: &ProbeSpec) -> (String, Box<dyn Process>, Told) {
    let seen = Told::default();
    let prober = Prober { to: spec.to, kind: spec.kind, timeout: spec.timeout, socket: None, seen: seen.clone() };
    let title = match spec.kind {
        ProbeKind::Ping { .. } => format!("ping {}", spec.to),
        ProbeKind::Tcp { port, .. } => format!("tcp {}", socket_address(spec.to, port)),
        ProbeKind::Udp { port, .. } => format!("udp {}", socket_address(spec.to, port)),
        ProbeKind::Sctp { port } => format!("sctp {}", socket_address(spec.to, port)),
    };
    (title, Box::new(prober), seen)
}

/// What became of a probe whose conversation has come to this end.
pub(super) fn result(
    runtime: &Runtime,
    spec: &ProbeSpec,
    (flow, mut end): (FlowId, FlowEnd),
    seen: &Told,
) -> ProbeResult {
    let seen = seen.take();
    let trace = runtime.recorder().get(flow);
    let arrival = trace.and_then(arrival);
    let arrived = arrival.is_some();
    // A datagram that was taken without an answer has done what it was sent for.
    if end == FlowEnd::TimedOut && arrived && matches!(spec.kind, ProbeKind::Udp { .. }) {
        end = FlowEnd::Delivered;
    }
    let (seen_in, packet) = arrival.unzip();
    let ip = packet.as_ref().and_then(Frame::ip);
    ProbeResult {
        end,
        flow,
        responder: seen.responder,
        icmp: seen.icmp,
        local_mtu: seen.local_mtu,
        arrived,
        seen_source: ip.map(|ip| ip.src),
        seen_destination: ip.map(|ip| (ip.dst, ip.payload.ports().map_or(0, |(_, port)| port))),
        seen_ttl: ip.map(|ip| ip.ttl),
        seen_in,
    }
}

/// `10.244.1.2:80`, `[fd00::2]:80`
pub(crate) fn socket_address(ip: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(ip, port).to_string()
}

/// The first packet (or the last of its fragments) as the namespace that took it saw it. It need not be for whom it was
/// sent to: NAT may have given it another destination.
fn arrival(trace: &Trace) -> Option<(NetnsId, Frame)> {
    let is_part = |packet: &&PacketTrace| {
        let mut record = *packet;
        while let Some((parent, Relation::Fragments)) = record.parent {
            let Some(whole) = trace.packets.get(parent.0 as usize) else { return false };
            record = whole;
        }
        record.id == PacketId(0)
    };
    let arrived = |p: &&PacketTrace| p.steps.last().is_some_and(|step| step.stage == Stage::Deliver);
    let at_end = |p: &PacketTrace| {
        let HopPlace::Netns(place) = p.hops.last()?.place else { return None };
        Some((place, p.frame_after(p.steps.len() as u32)))
    };
    trace.packets.iter().filter(is_part).filter(arrived).filter_map(at_end).next_back()
}
