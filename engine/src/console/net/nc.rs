//! `nc`: busybox 1.37's (its larger form) and OpenBSD's, by the image: connects, sends standard input, prints what comes
//! back. Listening needs a second program at the same time, which a terminal here does not run: a message says so.

use super::super::machine::Machine;
use super::super::shell::Io as Out;
use super::options::{Options, Spec, busybox_usage, seconds};
use super::resolve;
use super::{fail, icmp_errno};
use crate::dataplane::resolver::Families;
use crate::dataplane::{Io, Process, ProcessEvent, SendError, SendOptions, SocketEvent, SocketId};
use crate::net::{Body, IcmpError};
use crate::trace::{DropReason, FlowEnd, Nanos};
use crate::workload;
use std::net::IpAddr;

const SECOND: Nanos = 1_000_000_000;
/// How long a silent connection is kept without `-w`.
const PATIENCE: Nanos = 10 * SECOND;
const PORTS_MAX: usize = 1_024;

struct Netcat {
    busybox: bool,
    host: String,
    to: IpAddr,
    ports: std::collections::VecDeque<u16>,
    port: u16,
    input: String,
    udp: bool,
    scan: bool,
    verbose: u8,
    numeric: bool,
    shut: bool,
    /// `-p`: the port that datagrams are sent from.
    source: Option<u16>,
    wait: Option<Nanos>,
    socket: Option<SocketId>,
    connected: bool,
    generation: u32,
    status: i32,
    end: FlowEnd,
}

/// The options that this place's nc has.
pub fn spec(machine: &Machine<'_>) -> Spec {
    let busybox = machine.toolbox().netcat == workload::Netcat::Busybox;
    Spec::short(if busybox { "hnp:s:uvw:zlo:i:kbe:" } else { "46CDdFhklNnrStUuvZzI:i:M:m:O:P:p:q:s:T:V:W:w:X:x:" })
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Out) -> i32 {
    let busybox = machine.toolbox().netcat == workload::Netcat::Busybox;
    let mut options = Options::new(spec(machine), argv);
    let mut nc = Netcat {
        busybox,
        host: String::new(),
        to: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        ports: Default::default(),
        port: 0,
        input: String::new(),
        udp: false,
        scan: false,
        verbose: 0,
        numeric: false,
        shut: busybox,
        source: None,
        wait: None,
        socket: None,
        connected: false,
        generation: 0,
        status: 0,
        end: FlowEnd::TimedOut,
    };
    let mut listens = false;
    while let Some(option) = options.next() {
        match option {
            Ok(('u', _)) => nc.udp = true,
            Ok(('z', _)) => nc.scan = true,
            Ok(('v', _)) => nc.verbose += 1,
            Ok(('n', _)) => nc.numeric = true,
            Ok(('N', _)) => nc.shut = true,
            Ok(('l', _)) => listens = true,
            Ok(('p', value)) => match value.parse() {
                Ok(port) => nc.source = Some(port),
                Err(_) if busybox => return fail(io, &format!("nc: bad port '{value}'\n"), 1),
                Err(_) => return fail(io, &format!("nc: port number invalid: {value}\n"), 1),
            },
            Ok(('w', value)) => match seconds(value) {
                Some(wait) => nc.wait = Some(wait).filter(|wait| *wait > 0),
                None if busybox => return fail(io, &format!("nc: invalid number '{value}'\n"), 1),
                None => return fail(io, &format!("nc: timeout invalid: {value}\n"), 1),
            },
            Ok(_) => {}
            Err(message) => return usage(io, busybox, &format!("nc: {message}\n")),
        }
    }
    if listens {
        let why = "podhop's terminal runs one program at a time, so nobody could connect while this one listens";
        return fail(io, &format!("nc: {why}: use a Pod whose image is a server\n"), 1);
    }
    let (host, port) = match options.operands.as_slice() {
        [host, port] => (*host, *port),
        [_] if !busybox => return fail(io, "nc: missing port number\n", 1),
        _ => return usage(io, busybox, ""),
    };
    match ports(port) {
        Some(ports) => nc.ports = ports.into(),
        None if busybox => return fail(io, &format!("nc: bad port '{port}'\n"), 1),
        None if port.bytes().all(|b| b.is_ascii_digit()) => {
            return fail(io, &format!("nc: port number too large: {port}\n"), 1);
        }
        None => return fail(io, &format!("nc: port number invalid: {port}\n"), 1),
    }
    nc.host = host.to_owned();
    nc.input = if nc.scan { String::new() } else { io.read_all() };
    let (library, port, host) = (resolve::library(machine), port.to_owned(), host.to_owned());
    let title = (argv.join(" "), nc.host.clone());
    resolve::run(machine, io, (title.0, &title.1), Families::Any, move |_, found| match found {
        Ok(found) => {
            nc.to = found.addresses[0];
            Ok(Box::new(nc))
        }
        Err(_) if busybox => Err((format!("nc: bad address '{host}'\n"), 1)),
        Err(error) => {
            let why = error.message(library);
            Err((format!("nc: getaddrinfo for host \"{host}\" port {port}: {why}\n"), 1))
        }
    })
}

fn usage(io: &mut Out, busybox: bool, message: &str) -> i32 {
    let usage = match busybox {
        true => busybox_usage("nc [OPTIONS] HOST PORT  - connect\nnc [OPTIONS] -l -p PORT [HOST] [PORT]  - listen"),
        false => "usage: nc [-46NnuvZz] [-w timeout] [destination] [port]\n".to_owned(),
    };
    fail(io, &format!("{message}{usage}"), 1)
}

/// `80`, `80-82` or a service's name.
fn ports(text: &str) -> Option<Vec<u16>> {
    if let Some((_, port)) = SERVICES.iter().find(|(name, _)| *name == text) {
        return Some(vec![*port]);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    Some((first.min(last)..=first.max(last)).take(PORTS_MAX).collect())
}

const SERVICES: [(&str, u16); 13] = [
    ("echo", 7),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("http", 80),
    ("pop3", 110),
    ("https", 443),
    ("mysql", 3306),
    ("postgresql", 5432),
    ("redis", 6379),
    ("http-alt", 8080),
];

impl Netcat {
    fn arm(&mut self, io: &mut Io<'_, '_>, delay: Nanos) {
        self.generation += 1;
        io.timer(delay, self.generation);
    }

    fn next_port(&mut self, io: &mut Io<'_, '_>) {
        self.generation += 1;
        self.connected = false;
        if let Some(socket) = self.socket.take() {
            io.close(socket);
        }
        let Some(port) = self.ports.pop_front() else {
            io.conclude(self.end);
            return io.exit(self.status);
        };
        self.port = port;
        if self.udp {
            return self.udp(io);
        }
        match io.tcp_connect((self.to, port), SendOptions { ttl: None, dont_fragment: true }) {
            Ok(socket) => self.socket = Some(socket),
            Err(error) => {
                self.end = FlowEnd::LocalError(DropReason::NoRoute);
                let words = if error == SendError::Invalid { "Invalid argument" } else { "Network is unreachable" };
                return self.failed(io, words, false);
            }
        }
        if let Some(wait) = self.wait {
            self.arm(io, wait);
        }
    }

    /// UDP has no handshake: what is not refused has succeeded.
    fn udp(&mut self, io: &mut Io<'_, '_>) {
        self.socket = io.udp_open(self.source);
        let Some(socket) = self.socket else { return io.exit(1) };
        io.udp_connect(socket, (self.to, self.port));
        let text = if self.scan { "X" } else { &self.input };
        if !text.is_empty() {
            let options = SendOptions { ttl: None, dont_fragment: false };
            let sent = io.udp_send(socket, (self.to, self.port), Body::text(text), options);
            if sent.is_err() {
                let denied = sent == Err(SendError::Denied);
                let words = if denied { "Operation not permitted" } else { "Network is unreachable" };
                return self.failed(io, words, false);
            }
        }
        let wait = if self.scan { SECOND } else { self.wait.unwrap_or(PATIENCE) };
        self.arm(io, wait);
    }

    fn succeeded(&mut self, io: &mut Io<'_, '_>) {
        self.connected = true;
        self.end = FlowEnd::Delivered;
        let (host, to, port) = (&self.host, self.to, self.port);
        let protocol = if self.udp { "udp" } else { "tcp" };
        if self.busybox && self.verbose > 0 {
            io.print_err(format!("{host} ({to}:{port}) open\n"));
        } else if self.verbose > 0 {
            let name = SERVICES.iter().find(|(_, own)| *own == port && !self.numeric).map_or("*", |(name, _)| name);
            io.print_err(format!("Connection to {host} {port} port [{protocol}/{name}] succeeded!\n"));
        }
    }

    /// This port cannot be reached; the next is tried.
    fn failed(&mut self, io: &mut Io<'_, '_>, words: &str, timed_out: bool) {
        self.status = 1;
        let (host, to, port) = (&self.host, self.to, self.port);
        let protocol = if self.udp { "udp" } else { "tcp" };
        if self.busybox {
            // One -v does not report refusals.
            if self.verbose > 1 || self.verbose == 1 && words != "Connection refused" {
                io.print_err(format!("nc: {host} ({to}:{port}): {words}\n"));
            }
        } else if self.verbose > 0 && !(self.udp && words == "Connection refused") {
            let how = if timed_out { "timed out" } else { "failed" };
            io.print_err(format!("nc: connect to {host} port {port} ({protocol}) {how}: {words}\n"));
        }
        self.next_port(io);
    }

    fn connected(&mut self, io: &mut Io<'_, '_>) {
        self.succeeded(io);
        if self.scan {
            // OpenBSD's succeeds if one port of a range does.
            self.status = 0;
            return self.next_port(io);
        }
        let Some(socket) = self.socket else { return };
        if !self.input.is_empty() {
            io.send(socket, Body::text(&self.input));
        }
        if self.shut {
            io.close(socket);
        }
        self.arm(io, self.wait.unwrap_or(PATIENCE));
    }

    fn received(&mut self, io: &mut Io<'_, '_>, body: &Body) {
        self.end = FlowEnd::Delivered;
        if let Body::Bytes(bytes) = body {
            io.print(String::from_utf8_lossy(bytes).into_owned());
        }
        self.arm(io, self.wait.unwrap_or(if self.udp { SECOND } else { PATIENCE }));
    }

    fn patience_ends(&mut self, io: &mut Io<'_, '_>) {
        match (self.udp, self.connected) {
            (true, _) if self.scan => {
                self.succeeded(io);
                self.next_port(io);
            }
            (false, false) if self.busybox => {
                self.end = FlowEnd::TimedOut;
                self.failed(io, "Connection timed out", true);
            }
            (false, false) => {
                self.end = FlowEnd::TimedOut;
                self.failed(io, "Operation now in progress", true);
            }
            _ => {
                if self.wait.is_none() {
                    io.print_err("podhop: nc has no -w and nothing more comes: ended, as Ctrl-C does\n");
                }
                self.next_port(io);
            }
        }
    }

    fn error(&mut self, io: &mut Io<'_, '_>, error: IcmpError, from: IpAddr) {
        let refused = error == IcmpError::PortUnreachable && from == self.to;
        self.end = if refused { FlowEnd::Refused } else { FlowEnd::Unreachable { error, from } };
        self.failed(io, icmp_errno(error), false);
    }
}

impl Process for Netcat {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => self.next_port(io),
            ProcessEvent::Timer(token) if token == self.generation => self.patience_ends(io),
            ProcessEvent::Socket(socket, event) if Some(socket) == self.socket => match event {
                SocketEvent::Connected => self.connected(io),
                SocketEvent::Data { body } | SocketEvent::Datagram { body, .. } => self.received(io, &body),
                SocketEvent::PeerClosed => self.next_port(io),
                SocketEvent::Refused => {
                    self.end = FlowEnd::Refused;
                    self.failed(io, "Connection refused", false);
                }
                SocketEvent::Reset => {
                    self.status = 1;
                    self.next_port(io);
                }
                SocketEvent::TimedOut => self.failed(io, "Connection timed out", false),
                SocketEvent::Error { error, from, .. } => self.error(io, error, from),
                _ => {}
            },
            ProcessEvent::Timer(_) | ProcessEvent::Socket(..) => {}
            ProcessEvent::Interrupt => {
                io.conclude(self.end);
                io.exit(130);
            }
        }
    }
}
