//! `bridge fdb|link`: iproute2 6.1's.

use super::super::machine::Machine;
use super::super::shell::Io;
use super::{NOT_RUNNING, fail};
use crate::tables::text::{Format, fdb, link};

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let mut format = Format::default();
    let mut words = argv[1..].iter().map(String::as_str).peekable();
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        match option.trim_start_matches('-') {
            "j" | "json" => format.json = true,
            "d" | "details" => format.details = true,
            "p" | "pretty" | "c" | "color" | "s" | "statistics" | "o" | "oneline" => {}
            "V" | "Version" => return fail(io, "bridge utility, 6.1.0\n", 0),
            name => return fail(io, &format!("Option \"-{name}\" is unknown, try \"bridge help\".\n"), 255),
        }
    }
    let object = words.next().unwrap_or_default();
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    let command = words.next_if(|word| !matches!(*word, "dev" | "br" | "brport")).unwrap_or("show");
    if !matches!(object, "fdb" | "link") {
        return fail(io, &format!("Object \"{object}\" is unknown, try \"bridge help\".\n"), 255);
    }
    if !["show", "list", "lst"].iter().any(|known| known.starts_with(command)) {
        return fail(
            io,
            &format!("bridge: podhop shows tables and does not change them (bridge {object} {command})\n"),
            1,
        );
    }
    let mut filter = fdb::Filter::default();
    while let Some(word) = words.next() {
        let name = if matches!(word, "dev" | "br" | "brport") { words.next().unwrap_or_default() } else { word };
        let Some(found) = netns.link_named(name) else {
            return fail(io, &format!("Cannot find device \"{name}\"\n"), 1);
        };
        *if word == "br" { &mut filter.bridge } else { &mut filter.dev } = Some(found.index);
    }
    if object == "link" {
        for port in netns.links.iter().filter(|link| link.master.is_some()) {
            if filter.dev.is_none_or(|dev| dev == port.index) {
                let row = link::row(&netns, port);
                let head = row.split(" qdisc ").next().unwrap_or_default();
                let master = port.master.and_then(|index| netns.link(index)).map_or("", |link| &link.name);
                let state = if port.up { "forwarding" } else { "disabled" };
                io.out(&format!("{head} master {master} state {state} priority 32 cost 2 \n"));
            }
        }
        return 0;
    }
    let now = machine.world.now();
    let state = machine.world.state(netns.id);
    let learned = state.into_iter().flat_map(|state| state.fdb(now));
    let learned = learned.map(|(_, mac, port)| fdb::LearnedMac { port, mac });
    let text = fdb::all(&netns, learned, format, filter);
    io.out(&text);
    0
}
