//! Names to addresses: literal addresses, `/etc/hosts`, then DNS by `/etc/resolv.conf`.

use super::super::files;
use super::super::machine::{Context, Machine};
use super::super::shell::Io;
use super::{NOT_RUNNING, fail};
use crate::dataplane::Process;
use crate::dataplane::resolver::{Families, Library, Lookup, ResolveError, Resolved, Resolving};
use crate::net::dns::ResolvConf;
use crate::tables::Netns;
use crate::trace::{DropReason, FlowEnd, Nanos};
use crate::workload::Image;
use crate::world::Limit;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// `/etc/hosts`, read once.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<(IpAddr, Vec<String>)>);

impl Hosts {
    pub fn read(machine: &mut Machine<'_>) -> Hosts {
        let text = files::read(machine, "/etc/hosts").unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let ip = words.next()?.parse().ok()?;
            Some((ip, words.map(str::to_owned).collect()))
        };
        Hosts(text.lines().filter_map(line).collect())
    }

    /// An address as it stands, or the one that a name has.
    pub fn address(&self, name: &str) -> Option<IpAddr> {
        self.address_in(name, Families::Any)
    }

    /// Of these families; IPv4 first.
    pub fn address_in(&self, name: &str, families: Families) -> Option<IpAddr> {
        match name.parse::<IpAddr>() {
            // Linux takes 0.0.0.0 for this host.
            Ok(ip) if ip.is_unspecified() && ip.is_ipv4() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Ok(ip) => Some(ip),
            Err(_) => {
                let mut named: Vec<IpAddr> = self.addresses(name).collect();
                named.sort_by_key(IpAddr::is_ipv6);
                let wanted = |ip: &IpAddr| match families {
                    Families::Any => true,
                    Families::V4 => ip.is_ipv4(),
                    Families::V6 => ip.is_ipv6(),
                };
                named.into_iter().find(wanted)
            }
        }
    }

    /// All addresses of a name.
    pub fn addresses<'h>(&'h self, name: &'h str) -> impl Iterator<Item = IpAddr> + 'h {
        let name = name.trim_end_matches('.');
        let has = move |names: &[String]| names.iter().any(|own| own.eq_ignore_ascii_case(name));
        self.0.iter().filter(move |(_, names)| has(names)).map(|(ip, _)| *ip)
    }

    /// An address's names.
    pub fn names(&self, ip: IpAddr) -> &[String] {
        self.0.iter().find(|(own, _)| *own == ip).map_or(&[], |(_, names)| names)
    }

    /// An address's first name.
    pub fn name(&self, ip: IpAddr) -> Option<&str> {
        self.names(ip).first().map(String::as_str)
    }
}

/// `/etc/resolv.conf` of this place.
pub fn resolv_conf(machine: &mut Machine<'_>) -> ResolvConf {
    ResolvConf::parse(&files::read(machine, "/etc/resolv.conf").unwrap_or_default())
}

/// The C library of this place's programs: Alpine's images have musl, busybox's own image (since 1.36) glibc.
pub fn library(machine: &Machine<'_>) -> Library {
    let Context::Container { pod, container } = &machine.context else { return Library::Glibc };
    let pod = machine.world.revision().pods.get(pod);
    let image = pod.and_then(|pod| pod.spec.containers.get(*container)).map(|container| container.image.clone());
    let image = image.unwrap_or_default();
    let image = Image::parse(&image);
    match image.name {
        "busybox" if !image.is_variant("musl") => Library::Glibc,
        _ if machine.toolbox().busybox => Library::Musl,
        _ => Library::Glibc,
    }
}

/// What to do with a name's address: a program, or a complaint and the exit status.
pub type Program = Result<Box<dyn Process>, (String, i32)>;

/// Runs a program towards a host, which is looked up first, in the same conversation. The program is made of the address
/// (the first that is found), or a complaint of the error.
pub fn run(
    machine: &mut Machine<'_>,
    io: &mut Io,
    named: (String, &str),
    families: Families,
    program: impl FnOnce(&Netns, Result<Resolved, ResolveError>) -> Program + 'static,
) -> i32 {
    run_within(machine, io, named, (families, None), program)
}

/// The same for a program that waits for the name only so long.
pub fn run_within(
    machine: &mut Machine<'_>,
    io: &mut Io,
    (title, host): (String, &str),
    (families, patience): (Families, Option<Nanos>),
    program: impl FnOnce(&Netns, Result<Resolved, ResolveError>) -> Program + 'static,
) -> i32 {
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    if let Some(ip) = Hosts::read(machine).address_in(host, families) {
        let found = Resolved { addresses: vec![ip], canonical: host.to_owned(), aliases: Vec::new() };
        return match program(&netns, Ok(found)) {
            Ok(process) => machine.run_process((title, Some(ip)), process, Limit::default(), io),
            Err((message, status)) => fail(io, &message, status),
        };
    }
    let lookup = Lookup::new(host, resolv_conf(machine), library(machine), families);
    let netns: Arc<Netns> = netns;
    let then = move |io: &mut crate::dataplane::Io<'_, '_>, found: Result<Resolved, ResolveError>| {
        let failed = found.as_ref().err().copied();
        match program(&netns, found) {
            Ok(process) => Some(process),
            Err((message, status)) => {
                match status {
                    0 => io.print(message),
                    _ => io.print_err(message),
                }
                io.conclude(match failed {
                    Some(ResolveError::Again | ResolveError::Patience) => FlowEnd::TimedOut,
                    Some(_) => FlowEnd::Delivered,
                    None => FlowEnd::LocalError(DropReason::NoRoute),
                });
                io.exit(status);
                None
            }
        }
    };
    let resolving = Resolving::new(lookup, Box::new(then)).patience(patience);
    machine.run_process((title, None), Box::new(resolving), Limit::default(), io)
}
