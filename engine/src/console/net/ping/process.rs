//! The program that runs: sends on time, hears replies and errors, knows when it is done.
//!
//! Models iputils ping/ping_common.c pinger, main_loop, schedule_exit and busybox networking/ping.c sendping_tail.

use super::super::path;
use super::super::resolve::Hosts;
use super::Style;
use super::options::{PACKETS_MAX, PACKETS_WITHOUT_COUNT, PathMtu, Settings};
use super::output::Report;
use crate::dataplane::{Io, Process, ProcessEvent, SendError, SendOptions, SocketEvent, SocketId};
use crate::net::{Body, IcmpError};
use crate::trace::{DropReason, FlowEnd, Nanos};
use std::net::IpAddr;

/// Timers: the low two bits say what for, the rest is the generation that set it.
const SEND: u32 = 0;
const DONE: u32 = 1;
const DEADLINE: u32 = 2;

/// One request.
struct Sent {
    at: Nanos,
    answered: bool,
}

pub(super) struct Pinger {
    style: Style,
    settings: Settings,
    to: IpAddr,
    report: Report,
    socket: Option<SocketId>,
    sent: Vec<Sent>,
    generation: u32,
    end: FlowEnd,
}

impl Pinger {
    /// `from` is what the header says about `-I`.
    pub fn new(style: Style, settings: Settings, to: IpAddr, from: String, hosts: Hosts) -> Pinger {
        let report = Report::new(style, &settings, to, from, hosts);
        let end = FlowEnd::TimedOut;
        Pinger { style, settings, to, report, socket: None, sent: Vec::new(), generation: 0, end }
    }

    /// The sequence number of the first request.
    fn first_seq(&self) -> u16 {
        u16::from(self.style == Style::Iputils)
    }

    /// How many requests to send at most.
    fn sends_max(&self) -> usize {
        let waits_for_replies = self.style == Style::Iputils && self.settings.deadline.is_some();
        let count = self.settings.count.filter(|_| !waits_for_replies);
        count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX)
    }

    fn arm(&mut self, io: &mut Io<'_, '_>, delay: Nanos, what: u32) {
        self.generation += 1;
        io.timer(delay, what | self.generation << 2);
    }

    fn start(&mut self, io: &mut Io<'_, '_>) {
        self.report.header(io);
        self.socket = io.ping_open();
        if self.socket.is_none() {
            io.print_err("ping: socket: Too many open files\n");
            return io.exit(2);
        }
        if let Some(deadline) = self.settings.deadline.filter(|_| self.style == Style::Iputils) {
            io.timer(deadline, DEADLINE);
        }
        self.send(io);
    }

    /// One request, and the timer for what comes after it.
    fn send(&mut self, io: &mut Io<'_, '_>) {
        let first_at = self.sent.first().map(|sent| sent.at);
        let busybox = self.style == Style::Busybox;
        if let (Some(deadline), Some(first_at), true) = (self.settings.deadline, first_at, busybox)
            && io.now() - first_at >= deadline
        {
            return self.finish(io);
        }
        let unbounded = self.settings.count.is_none() && self.settings.deadline.is_none() && !self.settings.flood;
        if unbounded && self.sent.len() >= PACKETS_WITHOUT_COUNT as usize {
            io.print_err(format!(
                "podhop: ping has no -c and would go on for ever: ended after {PACKETS_WITHOUT_COUNT} packets, as Ctrl-C does\n"
            ));
            return self.finish(io);
        }
        if self.sent.len() >= PACKETS_MAX as usize {
            io.print_err("podhop: ping was ended after 1,000 packets, the most that one command sends here\n");
            return self.finish(io);
        }
        let Some(socket) = self.socket else { return };
        let seq = self.first_seq().wrapping_add(self.sent.len() as u16);
        let len = u32::from(self.settings.size) + if self.to.is_ipv4() { 28 } else { 48 };
        let dont_fragment = match self.settings.path_mtu {
            PathMtu::Do => true,
            PathMtu::Dont => false,
            PathMtu::Want => path::wants_df(io, self.to, len),
        };
        let options = SendOptions { ttl: self.settings.ttl, dont_fragment };
        let body = Body::Pattern(u32::from(self.settings.size));
        let outcome = io.ping_send(socket, self.to, seq, body, options);
        self.sent.push(Sent { at: io.now(), answered: false });
        self.report.sent_count += 1;
        if let Err(error) = outcome
            && !self.refused(io, error)
        {
            return;
        }
        if self.is_complete() {
            return self.finish(io);
        }
        if self.sent.len() < self.sends_max() {
            self.arm(io, self.settings.interval, SEND);
        } else {
            let linger = self.linger();
            self.arm(io, linger, DONE);
        }
    }

    /// The kernel would not send; false if that ends the program.
    fn refused(&mut self, io: &mut Io<'_, '_>, error: SendError) -> bool {
        let (reason, words) = match error {
            SendError::NoRoute => (DropReason::NoRoute, "Network is unreachable"),
            SendError::TooBig { .. } => (DropReason::TooBig, "Message too long"),
            SendError::Invalid => (DropReason::Blackhole, "Invalid argument"),
            SendError::Denied => (DropReason::Netfilter, "Operation not permitted"),
        };
        self.end = FlowEnd::LocalError(reason);
        if self.style == Style::Busybox {
            io.print_err(format!("ping: sendto: {words}\n"));
            io.conclude(self.end);
            io.exit(1);
            return false;
        }
        match error {
            SendError::TooBig { mtu } => self.report.local_error(io, mtu),
            _ if !self.settings.quiet => io.print_err(format!("ping: sendmsg: {words}\n")),
            _ => {}
        }
        true
    }

    /// How long to wait once everything is sent.
    fn linger(&self) -> Nanos {
        let longest = self.report.longest_us() * 1_000;
        match (self.style, self.report.received_count) {
            (_, 0) => self.settings.linger,
            (Style::Iputils, _) => (2 * longest).max(self.settings.interval),
            (Style::Busybox, _) => (longest / 524_288_000 * 1_000_000_000).max(1_000_000_000),
        }
    }

    fn is_complete(&self) -> bool {
        let errors = if self.style == Style::Iputils { self.report.errors_count } else { 0 };
        let heard = u64::from(self.report.received_count + errors);
        let gave_up = self.style == Style::Iputils && self.settings.deadline.is_some() && errors > 0;
        gave_up || self.settings.count.is_some_and(|count| heard >= count)
    }

    fn replied(&mut self, io: &mut Io<'_, '_>, (from, seq, ttl, len): (IpAddr, u16, u8, u32)) {
        let index = usize::from(seq.wrapping_sub(self.first_seq()));
        let (now, latest) = (io.now(), index + 1 == self.sent.len());
        let Some(sent) = self.sent.get_mut(index) else { return };
        let duplicate = std::mem::replace(&mut sent.answered, true);
        let rtt_us = (now - sent.at) / 1_000;
        self.end = FlowEnd::Delivered;
        self.report.behind(self.sent.len() - index);
        self.report.reply(io, (from, seq, ttl, len), rtt_us, duplicate);
        if self.is_complete() {
            self.finish(io);
        } else if (self.settings.adaptive || self.settings.flood) && latest && self.sent.len() < self.sends_max() {
            // Whatever timer is set belongs to an older generation.
            self.generation += 1;
            self.send(io);
        }
    }

    fn error(&mut self, io: &mut Io<'_, '_>, error: IcmpError, from: IpAddr, seq: u16) {
        let index = usize::from(seq.wrapping_sub(self.first_seq()));
        if index >= self.sent.len() {
            return;
        }
        if self.end != FlowEnd::Delivered {
            self.end = FlowEnd::Unreachable { error, from };
        }
        // A raw socket without IP_RECVERR sees them with an identifier that is not its own.
        if self.style == Style::Iputils {
            self.report.behind(self.sent.len() - index);
            self.report.error(io, error, from, seq);
            if self.is_complete() {
                self.finish(io);
            }
        }
    }

    fn finish(&mut self, io: &mut Io<'_, '_>) {
        let elapsed = self.sent.last().zip(self.sent.first()).map_or(0, |(last, first)| last.at - first.at);
        self.report.statistics(io, elapsed, self.sent.iter().filter(|sent| !sent.answered).count());
        let wanted = self.settings.count.filter(|_| self.settings.deadline.is_some());
        let missed = wanted.is_some_and(|count| u64::from(self.report.received_count) < count);
        io.conclude(self.end);
        io.exit(i32::from(self.report.received_count == 0 || missed));
    }
}

impl Process for Pinger {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => self.start(io),
            ProcessEvent::Timer(DEADLINE) => self.finish(io),
            ProcessEvent::Timer(token) if token >> 2 != self.generation => {}
            ProcessEvent::Timer(token) if token & 3 == SEND => {
                if self.settings.outstanding && self.sent.last().is_some_and(|sent| !sent.answered) {
                    let seq = self.first_seq() as usize + self.sent.len() - 1;
                    io.print(format!("no answer yet for icmp_seq={seq}\n"));
                }
                self.send(io);
            }
            ProcessEvent::Timer(_) => self.finish(io),
            ProcessEvent::Socket(_, SocketEvent::EchoReply { from, seq, ttl, len }) => {
                self.replied(io, (from, seq, ttl, len));
            }
            ProcessEvent::Socket(_, SocketEvent::Error { error, from, seq: Some(seq) }) => {
                self.error(io, error, from, seq);
            }
            ProcessEvent::Socket(..) => {}
            ProcessEvent::Interrupt => {
                io.print_err("podhop: ping was ended, as Ctrl-C does: no command runs for longer here\n");
                self.finish(io);
            }
        }
    }
}
