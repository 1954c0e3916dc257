//! A trace as the page and `podhop trace --json` show it.

use super::{CauseView, ChangeView, FlowSummary, FlowView, OriginView, PacketView, StepView, VerdictKind};
use crate::cluster::Revision;
use crate::explain;
use crate::net::{Frame, IcmpError, Transport};
use crate::tables::netfilter::Hook;
use crate::tables::{Netns, NetnsId, Origin, Segment};
use crate::trace::{
    Change, Disposition, DropReason, FlowEnd, HopPlace, PacketTrace, Relation, RowRef, Stage, Step, Trace, Verdict,
};
use std::net::IpAddr;
use std::sync::Arc;

/// What turning a trace into words needs to know of its cluster.
pub struct Viewer<'a> {
    pub revision: &'a Revision,
    pub segment: Option<Arc<Segment>>,
    /// From a row's origin to its place in the YAML.
    pub resolve: &'a dyn Fn(&Origin) -> OriginView,
}

impl Viewer<'_> {
    pub fn flow(&self, trace: &Trace) -> FlowView {
        FlowView {
            summary: self.summary(trace),
            packets: trace.packets.iter().map(|packet| self.packet(trace, packet)).collect(),
            unrecorded_count: trace.unrecorded_count,
        }
    }

    /// One line about a conversation.
    pub fn summary(&self, trace: &Trace) -> FlowSummary {
        let end = trace.end.unwrap_or(FlowEnd::TimedOut);
        let (word, reason) = explain::ending(end);
        let to = trace.flow.to.map(|ip| match self.revision.netns_of_ip(ip) {
            Some(netns) => self.place(trace, HopPlace::Netns(netns)),
            None => ip.to_string(),
        });
        FlowSummary {
            flow: trace.flow.id.0,
            title: trace.flow.title.clone(),
            from: self.place(trace, HopPlace::Netns(trace.flow.from)),
            to: to.unwrap_or_default(),
            end: word.to_owned(),
            end_kind: end_kind(end),
            reason,
            started_at_ns: trace.flow.started_at,
            packets_count: trace.packets.len() as u32 + trace.unrecorded_count,
        }
    }

    /// A place's name; a namespace that is gone is named by the tables that the trace keeps.
    pub(super) fn place(&self, trace: &Trace, place: HopPlace) -> String {
        match place {
            HopPlace::Segment(number) => format!("segment/{number}"),
            HopPlace::Netns(id) => self.netns_name(Some(trace), id),
        }
    }

    pub(super) fn netns_name(&self, trace: Option<&Trace>, id: NetnsId) -> String {
        if let Some(place) = crate::program::place(self.revision, id) {
            return explain::place_name(&place);
        }
        let kept = trace.and_then(|trace| trace.tables.iter().find(|((netns, _), _)| *netns == id));
        kept.map_or_else(|| format!("netns/{}", id.0), |(_, netns)| explain::place_name(&netns.place))
    }

    fn packet(&self, trace: &Trace, packet: &PacketTrace) -> PacketView {
        let mut frame = Frame::clone(&packet.birth);
        let mut steps = Vec::with_capacity(packet.steps.len());
        let mut hops = packet.hops.iter().peekable();
        let mut place = HopPlace::Netns(trace.flow.from);
        let reply = is_reply(trace, packet);
        for (i, step) in packet.steps.iter().enumerate() {
            if let Some(hop) = hops.next_if(|hop| hop.first as usize == i) {
                place = hop.place;
            }
            let before = frame.clone();
            for change in &step.changes {
                let _ = change.apply(&mut frame);
            }
            let segment = self.segment.as_ref();
            let question = explain::Question { trace, packet, step: i as u32, segment };
            let has_why = explain::asks(question, &before);
            let mut view = StepView { has_why, ..self.step(trace, place, step, &before, &frame) };
            if reply && matches!(step.stage, Stage::Conntrack(_)) && !step.changes.is_empty() {
                view.sentence = format!("reply of a translated connection: {}", view.sentence);
            }
            steps.push(view);
        }
        let (disposition, disposition_kind) = disposition(packet.disposition);
        PacketView {
            packet: packet.id.0,
            parent: packet.parent.map(|(parent, relation)| (parent.0, relation_name(relation).to_owned())),
            title: explain::title(&packet.birth),
            label: explain::label(&packet.birth),
            plumbing: packet.birth.is_discovery(),
            reply,
            born_at_ns: packet.born_at,
            steps,
            disposition: disposition.to_owned(),
            disposition_kind,
        }
    }

    /// The tables that a step was decided by.
    pub(super) fn netns_of<'t>(&self, trace: &'t Trace, place: HopPlace, step: &Step) -> Option<&'t Arc<Netns>> {
        match (place, step.cause) {
            (HopPlace::Netns(id), Some(cause)) if cause.netns == id => trace.tables.get(&(id, cause.version)),
            (HopPlace::Netns(id), _) => {
                trace.tables.range((id, 0)..=(id, u32::MAX)).next_back().map(|(_, netns)| netns)
            }
            _ => None,
        }
    }

    fn step(&self, trace: &Trace, place: HopPlace, step: &Step, before: &Frame, after: &Frame) -> StepView {
        let netns = self.netns_of(trace, place, step);
        let sentence = explain::sentence(step, after, netns.map(|n| &**n));
        let device = netns.zip(step.link).and_then(|(netns, link)| netns.link(link));
        let chooses = step.changes.iter().any(|change| matches!(change, Change::Destination { .. }));
        let chance = before.ip().zip(netns).filter(|_| chooses);
        let chance = chance.map(|(packet, netns)| explain::chance(step, packet, netns, self.revision.seed));
        let envelope = explain::envelope(after).into_iter().map(|layer| (layer.name, layer.ends)).collect();
        StepView {
            at_ns: step.at,
            place: self.place(trace, place),
            device: device.map_or_else(String::new, |link| link.name.to_string()),
            stage: stage_name(step.stage).to_owned(),
            title: sentence.title.to_owned(),
            sentence: sentence.engineer,
            sentence_beginner: sentence.beginner,
            verdict: verdict_kind(step),
            changes: step.changes.iter().flat_map(|change| change_views(change, before)).collect(),
            cause: step.cause.and_then(|row| self.cause(trace, &row)),
            chance: chance.unwrap_or_default(),
            has_why: false,
            envelope,
            len: after.len() as u32,
        }
    }

    fn cause(&self, trace: &Trace, row: &RowRef) -> Option<CauseView> {
        let owner = |id| self.netns_name(Some(trace), id);
        let cause = explain::row_text(trace, row, self.segment.as_ref(), &owner)?;
        let place = match row.table {
            crate::trace::CauseTable::Segment { segment, .. } => HopPlace::Segment(segment),
            _ => HopPlace::Netns(row.netns),
        };
        Some(CauseView {
            place: self.place(trace, place),
            table: cause.table.to_owned(),
            text: cause.text,
            command: cause.command.to_owned(),
            origin: (self.resolve)(&cause.origin),
        })
    }
}

/// Whether a packet travels back to the one who began: it is addressed to whom the first packet came from. What serves
/// a packet (ARP, fragments, copies) travels with it.
pub(super) fn is_reply(trace: &Trace, packet: &PacketTrace) -> bool {
    let mut record = packet;
    while let Some((parent, relation)) = record.parent {
        let serves = matches!(relation, Relation::Serves | Relation::Copies | Relation::Fragments);
        match trace.packets.get(parent.0 as usize) {
            Some(parent) if serves || record.birth.ip().is_none() => record = parent,
            _ => break,
        }
    }
    let (Some(first), Some(own)) = (trace.packets.first().and_then(|p| p.birth.ip()), record.birth.ip()) else {
        return false;
    };
    let answers = matches!(record.parent, Some((_, Relation::Answers)));
    // An answer to a translated packet gets the first sender's address only on its way.
    let end = record.frame_after(u32::MAX);
    let to_first = own.dst == first.src || end.ip().is_some_and(|end| end.dst == first.src);
    to_first && (own.src != first.src || own.dst != first.dst || answers)
}

pub(super) fn end_kind(end: FlowEnd) -> VerdictKind {
    match end {
        FlowEnd::Delivered => VerdictKind::Delivered,
        FlowEnd::Refused => VerdictKind::Refused,
        FlowEnd::Unreachable { .. } => VerdictKind::Rejected,
        FlowEnd::LocalError(_) | FlowEnd::TimedOut => VerdictKind::Dropped,
    }
}

pub(super) fn verdict_kind(step: &Step) -> VerdictKind {
    match step.verdict {
        Verdict::Pass => VerdictKind::Pass,
        Verdict::Wait => VerdictKind::Wait,
        Verdict::Flood { .. } => VerdictKind::Pass,
        Verdict::Accept => VerdictKind::Delivered,
        Verdict::Drop(DropReason::NoSocket) => VerdictKind::Refused,
        Verdict::Drop(_) => VerdictKind::Dropped,
        Verdict::Reject(IcmpError::PortUnreachable) if step.stage == Stage::Deliver => VerdictKind::Refused,
        Verdict::Reject(_) => VerdictKind::Rejected,
    }
}

pub(super) fn disposition(disposition: Option<Disposition>) -> (&'static str, VerdictKind) {
    match disposition {
        Some(Disposition::Delivered) => ("delivered", VerdictKind::Delivered),
        Some(Disposition::Dropped(DropReason::NoSocket)) => ("refused", VerdictKind::Refused),
        Some(Disposition::Dropped(_)) => ("dropped", VerdictKind::Dropped),
        Some(Disposition::Rejected(IcmpError::PortUnreachable)) => ("refused", VerdictKind::Refused),
        Some(Disposition::Rejected(_)) => ("rejected", VerdictKind::Rejected),
        Some(Disposition::Ignored) => ("ignored", VerdictKind::Pass),
        Some(Disposition::Split) => ("split", VerdictKind::Pass),
        Some(Disposition::InFlight) | None => ("in flight", VerdictKind::Wait),
    }
}

fn relation_name(relation: Relation) -> &'static str {
    match relation {
        Relation::Answers => "answers",
        Relation::Serves => "serves",
        Relation::Copies => "copies",
        Relation::Retransmits => "retransmits",
        Relation::Fragments => "fragments",
        Relation::Follows => "follows",
    }
}

pub(super) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Send => "send",
        Stage::RouteOut | Stage::RouteIn => "route",
        Stage::Forward => "forward",
        Stage::Fragment => "fragment",
        Stage::Neighbor => "neighbor",
        Stage::Transmit => "transmit",
        Stage::Receive => "receive",
        Stage::Bridge => "bridge",
        Stage::Encapsulate => "encapsulate",
        Stage::Decapsulate => "decapsulate",
        Stage::Switch => "switch",
        Stage::Reassemble => "reassemble",
        Stage::Deliver => "deliver",
        Stage::Ebpf { .. } => "ebpf",
        Stage::Netfilter { hook, .. }
        | Stage::Nftables { hook, .. }
        | Stage::Conntrack(hook)
        | Stage::Ipvs { hook, .. } => match hook {
            Hook::Prerouting => "prerouting",
            Hook::Input => "input",
            Hook::Forward => "forward",
            Hook::Output => "output",
            Hook::Postrouting => "postrouting",
        },
    }
}

fn change_views(change: &Change, before: &Frame) -> Vec<ChangeView> {
    let view = |field: &str, before: String, after: String| ChangeView { field: field.to_owned(), before, after };
    let mac = |mac: crate::net::MacAddr| if mac == crate::net::MacAddr::ZERO { String::new() } else { mac.to_string() };
    match change {
        Change::Ethernet { src, dst } => {
            vec![view("eth.src", mac(before.src), src.to_string()), view("eth.dst", mac(before.dst), dst.to_string())]
        }
        Change::Ttl { from, to } => vec![view("ip.ttl", from.to_string(), to.to_string())],
        Change::Encapsulate { src, dst, vni, sport, dport, .. } => vec![
            view("vxlan.vni", String::new(), vni.to_string()),
            view("udp", String::new(), format!("{sport} → {dport}")),
            view("ip", String::new(), format!("{src} → {dst}")),
        ],
        Change::EncapsulateIp { src, dst, ttl, .. } => {
            vec![view("ipip", String::new(), format!("{src} → {dst}")), view("ip.ttl", String::new(), ttl.to_string())]
        }
        Change::Decapsulate => vec![view(
            if before.ip().is_some_and(|packet| matches!(packet.payload, Transport::Ipip(_))) {
                "ipip"
            } else {
                "vxlan"
            },
            before.ip().map_or_else(String::new, |ip| format!("{} → {}", ip.src, ip.dst)),
            String::new(),
        )],
        Change::Destination { from, to } => end_views("dst", *from, *to),
        Change::Source { from, to } => end_views("src", *from, *to),
        Change::QuotedDestination { from, to } => end_views("quoted dst", *from, *to),
        Change::QuotedSource { from, to } => end_views("quoted src", *from, *to),
        Change::Mark { from, to } => vec![view("mark", format!("0x{from:x}"), format!("0x{to:x}"))],
        Change::Whole => vec![view("ip.fragment", "fragment".to_owned(), "whole".to_owned())],
    }
}

/// One end of a packet, rewritten: its address, its port, or both.
fn end_views(what: &str, from: (IpAddr, u16), to: (IpAddr, u16)) -> Vec<ChangeView> {
    let view = |field: String, before: String, after: String| ChangeView { field, before, after };
    let mut views = Vec::new();
    if from.0 != to.0 {
        views.push(view(format!("ip.{what}"), from.0.to_string(), to.0.to_string()));
    }
    if from.1 != to.1 {
        views.push(view(format!("port.{what}"), from.1.to_string(), to.1.to_string()));
    }
    views
}
