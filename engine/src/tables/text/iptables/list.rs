//! `iptables -L`

use super::parts::{
    addr_type, ct_states, full_mask, icmp, masked, matches, multiport_side, name, nat, not, port_list, protocol_name,
    reject_with, set_directions, short, stored, transport,
};
use super::{Counter, chains, policy_name};
use crate::net::{Family, Protocol};
use crate::tables::netfilter::{Match, PortRange, RecentMode, Rule, Table, Target};
use ipnet::IpNet;
use std::borrow::Cow;
use std::fmt::Write;

/// `-n`, `-v`, `-x`, `--line-numbers`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    pub numeric: bool,
    pub verbose: bool,
    pub exact: bool,
    pub line_numbers: bool,
}

/// `iptables -t TABLE -L [only]`; `None`: there is no such chain.
pub fn list(
    family: Family,
    table: &Table,
    only: Option<&str>,
    columns: Columns,
    counter: Counter<'_>,
) -> Option<String> {
    if only.is_some_and(|name| table.find(name).is_none()) {
        return None;
    }
    let wanted = chains(table).into_iter().filter(|chain| only.is_none_or(|name| name == &*chain.name));
    let mut blocks = Vec::new();
    for chain in wanted {
        let mut out = String::new();
        let (packets, bytes) = counter(table.name, chain, None);
        let _ = match chain.policy {
            Some(policy) if columns.verbose => writeln!(
                out,
                "Chain {} (policy {} {} packets, {} bytes)",
                chain.name,
                policy_name(Some(policy)),
                number(packets, columns, false),
                number(bytes, columns, false)
            ),
            Some(policy) => writeln!(out, "Chain {} (policy {})", chain.name, policy_name(Some(policy))),
            None => writeln!(out, "Chain {} ({} references)", chain.name, references(table, &chain.name)),
        };
        head(&mut out, columns);
        for (at, rule) in chain.rules.iter().enumerate() {
            if columns.line_numbers {
                let _ = write!(out, "{:<4} ", at + 1);
            }
            if columns.verbose {
                let (packets, bytes) = counter(table.name, chain, Some(at));
                let _ = write!(out, "{} {} ", number(packets, columns, true), number(bytes, columns, true));
            }
            row(&mut out, family, rule, columns);
        }
        blocks.push(out);
    }
    Some(blocks.join("\n"))
}

fn head(out: &mut String, columns: Columns) {
    if columns.line_numbers {
        *out += "num  ";
    }
    if columns.verbose {
        *out += if columns.exact { "    pkts      bytes " } else { " pkts bytes " };
    }
    *out += "target     prot opt ";
    if columns.verbose {
        *out += "in     out     ";
    }
    *out += "source               destination         \n";
}

fn references(table: &Table, name: &str) -> usize {
    let rules = table.chains().flat_map(|chain| &chain.rules);
    let leads = |rule: &Rule| matches!(&rule.target, Some(Target::Jump(to) | Target::Goto(to)) if &**to == name);
    rules.filter(|rule| leads(rule)).count()
}

/// xtables_print_num
fn number(count: u64, columns: Columns, padded: bool) -> String {
    let (mut count, mut unit) = (count, "");
    if !columns.exact && count > 99_999 {
        for next in ["K", "M", "G", "T"] {
            (count, unit) = (count.saturating_add(500) / 1_000, next);
            if count <= 9_999 {
                break;
            }
        }
    }
    let width = match (padded, columns.exact) {
        (false, _) => 0,
        (true, true) => 8,
        (true, false) => 5 - unit.len(),
    };
    format!("{count:>width$}{unit}")
}

fn row(out: &mut String, family: Family, rule: &Rule, columns: Columns) {
    let target = match &rule.target {
        None => "",
        Some(Target::Accept) => "ACCEPT",
        Some(Target::Drop) => "DROP",
        Some(Target::Return) => "RETURN",
        Some(Target::Jump(chain) | Target::Goto(chain)) => chain,
        Some(Target::Reject(_)) => "REJECT",
        Some(Target::Mark { .. }) => "MARK",
        Some(Target::Dnat(_)) => "DNAT",
        Some(Target::Snat(_)) => "SNAT",
        Some(Target::Masquerade { .. }) => "MASQUERADE",
        Some(Target::Notrack) => "CT",
        Some(Target::Log { .. }) => "LOG",
    };
    let (protocol, invert) = protocol(family, rule, columns.numeric);
    let bang = |invert: bool| if invert { '!' } else { ' ' };
    let fragments = if family == Family::V4 { "--" } else { "  " };
    let _ = write!(out, "{target:<9} {}{protocol:<4} {fragments} ", bang(invert));
    if columns.verbose {
        let any = if columns.numeric { "*" } else { "any" };
        let device = |wanted: fn(&Match) -> Option<(&str, bool)>| {
            let found = rule.matches.iter().find_map(wanted);
            found.map_or(any.to_owned(), |(name, invert)| if invert { format!("!{name}") } else { name.to_owned() })
        };
        let input = device(|part| match part {
            Match::InInterface { name, invert } => Some((name, *invert)),
            _ => None,
        });
        let output = device(|part| match part {
            Match::OutInterface { name, invert } => Some((name, *invert)),
            _ => None,
        });
        let _ = write!(out, " {input:<6} {output:<6} ");
    }
    let address = |wanted: fn(&Match) -> Option<(&IpNet, bool)>| {
        let found = rule.matches.iter().find_map(wanted);
        let everything = match (columns.numeric, family) {
            (false, _) => "anywhere",
            (true, Family::V4) => "0.0.0.0/0",
            (true, Family::V6) => "::/0",
        };
        let text = found.filter(|(net, _)| net.prefix_len() > 0).map(|(net, _)| short(net));
        (bang(found.is_some_and(|(_, invert)| invert)), text.unwrap_or_else(|| everything.to_owned()))
    };
    let (not, source) = address(|part| match part {
        Match::Source { net, invert } => Some((net, *invert)),
        _ => None,
    });
    let _ = write!(out, "{not}{source:<19} ");
    let (not, destination) = address(|part| match part {
        Match::Destination { net, invert } => Some((net, *invert)),
        _ => None,
    });
    let _ = write!(out, "{not}{destination:<19} ");
    if matches!(rule.target, Some(Target::Goto(_))) {
        *out += "[goto] ";
    }
    *out += &extras(family, rule);
    out.push('\n');
}

fn protocol(family: Family, rule: &Rule, numeric: bool) -> (Cow<'static, str>, bool) {
    if let Some((number, invert)) = other_protocol(rule) {
        return (if numeric { number.to_string() } else { protocol_name(number) }.into(), invert);
    }
    let found = rule.matches.iter().find_map(|part| match (part, numeric) {
        (Match::Protocol { protocol, invert }, false) => Some((name(*protocol), *invert)),
        (Match::Protocol { protocol: Protocol::Tcp, invert }, true) => Some(("6", *invert)),
        (Match::Protocol { protocol: Protocol::Udp, invert }, true) => Some(("17", *invert)),
        (Match::Protocol { protocol: Protocol::Sctp, invert }, true) => Some(("132", *invert)),
        (Match::IcmpProtocol { invert }, false) => Some((icmp(family), *invert)),
        (Match::IcmpProtocol { invert }, true) => Some((if family == Family::V4 { "1" } else { "58" }, *invert)),
        _ => None,
    });
    let (name, invert) = found.unwrap_or((if numeric { "0" } else { "all" }, false));
    (name.into(), invert)
}

fn other_protocol(rule: &Rule) -> Option<(u8, bool)> {
    rule.matches.iter().find_map(|part| match part {
        Match::OtherProtocol { number, invert } => Some((*number, *invert)),
        _ => None,
    })
}

fn extras(family: Family, rule: &Rule) -> String {
    let mut words = matches(rule, ports, |part| extra(family, part));
    words += &match &rule.target {
        Some(Target::Reject(with)) => format!(" reject-with {}", reject_with(family, *with)),
        Some(Target::Mark { value: 0, mask }) => format!(" MARK and 0x{:x}", !mask),
        Some(Target::Mark { value, mask }) if value == mask => format!(" MARK or 0x{value:x}"),
        Some(Target::Mark { value, mask: 0 }) => format!(" MARK xor 0x{value:x}"),
        Some(Target::Mark { value, mask: u32::MAX }) => format!(" MARK set 0x{value:x}"),
        Some(Target::Mark { value, mask }) => format!(" MARK xset 0x{value:x}/0x{mask:x}"),
        Some(Target::Dnat(range) | Target::Snat(range)) => {
            format!(" to:{}{}", nat(range), if range.random_fully { " random-fully" } else { "" })
        }
        Some(Target::Masquerade { random_fully: true }) => " random-fully".to_owned(),
        Some(Target::Notrack) => " CT notrack".to_owned(),
        Some(Target::Log { prefix, level }) => format!(" LOG flags 0 level {level} prefix \"{prefix}\""),
        _ => String::new(),
    };
    words
}

/// ` tcp dpt:80`
fn ports(rule: &Rule) -> String {
    let mut words = transport(rule).map_or_else(String::new, |name| format!(" {name}"));
    let told = |label: &str, ports: PortRange, invert: bool| {
        let not = if invert { "!" } else { "" };
        match ports.first == ports.last {
            true => format!(" {label}:{not}{}", ports.first),
            false => format!(" {label}s:{not}{}:{}", ports.first, ports.last),
        }
    };
    for part in &rule.matches {
        if let Match::SourcePort { ports, invert } = part {
            words += &told("spt", *ports, *invert);
        }
    }
    for part in &rule.matches {
        if let Match::DestinationPort { ports, invert } = part {
            words += &told("dpt", *ports, *invert);
        }
    }
    words
}

fn extra(family: Family, part: &Match) -> String {
    match part {
        Match::Comment(text) => format!(" /* {text} */"),
        Match::Mark { value, mask, invert } => format!(" mark match{} {}", not(*invert), masked(*value, *mask)),
        Match::CtState { states, invert } => format!("{} ctstate {}", not(*invert), ct_states(states)),
        Match::AddrType { source, destination } => {
            let mut words = " ADDRTYPE match".to_owned();
            for (label, kind) in [("src-type", source), ("dst-type", destination)] {
                words += &kind.map_or_else(String::new, |kind| format!(" {label} {}", addr_type(kind)));
            }
            words
        }
        Match::Probability(p) => format!(" statistic mode random probability {:.11}", stored(*p)),
        Match::Recent { name, mode } => {
            let mode = match mode {
                RecentMode::Set => "SET".to_owned(),
                RecentMode::Check { seconds } => format!("CHECK seconds: {seconds} reap"),
            };
            format!(" recent: {mode} name: {name} side: source mask: {}", full_mask(family))
        }
        Match::Set { name, directions, invert } => {
            format!("{} match-set {name} {}", not(*invert), set_directions(directions))
        }
        Match::Nfacct(name) => format!(" nfacct-name  {name}"),
        Match::PhysdevIsBridged { invert } => format!(" PHYSDEV match{} --physdev-is-bridged", not(*invert)),
        Match::PhysdevIsIn { invert } => format!(" PHYSDEV match{} --physdev-is-in", not(*invert)),
        Match::SourceTypeNot(kind) => format!(" ADDRTYPE match src-type !{}", addr_type(*kind)),
        Match::SourceTypeNotOut(kind) => format!(" ADDRTYPE match src-type !{} limit-out", addr_type(*kind)),
        Match::IcmpType { number, code, invert } => {
            let module = if family == Family::V4 { "icmptype" } else { "ipv6-icmptype" };
            let code = code.map_or_else(String::new, |code| format!(" code {code}"));
            format!(" {module} {}{number}{code}", if *invert { "!" } else { "" })
        }
        Match::Multiport { side, ports, invert } => {
            format!(" multiport {} {}{}", multiport_side(*side), if *invert { " !" } else { "" }, port_list(ports))
        }
        Match::RpFilter { invert } => format!(" rpfilter validmark{}", if *invert { " invert" } else { "" }),
        Match::Ipvs { protocol, address, port } => {
            format!(" vproto {} vaddr {address} vport {port}", protocol.number())
        }
        _ => String::new(),
    }
}
