//! Sentences about rules, NAT and tracked connections.

use super::packet::error_name;
use crate::net::{Family, Frame};
use crate::tables::Netns;
use crate::tables::netfilter::{Hook, TableName, Target};
use crate::tables::nft::NftTable;
use crate::trace::{CauseTable, Change, DropReason, Stage, Step, Verdict};
use std::net::{IpAddr, SocketAddr};

/// For engineers, and for beginners.
pub(super) fn sentence(step: &Step, frame: &Frame, netns: Option<&Netns>) -> (String, String) {
    match step.stage {
        Stage::Netfilter { hook, table } => {
            let (did, beginner) = ruled(step);
            let way = way(step, frame, netns, table).join(" → ");
            let way = if way.is_empty() { String::new() } else { format!(", {way}") };
            (format!("{} {}{way}: {did}", table.name(), hook.chain()), beginner)
        }
        Stage::Nftables { table, chain, .. } => {
            let (did, beginner) = ruled(step);
            let way = netns
                .and_then(|netns| netns.netfilter.nft.get(table as usize))
                .map(|table| nft_way(step, table, chain));
            (format!("nft {}: {did}", way.unwrap_or_default()), beginner)
        }
        Stage::Conntrack(hook) => tracked(step, hook),
        _ => Default::default(),
    }
}

/// The chains that the packet went through to the rule that decided, the built-in one left out.
fn way(step: &Step, frame: &Frame, netns: Option<&Netns>, table: TableName) -> Vec<String> {
    let (Some(ruled), Some(netns), Some(packet)) = (&step.ruled, netns, frame.ip()) else { return Vec::new() };
    let Some(table) = netns.netfilter.ruleset(Family::of(packet.dst)).tables.get(&table) else { return Vec::new() };
    let mut chains: Vec<String> = Vec::new();
    for place in &ruled.rules {
        let Some(chain) = table.chain(place.chain) else { continue };
        // A chain that came back to this one is behind us.
        if let Some(known) = chains.iter().position(|name| *name == *chain.name) {
            chains.truncate(known + 1);
        } else if chain.policy.is_none() {
            chains.push(chain.name.to_string());
        } else {
            chains.clear();
        }
    }
    let last = ruled.rules.last().and_then(|place| table.chain(place.chain)?.rules.get(place.rule as usize));
    if let Some(Target::Jump(to) | Target::Goto(to)) = last.and_then(|rule| rule.target.as_ref()) {
        chains.push(to.to_string());
    }
    chains
}

/// The base chain and those that the packet went through, with the map that decided if it was one.
fn nft_way(step: &Step, table: &NftTable, base: u32) -> String {
    let places = step.ruled.iter().flat_map(|ruled| &ruled.rules);
    let mut chains: Vec<u32> = vec![base];
    for place in places {
        match chains.iter().position(|chain| *chain == place.chain) {
            // A chain that came back to this one is behind us.
            Some(known) => chains.truncate(known + 1),
            None => chains.push(place.chain),
        }
    }
    let names = chains.iter().filter_map(|chain| Some(table.chain(*chain)?.name.to_string()));
    let map = step.cause.and_then(|cause| nft_map(table, &cause.table)).map(|map| format!("@{map}"));
    names.chain(map).collect::<Vec<_>>().join(" → ")
}

/// The name of the verdict map whose element decided.
fn nft_map<'t>(table: &'t NftTable, cause: &CauseTable) -> Option<&'t str> {
    let CauseTable::NftElement { rule, .. } = cause else { return None };
    let rule = table.chain(rule.chain)?.rules.get(rule.rule as usize)?;
    rule.verdict_map()
}

fn ruled(step: &Step) -> (String, String) {
    let by_policy = matches!(step.cause.map(|cause| cause.table), Some(CauseTable::Policy { .. }));
    let marks = step.changes.iter().filter_map(|change| match change {
        Change::Mark { to, .. } => Some(format!("mark 0x{to:x}")),
        _ => None,
    });
    let mut parts: Vec<String> = marks.collect();
    let marked = !parts.is_empty();
    let rewrites = rewrites(&step.changes);
    parts.extend(rewrites.iter().map(|(text, _)| text.clone()));
    let beginner = match (step.verdict, rewrites.first()) {
        (Verdict::Drop(_), _) => {
            parts.push(format!(
                "{}dropped ({})",
                if by_policy { "no rule matched, and the policy is DROP: " } else { "" },
                DropReason::Netfilter.name()
            ));
            match by_policy {
                true => "No rule lets this packet through, and what is not allowed is thrown away here.".to_owned(),
                false => "A rule says to throw this packet away. Its sender hears nothing.".to_owned(),
            }
        }
        (Verdict::Reject(error), _) => {
            let (kind, code) = error.type_code();
            parts.push(format!("rejected, {} (ICMP {kind}/{code})", error_name(error)));
            "A rule refuses this packet: the sender is told so.".to_owned()
        }
        (_, Some((_, beginner))) => beginner.clone(),
        (_, None) if marked => "A rule puts a mark on the packet, which another rule will look for.".to_owned(),
        (_, None) => {
            parts.push("accepted".to_owned());
            "A rule lets this packet through.".to_owned()
        }
    };
    (parts.join(", "), beginner)
}

fn tracked(step: &Step, hook: Hook) -> (String, String) {
    if let Verdict::Drop(reason) = step.verdict {
        let full = matches!(step.cause.map(|cause| cause.table), Some(CauseTable::Sysctl(_)));
        let (why, beginner) = match full {
            true => ("nf_conntrack: table full", "This machine follows as many connections as it can: no more fit."),
            false => (
                "another connection has the same addresses and ports",
                "Another connection already has these addresses and ports: this one cannot begin.",
            ),
        };
        return (format!("{why} ({})", reason.name()), beginner.to_owned());
    }
    let rewrites = rewrites(&step.changes);
    let engineer: Vec<&str> = rewrites.iter().map(|(text, _)| text.as_str()).collect();
    let engineer = format!("conntrack {}: {}", hook.chain(), engineer.join(", "));
    let beginner = "The kernel remembers this connection, and treats all its packets like the first one.".to_owned();
    (engineer, beginner)
}

/// What IPVS did with a packet that goes on.
pub(super) fn balanced(step: &Step, netns: Option<&Netns>) -> (String, String) {
    let Stage::Ipvs { hook, scheduled } = step.stage else { return Default::default() };
    let service = netns.zip(step.cause).and_then(|(netns, cause)| match cause.table {
        CauseTable::Ipvs { service, .. } => netns.netfilter.ipvs.as_deref()?.services.get(service as usize),
        _ => None,
    });
    let told = rewrites(&step.changes);
    let mut parts: Vec<String> = told.iter().map(|(text, _)| text.clone()).collect();
    parts.extend(step.changes.iter().filter_map(|change| match change {
        Change::Ttl { from, to } => Some(format!("ttl {from} → {to}")),
        _ => None,
    }));
    let how = match (service, scheduled) {
        (Some(service), true) if service.persistent.is_some() => format!("{}, persistent", service.scheduler.name()),
        (Some(service), true) => service.scheduler.name().to_owned(),
        _ => "known connection".to_owned(),
    };
    let beginner = match (scheduled, told.first()) {
        (true, _) => "The node's load balancer picks one of the Service's endpoints for this connection.".to_owned(),
        (false, Some((_, beginner))) => beginner.clone(),
        (false, None) => "The node's load balancer knows this connection.".to_owned(),
    };
    (format!("ipvs {} {how}: {}", hook.chain(), parts.join(", ")), beginner)
}

/// What was rewritten, in both ways of saying it.
fn rewrites(changes: &[Change]) -> Vec<(String, String)> {
    let told = |change: &Change| {
        let (what, beginner, from, to) = match change {
            Change::Destination { from, to } => ("dst", "The packet gets another destination", from, to),
            Change::Source { from, to } => ("src", "The packet gets another sender's address", from, to),
            Change::QuotedDestination { from, to } => {
                ("quoted dst", "The packet quoted inside gets its first destination back", from, to)
            }
            Change::QuotedSource { from, to } => {
                ("quoted src", "The packet quoted inside gets its first sender back", from, to)
            }
            _ => return None,
        };
        let (from, to) = (end(*from, *to), end(*to, *from));
        Some((format!("{what} {from} → {to}"), format!("{beginner}: {to} instead of {from}.")))
    };
    changes.iter().filter_map(told).collect()
}

/// Address and port; the address alone if the port stays.
fn end((ip, port): (IpAddr, u16), other: (IpAddr, u16)) -> String {
    if port == other.1 && ip != other.0 { ip.to_string() } else { SocketAddr::new(ip, port).to_string() }
}
