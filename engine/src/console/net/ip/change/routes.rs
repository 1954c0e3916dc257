//! `ip route add|append|change|replace|del|flush`.

use super::super::{Ip, Problem, is_command};
use super::{Refusal, origin, retain, rows};
use crate::tables::text::route::Table;
use crate::tables::{LinkIndex, Netns, Route, RouteKind, RouteProto, RouteTable, Rows, Scope};
use ipnet::IpNet;
use std::net::IpAddr;

/// A route as it was written.
#[derive(Default)]
struct Written {
    kind: Option<RouteKind>,
    dst: Option<IpNet>,
    via: Option<IpAddr>,
    dev: Option<LinkIndex>,
    src: Option<IpAddr>,
    proto: Option<RouteProto>,
    scope: Option<Scope>,
    table: Option<Table>,
    onlink: bool,
}

impl Ip<'_, '_, '_> {
    pub(in super::super) fn change_route(&mut self, command: &str, words: &[&str]) -> Result<i32, Problem> {
        if is_command(command, &["flush"]) && words.is_empty() {
            let text =
                if self.busybox() { String::new() } else { "\"ip route flush\" requires arguments.\n".to_owned() };
            return Err((text, 255));
        }
        if is_command(command, &["flush"]) && words == ["cache"] {
            return Ok(0);
        }
        let netns = self.tables()?;
        let written = self.written(&netns, words)?;
        if is_command(command, &["flush"]) {
            if !self.may_change() {
                return Err(self.cannot_flush());
            }
            return self.edit(|netns| {
                retain(written.table(netns), |row| !written.covers(row));
                Ok(())
            });
        }
        let Some(dst) = written.dst else { return Err(self.incomplete()) };
        if is_command(command, &["delete"]) {
            return self.edit(|netns| written.delete(netns));
        }
        let command = command.to_owned();
        self.edit(move |netns| {
            let route = written.route(netns, dst)?;
            written.insert(netns, route, &command)
        })
    }

    fn written(&self, netns: &Netns, words: &[&str]) -> Result<Written, Problem> {
        let mut written = Written::default();
        let mut rest = words.iter();
        while let Some(&word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| self.incomplete());
            let address = |text: &str| text.parse::<IpAddr>().map_err(|_| self.bad_address(text));
            match word {
                "via" => written.via = Some(address(value()?)?),
                "src" => written.src = Some(address(value()?)?),
                "dev" | "oif" => written.dev = Some(self.device(netns, value()?)?),
                "table" => written.table = Some(self.table(value()?)?),
                "onlink" => written.onlink = true,
                "scope" => {
                    written.scope = Some(match value()? {
                        "link" => Scope::Link,
                        "host" => Scope::Host,
                        "global" => Scope::Global,
                        name => return Err(self.wrong_argument(name, "scope", "invalid \"scope\" value\n")),
                    });
                }
                "proto" | "protocol" => {
                    written.proto = Some(match value()? {
                        "kernel" => RouteProto::Kernel,
                        "boot" => RouteProto::Boot,
                        "static" => RouteProto::Static,
                        "bird" | "12" => RouteProto::Bird,
                        "80" => RouteProto::Felix,
                        name => return Err(self.wrong_argument(name, "protocol", "\"protocol\" value is invalid\n")),
                    });
                }
                "unicast" => written.kind = Some(RouteKind::Unicast),
                "local" => written.kind = Some(RouteKind::Local),
                "broadcast" => written.kind = Some(RouteKind::Broadcast),
                "blackhole" => written.kind = Some(RouteKind::Blackhole),
                "metric" | "mtu" | "advmss" | "nexthop" | "encap" | "unreachable" | "prohibit" | "throw" => {
                    return Err((format!("ip: podhop's routes have no {word}\n"), 1));
                }
                "to" | "root" | "exact" => written.dst = Some(self.prefix(value()?)?),
                prefix => written.dst = Some(self.prefix(prefix)?),
            }
        }
        // A default route is of its gateway's family.
        if written.dst.is_some_and(|dst| dst.prefix_len() == 0) && written.via.is_some_and(|via| via.is_ipv6()) {
            written.dst = Some(IpNet::new_assert(std::net::Ipv6Addr::UNSPECIFIED.into(), 0));
        }
        Ok(written)
    }

    fn bad_address(&self, text: &str) -> Problem {
        if self.busybox() {
            (format!("ip: invalid argument '{text}' to 'inet address'\n"), 1)
        } else {
            (format!("Error: inet address is expected rather than \"{text}\".\n"), 1)
        }
    }
}

impl Written {
    fn table<'n>(&self, netns: &'n mut Netns) -> &'n mut RouteTable {
        let local = matches!(self.kind, Some(RouteKind::Local | RouteKind::Broadcast));
        match self.table {
            Some(Table::Local) => &mut netns.local,
            None if local => &mut netns.local,
            _ => &mut netns.main,
        }
    }

    /// Whether a row is one that `del` or `flush` means.
    fn covers(&self, row: &Route) -> bool {
        self.kind.is_none_or(|kind| kind == row.kind)
            && self.dst.is_none_or(|dst| dst == row.dst)
            && self.via.is_none_or(|via| Some(via) == row.via)
            && self.dev.is_none_or(|dev| dev == row.dev)
            && self.src.is_none_or(|src| Some(src) == row.src)
            && self.proto.is_none_or(|proto| proto == row.proto)
            && self.scope.is_none_or(|scope| scope == row.scope)
    }

    fn delete(&self, netns: &mut Netns) -> Result<(), Refusal> {
        let table = self.table(netns);
        let mut kept = rows(table);
        let at = kept.iter().position(|row| self.covers(row)).ok_or(Refusal::errno("No such process"))?;
        kept.remove(at);
        *table = RouteTable::new(Rows::from(kept));
        Ok(())
    }

    /// The row that the kernel makes of it.
    fn route(&self, netns: &Netns, dst: IpNet) -> Result<Route, Refusal> {
        if dst.trunc() != dst {
            return Err(Refusal::words("Invalid argument", "Invalid prefix for given prefix length"));
        }
        if self.src.is_some_and(|src| !netns.is_local(src)) {
            return Err(Refusal::words("Invalid argument", "Invalid prefsrc address"));
        }
        let kind = self.kind.unwrap_or(RouteKind::Unicast);
        let dev = match kind {
            RouteKind::Blackhole => LinkIndex::LO,
            _ => self.device(netns)?,
        };
        let scope = match kind {
            _ if dst.addr().is_ipv6() => Scope::Global,
            RouteKind::Local => Scope::Host,
            RouteKind::Unicast | RouteKind::Broadcast if self.via.is_none() => Scope::Link,
            _ => Scope::Global,
        };
        Ok(Route {
            kind,
            dst,
            via: self.via,
            dev,
            onlink: self.onlink,
            proto: self.proto.unwrap_or(RouteProto::Boot),
            scope: self.scope.unwrap_or(scope),
            src: self.src,
            mtu: None,
            origin: origin(),
        })
    }

    /// The device: as given, or the one that the gateway is on. Models fib_check_nh.
    fn device(&self, netns: &Netns) -> Result<LinkIndex, Refusal> {
        let is_up = |dev: LinkIndex| match netns.link(dev) {
            Some(link) if link.up => Ok(dev),
            _ => Err(Refusal::words("Network is down", "Device for nexthop is not up")),
        };
        let Some(via) = self.via else {
            return self.dev.map_or(Err(Refusal::errno("No such device")), is_up);
        };
        if let (true, Some(dev)) = (self.onlink, self.dev) {
            return is_up(dev);
        }
        let invalid = || Refusal::words("Network is unreachable", "Nexthop has invalid gateway");
        if netns.is_local(via) {
            return Err(Refusal::words("Invalid argument", "Nexthop has invalid gateway"));
        }
        let (_, towards) = netns.main.lookup(via).ok_or_else(invalid)?;
        let connected = towards.kind == RouteKind::Unicast && towards.via.is_none();
        if !connected || self.dev.is_some_and(|dev| dev != towards.dev) {
            return Err(invalid());
        }
        is_up(towards.dev)
    }

    fn insert(&self, netns: &mut Netns, route: Route, command: &str) -> Result<(), Refusal> {
        let table = self.table(netns);
        let mut kept = rows(table);
        let same = kept.iter().position(|row| row.dst == route.dst);
        match same {
            Some(at) if is_command(command, &["change", "chg", "replace"]) => kept[at] = route,
            Some(at) if is_command(command, &["append"]) && kept[at] != route => kept.push(route),
            Some(_) => return Err(Refusal::errno("File exists")),
            None if is_command(command, &["change", "chg"]) => {
                return Err(Refusal::errno("No such file or directory"));
            }
            None => kept.push(route),
        }
        *table = RouteTable::new(Rows::from(kept));
        Ok(())
    }
}
