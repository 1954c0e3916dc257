//! Connections that are new to IPVS: who gets them, and who remembers it.

use super::super::hooks::Gate;
use super::scheduler::{Candidate, Client, Turn, schedule};
use super::states::{begin, begins};
use super::{Ends, Onward, SECOND};
use crate::dataplane::skb::Skb;
use crate::dataplane::state::{Learned, RuntimeChange};
use crate::dataplane::walk::Walk;
use crate::dataplane::{cost, random};
use crate::net::{IcmpError, Protocol};
use crate::tables::LinkIndex;
use crate::tables::ipvs::{Ipvs, IpvsConnection, IpvsState, VirtualServer};
use crate::tables::netfilter::Hook;
use crate::trace::{CauseTable, DropReason, Nanos, Stage};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Active FTP's data connections are never scheduled.
const FTP_DATA: u16 = 20;
const FTP: u16 = 21;

impl Walk<'_> {
    /// Models tcp_conn_schedule and its sisters, ip_vs_schedule and ip_vs_leave.
    pub(super) fn ipvs_schedule(
        &mut self,
        gate: Gate,
        ipvs: &Ipvs,
        (protocol, client, to): Ends,
        skb: Skb,
    ) -> Option<(Skb, Onward)> {
        let here = |skb| Some((skb, Onward::Here));
        let packet = skb.ip()?;
        if let Some(watch) = &mut self.state.memory.watch {
            watch.virtual_server(ipvs, protocol, to);
        }
        let Some((place, service)) = ipvs.find((protocol, to.0, to.1)) else { return here(skb) };
        if protocol != Protocol::Udp && !begins(packet) || client.1 == FTP_DATA {
            return here(skb);
        }
        let made_here = gate.hook == Hook::Output || gate.input == Some(LinkIndex::LO);
        if made_here && self.state.ipvs.inbound(protocol, to, client, self.now).is_some() {
            return here(skb);
        }
        let start = begin(packet);
        let stage = Stage::Ipvs { hook: gate.hook, scheduled: true };
        let Some((server, control)) = self.ipvs_choose(service, client) else {
            let cause = CauseTable::Ipvs { service: place, server: None };
            self.reject(skb, stage, gate.link(), IcmpError::PortUnreachable, Some(cause));
            return None;
        };
        if !self.state.ipvs.has_room() {
            self.drop(skb, stage, gate.link(), DropReason::Netfilter, None);
            return None;
        }
        let id = self.state.ipvs.next_id();
        let (server, template, timeout) = ((server.ip(), server.port()), false, 3);
        let expires_at = self.now + Nanos::from(timeout) * SECOND;
        let entry = Arc::new(IpvsConnection {
            id,
            protocol,
            client,
            virtual_server: to,
            server,
            state: start,
            template,
            control,
            timeout,
            expires_at,
        });
        self.ipvs_new(entry.clone());
        self.state.ipvs.count(&entry, |stats| stats.connections += 1);
        self.ipvs_request(gate, &entry, skb, true)
    }

    fn ipvs_new(&mut self, entry: Arc<IpvsConnection>) {
        self.state.ipvs.put(entry.clone());
        self.log(RuntimeChange { before: None, after: Some(Learned::Balanced(entry)) });
    }

    /// The real server for a new connection, and the template that says so if the virtual server is persistent.
    /// Models ip_vs_sched_persist.
    fn ipvs_choose(&mut self, service: &VirtualServer, client: (IpAddr, u16)) -> Option<(SocketAddr, Option<u32>)> {
        let now = self.now;
        self.spend(cost::LOOKUP);
        let Some(timeout) = service.persistent else { return Some((self.ipvs_ask(service, client)?, None)) };
        // A template is for all ports of FTP.
        let port = if service.address.port() == FTP { 0 } else { service.address.port() };
        let to = (service.address.ip(), port);
        let expires_at = now + Nanos::from(timeout) * SECOND;
        let known = self.state.ipvs.template(service.protocol, client.0, to, now).cloned();
        let serves = |template: &Arc<IpvsConnection>| {
            let found = service.find(template.server.into()).and_then(|at| service.servers.get(at as usize));
            found.is_some_and(|server| server.weight > 0)
        };
        if let Some(template) = known.clone().filter(|template| serves(template)) {
            let renewed = IpvsConnection { expires_at, ..(*template).clone() };
            self.state.ipvs.update(Arc::new(renewed));
            return Some((template.server.into(), Some(template.id)));
        }
        if let Some(gone) = known.and_then(|template| self.state.ipvs.remove(template.id)) {
            self.ipvs_forget(gone, false);
        }
        let server = self.ipvs_ask(service, client)?;
        let id = self.state.ipvs.next_id();
        self.ipvs_new(Arc::new(IpvsConnection {
            id,
            protocol: service.protocol,
            client: (client.0, 0),
            virtual_server: to,
            server: (server.ip(), server.port()),
            state: IpvsState::None,
            template: true,
            control: None,
            timeout,
            expires_at,
        }));
        Some((server, Some(id)))
    }

    /// Asks the scheduler.
    fn ipvs_ask(&mut self, service: &VirtualServer, (ip, port): (IpAddr, u16)) -> Option<SocketAddr> {
        let servers: Vec<Candidate> =
            self.state.ipvs.servers(service, self.now).iter().map(|server| server.candidate).collect();
        let to = service.address;
        let client = Client {
            ip,
            port: if service.hashes_port { port } else { 0 },
            virtual_ip: to.ip(),
            bits: random::flow_bits(self.seed ^ 0x6970_7673, ip, to.ip(), port, to.port()),
            now: self.now,
        };
        let turn: &mut Turn = self.state.ipvs.turns.entry(service.key()).or_default();
        let chosen = schedule(service.scheduler, &servers, client, turn)?;
        Some(servers[chosen].address)
    }
}
