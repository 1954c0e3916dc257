//! Images by name: what they run when the Pod names no command, and what their entry point does with arguments.

use super::agnhost;
use super::command::{Context, Outcome, argv, done, waits_for_input};
use super::pages::{self, HTML, PLAIN, http};
use super::program;
use crate::net::Protocol;
use crate::tables::App;
use std::net::{IpAddr, Ipv4Addr};

/// Images that run a shell or an interpreter by default, which ends at once without a terminal, or a tool that only
/// prints its usage.
const IDLE: [&str; 26] = [
    "busybox",
    "alpine",
    "ubuntu",
    "debian",
    "centos",
    "fedora",
    "rockylinux",
    "almalinux",
    "amazonlinux",
    "bash",
    "curl",
    "netshoot",
    "python",
    "node",
    "golang",
    "ruby",
    "openjdk",
    "eclipse-temurin",
    "rust",
    "perl",
    "kubectl",
    "hello-world",
    "git",
    "busyboxplus",
    "wget",
    "network-tools",
];

/// Images and components whose servers need no more than ports: (name, process, [(protocol, port, on localhost only)]).
type Ports = &'static [(Protocol, u16, bool)];
const TCP: Protocol = Protocol::Tcp;
const UDP: Protocol = Protocol::Udp;
const SERVERS: &[(&str, &str, Ports)] = &[
    ("kube-apiserver", "kube-apiserver", &[(TCP, 6443, false)]),
    ("kube-controller-manager", "kube-controller-manager", &[(TCP, 10257, true)]),
    ("kube-scheduler", "kube-scheduler", &[(TCP, 10259, true)]),
    ("kube-proxy", "kube-proxy", &[(TCP, 10256, false), (TCP, 10249, true)]),
    (
        "coredns",
        "coredns",
        &[(UDP, 53, false), (TCP, 53, false), (TCP, 8080, false), (TCP, 8181, false), (TCP, 9153, false)],
    ),
    ("metrics-server", "metrics-server", &[(TCP, 10250, false)]),
    ("memcached", "memcached", &[(TCP, 11211, false)]),
    ("postgres", "postgres", &[(TCP, 5432, false)]),
    ("postgresql", "postgres", &[(TCP, 5432, false)]),
    ("mysql", "mysqld", &[(TCP, 3306, false), (TCP, 33060, false)]),
    ("mariadb", "mysqld", &[(TCP, 3306, false)]),
    ("mongo", "mongod", &[(TCP, 27017, false)]),
    ("mongodb", "mongod", &[(TCP, 27017, false)]),
    ("rabbitmq", "beam.smp", &[(TCP, 4369, false), (TCP, 5672, false), (TCP, 15692, false), (TCP, 25672, false)]),
    ("elasticsearch", "java", &[(TCP, 9200, false), (TCP, 9300, false)]),
    ("kibana", "node", &[(TCP, 5601, false)]),
    ("nats", "nats-server", &[(TCP, 4222, false), (TCP, 6222, false), (TCP, 8222, false)]),
    ("zookeeper", "java", &[(TCP, 2181, false), (TCP, 8080, false)]),
    ("kafka", "java", &[(TCP, 9092, false)]),
    ("cassandra", "java", &[(TCP, 7000, false), (TCP, 9042, false)]),
    ("prometheus", "prometheus", &[(TCP, 9090, false)]),
    ("grafana", "grafana", &[(TCP, 3000, false)]),
    ("influxdb", "influxd", &[(TCP, 8086, false)]),
    ("minio", "minio", &[(TCP, 9000, false)]),
    ("registry", "registry", &[(TCP, 5000, false)]),
    ("vault", "vault", &[(TCP, 8200, false)]),
    ("tomcat", "java", &[(TCP, 8080, false)]),
    ("jenkins", "java", &[(TCP, 8080, false), (TCP, 50000, false)]),
    ("traefik", "traefik", &[(TCP, 80, false)]),
    ("coturn", "turnserver", &[(UDP, 3478, false), (TCP, 3478, false)]),
];

/// Web images that show one page: (repository's end, process, port, page).
const PAGES: &[(&str, &str, u16, &str)] = &[
    ("httpbin", "gunicorn", 80, "<!DOCTYPE html>\n<html lang=\"en\"><head><title>httpbin.org</title></head></html>\n"),
    ("go-httpbin", "go-httpbin", 8080, "<!DOCTYPE html>\n<html><head><title>go-httpbin(1)</title></head></html>\n"),
    ("hello-kubernetes", "node", 8080, "<!DOCTYPE html>\n<html><head><title>Hello Kubernetes!</title></head></html>\n"),
    ("hpa-example", "apache2", 80, "OK!"),
    ("wordpress", "apache2", 80, ""),
    ("caddy", "caddy", 80, "<!DOCTYPE html>\n<html><head><title>Caddy works!</title></head></html>\n"),
    (
        "examples-bookinfo-productpage-v1",
        "gunicorn",
        9080,
        "<!DOCTYPE html>\n<html><head><title>Simple Bookstore App</title></head></html>\n",
    ),
    ("examples-bookinfo-details-v1", "ruby", 9080, ""),
    ("examples-bookinfo-ratings-v1", "node", 9080, ""),
    ("examples-bookinfo-reviews-v1", "java", 9080, ""),
    ("examples-bookinfo-reviews-v2", "java", 9080, ""),
    ("examples-bookinfo-reviews-v3", "java", 9080, ""),
];

/// What the image runs by itself.
pub(super) fn outcome(context: &Context) -> Outcome {
    with_args(&[], context)
}

/// What the image's entry point does with `args`.
pub(super) fn with_args(args: &[&str], context: &Context) -> Outcome {
    let image = &context.image;
    let flags_only = args.first().is_none_or(|first| first.starts_with('-'));
    match image.name {
        "agnhost" => return agnhost::outcome(args, context),
        "http-echo" => return program::http_echo(args, context),
        "whoami" => return program::whoami(args, context),
        "etcd" if flags_only => return Outcome::Serves(program::etcd(args, context)),
        "curl" => return done(if args.is_empty() { 2 } else { 0 }),
        "pause" | "flannel" | "kindnetd" => return Outcome::Waits,
        _ if image.repository.starts_with("cilium/") => return Outcome::Waits,
        _ if image.repository.starts_with("calico/") || image.repository == "tigera/operator" => return Outcome::Waits,
        "serve_hostname" => return agnhost::outcome(&["serve-hostname"], context),
        _ => {}
    }
    if !flags_only {
        return match argv(args, context) {
            // Arguments of an entry point that is not known.
            Outcome::Unknown => by_name(context).unwrap_or(Outcome::Unknown),
            known => known,
        };
    }
    match image.name {
        "redis" | "valkey" => program::outcome("redis-server", args, None, context),
        "memcached" | "postgres" => program::outcome(image.name, args, None, context),
        "mysql" | "mariadb" => program::outcome("mysqld", args, None, context),
        "mongo" => program::outcome("mongod", args, None, context),
        _ => by_name(context).unwrap_or(Outcome::Unknown),
    }
}

fn by_name(context: &Context) -> Option<Outcome> {
    let name = context.image.name;
    let page = |process, port, server: &str, content_type, body: &str| {
        Some(Outcome::Serves(vec![context.server(process, TCP, None, port, http(server, content_type, body))]))
    };
    let hostname = &context.host.hostname;
    match name {
        "nginx" | "nginx-unprivileged" | "network-multitool" => return Some(nginx(context)),
        "httpd" => return Some(apache(context)),
        "php" if context.image.is_variant("apache") => return Some(apache(context)),
        "hello" | "hello-app" => {
            let body = format!("Hello, world!\nVersion: 1.0.0\nHostname: {hostname}\n");
            let port = if name == "hello" { 80 } else { 8080 };
            return page("hello-app", port, "", PLAIN, &body);
        }
        "kubernetes-bootcamp" => {
            let version = context.image.tag.trim_start_matches('v').split('.').next().unwrap_or("1");
            let body = format!("Hello Kubernetes bootcamp! | Running on: {hostname} | v={version}\n");
            return page("node", 8080, "", "text/plain", &body);
        }
        "echo-server" | "echoserver" | "http-https-echo" => {
            let port = context.variable("PORT").or_else(|| context.variable("HTTP_PORT"));
            let default = if context.image.repository.starts_with("ealen/") { 80 } else { 8080 };
            let body = format!("Hostname: {hostname}\n");
            return page("echo-server", port.and_then(|p| p.parse().ok()).unwrap_or(default), "", PLAIN, &body);
        }
        "iperf3" => return Some(program::outcome("iperf3", &["-s"], None, context)),
        name if IDLE.contains(&name) => return Some(waits_for_input(context)),
        _ => {}
    }
    if let Some((_, process, port, body)) = PAGES.iter().find(|(image, ..)| *image == name) {
        return page(process, *port, "", HTML, body);
    }
    component(name, context)
}

/// A server that is no more than its ports, by its image's or program's name.
pub(super) fn component(name: &str, context: &Context) -> Option<Outcome> {
    let (_, process, ports) = SERVERS.iter().find(|(server, ..)| *server == name)?;
    let server = |(protocol, port, local): &(Protocol, u16, bool)| {
        let ip = local.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        context.server(process, *protocol, ip, *port, App::Silent)
    };
    let mut servers: Vec<_> = ports.iter().map(server).collect();
    if name == "rabbitmq" && context.image.is_variant("management") {
        servers.push(context.server(process, TCP, None, 15672, App::Silent));
    }
    Some(Outcome::Serves(servers))
}

pub(super) fn nginx(context: &Context) -> Outcome {
    let image = &context.image;
    let unprivileged = image.name == "nginx-unprivileged" || image.repository == "bitnami/nginx";
    let version = if image.name == "network-multitool" { None } else { image.version() };
    let port = if unprivileged { 8080 } else { 80 };
    let alone = is_alone(context, "nginx", &["/etc/nginx", "/usr/share/nginx/html"]);
    Outcome::Serves(vec![context.server("nginx", TCP, None, port, pages::nginx(version, alone))])
}

pub(super) fn apache(context: &Context) -> Outcome {
    let version = if context.image.name == "httpd" { context.image.version() } else { None };
    let alone = is_alone(context, "httpd", &["/usr/local/apache2"]);
    Outcome::Serves(vec![context.server("httpd", TCP, None, 80, pages::apache(version, alone))])
}

/// Whether a web server has nothing but what its official image brings: nothing is mounted there, and no script has
/// written anything.
fn is_alone(context: &Context, image: &str, folders: &[&str]) -> bool {
    let overlaps = |mount: &str| {
        let mount = mount.trim_end_matches('/');
        folders.iter().any(|folder| folder.starts_with(mount) || mount.starts_with(folder))
    };
    let container = context.container;
    context.image.repository == image
        && container.command.is_empty()
        && !container.mounts.iter().any(|mount| overlaps(mount))
}
