//! `ip link set|delete`.

use super::super::{Ip, Problem, is_command};
use super::{Refusal, address, retain};
use crate::net::MacAddr;
use crate::tables::{Address, LinkIndex, LinkKind, Netns};

/// What `ip link set` changes, one thing a word.
#[derive(Clone, Copy)]
enum Change {
    Up(bool),
    Mtu(u32),
    Master(Option<LinkIndex>),
    Mac(MacAddr),
    Hairpin(bool),
}

impl Ip<'_, '_, '_> {
    pub(in super::super) fn change_link(&mut self, command: &str, words: &[&str]) -> Result<i32, Problem> {
        if is_command(command, &["add"]) {
            return Err((
                "ip: podhop's devices are made by nodes and CNI plugins, not by `ip link add`\n".to_owned(),
                1,
            ));
        }
        let netns = self.tables()?;
        let (mut dev, mut changes) = (None, Vec::new());
        let mut rest = words.iter();
        while let Some(&word) = rest.next() {
            let mut value = || rest.next().copied().ok_or_else(|| self.incomplete());
            match word {
                "up" => changes.push(Change::Up(true)),
                "down" => changes.push(Change::Up(false)),
                "nomaster" => changes.push(Change::Master(None)),
                "master" => changes.push(Change::Master(Some(self.device(&netns, value()?)?))),
                "mtu" => {
                    let text = value()?;
                    let mtu = text.parse().ok().filter(|mtu| (68..=65_536).contains(mtu));
                    let mtu = mtu.ok_or_else(|| self.wrong_argument(text, "mtu", "Invalid \"mtu\" value\n"))?;
                    changes.push(Change::Mtu(mtu));
                }
                "address" => {
                    let text = value()?;
                    let mac = text.parse().map_err(|()| (format!("\"{text}\" is invalid lladdr.\n"), 1))?;
                    changes.push(Change::Mac(mac));
                }
                "type" if value()? == "bridge_slave" => {}
                "hairpin" => changes.push(Change::Hairpin(value()? == "on")),
                "name" | "netns" | "promisc" | "multicast" | "arp" | "txqueuelen" | "qlen" | "vf" | "type" => {
                    return Err((format!("ip: podhop's devices have no setting {word}\n"), 1));
                }
                "dev" => dev = Some(value()?),
                name if dev.is_none() => dev = Some(name),
                name if self.busybox() => {
                    return Err((format!("ip: either \"dev\" is duplicate, or \"{name}\" is garbage\n"), 2));
                }
                name => {
                    return Err((format!("Error: either \"dev\" is duplicate, or \"{name}\" is a garbage.\n"), 255));
                }
            }
        }
        let Some(name) = dev else {
            let text = "Not enough of information: \"dev\" argument is required.\n";
            return Err(if self.busybox() { ("ip: \"dev\" required\n".to_owned(), 2) } else { (text.to_owned(), 255) });
        };
        let dev = self.link_to_change(&netns, name, &changes)?;
        if is_command(command, &["delete"]) {
            return self.delete_link(&netns, dev);
        }
        if let (true, false, Some(change)) = (self.busybox(), self.may_change(), changes.first()) {
            // busybox asks by ioctl, not by netlink.
            let request = if matches!(change, Change::Mtu(_)) { "0x8922" } else { "0x8914" };
            return Err((format!("ip: ioctl {request} failed: Operation not permitted\n"), 2));
        }
        self.edit(|netns| changes.into_iter().try_for_each(|change| apply(netns, dev, change)))
    }

    fn link_to_change(&self, netns: &Netns, name: &str, changes: &[Change]) -> Result<LinkIndex, Problem> {
        match netns.link_named(name) {
            Some(link) => Ok(link.index),
            None if self.busybox() && !changes.is_empty() => {
                Err(("ip: ioctl 0x8913 failed: No such device\n".to_owned(), 2))
            }
            None => Err(self.no_such_device(name, "Cannot find device", 1)),
        }
    }

    /// A veth takes its other end with it.
    fn delete_link(&mut self, netns: &Netns, dev: LinkIndex) -> Result<i32, Problem> {
        let peer = match netns.link(dev).map(|link| &link.kind) {
            Some(LinkKind::Veth { peer_netns, peer }) => Some((*peer_netns, *peer)),
            Some(LinkKind::Loopback | LinkKind::Nic { .. } | LinkKind::Dummy) | None => {
                return self.edit(|_| Err(Refusal::errno("Operation not supported")));
            }
            Some(_) => None,
        };
        self.edit(|netns| {
            remove(netns, dev);
            Ok(())
        })?;
        if let Some((id, peer)) = peer
            && let Some(other) = self.machine.world.netns(id)
        {
            let mut other = (*other).clone();
            remove(&mut other, peer);
            self.machine.world.replace_tables(other);
        }
        Ok(0)
    }
}

fn apply(netns: &mut Netns, dev: LinkIndex, change: Change) -> Result<(), Refusal> {
    let bridge = |index: LinkIndex| netns.link(index).is_some_and(|link| link.kind == LinkKind::Bridge);
    if let Change::Master(Some(master)) = change
        && (!bridge(master) || bridge(dev) || dev == LinkIndex::LO)
    {
        return Err(Refusal::errno("Operation not supported"));
    }
    let Some(link) = netns.links.iter_mut().find(|link| link.index == dev) else {
        return Err(Refusal::errno("No such device"));
    };
    match change {
        Change::Mtu(mtu) => link.mtu = mtu,
        Change::Master(master) => link.master = master,
        Change::Hairpin(on) => link.hairpin = on,
        Change::Mac(mac) if mac.is_group() => return Err(Refusal::errno("Cannot assign requested address")),
        Change::Mac(mac) => link.mac = mac,
        Change::Up(up) if link.up == up => {}
        Change::Up(up) => {
            link.up = up;
            if up {
                let own: Vec<Address> = netns.addresses_of(dev).cloned().collect();
                own.iter().for_each(|own| address::connect(netns, own));
            } else {
                // Only the local rows stay (fib_disable_ip).
                retain(&mut netns.main, |row| row.dev != dev || row.kind == crate::tables::RouteKind::Blackhole);
                retain(&mut netns.local, |row| row.dev != dev || row.kind == crate::tables::RouteKind::Local);
            }
        }
    }
    Ok(())
}

/// The device and everything that names it.
fn remove(netns: &mut Netns, dev: LinkIndex) {
    netns.links.retain(|link| link.index != dev);
    for link in &mut netns.links {
        link.master = link.master.filter(|master| *master != dev);
    }
    netns.addresses.retain(|address| address.link != dev);
    retain(&mut netns.main, |row| row.dev != dev || row.kind == crate::tables::RouteKind::Blackhole);
    retain(&mut netns.local, |row| row.dev != dev);
    netns.neighbors.make_own().retain(|row| row.link != dev);
    netns.fdb.make_own().retain(|row| row.link != dev);
}
