//! `ping`: busybox 1.37's and iputils 20240905's, by the image.
//!
//! Left out, each with a message: IPv6-only options, addresses with a zone (`fe80::1%eth0`), timestamps and record route in the packet, preload, patterns.

mod options;
mod output;
mod process;
#[cfg(test)]
mod tests;

use super::super::machine::Machine;
use super::super::shell::Io;
use super::options::Spec;
use super::resolve::{self, Hosts};
use super::{fail, path};
use crate::dataplane::resolver::{Families, Library, ResolveError};
use crate::tables::text::Family;
use crate::tables::{Netns, RouteKind};
use crate::workload;
use options::Settings;
use process::Pinger;
use std::net::{IpAddr, Ipv4Addr};

/// Whose output and habits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Busybox,
    Iputils,
}

impl Style {
    fn of(machine: &Machine<'_>) -> Style {
        if machine.toolbox().ping == workload::Ping::Iputils { Style::Iputils } else { Style::Busybox }
    }
}

/// The options that this place's ping has.
pub fn spec(machine: &Machine<'_>) -> Spec {
    options::spec(Style::of(machine))
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let style = Style::of(machine);
    let mut settings = match options::parse(style, argv) {
        Ok(settings) => settings,
        Err((message, status)) => return fail(io, &message, status),
    };
    // The name that it is called by is an option, too.
    if argv.first().is_some_and(|name| name.ends_with('6')) {
        settings.family = Family::V6;
    }
    let hosts = Hosts::read(machine);
    let library = resolve::library(machine);
    let host = settings.host.clone();
    let families = match settings.family {
        Family::Any => Families::Any,
        Family::V4 => Families::V4,
        Family::V6 => Families::V6,
    };
    resolve::run(machine, io, (argv.join(" "), &host), families, move |netns, found| {
        let ip = match found.map(|found| found.addresses[0]) {
            Ok(ip) if settings.family.has(ip) => ip,
            found => return Err(unresolved(style, &settings.host, found, library)),
        };
        let from = source(style, &settings, netns, ip)?;
        if let Some(error) = connect_error(&settings, netns, ip).filter(|_| style == Style::Iputils) {
            return Err(error);
        }
        if is_for_many(netns, ip) {
            return Err(("ping: podhop does not simulate broadcast and multicast destinations\n".to_owned(), 2));
        }
        Ok(Box::new(Pinger::new(style, settings, ip, from, hosts)))
    })
}

/// Broadcast or multicast, where there is a route.
fn is_for_many(netns: &Netns, to: IpAddr) -> bool {
    path::route(netns, to).is_some_and(|route| {
        route.kind != RouteKind::Blackhole
            && (route.kind == RouteKind::Broadcast || to.is_multicast() || to == IpAddr::V4(Ipv4Addr::BROADCAST))
    })
}

fn unresolved(style: Style, host: &str, found: Result<IpAddr, ResolveError>, library: Library) -> (String, i32) {
    match (style, found) {
        (Style::Busybox, _) => (format!("ping: bad address '{host}'\n"), 1),
        (Style::Iputils, Ok(_)) => (format!("ping: {host}: Address family for hostname not supported\n"), 2),
        (Style::Iputils, Err(error)) => (format!("ping: {host}: {}\n", error.message(library)), 2),
    }
}

/// `-I`: what the header says about the source, if that is where the routing table sends from anyway.
fn source(style: Style, settings: &Settings, netns: &Netns, to: IpAddr) -> Result<String, (String, i32)> {
    let Some(wanted) = &settings.source else { return Ok(String::new()) };
    let route = path::route(netns, to);
    let routed = route.and_then(|route| path::source(netns, route, to));
    let (fits, text) = match wanted.parse::<IpAddr>() {
        Ok(ip) if netns.is_local(ip) => (routed == Some(ip), format!(" from {ip}")),
        Ok(_) if style == Style::Busybox => {
            return Err(("ping: bind: Cannot assign requested address\n".to_owned(), 1));
        }
        Ok(_) => return Err(("ping: bind: Cannot assign requested address\n".to_owned(), 2)),
        Err(_) => match netns.link_named(wanted) {
            Some(link) => (
                route.is_some_and(|route| route.dev == link.index),
                routed.map_or_else(String::new, |ip| format!(" from {ip} {wanted}")),
            ),
            None if style == Style::Busybox => return Err((format!("ping: bad address '{wanted}'\n"), 1)),
            None => return Err((format!("ping: SO_BINDTODEVICE {wanted}: No such device\n"), 2)),
        },
    };
    if !fits && route.is_some() {
        let message = format!("ping: podhop sends as the routing table says (ip route get {to}), not from {wanted}\n");
        return Err((message, 2));
    }
    Ok(match style {
        // busybox says so for addresses only.
        Style::Busybox if wanted.parse::<IpAddr>().is_err() => String::new(),
        Style::Busybox => text,
        Style::Iputils if wanted.parse::<IpAddr>().is_ok() => text + " ",
        Style::Iputils => text,
    })
}

/// iputils connects a UDP socket first, to learn its source address.
fn connect_error(settings: &Settings, netns: &Netns, to: IpAddr) -> Option<(String, i32)> {
    match path::route(netns, to) {
        None => Some(("ping: connect: Network is unreachable\n".to_owned(), 2)),
        Some(route) if route.kind == RouteKind::Blackhole => Some(("ping: connect: Invalid argument\n".to_owned(), 2)),
        Some(route) if route.kind == RouteKind::Broadcast && !settings.broadcast => {
            let advice = "Do you want to ping broadcast? Then -b. If not, check your local firewall rules";
            Some((format!("ping: {advice}\n"), 2))
        }
        Some(_) => None,
    }
}
