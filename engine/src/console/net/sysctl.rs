//! `sysctl`: reading and writing the settings that the walk reads.

use super::super::machine::{Context, Machine};
use super::super::shell::{FileError, Io};
use super::options::{Options, Spec};
use super::{NOT_RUNNING, fail};
use crate::tables::text::sysctl;

/// Its options.
pub const SPEC: Spec = Spec::short("anNweqp");

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let mut options = Options::new(SPEC, argv);
    let (mut all, mut bare, mut names, mut quiet) = (false, false, false, false);
    while let Some(option) = options.next() {
        match option {
            Ok(('a', _)) => all = true,
            Ok(('n', _)) => bare = true,
            Ok(('N', _)) => names = true,
            Ok(('q', _)) => quiet = true,
            Ok(_) => {}
            Err(message) => return fail(io, &format!("sysctl: {message}\n"), 1),
        }
    }
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    let busybox = machine.toolbox().busybox;
    let operands: Vec<String> = match all {
        true => sysctl::names(&netns).map(str::to_owned).collect(),
        false => options.operands.iter().map(|operand| (*operand).to_owned()).collect(),
    };
    let mut status = 0;
    for operand in operands {
        let (name, value) =
            operand.split_once('=').map_or((operand.as_str(), None), |(n, v)| (n.trim(), Some(v.trim())));
        let name = name.replace('/', ".");
        let Some(row) = sysctl::row(&netns, &name) else {
            status = if busybox { 1 } else { 255 };
            let path = name.replace('.', "/");
            let message = match busybox {
                true => format!("sysctl: error: '{name}' is an unknown key\n"),
                false => format!("sysctl: cannot stat /proc/sys/{path}: No such file or directory\n"),
            };
            io.err(&message);
            continue;
        };
        if let Some(value) = value {
            if let Err(error) = write(machine, &name, value) {
                status = if busybox { 1 } else { 255 };
                let verb =
                    if busybox { format!("error setting key '{name}'") } else { format!("setting key \"{name}\"") };
                io.err(&format!("sysctl: {verb}: {}\n", words(error)));
            } else if !quiet {
                io.out(&format!("{name} = {value}\n"));
            }
            continue;
        }
        let shown = match row.split_once(" = ") {
            Some((_, value)) if bare => value,
            Some((name, _)) if names => name,
            _ => &row,
        };
        io.out(&format!("{shown}\n"));
    }
    status
}

fn words(error: FileError) -> &'static str {
    match error {
        FileError::NotDirectory => "Invalid argument",
        error => error.message(),
    }
}

/// Sets one in this namespace. /proc/sys is read-only in a container that is not privileged; `NotDirectory` stands for
/// a value that makes no sense.
pub fn write(machine: &mut Machine<'_>, name: &str, value: &str) -> Result<(), FileError> {
    let netns = machine.netns().ok_or(FileError::NotFound)?;
    if sysctl::row(&netns, name).is_none() {
        return Err(FileError::NotFound);
    }
    if let Context::Container { pod, container } = &machine.context {
        let record = machine.world.revision().pods.get(pod);
        let container = record.and_then(|record| record.spec.containers.get(*container));
        if !container.is_some_and(|container| container.privileged) {
            return Err(FileError::ReadOnly);
        }
    }
    if value.is_empty() {
        return Ok(());
    }
    let mut netns = (*netns).clone();
    let sysctls = &mut netns.sysctls;
    let pair = || -> Option<(u32, u32)> {
        let mut words = value.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    let on = |set: &mut bool| value.parse::<i32>().ok().map(|number| *set = number != 0);
    let count = |set: &mut u32| value.parse::<u32>().ok().map(|number| *set = number);
    if let Some(device) = sysctl::proxy_arp_device(name) {
        let link = netns.links.iter_mut().find(|link| *link.name == *device).ok_or(FileError::NotFound)?;
        link.proxy_arp = value.parse::<i32>().map_err(|_| FileError::NotDirectory)? != 0;
        machine.world.replace_tables(netns);
        return Ok(());
    }
    let written = match name {
        "net.bridge.bridge-nf-call-ip6tables" => on(&mut sysctls.bridge_nf6),
        "net.bridge.bridge-nf-call-iptables" => on(&mut sysctls.bridge_nf),
        "net.ipv4.conf.all.route_localnet" => on(&mut sysctls.route_localnet),
        "net.ipv4.ip_forward" => on(&mut sysctls.ip_forward),
        "net.netfilter.nf_conntrack_icmp_timeout" => count(&mut sysctls.conntrack.icmp),
        "net.netfilter.nf_conntrack_max" => count(&mut sysctls.conntrack.entries_max),
        "net.netfilter.nf_conntrack_tcp_timeout_close_wait" => count(&mut sysctls.conntrack.tcp_close_wait),
        "net.netfilter.nf_conntrack_tcp_timeout_established" => count(&mut sysctls.conntrack.tcp_established),
        "net.netfilter.nf_conntrack_udp_timeout" => count(&mut sysctls.conntrack.udp),
        "net.netfilter.nf_conntrack_udp_timeout_stream" => count(&mut sysctls.conntrack.udp_stream),
        "net.ipv4.ip_default_ttl" => {
            value.parse::<u8>().ok().filter(|ttl| *ttl > 0).map(|ttl| sysctls.default_ttl = ttl)
        }
        "net.ipv4.ip_local_port_range" => pair()
            .filter(|(low, high)| (1..=65_535).contains(high) && *low >= 1 && low < high)
            .map(|(low, high)| sysctls.port_range = (low as u16, high as u16)),
        "net.ipv6.conf.all.forwarding" => value.parse::<i32>().ok().map(|number| sysctls.ip6_forward = number != 0),
        "net.ipv6.conf.all.hop_limit" => {
            value.parse::<u8>().ok().filter(|limit| *limit > 0).map(|limit| sysctls.default_ttl = limit)
        }
        "net.ipv4.conf.all.arp_announce" => {
            value.parse::<u8>().ok().filter(|level| *level <= 2).map(|level| sysctls.arp_announce = level)
        }
        "net.ipv4.conf.all.arp_ignore" => {
            value.parse::<u8>().ok().filter(|level| *level <= 8).map(|level| sysctls.arp_ignore = level)
        }
        // kube-proxy sets them, and nothing else is simulated.
        name if name.starts_with("net.ipv4.vs.") => (value == "1").then_some(()),
        // Devices would lose their addresses and get them again.
        "net.ipv6.conf.all.disable_ipv6" => None,
        _ => pair().map(|(low, high)| sysctls.unprivileged_ping = low <= high),
    };
    written.ok_or(FileError::NotDirectory)?;
    machine.world.replace_tables(netns);
    Ok(())
}
