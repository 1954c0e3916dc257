//! One rule as arguments.

use crate::net::{Family, Protocol};
use crate::tables::netfilter::{
    AddrType, CtState, Match, NatRange, PortRange, RecentMode, RejectWith, Rule, SetDirection, Target,
};
use ipnet::IpNet;

/// As `iptables-save` prints it: `-A KUBE-SERVICES -d 10.96.0.10/32 -p udp … -j KUBE-SVC-TCOU7JCQXEZGVUNU`.
pub fn save(family: Family, chain: &str, rule: &Rule) -> String {
    let mut words = format!("-A {chain}");
    for option in ["-s", "-d", "-i", "-o", "-p"] {
        let found = rule.matches.iter().filter_map(|part| head(family, part)).find(|head| head.0 == option);
        // A network that holds everything is not printed.
        if let Some((_, value, invert)) = found.filter(|(_, value, invert)| *invert || !value.ends_with("/0")) {
            words += not(invert);
            words += &format!(" {option} {value}");
        }
    }
    words += &matches(rule, transport_match, |part| tail(family, part));
    words += &target(family, rule.target.as_ref());
    words
}

/// A rule's matches in their order; what concerns ports is told at the first of them.
pub(super) fn matches(rule: &Rule, ports: fn(&Rule) -> String, other: impl Fn(&Match) -> String) -> String {
    let mut words = String::new();
    let mut told = false;
    for part in &rule.matches {
        if matches!(part, Match::Transport(_) | Match::SourcePort { .. } | Match::DestinationPort { .. })
            && !std::mem::replace(&mut told, true)
        {
            words += &ports(rule);
        }
        words += &other(part);
    }
    words
}

/// The protocol whose ports a rule is about.
pub(super) fn transport(rule: &Rule) -> Option<&'static str> {
    rule.matches.iter().find_map(|part| match part {
        Match::Transport(protocol) | Match::Protocol { protocol, invert: false } => Some(name(*protocol)),
        _ => None,
    })
}

/// As it is written for `iptables-restore`: every argument in its own order.
pub fn written(family: Family, chain: &str, rule: &Rule) -> String {
    let mut words = format!("-A {chain}");
    for part in &rule.matches {
        words += &match part {
            Match::Source { net, invert } => format!("{} -s {}", not(*invert), short(net)),
            Match::Destination { net, invert } => format!("{} -d {}", not(*invert), short(net)),
            Match::Transport(protocol) => format!(" -m {}", name(*protocol)),
            Match::SourcePort { ports, invert } => format!("{} --sport {}", not(*invert), range(*ports)),
            Match::DestinationPort { ports, invert } => format!("{} --dport {}", not(*invert), range(*ports)),
            Match::Comment(text) if text.contains(' ') => format!(" -m comment --comment \"{text}\""),
            Match::Comment(text) => format!(" -m comment --comment {text}"),
            Match::Probability(p) => {
                format!(" -m statistic --mode random --probability {:.10}", fraction(*p))
            }
            Match::Recent { name, mode: RecentMode::Set } => format!(" -m recent --name {name} --set"),
            Match::Recent { name, mode: RecentMode::Check { seconds } } => {
                format!(" -m recent --name {name} --rcheck --seconds {seconds} --reap")
            }
            Match::Nfacct(name) => format!(" -m nfacct --nfacct-name {name}"),
            part => match head(family, part) {
                Some((option, value, invert)) => format!("{} {option} {value}", not(invert)),
                None => tail(family, part),
            },
        };
    }
    words += &match &rule.target {
        Some(Target::Reject(RejectWith::PortUnreachable)) => " -j REJECT".to_owned(),
        Some(Target::Mark { value, mask }) if value == mask => format!(" -j MARK --or-mark 0x{value:x}"),
        Some(Target::Mark { value, mask: 0 }) => format!(" -j MARK --xor-mark 0x{value:x}"),
        target_of => target(family, target_of.as_ref()),
    };
    words
}

/// 1/n where that is what was meant: the kernel keeps only 31 bits of it.
fn fraction(probability: u32) -> f64 {
    let exact = stored(probability);
    let whole = 1.0 / (1.0 / exact).round();
    if (whole - exact).abs() < 1e-9 { whole } else { exact }
}

/// A probability as the kernel keeps it.
pub(super) fn stored(probability: u32) -> f64 {
    f64::from(probability) / f64::from(1_u32 << 31)
}

pub(super) fn not(invert: bool) -> &'static str {
    if invert { " !" } else { "" }
}

/// Arguments that stand before all `-m`: option, value, inverted.
fn head(family: Family, part: &Match) -> Option<(&'static str, String, bool)> {
    Some(match part {
        Match::Source { net, invert } => ("-s", net.to_string(), *invert),
        Match::Destination { net, invert } => ("-d", net.to_string(), *invert),
        Match::InInterface { name, invert } => ("-i", name.to_string(), *invert),
        Match::OutInterface { name, invert } => ("-o", name.to_string(), *invert),
        Match::Protocol { protocol, invert } => ("-p", name(*protocol).to_owned(), *invert),
        Match::IcmpProtocol { invert } => ("-p", icmp(family).to_owned(), *invert),
        Match::OtherProtocol { number, invert } => ("-p", protocol_name(*number), *invert),
        _ => return None,
    })
}

/// A match of its own, as saved.
fn tail(family: Family, part: &Match) -> String {
    match part {
        Match::Comment(text) => format!(" -m comment --comment {}", quoted(text)),
        Match::Mark { value, mask, invert } => format!(" -m mark{} --mark {}", not(*invert), masked(*value, *mask)),
        Match::CtState { states, invert } => {
            format!(" -m conntrack{} --ctstate {}", not(*invert), ct_states(states))
        }
        Match::AddrType { source, destination } => {
            let kind = |option: &str, kind: &Option<AddrType>| {
                kind.map_or_else(String::new, |kind| format!(" --{option} {}", addr_type(kind)))
            };
            format!(" -m addrtype{}{}", kind("src-type", source), kind("dst-type", destination))
        }
        Match::Probability(p) => format!(" -m statistic --mode random --probability {:.11}", stored(*p)),
        Match::Recent { name, mode } => {
            let mode = match mode {
                RecentMode::Set => "--set".to_owned(),
                RecentMode::Check { seconds } => format!("--rcheck --seconds {seconds} --reap"),
            };
            format!(" -m recent {mode} --name {name} --mask {} --rsource", full_mask(family))
        }
        Match::Set { name, directions, invert } => {
            format!(" -m set{} --match-set {name} {}", not(*invert), set_directions(directions))
        }
        Match::Nfacct(name) => format!(" -m nfacct --nfacct-name  {name}"),
        Match::PhysdevIsBridged { invert } => format!(" -m physdev{} --physdev-is-bridged", not(*invert)),
        Match::PhysdevIsIn { invert } => format!(" -m physdev{} --physdev-is-in", not(*invert)),
        Match::SourceTypeNot(kind) => format!(" -m addrtype ! --src-type {}", addr_type(*kind)),
        Match::SourceTypeNotOut(kind) => format!(" -m addrtype ! --src-type {} --limit-iface-out", addr_type(*kind)),
        Match::IcmpType { number, code, invert } => {
            let (module, option) = icmp_type(family);
            format!(" -m {module}{} --{option} {number}{}", not(*invert), icmp_code(*code))
        }
        Match::Multiport { side, ports, invert } => {
            format!(" -m multiport{} --{} {}", not(*invert), multiport_side(*side), port_list(ports))
        }
        Match::RpFilter { invert } => format!(" -m rpfilter --validmark{}", if *invert { " --invert" } else { "" }),
        Match::Ipvs { protocol, address, port } => {
            format!(" -m ipvs --vproto {} --vaddr {address} --vport {port}", protocol.number())
        }
        _ => String::new(),
    }
}

/// `-m tcp --sport 5 --dport 80`
fn transport_match(rule: &Rule) -> String {
    let mut words = transport(rule).map_or_else(String::new, |name| format!(" -m {name}"));
    for (option, wanted) in [("--sport", true), ("--dport", false)] {
        for part in &rule.matches {
            match part {
                Match::SourcePort { ports, invert } if wanted => {
                    words += &format!("{} {option} {}", not(*invert), range(*ports));
                }
                Match::DestinationPort { ports, invert } if !wanted => {
                    words += &format!("{} {option} {}", not(*invert), range(*ports));
                }
                _ => {}
            }
        }
    }
    words
}

fn target(family: Family, target: Option<&Target>) -> String {
    match target {
        None => String::new(),
        Some(Target::Accept) => " -j ACCEPT".to_owned(),
        Some(Target::Drop) => " -j DROP".to_owned(),
        Some(Target::Return) => " -j RETURN".to_owned(),
        Some(Target::Jump(chain)) => format!(" -j {chain}"),
        Some(Target::Goto(chain)) => format!(" -g {chain}"),
        Some(Target::Reject(with)) => format!(" -j REJECT --reject-with {}", reject_with(family, *with)),
        Some(Target::Mark { value, mask }) => format!(" -j MARK --set-xmark 0x{value:x}/0x{mask:x}"),
        Some(Target::Dnat(range)) => format!(" -j DNAT --to-destination {}{}", nat(range), fully(range.random_fully)),
        Some(Target::Snat(range)) => format!(" -j SNAT --to-source {}{}", nat(range), fully(range.random_fully)),
        Some(Target::Masquerade { random_fully }) => format!(" -j MASQUERADE{}", fully(*random_fully)),
        Some(Target::Notrack) => " -j CT --notrack".to_owned(),
        Some(Target::Log { prefix, level }) => format!(" -j LOG --log-prefix {} --log-level {level}", quoted(prefix)),
    }
}

fn fully(random: bool) -> &'static str {
    if random { " --random-fully" } else { "" }
}

pub(super) fn nat(range: &NatRange) -> String {
    match range.port {
        Some(port) => std::net::SocketAddr::new(range.ip, port).to_string(),
        None => range.ip.to_string(),
    }
}

pub(super) fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

pub(super) fn icmp(family: Family) -> &'static str {
    match family {
        Family::V4 => "icmp",
        Family::V6 => "ipv6-icmp",
    }
}

/// Protocols as /etc/protocols names them; others are numbers.
const PROTOCOL_NAMES: [(u8, &str); 15] = [
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipencap"),
    (33, "dccp"),
    (41, "ipv6"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (88, "eigrp"),
    (89, "ospf"),
    (103, "pim"),
    (112, "vrrp"),
    (136, "udplite"),
];

pub(super) fn protocol_name(number: u8) -> String {
    let known = PROTOCOL_NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

pub(super) fn protocol_number(text: &str) -> Option<u8> {
    let known = PROTOCOL_NAMES.iter().find(|(_, name)| *name == text);
    known.map(|(number, _)| *number).or_else(|| text.parse().ok())
}

/// `/0` of `8/0`
pub(super) fn icmp_code(code: Option<u8>) -> String {
    code.map_or_else(String::new, |code| format!("/{code}"))
}

fn icmp_type(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::V4 => ("icmp", "icmp-type"),
        Family::V6 => ("icmp6", "icmpv6-type"),
    }
}

pub(super) fn multiport_side(side: SetDirection) -> &'static str {
    match side {
        SetDirection::Src => "sports",
        SetDirection::Dst => "dports",
    }
}

/// `80,6000:6005`
pub(super) fn port_list(ports: &[PortRange]) -> String {
    ports.iter().map(|ports| range(*ports)).collect::<Vec<_>>().join(",")
}

/// A host without its prefix length.
pub(super) fn short(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

fn range(ports: PortRange) -> String {
    if ports.first == ports.last { ports.first.to_string() } else { format!("{}:{}", ports.first, ports.last) }
}

pub(super) fn masked(value: u32, mask: u32) -> String {
    if mask == u32::MAX { format!("0x{value:x}") } else { format!("0x{value:x}/0x{mask:x}") }
}

pub(super) fn full_mask(family: Family) -> &'static str {
    match family {
        Family::V4 => "255.255.255.255",
        Family::V6 => "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    }
}

/// In the kernel's order, whatever the order was.
pub(super) fn ct_states(states: &[CtState]) -> String {
    let mut states = states.to_vec();
    states.sort_unstable();
    states.dedup();
    states.into_iter().map(ct_state).collect::<Vec<_>>().join(",")
}

pub(super) fn ct_state(state: CtState) -> &'static str {
    match state {
        CtState::Invalid => "INVALID",
        CtState::New => "NEW",
        CtState::Related => "RELATED",
        CtState::Established => "ESTABLISHED",
        CtState::Untracked => "UNTRACKED",
        CtState::Snat => "SNAT",
        CtState::Dnat => "DNAT",
    }
}

pub(super) fn addr_type(kind: AddrType) -> &'static str {
    match kind {
        AddrType::Local => "LOCAL",
        AddrType::Unicast => "UNICAST",
        AddrType::Broadcast => "BROADCAST",
        AddrType::Multicast => "MULTICAST",
    }
}

pub(super) fn set_directions(directions: &[SetDirection]) -> String {
    let name = |direction: &SetDirection| match direction {
        SetDirection::Src => "src",
        SetDirection::Dst => "dst",
    };
    directions.iter().map(name).collect::<Vec<_>>().join(",")
}

pub(super) fn reject_with(family: Family, with: RejectWith) -> &'static str {
    match (family, with) {
        (_, RejectWith::TcpReset) => "tcp-reset",
        (Family::V4, RejectWith::PortUnreachable) => "icmp-port-unreachable",
        (Family::V4, RejectWith::HostUnreachable) => "icmp-host-unreachable",
        (Family::V4, RejectWith::NetUnreachable) => "icmp-net-unreachable",
        (Family::V4, RejectWith::ProtocolUnreachable) => "icmp-proto-unreachable",
        (Family::V4, RejectWith::AdminProhibited) => "icmp-admin-prohibited",
        (Family::V6, RejectWith::PortUnreachable) => "icmp6-port-unreachable",
        (Family::V6, RejectWith::HostUnreachable) => "icmp6-addr-unreachable",
        (Family::V6, RejectWith::NetUnreachable | RejectWith::ProtocolUnreachable) => "icmp6-no-route",
        (Family::V6, RejectWith::AdminProhibited) => "icmp6-adm-prohibited",
    }
}

/// xtables_save_string: bare if it is of letters, digits, `_` and `-` only.
fn quoted(text: &str) -> String {
    let bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare {
        return text.to_owned();
    }
    let escape = |c: char| if matches!(c, '"' | '\\' | '\'') { vec!['\\', c] } else { vec![c] };
    format!("\"{}\"", text.chars().flat_map(escape).collect::<String>())
}
