//! `ip`: iproute2 6.1's and busybox 1.37's, by the image, over the namespace's tables.
//!
//! Objects: address, link, route, neighbor; iproute2 also has rule and netns. Left out, each with a message: statistics,
//! batches, monitoring, tunnels and other objects.

mod change;
mod get;
mod show;
#[cfg(test)]
mod tests;

use super::super::machine::{Context, Machine};
use super::super::shell::Io;
use super::options::busybox_usage;
use super::{NOT_RUNNING, fail};
use crate::tables::text::{Family, Format, Tool};
use crate::workload;

/// One command in execution.
struct Ip<'m, 'a, 'i> {
    machine: &'m mut Machine<'a>,
    io: &'i mut Io,
    format: Format,
}

/// A message and the exit status.
type Problem = (String, i32);

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let busybox = machine.toolbox().ip == workload::Ip::Busybox;
    let tool = if busybox { Tool::Busybox } else { Tool::Iproute2 };
    let mut ip = Ip { machine, io, format: Format { tool, ..Format::default() } };
    let words: Vec<&str> = argv[1..].iter().map(String::as_str).collect();
    match ip.command(&words) {
        Ok(status) => status,
        Err((message, status)) => fail(ip.io, &message, status),
    }
}

/// iproute2's objects in the order in which an abbreviation is looked up.
const OBJECTS: [(&str, &str); 22] = [
    ("address", "address"),
    ("addrlabel", ""),
    ("maddress", ""),
    ("route", "route"),
    ("rule", "rule"),
    ("neighbor", "neighbor"),
    ("neighbour", "neighbor"),
    ("ntable", ""),
    ("ntbl", ""),
    ("link", "link"),
    ("l2tp", ""),
    ("tunnel", ""),
    ("tunl", ""),
    ("tuntap", ""),
    ("token", ""),
    ("monitor", ""),
    ("xfrm", ""),
    ("mroute", ""),
    ("netns", "netns"),
    ("netconf", ""),
    ("vrf", ""),
    ("nexthop", ""),
];

/// busybox's objects.
const BUSYBOX_OBJECTS: [(&str, &str); 6] = [
    ("address", "address"),
    ("route", "route"),
    ("r", "route"),
    ("link", "link"),
    ("neigh", "neighbor"),
    ("rule", "rule"),
];

impl Ip<'_, '_, '_> {
    fn busybox(&self) -> bool {
        self.format.tool == Tool::Busybox
    }

    fn usage(&self) -> Problem {
        if self.busybox() {
            (busybox_usage("ip [OPTIONS] address|route|link|neigh|rule [ARGS]"), 1)
        } else {
            let usage = "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n\
                         where  OBJECT := { address | link | neighbor | netns | route | rule }\n       \
                         OPTIONS := { -V[ersion] | -d[etails] | -j[son] | -4 | -6 | -br[ief] | -o[neline] }\n";
            (usage.to_owned(), 255)
        }
    }

    /// Options, then the object and its command.
    fn command(&mut self, words: &[&str]) -> Result<i32, Problem> {
        let mut rest = words;
        while let [option, after @ ..] = rest {
            let Some(name) = option.strip_prefix('-').filter(|name| !name.is_empty()) else { break };
            rest = self.option(name, after)?;
        }
        let [object, rest @ ..] = rest else { return Err(self.usage()) };
        let objects: &[(&str, &str)] = if self.busybox() { &BUSYBOX_OBJECTS } else { &OBJECTS };
        let found = objects.iter().find(|(name, _)| name.starts_with(object)).map(|(_, object)| *object);
        match found {
            Some("address") => self.address(rest),
            Some("link") => self.link(rest),
            Some("route") => self.route(rest),
            Some("neighbor") => self.neighbor(rest),
            Some("rule") => self.rule(rest),
            Some("netns") => self.netns_list(rest),
            Some(_) => Err((format!("ip: podhop does not simulate `ip {object}`\n"), 1)),
            None if self.busybox() || "help".starts_with(object) => Err(self.usage()),
            None => Err((format!("Object \"{object}\" is unknown, try \"ip help\".\n"), 1)),
        }
    }

    /// One option of `ip` itself, without its first dash; what follows it.
    fn option<'w>(&mut self, name: &str, after: &'w [&'w str]) -> Result<&'w [&'w str], Problem> {
        let name = name.strip_prefix('-').unwrap_or(name);
        let is = |full: &str, len: usize| name.len() >= len && full.starts_with(name);
        match name {
            "4" => self.format.family = Family::V4,
            "6" => self.format.family = Family::V6,
            "0" => self.format.family = Family::Any,
            _ if is("oneline", 1) => self.format.oneline = true,
            _ if is("family", 1) => {
                let [family, after @ ..] = after else { return Err(self.usage()) };
                self.format.family = match *family {
                    "inet" => Family::V4,
                    "inet6" => Family::V6,
                    "link" => Family::Any,
                    _ if self.busybox() => {
                        return Err((format!("ip: invalid argument '{family}' to 'protocol family'\n"), 1));
                    }
                    _ => {
                        return Err((
                            format!("Error: argument \"{family}\" is wrong: invalid protocol family\n\n"),
                            255,
                        ));
                    }
                };
                return Ok(after);
            }
            _ if self.busybox() => return Err(self.usage()),
            _ if is("brief", 2) => self.format.brief = true,
            _ if is("details", 1) => self.format.details = true,
            _ if is("json", 1) => self.format.json = true,
            _ if is("pretty", 1) || is("resolve", 1) || is("human", 1) || is("Numeric", 1) => {}
            _ if is("color", 1) || name.starts_with("c=") || name.starts_with("color=") => {}
            _ if is("Version", 1) => return Err(("ip utility, iproute2-6.1.0, libbpf 1.1.2\n".to_owned(), 0)),
            _ if is("stats", 1) || is("statistics", 1) => {
                self.io.err("ip: podhop counts no packets per device (-s); the packets themselves are in the trace\n");
            }
            _ if is("netns", 1) => {
                return Err(("ip: podhop opens no other namespace (-n): use kubectl exec or ssh\n".to_owned(), 1));
            }
            _ if is("help", 1) => return Err(self.usage()),
            _ => return Err((format!("Option \"-{name}\" is unknown, try \"ip -help\".\n"), 255)),
        }
        Ok(after)
    }

    /// `ip rule`: the kernel's own three.
    fn rule(&mut self, words: &[&str]) -> Result<i32, Problem> {
        match words {
            [] | ["show" | "list" | "ls" | "l" | "s"] => {
                self.io
                    .out("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n");
                Ok(0)
            }
            _ => Err(("ip: podhop has the kernel's own rules and no others\n".to_owned(), 1)),
        }
    }

    /// `ip netns`: the names that the container runtime gave.
    fn netns_list(&mut self, words: &[&str]) -> Result<i32, Problem> {
        if !matches!(words, [] | ["show" | "list" | "ls"]) {
            return Err(("ip: podhop lists namespaces; to run a command in one use kubectl exec\n".to_owned(), 1));
        }
        if matches!(self.machine.context, Context::Node { .. }) {
            let Some(netns) = self.machine.netns() else { return Err((NOT_RUNNING.to_owned(), 126)) };
            let ports = netns.links.iter().filter(|link| link.master.is_some());
            for (number, link) in ports.enumerate() {
                let name = crate::tables::text::link::netns_name(link.mac);
                self.io.out(&format!("{name} (id: {number})\n"));
            }
        }
        Ok(0)
    }

    fn no_such_device(&self, name: &str, words: &str, status: i32) -> Problem {
        if self.busybox() {
            (format!("ip: can't find device '{name}'\n"), 1)
        } else {
            (format!("{words} \"{name}\"{}\n", if words == "Device" { " does not exist." } else { "" }), status)
        }
    }

    /// iproute2's words for a command that an object does not have.
    fn unknown_command(&self, object: &str, command: &str) -> Problem {
        if self.busybox() {
            (format!("ip: invalid argument '{command}' to 'ip'\n"), 1)
        } else {
            (format!("Command \"{command}\" is unknown, try \"ip {object} help\".\n"), 255)
        }
    }

    /// A value of a keyword that makes no sense.
    fn wrong_argument(&self, value: &str, keyword: &str, why: &str) -> Problem {
        if self.busybox() {
            (format!("ip: invalid argument '{value}' to '{keyword}'\n"), 1)
        } else {
            (format!("Error: argument \"{value}\" is wrong: {why}\n\n"), 255)
        }
    }

    /// The command line ends where a value should follow.
    fn incomplete(&self) -> Problem {
        if self.busybox() {
            self.usage()
        } else {
            ("Command line is not complete. Try option \"help\"\n".to_owned(), 255)
        }
    }

    fn bad_prefix(&self, text: &str) -> Problem {
        if self.busybox() {
            (format!("ip: invalid argument '{text}' to 'prefix'\n"), 1)
        } else {
            (format!("Error: any valid prefix is expected rather than \"{text}\".\n"), 1)
        }
    }
}

/// Commands that show, of every object.
const SHOW: [&str; 3] = ["show", "list", "lst"];
/// Commands that change, by object.
const ADDRESS_CHANGES: [&str; 5] = ["add", "change", "replace", "delete", "flush"];
const LINK_CHANGES: [&str; 3] = ["add", "set", "delete"];
const ROUTE_CHANGES: [&str; 7] = ["add", "append", "change", "chg", "replace", "delete", "flush"];
const NEIGHBOR_CHANGES: [&str; 5] = ["add", "change", "chg", "replace", "delete"];

/// What may follow `ip` in this place: its objects with the commands of each. Words that only abbreviate others are left
/// out.
pub fn grammar(machine: &Machine<'_>) -> Vec<(&'static str, Vec<&'static str>)> {
    let busybox = machine.toolbox().ip == workload::Ip::Busybox;
    let objects: &[(&str, &str)] = if busybox { &BUSYBOX_OBJECTS } else { &OBJECTS };
    let simulated = objects.iter().filter(|(name, object)| !object.is_empty() && name.len() > 1);
    simulated
        .map(|(name, object)| {
            let (changes, more): (&[&str], &[&str]) = match *object {
                "address" => (&ADDRESS_CHANGES, &[]),
                "link" => (&LINK_CHANGES, &[]),
                "route" => (&ROUTE_CHANGES, &["get"]),
                "neighbor" if busybox => (&[], &["flush"]),
                "neighbor" => (&NEIGHBOR_CHANGES, &["flush"]),
                _ => (&[], &[]),
            };
            let commands = SHOW[..1].iter().chain(more).chain(changes).filter(|command| **command != "chg");
            (*name, commands.copied().collect())
        })
        .collect()
}

/// Does `word` abbreviate one of these commands?
fn is_command(word: &str, commands: &[&str]) -> bool {
    !word.is_empty() && commands.iter().any(|command| command.starts_with(word))
}
