//! `host`: BIND 9.18's.

use super::ask::{Ask, Heard, draw_id};
use crate::console::machine::Machine;
use crate::console::net::options::Options;
use crate::console::net::{fail, resolve};
use crate::console::shell::Io as Out;
use crate::dataplane::resolver::{Families, Library, candidates};
use crate::dataplane::{Io, Process, ProcessEvent};
use crate::net::dns::{self, Data, Message, Question, Rcode, Type, name};
use crate::trace::{FlowEnd, Nanos};
use std::net::IpAddr;

const SECOND: Nanos = 1_000_000_000;

struct Host {
    servers: Vec<IpAddr>,
    /// Said first if a server was named.
    greeting: String,
    names: Vec<String>,
    kinds: Vec<Type>,
    tcp: bool,
    at: usize,
    kind: usize,
    server: usize,
    ask: Option<Ask>,
    turn: u32,
    given: String,
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Out) -> i32 {
    let mut options = Options::new(super::HOST, argv);
    let (mut kind, mut tcp) = (None, false);
    while let Some(option) = options.next() {
        match option {
            Ok(('t', value)) => match Type::parse(value) {
                Some(given) => kind = Some(given),
                None => return fail(io, &format!("host: invalid type: {value}\n\n"), 2),
            },
            Ok(('T', _)) => tcp = true,
            Ok(('a', _)) => kind = Some(Type::ANY),
            Ok(_) => {}
            Err(message) => return fail(io, &format!("host: {message}\n{USAGE}"), 2),
        }
    }
    let (given, server) = match options.operands.as_slice() {
        [name] => ((*name).to_owned(), None),
        [name, server] => ((*name).to_owned(), Some((*server).to_owned())),
        _ => return fail(io, USAGE, 1),
    };
    let conf = resolve::resolv_conf(machine);
    let (names, kinds) = match given.parse::<IpAddr>() {
        Ok(ip) => (vec![name::of_address(ip).to_string()], vec![Type::PTR]),
        Err(_) => {
            let kinds = kind.map_or_else(|| vec![Type::A, Type::AAAA, Type::MX], |kind| vec![kind]);
            (candidates(&given, &conf, Library::Glibc), kinds)
        }
    };
    let mut host = Host {
        servers: conf.servers,
        greeting: String::new(),
        names,
        kinds,
        tcp,
        at: 0,
        kind: 0,
        server: 0,
        ask: None,
        turn: 0,
        given,
    };
    let title = argv.join(" ");
    let Some(server) = server else {
        let to = host.servers.first().copied();
        return machine.run_process((title, to), Box::new(host), crate::world::Limit::default(), io);
    };
    let name = server.clone();
    resolve::run(machine, io, (title, &name), Families::Any, move |_, found| match found {
        Ok(found) => {
            let ip = found.addresses[0];
            host.servers = vec![ip];
            host.greeting = format!("Using domain server:\nName: {server}\nAddress: {ip}#53\nAliases: \n\n");
            Ok(Box::new(host))
        }
        Err(_) => Err((format!("host: couldn't get address for '{server}': not found\n"), 1)),
    })
}

const USAGE: &str = "Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n            [-R number] [-m flag] [-p port] hostname [server]\n";

impl Host {
    fn next(&mut self, io: &mut Io<'_, '_>) {
        let Some(full) = self.names.get(self.at) else { return self.end(io, 1) };
        self.turn += 1;
        let query = Message::query(draw_id(io, self.turn), Question::new(full.as_str(), self.kinds[self.kind]));
        let server = (self.servers[self.server % self.servers.len()], dns::PORT);
        let mut ask = Ask::new(query, server, self.tcp, (5 * SECOND, 2), self.turn << 8).aloud();
        let heard = ask.start(io);
        self.ask = Some(ask);
        if let Some(heard) = heard {
            self.heard(io, heard);
        }
    }

    fn end(&mut self, io: &mut Io<'_, '_>, status: i32) {
        io.conclude(FlowEnd::Delivered);
        io.exit(status);
    }

    fn heard(&mut self, io: &mut Io<'_, '_>, heard: Heard) {
        let message = match heard {
            Heard::Answer { message, .. } => message,
            Heard::Failed => {
                self.server += 1;
                if self.server < self.servers.len() {
                    return self.next(io);
                }
                io.print(";; no servers could be reached\n");
                io.conclude(FlowEnd::TimedOut);
                return io.exit(1);
            }
        };
        let useful = message.rcode == Rcode::NOERROR && (!message.answers.is_empty() || self.kind > 0);
        if !useful && self.at + 1 < self.names.len() && self.kind == 0 {
            self.at += 1;
            return self.next(io);
        }
        io.print(std::mem::take(&mut self.greeting));
        if message.rcode != Rcode::NOERROR {
            let code = message.rcode;
            io.print(format!("Host {} not found: {}({code})\n", self.shown(), code.0));
            return self.end(io, 1);
        }
        if message.answers.is_empty() && self.kinds.len() == 1 {
            io.print(format!("{} has no {} record\n", self.shown(), self.kinds[0]));
        }
        io.print(lines(&message));
        self.kind += 1;
        if self.kind >= self.kinds.len() {
            return self.end(io, 0);
        }
        self.next(io);
    }

    fn shown(&self) -> String {
        if self.at + 1 == self.names.len() && self.kinds != [Type::PTR] {
            return self.given.trim_end_matches('.').to_owned();
        }
        self.names[self.at].trim_end_matches('.').to_owned()
    }
}

fn lines(message: &Message) -> String {
    let mut text = String::new();
    for record in &message.answers {
        let owner = record.name.trim_end_matches('.');
        let what = match &record.data {
            Data::A(_) => "has address",
            Data::Aaaa(_) => "has IPv6 address",
            Data::Cname(_) => "is an alias for",
            Data::Ptr(_) => "domain name pointer",
            Data::Mx { .. } => "mail is handled by",
            Data::Ns(_) => "name server",
            Data::Txt(_) => "descriptive text",
            Data::Srv { .. } => "has SRV record",
            Data::Soa(_) => "has SOA record",
            _ => "has record",
        };
        text.push_str(&format!("{owner} {what} {}\n", record.data));
    }
    text
}

impl Process for Host {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => self.next(io),
            ProcessEvent::Interrupt => io.exit(130),
            event => {
                let heard = self.ask.as_mut().and_then(|ask| ask.on(io, &event));
                heard.into_iter().for_each(|heard| self.heard(io, heard));
            }
        }
    }
}
