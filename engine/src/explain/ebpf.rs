//! Sentences about Cilium's programs.

use crate::tables::Netns;
use crate::tables::ebpf::{Ebpf, Identity};
use crate::trace::{CauseTable, Change, EbpfPoint, Stage, Step, Verdict};

/// `Policy`, `Balance` …
pub(super) fn title(point: EbpfPoint) -> &'static str {
    match point {
        EbpfPoint::Enter | EbpfPoint::Arp => "Program",
        EbpfPoint::Service | EbpfPoint::ReverseNat => "Balance",
        EbpfPoint::Conntrack => "Connection",
        EbpfPoint::PolicyEgress | EbpfPoint::PolicyIngress => "Policy",
        EbpfPoint::ToEndpoint | EbpfPoint::ToOverlay | EbpfPoint::ToStack | EbpfPoint::ToHost => "Redirect",
    }
}

/// For engineers, and for beginners.
pub(super) fn sentence(step: &Step, netns: Option<&Netns>) -> (String, String) {
    let Stage::Ebpf { program, point } = step.stage else { return Default::default() };
    let pair = |engineer: String, beginner: &str| (engineer, beginner.to_owned());
    let ebpf = netns.and_then(|netns| netns.ebpf.as_deref());
    let device = netns.zip(step.link).and_then(|(netns, link)| netns.link(link)).map_or("", |link| &*link.name);
    match (point, step.verdict) {
        (_, Verdict::Drop(reason)) => {
            let beginner = match point {
                EbpfPoint::PolicyEgress | EbpfPoint::PolicyIngress => {
                    "No policy allows this: it is thrown away, and nobody is told."
                }
                _ => "Cilium throws this away.",
            };
            let at = match point {
                EbpfPoint::PolicyEgress => "egress: ",
                EbpfPoint::PolicyIngress => "ingress: ",
                _ => "",
            };
            pair(format!("{} {at}{}", program.name(), reason.name()), beginner)
        }
        (_, Verdict::Reject(_)) => pair(
            "the service has no backend, Port unreachable (ICMP 3/3)".to_owned(),
            "Nobody stands behind this Service's address: the sender is told so.",
        ),
        (EbpfPoint::Enter, _) => {
            pair(format!("{} at {device}", program.name()), "Cilium's program at this device looks at the packet.")
        }
        (EbpfPoint::Arp, _) => pair(
            format!("{} answers ARP with the address of {device}", program.name()),
            "Cilium's program answers the question by itself.",
        ),
        (EbpfPoint::Service, _) => pair(translated(step), "A Service's address gives way to that of one of its Pods."),
        (EbpfPoint::ReverseNat, _) => {
            pair(translated(step), "The answer gets the Service's address back, which was asked.")
        }
        (EbpfPoint::Conntrack, _) => {
            pair("reply: no policy is asked".to_owned(), "The answer to something that was let through: it may pass.")
        }
        (EbpfPoint::PolicyEgress, _) => pair(allowed(step, ebpf, "egress"), "The sender is allowed to send this."),
        (EbpfPoint::PolicyIngress, _) => {
            pair(allowed(step, ebpf, "ingress"), "The receiver is allowed to receive this.")
        }
        (EbpfPoint::ToEndpoint, _) => {
            pair(format!("to-endpoint {}", receiver(step, ebpf)), "The receiver is a Pod on this node.")
        }
        (EbpfPoint::ToOverlay, _) => {
            pair(marked(step, "to-overlay".to_owned()), "The receiver is on another node: into the tunnel.")
        }
        (EbpfPoint::ToStack, _) => {
            pair(marked(step, "to-stack".to_owned()), "The node's kernel will find the way from here.")
        }
        (EbpfPoint::ToHost, _) => pair("to-host".to_owned(), "For nobody but the node itself."),
    }
}

fn translated(step: &Step) -> String {
    let words = step.changes.iter().filter_map(|change| match change {
        Change::Source { from, to } => Some(format!("source {}:{} → {}:{}", from.0, from.1, to.0, to.1)),
        Change::Destination { from, to } => Some(format!("destination {}:{} → {}:{}", from.0, from.1, to.0, to.1)),
        _ => None,
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Without a change of the mark the words alone.
fn marked(step: &Step, words: String) -> String {
    match step.changes.first() {
        Some(Change::Mark { to, .. }) => format!("{words}, mark 0x{to:x}: identity {}", to >> 16),
        Some(Change::Ttl { from, to }) => format!("{words}, ttl {from} → {to}"),
        _ => words,
    }
}

fn allowed(step: &Step, ebpf: Option<&Ebpf>, direction: &str) -> String {
    let Some(CauseTable::PolicyMap { key, .. }) = step.cause.map(|cause| cause.table) else {
        return format!("{direction}: allowed");
    };
    if key.identity == Identity::ANY {
        return format!("{direction}: allowed for everybody");
    }
    let labels = ebpf.map(|ebpf| ebpf.labels_of(key.identity)).unwrap_or_default();
    let shown = labels.iter().find(|label| !label.contains("k8s:io.")).or(labels.first());
    let shown = shown.map_or_else(String::new, |label| format!(" ({label})"));
    format!("{direction}: allowed for identity {}{shown}", key.identity.0)
}

fn receiver(step: &Step, ebpf: Option<&Ebpf>) -> String {
    let Some(CauseTable::EbpfEndpoint(ip)) = step.cause.map(|cause| cause.table) else { return String::new() };
    let info = ebpf.and_then(|ebpf| ebpf.endpoint(ip)?.pod.as_ref());
    info.map_or_else(|| ip.to_string(), |info| format!("{} ({})", info.id, info.name))
}
