//! `nslookup`: BIND 9.18's, which goes through the search list, and busybox 1.37's, which asks about every suffix at once.

use super::ask::{Ask, Heard, draw_id};
use crate::console::machine::Machine;
use crate::console::net::options::busybox_usage;
use crate::console::net::{fail, resolve};
use crate::console::shell::Io as Out;
use crate::dataplane::resolver::{Families, Library, candidates};
use crate::dataplane::{Io, Process, ProcessEvent};
use crate::net::dns::{self, Data, Message, Question, Rcode, ResolvConf, Type, name};
use crate::trace::{FlowEnd, Nanos};
use std::net::{IpAddr, SocketAddr};

const SECOND: Nanos = 1_000_000_000;

struct Settings {
    host: String,
    /// Empty: A and AAAA, or PTR for an address.
    kinds: Vec<Type>,
    tcp: bool,
    port: u16,
    timeout: u64,
    search: bool,
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Out) -> i32 {
    // BIND's is the one where an image has both.
    let bind = machine.toolbox().dig;
    let mut settings =
        Settings { host: String::new(), kinds: Vec::new(), tcp: false, port: dns::PORT, timeout: 5, search: true };
    let mut operands: Vec<&str> = Vec::new();
    for word in &argv[1..] {
        let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
            operands.push(word);
            continue;
        };
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let done = match key {
            "type" | "q" | "querytype" | "query" | "ty" => Type::parse(value).map(|kind| settings.kinds = vec![kind]),
            "port" => value.parse().ok().map(|port| settings.port = port),
            "timeout" => value.parse().ok().map(|timeout| settings.timeout = timeout),
            "vc" | "novc" | "search" | "nosearch" | "debug" | "retry" | "nodebug" | "recurse" => {
                settings.tcp = if key.ends_with("vc") { key == "vc" } else { settings.tcp };
                settings.search = if key.ends_with("search") { key == "search" } else { settings.search };
                Some(())
            }
            _ => None,
        };
        if done.is_none() {
            return match (bind, key) {
                (true, "type" | "q" | "querytype") => fail(io, &format!("unknown query type: {value}\n"), 1),
                (true, _) => fail(io, &format!("*** Invalid option: {option}\n"), 1),
                (false, "type" | "q" | "querytype") => {
                    fail(io, &format!("nslookup: invalid query type \"{value}\"\n"), 1)
                }
                (false, _) => fail(io, &format!("nslookup: invalid option -- '{option}'\n{}", usage()), 1),
            };
        }
    }
    let (host, server) = match operands.as_slice() {
        [host] => (*host, None),
        [host, server] => (*host, Some((*server).to_owned())),
        [] if bind => {
            let why = "podhop's terminal has no interactive nslookup: give it a name\n";
            return fail(io, &format!("nslookup: {why}"), 1);
        }
        _ => return fail(io, &usage(), 1),
    };
    settings.host = host.to_owned();
    let conf = resolve::resolv_conf(machine);
    let title = argv.join(" ");
    let Some(server) = server else {
        let servers = conf.servers.clone();
        let process = process(bind, settings, conf, servers);
        let to = process.1;
        return machine.run_process((title, to), process.0, crate::world::Limit::default(), io);
    };
    let name = server.clone();
    resolve::run(machine, io, (title, &name), Families::Any, move |_, found| match found {
        Ok(found) => Ok(process(bind, settings, conf, vec![found.addresses[0]]).0),
        Err(_) if bind => Err((format!("nslookup: couldn't get address for '{server}': not found\n"), 1)),
        Err(_) => Err((format!("nslookup: bad address '{server}'\n"), 1)),
    })
}

fn usage() -> String {
    busybox_usage("nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]")
}

fn process(
    bind: bool,
    settings: Settings,
    conf: ResolvConf,
    servers: Vec<IpAddr>,
) -> (Box<dyn Process>, Option<IpAddr>) {
    let to = servers.first().copied();
    let process: Box<dyn Process> = match bind {
        true => Box::new(Bind::new(settings, conf, servers)),
        false => Box::new(Busybox::new(&settings, &conf, servers)),
    };
    (process, to)
}

/// The questions about a host: by name or, for an address, about its reverse name.
fn kinds_of(settings: &Settings) -> (Option<String>, Vec<Type>) {
    match settings.host.parse::<IpAddr>() {
        Ok(ip) if settings.kinds.is_empty() || settings.kinds == [Type::PTR] => {
            (Some(name::of_address(ip).to_string()), vec![Type::PTR])
        }
        _ if settings.kinds.is_empty() => (None, vec![Type::A, Type::AAAA]),
        _ => (None, settings.kinds.clone()),
    }
}

struct Bind {
    settings: Settings,
    servers: Vec<IpAddr>,
    names: Vec<String>,
    kinds: Vec<Type>,
    at: usize,
    kind: usize,
    server: usize,
    ask: Option<Ask>,
    turn: u32,
    greeted: bool,
    found: bool,
}

impl Bind {
    fn new(settings: Settings, conf: ResolvConf, servers: Vec<IpAddr>) -> Bind {
        let (reverse, kinds) = kinds_of(&settings);
        let names = match reverse {
            Some(reverse) => vec![reverse],
            None if !settings.search => vec![name::absolute(&settings.host).to_string()],
            None => candidates(&settings.host, &conf, Library::Glibc),
        };
        Bind {
            settings,
            servers,
            names,
            kinds,
            at: 0,
            kind: 0,
            server: 0,
            ask: None,
            turn: 0,
            greeted: false,
            found: false,
        }
    }

    fn next(&mut self, io: &mut Io<'_, '_>) {
        let Some(full) = self.names.get(self.at) else { return self.finish(io, i32::from(!self.found)) };
        self.turn += 1;
        let query = Message::query(draw_id(io, self.turn), Question::new(full.as_str(), self.kinds[self.kind]));
        let server = (self.servers[self.server % self.servers.len()], self.settings.port);
        let mut ask =
            Ask::new(query, server, self.settings.tcp, (self.settings.timeout * SECOND, 3), self.turn << 8).aloud();
        let heard = ask.start(io);
        self.ask = Some(ask);
        if let Some(heard) = heard {
            self.heard(io, heard);
        }
    }

    fn finish(&mut self, io: &mut Io<'_, '_>, status: i32) {
        io.print("\n");
        io.conclude(if status == 0 || self.greeted { FlowEnd::Delivered } else { FlowEnd::TimedOut });
        io.exit(status);
    }

    fn heard(&mut self, io: &mut Io<'_, '_>, heard: Heard) {
        match heard {
            Heard::Failed => {
                self.server += 1;
                if self.server < self.servers.len() {
                    return self.next(io);
                }
                io.print(";; no servers could be reached\n\n");
                io.conclude(FlowEnd::TimedOut);
                io.exit(1);
            }
            Heard::Answer { message, tcp, .. } => {
                if tcp && !self.settings.tcp {
                    io.print(";; Truncated, retrying in TCP mode.\n");
                }
                self.answer(io, &message);
            }
        }
    }

    fn answer(&mut self, io: &mut Io<'_, '_>, message: &Message) {
        let useful = message.rcode == Rcode::NOERROR && !message.answers.is_empty();
        let more = self.at + 1 < self.names.len();
        if !useful && more && !self.found && self.kind == 0 {
            // The rest of the search list first.
            self.at += 1;
            return self.next(io);
        }
        if !std::mem::replace(&mut self.greeted, true) {
            let (ip, port) = self.ask.as_ref().map_or((self.servers[0], dns::PORT), Ask::server);
            io.print(format!("Server:\t\t{ip}\nAddress:\t{ip}#{port}\n\n"));
        }
        let shown = self.names[self.at].trim_end_matches('.').to_owned();
        if message.rcode != Rcode::NOERROR {
            if !self.found {
                io.print(format!("** server can't find {shown}: {}\n", message.rcode));
            }
            return self.finish(io, i32::from(!self.found));
        }
        if message.answers.is_empty() {
            if self.kind + 1 == self.kinds.len() && !self.found {
                io.print(format!("*** Can't find {shown}: No answer\n"));
            }
        } else {
            if !message.flags.authoritative && !self.found {
                io.print("Non-authoritative answer:\n");
            }
            self.found = true;
            io.print(records(message, true));
        }
        self.kind += 1;
        if self.kind >= self.kinds.len() {
            return self.finish(io, i32::from(!self.found));
        }
        self.next(io);
    }
}

impl Process for Bind {
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

/// The answers as both programs print them.
fn records(message: &Message, bind: bool) -> String {
    let mut text = String::new();
    for record in &message.answers {
        let owner = record.name.trim_end_matches('.');
        let line = match &record.data {
            Data::A(ip) => format!("Name:\t{owner}\nAddress: {ip}\n"),
            Data::Aaaa(ip) => format!("Name:\t{owner}\nAddress: {ip}\n"),
            Data::Cname(target) if bind => format!("{owner}\tcanonical name = {target}\n"),
            Data::Cname(target) => format!("{owner}\tcanonical name = {}\n", target.trim_end_matches('.')),
            Data::Ptr(target) if bind => format!("{owner}\tname = {target}\n"),
            Data::Ptr(target) => format!("{owner}\tname = {}\n", target.trim_end_matches('.')),
            Data::Ns(target) => format!("{owner}\tnameserver = {target}\n"),
            Data::Mx { preference, exchange } => format!("{owner}\tmail exchanger = {preference} {exchange}\n"),
            Data::Txt(_) => format!("{owner}\ttext = {}\n", record.data),
            Data::Srv { .. } => format!("{owner}\tservice = {}\n", record.data),
            Data::Soa(soa) => format!(
                "{owner}\n\torigin = {}\n\tmail addr = {}\n\tserial = {}\n\trefresh = {}\n\tretry = {}\n\texpire = {}\n\tminimum = {}\n",
                soa.primary.trim_end_matches('.'),
                soa.mailbox.trim_end_matches('.'),
                soa.serial,
                soa.refresh,
                soa.retry,
                soa.expire,
                soa.minimum
            ),
            other => format!("{owner}\trdata_{} = {other}\n", record.kind().0),
        };
        text.push_str(&line);
    }
    text
}

/// Models networking/nslookup.c of busybox 1.37 (FEATURE_NSLOOKUP_BIG).
struct Busybox {
    server: SocketAddr,
    questions: Vec<Question>,
    asks: Vec<Option<Ask>>,
    left: usize,
    failed: bool,
    patience: Nanos,
}

impl Busybox {
    fn new(settings: &Settings, conf: &ResolvConf, servers: Vec<IpAddr>) -> Busybox {
        let (reverse, kinds) = kinds_of(settings);
        let names = match reverse {
            Some(reverse) => vec![reverse],
            // A name with a dot in it is not searched.
            None if settings.host.contains('.') || conf.search.is_empty() => {
                vec![name::absolute(&settings.host).to_string()]
            }
            None => conf.search.iter().map(|domain| format!("{}.{domain}.", settings.host)).collect(),
        };
        let each = |kind: &Type| {
            let kind = *kind;
            names.iter().map(move |name| Question::new(name.as_str(), kind)).collect::<Vec<_>>()
        };
        let questions: Vec<Question> = kinds.iter().flat_map(each).filter(|q| name::is_valid(&q.name)).collect();
        let left = questions.len();
        let server = SocketAddr::new(servers.first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1])), settings.port);
        let patience = settings.timeout * SECOND / 2;
        Busybox { server, questions, asks: Vec::new(), left, failed: false, patience }
    }

    fn heard(&mut self, io: &mut Io<'_, '_>, index: usize, heard: Heard) {
        match heard {
            Heard::Failed => {
                io.print_err(";; connection timed out; no servers could be reached\n\n");
                io.conclude(FlowEnd::TimedOut);
                io.exit(1);
            }
            Heard::Answer { message, .. } => {
                let shown = self.questions[index].name.trim_end_matches('.').to_owned();
                let mut text = String::new();
                if message.rcode != Rcode::NOERROR {
                    text = format!("** server can't find {shown}: {}\n", message.rcode);
                    self.failed = true;
                } else {
                    if !message.flags.authoritative {
                        text.push_str("Non-authoritative answer:\n");
                    }
                    let found = records(&message, false);
                    match found.is_empty() {
                        true => text.push_str(&format!("*** Can't find {shown}: No answer\n")),
                        false => text.push_str(&found),
                    }
                }
                io.print(text + "\n");
                self.asks[index] = None;
                self.left -= 1;
                if self.left == 0 {
                    io.conclude(FlowEnd::Delivered);
                    io.exit(i32::from(self.failed));
                }
            }
        }
    }
}

impl Process for Busybox {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => {
                let server = self.server;
                io.print(format!("Server:\t\t{}\nAddress:\t{server}\n\n", server.ip()));
                if self.questions.is_empty() {
                    return io.exit(1);
                }
                for index in 0..self.questions.len() {
                    let query = Message::query(draw_id(io, index as u32 + 1), self.questions[index].clone());
                    let to = (server.ip(), server.port());
                    self.asks.push(Some(Ask::new(query, to, false, (self.patience, 2), (index as u32 + 1) << 8)));
                }
                for index in 0..self.questions.len() {
                    let heard = self.asks[index].as_mut().and_then(|ask| ask.start(io));
                    if let Some(heard) = heard {
                        return self.heard(io, index, heard);
                    }
                }
            }
            ProcessEvent::Interrupt => io.exit(130),
            event => {
                for index in 0..self.asks.len() {
                    let heard = self.asks[index].as_mut().and_then(|ask| ask.on(io, &event));
                    if let Some(heard) = heard {
                        return self.heard(io, index, heard);
                    }
                }
            }
        }
    }
}
