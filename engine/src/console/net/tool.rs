//! The tools by name: what each is for, which options its parser takes, and what runs it.

use super::super::machine::Machine;
use super::super::shell::{Io, Session};
use super::options::Spec;
use super::{bridge, files, hostname, ip, nc, ping, sysctl, system, traceroute};

/// What stands on a tool's command line besides options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operands {
    Nothing,
    Files,
    /// Names and addresses of machines.
    Hosts,
    /// Settings as `sysctl -a` lists them.
    Settings,
    /// Words of a grammar of its own.
    Grammar,
}

type Run = fn(&mut Machine<'_>, &[String], &mut Session, &mut Io) -> i32;

/// One tool.
pub struct Tool {
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// Its options, which may depend on the image.
    pub options: fn(&Machine<'_>) -> Spec,
    /// What options mean, where there is room to say it.
    pub letters: &'static [(char, &'static str)],
    pub operands: Operands,
    pub(super) run: Run,
}

const fn tool_row(name: &'static str, about: &'static str, operands: Operands, run: Run) -> Tool {
    Tool { name, about, options: |_| Spec::short(""), letters: &[], operands, run }
}

use Operands::{Files, Grammar, Hosts, Nothing, Settings};

/// Every tool, by name.
pub const TOOLS: &[Tool] = &[
    tool_row("bridge", "a bridge's ports and forwarding entries", Grammar, |m, argv, _, io| bridge::run(m, argv, io)),
    tool_row("date", "the simulation's clock", Nothing, |m, argv, _, io| system::date(m, argv, io)),
    Tool {
        options: |_| hostname::SPEC,
        ..tool_row("hostname", "this machine's name and addresses", Nothing, |m, argv, _, io| {
            hostname::run(m, argv, io)
        })
    },
    tool_row("id", "who you are", Nothing, |m, argv, _, io| system::id(m, argv, io)),
    tool_row("ip", "addresses, devices, routes, neighbours", Grammar, |m, argv, _, io| ip::run(m, argv, io)),
    Tool { options: |_| files::LS, ..tool_row("ls", "list files", Files, files::run) },
    Tool { options: |_| files::CHANGES, ..tool_row("mkdir", "make folders", Files, files::run) },
    Tool {
        options: nc::spec,
        letters: NC,
        ..tool_row("nc", "connect to a port", Hosts, |m, argv, _, io| nc::run(m, argv, io))
    },
    Tool {
        options: nc::spec,
        letters: NC,
        ..tool_row("netcat", "connect to a port", Hosts, |m, argv, _, io| nc::run(m, argv, io))
    },
    Tool {
        options: ping::spec,
        letters: PING,
        ..tool_row("ping", "ICMP echo requests to an address", Hosts, |m, argv, _, io| ping::run(m, argv, io))
    },
    Tool { options: |_| files::CHANGES, ..tool_row("rm", "remove files", Files, files::run) },
    tool_row("sleep", "let time pass", Nothing, |m, argv, _, io| system::sleep(m, argv, io)),
    Tool {
        options: |_| sysctl::SPEC,
        letters: &[('a', "all settings"), ('n', "values only"), ('w', "write NAME=VALUE")],
        ..tool_row("sysctl", "settings of the network stack", Settings, |m, argv, _, io| sysctl::run(m, argv, io))
    },
    Tool { options: |_| files::CHANGES, ..tool_row("touch", "make an empty file", Files, files::run) },
    Tool {
        options: traceroute::spec,
        letters: TRACEROUTE,
        ..tool_row("traceroute", "the routers on the way to an address", Hosts, |m, argv, _, io| {
            traceroute::run(m, argv, io)
        })
    },
    Tool {
        options: |_| system::UNAME,
        ..tool_row("uname", "the kernel's name and version", Nothing, |m, argv, _, io| system::uname(m, argv, io))
    },
    tool_row("uptime", "how long this machine runs", Nothing, |m, argv, _, io| system::uptime(m, argv, io)),
    tool_row("whoami", "your user name", Nothing, |m, argv, _, io| system::whoami(m, argv, io)),
];

/// The tool of this name.
pub fn tool(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

const PING: &[(char, &str)] = &[
    ('4', "IPv4"),
    ('6', "IPv6"),
    ('A', "send as soon as the answer is there"),
    ('D', "print the time of each line"),
    ('I', "source address or device"),
    ('M', "path MTU: do, dont, want"),
    ('O', "report answers that are missing"),
    ('W', "seconds to wait for an answer"),
    ('c', "how many requests"),
    ('f', "flood"),
    ('i', "seconds between requests"),
    ('n', "no names"),
    ('q', "print the summary only"),
    ('s', "bytes of data"),
    ('t', "TTL"),
    ('w', "seconds until the end"),
];

const TRACEROUTE: &[(char, &str)] = &[
    ('4', "IPv4"),
    ('6', "IPv6"),
    ('F', "do not fragment"),
    ('I', "ICMP echo instead of UDP"),
    ('f', "first TTL"),
    ('m', "highest TTL"),
    ('n', "no names"),
    ('p', "port"),
    ('q', "probes for each hop"),
    ('w', "seconds to wait for an answer"),
];

const NC: &[(char, &str)] = &[
    ('l', "listen"),
    ('n', "no names"),
    ('u', "UDP"),
    ('v', "say what happens"),
    ('w', "seconds to wait"),
    ('z', "only see whether the port is open"),
];
