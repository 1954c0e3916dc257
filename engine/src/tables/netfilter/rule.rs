//! One rule: what it matches, in the order in which it was written, and where it leads.

use crate::net::Protocol;
use crate::tables::Origin;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// A rule as it was given to `iptables`: its arguments in their order. A packet matches if every argument does.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub matches: Vec<Match>,
    /// None: the rule only counts.
    pub target: Option<Target>,
    pub origin: Origin,
}

impl Rule {
    /// Whether it makes the kernel track connections.
    pub fn tracks(&self) -> bool {
        let by_target = matches!(
            self.target,
            Some(Target::Dnat(_) | Target::Snat(_) | Target::Masquerade { .. } | Target::Notrack)
        );
        by_target || self.matches.iter().any(|part| matches!(part, Match::CtState { .. }))
    }
}

/// An inclusive range; one port if both ends are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl From<u16> for PortRange {
    fn from(port: u16) -> PortRange {
        PortRange { first: port, last: port }
    }
}

/// One argument of a rule. `invert` is a `!` before it.
#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    /// `-s`
    Source { net: IpNet, invert: bool },
    /// `-d`
    Destination { net: IpNet, invert: bool },
    /// `-i`
    InInterface { name: Arc<str>, invert: bool },
    /// `-o`
    OutInterface { name: Arc<str>, invert: bool },
    /// `-p`: a transport protocol.
    Protocol { protocol: Protocol, invert: bool },
    /// `-p icmp` or `-p ipv6-icmp`
    IcmpProtocol { invert: bool },
    /// `-p 47`: a protocol that nothing here sends.
    OtherProtocol { number: u8, invert: bool },
    /// `-m icmp --icmp-type`, `-m icmp6 --icmpv6-type`; without a code, of any.
    IcmpType { number: u8, code: Option<u8>, invert: bool },
    /// `-m tcp`, `-m udp`, `-m sctp`: loads the match that `--sport` and `--dport` belong to.
    Transport(Protocol),
    /// `--sport`
    SourcePort { ports: PortRange, invert: bool },
    /// `--dport`
    DestinationPort { ports: PortRange, invert: bool },
    /// `-m multiport --sports`, `--dports`: at most 15 ports, of which a range takes two.
    Multiport { side: SetDirection, ports: Vec<PortRange>, invert: bool },
    /// `-m comment --comment`
    Comment(Arc<str>),
    /// `-m mark --mark VALUE/MASK`
    Mark { value: u32, mask: u32, invert: bool },
    /// `-m conntrack --ctstate`
    CtState { states: Vec<CtState>, invert: bool },
    /// `-m addrtype --src-type`, `--dst-type`
    AddrType { source: Option<AddrType>, destination: Option<AddrType> },
    /// `-m statistic --mode random --probability`: `probability` in units of 2⁻³¹, as the kernel keeps it.
    Probability(u32),
    /// `-m recent`
    Recent { name: Arc<str>, mode: RecentMode },
    /// `-m set --match-set NAME src,dst`
    Set { name: Arc<str>, directions: Vec<SetDirection>, invert: bool },
    /// `-m nfacct --nfacct-name`: counts, always matches.
    Nfacct(Arc<str>),
    /// `-m physdev --physdev-is-bridged`: bridged, not routed.
    PhysdevIsBridged { invert: bool },
    /// `-m physdev --physdev-is-in`: it has come in by a port of a bridge.
    PhysdevIsIn { invert: bool },
    /// `-m addrtype ! --src-type`
    SourceTypeNot(AddrType),
    /// `-m addrtype ! --src-type … --limit-iface-out`: nor an address of that kind on another device than the one out of
    /// which it goes.
    SourceTypeNotOut(AddrType),
    /// `-m rpfilter --validmark`: answers would go out by the device by which it has come in.
    RpFilter { invert: bool },
    /// `-m ipvs --vaddr --vproto --vport`: a request that this virtual server has given to a real one.
    Ipvs { protocol: Protocol, address: IpAddr, port: u16 },
}

/// What conntrack says of a packet; `Snat` and `Dnat` say that its connection is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CtState {
    Invalid,
    New,
    Related,
    Established,
    Untracked,
    Snat,
    Dnat,
}

/// Kinds of addresses as the routing tables tell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddrType {
    Local,
    Unicast,
    Broadcast,
    Multicast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecentMode {
    /// `--set`: note the source address, now.
    Set,
    /// `--rcheck --seconds N --reap`: was it noted in the last N seconds? Forget what is older.
    Check { seconds: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetDirection {
    Src,
    Dst,
}

/// `-j` or `-g`.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Accept,
    Drop,
    Return,
    /// `-j CHAIN`
    Jump(Arc<str>),
    /// `-g CHAIN`: the end of CHAIN is the end of this chain.
    Goto(Arc<str>),
    Reject(RejectWith),
    /// `--set-xmark VALUE/MASK`: clear MASK's bits, then xor VALUE. `--or-mark V` is V/V, `--xor-mark V` is V/0.
    Mark {
        value: u32,
        mask: u32,
    },
    /// `DNAT --to-destination`
    Dnat(NatRange),
    /// `SNAT --to-source`
    Snat(NatRange),
    Masquerade {
        random_fully: bool,
    },
    /// `CT --notrack`
    Notrack,
    /// `LOG`: the kernel notes the packet, which goes on.
    Log {
        prefix: Arc<str>,
        level: u8,
    },
}

/// `--to-destination 10.244.1.2:80`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatRange {
    pub ip: IpAddr,
    pub port: Option<u16>,
    pub random_fully: bool,
}

/// `--reject-with`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RejectWith {
    #[default]
    PortUnreachable,
    HostUnreachable,
    NetUnreachable,
    ProtocolUnreachable,
    AdminProhibited,
    TcpReset,
}
