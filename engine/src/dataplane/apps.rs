//! What servers say. Each answer is what the real program puts on the wire.

use crate::net::Body;
use crate::tables::{App, is_index};
use crate::trace::Nanos;
use std::net::IpAddr;

/// What a server does next on a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub send: Option<Body>,
    pub close: bool,
    pub heard: Option<Heard>,
}

/// A request as a web server's log tells it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    /// `GET / HTTP/1.1`
    line: String,
    status: u16,
    /// Bytes of the page.
    len: usize,
    referer: Option<String>,
    agent: Option<String>,
}

/// A request that a server of a namespace has answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub at: Nanos,
    /// The server's port.
    pub port: u16,
    pub client: IpAddr,
    /// `GET / HTTP/1.1`
    pub line: String,
    pub status: u16,
    /// Bytes of the page.
    pub len: usize,
    pub referer: Option<String>,
    pub agent: Option<String>,
}

impl Heard {
    pub fn by(self, at: Nanos, port: u16, client: IpAddr) -> Request {
        let Heard { line, status, len, referer, agent } = self;
        Request { at, port, client, line, status, len, referer, agent }
    }
}

/// A connection has been accepted.
pub(super) fn connected(app: &App) -> Answer {
    match app {
        App::Banner { text } => Answer { send: Some(Body::text(text)), close: true, heard: None },
        _ => Answer::default(),
    }
}

/// Data has come in on a connection.
pub(super) fn data(app: &App, body: &Body, client: (IpAddr, u16)) -> Answer {
    match app {
        App::Silent | App::Banner { .. } | App::Dns(_) | App::DnsPages(_) => Answer::default(),
        App::Echo => Answer { send: Some(body.clone()), close: false, heard: None },
        App::Redis => redis(body),
        App::Http { server, content_type, body: page, alone } => http(body, |request| {
            let page = Page { content_type, ..Page::of("200 OK", server, page.to_string()) };
            if *alone { site(request, page) } else { page.or_bad(request) }
        }),
        App::NotFound => http(body, |_| {
            let title = "404 Not Found";
            let text = format!(
                "<HTML><HEAD><TITLE>{title}</TITLE></HEAD>\n<BODY><H1>{title}</H1>\n\
                 The requested URL was not found\n</BODY></HTML>\n"
            );
            Page { status: title, server: "", content_type: "text/html", more: "", body: text }
        }),
        App::Netexec { hostname } => http(body, |request| netexec(request, hostname, client)),
        App::ServiceHealth { namespace, name, local_endpoints } => {
            let weight =
                format!("X-Load-Balancing-Endpoint-Weight: {local_endpoints}\r\nX-Content-Type-Options: nosniff\r\n");
            http(body, |_| service_health((namespace, name), *local_endpoints, &weight))
        }
    }
}

/// A datagram has come in. None: the server keeps quiet.
pub(super) fn datagram(app: &App, body: &Body, client: (IpAddr, u16)) -> Option<Body> {
    match app {
        App::Echo => Some(body.clone()),
        App::Banner { text } => Some(Body::text(text)),
        App::Netexec { hostname } => {
            let text = text_of(body);
            let command = text.trim().to_ascii_lowercase();
            Some(match command.split_once(' ').map_or((command.as_str(), ""), |pair| pair) {
                ("hostname", _) => Body::text(hostname),
                ("echo", _) => Body::text(text.trim()[4..].trim_start()),
                ("clientip", _) => Body::text(&socket_address(client)),
                _ => return None,
            })
        }
        App::Silent
        | App::Http { .. }
        | App::NotFound
        | App::Redis
        | App::ServiceHealth { .. }
        | App::Dns(_)
        | App::DnsPages(_) => None,
    }
}

fn text_of(body: &Body) -> String {
    match body {
        Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Body::Pattern(_) => String::new(),
    }
}

fn socket_address((ip, port): (IpAddr, u16)) -> String {
    if ip.is_ipv4() { format!("{ip}:{port}") } else { format!("[{ip}]:{port}") }
}

/// The inline commands that people type at redis by hand, and redis-cli's framing of them.
fn redis(body: &Body) -> Answer {
    let text = text_of(body).to_ascii_uppercase();
    let mut words = text.split_whitespace().filter(|word| !word.starts_with(['*', '$']));
    let (send, close) = match words.next() {
        Some("PING") => ("+PONG\r\n".to_owned(), false),
        Some("QUIT") => ("+OK\r\n".to_owned(), true),
        Some(word) => {
            (format!("-ERR unknown command '{}', with args beginning with: \r\n", word.to_ascii_lowercase()), false)
        }
        None => return Answer::default(),
    };
    Answer { send: Some(Body::text(&send)), close, heard: None }
}

struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
}

struct Page<'a> {
    status: &'static str,
    server: &'a str,
    content_type: &'a str,
    /// Further header lines, each with its end.
    more: &'a str,
    body: String,
}

impl<'a> Page<'a> {
    fn of(status: &'static str, server: &'a str, body: String) -> Page<'a> {
        Page { status, server, content_type: "text/html", more: "", body }
    }

    fn or_bad(self, request: &Asked<'_>) -> Page<'a> {
        if matches!(request.method, "GET" | "HEAD" | "POST") {
            return self;
        }
        Page { status: "405 Method Not Allowed", body: String::new(), ..self }
    }
}

/// nginx's or Apache's answer where only their own pages are.
fn site<'a>(request: &Asked<'_>, index: Page<'a>) -> Page<'a> {
    let server = index.server;
    if !server.starts_with("nginx/") {
        return if is_index(request.path) { index.or_bad(request) } else { apache_404(server) };
    }
    // Models ngx_http_static_module.c: a file takes no POST.
    let page = match request.path.trim_start_matches('/') {
        "50x.html" => Page::of("200 OK", server, NGINX_50X.to_owned()),
        _ if is_index(request.path) => index,
        _ => nginx_error("404 Not Found", server),
    };
    match request.method {
        "GET" | "HEAD" => page,
        "POST" if page.status.starts_with("404") => page,
        _ => nginx_error("405 Not Allowed", server),
    }
}

fn apache_404(server: &str) -> Page<'_> {
    let body = "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n\
                <h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n</body></html>\n";
    Page { content_type: "text/html; charset=iso-8859-1", ..Page::of("404 Not Found", server, body.to_owned()) }
}

/// Models ngx_http_special_response.c.
fn nginx_error<'a>(status: &'static str, server: &'a str) -> Page<'a> {
    let body = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n<hr><center>{server}\
         </center>\r\n</body>\r\n</html>\r\n"
    );
    Page::of(status, server, body)
}

const NGINX_50X: &str = "<!DOCTYPE html>\n<html>\n<head>\n<title>Error</title>\n<style>\nhtml { color-scheme: light dark; }\n\
    body { width: 35em; margin: 0 auto;\nfont-family: Tahoma, Verdana, Arial, sans-serif; }\n</style>\n</head>\n<body>\n\
    <h1>An error occurred.</h1>\n<p>Sorry, the page you are looking for is currently unavailable.<br/>\n\
    Please try again later.</p>\n<p>If you are the system administrator of this resource then you should check\n\
    the error log for details.</p>\n<p><em>Faithfully yours, nginx.</em></p>\n</body>\n</html>\n";

/// Answers one HTTP/1.x request. Something else gets 400 and the door, as nginx and Go's server do.
fn http<'a>(body: &Body, page: impl Fn(&Asked<'_>) -> Page<'a>) -> Answer {
    let text = text_of(body);
    let line = text.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        let send = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request";
        return Answer { send: Some(Body::text(send)), close: true, heard: None };
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let page = page(&Asked { method, path, query });
    let asks_close = text.lines().any(|l| l.to_ascii_lowercase().replace(' ', "") == "connection:close");
    let close = version != "HTTP/1.1" || asks_close;
    let mut send = format!("HTTP/1.1 {}\r\n", page.status);
    if !page.server.is_empty() {
        send += &format!("Server: {}\r\n", page.server);
    }
    send += &format!("Content-Type: {}\r\n{}Content-Length: {}\r\n", page.content_type, page.more, page.body.len());
    send += if close { "Connection: close\r\n\r\n" } else { "Connection: keep-alive\r\n\r\n" };
    let sent = if method == "HEAD" { "" } else { &page.body };
    send += sent;
    let header = |wanted: &str| {
        let mut headers = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
    };
    let status = page.status.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
    let (referer, agent) = (header("referer"), header("user-agent"));
    let heard = Some(Heard { line: line.to_owned(), status, len: sent.len(), referer, agent });
    Answer { send: Some(Body::text(&send)), close, heard }
}

/// A page of text by its path, from a server in Go.
pub(super) fn page(body: &Body, text: impl Fn(&str) -> (&'static str, String)) -> Answer {
    http(body, |request| {
        let (status, body) = text(request.path);
        Page { status, server: "", content_type: "text/plain; charset=utf-8", more: "", body }
    })
}

/// Models pkg/proxy/healthcheck/service_health.go, of a kube-proxy that is well.
fn service_health<'a>((namespace, name): (&str, &str), local_endpoints: u32, more: &'a str) -> Page<'a> {
    let body = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": \"{namespace}\",\n\t\t\"name\": \"{name}\"\n\t}},\n\t\"localEndpoints\": \
         {local_endpoints},\n\t\"serviceProxyHealthy\": true\n}}"
    );
    let status = if local_endpoints > 0 { "200 OK" } else { "503 Service Unavailable" };
    Page { status, server: "", content_type: "application/json", more, body }
}

/// agnhost netexec's pages (kubernetes test/images/agnhost/netexec).
fn netexec<'a>(request: &Asked<'_>, hostname: &str, client: (IpAddr, u16)) -> Page<'a> {
    let parameter = |name: &str| {
        request.query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, v)| v)
    };
    let body = match request.path {
        "/hostname" | "/hostName" => hostname.to_owned(),
        "/clientip" => socket_address(client),
        "/echo" => parameter("msg").unwrap_or_default().to_owned(),
        "/healthz" => String::new(),
        "/" => format!("NOW: {hostname}"),
        _ => {
            let body = "404 page not found\n".to_owned();
            let content_type = "text/plain; charset=utf-8";
            return Page { status: "404 Not Found", server: "", content_type, more: "", body };
        }
    };
    Page { status: "200 OK", server: "", content_type: "text/plain; charset=utf-8", more: "", body }
}
