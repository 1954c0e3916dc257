//! `ip address|link|route|neighbor show`.

use super::{ADDRESS_CHANGES, Ip, LINK_CHANGES, NEIGHBOR_CHANGES, Problem, ROUTE_CHANGES, SHOW, is_command};
use crate::console::net::NOT_RUNNING;
use crate::tables::text::neigh::{Neighbor, NeighborState};
use crate::tables::text::{Family, addr, link, neigh, route};
use crate::tables::{LinkIndex, Netns, RouteProto, RouteTable, Rows, Scope};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Which routes, beyond what the table's text can select.
enum Select {
    All,
    /// `match PREFIX`: those that hold it.
    Match(IpNet),
    /// `root PREFIX`: those within it.
    Root(IpNet),
    Via(IpAddr),
}

impl Ip<'_, '_, '_> {
    pub(super) fn tables(&mut self) -> Result<Arc<Netns>, Problem> {
        self.machine.netns().ok_or_else(|| (NOT_RUNNING.to_owned(), 126))
    }

    pub(super) fn address(&mut self, words: &[&str]) -> Result<i32, Problem> {
        match words {
            [command, rest @ ..] if is_command(command, &ADDRESS_CHANGES) => self.change_address(command, rest),
            [command, rest @ ..] if is_command(command, &SHOW) => self.show_links(rest, true),
            [command, ..] => Err(self.unknown_command("address", command)),
            [] => self.show_links(&[], true),
        }
    }

    pub(super) fn link(&mut self, words: &[&str]) -> Result<i32, Problem> {
        match words {
            [command, rest @ ..] if is_command(command, &LINK_CHANGES) => self.change_link(command, rest),
            [command, rest @ ..] if is_command(command, &SHOW) => self.show_links(rest, false),
            [command, ..] => Err(self.unknown_command("link", command)),
            [] => self.show_links(&[], false),
        }
    }

    fn show_links(&mut self, words: &[&str], addresses: bool) -> Result<i32, Problem> {
        let netns = self.tables()?;
        let mut filter = link::Filter::default();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let mut value = || rest.next().copied();
            match *word {
                "up" => filter.up = true,
                "master" => filter.master = Some(value().ok_or_else(|| self.incomplete())?),
                "type" => filter.kind = Some(value().ok_or_else(|| self.incomplete())?),
                "scope" | "to" | "label" | "group" | "dynamic" | "permanent" => {
                    return Err((format!("ip: podhop cannot select by {word}\n"), 1));
                }
                "dev" => filter.dev = Some(value().ok_or_else(|| self.incomplete())?),
                name => filter.dev = Some(name),
            }
        }
        for name in [filter.dev, filter.master].into_iter().flatten() {
            if netns.link_named(name).is_none() {
                return Err(self.no_such_device(name, "Device", 1));
            }
        }
        let all = if addresses { addr::all } else { link::all };
        self.io.out(&all(&netns, self.format, filter));
        Ok(0)
    }

    /// A device's number by its name.
    pub(super) fn device(&self, netns: &Netns, name: &str) -> Result<LinkIndex, Problem> {
        let link = netns.link_named(name).ok_or_else(|| self.no_such_device(name, "Cannot find device", 1))?;
        Ok(link.index)
    }

    pub(super) fn route(&mut self, words: &[&str]) -> Result<i32, Problem> {
        match words {
            ["get", rest @ ..] => self.route_get(rest),
            [command, rest @ ..] if is_command(command, &ROUTE_CHANGES) => self.change_route(command, rest),
            [command, rest @ ..] if is_command(command, &SHOW) => self.show_routes(rest),
            [command, ..] => Err(self.unknown_command("route", command)),
            [] => self.show_routes(&[]),
        }
    }

    fn show_routes(&mut self, words: &[&str]) -> Result<i32, Problem> {
        let netns = self.tables()?;
        let mut filter = route::Filter::default();
        let mut select = Select::All;
        let mut rest = words.iter();
        while let Some(&word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| self.incomplete());
            match word {
                "table" => filter.table = self.table(value()?)?,
                "dev" | "oif" | "iif" => filter.dev = Some(self.device(&netns, value()?)?),
                "proto" | "protocol" => {
                    let name = value()?;
                    let known =
                        [RouteProto::Kernel, RouteProto::Boot, RouteProto::Static, RouteProto::Bird, RouteProto::Felix];
                    let found = known.into_iter().find(|proto| route::proto_name(*proto) == name);
                    filter.proto =
                        Some(found.ok_or_else(|| self.wrong_argument(name, "protocol", "invalid \"protocol\"\n"))?);
                }
                "scope" => {
                    let name = value()?;
                    filter.scope = match name {
                        "global" => Some(Scope::Global),
                        "link" => Some(Scope::Link),
                        "host" => Some(Scope::Host),
                        "all" => None,
                        _ => return Err(self.wrong_argument(name, "scope", "invalid \"scope\"\n")),
                    };
                }
                "via" => {
                    let text = value()?;
                    select = Select::Via(text.parse().map_err(|_| self.bad_prefix(text))?);
                }
                "match" => select = Select::Match(self.prefix(value()?)?),
                "root" => select = Select::Root(self.prefix(value()?)?),
                "to" | "exact" => filter.dst = Some(self.prefix(value()?)?),
                "type" | "src" => return Err((format!("ip: podhop cannot select routes by {word}\n"), 1)),
                prefix => filter.dst = Some(self.prefix(prefix)?),
            }
        }
        let selected = select.of(&netns);
        let text = route::all(selected.as_ref().unwrap_or(&netns), self.format, filter);
        self.io.out(&text);
        Ok(0)
    }

    pub(super) fn table(&self, name: &str) -> Result<route::Table, Problem> {
        match name {
            "main" | "254" => Ok(route::Table::Main),
            "all" => Ok(route::Table::All),
            "local" | "255" => Ok(route::Table::Local),
            _ => Err(self.wrong_argument(name, "table", "table id value is invalid\n")),
        }
    }

    /// A prefix as `ip` reads it: `default`, an address, an address with a length.
    pub(super) fn prefix(&self, text: &str) -> Result<IpNet, Problem> {
        let six = self.format.family == Family::V6;
        if matches!(text, "default" | "any" | "all") {
            let any = if six { "::/0" } else { "0.0.0.0/0" };
            return any.parse().map_err(|_| self.bad_prefix(text));
        }
        let net = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>());
        net.map_err(|_| self.bad_prefix(text))
    }

    pub(super) fn neighbor(&mut self, words: &[&str]) -> Result<i32, Problem> {
        match words {
            [command, rest @ ..] if is_command(command, &["flush"]) => self.flush_neighbors(rest),
            [command, rest @ ..] if !self.busybox() && is_command(command, &NEIGHBOR_CHANGES) => {
                self.change_neighbor(command, rest)
            }
            [command, rest @ ..] if is_command(command, &SHOW) => self.show_neighbors(rest),
            [command, ..] => Err(self.unknown_command("neighbor", command)),
            [] => self.show_neighbors(&[]),
        }
    }

    fn show_neighbors(&mut self, words: &[&str]) -> Result<i32, Problem> {
        let netns = self.tables()?;
        let filter = self.neighbor_filter(&netns, words)?;
        let now = self.machine.world.now();
        let state = self.machine.world.state(netns.id);
        let learned = state.into_iter().flat_map(|state| state.neighbors()).map(|(link, ip, neighbor)| Neighbor {
            link,
            ip,
            mac: neighbor.mac,
            state: neighbor.state(now).into(),
            router: neighbor.router,
            probes_count: 0,
        });
        let text = neigh::all(&netns, learned, self.format, filter);
        self.io.out(&text);
        Ok(0)
    }

    pub(super) fn neighbor_filter(&self, netns: &Netns, words: &[&str]) -> Result<neigh::Filter, Problem> {
        let mut filter = neigh::Filter::default();
        let mut rest = words.iter();
        while let Some(&word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| self.incomplete());
            match word {
                "dev" => filter.dev = Some(self.device(netns, value()?)?),
                "nud" => {
                    let name = value()?;
                    let known = [
                        NeighborState::Permanent,
                        NeighborState::Reachable,
                        NeighborState::Stale,
                        NeighborState::Delay,
                        NeighborState::Probe,
                        NeighborState::Incomplete,
                        NeighborState::Failed,
                    ];
                    let found = known.into_iter().find(|state| state.name().eq_ignore_ascii_case(name));
                    let found = found.ok_or_else(|| self.wrong_argument(name, "nud state", "nud state is bad\n"))?;
                    filter.state = Some(found);
                }
                "all" => {}
                "proxy" => return Err(("ip: podhop has no proxy neighbours\n".to_owned(), 1)),
                "to" => {
                    let text = value()?;
                    filter.ip = Some(text.parse().map_err(|_| self.bad_prefix(text))?);
                }
                text => filter.ip = Some(text.parse().map_err(|_| self.bad_prefix(text))?),
            }
        }
        Ok(filter)
    }
}

impl Select {
    /// The namespace with the selected routes only; None: as it is.
    fn of(&self, netns: &Netns) -> Option<Netns> {
        let mut selected = netns.clone();
        for table in [&mut selected.main, &mut selected.local] {
            let mut rows: Vec<_> = table.rows.iter().map(|(_, row)| row.clone()).collect();
            match self {
                Select::All => return None,
                Select::Match(net) => rows.retain(|row| row.dst.contains(net)),
                Select::Root(net) => rows.retain(|row| net.contains(&row.dst)),
                Select::Via(via) => rows.retain(|row| row.via == Some(*via)),
            }
            *table = RouteTable::new(Rows::from(rows));
        }
        Some(selected)
    }
}
