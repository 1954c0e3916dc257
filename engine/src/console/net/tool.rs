//! The tools by name: what each is for, which options its parser takes, and what runs it.

use super::super::machine::Machine;
use super::super::shell::{Io, Session};
use super::options::Spec;
use super::{
    bridge, calicoctl, cilium, conntrack, dns, files, hostname, http, ip, ipset, iptables, ipvsadm, nc, nft, ping,
    signal, sysctl, system, tc, traceroute,
};

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
    /// Its options, which may depend on the image.
    pub options: fn(&Machine<'_>) -> Spec,
    pub operands: Operands,
    pub(super) run: Run,
}

const fn row(name: &'static str, options: fn(&Machine<'_>) -> Spec, operands: Operands, run: Run) -> Tool {
    Tool { name, options, operands, run }
}

use Operands::{Files, Grammar, Hosts, Nothing, Settings};

/// Every tool, by name. What each is for is told by `about`.
pub const TOOLS: &[Tool] = &[
    row("bridge", none, Grammar, |m, argv, _, io| bridge::run(m, argv, io)),
    row("calicoctl", none, Grammar, |m, argv, _, io| calicoctl::run(m, argv, io)),
    row("cilium", none, Grammar, |m, argv, _, io| cilium::run(m, argv, io)),
    row("cilium-dbg", none, Grammar, |m, argv, _, io| cilium::run(m, argv, io)),
    row("conntrack", |_| conntrack::SPEC, Nothing, |m, argv, _, io| conntrack::run(m, argv, io)),
    row("curl", |_| http::CURL, Hosts, http::curl),
    row("date", none, Nothing, |m, argv, _, io| system::date(m, argv, io)),
    row("dig", |_| dns::DIG, Hosts, |m, argv, _, io| dns::dig(m, argv, io)),
    row("getent", |_| dns::GETENT, Hosts, |m, argv, _, io| dns::getent(m, argv, io)),
    row("host", |_| dns::HOST, Hosts, |m, argv, _, io| dns::host(m, argv, io)),
    row("hostname", |_| hostname::SPEC, Nothing, |m, argv, _, io| hostname::run(m, argv, io)),
    row("hubble", none, Grammar, |m, argv, _, io| cilium::run(m, argv, io)),
    row("id", none, Nothing, |m, argv, _, io| system::id(m, argv, io)),
    row("ip", none, Grammar, |m, argv, _, io| ip::run(m, argv, io)),
    row("ip6tables", |_| iptables::SPEC, Grammar, |m, argv, _, io| iptables::run(m, argv, io)),
    row("ip6tables-save", |_| iptables::SAVE, Nothing, |m, argv, _, io| iptables::save(m, argv, io)),
    row("ipset", none, Grammar, |m, argv, _, io| ipset::run(m, argv, io)),
    row("iptables", |_| iptables::SPEC, Grammar, |m, argv, _, io| iptables::run(m, argv, io)),
    row("iptables-save", |_| iptables::SAVE, Nothing, |m, argv, _, io| iptables::save(m, argv, io)),
    row("ipvsadm", |_| ipvsadm::SPEC, Nothing, |m, argv, _, io| ipvsadm::run(m, argv, io)),
    row("ls", |_| files::LS, Files, files::run),
    row("mkdir", |_| files::CHANGES, Files, files::run),
    row("nc", nc::spec, Hosts, |m, argv, _, io| nc::run(m, argv, io)),
    row("netcat", nc::spec, Hosts, |m, argv, _, io| nc::run(m, argv, io)),
    row("nft", none, Grammar, |m, argv, _, io| nft::run(m, argv, io)),
    row("nslookup", dns::nslookup_options, Hosts, |m, argv, _, io| dns::nslookup(m, argv, io)),
    row("pgrep", none, Grammar, |m, argv, _, io| signal::run(m, argv, io)),
    row("ping", ping::spec, Hosts, |m, argv, _, io| ping::run(m, argv, io)),
    row("pkill", none, Grammar, |m, argv, _, io| signal::run(m, argv, io)),
    row("rm", |_| files::CHANGES, Files, files::run),
    row("sleep", none, Nothing, |m, argv, _, io| system::sleep(m, argv, io)),
    row("sysctl", |_| sysctl::SPEC, Settings, |m, argv, _, io| sysctl::run(m, argv, io)),
    row("tc", none, Grammar, |m, argv, _, io| tc::run(m, argv, io)),
    row("touch", |_| files::CHANGES, Files, files::run),
    row("traceroute", traceroute::spec, Hosts, |m, argv, _, io| traceroute::run(m, argv, io)),
    row("uname", |_| system::UNAME, Nothing, |m, argv, _, io| system::uname(m, argv, io)),
    row("uptime", none, Nothing, |m, argv, _, io| system::uptime(m, argv, io)),
    row("wget", http::wget_options, Hosts, http::wget),
    row("whoami", none, Nothing, |m, argv, _, io| system::whoami(m, argv, io)),
];

fn none(_: &Machine<'_>) -> Spec {
    Spec::short("")
}

/// The tool of this name; `ping6` and `traceroute6` are other names of two.
pub fn tool(name: &str) -> Option<&'static Tool> {
    let name = match name {
        "ping6" => "ping",
        "traceroute6" => "traceroute",
        name => name,
    };
    TOOLS.iter().find(|tool| tool.name == name)
}

impl Tool {
    /// What it does, in a few words.
    pub fn about(&self) -> &'static str {
        match self.name {
            "bridge" => "a bridge's ports and forwarding entries",
            "calicoctl" => "Calico's resources, addresses and BGP sessions",
            "cilium" | "cilium-dbg" => "Cilium's endpoints, identities and maps",
            "hubble" => "Cilium's record of flows",
            "curl" => "fetch a page by HTTP",
            "conntrack" => "the connections that the kernel follows",
            "date" => "the simulation's clock",
            "dig" => "ask a name server, with all it says",
            "getent" => "a name's addresses, as programs get them",
            "host" => "a name's records in sentences",
            "hostname" => "this machine's name and addresses",
            "id" => "who you are",
            "ip" => "addresses, devices, routes, neighbours",
            "ip6tables" => "netfilter's rules for IPv6",
            "ip6tables-save" => "all rules for IPv6, as they can be restored",
            "ipset" => "sets of addresses that rules look into",
            "iptables" => "netfilter's rules",
            "iptables-save" => "all rules, as they can be restored",
            "ipvsadm" => "virtual servers and their real servers",
            "ls" => "list files",
            "mkdir" => "make folders",
            "nc" | "netcat" => "connect to a port",
            "nft" => "nftables' tables, sets, maps and chains",
            "pgrep" => "processes by name",
            "pkill" => "stop processes (-STOP) and let them go on (-CONT)",
            "nslookup" => "ask a name server",
            "ping" => "ICMP echo requests to an address",
            "rm" => "remove files",
            "sleep" => "let time pass",
            "sysctl" => "settings of the network stack",
            "tc" => "lose or delay packets on purpose (netem)",
            "touch" => "make an empty file",
            "traceroute" => "the routers on the way to an address",
            "uname" => "the kernel's name and version",
            "uptime" => "how long this machine runs",
            "wget" => "fetch a page by HTTP",
            "whoami" => "your user name",
            _ => "",
        }
    }

    /// What options mean, where there is room to say it.
    pub fn letters(&self) -> &'static [(char, &'static str)] {
        match self.name {
            "conntrack" => CONNTRACK,
            "iptables-save" | "ip6tables-save" => &[('c', "with counters"), ('t', "one table only")],
            "ipvsadm" => IPVSADM,
            "nc" | "netcat" => NC,
            "ping" => PING,
            "sysctl" => &[('a', "all settings"), ('n', "values only"), ('w', "write NAME=VALUE")],
            "traceroute" => TRACEROUTE,
            _ => &[],
        }
    }
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

const IPVSADM: &[(char, &str)] = &[
    ('L', "list them"),
    ('S', "list them as they can be restored"),
    ('c', "connections"),
    ('n', "no names"),
    ('t', "one of TCP: ADDRESS:PORT"),
    ('u', "one of UDP: ADDRESS:PORT"),
];

const CONNTRACK: &[(char, &str)] = &[
    ('C', "count them"),
    ('D', "delete those that fit"),
    ('F', "delete all"),
    ('L', "list them"),
    ('d', "destination address"),
    ('f', "ipv4 or ipv6"),
    ('g', "destination translated"),
    ('n', "source translated"),
    ('o', "output: extended"),
    ('p', "protocol"),
    ('q', "destination address of the answers"),
    ('r', "source address of the answers"),
    ('s', "source address"),
];
