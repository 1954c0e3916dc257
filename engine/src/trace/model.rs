//! Trace → Packet → Hop → Step.

use super::{Changes, Nanos};
use crate::net::Family;
use crate::net::{Frame, IcmpError, MacAddr};
use crate::tables::ebpf::{self, LbKey, PolicyKey, Program};
use crate::tables::ipvs::VirtualKey;
use crate::tables::netfilter::{Connection, CtState, Hook, TableName};
use crate::tables::nft::NftKey;
use crate::tables::text::neigh::NeighborState;
use crate::tables::{LinkIndex, Netns, NetnsId, RowId};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowId(pub u32);

/// A packet's number within its trace, in the order of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PacketId(pub u32);

/// What a conversation is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    pub id: FlowId,
    /// As the user would say it: `ping 10.244.2.2`.
    pub title: String,
    pub from: NetnsId,
    pub to: Option<IpAddr>,
    pub started_at: Nanos,
    /// The cluster's revision when it began.
    pub revision: u64,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Trace {
    pub flow: Flow,
    pub packets: Vec<PacketTrace>,
    pub end: Option<FlowEnd>,
    /// The tables that steps point into, alive as long as the trace.
    pub tables: BTreeMap<(NetnsId, u32), Arc<Netns>>,
    /// The connections that steps point to, as they were last met.
    pub connections: BTreeMap<(NetnsId, u32), Arc<Connection>>,
    /// Packets that were not recorded because the trace reached its bound.
    pub unrecorded_count: u32,
}

/// How a conversation ended, for the one who started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowEnd {
    Delivered,
    /// Refused by the destination itself: RST, ABORT, or port unreachable from the destination.
    Refused,
    /// An ICMP error other than the destination's own port unreachable.
    Unreachable {
        error: IcmpError,
        from: IpAddr,
    },
    /// The sender's own kernel refused to send: no route, message too long.
    LocalError(DropReason),
    /// No answer in the time allowed.
    TimedOut,
}

/// How a packet is related to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relation {
    /// Answers it: echo reply, SYN-ACK, ARP reply, ICMP error.
    Answers,
    /// Had to be sent first, so that the parent could go on: ARP request.
    Serves,
    /// A copy made by flooding.
    Copies,
    /// The same segment again.
    Retransmits,
    /// A piece of it.
    Fragments,
    /// The next packet of the same socket.
    Follows,
}

/// One packet from its birth to its one disposition.
#[derive(Clone, Debug)]
pub struct PacketTrace {
    pub id: PacketId,
    pub parent: Option<(PacketId, Relation)>,
    /// The packet as it was made; a frame whose MACs are zero until a neighbour is resolved.
    pub birth: Arc<Frame>,
    pub born_at: Nanos,
    pub hops: Vec<Hop>,
    pub steps: Vec<Step>,
    pub disposition: Option<Disposition>,
}

/// A stay in one place: the steps from `first` up to the next hop's `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    pub place: HopPlace,
    pub first: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopPlace {
    Netns(NetnsId),
    Segment(u32),
}

/// One decision.
#[derive(Clone, Debug)]
pub struct Step {
    pub at: Nanos,
    pub stage: Stage,
    /// The device it happens at, if it happens at one.
    pub link: Option<LinkIndex>,
    pub verdict: Verdict,
    pub cause: Option<RowRef>,
    pub changes: Changes,
    /// Of [`Stage::Netfilter`] and [`Stage::Nftables`]: what the table was asked, and the rules that answered.
    pub ruled: Option<Box<Ruled>>,
}

/// A table's answer about a packet, with what the rules saw besides the packet itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruled {
    /// Rules that matched, in their order; the last one decided. Jumps that came back without effect are left out.
    pub rules: Vec<RuleRef>,
    /// The device that the packet came in by, and the one it goes out by.
    pub input: Option<LinkIndex>,
    pub output: Option<LinkIndex>,
    /// It goes from one port of a bridge to another.
    pub bridged: bool,
    /// The mark before.
    pub mark: u32,
    pub states: CtStates,
    /// The virtual server that has sent the packet on as a request.
    pub virtual_server: Option<VirtualKey>,
}

/// What conntrack says of a packet: a set of [`CtState`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CtStates(u8);

impl CtStates {
    #[must_use]
    pub fn with(self, state: CtState) -> CtStates {
        CtStates(self.0 | 1 << state as u8)
    }

    pub fn has(self, state: CtState) -> bool {
        self.0 & 1 << state as u8 != 0
    }
}

/// A rule's place in its table: the chain's, then its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRef {
    pub chain: u32,
    pub rule: u32,
}

/// Where in a packet's way through a kernel the decision falls. The order is that of a packet's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// A program hands data to its socket, or the kernel makes a packet of its own.
    Send,
    /// Routing decision for a packet made here.
    RouteOut,
    /// Routing decision for a packet that came in.
    RouteIn,
    /// TTL and MTU checks of a forwarded packet.
    Forward,
    Fragment,
    /// The next hop's MAC is looked up.
    Neighbor,
    /// Handed to a device.
    Transmit,
    /// Taken from a device.
    Receive,
    /// The bridge looks up the destination MAC.
    Bridge,
    Encapsulate,
    Decapsulate,
    /// On a segment between nodes.
    Switch,
    Reassemble,
    /// A table of rules decided, marked, translated or dropped.
    Netfilter {
        hook: Hook,
        table: TableName,
    },
    /// A base chain of nftables decided, marked, translated or dropped. Its table's place, and its own in it.
    Nftables {
        hook: Hook,
        nat: bool,
        table: u32,
        chain: u32,
    },
    /// What is known of the packet's connection decided: its addresses are put back, or there is no room for more.
    Conntrack(Hook),
    /// A virtual server gave the packet to a real one, or gave an answer its own address back. `scheduled`: it chose.
    Ipvs {
        hook: Hook,
        scheduled: bool,
    },
    /// One of Cilium's programs decided.
    Ebpf {
        program: Program,
        point: EbpfPoint,
    },
    /// Handed to the kernel's own protocol (ARP, ICMP) or a socket.
    Deliver,
}

/// What a program of Cilium's has decided; the last ones as `cilium-dbg monitor` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EbpfPoint {
    /// The packet is looked at.
    Enter,
    /// A backend for a service's address.
    Service,
    /// The service's address for an answer.
    ReverseNat,
    /// The connection is known: no policy is asked.
    Conntrack,
    PolicyEgress,
    PolicyIngress,
    ToEndpoint,
    ToOverlay,
    ToStack,
    ToHost,
    /// ARP for the router's address.
    Arp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Goes on.
    Pass,
    /// Waits for a neighbour.
    Wait,
    /// Goes on as copies; `ignored_count` receivers ignore theirs.
    Flood {
        copies_count: u32,
        ignored_count: u32,
    },
    /// Ends here as meant.
    Accept,
    Drop(DropReason),
    /// Ends here, and the sender is told.
    Reject(IcmpError),
}

/// Kernel names where the kernel has one (`SKB_DROP_REASON_*`, include/net/dropreason-core.h and vxlan's), else errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DropReason {
    /// The frame's destination MAC is another host's.
    OtherHost,
    NeighFailed,
    NeighQueueFull,
    /// A queueing discipline lost it: `netem loss`.
    QdiscDrop,
    /// ENETUNREACH at the sender, or no route for a packet that came in.
    NoRoute,
    /// The route is a blackhole.
    Blackhole,
    /// Forwarding is off (`net.ipv4.ip_forward=0`).
    ForwardingOff,
    /// A martian source or destination.
    InvalidAddress,
    /// Larger than the device's MTU: EMSGSIZE at the sender, PKT_TOO_BIG on the way.
    TooBig,
    TtlExpired,
    NoSocket,
    /// An ICMP error or a segment that no socket waits for.
    Unsolicited,
    /// No forwarding entry of the VXLAN device has this MAC.
    VxlanNoRemote,
    VxlanVniNotFound,
    /// No bridge port, and nobody to flood to.
    BridgeNoPort,
    DeviceDown,
    /// A device without a carrier has no queue: `noop_qdisc` throws its packets away.
    NoCarrier,
    /// No port of the segment has this MAC.
    SegmentNoPort,
    /// Not all fragments came in time.
    ReassemblyTimeout,
    /// The world's bound on packets, hops or events was reached.
    Bound,
    /// The namespace or device is gone (its Pod was deleted).
    Gone,
    /// A rule, a chain's policy or connection tracking threw it away.
    Netfilter,
    /// Cilium's `DROP_POLICY`, and others of bpf/lib/common.h.
    PolicyDenied,
    InvalidSourceIp,
    UnknownL4Protocol,
    UnsupportedL3Protocol,
    Unroutable,
    BpfTtlExceeded,
    CtMapFull,
}

impl DropReason {
    /// The kernel's or libc's own name.
    pub fn name(self) -> &'static str {
        match self {
            DropReason::OtherHost => "OTHERHOST",
            DropReason::NeighFailed => "NEIGH_FAILED",
            DropReason::NeighQueueFull => "NEIGH_QUEUEFULL",
            DropReason::QdiscDrop => "QDISC_DROP",
            DropReason::NoRoute => "IP_OUTNOROUTES",
            DropReason::Blackhole => "BLACKHOLE",
            DropReason::ForwardingOff => "IP_INNOROUTES",
            DropReason::InvalidAddress => "IP_INADDRERRORS",
            DropReason::TooBig => "PKT_TOO_BIG",
            DropReason::TtlExpired => "IP_INHDR",
            DropReason::NoSocket => "NO_SOCKET",
            DropReason::Unsolicited => "UNHANDLED_PROTO",
            DropReason::VxlanNoRemote => "VXLAN_NO_REMOTE",
            DropReason::VxlanVniNotFound => "VXLAN_VNI_NOT_FOUND",
            DropReason::BridgeNoPort => "BRIDGE_INGRESS_STP_STATE",
            DropReason::DeviceDown => "DEV_READY",
            DropReason::NoCarrier => "QDISC_DROP",
            DropReason::SegmentNoPort => "SWITCH_NO_PORT",
            DropReason::ReassemblyTimeout => "FRAG_REASM_TIMEOUT",
            DropReason::Bound => "SIMULATION_BOUND",
            DropReason::Gone => "DEV_GONE",
            DropReason::Netfilter => "NETFILTER_DROP",
            DropReason::PolicyDenied => "Policy denied",
            DropReason::InvalidSourceIp => "Invalid source ip",
            DropReason::UnknownL4Protocol => "CT: Unknown L4 protocol",
            DropReason::UnsupportedL3Protocol => "Unsupported L3 protocol",
            DropReason::Unroutable => "Unroutable",
            DropReason::BpfTtlExceeded => "TTL exceeded",
            DropReason::CtMapFull => "CT: Map insertion failed",
        }
    }
}

/// The one end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// Taken by a socket or the kernel's own protocol of this namespace.
    Delivered,
    Dropped(DropReason),
    Rejected(IcmpError),
    /// Reached only receivers that it does not concern: a broadcast that nobody answers.
    Ignored,
    /// Went on as its fragments or copies.
    Split,
    /// Still under way when its conversation ended.
    InFlight,
}

/// The row that decided, in one version of one namespace's tables; or, for what packets taught, the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRef {
    pub netns: NetnsId,
    pub version: u32,
    pub table: CauseTable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseTable {
    /// `ip route show table local`
    RouteLocal(RowId),
    /// `ip route`
    RouteMain(RowId),
    /// `ip neigh`, a permanent row
    Neighbor(RowId),
    /// `ip neigh`, learned, in the state it was found in
    LearnedNeighbor { link: LinkIndex, ip: IpAddr, mac: MacAddr, state: NeighborState, router: bool },
    /// `ip neigh`, resolution failed
    FailedNeighbor { link: LinkIndex, ip: IpAddr },
    /// `bridge fdb`, a permanent row of a VXLAN device
    Fdb(RowId),
    /// `bridge fdb`, learned by a bridge: this MAC is behind that port
    LearnedFdb { bridge: LinkIndex, mac: MacAddr, port: LinkIndex },
    /// `ip link`: the device itself (its MTU, its peer, its master)
    Link(LinkIndex),
    /// `ip addr`: index into the namespace's addresses
    Address(u32),
    /// `ss -l`: index into the namespace's listeners
    Listener(u32),
    /// The switch of a segment: port number
    Segment { segment: u32, port: u32 },
    /// `tc qdisc`: the device's root
    Netem(LinkIndex),
    /// What a DNS server answers by: the listener's index, and the entry in its data
    Dns { listener: u32, entry: crate::tables::dns::Entry },
    /// `sysctl`, by name
    Sysctl(&'static str),
    /// `iptables -S`: chain and rule by their places
    Rule { family: Family, table: TableName, rule: RuleRef },
    /// `iptables -S`: a built-in chain's policy
    Policy { family: Family, table: TableName, hook: Hook },
    /// `nft list ruleset`: the table's place, chain and rule by their places
    NftRule { table: u32, rule: RuleRef },
    /// `nft list ruleset`: an element of the verdict map of this rule
    NftElement { table: u32, rule: RuleRef, key: NftKey },
    /// `ipvsadm -L`: a virtual server's place, and its real server's
    Ipvs { service: u32, server: Option<u32> },
    /// `conntrack -L`: the connection's number in this namespace
    Connection(u32),
    /// `bpftool net`: a program at a device's hook
    EbpfProgram { link: LinkIndex, hook: ebpf::TcHook },
    /// `cilium-dbg bpf endpoint list`
    EbpfEndpoint(Ipv4Addr),
    /// `cilium-dbg bpf ipcache list`
    IpCache(Ipv4Net),
    /// `cilium-dbg bpf policy get`: the endpoint's number on its node; of a drop, the key that is missing
    PolicyMap { endpoint: u16, key: PolicyKey },
    /// `cilium-dbg bpf lb list`: a service, and the place of one of its backends
    Service { key: LbKey, backend: Option<u16> },
}
