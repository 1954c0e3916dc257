//! `curl` 8.14.

mod meter;
mod options;

use super::fetch::{Client, Done, Fetch, Progress, Response};
use super::url::Url;
use crate::console::files;
use crate::console::machine::Machine;
use crate::console::net::{fail, resolve};
use crate::console::shell::{Io as Out, Session};
use crate::dataplane::resolver::{Families, ResolveError};
use crate::dataplane::{Io, Process, ProcessEvent};
use crate::net::IcmpError;
use crate::trace::{FlowEnd, Nanos};
use std::cell::RefCell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use meter::meter;
pub use options::SPEC;
use options::{REDIRECTS_MAX, Settings, parse};

const AGENT: &str = "curl/8.14.1";
/// curl gives up connecting after five minutes; the kernel does so before.
const MILLISECOND: Nanos = 1_000_000;

pub fn run(machine: &mut Machine<'_>, argv: &[String], session: &mut Session, io: &mut Out) -> i32 {
    let settings = match parse(argv) {
        Ok(settings) => settings,
        Err((message, status)) => return fail(io, &message, status),
    };
    let mut status = 0;
    let mut place = Place { machine, argv, session, io };
    for text in &settings.urls {
        status = one(&mut place, &settings, text);
    }
    status
}

/// What the process leaves behind.
#[derive(Default)]
struct Left {
    body: Option<String>,
    /// Where the answer leads, which is to be followed.
    next: Option<Url>,
    /// The method has become GET.
    gets: bool,
}

/// Where everything goes that is said and found.
struct Place<'a, 'm> {
    machine: &'a mut Machine<'m>,
    argv: &'a [String],
    session: &'a mut Session,
    io: &'a mut Out,
}

impl Place<'_, '_> {
    fn complain(&mut self, settings: &Settings, message: &str, status: i32) -> i32 {
        if !settings.silent || settings.show_error {
            self.io.err(message);
        }
        status
    }
}

/// One URL and, with `-L`, those that its answers lead to, each in a conversation of its own.
fn one(place: &mut Place<'_, '_>, settings: &Settings, text: &str) -> i32 {
    let Some(mut url) = Url::parse(text) else {
        return place.complain(settings, "curl: (3) URL rejected: Malformed input to a URL function\n", 3);
    };
    let file = match (&settings.output, settings.remote_name) {
        (Some(file), _) if file == "-" => None,
        (Some(file), _) => Some(file.clone()),
        (None, true) => match url.file_name() {
            Some(name) => Some(name.to_owned()),
            None => return place.complain(settings, "curl: (23) Remote file name has no length\n", 23),
        },
        (None, false) => None,
    };
    let mut settings = settings.clone();
    loop {
        let left = Rc::new(RefCell::new(Left::default()));
        let status = request(place, &settings, &url, file.is_some(), &left);
        let left = left.take();
        if let Some(next) = left.next {
            url = next;
            settings.redirects_count += 1;
            if left.gets {
                settings.data = None;
            }
            continue;
        }
        if let (Some(file), Some(body)) = (file, left.body) {
            let path = place.session.absolute(&file);
            if path != "/dev/null" && files::write(place.machine, &path, &body, false).is_err() {
                let message = format!("curl: (23) Failed to open the file {file}: Permission denied\n");
                return place.complain(&settings, &message, 23);
            }
        }
        return status;
    }
}

fn request(place: &mut Place<'_, '_>, settings: &Settings, url: &Url, to_file: bool, left: &Rc<RefCell<Left>>) -> i32 {
    match url.scheme.as_str() {
        "http" => {}
        "https" => return place.complain(settings, "curl: (35) podhop does not simulate TLS: use http://\n", 35),
        scheme => return place.complain(settings, &format!("curl: (1) Protocol \"{scheme}\" not supported\n"), 1),
    }
    let known = settings.resolve.iter().find(|(host, port, _)| *host == url.host && *port == url.port);
    let target = known.map_or_else(|| url.host.clone(), |(_, _, ip)| ip.to_string());
    let families = settings.families.unwrap_or(Families::Any);
    let (settings, url, left) = (settings.clone(), url.clone(), left.clone());
    let title = place.argv.join(" ");
    let patience = settings.max_time.into_iter().chain(settings.connect_timeout).min();
    let waits = (families, patience);
    resolve::run_within(place.machine, place.io, (title, &target), waits, move |_, found| {
        let (addresses, unresolved) = match found {
            Ok(found) => (found.addresses, None),
            Err(error) => (Vec::new(), Some((error, patience.unwrap_or_default() / MILLISECOND))),
        };
        Ok(Box::new(Curl { unresolved, ..Curl::new(settings, url, addresses, to_file, left) }))
    })
}

struct Curl {
    settings: Settings,
    url: Url,
    addresses: Vec<IpAddr>,
    /// Why there is none, and how many milliseconds curl would have waited for one.
    unresolved: Option<(ResolveError, u64)>,
    at: usize,
    to_file: bool,
    left: Rc<RefCell<Left>>,
    fetch: Option<Fetch>,
    started: Nanos,
    connected: Nanos,
}

impl Curl {
    fn new(settings: Settings, url: Url, addresses: Vec<IpAddr>, to_file: bool, left: Rc<RefCell<Left>>) -> Curl {
        Curl { settings, url, addresses, unresolved: None, at: 0, to_file, left, fetch: None, started: 0, connected: 0 }
    }

    fn request(&self) -> String {
        let s = &self.settings;
        let posts = s.data.is_some() && !s.get;
        let default = if s.head {
            "HEAD"
        } else if posts {
            "POST"
        } else {
            "GET"
        };
        let method = s.method.as_deref().unwrap_or(default);
        let mut path = self.url.path.clone();
        if let (Some(data), true) = (&s.data, s.get) {
            path = format!("{path}{}{data}", if path.contains('?') { '&' } else { '?' });
        }
        let given = |name: &str| {
            s.headers.iter().any(|header| {
                let own = header.split([':', ';']).next().unwrap_or_default();
                own.eq_ignore_ascii_case(name)
            })
        };
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !given("host") {
            text += &format!("Host: {}\r\n", self.url.authority());
        }
        if !given("user-agent") {
            text += &format!("User-Agent: {}\r\n", s.agent.as_deref().unwrap_or(AGENT));
        }
        if !given("accept") {
            text += "Accept: */*\r\n";
        }
        for header in
            s.headers.iter().filter(|header| header.split_once(':').is_some_and(|(_, v)| !v.trim().is_empty()))
        {
            text += &format!("{header}\r\n");
        }
        let data = s.data.as_deref().filter(|_| posts).unwrap_or("");
        if posts {
            text += &format!("Content-Length: {}\r\n", data.len());
            if !given("content-type") {
                text += "Content-Type: application/x-www-form-urlencoded\r\n";
            }
        }
        text + "\r\n" + data
    }

    fn say(&self, io: &mut Io<'_, '_>, text: fmt::Arguments<'_>) {
        if self.settings.verbose {
            io.print_err(text.to_string());
        }
    }

    fn connect(&mut self, io: &mut Io<'_, '_>) {
        let ip = self.addresses[self.at];
        let port = self.url.port;
        self.say(io, format_args!("*   Trying {}...\n", std::net::SocketAddr::new(ip, port)));
        let left = |limit: Option<Nanos>| limit.map(|limit| limit.saturating_sub(io.now() - self.started).max(1));
        let connect = self.settings.connect_timeout.or(Some(300_000 * MILLISECOND));
        let fetch = Fetch::new((ip, port), self.request(), self.settings.head)
            .patience(left(connect), left(self.settings.max_time));
        self.start(io, fetch);
    }

    fn answered(&mut self, io: &mut Io<'_, '_>, response: &Response) {
        let lines: Vec<String> = std::iter::once(response.status_line.clone())
            .chain(response.headers.iter().map(|(name, value)| format!("{name}: {value}")))
            .chain([String::new()])
            .collect();
        for line in &lines {
            self.say(io, format_args!("< {line}\n"));
        }
        io.conclude(FlowEnd::Delivered);
        if self.settings.fail && response.code >= 400 {
            self.say(io, format_args!("* Connection #0 to host left intact\n"));
            return self.complain(io, 22, &format!("The requested URL returned error: {}", response.code), response);
        }
        let mut text = String::new();
        if self.settings.head || self.settings.include {
            lines.iter().for_each(|line| text += &format!("{line}\r\n"));
        }
        if let Some(next) = self.redirect(response).filter(|_| self.settings.follow) {
            return self.leave(io, response, next, text);
        }
        if !self.settings.head {
            text += &response.body;
        }
        self.say(io, format_args!("* Connection #0 to host {} left intact\n", self.url.host));
        if self.to_file {
            if !self.settings.silent {
                io.print_err(meter(response.body.len(), io.now() - self.started));
            }
            self.left.borrow_mut().body = Some(text);
        } else {
            io.print(text);
        }
        let out = self.write_out(io, 0, response);
        io.print(out);
        io.exit(0);
    }

    /// Where an answer leads.
    fn redirect(&self, response: &Response) -> Option<Url> {
        let leads = matches!(response.code, 300..=303 | 307 | 308);
        self.url.follow(response.header("location").filter(|_| leads)?.trim())
    }

    /// Models lib/multi.c multi_follow and lib/http.c http_follow.
    fn leave(&mut self, io: &mut Io<'_, '_>, response: &Response, next: Url, head: String) {
        let max = self.settings.redirects_max.unwrap_or(REDIRECTS_MAX);
        self.say(io, format_args!("* Connection #0 to host {} left intact\n", self.url.host));
        io.print(head);
        if self.settings.redirects_count >= max {
            return self.complain(io, 47, &format!("Maximum ({max}) redirects followed"), response);
        }
        self.say(io, format_args!("* Issue another request to this URL: '{}'\n", next.text()));
        let posts = self.settings.data.is_some() && !self.settings.get && self.settings.method.is_none();
        let mut left = self.left.borrow_mut();
        left.gets = posts && matches!(response.code, 301..=303);
        left.next = Some(next);
        io.exit(0);
    }

    fn complain(&self, io: &mut Io<'_, '_>, status: i32, message: &str, response: &Response) {
        if !self.settings.silent || self.settings.show_error {
            io.print_err(format!("curl: ({status}) {message}\n"));
        }
        let out = self.write_out(io, status, response);
        io.print(out);
        io.exit(status);
    }

    fn unresolved(&self, io: &mut Io<'_, '_>, error: ResolveError, waited: u64) {
        let late = matches!(error, ResolveError::Again | ResolveError::Patience);
        io.conclude(if late { FlowEnd::TimedOut } else { FlowEnd::Delivered });
        let (status, message) = match error {
            ResolveError::Patience => (28, format!("Resolving timed out after {waited} milliseconds")),
            _ => (6, format!("Could not resolve host: {}", self.url.host)),
        };
        self.complain(io, status, &message, &Response::default());
    }

    fn failed(&mut self, io: &mut Io<'_, '_>, done: &Done) {
        let elapsed = (io.now() - self.started) / MILLISECOND;
        let (host, ip, port) = (self.url.host.clone(), self.addresses[self.at], self.url.port);
        let connecting = matches!(
            done,
            Done::Refused | Done::ConnectTimedOut | Done::Unreachable { .. } | Done::NoRoute | Done::Denied
        );
        if connecting {
            let why = match done {
                Done::Refused => "Connection refused",
                Done::ConnectTimedOut => "Connection timed out",
                Done::Denied => "Operation not permitted",
                Done::NoRoute => "Network unreachable",
                Done::Unreachable { error: IcmpError::NetUnreachable, .. } => "Network unreachable",
                _ => "Host is unreachable",
            };
            self.say(io, format_args!("* connect to {ip} port {port} failed: {why}\n"));
            self.at += 1;
            if self.at < self.addresses.len() {
                return self.connect(io);
            }
        }
        io.conclude(done.flow_end());
        let (status, message) = match done {
            Done::Patience { connected: false, .. } => {
                (28, format!("Connection timed out after {elapsed} milliseconds"))
            }
            Done::Patience { received, .. } => {
                (28, format!("Operation timed out after {elapsed} milliseconds with {received} bytes received"))
            }
            Done::Reset => (56, "Recv failure: Connection reset by peer".to_owned()),
            Done::Empty => (52, "Empty reply from server".to_owned()),
            Done::Odd(_) => (1, "Received HTTP/0.9 when not allowed".to_owned()),
            done => {
                let status = if *done == Done::ConnectTimedOut { 28 } else { 7 };
                (
                    status,
                    format!("Failed to connect to {host} port {port} after {elapsed} ms: Could not connect to server"),
                )
            }
        };
        self.complain(io, status, &message, &Response::default());
    }

    /// `-w`
    fn write_out(&self, io: &Io<'_, '_>, status: i32, response: &Response) -> String {
        if self.settings.write_out.is_empty() {
            return String::new();
        }
        let time = |from: Nanos, to: Nanos| {
            let micros = to.saturating_sub(from) / 1_000;
            format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
        };
        let ip = self.addresses.get(self.at).map_or_else(String::new, ToString::to_string);
        let values = [
            ("http_code", format!("{:03}", response.code)),
            ("response_code", format!("{:03}", response.code)),
            ("remote_ip", ip),
            ("remote_port", self.url.port.to_string()),
            ("size_download", response.body.len().to_string()),
            ("time_connect", time(self.started, self.connected)),
            ("time_total", time(self.started, io.now())),
            ("content_type", response.header("content-type").unwrap_or("").to_owned()),
            ("exitcode", status.to_string()),
            ("num_connects", (self.settings.redirects_count + 1).to_string()),
            ("num_redirects", self.settings.redirects_count.to_string()),
            ("redirect_url", self.redirect(response).map_or_else(String::new, |url| url.text())),
            ("url_effective", self.url.text()),
            ("url", self.url.text()),
        ];
        let text = self.settings.write_out.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r");
        values.into_iter().fold(text, |text, (name, value)| text.replace(&format!("%{{{name}}}"), &value))
    }
}

impl Client for Curl {
    fn fetch(&mut self) -> &mut Option<Fetch> {
        &mut self.fetch
    }

    fn begin(&mut self, io: &mut Io<'_, '_>) {
        self.started = io.now();
        if let Some((error, waited)) = self.unresolved {
            return self.unresolved(io, error, waited);
        }
        if self.url.host.parse::<IpAddr>().is_err() {
            let of = |v4: bool| {
                let list: Vec<String> =
                    self.addresses.iter().filter(|ip| ip.is_ipv4() == v4).map(ToString::to_string).collect();
                if list.is_empty() { "(none)".to_owned() } else { list.join(", ") }
            };
            let (host, port) = (&self.url.host, self.url.port);
            let text = format!("* Host {host}:{port} was resolved.\n* IPv6: {}\n* IPv4: {}\n", of(false), of(true));
            self.say(io, format_args!("{text}"));
        }
        self.connect(io);
    }

    fn progress(&mut self, io: &mut Io<'_, '_>, progress: Progress) {
        match progress {
            Progress::Connected => {
                self.connected = io.now();
                let (host, ip, port) = (&self.url.host, self.addresses[self.at], self.url.port);
                self.say(io, format_args!("* Connected to {host} ({ip}) port {port}\n* using HTTP/1.x\n"));
                let request = self.request();
                let head = request.split("\r\n\r\n").next().unwrap_or_default();
                for line in head.split("\r\n").chain([""]) {
                    self.say(io, format_args!("> {line}\n"));
                }
                self.say(io, format_args!("* Request completely sent off\n"));
            }
            Progress::Done(Done::Response(response)) => self.answered(io, &response),
            Progress::Done(done) => self.failed(io, &done),
        }
    }
}

impl Process for Curl {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        self.hear(io, event);
    }
}
