//! Names to addresses, as far as a place can tell by itself: literal addresses and `/etc/hosts`.

use super::super::files;
use super::super::machine::Machine;
use std::net::{IpAddr, Ipv4Addr};

/// Said after a resolver's own complaint about a name that only DNS could know.
pub const NO_DNS: &str =
    "(podhop does not run cluster DNS yet: use the address that `kubectl get pods -o wide` shows)\n";

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
        match name.parse::<IpAddr>() {
            // Linux takes 0.0.0.0 for this host.
            Ok(ip) if ip.is_unspecified() && ip.is_ipv4() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Ok(ip) => Some(ip),
            Err(_) => {
                let mut named = self.0.iter().filter(|(_, names)| names.iter().any(|n| n == name)).map(|(ip, _)| *ip);
                named.clone().find(IpAddr::is_ipv4).or_else(|| named.next())
            }
        }
    }

    /// An address's first name.
    pub fn name(&self, ip: IpAddr) -> Option<&str> {
        self.0.iter().find(|(own, _)| *own == ip).and_then(|(_, names)| names.first()).map(String::as_str)
    }
}
