//! What containers do: the sockets that an image and its command open, whether the command keeps running, and the
//! tools that can be run beside it. A pure function of the Pod's `spec`.
//!
//! Images are known by name; commands are read as far as servers and well-known tools go, shell scripts included. What
//! is not known listens on its `containerPorts` and keeps quiet.

mod agnhost;
mod command;
pub mod coredns;
mod defaults;
mod image;
mod pages;
mod program;
mod script;
mod tools;

pub use image::Image;
pub use tools::{Ip, Netcat, Ping, Shell, Toolbox, Traceroute, Wget};

use crate::manifest::typed::{Container, PodSpec};
use crate::net::Protocol;
use crate::tables::App;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Where a container runs: what its program can find out.
#[derive(Clone, Debug)]
pub struct Host {
    pub hostname: Arc<str>,
    /// The Pod's address.
    pub ip: Option<IpAddr>,
}

/// A socket that a container's program opens at its start.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    pub protocol: Protocol,
    /// `None` is the wildcard address.
    pub ip: Option<IpAddr>,
    pub port: u16,
    pub app: App,
    /// The process's name: `nginx`.
    pub process: &'static str,
    /// The field of the container that says so: `image`, `command`, `args`, `env[2].value`, `ports[0].containerPort`.
    pub field: Cow<'static, str>,
}

/// A program that does not keep running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub status: i32,
    /// The last line it prints; empty if none.
    pub message: Arc<str>,
}

/// What a container's program does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behavior {
    pub servers: Vec<Server>,
    /// `None`: it keeps running.
    pub exit: Option<Exit>,
}

/// What a container does by itself, its neighbours left aside.
pub fn behavior(container: &Container, host: &Host) -> Behavior {
    let mut behavior = command::behavior(container, host);
    for server in &mut behavior.servers {
        let declared = |port: &crate::manifest::typed::ContainerPort| {
            port.container_port == server.port && port.protocol == server.protocol
        };
        if let Some(at) = container.ports.iter().position(declared) {
            server.field = Cow::Owned(format!("ports[{at}].containerPort"));
        }
    }
    behavior
}

/// The containers of a Pod with all that they open, in order; a container that cannot have a socket because an earlier
/// one has it exits, as most programs do, and opens none.
pub fn behaviors(spec: &PodSpec, host: &Host) -> Vec<Behavior> {
    let mut taken: Vec<Server> = Vec::new();
    let mut behaviors = Vec::with_capacity(spec.containers.len());
    for container in &spec.containers {
        let mut behavior = behavior(container, host);
        let clash = behavior.servers.iter().find(|server| taken.iter().any(|other| overlap(server, other)));
        if let Some(server) = clash {
            behavior.exit = Some(Exit { status: 1, message: bind_error(server).into() });
            behavior.servers.clear();
        }
        taken.extend(behavior.servers.iter().cloned());
        behaviors.push(behavior);
    }
    behaviors
}

/// Containers of a Pod that do not keep running, by index, and how they end.
pub fn exits(spec: &PodSpec, host: &Host) -> Vec<(u32, Exit)> {
    let exits = behaviors(spec, host).into_iter().enumerate();
    exits.filter_map(|(i, behavior)| Some((i as u32, behavior.exit?))).collect()
}

/// True if both sockets cannot be open in one namespace: `bind` says EADDRINUSE.
pub fn overlap(a: &Server, b: &Server) -> bool {
    let same_ip = a.ip.is_none() || b.ip.is_none() || a.ip == b.ip;
    a.protocol == b.protocol && a.port == b.port && same_ip
}

/// What the program prints as it ends because its port is taken.
pub fn bind_error(server: &Server) -> String {
    let port = server.port;
    let address = server.ip.map_or_else(|| String::from("0.0.0.0"), |ip| ip.to_string());
    match server.process {
        "nginx" => format!("nginx: [emerg] bind() to {address}:{port} failed (98: Address already in use)"),
        "httpd" if matches!(&server.app, App::Http { server, .. } if server.starts_with("Apache")) => {
            format!("(98)Address already in use: AH00072: make_sock: could not bind to address {address}:{port}")
        }
        "httpd" => String::from("httpd: bind: Address already in use"),
        "nc" => String::from("nc: bind: Address already in use"),
        "python3" => String::from("OSError: [Errno 98] Address already in use"),
        "redis-server" => {
            format!("Warning: Could not create server TCP listening socket *:{port}: bind: Address already in use")
        }
        _ => {
            let network = server.protocol.name().to_ascii_lowercase();
            format!("listen {network} :{port}: bind: address already in use")
        }
    }
}

#[cfg(test)]
mod tests;
