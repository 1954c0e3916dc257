//! Listening sockets and what the program behind each of them does.

use super::Origin;
use crate::net::Protocol;
use std::net::IpAddr;
use std::sync::Arc;

/// A socket that a process has bound and listens on.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    pub protocol: Protocol,
    /// `None` is the wildcard address (`0.0.0.0` and `::`).
    pub ip: Option<IpAddr>,
    pub port: u16,
    pub app: App,
    /// The container (or host process) that owns it.
    pub process: Arc<str>,
    pub origin: Origin,
}

/// What a server does with what it receives. Each models one real program's behaviour on the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum App {
    /// Accepts and keeps quiet: an image that podhop does not know, listening on its containerPorts.
    Silent,
    /// Answers HTTP requests with `body`: at every path, or, `alone`, where nginx and Apache have their index.
    Http { server: Arc<str>, content_type: Arc<str>, body: Arc<str>, alone: bool },
    /// Answers every HTTP request with 404, as busybox httpd does without an index page.
    NotFound,
    /// agnhost netexec: `/hostname`, `/echo?msg=`, `/clientip`, `/` …; over UDP `hostname`, `echo MSG`, `clientip`.
    Netexec { hostname: Arc<str> },
    /// Sends the text as soon as a connection opens or a datagram arrives, then closes (agnhost serve-hostname --tcp,
    /// porter, `nc -l` fed by `echo`).
    Banner { text: Arc<str> },
    /// Sends back what it gets.
    Echo,
    /// Answers `PING` with `+PONG`, as redis does.
    Redis,
    /// kube-proxy's answer to a load balancer's health check: how many ready endpoints of a Service the node has.
    ServiceHealth { namespace: Arc<str>, name: Arc<str>, local_endpoints: u32 },
    /// Answers DNS, over UDP and TCP.
    Dns(Arc<super::dns::DnsServer>),
    /// CoreDNS's page of counters, and whether its process is well: `/metrics`, `/health`, `/ready`.
    DnsPages(DnsPage),
}

/// Which page a CoreDNS process has on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsPage {
    Health,
    Ready,
    Metrics,
}

impl App {
    /// The status of the answer to `GET path`; `None` if it does not speak HTTP.
    pub fn http_status(&self, path: &str) -> Option<u16> {
        match self {
            App::Http { alone, .. } => Some(if !alone || is_index(path) { 200 } else { 404 }),
            App::NotFound => Some(404),
            App::ServiceHealth { local_endpoints, .. } => Some(if *local_endpoints > 0 { 200 } else { 503 }),
            App::Netexec { .. } => {
                let path = path.split_once('?').map_or(path, |(path, _)| path);
                let known = ["/", "/hostname", "/hostName", "/clientip", "/echo", "/healthz"].contains(&path);
                Some(if known { 200 } else { 404 })
            }
            App::DnsPages(page) => Some(if page.path() == path { 200 } else { 404 }),
            App::Silent | App::Banner { .. } | App::Echo | App::Redis | App::Dns(_) => None,
        }
    }
}

/// Whether a path, with or without a query, leads to a web server's index.
pub fn is_index(path: &str) -> bool {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    // Both take several slashes for one.
    path.starts_with('/') && matches!(path.trim_start_matches('/'), "" | "index.html")
}

impl DnsPage {
    /// The one path that is there.
    pub fn path(self) -> &'static str {
        match self {
            DnsPage::Health => "/health",
            DnsPage::Ready => "/ready",
            DnsPage::Metrics => "/metrics",
        }
    }
}
