//! `conntrack -L`, `-C`, `-D` and `-F` of conntrack-tools 1.4.7.

use super::super::machine::Machine;
use super::super::shell::Io;
use super::options::{Options, Spec};
use super::{NOT_RUNNING, fail, may_administer};
use crate::net::Family;
use crate::tables::netfilter::Connection;
use crate::tables::text::conntrack as text;
use std::net::IpAddr;

const LONG: &[(&str, char)] = &[
    ("src", 's'),
    ("orig-src", 's'),
    ("dst", 'd'),
    ("orig-dst", 'd'),
    ("reply-src", 'r'),
    ("reply-dst", 'q'),
    ("protonum", 'p'),
    ("proto", 'p'),
    ("family", 'f'),
    ("output", 'o'),
    ("sport", '1'),
    ("orig-port-src", '1'),
    ("dport", '2'),
    ("orig-port-dst", '2'),
    ("src-nat", 'n'),
    ("dst-nat", 'g'),
];
/// Its options.
pub const SPEC: Spec = Spec { short: "LDFCSs:d:r:q:p:f:o:1:2:ng", long: LONG, operand_ends: false };

const NAME: &str = "conntrack v1.4.7 (conntrack-tools)";

#[derive(Default)]
struct Filter {
    protocol: Option<String>,
    family: Option<Family>,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    reply_src: Option<IpAddr>,
    reply_dst: Option<IpAddr>,
    sport: Option<u16>,
    dport: Option<u16>,
    snat: bool,
    dnat: bool,
}

impl Filter {
    fn fits(&self, entry: &Connection) -> bool {
        let (name, number) = text::protocol_name(entry);
        let protocol = self.protocol.as_ref().is_none_or(|wanted| wanted == name || *wanted == number.to_string());
        let family = self.family.is_none_or(|family| Family::of(entry.original.src.0) == family);
        let is = |wanted: Option<IpAddr>, ip: IpAddr| wanted.is_none_or(|wanted| wanted == ip);
        let port = |wanted: Option<u16>, port: u16| wanted.is_none_or(|wanted| wanted == port);
        protocol
            && family
            && is(self.src, entry.original.src.0)
            && is(self.dst, entry.original.dst.0)
            && is(self.reply_src, entry.reply.src.0)
            && is(self.reply_dst, entry.reply.dst.0)
            && port(self.sport, entry.original.src.1)
            && port(self.dport, entry.original.dst.1)
            && (!self.snat || entry.snat)
            && (!self.dnat || entry.dnat)
    }
}

fn usage(io: &mut Io, message: &str) -> i32 {
    let help = "Try `conntrack -h' or 'conntrack --help' for more information.";
    fail(io, &format!("{NAME}: {message}\n{help}\n"), 2)
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let mut options = Options::new(SPEC, argv);
    let (mut command, mut extended, mut filter) = (None, false, Filter::default());
    while let Some(option) = options.next() {
        let (letter, value) = match option {
            Ok(option) => option,
            Err(message) => {
                io.err(&format!("conntrack: {message}\n"));
                return usage(io, "Bad parameter");
            }
        };
        let address = || value.parse::<IpAddr>().ok();
        let port = || value.parse::<u16>().ok();
        let known = match letter {
            'L' | 'D' | 'F' | 'C' | 'S' if command.is_some() => {
                return usage(io, "Cannot use more than one command at a time");
            }
            'L' | 'D' | 'F' | 'C' | 'S' => {
                command = Some(letter);
                true
            }
            's' => set(&mut filter.src, address()),
            'd' => set(&mut filter.dst, address()),
            'r' => set(&mut filter.reply_src, address()),
            'q' => set(&mut filter.reply_dst, address()),
            '1' => set(&mut filter.sport, port()),
            '2' => set(&mut filter.dport, port()),
            'p' => {
                let known = ["tcp", "udp", "sctp", "icmp", "icmpv6", "6", "17", "132", "1", "58"].contains(&value);
                if !known {
                    return usage(io, &format!("`{value}' unsupported protocol"));
                }
                set(&mut filter.protocol, Some(value.to_owned()))
            }
            'f' => match value {
                "ipv4" => set(&mut filter.family, Some(Family::V4)),
                "ipv6" => set(&mut filter.family, Some(Family::V6)),
                _ => return usage(io, &format!("`{value}' unsupported protocol")),
            },
            'o' => {
                extended |= value.split(',').any(|kind| kind == "extended");
                true
            }
            'n' => {
                filter.snat = true;
                true
            }
            _ => {
                filter.dnat = true;
                true
            }
        };
        if !known {
            return usage(io, &format!("Invalid address or port `{value}'"));
        }
    }
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    if !may_administer(machine) {
        let words = "Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this";
        return fail(io, &format!("{NAME}: {words}\n"), 1);
    }
    let now = machine.world.now();
    let state = machine.world.state(netns.id);
    let entries = state.into_iter().flat_map(|state| state.connections.iter(now));
    let entries: Vec<_> = entries.filter(|entry| filter.fits(entry)).cloned().collect();
    let count = entries.len();
    let rows = entries.iter().map(|entry| {
        let family = if extended { text::family(entry) } else { "" };
        format!("{family}{}\n", text::row(entry, now))
    });
    match command {
        Some('L') => {
            io.out(&rows.collect::<String>());
            io.err(&format!("{NAME}: {count} flow entries have been shown.\n"));
        }
        Some('C') => io.out(&format!("{count}\n")),
        Some('D') => {
            io.out(&rows.collect::<String>());
            machine.world.forget_connections(netns.id, &mut |entry| filter.fits(entry));
            io.err(&format!("{NAME}: {count} flow entries have been deleted.\n"));
            return i32::from(count == 0);
        }
        Some('F') => {
            machine.world.forget_connections(netns.id, &mut |_| true);
            io.err(&format!("{NAME}: connection tracking table has been emptied.\n"));
        }
        Some(_) => return fail(io, "conntrack: podhop does not keep these statistics (conntrack -S)\n", 1),
        None => return usage(io, "You need to supply parameters!"),
    }
    0
}

fn set<T>(into: &mut Option<T>, value: Option<T>) -> bool {
    *into = value;
    into.is_some()
}
