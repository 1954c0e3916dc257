//! `wget`: busybox 1.37's and GNU Wget 1.21's, by the image.

use super::fetch::{Client, Done, Fetch, Progress, Response};
use super::url::Url;
use crate::console::files;
use crate::console::machine::Machine;
use crate::console::net::clock::Moment;
use crate::console::net::options::{Options, Spec, busybox_usage, seconds};
use crate::console::net::{fail, icmp_errno, resolve};
use crate::console::shell::{Io as Out, Session};
use crate::dataplane::resolver::Families;
use crate::dataplane::{Io, Process, ProcessEvent};
use crate::trace::{FlowEnd, Nanos};
use crate::workload;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

const LONG: &[(&str, char)] = &[
    ("quiet", 'q'),
    ("output-document", 'O'),
    ("timeout", 'T'),
    ("server-response", 'S'),
    ("spider", 'Z'),
    ("header", 'H'),
    ("post-data", 'D'),
    ("user-agent", 'U'),
    ("tries", 't'),
    ("no-check-certificate", 'n'),
    ("no-verbose", 'V'),
];

/// Most answers that one command follows.
const REDIRECTS_MAX: usize = 20;

/// The options that this place's wget has.
pub fn spec(_: &Machine<'_>) -> Spec {
    Spec { long: LONG, ..Spec::short("cqO:P:T:SU:Y:t:ZH:D:nV") }
}

#[derive(Clone, Default)]
struct Settings {
    gnu: bool,
    quiet: bool,
    output: Option<String>,
    timeout: Option<Nanos>,
    show_headers: bool,
    spider: bool,
    headers: Vec<String>,
    data: Option<String>,
    agent: Option<String>,
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], session: &mut Session, io: &mut Out) -> i32 {
    let gnu = machine.toolbox().wget == workload::Wget::Gnu;
    // busybox takes 15 minutes of silence.
    let mut settings = Settings { gnu, timeout: Some(900_000_000_000), ..Settings::default() };
    let mut options = Options::new(spec(machine), argv);
    while let Some(option) = options.next() {
        match option {
            Ok(('q', _)) => settings.quiet = true,
            Ok(('O', value)) => settings.output = Some(value.to_owned()),
            Ok(('T', value)) => match seconds(value) {
                Some(timeout) => settings.timeout = Some(timeout).filter(|timeout| *timeout > 0),
                None => return fail(io, &format!("wget: invalid number '{value}'\n"), 1),
            },
            Ok(('S', _)) => settings.show_headers = true,
            Ok(('Z', _)) => settings.spider = true,
            Ok(('H', value)) => settings.headers.push(value.to_owned()),
            Ok(('D', value)) => settings.data = Some(value.to_owned()),
            Ok(('U', value)) => settings.agent = Some(value.to_owned()),
            Ok(_) => {}
            Err(message) if gnu => return fail(io, &format!("wget: {message}\nUsage: wget [OPTION]... [URL]...\n"), 2),
            Err(message) => return fail(io, &format!("wget: {message}\n{}", usage()), 1),
        }
    }
    let [text] = options.operands.as_slice() else {
        let missing = "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n";
        return if gnu { fail(io, missing, 1) } else { fail(io, &usage(), 1) };
    };
    let Some(mut url) = Url::parse(text).filter(|url| matches!(url.scheme.as_str(), "http" | "https")) else {
        return fail(io, &format!("wget: not an http or ftp url: {text}\n"), 1);
    };
    let file = match settings.output.as_deref() {
        Some("-") => None,
        Some(file) => Some(file.to_owned()),
        None => Some(url.file_name().unwrap_or("index.html").to_owned()),
    };
    let path = file.as_ref().map(|file| session.absolute(file)).filter(|_| !settings.spider);
    let taken = path.as_ref().is_some_and(|path| settings.output.is_none() && files::stat(machine, path).is_some());
    if taken && !gnu {
        let name = file.unwrap_or_default();
        return fail(io, &format!("wget: can't open '{name}': File exists\n"), 1);
    }
    let place = &mut (machine, io, argv.join(" "));
    for redirects_count in 0..=REDIRECTS_MAX {
        let left = Rc::new(RefCell::new(Left::default()));
        let status = request(place, &settings, &url, file.clone(), &left);
        let Left { body, next } = left.take();
        if let Some(next) = next {
            if redirects_count == REDIRECTS_MAX && gnu {
                return fail(place.1, &format!("{REDIRECTS_MAX} redirections exceeded.\n"), 8);
            }
            url = next;
            continue;
        }
        if let (Some(path), Some(text)) = (path, body)
            && path != "/dev/null"
            && files::write(place.0, &path, &text, false).is_err()
        {
            return fail(place.1, &format!("wget: can't open '{path}': Permission denied\n"), 1);
        }
        return status;
    }
    fail(place.1, "wget: too many redirections\n", 1)
}

/// One request, in a conversation of its own.
fn request(
    (machine, io, title): &mut (&mut Machine<'_>, &mut Out, String),
    settings: &Settings,
    url: &Url,
    file: Option<String>,
    left: &Rc<RefCell<Left>>,
) -> i32 {
    match url.scheme.as_str() {
        "http" => {}
        "https" => return fail(io, "wget: podhop does not simulate TLS: use http://\n", 1),
        _ => return fail(io, &format!("wget: not an http or ftp url: {}\n", url.text()), 1),
    }
    let (host, library) = (url.host.clone(), resolve::library(machine));
    let (settings, url, left) = (settings.clone(), url.clone(), left.clone());
    resolve::run(machine, io, (title.clone(), &host.clone()), Families::Any, move |_, found| match found {
        Ok(found) => Ok(Box::new(Wget { settings, url, ip: found.addresses[0], file, left, fetch: None, started: 0 })),
        Err(_) if !settings.gnu => Err((format!("wget: bad address '{host}'\n"), 1)),
        Err(error) if settings.quiet => Err((String::new(), 4 + i32::from(error.message(library).is_empty()))),
        Err(error) => {
            let why = error.message(library);
            let text =
                format!("Resolving {host} ({host})... failed: {why}.\nwget: unable to resolve host address ‘{host}’\n");
            Err((text, 4))
        }
    })
}

/// What a request leaves behind.
#[derive(Default)]
struct Left {
    body: Option<String>,
    /// Where the answer leads.
    next: Option<Url>,
}

fn usage() -> String {
    busybox_usage(
        "wget [-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR]\n\t[--post-data STR] [-T SEC] [-U AGENT] URL...",
    )
}

struct Wget {
    settings: Settings,
    url: Url,
    ip: IpAddr,
    file: Option<String>,
    left: Rc<RefCell<Left>>,
    fetch: Option<Fetch>,
    started: Nanos,
}

impl Wget {
    fn say(&self, io: &mut Io<'_, '_>, text: String) {
        if !self.settings.quiet {
            io.print_err(text);
        }
    }

    fn request(&self) -> String {
        let s = &self.settings;
        let method = match (s.spider && s.gnu, &s.data) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        let agent = s.agent.clone().unwrap_or_else(|| if s.gnu { "Wget/1.21.3" } else { "Wget" }.to_owned());
        let (path, host) = (&self.url.path, self.url.authority());
        let mut text = match s.gnu {
            true => format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: \
                 Keep-Alive\r\n"
            ),
            false => {
                format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nConnection: close\r\n")
            }
        };
        s.headers.iter().for_each(|header| text += &format!("{header}\r\n"));
        if let Some(data) = &s.data {
            text += &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", data.len());
        }
        text + "\r\n" + s.data.as_deref().unwrap_or("")
    }

    fn failed(&mut self, io: &mut Io<'_, '_>, done: &Done) {
        let ip = self.ip;
        let words = match done {
            Done::Refused => "Connection refused",
            Done::ConnectTimedOut => "Connection timed out",
            Done::NoRoute => "Network is unreachable",
            Done::Denied => "Operation not permitted",
            Done::Unreachable { error, .. } => icmp_errno(*error),
            _ => "",
        };
        let busybox = match done {
            Done::Patience { .. } => "wget: download timed out\n".to_owned(),
            Done::Reset | Done::Empty | Done::Odd(_) => "wget: error getting response\n".to_owned(),
            _ => format!("wget: can't connect to remote host ({ip}): {words}\n"),
        };
        io.conclude(done.flow_end());
        if !self.settings.gnu {
            io.print_err(busybox);
            return io.exit(1);
        }
        let words = match done {
            Done::Patience { .. } => "Connection timed out",
            Done::Reset | Done::Empty | Done::Odd(_) => "No data received",
            _ => words,
        };
        self.say(io, format!("failed: {words}.\n"));
        io.exit(4);
    }

    /// Where an answer leads, as it says it and as a URL.
    fn redirect(&self, response: &Response) -> Option<(String, Url)> {
        let location = response.header("location").filter(|_| matches!(response.code, 301..=303 | 307 | 308))?;
        Some((location.to_owned(), self.url.follow(location.trim())?))
    }

    fn show_headers(&self, io: &mut Io<'_, '_>, response: &Response) {
        if self.settings.show_headers {
            let headers = response.headers.iter().map(|(name, value)| format!("  {name}: {value}\n"));
            let text: String = std::iter::once(format!("  {}\n", response.status_line)).chain(headers).collect();
            io.print_err(text);
        }
    }

    /// Models networking/wget.c of busybox 1.37.
    fn answered(&mut self, io: &mut Io<'_, '_>, response: &Response) {
        self.show_headers(io, response);
        io.conclude(FlowEnd::Delivered);
        if let Some((_, next)) = self.redirect(response) {
            self.left.borrow_mut().next = Some(next);
            return io.exit(0);
        }
        if !(200..300).contains(&response.code) {
            io.print_err(format!("wget: server returned error: {}\n", response.status_line));
            return io.exit(1);
        }
        if self.settings.spider {
            self.say(io, "remote file exists\n".to_owned());
            return io.exit(0);
        }
        let len = response.body.len();
        let bar = |name: &str| format!("{name:<20} 100% |{}| {len:>5}  0:00:00 ETA\n", "*".repeat(32));
        match self.file.clone() {
            None => {
                self.say(io, "writing to stdout\n".to_owned());
                io.print(response.body.clone());
                self.say(io, bar("-") + "written to stdout\n");
            }
            Some(file) => {
                self.say(io, format!("saving to '{file}'\n{}'{file}' saved\n", bar(&file)));
                self.left.borrow_mut().body = Some(response.body.clone());
            }
        }
        io.exit(0);
    }

    fn answered_gnu(&mut self, io: &mut Io<'_, '_>, response: &Response) {
        io.conclude(FlowEnd::Delivered);
        let status = response.status_line.split_once(' ').map_or("", |(_, status)| status).to_owned();
        if self.settings.show_headers {
            self.say(io, "\n".to_owned());
            self.show_headers(io, response);
        } else {
            self.say(io, format!("{status}\n"));
        }
        let now = moment(io.now());
        if let Some((location, next)) = self.redirect(response) {
            self.say(io, format!("Location: {location} [following]\n"));
            self.left.borrow_mut().next = Some(next);
            return io.exit(0);
        }
        if !(200..300).contains(&response.code) {
            let (code, words) = status.split_once(' ').unwrap_or((&status, ""));
            self.say(io, format!("{now} ERROR {code}: {words}.\n\n"));
            return io.exit(8);
        }
        let len = response.body.len();
        let kind =
            response.header("content-type").unwrap_or("text/html").split(';').next().unwrap_or_default().to_owned();
        if self.settings.spider {
            let len = response.header("content-length").unwrap_or("unspecified");
            self.say(io, format!("Length: {len} [{kind}]\nRemote file exists.\n\n"));
            return io.exit(0);
        }
        let shown = self.file.clone().map_or_else(|| "STDOUT".to_owned(), |file| format!("‘{file}’"));
        self.say(io, format!("Length: {len} [{kind}]\nSaving to: {shown}\n\n"));
        match &self.file {
            None => io.print(response.body.clone()),
            Some(_) => self.left.borrow_mut().body = Some(response.body.clone()),
        }
        let verb = if self.file.is_some() { format!("{shown} saved") } else { "written to stdout".to_owned() };
        let dots = ".".repeat(len.div_ceil(1024).clamp(1, 50));
        self.say(io, format!("     0K {dots:<50} 100% 10.0M=0s\n\n{now} (10.0 MB/s) - {verb} [{len}/{len}]\n\n"));
        io.exit(0);
    }
}

/// `2026-01-01 00:00:05`
fn moment(at: Nanos) -> String {
    let moment = Moment::new(at);
    format!("{}-{:02}-{:02} {}", moment.year, moment.month, moment.day, moment.time())
}

impl Client for Wget {
    fn fetch(&mut self) -> &mut Option<Fetch> {
        &mut self.fetch
    }

    fn begin(&mut self, io: &mut Io<'_, '_>) {
        self.started = io.now();
        let (host, ip, port) = (&self.url.host, self.ip, self.url.port);
        let literal = host.parse::<IpAddr>().is_ok();
        if self.settings.gnu {
            let url = format!("{}://{}{}", self.url.scheme, self.url.authority(), self.url.path);
            let resolving = if literal { String::new() } else { format!("Resolving {host} ({host})... {ip}\n") };
            let name = if literal { format!("{ip}:{port}") } else { format!("{host} ({host})|{ip}|:{port}") };
            self.say(io, format!("--{}--  {url}\n{resolving}Connecting to {name}... ", moment(io.now())));
        } else {
            self.say(io, format!("Connecting to {} ({})\n", self.url.authority(), std::net::SocketAddr::new(ip, port)));
        }
        let timeout = self.settings.timeout;
        let head = self.settings.spider && self.settings.gnu;
        let fetch = Fetch::new((ip, port), self.request(), head).patience(timeout, timeout);
        self.start(io, fetch);
    }

    fn progress(&mut self, io: &mut Io<'_, '_>, progress: Progress) {
        match progress {
            Progress::Connected if self.settings.gnu => {
                self.say(io, "connected.\nHTTP request sent, awaiting response... ".to_owned());
            }
            Progress::Connected => {}
            Progress::Done(Done::Response(response)) if self.settings.gnu => self.answered_gnu(io, &response),
            Progress::Done(Done::Response(response)) => self.answered(io, &response),
            Progress::Done(done) => self.failed(io, &done),
        }
    }
}

impl Process for Wget {
    fn on(&mut self, io: &mut Io<'_, '_>, event: ProcessEvent) {
        self.hear(io, event);
    }
}
