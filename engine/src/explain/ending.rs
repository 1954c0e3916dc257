//! How a conversation ended, in one sentence for the one who began it.

use super::packet::{error_name, error_name_v6};
use crate::net::IcmpError;
use crate::trace::{DropReason, FlowEnd};

/// (word, reason): (`unreachable`, `10.244.1.2 says: host unreachable. …`). The reason is empty if all went well.
pub fn ending(end: FlowEnd) -> (&'static str, String) {
    match end {
        FlowEnd::Delivered => ("delivered", String::new()),
        FlowEnd::Refused => ("refused", "The destination was reached, and nothing listens on that port.".to_owned()),
        FlowEnd::Unreachable { error, from } => {
            let v6 = from.is_ipv6();
            let name = if v6 { error_name_v6(error) } else { error_name(error) };
            ("unreachable", format!("{from} says: {name}. {}", why(error, v6)))
        }
        FlowEnd::LocalError(reason) => ("not sent", local(reason).to_owned()),
        FlowEnd::TimedOut => ("timed out", "No answer came in the time allowed.".to_owned()),
    }
}

fn why(error: IcmpError, v6: bool) -> &'static str {
    match error {
        IcmpError::NetUnreachable => "It has no route to the destination.",
        IcmpError::HostUnreachable if v6 => "Nobody answered neighbour discovery for the next hop.",
        IcmpError::FragmentationNeeded { .. } if v6 => {
            "The packet is larger than the next link takes, and only the sender may cut it."
        }
        IcmpError::HostUnreachable => "Nobody answered ARP for the next hop.",
        IcmpError::ProtocolUnreachable | IcmpError::PortUnreachable => "Nothing listens there.",
        IcmpError::FragmentationNeeded { .. } => "The packet is larger than the next link takes and must not be cut.",
        IcmpError::TtlExceeded => "The packet's time to live was used up there.",
        IcmpError::ReassemblyTimeExceeded => "Not all fragments came.",
        IcmpError::AdminProhibited => "A rule forbids it there.",
    }
}

fn local(reason: DropReason) -> &'static str {
    match reason {
        DropReason::NoRoute => "The sender has no route to the destination (ENETUNREACH).",
        DropReason::Netfilter => "A rule in the sender's own namespace dropped it on its way out (EPERM).",
        DropReason::TooBig => "The packet is larger than the sender's own device takes and must not be cut (EMSGSIZE).",
        _ => "The sender's kernel refused to send it (EINVAL).",
    }
}
