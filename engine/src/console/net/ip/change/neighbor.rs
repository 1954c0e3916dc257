//! `ip neighbor add|change|replace|del|flush`: permanent rows, and forgetting learned ones.

use super::super::{Ip, Problem, is_command};
use super::{Refusal, origin};
use crate::net::MacAddr;
use crate::tables::text::neigh::NeighborState;
use crate::tables::{LinkIndex, NeighborEntry, Netns};
use std::net::IpAddr;

impl Ip<'_, '_, '_> {
    pub(in super::super) fn change_neighbor(&mut self, command: &str, words: &[&str]) -> Result<i32, Problem> {
        let netns = self.tables()?;
        let (mut ip, mut mac, mut dev) = (None, None, None);
        let mut rest = words.iter();
        while let Some(&word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| self.incomplete());
            match word {
                "dev" => dev = Some(self.device(&netns, value()?)?),
                "lladdr" => {
                    let text = value()?;
                    mac = Some(text.parse::<MacAddr>().map_err(|()| (format!("\"{text}\" is invalid lladdr.\n"), 1))?);
                }
                "nud" => {
                    let name = value()?;
                    if !name.eq_ignore_ascii_case("permanent") {
                        return Err(("ip: podhop sets permanent neighbours only; others are learned\n".to_owned(), 1));
                    }
                }
                "to" => ip = Some(self.neighbor_address(value()?)?),
                text => ip = Some(self.neighbor_address(text)?),
            }
        }
        let (Some(ip), Some(dev)) = (ip, dev) else {
            return Err(("Device and destination are required arguments.\n".to_owned(), 255));
        };
        if is_command(command, &["delete"]) {
            return self.delete_neighbor(&netns, dev, ip);
        }
        let Some(mac) = mac else { return self.edit(|_| Err(Refusal::errno("Invalid argument"))) };
        let known = self.machine.world.state(netns.id).is_some_and(|state| state.neighbor(dev, ip).is_some());
        let command = command.to_owned();
        self.edit(|netns| {
            let rows = netns.neighbors.make_own();
            let at = rows.iter().position(|row| (row.link, row.ip) == (dev, ip));
            let entry = NeighborEntry { link: dev, ip, mac, origin: origin() };
            match at {
                _ if (at.is_some() || known) && is_command(&command, &["add"]) => {
                    return Err(Refusal::errno("File exists"));
                }
                None if !known && is_command(&command, &["change", "chg"]) => {
                    return Err(Refusal::errno("No such file or directory"));
                }
                Some(at) => rows[at] = entry,
                None => rows.push(entry),
            }
            Ok(())
        })?;
        self.machine.world.forget_neighbors(netns.id, &mut |link, own, _| (link, own) == (dev, ip));
        Ok(0)
    }

    fn neighbor_address(&self, text: &str) -> Result<IpAddr, Problem> {
        text.parse().map_err(|_| (format!("Error: inet address is expected rather than \"{text}\".\n"), 1))
    }

    fn delete_neighbor(&mut self, netns: &Netns, dev: LinkIndex, ip: IpAddr) -> Result<i32, Problem> {
        let permanent = netns.neighbors.find((dev, ip)).is_some();
        let learned = self.machine.world.state(netns.id).is_some_and(|state| state.neighbor(dev, ip).is_some());
        if !self.may_change() || !permanent && !learned {
            let errno = if self.may_change() { "No such file or directory" } else { "Operation not permitted" };
            return self.edit(|_| Err(Refusal::errno(errno)));
        }
        if permanent {
            self.edit(|netns| {
                netns.neighbors.make_own().retain(|row| (row.link, row.ip) != (dev, ip));
                Ok(())
            })?;
        }
        self.machine.world.forget_neighbors(netns.id, &mut |link, own, _| (link, own) == (dev, ip));
        Ok(0)
    }

    /// Forgets learned neighbours; permanent ones only when they are asked for.
    pub(in super::super) fn flush_neighbors(&mut self, words: &[&str]) -> Result<i32, Problem> {
        if words.is_empty() {
            let text = if self.busybox() { "ip: flush requires arguments\n" } else { "Flush requires arguments.\n" };
            return Err((text.to_owned(), 1));
        }
        let netns = self.tables()?;
        let filter = self.neighbor_filter(&netns, words)?;
        let now = self.machine.world.now();
        let meant = |link: LinkIndex, ip: IpAddr, state: NeighborState| {
            filter.dev.is_none_or(|dev| dev == link)
                && filter.ip.is_none_or(|wanted| wanted == ip)
                && filter.state.is_none_or(|wanted| wanted == state)
        };
        let state = self.machine.world.state(netns.id);
        let any_learned =
            state.is_some_and(|state| state.neighbors().any(|(link, ip, n)| meant(link, ip, n.state(now).into())));
        let permanent = filter.state == Some(NeighborState::Permanent);
        let any_permanent =
            permanent && netns.neighbors.iter().any(|(_, row)| meant(row.link, row.ip, NeighborState::Permanent));
        if !any_learned && !any_permanent {
            if self.busybox() {
                self.io.out("Nothing to flush\n");
            }
            return Ok(0);
        }
        if !self.may_change() {
            return Err(self.cannot_flush());
        }
        if any_permanent {
            self.edit(|netns| {
                netns.neighbors.make_own().retain(|row| !meant(row.link, row.ip, NeighborState::Permanent));
                Ok(())
            })?;
        }
        self.machine.world.forget_neighbors(netns.id, &mut |link, ip, n| meant(link, ip, n.state(now).into()));
        Ok(0)
    }
}
