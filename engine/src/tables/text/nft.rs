//! nftables as text: what `nft list ruleset` prints, and the commands that would make it.

use crate::net::Family;
use crate::tables::netfilter::CtState;
use crate::tables::nft::{
    NftAddress, NftBase, NftChain, NftElement, NftKey, NftMap, NftPart, NftRule, NftSet, NftTable, NftValue, NftVerdict,
};
use std::fmt::Write;
use std::net::IpAddr;

/// Whether a text is what `nft list` prints or what kube-proxy hands to `nft -f`: they differ in spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Listed,
    Fed,
}

fn ip(family: Family) -> &'static str {
    if family == Family::V4 { "ip" } else { "ip6" }
}

fn address_type(family: Family) -> &'static str {
    if family == Family::V4 { "ipv4_addr" } else { "ipv6_addr" }
}

/// What packets have put into a dynamic set, each element with the nanoseconds that it has left.
pub type Kept<'a> = &'a dyn Fn(&NftTable, &NftSet) -> Vec<(IpAddr, u64)>;

/// One thing that a table has, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Set,
    Map,
    Chain,
}

/// `nft list ruleset`
pub fn ruleset<'a>(tables: impl IntoIterator<Item = &'a NftTable>, kept: Kept<'_>) -> String {
    tables.into_iter().map(|table| list(table, kept)).collect()
}

/// `nft list table`
pub fn list(table: &NftTable, kept: Kept<'_>) -> String {
    let comment = table.comment.as_ref().map_or_else(String::new, |comment| format!("\tcomment \"{comment}\"\n"));
    let blocks: Vec<String> = blocks(table, kept).into_iter().map(|(_, _, text)| text).collect();
    format!("{}{comment}{}}}\n", head(table), blocks.join("\n"))
}

/// `nft list set`, `nft list map`, `nft list chain`: one block; with `name` None, all of that kind. None: there is none.
pub fn list_one(table: &NftTable, kind: Kind, name: Option<&str>, kept: Kept<'_>) -> Option<String> {
    let is = |found: &(Kind, &str)| found.0 == kind && name.is_none_or(|name| name == found.1);
    let blocks = blocks(table, kept).into_iter().filter(|(kind, name, _)| is(&(*kind, *name)));
    let text: String = blocks.map(|(_, _, text)| text).collect();
    (name.is_none() || !text.is_empty()).then(|| format!("{}{text}}}\n", head(table)))
}

/// `nft list chains`: chains without their rules.
pub fn list_chains(table: &NftTable) -> String {
    let bare = |chain: &NftChain| list_chain(table.family, &NftChain { rules: Vec::new(), ..chain.clone() });
    format!("{}{}}}\n", head(table), table.chains().map(|chain| bare(chain)).collect::<String>())
}

/// `table ip kube-proxy`
pub fn name(table: &NftTable) -> String {
    format!("table {} {}", ip(table.family), table.name)
}

fn head(table: &NftTable) -> String {
    format!("{} {{\n", name(table))
}

/// A table's sets, maps and chains in the order in which they were made.
fn blocks<'a>(table: &'a NftTable, kept: Kept<'_>) -> Vec<(Kind, &'a str, String)> {
    let set = |set: &'a NftSet| (Kind::Set, &*set.name, list_set(table, set, kept));
    let mut blocks: Vec<(Kind, &str, String)> = table.sets(false).map(set).collect();
    blocks.extend(table.maps.iter().map(|map| (Kind::Map, &*map.name, list_map(table.family, map))));
    blocks.extend(table.sets(true).map(set));
    blocks.extend(table.chains().map(|chain| (Kind::Chain, &*chain.name, list_chain(table.family, chain))));
    blocks
}

fn list_set(table: &NftTable, set: &NftSet, kept: Kept<'_>) -> String {
    let mut text = format!("\tset {} {{\n\t\ttype {}\n", set.name, address_type(table.family));
    if let Some(timeout) = set.timeout {
        let _ = writeln!(text, "\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout {}", duration(timeout));
    }
    if let Some(comment) = &set.comment {
        let _ = writeln!(text, "\t\tcomment \"{comment}\"");
    }
    let elements: Vec<String> = match set.timeout {
        None => set.elements.iter().map(|(ip, _)| ip.to_string()).collect(),
        Some(_) => kept(table, set).iter().map(|(ip, left)| format!("{ip} expires {}", expiry(*left))).collect(),
    };
    // Two IPv4 addresses have room in a line.
    let per_line = if table.family == Family::V4 { 2 } else { 1 };
    list_elements(&mut text, &elements, per_line);
    text.push_str("\t}\n");
    text
}

fn list_map(family: Family, map: &NftMap) -> String {
    let key = if map.with_address { format!("{} . ", address_type(family)) } else { String::new() };
    let mut text = format!("\tmap {} {{\n\t\ttype {key}inet_proto . inet_service : verdict\n", map.name);
    if let Some(comment) = &map.comment {
        let _ = writeln!(text, "\t\tcomment \"{comment}\"");
    }
    let elements: Vec<String> = sorted(map).into_iter().map(|(key, element)| self::element(key, element)).collect();
    list_elements(&mut text, &elements, 1);
    text.push_str("\t}\n");
    text
}

/// A map's elements as nft sorts them: it takes a key's bytes for one number of this machine, whose last byte counts
/// most.
pub fn sorted(map: &NftMap) -> Vec<(&NftKey, &NftElement)> {
    let bytes = |key: &NftKey| {
        let (ip, protocol, port) = *key;
        let mut bytes: Vec<u8> = match ip {
            Some(IpAddr::V4(ip)) => ip.octets().to_vec(),
            Some(IpAddr::V6(ip)) => ip.octets().to_vec(),
            None => Vec::new(),
        };
        bytes.push(protocol.number());
        bytes.extend(port.to_be_bytes());
        bytes.reverse();
        bytes
    };
    let mut elements: Vec<(&NftKey, &NftElement)> = map.elements.iter().collect();
    elements.sort_by_cached_key(|(key, _)| bytes(key));
    elements
}

fn list_elements(text: &mut String, elements: &[String], per_line: usize) {
    if !elements.is_empty() {
        let lines: Vec<String> = elements.chunks(per_line).map(|line| line.join(", ")).collect();
        let _ = writeln!(text, "\t\telements = {{ {} }}", lines.join(",\n\t\t\t     "));
    }
}

/// `2h59m59s960ms`
fn expiry(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    let (seconds, rest) = (u32::try_from(milliseconds / 1_000).unwrap_or(u32::MAX), milliseconds % 1_000);
    match (seconds, rest) {
        (_, 0) => duration(seconds),
        (0, rest) => format!("{rest}ms"),
        (seconds, rest) => format!("{}{rest}ms", duration(seconds)),
    }
}

fn list_chain(family: Family, chain: &NftChain) -> String {
    let mut text = format!("\tchain {} {{\n", chain.name);
    if let Some(comment) = &chain.comment {
        let _ = writeln!(text, "\t\tcomment \"{comment}\"");
    }
    if let Some(base) = &chain.base {
        let _ = writeln!(text, "\t\t{}; policy accept;", base_text(base, true));
    }
    for rule in &chain.rules {
        let _ = writeln!(text, "\t\t{}", self::rule(family, rule));
    }
    text.push_str("\t}\n");
    text
}

/// `chain services`, with a base chain's hook and priority.
pub fn chain_head(chain: &NftChain) -> String {
    let base = chain
        .base
        .as_ref()
        .map_or_else(String::new, |base| format!(" {{ {}; policy accept; }}", base_text(base, true)));
    format!("chain {}{base}", chain.name)
}

/// One rule as `nft list` prints it.
pub fn rule(family: Family, rule: &NftRule) -> String {
    rule_text(family, rule, Style::Listed)
}

/// One element of a map: `10.96.0.1 . tcp . 443 : goto service-…`
pub fn element((ip, protocol, port): &NftKey, element: &NftElement) -> String {
    let mut text = String::new();
    if let Some(ip) = ip {
        let _ = write!(text, "{ip} . ");
    }
    let _ = write!(text, "{} . {port}", protocol.name().to_ascii_lowercase());
    if let Some(comment) = &element.comment {
        let _ = write!(text, " comment \"{comment}\"");
    }
    let _ = write!(text, " : {}", verdict(&element.verdict));
    text
}

/// The commands that make a table, as kube-proxy hands them to `nft -f`.
pub fn commands(table: &NftTable) -> String {
    let (family, name) = (ip(table.family), &table.name);
    let of = |comment: &Option<std::sync::Arc<str>>| match comment {
        Some(comment) => format!(" comment \"{comment}\" ;"),
        None => String::new(),
    };
    let mut text = format!("add table {family} {name} {{{} }}\n", of(&table.comment));
    let add_sets = |text: &mut String, dynamic: bool| {
        for set in table.sets(dynamic) {
            let _ = write!(text, "add set {family} {name} {} {{ type {} ;", set.name, address_type(table.family));
            if let Some(timeout) = set.timeout {
                let _ = write!(text, " flags dynamic,timeout ; timeout {timeout}s ;");
            }
            let _ = writeln!(text, "{} }}", of(&set.comment));
        }
    };
    add_sets(&mut text, false);
    for map in &table.maps {
        let key = if map.with_address { format!("{} . ", address_type(table.family)) } else { String::new() };
        let comment = of(&map.comment);
        let _ = writeln!(
            text,
            "add map {family} {name} {} {{ type {key}inet_proto . inet_service : verdict ;{comment} }}",
            map.name
        );
    }
    add_sets(&mut text, true);
    for chain in table.chains() {
        let _ = write!(text, "add chain {family} {name} {}", chain.name);
        if chain.base.is_some() || chain.comment.is_some() {
            text.push_str(" {");
            if let Some(base) = &chain.base {
                let _ = write!(text, " {} ;", base_text(base, false));
            }
            let _ = write!(text, "{} }}", of(&chain.comment));
        }
        text.push('\n');
    }
    for chain in table.chains() {
        for rule in &chain.rules {
            let rule = rule_text(table.family, rule, Style::Fed);
            let _ = writeln!(text, "add rule {family} {name} {} {rule}", chain.name);
        }
    }
    for set in table.sets(false) {
        for (ip, _) in set.elements.iter() {
            let _ = writeln!(text, "add element {family} {name} {} {{ {ip} }}", set.name);
        }
    }
    for map in &table.maps {
        for (key, element) in map.elements.iter() {
            let element = self::element(key, element);
            let _ = writeln!(text, "add element {family} {name} {} {{ {element} }}", map.name);
        }
    }
    text
}

fn base_text(base: &NftBase, listed: bool) -> String {
    let kind = if base.nat { "nat" } else { "filter" };
    let hook = base.hook.chain().to_ascii_lowercase();
    let priority = match base.priority {
        -100 if listed && hook == "prerouting" => "dstnat".to_owned(),
        100 if listed => "srcnat".to_owned(),
        0 if listed => "filter".to_owned(),
        -110 if listed && hook == "prerouting" => "dstnat - 10".to_owned(),
        priority => priority.to_string(),
    };
    format!("type {kind} hook {hook} priority {priority}")
}

fn verdict(verdict: &NftVerdict) -> String {
    match verdict {
        NftVerdict::Accept => "accept".into(),
        NftVerdict::Drop => "drop".into(),
        NftVerdict::Return => "return".into(),
        NftVerdict::Jump(chain) => format!("jump {chain}"),
        NftVerdict::Goto(chain) => format!("goto {chain}"),
    }
}

fn rule_text(family: Family, rule: &NftRule, style: Style) -> String {
    let mut words: Vec<String> = rule.parts.iter().map(|part| self::part(family, part, style)).collect();
    if let Some(comment) = &rule.comment {
        words.push(format!("comment \"{comment}\""));
    }
    words.join(" ")
}

fn part(family: Family, part: &NftPart, style: Style) -> String {
    let (ip, listed) = (ip(family), style == Style::Listed);
    let side = |which: &NftAddress| match which {
        NftAddress::Saddr => "saddr",
        NftAddress::Daddr => "daddr",
    };
    let not = |not: &bool| if *not { "!= " } else { "" };
    match part {
        NftPart::Address { which, not: inverted, value } => {
            format!("{ip} {} {}{}", side(which), not(inverted), self::value(value, style))
        }
        NftPart::InInterface { name, not: inverted } => format!("iifname {}\"{name}\"", not(inverted)),
        NftPart::CtState(states) => {
            let states: Vec<&str> = states.iter().map(|state| ct_state(*state)).collect();
            format!("ct state {}", states.join(","))
        }
        NftPart::FibLocal(which) => format!("fib {} type local", side(which)),
        NftPart::L4Proto(protocol) => format!("meta l4proto {}", protocol.name().to_ascii_lowercase()),
        NftPart::MarkUnset(mark) if listed => format!("meta mark & 0x{mark:08x} == 0x00000000"),
        NftPart::MarkUnset(mark) => format!("mark and {mark:#x} == 0"),
        NftPart::MarkOr(mark) if listed => format!("meta mark set meta mark | 0x{mark:08x}"),
        NftPart::MarkOr(mark) => format!("mark set mark or {mark:#x}"),
        NftPart::MarkXor(mark) if listed => format!("meta mark set meta mark ^ 0x{mark:08x}"),
        NftPart::MarkXor(mark) => format!("mark set mark xor {mark:#x}"),
        NftPart::Vmap { map, with_address: true } => format!("{ip} daddr . meta l4proto . th dport vmap @{map}"),
        NftPart::Vmap { map, with_address: false } => format!("meta l4proto . th dport vmap @{map}"),
        NftPart::Numgen(chains) => {
            let numbered = chains.iter().enumerate().map(|(at, chain)| format!("{at} : goto {chain}"));
            let separator = if listed { ", " } else { " , " };
            let numbered: Vec<String> = numbered.collect();
            format!("numgen random mod {} vmap {{ {} }}", chains.len(), numbered.join(separator))
        }
        NftPart::Update(set) => format!("update @{set} {{ {ip} saddr }}"),
        NftPart::Verdict(verdict) => self::verdict(verdict),
        NftPart::Reject => "reject".into(),
        NftPart::Masquerade => "masquerade fully-random".into(),
        NftPart::Dnat(to) => format!("dnat to {to}"),
    }
}

/// What an address is compared with, as `nft list` prints it.
pub fn listed_value(value: &NftValue) -> String {
    self::value(value, Style::Listed)
}

fn value(value: &NftValue, style: Style) -> String {
    let net = |net: &ipnet::IpNet| {
        if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
    };
    match value {
        NftValue::Net(one) => net(one),
        NftValue::Nets(nets) => match &nets[..] {
            [one] if style == Style::Listed => net(one),
            nets => format!("{{ {} }}", nets.iter().map(net).collect::<Vec<_>>().join(", ")),
        },
        NftValue::Set(name) => format!("@{name}"),
    }
}

fn ct_state(state: CtState) -> &'static str {
    match state {
        CtState::Invalid => "invalid",
        CtState::New => "new",
        CtState::Related => "related",
        CtState::Established => "established",
        CtState::Untracked => "untracked",
        CtState::Snat | CtState::Dnat => "",
    }
}

/// `3h`: as nft writes a number of seconds.
fn duration(seconds: u32) -> String {
    let parts = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, letter) in parts {
        if rest >= unit {
            let _ = write!(text, "{}{letter}", rest / unit);
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}
