//! Rules as Felix writes them, each with a comment that is a hash of its words, of its chain and of the rules before it.
//! Models felix/iptables match_builder.go, actions.go, renderer.go and felix/generictables rules.go.

use super::names::base64;
use crate::manifest::typed::{CalicoIcmp, CalicoProtocol};
use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::{AddrType, Chain, CtState, Match, PortRange, Rule, SetDirection, Target};
use ipnet::IpNet;
use sha2::{Digest, Sha224};
use std::fmt::Write;
use std::sync::Arc;

const HASH_LEN: usize = 16;
const COMMENT_LEN_MAX: usize = 256;
/// Notice.
const LOG_LEVEL: u8 = 5;

/// What conntrack says of packets of connections that have been let through.
pub const KNOWN: [CtState; 2] = [CtState::Related, CtState::Established];

/// A rule that has no place yet.
#[derive(Clone, Debug)]
pub struct Draft {
    comments: Vec<String>,
    matches: Vec<Match>,
    /// The matches and the target as Felix words them.
    words: String,
    target: Option<Target>,
    origin: Origin,
}

/// The rules of a chain with their hashes.
pub fn chain(name: impl Into<Arc<str>>, drafts: Vec<Draft>) -> Arc<Chain> {
    let name = name.into();
    let rules = rules(&name, drafts).into_iter().map(Arc::new).collect();
    Arc::new(Chain::new(name, None, rules))
}

/// Rules with the hashes that they have in the chain of this name.
pub fn rules(chain: &str, drafts: Vec<Draft>) -> Vec<Rule> {
    let mut hash = Sha224::digest(chain);
    let finish = |draft: Draft| {
        let mut hasher = Sha224::new();
        hasher.update(hash);
        hasher.update(format!("-A {chain} HASH"));
        draft.comments.iter().for_each(|text| hasher.update(format!(" -m comment --comment \"{text}\"")));
        hasher.update(&draft.words);
        hash = hasher.finalize();
        let own = Match::Comment(format!("cali:{}", &base64(&hash)[..HASH_LEN]).into());
        let comments = draft.comments.into_iter().map(|text| Match::Comment(text.into()));
        let matches = std::iter::once(own).chain(comments).chain(draft.matches).collect();
        Rule { matches, target: draft.target, origin: draft.origin }
    };
    drafts.into_iter().map(finish).collect()
}

fn not(invert: bool) -> &'static str {
    if invert { "! " } else { "" }
}

fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

impl Draft {
    pub fn new(origin: &Origin) -> Draft {
        let (comments, matches, words) = (Vec::new(), Vec::new(), String::new());
        Draft { comments, matches, words, target: None, origin: origin.clone() }
    }

    /// What iptables-restore would not take is replaced.
    pub fn comment(mut self, text: &str) -> Draft {
        let safe = |c: char| if c.is_ascii_alphanumeric() || "_ @%+=:,./-".contains(c) { c } else { '_' };
        self.comments.push(text.chars().map(safe).take(COMMENT_LEN_MAX).collect());
        self
    }

    pub fn returns(&self) -> bool {
        self.target == Some(Target::Return)
    }

    fn when(mut self, part: Match, words: impl std::fmt::Display) -> Draft {
        self.matches.push(part);
        let _ = write!(self.words, " {words}");
        self
    }

    pub fn mark_clear(self, mask: u32) -> Draft {
        self.when(Match::Mark { value: 0, mask, invert: false }, format_args!("-m mark --mark 0/{mask:#x}"))
    }

    pub fn mark_not_clear(self, mask: u32) -> Draft {
        self.when(Match::Mark { value: 0, mask, invert: true }, format_args!("-m mark ! --mark 0/{mask:#x}"))
    }

    pub fn mark(self, value: u32, mask: u32) -> Draft {
        self.when(Match::Mark { value, mask, invert: false }, format_args!("-m mark --mark {value:#x}/{mask:#x}"))
    }

    pub fn not_mark(self, value: u32, mask: u32) -> Draft {
        self.when(Match::Mark { value, mask, invert: true }, format_args!("-m mark ! --mark {value:#x}/{mask:#x}"))
    }

    /// A bit is set.
    pub fn marked(self, bit: u32) -> Draft {
        self.mark(bit, bit)
    }

    pub fn input(self, name: &Arc<str>) -> Draft {
        let part = Match::InInterface { name: name.clone(), invert: false };
        self.when(part, format_args!("--in-interface {name}"))
    }

    pub fn output(self, name: &Arc<str>) -> Draft {
        let part = Match::OutInterface { name: name.clone(), invert: false };
        self.when(part, format_args!("--out-interface {name}"))
    }

    pub fn ct_state(self, states: &[CtState], words: &str) -> Draft {
        let part = Match::CtState { states: states.to_vec(), invert: false };
        self.when(part, format_args!("-m conntrack --ctstate {words}"))
    }

    pub fn known(self) -> Draft {
        self.ct_state(&KNOWN, "RELATED,ESTABLISHED")
    }

    pub fn not_dnat(self) -> Draft {
        self.when(Match::CtState { states: vec![CtState::Dnat], invert: true }, "-m conntrack ! --ctstate DNAT")
    }

    pub fn protocol(self, protocol: Protocol) -> Draft {
        let part = Match::Protocol { protocol, invert: false };
        self.when(part, format_args!("-p {}", protocol_name(protocol)))
    }

    pub fn protocol_number(self, protocol: Protocol) -> Draft {
        let part = Match::Protocol { protocol, invert: false };
        self.when(part, format_args!("-p {}", protocol.number()))
    }

    pub fn ip_in_ip(self) -> Draft {
        self.when(Match::OtherProtocol { number: 4, invert: false }, "-p 4")
    }

    /// As a policy names it.
    pub fn of_protocol(self, protocol: CalicoProtocol, family: Family, invert: bool) -> Draft {
        let CalicoProtocol { number, name } = protocol;
        let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|known| known.number() == number);
        let part = match (known, number, family) {
            (Some(protocol), ..) => Match::Protocol { protocol, invert },
            (None, 1, Family::V4) | (None, 58, Family::V6) => Match::IcmpProtocol { invert },
            (None, number, _) => Match::OtherProtocol { number, invert },
        };
        let name = name.map_or_else(|| number.to_string(), str::to_ascii_lowercase);
        self.when(part, format_args!("{}-p {name}", not(invert)))
    }

    pub fn icmp_v6(self, number: u8) -> Draft {
        let draft = self.when(Match::IcmpProtocol { invert: false }, "-p 58");
        draft.icmp(CalicoIcmp { kind: Some(number), code: None }, Family::V6, false)
    }

    /// Without a type it says nothing.
    pub fn icmp(self, icmp: CalicoIcmp, family: Family, invert: bool) -> Draft {
        let CalicoIcmp { kind: Some(number), code } = icmp else { return self };
        let (module, option) = match family {
            Family::V4 => ("icmp", "icmp-type"),
            Family::V6 => ("icmp6", "icmpv6-type"),
        };
        let tail = code.map_or_else(String::new, |code| format!("/{code}"));
        let words = format!("-m {module} {}--{option} {number}{tail}", not(invert));
        self.when(Match::IcmpType { number, code, invert }, words)
    }

    /// One port, after [`Draft::protocol`].
    pub fn destination_port(mut self, protocol: Protocol, port: u16) -> Draft {
        self.matches.push(Match::Transport(protocol));
        self.when(Match::DestinationPort { ports: port.into(), invert: false }, format_args!("--dport {port}"))
    }

    /// At most 15 of them.
    pub fn destination_ports(self, ports: &[PortRange]) -> Draft {
        self.ports(SetDirection::Dst, ports, false)
    }

    /// At most 15 of them.
    pub fn ports(self, side: SetDirection, ports: &[PortRange], invert: bool) -> Draft {
        let name = |range: &PortRange| match range.first == range.last {
            true => range.first.to_string(),
            false => format!("{}:{}", range.first, range.last),
        };
        let list = ports.iter().map(name).collect::<Vec<_>>().join(",");
        let part = Match::Multiport { side, ports: ports.to_vec(), invert };
        let option = if side == SetDirection::Src { "source" } else { "destination" };
        self.when(part, format_args!("-m multiport {}--{option}-ports {list}", not(invert)))
    }

    pub fn net(self, side: SetDirection, net: IpNet, invert: bool) -> Draft {
        let (part, option) = match side {
            SetDirection::Src => (Match::Source { net, invert }, "source"),
            SetDirection::Dst => (Match::Destination { net, invert }, "destination"),
        };
        self.when(part, format_args!("{}--{option} {net}", not(invert)))
    }

    pub fn in_set(self, name: &Arc<str>, side: SetDirection) -> Draft {
        let part = Match::Set { name: name.clone(), directions: vec![side], invert: false };
        self.when(part, format_args!("-m set --match-set {name} {}", side_name(side)))
    }

    pub fn not_in_set(self, name: &Arc<str>, side: SetDirection) -> Draft {
        let part = Match::Set { name: name.clone(), directions: vec![side], invert: true };
        self.when(part, format_args!("-m set ! --match-set {name} {}", side_name(side)))
    }

    /// One of its ends, address and port, is in a set.
    pub fn port_in_set(self, name: &Arc<str>, side: SetDirection, invert: bool) -> Draft {
        let part = Match::Set { name: name.clone(), directions: vec![side; 2], invert };
        let word = side_name(side);
        self.when(part, format_args!("-m set {}--match-set {name} {word},{word}", not(invert)))
    }

    pub fn source_local(self) -> Draft {
        let part = Match::AddrType { source: Some(AddrType::Local), destination: None };
        self.when(part, "-m addrtype --src-type LOCAL")
    }

    pub fn source_not_local_of_output(self) -> Draft {
        self.when(Match::SourceTypeNotOut(AddrType::Local), "-m addrtype ! --src-type LOCAL --limit-iface-out")
    }

    pub fn destination_local(self) -> Draft {
        let part = Match::AddrType { source: None, destination: Some(AddrType::Local) };
        self.when(part, "-m addrtype --dst-type LOCAL")
    }

    pub fn no_way_back(self) -> Draft {
        self.when(Match::RpFilter { invert: true }, "-m rpfilter --invert --validmark")
    }

    fn then(mut self, target: Target, words: impl std::fmt::Display) -> Draft {
        self.target = Some(target);
        let _ = write!(self.words, " {words}");
        self
    }

    pub fn jump(self, chain: impl Into<Arc<str>>) -> Draft {
        let chain = chain.into();
        self.then(Target::Jump(chain.clone()), format_args!("--jump {chain}"))
    }

    pub fn goto(self, chain: impl Into<Arc<str>>) -> Draft {
        let chain = chain.into();
        self.then(Target::Goto(chain.clone()), format_args!("--goto {chain}"))
    }

    pub fn accept(self) -> Draft {
        self.then(Target::Accept, "--jump ACCEPT")
    }

    pub fn drop(self) -> Draft {
        self.then(Target::Drop, "--jump DROP")
    }

    pub fn return_(self) -> Draft {
        self.then(Target::Return, "--jump RETURN")
    }

    pub fn log(self, prefix: &str) -> Draft {
        let target = Target::Log { prefix: prefix.into(), level: LOG_LEVEL };
        self.then(target, format_args!("--jump LOG --log-prefix \"{prefix}\" --log-level {LOG_LEVEL}"))
    }

    pub fn notrack(self) -> Draft {
        self.then(Target::Notrack, "--jump NOTRACK")
    }

    pub fn masquerade(self) -> Draft {
        self.then(Target::Masquerade { random_fully: true }, "--jump MASQUERADE --random-fully")
    }

    pub fn set_mark(self, bit: u32) -> Draft {
        self.set_masked_mark(bit, bit)
    }

    pub fn set_masked_mark(self, value: u32, mask: u32) -> Draft {
        self.then(Target::Mark { value, mask }, format_args!("--jump MARK --set-mark {value:#x}/{mask:#x}"))
    }

    pub fn clear_mark(self, mask: u32) -> Draft {
        self.then(Target::Mark { value: 0, mask }, format_args!("--jump MARK --set-mark 0/{mask:#x}"))
    }
}

fn side_name(side: SetDirection) -> &'static str {
    match side {
        SetDirection::Src => "src",
        SetDirection::Dst => "dst",
    }
}
