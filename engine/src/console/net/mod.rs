//! Network tools: what can be run in a container, on a node and on the student's own machine.
//!
//! One file or folder a tool, all of the same anatomy: arguments, then a process that runs in the namespace or the text
//! of a table, then output and exit status as the real tool has them.

mod bridge;
mod calicoctl;
mod cilium;
pub mod clock;
mod conntrack;
mod dns;
mod files;
mod hostname;
mod http;
mod installed;
mod ip;
mod ipset;
mod iptables;
mod ipvsadm;
mod nc;
mod nft;
mod options;
mod path;
mod ping;
mod resolve;
mod signal;
mod sysctl;
mod system;
mod tc;
mod tool;
mod traceroute;

use super::machine::{Context, Machine};
use super::shell::{Io, Session};
use crate::net::IcmpError;

/// Said where a container has no sandbox.
const NOT_RUNNING: &str = "the container is not running\n";

pub use calicoctl::{
    COLUMNS as CALICO_COLUMNS, COMMANDS as CALICOCTL, KINDS as CALICO_KINDS, Resource as CalicoKind,
    names as calico_names,
};
pub use installed::{has, path as installed_at};
pub use ip::grammar as ip_grammar;
pub use options::Spec;
pub use sysctl::write as write_sysctl;
pub use system::slept;
pub use tool::{Operands, TOOLS, Tool, tool};

/// Runs a tool; None if it is not one of these.
pub fn run(machine: &mut Machine<'_>, argv: &[String], session: &mut Session, io: &mut Io) -> Option<i32> {
    let tool = tool(argv.first()?.rsplit('/').next().unwrap_or_default())?;
    Some((tool.run)(machine, argv, session, io))
}

/// Whether this place may change its network: root on a machine, or a container with NET_ADMIN.
fn may_administer(machine: &Machine<'_>) -> bool {
    let Context::Container { pod, container } = &machine.context else { return true };
    let record = machine.world.revision().pods.get(pod);
    record.and_then(|record| record.spec.containers.get(*container)).is_some_and(|container| {
        let grants = |name: &str| matches!(name, "NET_ADMIN" | "CAP_NET_ADMIN" | "ALL");
        container.privileged || container.capabilities.iter().any(|name| grants(name))
    })
}

/// Says why a program that this place has does nothing here.
pub fn not_simulated(name: &str, io: &mut Io) -> i32 {
    let why = match name {
        "tcpdump" | "tshark" | "termshark" | "ngrep" => {
            "podhop records every packet by itself: see the journey, or `podhop trace --pcap FILE`"
        }
        "drill" => "podhop does not simulate this program: dig asks the same questions",
        _ => "podhop does not simulate this program",
    };
    fail(io, &format!("{name}: {why}\n"), 1)
}

/// Prints a complaint and passes on the status; to standard output if the status is 0.
fn fail(io: &mut Io, message: &str, status: i32) -> i32 {
    if status == 0 {
        io.out(message)
    } else {
        io.err(message)
    }
    status
}

/// An ICMP error as ping and others word it.
fn icmp_words(error: IcmpError) -> String {
    match error {
        IcmpError::NetUnreachable => "Destination Net Unreachable".to_owned(),
        IcmpError::HostUnreachable => "Destination Host Unreachable".to_owned(),
        IcmpError::ProtocolUnreachable => "Destination Protocol Unreachable".to_owned(),
        IcmpError::AdminProhibited => "Packet filtered".to_owned(),
        IcmpError::PortUnreachable => "Destination Port Unreachable".to_owned(),
        IcmpError::FragmentationNeeded { mtu } => format!("Frag needed and DF set (mtu = {mtu})"),
        IcmpError::TtlExceeded => "Time to live exceeded".to_owned(),
        IcmpError::ReassemblyTimeExceeded => "Frag reassembly time exceeded".to_owned(),
    }
}

/// An ICMPv6 error as ping words it (Models iputils ping/ping6_common.c print_icmp).
fn icmpv6_words(error: IcmpError) -> String {
    match error {
        IcmpError::NetUnreachable => "Destination unreachable: No route".to_owned(),
        IcmpError::HostUnreachable => "Destination unreachable: Address unreachable".to_owned(),
        IcmpError::PortUnreachable => "Destination unreachable: Port unreachable".to_owned(),
        IcmpError::AdminProhibited => "Destination unreachable: Administratively prohibited".to_owned(),
        IcmpError::FragmentationNeeded { mtu } => format!("Packet too big: mtu={mtu}"),
        IcmpError::TtlExceeded => "Time exceeded: Hop limit".to_owned(),
        IcmpError::ReassemblyTimeExceeded => "Time exceeded: Defragmentation failure".to_owned(),
        IcmpError::ProtocolUnreachable => "Parameter problem: Unknown header at 6".to_owned(),
    }
}

/// An ICMP error as a socket's errno, in the C library's words (Models net/ipv4/icmp.c icmp_err_convert).
fn icmp_errno(error: IcmpError) -> &'static str {
    match error {
        IcmpError::NetUnreachable => "Network is unreachable",
        IcmpError::HostUnreachable
        | IcmpError::TtlExceeded
        | IcmpError::ReassemblyTimeExceeded
        | IcmpError::AdminProhibited => "No route to host",
        IcmpError::ProtocolUnreachable => "Protocol not available",
        IcmpError::PortUnreachable => "Connection refused",
        IcmpError::FragmentationNeeded { .. } => "Message too long",
    }
}

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
