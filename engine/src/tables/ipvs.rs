//! IPVS as `ipvsadm` shows it: virtual servers, their real servers, and the connections that packets have made.
//!
//! Models Linux 6.18 net/netfilter/ipvs with the forwarding method that kube-proxy uses, masquerading (NAT).

use super::Origin;
use super::netfilter::Lazy;
use crate::net::Protocol;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// How a virtual server picks a real one: the kernel's modules ip_vs_rr, ip_vs_wrr …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    RoundRobin,
    WeightedRoundRobin,
    LeastConnection,
    WeightedLeastConnection,
    LocalityBasedLeastConnection,
    LocalityBasedLeastConnectionReplication,
    DestinationHashing,
    SourceHashing,
    ShortestExpectedDelay,
    NeverQueue,
    WeightedFailover,
    WeightedOverflow,
    MaglevHashing,
    PowersOfTwo,
}

impl Scheduler {
    pub const ALL: [Scheduler; 14] = [
        Scheduler::RoundRobin,
        Scheduler::WeightedRoundRobin,
        Scheduler::LeastConnection,
        Scheduler::WeightedLeastConnection,
        Scheduler::LocalityBasedLeastConnection,
        Scheduler::LocalityBasedLeastConnectionReplication,
        Scheduler::DestinationHashing,
        Scheduler::SourceHashing,
        Scheduler::ShortestExpectedDelay,
        Scheduler::NeverQueue,
        Scheduler::WeightedFailover,
        Scheduler::WeightedOverflow,
        Scheduler::MaglevHashing,
        Scheduler::PowersOfTwo,
    ];

    /// As `ipvsadm -s` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Scheduler::RoundRobin => "rr",
            Scheduler::WeightedRoundRobin => "wrr",
            Scheduler::LeastConnection => "lc",
            Scheduler::WeightedLeastConnection => "wlc",
            Scheduler::LocalityBasedLeastConnection => "lblc",
            Scheduler::LocalityBasedLeastConnectionReplication => "lblcr",
            Scheduler::DestinationHashing => "dh",
            Scheduler::SourceHashing => "sh",
            Scheduler::ShortestExpectedDelay => "sed",
            Scheduler::NeverQueue => "nq",
            Scheduler::WeightedFailover => "fo",
            Scheduler::WeightedOverflow => "ovf",
            Scheduler::MaglevHashing => "mh",
            Scheduler::PowersOfTwo => "twos",
        }
    }

    /// `None`: no kernel module is called so.
    pub fn named(name: &str) -> Option<Scheduler> {
        Scheduler::ALL.into_iter().find(|scheduler| scheduler.name() == name)
    }
}

/// A server behind a virtual one.
#[derive(Clone, Debug, PartialEq)]
pub struct RealServer {
    pub address: SocketAddr,
    /// 0: gets no new connections.
    pub weight: u32,
    pub origin: Origin,
}

/// An address and port that connections are shared out from.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualServer {
    pub protocol: Protocol,
    pub address: SocketAddr,
    pub scheduler: Scheduler,
    /// The flag `mh-port`: the client's port counts in the hash of `mh`.
    pub hashes_port: bool,
    /// How long a client stays with one real server, in seconds, from its last new connection on.
    pub persistent: Option<u32>,
    /// In the order in which the kernel's list has them: the one that was added last comes first.
    pub servers: Vec<RealServer>,
    pub origin: Origin,
}

/// What tells virtual servers apart.
pub type VirtualKey = (Protocol, IpAddr, u16);

impl VirtualServer {
    pub fn key(&self) -> VirtualKey {
        (self.protocol, self.address.ip(), self.address.port())
    }

    /// The place of a real server.
    pub fn find(&self, address: SocketAddr) -> Option<u32> {
        self.servers.iter().position(|server| server.address == address).map(|at| at as u32)
    }
}

/// `ipvsadm --set`, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpvsTimeouts {
    pub tcp: u32,
    pub tcp_fin: u32,
    pub udp: u32,
}

impl Default for IpvsTimeouts {
    fn default() -> IpvsTimeouts {
        IpvsTimeouts { tcp: 900, tcp_fin: 120, udp: 300 }
    }
}

/// The virtual servers of one namespace.
#[derive(Clone, Debug, Default)]
pub struct Ipvs {
    pub services: Vec<VirtualServer>,
    pub timeouts: IpvsTimeouts,
    index: Lazy<BTreeMap<VirtualKey, u32>>,
}

impl Ipvs {
    pub fn new(services: Vec<VirtualServer>, timeouts: IpvsTimeouts) -> Ipvs {
        Ipvs { services, timeouts, index: Lazy::default() }
    }

    /// The virtual server of an address and port, with its place.
    pub fn find(&self, key: VirtualKey) -> Option<(u32, &VirtualServer)> {
        let index = || {
            let numbered = (0..).zip(&self.services);
            numbered.fold(BTreeMap::new(), |mut index, (at, service)| {
                index.entry(service.key()).or_insert(at);
                index
            })
        };
        let at = *self.index.get(index).get(&key)?;
        Some((at, self.services.get(at as usize)?))
    }
}

/// How far a connection has come, as IPVS sees it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpvsState {
    /// A template's: no connection by it has been answered yet.
    None,
    /// A template's: one has.
    Assured,
    Udp,
    Tcp(IpvsTcp),
    Sctp(IpvsSctp),
}

/// TCP's states; those that masquerading never meets are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpvsTcp {
    None,
    Established,
    SynSent,
    SynRecv,
    FinWait,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
}

/// SCTP's states; those of associations that the server begins are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpvsSctp {
    None,
    Init1,
    Init,
    CookieSent,
    CookieReplied,
    Established,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
    Rejected,
    Closed,
}

impl IpvsState {
    /// As `ipvsadm -Lc` prints it.
    pub fn name(self) -> &'static str {
        match self {
            IpvsState::None => "NONE",
            IpvsState::Assured => "ASSURED",
            IpvsState::Udp => "UDP",
            IpvsState::Tcp(state) => match state {
                IpvsTcp::None => "NONE",
                IpvsTcp::Established => "ESTABLISHED",
                IpvsTcp::SynSent => "SYN_SENT",
                IpvsTcp::SynRecv => "SYN_RECV",
                IpvsTcp::FinWait => "FIN_WAIT",
                IpvsTcp::TimeWait => "TIME_WAIT",
                IpvsTcp::Close => "CLOSE",
                IpvsTcp::CloseWait => "CLOSE_WAIT",
                IpvsTcp::LastAck => "LAST_ACK",
            },
            IpvsState::Sctp(state) => match state {
                IpvsSctp::None => "NONE",
                IpvsSctp::Init1 => "INIT1",
                IpvsSctp::Init => "INIT",
                IpvsSctp::CookieSent => "C-SENT",
                IpvsSctp::CookieReplied => "C-REPLIED",
                IpvsSctp::Established => "ESTABLISHED",
                IpvsSctp::ShutdownSent => "S-SENT",
                IpvsSctp::ShutdownReceived => "S-RECEIVED",
                IpvsSctp::ShutdownAckSent => "S-ACK-SENT",
                IpvsSctp::Rejected => "REJECTED",
                IpvsSctp::Closed => "CLOSED",
            },
        }
    }

    /// Whether a connection in this state counts as active: UDP's never do.
    pub fn is_active(self) -> bool {
        matches!(self, IpvsState::Tcp(IpvsTcp::Established) | IpvsState::Sctp(IpvsSctp::Established))
    }
}

/// A connection that a virtual server has given to a real one; or a template, by which a client stays with one.
#[derive(Clone, Debug, PartialEq)]
pub struct IpvsConnection {
    /// Its number within its namespace, never used twice.
    pub id: u32,
    pub protocol: Protocol,
    /// Of a template, port 0.
    pub client: (IpAddr, u16),
    pub virtual_server: (IpAddr, u16),
    pub server: (IpAddr, u16),
    pub state: IpvsState,
    pub template: bool,
    /// The template that it was made by.
    pub control: Option<u32>,
    /// How long it is kept after its last packet, in seconds.
    pub timeout: u32,
    /// Virtual time in nanoseconds.
    pub expires_at: u64,
}

impl IpvsConnection {
    pub fn key(&self) -> VirtualKey {
        (self.protocol, self.virtual_server.0, self.virtual_server.1)
    }

    /// Whether both print alike, their timeouts left aside.
    pub fn looks_like(&self, other: &IpvsConnection) -> bool {
        (self.state, self.server) == (other.state, other.server)
    }
}

/// What has passed a virtual server or a real one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpvsStats {
    pub connections: u64,
    pub in_packets: u64,
    pub out_packets: u64,
    pub in_bytes: u64,
    pub out_bytes: u64,
}

impl IpvsStats {
    /// A packet to the server.
    pub fn count_in(&mut self, len: u64) {
        self.in_packets += 1;
        self.in_bytes += len;
    }

    /// A packet from the server.
    pub fn count_out(&mut self, len: u64) {
        self.out_packets += 1;
        self.out_bytes += len;
    }
}
