//! `agnhost`, Kubernetes' own test image. Models test/images/agnhost.

use super::command::{Context, Outcome};
use super::pages::{PLAIN, http};
use super::{Exit, Server};
use crate::net::Protocol;
use crate::tables::App;
use std::borrow::Cow;

/// What `agnhost SUBCOMMAND …` does.
pub(super) fn outcome(args: &[&str], context: &Context) -> Outcome {
    let port = |flag: &str, default: u16| number(args, flag).unwrap_or(default);
    let hostname = &context.host.hostname;
    let server = |protocol, port, app| context.server("agnhost", protocol, None, port, app);
    let page = |text: &str| http("", PLAIN, text);
    let one = |port, app| Outcome::Serves(vec![server(Protocol::Tcp, port, app)]);
    match args.first().copied().unwrap_or("pause") {
        "netexec" => {
            let app = App::Netexec { hostname: hostname.clone() };
            let mut servers = vec![server(Protocol::Tcp, port("--http-port", 8080), app.clone())];
            for (flag, default, protocol) in [("--udp-port", 8081, Protocol::Udp), ("--sctp-port", -1, Protocol::Sctp)]
            {
                let number = value(args, flag).map_or(Some(default), |text| text.parse().ok());
                if let Some(port) = number.and_then(|n: i32| u16::try_from(n).ok()) {
                    servers.push(server(protocol, port, app.clone()));
                }
            }
            Outcome::Serves(servers)
        }
        "serve-hostname" => {
            let is = |flag: &str, default: bool| match value(args, flag) {
                Some(text) => text != "false",
                None => default || args.contains(&flag),
            };
            let (tcp, udp, web) = (is("--tcp", false), is("--udp", false), is("--http", true));
            if web && (tcp || udp) {
                let message = "Can't server TCP/UDP mode and HTTP mode at the same time".into();
                return Outcome::Exits(Exit { status: 1, message });
            }
            let port = port("--port", 9376);
            let text = App::Banner { text: hostname.clone() };
            let choices =
                [(tcp, Protocol::Tcp, text.clone()), (udp, Protocol::Udp, text), (web, Protocol::Tcp, page(hostname))];
            let chosen = choices.into_iter().filter(|(on, ..)| *on);
            Outcome::Serves(chosen.map(|(_, protocol, app)| server(protocol, port, app)).collect())
        }
        "porter" => Outcome::Serves(porter(context)),
        "test-webserver" => one(port("--port", 80), page("")),
        "guestbook" => one(port("--http-port", 80), page("")),
        "nettest" | "no-snat-test" | "liveness" | "resource-consumer-controller" | "audit-proxy" => {
            one(port("--port", 8080), page("ok"))
        }
        "tcp-reset" | "mtlsserver" => one(port("--port", 8080), App::Silent),
        "fake-gitserver" => one(8000, page("I am a fake git server")),
        "grpc-health-checking" => Outcome::Serves(vec![
            server(Protocol::Tcp, port("--port", 5000), App::Silent),
            server(Protocol::Tcp, port("--http-port", 8080), page("")),
        ]),
        "crd-conversion-webhook" | "webhook" => one(port("--port", 443), App::Silent),
        "pause" | "inclusterclient" | "stress" => Outcome::Waits,
        _ => Outcome::Exits(Exit { status: 0, message: "".into() }),
    }
}

/// `SERVE_PORT_80=text`: an HTTP server that says `text`; UDP and SCTP servers send it, a TLS server keeps it to itself.
fn porter(context: &Context) -> Vec<Server> {
    let mut servers = Vec::new();
    for (i, var) in context.container.env.iter().enumerate() {
        let Some((kind, port)) = var.name.strip_prefix("SERVE_").and_then(|rest| rest.rsplit_once('_')) else {
            continue;
        };
        let Ok(port) = port.parse() else { continue };
        let text = var.value.clone().unwrap_or_default();
        let (protocol, app) = match kind {
            "PORT" | "TCP_PORT" => (Protocol::Tcp, http("", PLAIN, &text)),
            "UDP_PORT" => (Protocol::Udp, App::Banner { text }),
            "SCTP_PORT" => (Protocol::Sctp, App::Banner { text }),
            "TLS_PORT" => (Protocol::Tcp, App::Silent),
            _ => continue,
        };
        let mut server = context.server("agnhost", protocol, None, port, app);
        server.field = Cow::Owned(format!("env[{i}].name"));
        servers.push(server);
    }
    servers
}

/// The value of `--flag=value` or `--flag value`; a flag followed by another has none.
pub(super) fn value<'a>(args: &[&'a str], flag: &str) -> Option<&'a str> {
    args.iter().enumerate().rev().find_map(|(i, arg)| match arg.strip_prefix(flag)? {
        "" => args.get(i + 1).copied().filter(|next| !next.starts_with("--")),
        rest => rest.strip_prefix('='),
    })
}

fn number(args: &[&str], flag: &str) -> Option<u16> {
    value(args, flag)?.parse().ok()
}
