//! Programs that run inside a namespace: ping, nc, a probe. A process is a state machine that hears of its start, its
//! timers and its sockets, and acts through [`Io`].

use super::skb::Timer;
use super::socket::{Kind, Owner, Socket, SocketEvent, SocketId};
use super::state::NetnsState;
use super::udp::SendOptions;
use super::walk::{SendError, Walk};
use crate::net::{Body, Icmp, Protocol, Transport};
use crate::tables::Netns;
use crate::trace::{FlowEnd, FlowId, Nanos, PacketRef, Relation};
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// A program in execution.
pub trait Process {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent);
}

#[derive(Clone, Debug, PartialEq)]
pub enum ProcessEvent {
    Start,
    /// The timer with this token is due.
    Timer(u32),
    Socket(SocketId, SocketEvent),
    /// Ctrl-C, or the user's patience (`timeout`, a bound): print what is known and exit.
    Interrupt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    Out,
    Err,
}

/// A stretch of output, and the packet that it reports, if it reports one.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub at: Nanos,
    pub stream: OutputStream,
    pub text: String,
    pub about: Option<PacketRef>,
}

/// A process's system calls.
pub struct Io<'w, 'a> {
    pub(crate) walk: &'w mut Walk<'a>,
    pub(crate) process: ProcessId,
    pub(crate) flow: FlowId,
    pub(crate) output: &'w mut Vec<Output>,
    pub(crate) exit: &'w mut Option<i32>,
    pub(crate) end: &'w mut Option<FlowEnd>,
    /// The packet that the present event came with.
    pub(crate) about: Option<PacketRef>,
}

impl Io<'_, '_> {
    pub fn now(&self) -> Nanos {
        self.walk.now
    }

    /// The namespace's programmed tables: what a tool reads through netlink.
    pub fn netns(&self) -> &Netns {
        &self.walk.netns
    }

    /// The packet that the present event is about.
    pub fn about(&self) -> Option<PacketRef> {
        self.about
    }

    pub fn print(&mut self, text: impl Into<String>) {
        self.write(OutputStream::Out, text.into());
    }

    pub fn print_err(&mut self, text: impl Into<String>) {
        self.write(OutputStream::Err, text.into());
    }

    fn write(&mut self, stream: OutputStream, text: String) {
        self.output.push(Output { at: self.walk.now, stream, text, about: self.about });
    }

    /// Ends the process after this event.
    pub fn exit(&mut self, status: i32) {
        *self.exit = Some(status);
    }

    /// How the conversation ended, as this process sees it. The last word counts.
    pub fn conclude(&mut self, end: FlowEnd) {
        *self.end = Some(end);
    }

    pub fn timer(&mut self, delay: Nanos, token: u32) {
        let process = self.process;
        self.walk.set_timer(delay, Timer::Process { process, token });
    }

    /// A ping socket. None: too many sockets.
    pub fn ping_open(&mut self) -> Option<SocketId> {
        let id = self.walk.ephemeral_port();
        let kind = Kind::Ping { id };
        self.walk.state.sockets.open(Socket { owner: Owner::Process(self.process), flow: self.flow, last: None, kind })
    }

    /// One echo request.
    pub fn ping_send(
        &mut self,
        socket: SocketId,
        to: IpAddr,
        seq: u16,
        body: Body,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let Some(Socket { kind: Kind::Ping { id }, flow, .. }) = self.walk.state.sockets.get_mut(socket) else {
            return Err(SendError::Invalid);
        };
        let (id, flow) = (*id, *flow);
        let packet = options.packet(self.walk, to, Transport::Icmp(Icmp::EchoRequest { id, seq, body }));
        match self.walk.send(packet, flow, None) {
            // ping_v6_sendmsg does not ask what became of it.
            Err(SendError::Denied) if to.is_ipv6() => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// A UDP socket on a port, or on a free one.
    pub fn udp_open(&mut self, port: Option<u16>) -> Option<SocketId> {
        self.walk.udp_open(self.process, self.flow, port)
    }

    /// `connect`: the socket takes only what comes from there.
    pub fn udp_connect(&mut self, socket: SocketId, to: (IpAddr, u16)) {
        if let Some(Socket { kind: Kind::Udp { peer, .. }, .. }) = self.walk.state.sockets.get_mut(socket) {
            *peer = Some(to);
        }
    }

    pub fn udp_send(
        &mut self,
        socket: SocketId,
        to: (IpAddr, u16),
        body: Body,
        options: SendOptions,
    ) -> Result<PacketRef, SendError> {
        self.walk.udp_send(socket, to, body, options)
    }

    /// Begins a TCP connection: `Connected`, `Refused`, `TimedOut` or `Error` will follow.
    pub fn tcp_connect(&mut self, to: (IpAddr, u16), options: SendOptions) -> Result<SocketId, SendError> {
        self.walk.tcp_connect(self.process, self.flow, to, options)
    }

    /// Begins an SCTP association, with the same events.
    pub fn sctp_connect(&mut self, to: (IpAddr, u16)) -> Result<SocketId, SendError> {
        self.walk.sctp_connect(self.process, self.flow, to)
    }

    /// Listens for connections. None: the port is taken (EADDRINUSE).
    pub fn listen(&mut self, protocol: Protocol, port: u16) -> Option<SocketId> {
        let taken = self.walk.netns.listeners.iter().any(|l| l.protocol == protocol && l.port == port)
            || self.walk.state.sockets.listening(protocol, port).is_some();
        if taken {
            return None;
        }
        let kind = Kind::Listen { protocol, port };
        self.walk.state.sockets.open(Socket { owner: Owner::Process(self.process), flow: self.flow, last: None, kind })
    }

    /// Sends on a connection; false if it is closed.
    pub fn send(&mut self, socket: SocketId, body: Body) -> bool {
        self.walk.stream_send(socket, body)
    }

    /// Closes a connection in good order, or a socket of another kind at once.
    pub fn close(&mut self, socket: SocketId) {
        self.walk.stream_close(socket);
    }
}

impl NetnsState {
    /// A process has ended: its sockets close without a word.
    pub fn process_exit(&mut self, process: ProcessId) {
        self.sockets.close_all_of(process);
    }
}

impl Walk<'_> {
    pub(super) fn stream_send(&mut self, id: SocketId, body: Body) -> bool {
        match self.state.sockets.get_mut(id).map(|socket| &socket.kind) {
            Some(Kind::Tcp(_)) => self.tcp_send(id, body),
            Some(Kind::Sctp(_)) => self.sctp_send(id, body),
            _ => false,
        }
    }

    pub(super) fn stream_close(&mut self, id: SocketId) {
        match self.state.sockets.get_mut(id).map(|socket| &socket.kind) {
            Some(Kind::Tcp(_)) => self.tcp_close(id),
            Some(Kind::Sctp(_)) => self.sctp_close(id),
            Some(_) => {
                self.state.sockets.close(id);
            }
            None => {}
        }
    }
}

/// How the parent of a socket's next packet is named.
pub(super) fn follows(socket: &Socket) -> Option<(crate::trace::PacketId, Relation)> {
    socket.last.map(|last| (last, Relation::Follows))
}
