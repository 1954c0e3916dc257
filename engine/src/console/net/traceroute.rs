//! `traceroute`: busybox 1.37's and Dmitry Butskoy's, by the image. Probes go out one after the other.

use super::super::machine::Machine;
use super::super::shell::Io as Out;
use super::options::{Options, Spec, busybox_usage};
use super::resolve;
use super::{fail, path};
use crate::dataplane::resolver::Families;
use crate::dataplane::{Io, Process, ProcessEvent, SendOptions, SocketEvent, SocketId};
use crate::net::{Body, IcmpError};
use crate::trace::{FlowEnd, Nanos};
use crate::workload;
use std::net::IpAddr;

/// What the command line asks for, and how far it has come.
struct Tracer {
    busybox: bool,
    host: String,
    to: IpAddr,
    numeric: bool,
    icmp: bool,
    probes: u32,
    ttl_max: u8,
    wait: Nanos,
    port: u16,
    data_len: u32,
    ttl: u8,
    /// Probes sent in all.
    sent: u32,
    sent_at: Nanos,
    socket: Option<SocketId>,
    last_from: Option<IpAddr>,
    /// Answers of this hop that end the way.
    final_count: u32,
    end: FlowEnd,
}

/// The options that this place's traceroute has.
pub fn spec(machine: &Machine<'_>) -> Spec {
    let busybox = machine.toolbox().traceroute == workload::Traceroute::Busybox;
    Spec::short(if busybox { "FIlnrvf:m:q:s:t:w:i:g:p:46z:" } else { "46dFITUnrVf:m:q:w:p:s:i:N:z:t:l:g:" })
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Out) -> i32 {
    let busybox = machine.toolbox().traceroute == workload::Traceroute::Busybox;
    let mut options = Options::new(spec(machine), argv);
    let mut tracer = Tracer {
        busybox,
        host: String::new(),
        to: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        numeric: false,
        icmp: false,
        probes: 3,
        ttl_max: 30,
        wait: if busybox { 3_000_000_000 } else { 5_000_000_000 },
        port: 33434,
        data_len: if busybox { 18 } else { 32 },
        ttl: 1,
        sent: 0,
        sent_at: 0,
        socket: None,
        last_from: None,
        final_count: 0,
        end: FlowEnd::TimedOut,
    };
    let mut v6 = false;
    while let Some(option) = options.next() {
        let (letter, value) = match option {
            Ok(option) => option,
            Err(message) => return wrong(io, busybox, &message),
        };
        let number = || value.split('.').next().and_then(|text| text.parse::<u32>().ok()).filter(|n| *n > 0);
        let set = match letter {
            'n' => {
                tracer.numeric = true;
                Some(())
            }
            'I' => {
                tracer.icmp = true;
                Some(())
            }
            '6' => {
                v6 = true;
                Some(())
            }
            'T' => return fail(io, "traceroute: podhop traces by UDP and ICMP, not by TCP (-T)\n", 2),
            'q' => number().filter(|n| *n <= 10).map(|n| tracer.probes = n),
            'm' => number().filter(|n| *n <= 255).map(|n| tracer.ttl_max = n as u8),
            'f' => number().filter(|n| *n <= 255).map(|n| tracer.ttl = n as u8),
            'w' => number().filter(|n| *n <= 86_400).map(|n| tracer.wait = u64::from(n) * 1_000_000_000),
            'p' => number().filter(|n| *n <= 65_535).map(|n| tracer.port = n as u16),
            _ => Some(()),
        };
        if set.is_none() {
            return wrong(io, busybox, &format!("invalid number '{value}'"));
        }
    }
    match options.operands.as_slice() {
        [host] => tracer.host = (*host).to_owned(),
        [host, len] => {
            tracer.host = (*host).to_owned();
            match len.parse::<u32>().ok().filter(|len| (28..=65_000).contains(len)) {
                Some(len) => tracer.data_len = len - 28,
                None => return wrong(io, busybox, &format!("invalid number '{len}'")),
            }
        }
        _ => return wrong(io, busybox, "no host given"),
    }
    let host = tracer.host.clone();
    let named6 = argv.first().is_some_and(|name| name.ends_with('6'));
    let library = resolve::library(machine);
    let name = host.clone();
    let families = if v6 || named6 { Families::V6 } else { Families::Any };
    resolve::run(machine, io, (argv.join(" "), &name), families, move |netns, found| {
        let to = match found.map(|found| found.addresses[0]) {
            Ok(ip) if ip.is_ipv6() || families == Families::Any => ip,
            Ok(_) | Err(_) if busybox => return Err((format!("traceroute: bad address '{host}'\n"), 1)),
            found => {
                let why =
                    found.map_or_else(|error| error.message(library), |_| "Address family for hostname not supported");
                let text =
                    format!("{host}: {why}\nCannot handle \"host\" cmdline arg `{host}' on position 1 (argc 1)\n");
                return Err((text, 2));
            }
        };
        tracer.to = to;
        if to.is_ipv6() && busybox {
            // Models busybox's outdata6_t.
            tracer.data_len += 6;
        }
        if path::route(netns, to).is_none() && busybox {
            let text = format!("traceroute: can't connect to remote host ({to}): Network is unreachable\n");
            return Err((text, 1));
        }
        Ok(Box::new(tracer))
    })
}

fn wrong(io: &mut Out, busybox: bool, message: &str) -> i32 {
    let usage = if busybox { busybox_usage("traceroute [-46nIqmwp] HOST [BYTES]") } else { String::new() };
    fail(io, &format!("traceroute: {message}\n{usage}"), if busybox { 1 } else { 2 })
}

impl Tracer {
    /// The next probe, or the end.
    fn next(&mut self, io: &mut Io<'_, '_>) {
        if self.sent > 0 && self.sent.is_multiple_of(self.probes) {
            io.print("\n");
            if self.final_count > 0 || self.ttl >= self.ttl_max {
                io.conclude(self.end);
                return io.exit(0);
            }
            self.ttl += 1;
            self.last_from = None;
        }
        if self.sent.is_multiple_of(self.probes) {
            io.print(format!("{:>2} ", self.ttl));
        }
        if let Some(socket) = self.socket.take() {
            io.close(socket);
        }
        let options = SendOptions { ttl: Some(self.ttl), dont_fragment: false };
        let body = Body::Pattern(self.data_len);
        self.socket = if self.icmp { io.ping_open() } else { io.udp_open(None) };
        let Some(socket) = self.socket else { return io.exit(1) };
        let number = self.sent as u16;
        let sent = match self.icmp {
            true => io.ping_send(socket, self.to, number.wrapping_add(1), body, options),
            false => io.udp_send(socket, (self.to, self.port.wrapping_add(number)), body, options).map(drop),
        };
        self.sent += 1;
        self.sent_at = io.now();
        if sent.is_err() {
            io.print_err("\nsend: Network is unreachable\n");
            return io.exit(1);
        }
        io.timer(self.wait, self.sent);
    }

    fn answered(&mut self, io: &mut Io<'_, '_>, from: IpAddr, error: Option<IcmpError>) {
        let us = (io.now() - self.sent_at) / 1_000;
        let mut text = String::new();
        if self.last_from != Some(from) {
            text.push_str(&if self.numeric { format!(" {from}") } else { format!(" {from} ({from})") });
            self.last_from = Some(from);
        }
        text.push_str(&format!("  {}.{:03} ms", us / 1_000, us % 1_000));
        let mark = match error {
            None | Some(IcmpError::TtlExceeded | IcmpError::PortUnreachable) => "",
            Some(IcmpError::NetUnreachable) => " !N",
            Some(IcmpError::HostUnreachable) => " !H",
            Some(IcmpError::ProtocolUnreachable) => " !P",
            Some(IcmpError::AdminProhibited) => " !X",
            Some(IcmpError::FragmentationNeeded { .. }) => " !F",
            Some(IcmpError::ReassemblyTimeExceeded) => " !R",
        };
        text.push_str(mark);
        if error != Some(IcmpError::TtlExceeded) {
            self.final_count += 1;
            let arrived = from == self.to && mark.is_empty();
            self.end = match error.filter(|_| !arrived) {
                Some(error) => FlowEnd::Unreachable { error, from },
                None => FlowEnd::Delivered,
            };
        }
        io.print(text);
        self.next(io);
    }
}

impl Process for Tracer {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => {
                let (host, to, max) = (&self.host, self.to, self.ttl_max);
                let len = self.data_len + if to.is_ipv4() { 28 } else { 48 };
                io.print(format!("traceroute to {host} ({to}), {max} hops max, {len} byte packets\n"));
                if path::route(io.netns(), to).is_none() {
                    io.print_err("connect: Network is unreachable\n");
                    return io.exit(1);
                }
                self.next(io);
            }
            ProcessEvent::Timer(token) if token == self.sent => {
                io.print(if self.busybox { "  *" } else { " *" });
                self.next(io);
            }
            ProcessEvent::Socket(socket, event) if Some(socket) == self.socket => match event {
                SocketEvent::Error { error, from, .. } => self.answered(io, from, Some(error)),
                SocketEvent::EchoReply { from, .. } | SocketEvent::Datagram { from, .. } => {
                    self.answered(io, from, None)
                }
                _ => {}
            },
            ProcessEvent::Timer(_) | ProcessEvent::Socket(..) => {}
            ProcessEvent::Interrupt => {
                io.print("\n");
                io.conclude(self.end);
                io.exit(130);
            }
        }
    }
}
