//! The socket table of a namespace, for what connects and what listens at run time. Sockets that containers listen on
//! from their start are programmed ([`crate::tables::Listener`]).

use super::cost;
use super::process::ProcessId;
use super::sctp::Association;
use super::skb::Effect;
use super::tcp::Connection;
use super::walk::Walk;
use crate::net::{Body, Icmp, IcmpError, IpPacket, Protocol, Transport};
use crate::tables::App;
use crate::trace::{FlowId, PacketId, PacketRef};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Most sockets of one namespace.
const SOCKETS_MAX: usize = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SocketId(pub u32);

/// What a process hears from its sockets.
#[derive(Clone, Debug, PartialEq)]
pub enum SocketEvent {
    /// `len` is the data's length in bytes, without the ICMP header.
    EchoReply {
        from: IpAddr,
        seq: u16,
        ttl: u8,
        len: u32,
    },
    Datagram {
        from: IpAddr,
        port: u16,
        body: Body,
    },
    Connected,
    /// A listening process has a new connection: the new socket's number.
    Accepted {
        socket: SocketId,
        from: IpAddr,
        port: u16,
    },
    Data {
        body: Body,
    },
    PeerClosed,
    /// RST or ABORT: ECONNREFUSED before the connection stood, ECONNRESET after.
    Refused,
    Reset,
    /// ETIMEDOUT
    TimedOut,
    /// An ICMP error about something this socket sent; `seq` is an echo request's.
    Error {
        error: IcmpError,
        from: IpAddr,
        seq: Option<u16>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Owner {
    Process(ProcessId),
    App(App),
    /// A DNS server that asks an upstream, by the number of its question.
    Dns(u32),
    /// Its process has ended; the kernel finishes the connection.
    Orphan,
}

#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub owner: Owner,
    pub flow: FlowId,
    /// The last packet that this socket sent or took: the parent of the next one.
    pub last: Option<PacketId>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Ping {
        id: u16,
    },
    /// With `peer` it is connected: it takes only what comes from there.
    Udp {
        port: u16,
        peer: Option<(IpAddr, u16)>,
    },
    Listen {
        protocol: Protocol,
        port: u16,
    },
    Tcp(Box<Connection>),
    Sctp(Box<Association>),
}

/// Both ends of a connection: local address and port, remote address and port.
pub(super) type Tuple = (IpAddr, u16, IpAddr, u16);

#[derive(Clone, Debug, Default)]
pub struct Sockets {
    sockets: BTreeMap<SocketId, Socket>,
    connections: BTreeMap<(Protocol, Tuple), SocketId>,
    next: u32,
    next_port: u16,
}

impl Sockets {
    /// None if the namespace has too many.
    pub(super) fn open(&mut self, socket: Socket) -> Option<SocketId> {
        if self.sockets.len() >= SOCKETS_MAX {
            return None;
        }
        let id = SocketId(self.next);
        self.next += 1;
        if let Some(key) = connection_key(&socket.kind) {
            self.connections.insert(key, id);
        }
        self.sockets.insert(id, socket);
        Some(id)
    }

    pub(super) fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.sockets.get_mut(&id)
    }

    pub(super) fn close(&mut self, id: SocketId) -> Option<Socket> {
        let socket = self.sockets.remove(&id)?;
        if let Some(key) = connection_key(&socket.kind) {
            self.connections.remove(&key);
        }
        Some(socket)
    }

    pub(super) fn connection(&self, protocol: Protocol, tuple: Tuple) -> Option<SocketId> {
        self.connections.get(&(protocol, tuple)).copied()
    }

    pub(super) fn ping_socket(&self, id: u16) -> Option<SocketId> {
        self.find(|kind| matches!(kind, Kind::Ping { id: own } if *own == id))
    }

    /// The socket that takes a datagram from there: a connected one before one that takes from everybody.
    pub(super) fn udp_socket(&self, port: u16, from: (IpAddr, u16)) -> Option<SocketId> {
        let bound = |wanted: Option<(IpAddr, u16)>| {
            self.find(|kind| matches!(kind, Kind::Udp { port: own, peer } if *own == port && *peer == wanted))
        };
        bound(Some(from)).or_else(|| bound(None))
    }

    pub(super) fn listening(&self, protocol: Protocol, port: u16) -> Option<SocketId> {
        self.find(|kind| matches!(kind, Kind::Listen { protocol: p, port: own } if *p == protocol && *own == port))
    }

    fn find(&self, wanted: impl Fn(&Kind) -> bool) -> Option<SocketId> {
        self.sockets.iter().find(|(_, socket)| wanted(&socket.kind)).map(|(id, _)| *id)
    }

    /// The socket that sent a packet which an ICMP error quotes.
    pub(super) fn sender_of(&self, quoted: &IpPacket) -> Option<SocketId> {
        match &quoted.payload {
            Transport::Icmp(Icmp::EchoRequest { id, .. }) => self.ping_socket(*id),
            Transport::Icmp(_) | Transport::Ipip(_) => None,
            Transport::Udp(udp) => self.udp_socket(udp.sport, (quoted.dst, udp.dport)),
            Transport::Tcp(tcp) => self.connection(Protocol::Tcp, (quoted.src, tcp.sport, quoted.dst, tcp.dport)),
            Transport::Sctp(sctp) => self.connection(Protocol::Sctp, (quoted.src, sctp.sport, quoted.dst, sctp.dport)),
        }
    }

    /// A free port of the ephemeral range, the next after the one given last.
    pub(super) fn ephemeral_port(&mut self, (low, high): (u16, u16), start: u64) -> u16 {
        if self.next_port < low || self.next_port > high {
            self.next_port = low + (start % u64::from(high - low + 1)) as u16;
        }
        let port = self.next_port;
        self.next_port = if port == high { low } else { port + 1 };
        port
    }

    /// A process has ended: its sockets close without a word, but those that have said their FIN finish as orphans.
    pub(super) fn close_all_of(&mut self, process: ProcessId) {
        let mut own: Vec<SocketId> = Vec::new();
        for (id, socket) in &mut self.sockets {
            if !matches!(socket.owner, Owner::Process(owner) if owner == process) {
                continue;
            }
            match &socket.kind {
                Kind::Tcp(connection) if connection.is_closing() => socket.owner = Owner::Orphan,
                _ => own.push(*id),
            }
        }
        for id in own {
            self.close(id);
        }
    }
}

fn connection_key(kind: &Kind) -> Option<(Protocol, Tuple)> {
    match kind {
        Kind::Tcp(connection) => Some((Protocol::Tcp, connection.tuple)),
        Kind::Sctp(association) => Some((Protocol::Sctp, association.tuple)),
        _ => None,
    }
}

impl Walk<'_> {
    /// Tells a socket's process; servers that are part of an image are driven where their data arrives.
    pub(super) fn notify(&mut self, id: SocketId, event: SocketEvent, track: PacketRef) {
        let Some(socket) = self.state.sockets.get_mut(id) else { return };
        if track.flow == socket.flow {
            socket.last = Some(track.packet);
        }
        match socket.owner {
            Owner::Process(process) => {
                let at = self.now + cost::SOCKET;
                self.effects.push(Effect::Notify { at, process, socket: id, event, track });
            }
            Owner::Dns(pending) => self.dns_heard(pending, id, event),
            Owner::App(_) | Owner::Orphan => {}
        }
    }

    /// An ICMP error came back about something this socket sent.
    pub(super) fn socket_error(
        &mut self,
        id: SocketId,
        error: IcmpError,
        from: IpAddr,
        quoted: &IpPacket,
        track: PacketRef,
    ) {
        let seq = match &quoted.payload {
            Transport::Icmp(Icmp::EchoRequest { seq, .. }) => Some(*seq),
            _ => None,
        };
        self.notify(id, SocketEvent::Error { error, from, seq }, track);
        let Some(socket) = self.state.sockets.get_mut(id) else { return };
        let hopeless = match &socket.kind {
            Kind::Tcp(connection) => connection.is_opening(),
            Kind::Sctp(association) => association.is_opening(),
            _ => false,
        };
        if hopeless && !matches!(error, IcmpError::FragmentationNeeded { .. }) {
            self.state.sockets.close(id);
        }
    }
}
