//! `dig`: BIND 9.18's. Left out: files of questions, DNSSEC, transfers, `+trace`.

mod options;

use super::ask::{Ask, Heard, draw_id};
use crate::console::machine::Machine;
use crate::console::net::clock::Moment;
use crate::console::net::resolve;
use crate::console::net::{NOT_RUNNING, fail};
use crate::console::shell::Io as Out;
use crate::dataplane::resolver::{Families, Library, candidates};
use crate::dataplane::{Io, Process, ProcessEvent};
use crate::net::dns::{self, Data, Message, Question, Rcode, Record, ResolvConf, Type, name};
use crate::trace::{FlowEnd, Nanos};
use options::{Settings, USAGE, plus};
use std::net::IpAddr;

const VERSION: &str = "DiG 9.18.28";
const SECOND: Nanos = 1_000_000_000;

struct Wanted {
    name: String,
    kind: Type,
}

struct Dig {
    settings: Settings,
    line: String,
    servers: Vec<IpAddr>,
    shown_server: String,
    given: bool,
    conf: ResolvConf,
    lookups: Vec<Wanted>,
    at: usize,
    candidate: usize,
    server: usize,
    ask: Option<Ask>,
    turn: u32,
    header: bool,
    status: i32,
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Out) -> i32 {
    let mut settings = Settings::default();
    let (mut server, mut lookups): (Option<String>, Vec<Wanted>) = (None, Vec::new());
    let (mut wanted, mut kind, mut reverse) = (None::<String>, None::<Type>, false);
    let mut words = argv[1..].iter();
    while let Some(word) = words.next() {
        if let Some(option) = word.strip_prefix('+') {
            if let Err(message) = plus(&mut settings, option) {
                return fail(io, &message, 1);
            }
        } else if let Some(text) = word.strip_prefix('@') {
            server = Some(text.to_owned());
        } else if let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) {
            let (letter, attached) = option.split_at(option.chars().next().map_or(0, char::len_utf8));
            if matches!(letter, "4" | "6" | "r" | "u" | "m") {
                continue;
            }
            if letter == "v" {
                return fail(io, &format!("{VERSION}\n"), 0);
            }
            let value = if attached.is_empty() { words.next().map(String::as_str) } else { Some(attached) };
            let Some(value) = value else {
                return fail(io, &format!("Invalid option: -{option}\n{USAGE}"), 1);
            };
            match letter {
                "t" => match Type::parse(value) {
                    Some(given) => kind = Some(given),
                    None => io.err(&format!(";; Warning, ignoring invalid type {value}\n")),
                },
                "x" => match value.parse::<IpAddr>() {
                    Ok(ip) => (wanted, reverse) = (Some(name::of_address(ip).to_string()), true),
                    Err(_) => return fail(io, &format!("Invalid IP address {value}\n"), 1),
                },
                "q" => wanted = Some(value.to_owned()),
                "p" => match value.parse() {
                    Ok(port) => settings.port = port,
                    Err(_) => return fail(io, "dig: couldn't parse port number\n", 1),
                },
                "b" | "c" => {}
                _ => return fail(io, &format!("Invalid option: -{option}\n{USAGE}"), 1),
            }
        } else if let Some(given) = Type::parse(word).filter(|_| wanted.is_some() && kind.is_none()) {
            kind = Some(given);
        } else if let (Some(given), true) = (Type::parse(word), wanted.is_none()) {
            kind = Some(given);
        } else if matches!(word.to_ascii_uppercase().as_str(), "IN" | "CH" | "ANY") && wanted.is_some() {
            if word.eq_ignore_ascii_case("any") {
                kind = Some(Type::ANY);
            }
        } else {
            if let Some(earlier) = wanted.replace(word.clone()) {
                lookups.push(Wanted { name: earlier, kind: kind.take().unwrap_or(Type::A) });
            }
        }
    }
    let default = if reverse { Type::PTR } else { Type::A };
    match wanted {
        Some(name) => lookups.push(Wanted { name, kind: kind.unwrap_or(default) }),
        None if lookups.is_empty() => lookups.push(Wanted { name: ".".to_owned(), kind: kind.unwrap_or(Type::NS) }),
        None => {}
    }
    if let Some(bad) = lookups.iter().find(|wanted| !name::is_valid(&wanted.name)) {
        return fail(
            io,
            &format!(
                "dig: '{}' is not a legal IDNA2008 name (domain label longer than 63 characters), use +noidnin\n",
                bad.name
            ),
            10,
        );
    }
    let conf = resolve::resolv_conf(machine);
    if machine.netns().is_none() {
        return fail(io, NOT_RUNNING, 126);
    }
    let line = argv[1..].join(" ");
    let title = argv.join(" ");
    let mut dig = Dig {
        settings,
        line,
        servers: conf.servers.clone(),
        shown_server: String::new(),
        given: server.is_some(),
        conf,
        lookups,
        at: 0,
        candidate: 0,
        server: 0,
        ask: None,
        turn: 0,
        header: false,
        status: 0,
    };
    let Some(server) = server else {
        let limit = crate::world::Limit::default();
        let to = dig.servers.first().copied();
        return machine.run_process((title, to), Box::new(dig), limit, io);
    };
    resolve::run(machine, io, (title, &server.clone()), Families::Any, move |_, found| match found {
        Ok(found) => {
            dig.servers = vec![found.addresses[0]];
            dig.shown_server = server;
            Ok(Box::new(dig))
        }
        Err(error) => {
            let why = match error.message(Library::Glibc) {
                "Name or service not known" => "not found",
                _ => "failure",
            };
            Err((format!("dig: couldn't get address for '{server}': {why}\n"), 10))
        }
    })
}

impl Dig {
    fn names(&self) -> Vec<String> {
        let wanted = &self.lookups[self.at].name;
        if !self.settings.search {
            return vec![name::absolute(wanted).to_string()];
        }
        let mut conf = self.conf.clone();
        conf.ndots = self.settings.ndots.unwrap_or(conf.ndots);
        candidates(wanted, &conf, Library::Glibc)
    }

    fn next(&mut self, io: &mut Io<'_, '_>) {
        loop {
            if self.at >= self.lookups.len() {
                io.conclude(if self.status == 0 { FlowEnd::Delivered } else { FlowEnd::TimedOut });
                return io.exit(self.status);
            }
            let names = self.names();
            let Some(full) = names.get(self.candidate) else {
                (self.at, self.candidate, self.server) = (self.at + 1, 0, 0);
                continue;
            };
            self.turn += 1;
            let id = draw_id(io, self.turn);
            let mut query = Message::query(id, Question::new(full.as_str(), self.lookups[self.at].kind));
            query.flags.recursion_desired = self.settings.recurse;
            query.flags.authentic_data = true;
            if self.settings.edns {
                let cookie = (io.now() ^ u64::from(id) << 32 | 1).wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes();
                query = query.with_edns(self.settings.bufsize, vec![(10, cookie[..].into())]);
            }
            let server = (self.servers[self.server % self.servers.len()], self.settings.port);
            let patience = (self.settings.time * SECOND, self.settings.tries);
            let mut ask = Ask::new(query, server, self.settings.tcp, patience, self.turn << 8).aloud();
            let heard = ask.start(io);
            self.ask = Some(ask);
            match heard {
                Some(heard) => self.heard(io, heard),
                None => return,
            }
        }
    }

    fn heard(&mut self, io: &mut Io<'_, '_>, heard: Heard) {
        match heard {
            Heard::Answer { message, len, elapsed, tcp } => {
                let more = self.candidate + 1 < self.names().len();
                let useful = message.rcode == Rcode::NOERROR && !message.answers.is_empty();
                if self.settings.search && more && !useful {
                    self.candidate += 1;
                    return;
                }
                self.print(io, &message, len, (elapsed, tcp));
                (self.at, self.candidate, self.server) = (self.at + 1, 0, 0);
            }
            Heard::Failed => {
                self.server += 1;
                if self.server < self.servers.len() {
                    return;
                }
                if !self.settings.short {
                    let greeting = self.greeting();
                    io.print(format!("{greeting};; no servers could be reached\n"));
                }
                self.status = 9;
                (self.at, self.candidate, self.server) = (self.at + 1, 0, 0);
            }
        }
    }

    /// The first lines, once.
    fn greeting(&mut self) -> String {
        if !self.settings.command || std::mem::replace(&mut self.header, true) {
            return String::new();
        }
        let found = if self.given { "; (1 server found)\n" } else { "" };
        format!("\n; <<>> {VERSION} <<>> {}\n{found};; global options: +cmd\n", self.line)
    }

    fn print(&mut self, io: &mut Io<'_, '_>, message: &Message, len: usize, (elapsed, tcp): (Nanos, bool)) {
        let s = self.settings.clone();
        let mut text = String::new();
        if tcp && !s.tcp && s.comments {
            text.push_str(";; Truncated, retrying in TCP mode.\n");
        }
        text.push_str(&self.greeting());
        if s.short {
            for record in &message.answers {
                text.push_str(&format!("{}\n", record.data));
            }
            return io.print(text);
        }
        if s.comments {
            text.push_str(";; Got answer:\n");
            text.push_str(&header(message));
            if let Some(opt) = message.opt() {
                text.push_str(&pseudo_section(opt, self.ask.as_ref().map(Ask::query)));
            }
        }
        if s.question && !message.questions.is_empty() {
            let head = if s.comments { ";; QUESTION SECTION:\n" } else { "" };
            text.push_str(head);
            for question in &message.questions {
                text.push_str(&format!(";{}\n", question_row(question)));
            }
            text.push_str(if s.comments { "\n" } else { "" });
        }
        let additional: Vec<Record> = message.additional.iter().filter(|r| r.kind() != Type::OPT).cloned().collect();
        let sections = [
            (s.answer, "ANSWER", &message.answers),
            (s.authority, "AUTHORITY", &message.authority),
            (s.additional, "ADDITIONAL", &additional),
        ];
        for (_, title, records) in sections.into_iter().filter(|(on, _, records)| *on && !records.is_empty()) {
            if s.comments {
                text.push_str(&format!(";; {title} SECTION:\n"));
            }
            records.iter().for_each(|record| text.push_str(&(row(record) + "\n")));
            if s.comments {
                text.push('\n');
            }
        }
        if s.stats {
            let (ip, port) = self.ask.as_ref().map_or((self.servers[0], dns::PORT), Ask::server);
            let shown = if self.shown_server.is_empty() { ip.to_string() } else { self.shown_server.clone() };
            let protocol = if tcp { "TCP" } else { "UDP" };
            let moment = Moment::new(io.now());
            let (weekday, month) = (moment.weekday_name(), moment.month_name());
            text.push_str(&format!(
                ";; Query time: {} msec\n;; SERVER: {ip}#{port}({shown}) ({protocol})\n;; WHEN: {weekday} {month} {:02} {} UTC {}\n;; \
                 MSG SIZE  rcvd: {len}\n\n",
                elapsed / 1_000_000,
                moment.day,
                moment.time(),
                moment.year
            ));
        }
        io.print(text);
    }
}

impl Process for Dig {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => self.next(io),
            ProcessEvent::Interrupt => io.exit(130),
            event => {
                let heard = self.ask.as_mut().and_then(|ask| ask.on(io, &event));
                let Some(heard) = heard else { return };
                self.heard(io, heard);
                self.next(io);
            }
        }
    }
}

fn header(message: &Message) -> String {
    let f = message.flags;
    let flags: Vec<&str> = f.names().collect();
    let warning = if f.recursion_desired && !f.recursion_available {
        ";; WARNING: recursion requested but not available\n"
    } else {
        ""
    };
    format!(
        ";; ->>HEADER<<- opcode: QUERY, status: {}, id: {}\n;; flags: {}; QUERY: {}, ANSWER: {}, AUTHORITY: {}, ADDITIONAL: \
         {}\n{warning}\n",
        message.rcode,
        message.id,
        flags.join(" "),
        message.questions.len(),
        message.answers.len(),
        message.authority.len(),
        message.additional.len()
    )
}

fn pseudo_section(opt: &Record, query: Option<&Message>) -> String {
    let mut text = format!(";; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: {}\n", opt.class);
    let Data::Opt(options) = &opt.data else { return text };
    for (code, value) in options.iter().filter(|(code, _)| *code == 10) {
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        let own = query.and_then(Message::opt).map(|opt| &opt.data);
        let echoed = matches!(own, Some(Data::Opt(own)) if own.contains(&(*code, value.clone())));
        text.push_str(&format!("; COOKIE: {hex}{}\n", if echoed { " (echoed)" } else { "" }));
    }
    text
}

/// Fills with tabs and blanks up to a column. Models lib/dns/masterdump.c indent.
fn indent(text: &mut String, column: &mut usize, to: usize) {
    let to = to.max(*column + 1);
    let tabs = to / 8 - *column / 8;
    (0..tabs).for_each(|_| text.push('\t'));
    let from = if tabs > 0 { to / 8 * 8 } else { *column };
    (from..to).for_each(|_| text.push(' '));
    *column = to;
}

fn columns(fields: &[(&str, usize)]) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for (i, (field, to)) in fields.iter().enumerate() {
        if i > 0 {
            indent(&mut text, &mut column, *to);
        }
        text.push_str(field);
        column += field.len();
    }
    text
}

fn question_row(question: &Question) -> String {
    columns(&[(&question.name, 0), ("IN", 32), (&question.kind.to_string(), 40)])
}

/// A record as dig prints it.
pub(super) fn row(record: &Record) -> String {
    let (ttl, kind, data) = (record.ttl.to_string(), record.kind().to_string(), record.data.to_string());
    columns(&[(&record.name, 0), (&ttl, 24), ("IN", 32), (&kind, 40), (&data, 48)])
}
