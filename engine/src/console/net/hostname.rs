//! `hostname`: busybox's and Debian's.

use super::super::machine::{Context, Machine};
use super::super::shell::Io;
use super::options::{Options, Spec, busybox_usage};
use super::resolve::Hosts;
use super::{NOT_RUNNING, fail};

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let busybox = machine.toolbox().busybox;
    let mut options = Options::new(SPEC, argv);
    let mut asked = ' ';
    while let Some(option) = options.next() {
        match option {
            Ok(('I' | 'y', _)) if busybox => return wrong(io, busybox, "invalid option -- 'I'"),
            Ok((letter, _)) => asked = letter,
            Err(message) => return wrong(io, busybox, &message),
        }
    }
    if asked == 'F' || !options.operands.is_empty() {
        // Nobody may rename a container without CAP_SYS_ADMIN; a node's name is its object's.
        return match machine.context {
            Context::Container { .. } => fail(io, "hostname: sethostname: Operation not permitted\n", 1),
            _ => fail(io, "hostname: podhop's machines keep their names: other tables depend on them\n", 1),
        };
    }
    let name = machine.hostname();
    let text = match asked {
        's' => name.split('.').next().unwrap_or_default().to_owned(),
        'i' => match Hosts::read(machine).address(&name) {
            Some(ip) => ip.to_string(),
            None => return fail(io, "hostname: Name or service not known\n", 1),
        },
        'I' => {
            let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
            let own = netns.addresses.iter().map(|address| address.net.addr()).filter(|ip| !ip.is_loopback());
            own.map(|ip| format!("{ip} ")).collect()
        }
        'f' | 'd' | 'y' => {
            // The name that /etc/hosts has for the own address.
            let hosts = Hosts::read(machine);
            let full = hosts.address(&name).and_then(|ip| hosts.name(ip)).unwrap_or(&name).to_owned();
            match asked {
                'f' => full,
                _ => full.split_once('.').map_or("", |(_, domain)| domain).to_owned(),
            }
        }
        _ => name,
    };
    io.out(&format!("{text}\n"));
    0
}

/// Its options.
pub const SPEC: Spec = Spec { long: LONG, ..Spec::short("sfdiIyF:") };

const LONG: &[(&str, char)] =
    &[("short", 's'), ("fqdn", 'f'), ("long", 'f'), ("domain", 'd'), ("ip-address", 'i'), ("all-ip-addresses", 'I')];

fn wrong(io: &mut Io, busybox: bool, message: &str) -> i32 {
    let usage = if busybox { busybox_usage("hostname [-sidf] [HOSTNAME | -F FILE]") } else { String::new() };
    fail(io, &format!("hostname: {message}\n{usage}"), if busybox { 1 } else { 255 })
}
