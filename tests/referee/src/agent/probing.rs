//! The event loop: all probes of a cluster at once, because an absent address costs its three seconds of ARP.

use super::Result;
use super::namespaces::enter;
use super::sockets::{
    NUMBER_BASE, open_onlooker, open_onlooker_v6, read_v6, receive, recognise, refused_locally, send,
};
use crate::job::{Answer, Job, Line, Listener, Transport, What};
use crate::outcome::{Outcome, Seen, Verdict};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{SockProtocol, SockaddrIn, recvfrom};
use std::fs::File;
use std::io::ErrorKind::WouldBlock;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Probes sent at a stroke, and the pause before the next ones: receive queues stay short.
const STROKE: usize = 24;
const PAUSE: Duration = Duration::from_millis(4);
/// How long after the last probe a datagram that a silent socket took may still be answered by an error.
const GRACE: Duration = Duration::from_millis(700);

enum Socket {
    Probe(usize, OwnedFd),
    Tcp(TcpListener),
    Udp(usize, UdpSocket),
    Onlooker(OwnedFd),
    /// Which of IPv6 sees no header: what it is of is known beforehand.
    OnlookerV6(OwnedFd, SockProtocol),
}

impl Socket {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Probe(_, fd) | Socket::Onlooker(fd) | Socket::OnlookerV6(fd, _) => fd.as_fd(),
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Udp(_, socket) => socket.as_fd(),
        }
    }
}

struct Probing<'a> {
    job: &'a Job,
    sockets: Vec<Socket>,
    /// Connections that were accepted, held open.
    accepted: Vec<TcpStream>,
    verdicts: Vec<Option<(Verdict, Option<IpAddr>)>>,
    seen: Vec<Option<Seen>>,
    taken: Vec<bool>,
}

/// Sends every probe and waits for what comes of them.
pub fn probe(job: &Job, namespaces: &[File]) -> Result<Vec<Line>> {
    let count = job.probes.len();
    let mut probing = Probing {
        job,
        sockets: Vec::new(),
        accepted: Vec::new(),
        verdicts: vec![None; count],
        seen: vec![None; count],
        taken: vec![false; count],
    };
    for namespace in namespaces {
        enter(namespace)?;
        for protocol in [SockProtocol::Icmp, SockProtocol::Tcp, SockProtocol::Udp] {
            probing.sockets.push(Socket::Onlooker(open_onlooker(protocol)?));
        }
        for protocol in [SockProtocol::IcmpV6, SockProtocol::Tcp, SockProtocol::Udp] {
            probing.sockets.push(Socket::OnlookerV6(open_onlooker_v6(protocol)?, protocol));
        }
    }
    let mut lines = Vec::new();
    for (i, listener) in job.listeners.iter().enumerate() {
        enter(&namespaces[listener.netns])?;
        match open_listener(i, listener) {
            Ok(socket) => probing.sockets.push(socket),
            Err(error) => lines.push(Line::NotOpened { listener: i, error: error.to_string() }),
        }
    }
    probing.send_all(namespaces)?;
    let sent = Instant::now();
    let deadline = sent + Duration::from_millis(job.timeout_ms);
    while Instant::now() < deadline && !probing.is_done(sent.elapsed() > GRACE) {
        probing.listen_until(deadline.min(Instant::now() + Duration::from_millis(50)));
    }
    lines.extend(probing.outcomes());
    Ok(lines)
}

fn open_listener(index: usize, listener: &Listener) -> std::io::Result<Socket> {
    // The wildcard of IPv6 takes IPv4 as well, unless the namespace has no IPv6 at all.
    let any = match UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Err(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let address = (listener.ip.unwrap_or(any), listener.port);
    match listener.protocol {
        Transport::Tcp => {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(Socket::Tcp(socket))
        }
        Transport::Udp => {
            let socket = UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(Socket::Udp(index, socket))
        }
    }
}

impl Probing<'_> {
    fn send_all(&mut self, namespaces: &[File]) -> Result<()> {
        for (i, probe) in self.job.probes.iter().enumerate() {
            enter(&namespaces[probe.netns])?;
            match send(i, probe) {
                Ok(fd) => self.sockets.push(Socket::Probe(i, fd)),
                Err(error) => self.verdicts[i] = Some((refused_locally(error), None)),
            }
            if i % STROKE == STROKE - 1 {
                self.listen_until(Instant::now() + PAUSE);
            }
        }
        Ok(())
    }

    /// Every probe has its verdict; once the time of grace is over, those that a socket took need none.
    fn is_done(&self, grace_is_over: bool) -> bool {
        self.verdicts.iter().zip(&self.taken).all(|(verdict, taken)| verdict.is_some() || *taken && grace_is_over)
    }

    /// Handles what arrives until then.
    fn listen_until(&mut self, deadline: Instant) {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // Rounded up, so that the last millisecond does not spin.
            let timeout = if left.is_zero() { 0 } else { left.as_millis() as u16 + 1 };
            let mut polled: Vec<PollFd> =
                self.sockets.iter().map(|socket| PollFd::new(socket.fd(), self.interest(socket))).collect();
            let count = poll(&mut polled, PollTimeout::from(timeout)).unwrap_or(0);
            let ready: Vec<usize> = (0..polled.len()).filter(|i| polled[*i].any().unwrap_or(false)).collect();
            // From the end, so that removing one leaves the others' places.
            for i in ready.into_iter().rev() {
                if self.handle(i) {
                    self.sockets.swap_remove(i);
                }
            }
            if count == 0 && left.is_zero() {
                return;
            }
        }
    }

    fn interest(&self, socket: &Socket) -> PollFlags {
        match socket {
            Socket::Probe(i, _) if matches!(self.job.probes[*i].what, What::Tcp { .. }) => PollFlags::POLLOUT,
            _ => PollFlags::POLLIN,
        }
    }

    /// Reads a ready socket empty. True if nothing more is expected of it.
    fn handle(&mut self, at: usize) -> bool {
        let mut buffer = [0; 2048];
        match &self.sockets[at] {
            Socket::Onlooker(fd) => {
                while let Ok((len, _)) = recvfrom::<SockaddrIn>(fd.as_raw_fd(), &mut buffer) {
                    if let Some((probe, seen)) = recognise(&buffer[..len], &self.job.probes) {
                        self.seen[probe].get_or_insert(seen);
                    }
                }
                false
            }
            Socket::OnlookerV6(fd, protocol) => {
                while let Some(read) = read_v6(fd, *protocol, &self.job.probes) {
                    if let Some((probe, seen)) = read {
                        self.seen[probe].get_or_insert(seen);
                    }
                }
                false
            }
            Socket::Tcp(listener) => {
                while let Ok((stream, _)) = listener.accept() {
                    self.accepted.push(stream);
                }
                false
            }
            Socket::Udp(i, socket) => {
                loop {
                    match socket.recv_from(&mut buffer) {
                        Ok((len, from)) => {
                            if let Some(taken) = self.taken.get_mut(probe_of(from)) {
                                *taken = true;
                            }
                            // A refused answer is the probe's own affair: it has been answered by then.
                            let _ = match &self.job.listeners[*i].answer {
                                Answer::Nothing => Ok(0),
                                Answer::Echo => socket.send_to(&buffer[..len], from),
                                Answer::Text(text) => socket.send_to(text.as_bytes(), from),
                            };
                        }
                        Err(error) if error.kind() == WouldBlock => break,
                        Err(_) => {}
                    }
                }
                false
            }
            Socket::Probe(i, fd) => {
                let verdict = receive(fd, &self.job.probes[*i]);
                let i = *i;
                if verdict.is_some() {
                    self.verdicts[i] = verdict;
                }
                self.verdicts[i].is_some()
            }
        }
    }

    fn outcomes(self) -> impl Iterator<Item = Line> {
        let answers = self.verdicts.into_iter().zip(self.seen).zip(self.taken);
        answers.enumerate().map(|(probe, ((verdict, seen), taken))| {
            let unanswered = if taken { Verdict::Taken } else { Verdict::Silence };
            let (verdict, responder) = verdict.unwrap_or((unanswered, None));
            Line::Answer { probe, outcome: Outcome { verdict, responder, seen } }
        })
    }
}

/// The index of the probe that came from this port; no index at all for other ports.
fn probe_of(from: SocketAddr) -> usize {
    usize::from(from.port()).wrapping_sub(NUMBER_BASE)
}
