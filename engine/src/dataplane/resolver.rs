//! Names to addresses, as a C library's resolver asks for them.
//!
//! Models glibc 2.36's resolv/res_query.c and res_send.c (A and AAAA at once from one socket, a server at a time) and musl
//! 1.2.5's src/network/lookup_name.c and res_msend.c (all servers at once). A [`Lookup`] is part of a process: it takes
//! the events of its own sockets and timers.

use super::process::{Io, Process, ProcessEvent};
use super::socket::{SocketEvent, SocketId};
use super::udp::SendOptions;
use crate::net::Body;
use crate::net::dns::{self, Data, Message, Question, Rcode, ResolvConf, Type, name};
use crate::trace::Nanos;
use std::net::IpAddr;

const SECOND: Nanos = 1_000_000_000;
/// Marks the timers of a lookup.
const TOKEN: u32 = 1 << 31;
/// The program's own patience runs out.
const PATIENCE: u32 = u32::MAX;

/// Whose resolver it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Glibc,
    Musl,
}

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    Any,
    V4,
    V6,
}

/// Why there is no address: getaddrinfo's EAI_NONAME, EAI_NODATA, EAI_AGAIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveError {
    NoName,
    NoData,
    Again,
    /// The program would not wait any longer.
    Patience,
}

impl ResolveError {
    /// gai_strerror(3)
    pub fn message(self, library: Library) -> &'static str {
        match (self, library) {
            (ResolveError::NoName, Library::Glibc) => "Name or service not known",
            (ResolveError::NoName, Library::Musl) => "Name does not resolve",
            (ResolveError::NoData, Library::Glibc) => "No address associated with hostname",
            (ResolveError::NoData, Library::Musl) => "Name has no usable address",
            (ResolveError::Patience, _) => "Timeout was reached",
            (ResolveError::Again, Library::Glibc) => "Temporary failure in name resolution",
            (ResolveError::Again, Library::Musl) => "Try again",
        }
    }
}

/// The addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Never empty; the ones to try first come first.
    pub addresses: Vec<IpAddr>,
    /// Where its aliases lead, without a dot at the end.
    pub canonical: String,
    /// The names on the way there.
    pub aliases: Vec<String>,
}

/// One name being looked up.
pub struct Lookup {
    library: Library,
    conf: ResolvConf,
    kinds: Vec<Type>,
    /// The names that are tried, in order.
    candidates: Vec<String>,
    at: usize,
    answers: Vec<Option<Message>>,
    ids: Vec<u16>,
    next_id: u16,
    server: usize,
    attempt: u32,
    generation: u32,
    deadline: Nanos,
    failures: u32,
    sockets: Vec<SocketId>,
    /// A question that goes by TCP: its index, its socket, what has come.
    stream: Option<(usize, SocketId, Vec<u8>)>,
    no_data: bool,
    no_answer: bool,
}

type Outcome = Option<Result<Resolved, ResolveError>>;

/// The names that a resolver tries for one that a program asks for. Models res_nsearch and name_from_dns_search.
pub fn candidates(host: &str, conf: &ResolvConf, library: Library) -> Vec<String> {
    let whole = name::absolute(host).to_string();
    if name::is_absolute(host) {
        return vec![whole];
    }
    let searched = conf.search.iter().map(|domain| format!("{host}.{domain}."));
    let searched = searched.filter(|full| name::is_valid(full));
    let dots = host.matches('.').count() as u32;
    match (dots >= conf.ndots, library) {
        (true, Library::Musl) => vec![whole],
        (true, Library::Glibc) => std::iter::once(whole.clone()).chain(searched).collect(),
        (false, _) => searched.chain([whole.clone()]).collect(),
    }
}

impl Lookup {
    pub fn new(host: &str, conf: ResolvConf, library: Library, families: Families) -> Lookup {
        let kinds = match families {
            Families::Any if conf.no_aaaa => vec![Type::A],
            Families::Any => vec![Type::A, Type::AAAA],
            Families::V4 => vec![Type::A],
            Families::V6 => vec![Type::AAAA],
        };
        let candidates = if name::is_valid(host) { candidates(host, &conf, library) } else { Vec::new() };
        Lookup {
            library,
            conf,
            kinds,
            candidates,
            at: 0,
            answers: Vec::new(),
            ids: Vec::new(),
            next_id: 0,
            server: 0,
            attempt: 0,
            generation: 0,
            deadline: 0,
            failures: 0,
            sockets: Vec::new(),
            stream: None,
            no_data: false,
            no_answer: false,
        }
    }

    pub fn start(&mut self, io: &mut Io<'_, '_>) -> Outcome {
        self.begin(io)
    }

    /// True if an event belongs to a lookup rather than to the program.
    pub fn is_own(&self, event: &ProcessEvent) -> bool {
        match event {
            ProcessEvent::Timer(token) => token & TOKEN != 0,
            ProcessEvent::Socket(socket, _) => {
                self.sockets.contains(socket) || self.stream.as_ref().is_some_and(|(_, own, _)| own == socket)
            }
            _ => false,
        }
    }

    pub fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) -> Outcome {
        match event {
            ProcessEvent::Timer(token) if token == TOKEN | self.generation => self.timed_out(io),
            ProcessEvent::Socket(socket, event) => self.hear(io, socket, event),
            _ => None,
        }
    }

    /// Begins with the candidate whose turn it is.
    fn begin(&mut self, io: &mut Io<'_, '_>) -> Outcome {
        if self.at >= self.candidates.len() {
            return Some(Err(match (self.no_data, self.no_answer) {
                (true, _) => ResolveError::NoData,
                (false, true) => ResolveError::Again,
                (false, false) => ResolveError::NoName,
            }));
        }
        self.answers = vec![None; self.kinds.len()];
        self.ids.clear();
        for _ in &self.kinds {
            let bits = super::random::mix(io.now() ^ u64::from(self.next_id) << 40 ^ u64::from(self.process(io)));
            self.next_id = self.next_id.wrapping_add(1);
            self.ids.push(bits as u16);
        }
        (self.server, self.attempt, self.failures) = (0, 0, 0);
        self.deadline = io.now() + u64::from(self.conf.timeout) * SECOND;
        if self.conf.rotate && self.library == Library::Glibc {
            self.server = self.at % self.conf.servers.len();
        }
        self.send(io)
    }

    fn process(&self, io: &Io<'_, '_>) -> u32 {
        io.netns().id.0
    }

    fn hang_up(&mut self, io: &mut Io<'_, '_>) {
        for socket in self.sockets.drain(..).chain(self.stream.take().map(|(_, socket, _)| socket)) {
            io.close(socket);
        }
    }

    /// The servers that are asked at this moment.
    fn servers(&self) -> Vec<IpAddr> {
        match self.library {
            Library::Musl => self.conf.servers.clone(),
            Library::Glibc => vec![self.conf.servers[self.server % self.conf.servers.len()]],
        }
    }

    fn query(&self, index: usize) -> Message {
        let question = Question::new(self.candidates[self.at].as_str(), self.kinds[index]);
        let query = Message::query(self.ids[index], question);
        if self.conf.edns0 { query.with_edns(1232, Vec::new()) } else { query }
    }

    /// Sends what has no answer yet.
    fn send(&mut self, io: &mut Io<'_, '_>) -> Outcome {
        self.generation = (self.generation + 1) & !TOKEN;
        if self.library == Library::Glibc || self.sockets.is_empty() {
            self.hang_up(io);
            self.sockets.extend(io.udp_open(None));
        }
        let Some(socket) = self.sockets.first().copied() else { return Some(Err(ResolveError::Again)) };
        if self.conf.use_vc && self.library == Library::Glibc {
            return self.ask_by_tcp(io, 0);
        }
        let waiting: Vec<usize> = (0..self.kinds.len()).filter(|index| self.answers[*index].is_none()).collect();
        let mut sent = false;
        for server in self.servers() {
            for index in &waiting {
                let body = Body::Bytes(self.query(*index).to_bytes().into());
                sent |= io.udp_send(socket, (server, dns::PORT), body, SendOptions::default()).is_ok();
            }
        }
        let count = self.conf.servers.len() as u64;
        let timeout = u64::from(self.conf.timeout);
        let wait = match self.library {
            Library::Musl => timeout * SECOND / u64::from(self.conf.attempts),
            // Models res_send.c: retrans << ns, shared among the servers beyond the first.
            Library::Glibc => match self.server as u64 % count {
                0 => timeout * SECOND,
                n => ((timeout << n) / count).max(1) * SECOND,
            },
        };
        if !sent {
            return self.next_server(io);
        }
        io.timer(wait, TOKEN | self.generation);
        None
    }

    fn timed_out(&mut self, io: &mut Io<'_, '_>) -> Outcome {
        if self.library == Library::Musl {
            if io.now() >= self.deadline {
                return self.gave_up(io);
            }
            return self.send(io);
        }
        self.next_server(io)
    }

    /// glibc: the next server, and after the last the next round.
    fn next_server(&mut self, io: &mut Io<'_, '_>) -> Outcome {
        self.server += 1;
        if self.server.is_multiple_of(self.conf.servers.len()) {
            self.attempt += 1;
        }
        if self.library == Library::Musl || self.attempt >= self.conf.attempts {
            return self.gave_up(io);
        }
        self.send(io)
    }

    /// No server has answered about this candidate.
    fn gave_up(&mut self, io: &mut Io<'_, '_>) -> Outcome {
        self.hang_up(io);
        self.no_answer = true;
        if self.library == Library::Musl {
            return Some(Err(ResolveError::Again));
        }
        // What was searched for in vain is still asked for as it is.
        let last = self.candidates.len() - 1;
        let searching = self.at < last && self.candidates.len() > 1;
        self.at = if searching && self.failures == 0 { last } else { self.at + 1 };
        self.begin(io)
    }

    fn hear(&mut self, io: &mut Io<'_, '_>, socket: SocketId, event: SocketEvent) -> Outcome {
        match event {
            SocketEvent::Datagram { body: Body::Bytes(bytes), .. } => {
                Message::parse(&bytes).and_then(|message| self.answered(io, message))
            }
            SocketEvent::Connected => {
                let (index, ..) = self.stream.as_ref()?;
                let bytes = self.query(*index).to_bytes();
                let framed = [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
                io.send(socket, Body::Bytes(framed.into()));
                None
            }
            SocketEvent::Data { body: Body::Bytes(bytes) } => {
                let (_, _, stream) = self.stream.as_mut()?;
                stream.extend_from_slice(&bytes);
                let len = usize::from(u16::from_be_bytes([*stream.first()?, *stream.get(1)?]));
                let message = Message::parse(stream.get(2..2 + len)?)?;
                let (_, socket, _) = self.stream.take()?;
                io.close(socket);
                self.answered(io, message)
            }
            // Only a connected socket hears of errors; musl's is not.
            SocketEvent::Error { .. } if self.library == Library::Musl => None,
            SocketEvent::Error { .. } | SocketEvent::Refused | SocketEvent::Reset | SocketEvent::TimedOut => {
                self.next_server(io)
            }
            _ => None,
        }
    }

    fn ask_by_tcp(&mut self, io: &mut Io<'_, '_>, index: usize) -> Outcome {
        let server = self.conf.servers[self.server % self.conf.servers.len()];
        let options = SendOptions { ttl: None, dont_fragment: true };
        match io.tcp_connect((server, dns::PORT), options) {
            Ok(socket) => {
                self.stream = Some((index, socket, Vec::new()));
                io.timer(u64::from(self.conf.timeout) * SECOND, TOKEN | self.generation);
                None
            }
            Err(_) => self.next_server(io),
        }
    }

    /// Which question a message answers. Two may have the same identifier.
    fn index_of(&self, message: &Message) -> Option<usize> {
        let question = message.question()?;
        if !question.name.eq_ignore_ascii_case(self.candidates.get(self.at)?) {
            return None;
        }
        (0..self.kinds.len()).find(|index| self.ids[*index] == message.id && self.kinds[*index] == question.kind)
    }

    fn answered(&mut self, io: &mut Io<'_, '_>, message: Message) -> Outcome {
        let index = self.index_of(&message)?;
        if self.answers[index].is_some() {
            return None;
        }
        if message.flags.truncated && self.stream.is_none() {
            return self.ask_by_tcp(io, index);
        }
        let failed = !matches!(message.rcode, Rcode::NOERROR | Rcode::NXDOMAIN);
        if failed && self.library == Library::Musl {
            // SERVFAIL is asked again at once, a few times; anything else is as good as silence.
            self.failures += 1;
            if message.rcode == Rcode::SERVFAIL && self.failures <= 2 * self.kinds.len() as u32 {
                return self.send(io);
            }
            return if message.rcode == Rcode::SERVFAIL { self.gave_up(io) } else { None };
        }
        if failed {
            self.failures += 1;
            return self.next_server(io);
        }
        self.answers[index] = Some(message);
        if self.conf.use_vc
            && self.library == Library::Glibc
            && let Some(next) = self.answers.iter().position(Option::is_none)
        {
            return self.ask_by_tcp(io, next);
        }
        if self.answers.iter().any(Option::is_none) {
            return None;
        }
        self.complete(io)
    }

    /// All questions about this candidate have answers.
    fn complete(&mut self, io: &mut Io<'_, '_>) -> Outcome {
        self.hang_up(io);
        self.generation = (self.generation + 1) & !TOKEN;
        let messages: Vec<&Message> = self.answers.iter().flatten().collect();
        let mut addresses: Vec<IpAddr> =
            messages.iter().flat_map(|message| &message.answers).filter_map(|record| record.ip()).collect();
        if addresses.is_empty() {
            let exists = messages.iter().any(|message| message.rcode == Rcode::NOERROR);
            if exists && self.library == Library::Musl {
                return Some(Err(ResolveError::NoData));
            }
            self.no_data |= exists;
            self.at += 1;
            return self.begin(io);
        }
        // RFC 6724: what there is no source address for comes last; of the rest IPv6 is first.
        let own_v6 = io.netns().addresses.iter().any(|a| a.net.addr().is_ipv6() && !a.net.addr().is_loopback());
        addresses.sort_by_key(|ip| ip.is_ipv6() != own_v6);
        let owner = messages.iter().flat_map(|message| &message.answers).find(|record| record.ip().is_some());
        let canonical = owner.map_or("", |record| &record.name).trim_end_matches('.').to_owned();
        let alias = |record: &dns::Record| match record.data {
            Data::Cname(_) => Some(record.name.trim_end_matches('.').to_owned()),
            _ => None,
        };
        let mut aliases: Vec<String> = messages.iter().flat_map(|message| &message.answers).filter_map(alias).collect();
        let mut seen = std::collections::BTreeSet::new();
        aliases.retain(|alias| seen.insert(alias.clone()));
        Some(Ok(Resolved { addresses, canonical, aliases }))
    }
}

type Then = Box<dyn FnOnce(&mut Io<'_, '_>, Result<Resolved, ResolveError>) -> Option<Box<dyn Process>>>;

/// A program that begins by looking up a name, in the same conversation.
pub struct Resolving {
    lookup: Lookup,
    then: Option<Then>,
    program: Option<Box<dyn Process>>,
    patience: Option<Nanos>,
}

impl Resolving {
    /// `then` makes the program of what was found; without one it has said why and ended the process.
    pub fn new(lookup: Lookup, then: Then) -> Resolving {
        Resolving { lookup, then: Some(then), program: None, patience: None }
    }

    /// How long the program waits for the name.
    #[must_use]
    pub fn patience(mut self, patience: Option<Nanos>) -> Resolving {
        self.patience = patience;
        self
    }
}

impl Process for Resolving {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        if let Some(program) = &mut self.program {
            if !self.lookup.is_own(&event) {
                program.on(io, event);
            }
            return;
        }
        let outcome = match event {
            ProcessEvent::Start => {
                self.patience.into_iter().for_each(|patience| io.timer(patience, PATIENCE));
                self.lookup.start(io)
            }
            ProcessEvent::Timer(PATIENCE) => Some(Err(ResolveError::Patience)),
            ProcessEvent::Interrupt => return io.exit(130),
            event => self.lookup.on(io, event),
        };
        let Some(outcome) = outcome else { return };
        let Some(then) = self.then.take() else { return };
        self.program = then(io, outcome);
        if let Some(program) = &mut self.program {
            program.on(io, ProcessEvent::Start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::dns::Question;

    #[test]
    fn answers_are_told_apart_by_their_questions() {
        let mut lookup = Lookup::new("web.", ResolvConf::default(), Library::Glibc, Families::Any);
        lookup.ids = vec![7, 7];
        let answer = |name: &str, kind| Message::query(7, Question::new(name, kind)).reply(Rcode::NOERROR);
        assert_eq!(lookup.index_of(&answer("web.", Type::A)), Some(0));
        assert_eq!(lookup.index_of(&answer("WEB.", Type::AAAA)), Some(1));
        assert_eq!(lookup.index_of(&answer("web.", Type::MX)), None);
        assert_eq!(lookup.index_of(&answer("other.", Type::A)), None);
    }
}
