//! From a container's `command` and `args` to what runs.

use super::image::Image;
use super::{Behavior, Exit, Host, Server, defaults, program, script};
use crate::manifest::typed::Container;
use crate::net::Protocol;
use crate::tables::App;
use std::borrow::Cow;
use std::net::IpAddr;

/// Longest script that is looked through, in bytes.
const SCRIPT_LEN_MAX: usize = 64 * 1024;

/// What a program turns out to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Serves(Vec<Server>),
    /// Keeps running without a socket.
    Waits,
    Exits(Exit),
    /// Not known to us.
    Unknown,
}

/// What a program can see.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub container: &'a Container,
    pub image: Image<'a>,
    pub host: &'a Host,
    /// The field that made it run: `image`, `command` or `args`.
    pub field: &'static str,
}

impl Context<'_> {
    pub fn server(&self, process: &'static str, protocol: Protocol, ip: Option<IpAddr>, port: u16, app: App) -> Server {
        // 0.0.0.0 and :: mean every address.
        let ip = ip.filter(|ip| !ip.is_unspecified());
        Server { protocol, ip, port, app, process, field: Cow::Borrowed(self.field) }
    }

    pub fn variable(&self, name: &str) -> Option<String> {
        let var = self.container.env.iter().rev().find(|var| &*var.name == name);
        match (var, name) {
            (Some(var), _) => match (&var.value, var.field_path.as_deref()) {
                (Some(value), _) => Some(value.to_string()),
                (None, Some("status.podIP" | "status.podIPs")) => self.host.ip.map(|ip| ip.to_string()),
                (None, Some("metadata.name")) => Some(self.host.hostname.to_string()),
                _ => None,
            },
            (None, "HOSTNAME") => Some(self.host.hostname.to_string()),
            _ => None,
        }
    }

    /// Kubernetes' own `$(NAME)` in `command` and `args`; `$$` is a dollar sign, an unknown name stays as it is.
    fn expand<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !text.contains('$') {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let name = rest.strip_prefix('(').and_then(|inner| Some(&inner[..inner.find(')')?]));
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((name, value)) = name.and_then(|name| Some((name, self.variable(name)?))) {
                out.push_str(&value);
                rest = &rest[name.len() + 2..];
            } else {
                out.push('$');
            }
        }
        out.push_str(rest);
        Cow::Owned(out)
    }
}

pub(super) fn behavior(container: &Container, host: &Host) -> Behavior {
    if container.stdin_once {
        return Behavior::default();
    }
    let image = Image::parse(&container.image);
    let field = match (container.command.is_empty(), container.args.is_empty()) {
        (true, true) => "image",
        (_, false) => "args",
        (false, true) => "command",
    };
    let context = Context { container, image, host, field };
    let words: Vec<Cow<'_, str>> =
        container.command.iter().chain(container.args.iter()).map(|word| context.expand(word)).collect();
    let words: Vec<&str> = words.iter().map(|word| &**word).collect();
    let outcome = if words.is_empty() {
        defaults::outcome(&context)
    } else if container.command.is_empty() {
        defaults::with_args(&words, &context)
    } else {
        argv(&words, &context)
    };
    match outcome {
        Outcome::Serves(servers) => Behavior { servers, exit: None },
        Outcome::Waits => Behavior::default(),
        Outcome::Exits(exit) => Behavior { servers: Vec::new(), exit: Some(exit) },
        Outcome::Unknown => Behavior { servers: declared(&context), exit: None },
    }
}

/// A program that is not known listens where the Pod says it does.
fn declared(context: &Context) -> Vec<Server> {
    let process = "app";
    let ports = context.container.ports.iter();
    ports.map(|port| context.server(process, port.protocol, None, port.container_port, App::Silent)).collect()
}

/// What a command line does: wrappers and shells are looked through.
pub(super) fn argv(words: &[&str], context: &Context) -> Outcome {
    let Some((first, args)) = words.split_first() else { return Outcome::Waits };
    let name = first.rsplit('/').next().unwrap_or(first);
    match name {
        "sh" | "bash" | "ash" | "dash" | "zsh" => match args.iter().position(|arg| is_c_flag(arg)) {
            Some(at) => args.get(at + 1).map_or(done(2), |text| shell(text, context)),
            // A script file may do anything; a shell without a terminal ends at once.
            None if args.iter().any(|arg| !arg.starts_with('-')) => Outcome::Unknown,
            None => waits_for_input(context),
        },
        "exec" | "nohup" | "busybox" | "tini" | "dumb-init" | "env" | "docker-entrypoint.sh" | "docker-entrypoint" => {
            let skipped = args.iter().take_while(|arg| arg.starts_with('-') || arg.contains('=')).count();
            argv(&args[skipped..], context)
        }
        "timeout" => argv(args.get(1..).unwrap_or_default(), context),
        _ => program::outcome(name, args, None, context),
    }
}

/// A shell or an interpreter ends at once where nothing can be typed.
pub(super) fn waits_for_input(context: &Context) -> Outcome {
    if context.container.stdin { Outcome::Waits } else { done(0) }
}

fn is_c_flag(arg: &str) -> bool {
    arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with('c')
}

pub(super) fn done(status: i32) -> Outcome {
    Outcome::Exits(Exit { status, message: "".into() })
}

/// What a script does: everything that its commands serve; it waits if any command of it does.
fn shell(text: &str, context: &Context) -> Outcome {
    if text.len() > SCRIPT_LEN_MAX {
        return Outcome::Unknown;
    }
    let mut servers = Vec::new();
    let (mut unknown, mut waits) = (false, false);
    let mut last = done(0);
    let mut said: Option<String> = None;
    let mut pages: Vec<(String, String)> = Vec::new();
    for command in script::commands(text, &|name| context.variable(name)) {
        let words: Vec<&str> = command.words.iter().map(|word| &**word).collect();
        let input = said.take().filter(|_| command.piped);
        said = program::says(&words);
        if let (Some(file), Some(text)) = (&command.output, &said) {
            pages.push((file.clone(), text.clone()));
        }
        let index = pages.iter().rev().find(|(file, _)| file.ends_with("index.html")).map(|(_, text)| &**text);
        let name = words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word));
        let outcome = match name {
            "sh" | "bash" | "ash" | "exec" | "nohup" | "busybox" | "timeout" => argv(&words, context),
            _ => program::outcome(name, words.get(1..).unwrap_or_default(), input.as_deref().or(index), context),
        };
        waits |= command.looped;
        match outcome {
            Outcome::Serves(more) => servers.extend(more),
            Outcome::Waits => waits = true,
            Outcome::Unknown => unknown = true,
            outcome @ Outcome::Exits(_) => last = outcome,
        }
    }
    match (servers.is_empty(), unknown, waits) {
        (false, ..) => Outcome::Serves(servers),
        (true, true, _) => Outcome::Unknown,
        (true, false, true) => Outcome::Waits,
        (true, false, false) => last,
    }
}
