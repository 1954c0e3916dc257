//! Programs by name: what each does with its arguments.

use super::agnhost::{self, value};
use super::command::{Context, Outcome, done, waits_for_input};
use super::pages::{self, PLAIN, http};
use super::{Exit, Server, defaults};
use crate::net::Protocol;
use crate::tables::App;
use std::net::IpAddr;

/// What `name args…` does. `input` is the text that an `echo` before it fed to it or wrote as its index page.
pub(super) fn outcome(name: &str, args: &[&str], input: Option<&str>, context: &Context) -> Outcome {
    let tcp = |process, port, app| Outcome::Serves(vec![context.server(process, Protocol::Tcp, None, port, app)]);
    match name {
        "sleep" | "pause" | "watch" | "top" | "yes" | "tcpdump" | "wait" | "flanneld" => Outcome::Waits,
        "tail" => {
            if args.iter().any(|arg| is_short(arg, 'f') || is_short(arg, 'F')) {
                Outcome::Waits
            } else {
                done(0)
            }
        }
        "ping" => {
            if args.iter().any(|arg| is_short(arg, 'c')) {
                done(0)
            } else {
                Outcome::Waits
            }
        }
        "false" => done(1),
        name if SHORT.contains(&name) => done(0),
        "nginx" => defaults::nginx(context),
        "httpd" if context.image.name == "httpd" => defaults::apache(context),
        "httpd-foreground" | "apache2-foreground" | "apachectl" | "apache2ctl" => defaults::apache(context),
        "httpd" => busybox_httpd(args, input, context),
        "nc" | "ncat" | "netcat" => netcat(args, input, context),
        "socat" => socat(args, context),
        "iperf3" | "iperf" => {
            let port = number(args, 'p').unwrap_or(if name == "iperf3" { 5201 } else { 5001 });
            let listens = args.iter().any(|arg| *arg == "--server" || is_short(arg, 's'));
            if listens { tcp("iperf3", port, App::Silent) } else { done(0) }
        }
        "python" | "python2" | "python3" => python(args, context),
        "http-server" => {
            tcp("http-server", number(args, 'p').unwrap_or(8080), http("", "text/html; charset=utf-8", ""))
        }
        "php" => match short(args, 'S').and_then(address) {
            Some((ip, port)) => {
                let app = http("", "text/html; charset=UTF-8", "");
                Outcome::Serves(vec![context.server("php", Protocol::Tcp, ip, port, app)])
            }
            None => Outcome::Unknown,
        },
        "redis-server" => {
            tcp("redis-server", value(args, "--port").and_then(|p| p.parse().ok()).unwrap_or(6379), App::Redis)
        }
        "memcached" => tcp("memcached", number(args, 'p').unwrap_or(11211), App::Silent),
        "postgres" => {
            let port = number(args, 'p').or_else(|| context.variable("PGPORT")?.parse().ok());
            tcp("postgres", port.unwrap_or(5432), App::Silent)
        }
        "mysqld" | "mariadbd" => {
            tcp("mysqld", value(args, "--port").and_then(|p| p.parse().ok()).unwrap_or(3306), App::Silent)
        }
        "mongod" => tcp("mongod", value(args, "--port").and_then(|p| p.parse().ok()).unwrap_or(27017), App::Silent),
        "agnhost" | "agnhost-2" => agnhost::outcome(args, context),
        "http-echo" => http_echo(args, context),
        "whoami" => whoami(args, context),
        "etcd" => Outcome::Serves(etcd(args, context)),
        _ => defaults::component(name, context).unwrap_or(Outcome::Unknown),
    }
}

/// Programs and shell builtins that do their work and end.
const SHORT: [&str; 60] = [
    "true", ":", "echo", "printf", "cat", "ls", "cd", "export", "set", "unset", "trap", "read", "test", "[", "[[",
    "mkdir", "touch", "cp", "mv", "ln", "rm", "chmod", "chown", "id", "hostname", "date", "env", "printenv", "ps",
    "wget", "curl", "nslookup", "dig", "host", "apk", "apt", "apt-get", "yum", "dnf", "pip", "pip3", "npm", "sed",
    "grep", "awk", "cut", "tr", "head", "wc", "sort", "seq", "ip", "ifconfig", "arp", "route", "netstat", "ss",
    "sysctl", "kubectl", "exit",
];

/// The text that a command prints, if it is `echo` or `printf`.
pub(super) fn says(words: &[&str]) -> Option<String> {
    let unescape = |text: &str| text.replace("\\r", "\r").replace("\\n", "\n");
    match words.split_first()? {
        (&"echo", args) => {
            let flags = args.iter().take_while(|arg| matches!(**arg, "-e" | "-n" | "-en" | "-ne")).count();
            let text = args[flags..].join(" ");
            let text = if args[..flags].iter().any(|f| f.contains('e')) { unescape(&text) } else { text };
            Some(if args[..flags].iter().any(|f| f.contains('n')) { text } else { text + "\n" })
        }
        (&"printf", args) => {
            let (format, values) = args.split_first()?;
            let mut values = values.iter();
            let mut text = String::new();
            for (i, part) in format.split("%s").enumerate() {
                text.push_str(if i > 0 { values.next().unwrap_or(&"") } else { "" });
                text.push_str(part);
            }
            Some(unescape(&text))
        }
        _ => None,
    }
}

fn is_short(arg: &str, flag: char) -> bool {
    arg.starts_with('-') && !arg.starts_with("--") && arg.contains(flag)
}

/// The value of a one-letter option: `-p 80`, `-p80`, `-lkp 80`.
fn short<'a>(args: &[&'a str], flag: char) -> Option<&'a str> {
    args.iter().enumerate().find_map(|(i, arg)| {
        let at = if is_short(arg, flag) { arg.find(flag)? } else { return None };
        match &arg[at + 1..] {
            "" => args.get(i + 1).copied(),
            rest => Some(rest),
        }
    })
}

fn number(args: &[&str], flag: char) -> Option<u16> {
    short(args, flag)?.parse().ok()
}

/// `IP:PORT`, `[IP]:PORT`, `:PORT` or `PORT`, without a scheme before it.
pub(super) fn address(text: &str) -> Option<(Option<IpAddr>, u16)> {
    let text = text.rsplit("//").next()?;
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port = port.trim_end_matches('/').parse().ok()?;
    let host = host.trim_matches(['[', ']']);
    let ip = if host == "localhost" { Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)) } else { host.parse().ok() };
    Some((ip.filter(|ip: &IpAddr| !ip.is_unspecified()), port))
}

/// busybox `httpd -f -p [IP:]PORT`: the index page that the script wrote, or 404.
fn busybox_httpd(args: &[&str], input: Option<&str>, context: &Context) -> Outcome {
    let (ip, port) = short(args, 'p').and_then(address).unwrap_or((None, 80));
    let app = match input {
        Some(page) => http("", "text/html", page),
        None => App::NotFound,
    };
    Outcome::Serves(vec![context.server("httpd", Protocol::Tcp, ip, port, app)])
}

/// `nc -l`: in busybox's form (`-l -p PORT -e PROG`) and OpenBSD's (`-l [IP] PORT`).
fn netcat(args: &[&str], input: Option<&str>, context: &Context) -> Outcome {
    if !args.iter().any(|arg| is_short(arg, 'l') || *arg == "--listen") {
        return done(0);
    }
    let last = args.iter().rev().find(|arg| !arg.starts_with('-'));
    let Some(port) = number(args, 'p').or_else(|| last?.parse().ok()) else { return done(1) };
    let runs = short(args, 'e').or_else(|| short(args, 'c'));
    let app = match (runs.map(|program| program.rsplit('/').next().unwrap_or(program)), input) {
        (Some("cat"), _) => App::Echo,
        (_, Some(text)) => App::Banner { text: text.into() },
        _ => App::Silent,
    };
    let protocol =
        if args.iter().any(|arg| is_short(arg, 'u') || *arg == "--udp") { Protocol::Udp } else { Protocol::Tcp };
    Outcome::Serves(vec![context.server("nc", protocol, None, port, app)])
}

/// `socat TCP-LISTEN:PORT,fork EXEC:cat`.
fn socat(args: &[&str], context: &Context) -> Outcome {
    let mut ends = args.iter().filter(|arg| !arg.starts_with('-') || **arg == "-");
    let (Some(left), right) = (ends.next(), ends.next()) else { return done(1) };
    let (kind, rest) = left.split_once(':').unwrap_or((left, ""));
    let kind = kind.to_ascii_uppercase();
    let protocol = match kind.split_once('-') {
        Some((family, "LISTEN" | "L" | "RECVFROM" | "RECV")) if family.starts_with("TCP") => Protocol::Tcp,
        Some((family, "LISTEN" | "L" | "RECVFROM" | "RECV")) if family.starts_with("UDP") => Protocol::Udp,
        Some((family, "LISTEN" | "L")) if family.starts_with("SCTP") => Protocol::Sctp,
        _ => return done(0),
    };
    let Some(port) = rest.split(',').next().and_then(|port| port.parse().ok()) else { return done(1) };
    let right = right.map_or("", |right| right.trim_matches(['\'', '"']));
    let (what, how) = right.split_once(':').unwrap_or((right, ""));
    let app = match (what.to_ascii_uppercase().as_str(), how.rsplit('/').next().unwrap_or(how)) {
        ("PIPE", _) | ("EXEC" | "SYSTEM", "cat") => App::Echo,
        ("EXEC" | "SYSTEM", _) => {
            let words: Vec<&str> = how.split_whitespace().collect();
            match says(&words) {
                Some(text) => App::Banner { text: text.into() },
                None => App::Silent,
            }
        }
        _ => App::Silent,
    };
    Outcome::Serves(vec![context.server("socat", protocol, None, port, app)])
}

/// `python3 -m http.server [PORT] [--bind IP]`; another script is not known.
fn python(args: &[&str], context: &Context) -> Outcome {
    let Some(at) = args.iter().position(|arg| matches!(*arg, "http.server" | "SimpleHTTPServer")) else {
        return if args.is_empty() { waits_for_input(context) } else { Outcome::Unknown };
    };
    let rest = &args[at + 1..];
    let port = rest.iter().find_map(|arg| arg.parse().ok()).unwrap_or(8000);
    let ip = value(rest, "--bind").or_else(|| short(rest, 'b')).and_then(|ip| ip.parse().ok());
    Outcome::Serves(vec![context.server("python3", Protocol::Tcp, ip, port, pages::python())])
}

/// hashicorp/http-echo: `-listen=:5678 -text=…` (Go's flags take one dash or two).
pub(super) fn http_echo(args: &[&str], context: &Context) -> Outcome {
    let flag = |name: &str| value(args, &format!("-{name}")).or_else(|| value(args, &format!("--{name}")));
    let text =
        flag("text").map(str::to_owned).or_else(|| context.variable("ECHO_TEXT")).filter(|text| !text.is_empty());
    let Some(text) = text else {
        let message = "Missing -text option OR ENV var TEXT is empty!".into();
        return Outcome::Exits(Exit { status: 127, message });
    };
    let (ip, port) = flag("listen").and_then(address).unwrap_or((None, 5678));
    let app = http("", PLAIN, &format!("{text}\n"));
    Outcome::Serves(vec![context.server("http-echo", Protocol::Tcp, ip, port, app)])
}

/// traefik/whoami: says who it is.
pub(super) fn whoami(args: &[&str], context: &Context) -> Outcome {
    let given = value(args, "--port").or_else(|| value(args, "-port")).map(str::to_owned);
    let port =
        given.or_else(|| context.variable("WHOAMI_PORT_NUMBER")).and_then(|port| port.parse().ok()).unwrap_or(80);
    let mut page = format!("Hostname: {}\nIP: 127.0.0.1\nIP: ::1\n", context.host.hostname);
    if let Some(ip) = context.host.ip {
        page += &format!("IP: {ip}\n");
    }
    Outcome::Serves(vec![context.server("whoami", Protocol::Tcp, None, port, http("", PLAIN, &page))])
}

/// etcd's URLs; without any, those that kubeadm gives it.
pub(super) fn etcd(args: &[&str], context: &Context) -> Vec<Server> {
    let flags = ["--listen-client-urls", "--listen-peer-urls", "--listen-metrics-urls"];
    let given: Vec<&str> = flags.iter().filter_map(|flag| value(args, flag)).flat_map(|urls| urls.split(',')).collect();
    let mut ends: Vec<(Option<IpAddr>, u16)> = given.into_iter().filter_map(address).collect();
    if ends.is_empty() {
        let localhost = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        ends.extend([(localhost, 2379), (localhost, 2381)]);
        ends.extend(context.host.ip.into_iter().flat_map(|ip| [(Some(ip), 2379), (Some(ip), 2380)]));
    }
    ends.into_iter().map(|(ip, port)| context.server("etcd", Protocol::Tcp, ip, port, App::Silent)).collect()
}
