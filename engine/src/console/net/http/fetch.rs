//! One request and its response on a connection of its own.

use crate::dataplane::{Io, ProcessEvent, SendError, SendOptions, SocketEvent, SocketId};
use crate::net::{Body, IcmpError};
use crate::trace::{DropReason, FlowEnd, Nanos};
use std::net::IpAddr;

/// Most bytes of a response.
const RESPONSE_MAX: usize = 8 << 20;
const CONNECT: u32 = 1;
const TOTAL: u32 = 2;

/// A response, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// `HTTP/1.1 200 OK`
    pub status_line: String,
    pub code: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Response(Response),
    Refused,
    /// The kernel gave up.
    ConnectTimedOut,
    Unreachable {
        error: IcmpError,
        from: IpAddr,
    },
    NoRoute,
    Denied,
    Reset,
    /// Closed without a word.
    Empty,
    /// Not HTTP.
    Odd(String),
    /// The tool's own patience ended, after this many bytes; false: not even connected.
    Patience {
        connected: bool,
        received: usize,
    },
}

impl Done {
    /// How that ends the conversation.
    pub fn flow_end(&self) -> FlowEnd {
        match self {
            Done::Refused => FlowEnd::Refused,
            Done::Unreachable { error, from } => FlowEnd::Unreachable { error: *error, from: *from },
            Done::NoRoute => FlowEnd::LocalError(DropReason::NoRoute),
            Done::ConnectTimedOut | Done::Patience { .. } => FlowEnd::TimedOut,
            _ => FlowEnd::Delivered,
        }
    }
}

/// A tool that fetches: it begins, and hears how far it has come.
pub trait Client {
    /// The fetch under way.
    fn fetch(&mut self) -> &mut Option<Fetch>;

    fn begin(&mut self, io: &mut Io<'_, '_>);

    fn progress(&mut self, io: &mut Io<'_, '_>, progress: Progress);

    fn start(&mut self, io: &mut Io<'_, '_>, mut fetch: Fetch) {
        let progress = fetch.start(io);
        *self.fetch() = Some(fetch);
        if let Some(progress) = progress {
            self.progress(io, progress);
        }
    }

    fn hear(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        match event {
            ProcessEvent::Start => self.begin(io),
            ProcessEvent::Interrupt => {
                io.conclude(FlowEnd::TimedOut);
                io.exit(130);
            }
            event => {
                let progress = self.fetch().as_mut().and_then(|fetch| fetch.on(io, event));
                if let Some(progress) = progress {
                    self.progress(io, progress);
                }
            }
        }
    }
}

/// What a tool wants to hear of on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Connected,
    Done(Done),
}

pub struct Fetch {
    to: (IpAddr, u16),
    request: String,
    head_only: bool,
    connect_timeout: Option<Nanos>,
    total_timeout: Option<Nanos>,
    socket: Option<SocketId>,
    connected: bool,
    received: Vec<u8>,
}

impl Fetch {
    pub fn new(to: (IpAddr, u16), request: String, head_only: bool) -> Fetch {
        let (connect_timeout, total_timeout, socket) = (None, None, None);
        Fetch { to, request, head_only, connect_timeout, total_timeout, socket, connected: false, received: Vec::new() }
    }

    /// How long it may take to connect, and in all.
    pub fn patience(mut self, connect: Option<Nanos>, total: Option<Nanos>) -> Fetch {
        (self.connect_timeout, self.total_timeout) = (connect, total);
        self
    }

    pub fn start(&mut self, io: &mut Io<'_, '_>) -> Option<Progress> {
        let options = SendOptions { ttl: None, dont_fragment: true };
        match io.tcp_connect(self.to, options) {
            Ok(socket) => self.socket = Some(socket),
            // A rule of the own machine: the connection is tried in vain (EPERM).
            Err(SendError::Denied) => return Some(Progress::Done(Done::Denied)),
            Err(SendError::NoRoute | SendError::TooBig { .. } | SendError::Invalid) => {
                return Some(Progress::Done(Done::NoRoute));
            }
        }
        for (timeout, token) in [(self.connect_timeout, CONNECT), (self.total_timeout, TOTAL)] {
            if let Some(timeout) = timeout {
                io.timer(timeout, token);
            }
        }
        None
    }

    fn end(&mut self, io: &mut Io<'_, '_>, done: Done) -> Option<Progress> {
        if let Some(socket) = self.socket.take() {
            io.close(socket);
        }
        Some(Progress::Done(done))
    }

    pub fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) -> Option<Progress> {
        match event {
            ProcessEvent::Timer(CONNECT) if !self.connected && self.socket.is_some() => {
                self.end(io, Done::Patience { connected: false, received: 0 })
            }
            ProcessEvent::Timer(TOTAL) if self.socket.is_some() => {
                let (connected, received) = (self.connected, self.received.len());
                self.end(io, Done::Patience { connected, received })
            }
            ProcessEvent::Socket(socket, event) if Some(socket) == self.socket => self.hear(io, socket, event),
            _ => None,
        }
    }

    fn hear(&mut self, io: &mut Io<'_, '_>, socket: SocketId, event: SocketEvent) -> Option<Progress> {
        match event {
            SocketEvent::Connected => {
                self.connected = true;
                io.send(socket, Body::text(&self.request));
                Some(Progress::Connected)
            }
            SocketEvent::Data { body } => {
                if let Body::Bytes(bytes) = body {
                    self.received.extend_from_slice(&bytes);
                }
                let whole = self.received.len() > RESPONSE_MAX || self.is_whole();
                if whole { self.finish(io) } else { None }
            }
            SocketEvent::PeerClosed if self.received.is_empty() => self.end(io, Done::Empty),
            SocketEvent::PeerClosed => self.finish(io),
            SocketEvent::Refused => self.end(io, Done::Refused),
            SocketEvent::Reset => self.end(io, Done::Reset),
            SocketEvent::TimedOut => self.end(io, Done::ConnectTimedOut),
            SocketEvent::Error { error: IcmpError::FragmentationNeeded { .. }, .. } => None,
            SocketEvent::Error { .. } if self.connected => None,
            SocketEvent::Error { error: IcmpError::PortUnreachable, .. } => self.end(io, Done::Refused),
            SocketEvent::Error { error, from, .. } => self.end(io, Done::Unreachable { error, from }),
            _ => None,
        }
    }

    fn is_whole(&self) -> bool {
        let text = String::from_utf8_lossy(&self.received);
        let Some(at) = text.find("\r\n\r\n") else { return false };
        let response = parse(&text);
        let len = response.header("content-length").and_then(|len| len.parse::<usize>().ok());
        self.head_only || len.is_some_and(|len| self.received.len() >= at + 4 + len)
    }

    fn finish(&mut self, io: &mut Io<'_, '_>) -> Option<Progress> {
        let text = String::from_utf8_lossy(&self.received).into_owned();
        let done = if text.starts_with("HTTP/") { Done::Response(parse(&text)) } else { Done::Odd(text) };
        self.end(io, done)
    }
}

fn parse(text: &str) -> Response {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default().to_owned();
    let code = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    Response { code, headers: lines.filter_map(header).collect(), body: body.to_owned(), status_line }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
