//! `getent hosts|ahosts|ahostsv4|ahostsv6`: glibc's.

use crate::console::machine::Machine;
use crate::console::net::options::Options;
use crate::console::net::{fail, resolve};
use crate::console::shell::Io as Out;
use crate::dataplane::resolver::{Families, Resolved};
use crate::dataplane::{Io, Process, ProcessEvent};
use crate::trace::FlowEnd;
use std::net::IpAddr;

/// Prints what is known already, and ends.
struct Said(String);

impl Process for Said {
    fn on(&mut self, io: &mut Io<'_, '_>, _: ProcessEvent) {
        io.print(std::mem::take(&mut self.0));
        io.conclude(FlowEnd::Delivered);
        io.exit(0);
    }
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Out) -> i32 {
    let mut options = Options::new(super::GETENT, argv);
    while let Some(option) = options.next() {
        if let Err(message) = option {
            return fail(io, &format!("getent: {message}\n"), 64);
        }
    }
    let (database, keys) = match options.operands.as_slice() {
        [database, keys @ ..] => (*database, keys),
        [] => return fail(io, "getent: wrong number of arguments\n", 1),
    };
    let families = match database {
        "hosts" | "ahosts" => Families::Any,
        "ahostsv4" => Families::V4,
        "ahostsv6" => Families::V6,
        _ => return fail(io, &format!("Unknown database: {database}\n"), 1),
    };
    let hosts = resolve::Hosts::read(machine);
    if keys.is_empty() {
        return fail(io, "getent: podhop prints single hosts: give it a name\n", 3);
    }
    let mut status = 0;
    for key in keys {
        let (key, all) = ((*key).to_owned(), database != "hosts");
        if let Ok(ip) = key.parse::<IpAddr>()
            && !all
        {
            match hosts.names(ip) {
                [] => status = 2,
                names => io.out(&format!("{:<15} {}\n", ip.to_string(), names.join(" "))),
            }
            continue;
        }
        // gethostbyname2 asks for IPv6 first; who has none of it sees IPv4.
        let known: Vec<IpAddr> = hosts.addresses(&key).collect();
        let text = |found: &Resolved, name: &str| if all { ahosts(found, name) } else { hosts_lines(found, name) };
        if !known.is_empty() {
            let names = hosts.names(known[0]);
            let canonical = names.first().unwrap_or(&key).clone();
            let found = Resolved { addresses: known, canonical, aliases: names.iter().skip(1).cloned().collect() };
            io.out(&text(&found, &key));
            continue;
        }
        let name = key.clone();
        let ended = resolve::run(machine, io, (argv.join(" "), &key), families, move |_, found| match found {
            Ok(found) => Ok(Box::new(Said(if all { ahosts(&found, &name) } else { hosts_lines(&found, &name) }))),
            Err(_) => Err((String::new(), 2)),
        });
        status = status.max(ended);
    }
    status
}

/// `10.96.0.50      backend.default.svc.cluster.local`
fn hosts_lines(found: &Resolved, name: &str) -> String {
    let canonical = if found.canonical.is_empty() { name } else { found.canonical.as_str() };
    let v6 = found.addresses.iter().any(IpAddr::is_ipv6);
    let shown = found.addresses.iter().filter(|ip| ip.is_ipv6() == v6);
    let names: Vec<&str> = std::iter::once(canonical).chain(found.aliases.iter().map(String::as_str)).collect();
    shown.map(|ip| format!("{:<15} {}\n", ip.to_string(), names.join(" "))).collect()
}

/// Three socket types an address; the canonical name on the first line.
fn ahosts(found: &Resolved, name: &str) -> String {
    let mut text = String::new();
    let mut canonical = if found.canonical.is_empty() { name } else { &found.canonical };
    for ip in &found.addresses {
        for kind in ["STREAM", "DGRAM", "RAW"] {
            text.push_str(format!("{:<15} {kind:<6} {canonical}", ip.to_string()).trim_end());
            text.push('\n');
            canonical = "";
        }
    }
    text
}
