//! The simulated side: the same manifests, the same probes.

use crate::ClusterKind;
use crate::generate::Manifests;
use crate::job::{Answer, Job, Listener, Probe, Transport, What};
use crate::outcome::{Outcome, Seen, Verdict};
use crate::services::{self, Services};
use podhop_engine::cluster::Options;
use podhop_engine::net::{IcmpError, Protocol};
use podhop_engine::program::export;
use podhop_engine::tables::{App, Netns, NetnsId};
use podhop_engine::trace::{Disposition, DropReason, FlowEnd, HopPlace, PacketId, PacketTrace, Relation, Stage};
use podhop_engine::world::{ProbeKind, ProbeResult, ProbeSpec, World};
use std::sync::Arc;

/// How long a probe waits, in the kernel and in the simulation: longer than the three seconds that an address takes to
/// be found absent.
pub const TIMEOUT_MS: u64 = 5_000;

/// How often a Service's backend is drawn to meet the kernel's.
const DRAWS_MAX: u32 = 400;

/// A simulated cluster with its namespaces.
pub struct Simulation {
    world: World,
    /// Every namespace's tables, unbroken.
    pub spaces: Vec<Arc<Netns>>,
    /// Those that rules were put into.
    ruled: Vec<Netns>,
    /// Where kube-proxy's Services are tried.
    pub services: Services,
}

impl Simulation {
    /// The cluster that the manifests describe, settled after each.
    pub fn new(manifests: &Manifests, seed: u64, kind: ClusterKind) -> Result<Simulation, String> {
        let ClusterKind { cni, proxy } = kind;
        let mut world = World::new(Options { seed, proxy, cni: Some(cni), ..Options::default() });
        for text in [Some(&manifests.first), manifests.now.as_ref()].into_iter().flatten() {
            let applied = world.open_file("cluster.yaml", text, true);
            if !applied.committed {
                return Err(format!("the manifests are refused: {:?}\n{text}", applied.diagnostics));
            }
        }
        let services = match proxy {
            Some(_) => add_services(&mut world, seed)?,
            None => Services::default(),
        };
        let ids: Vec<NetnsId> = world.revision().netns.keys().copied().collect();
        let spaces: Vec<Arc<Netns>> = ids.iter().filter_map(|id| world.netns(*id)).collect();
        let ruled = crate::rules::program(&spaces, seed);
        ruled.iter().for_each(|netns| world.replace_tables(netns.clone()));
        let spaces = ids.iter().filter_map(|id| world.netns(*id)).collect();
        Ok(Simulation { world, spaces, ruled, services })
    }

    /// The script that builds the cluster, as `podhop export netns` prints it, and the names it gives to `spaces`.
    pub fn export(&self) -> (String, Vec<String>) {
        let (_, segment) = export::everything(self.world.revision());
        let names = export::names(&self.spaces, export::PREFIX);
        let name = |netns: &Arc<Netns>| names.get(&netns.id).cloned().unwrap_or_default();
        (export::script(&self.spaces, &segment, export::PREFIX), self.spaces.iter().map(name).collect())
    }

    /// From the start, with one namespace broken or none.
    pub fn restart(&mut self, broken: Option<Netns>) {
        for netns in &self.spaces {
            self.world.restore_tables(netns.id);
        }
        self.ruled.iter().for_each(|netns| self.world.replace_tables(netns.clone()));
        self.world.restart();
        if let Some(broken) = broken {
            self.world.replace_tables(broken);
        }
    }

    /// What the agent needs to do the same for real.
    pub fn job(&self, script: String, names: Vec<String>, probes: Vec<Probe>) -> Job {
        let listeners = self.spaces.iter().enumerate().flat_map(|(netns, space)| {
            space.listeners.iter().filter_map(move |listener| {
                let protocol = match listener.protocol {
                    Protocol::Tcp => Transport::Tcp,
                    Protocol::Udp => Transport::Udp,
                    Protocol::Sctp => return None,
                };
                Some(Listener { netns, protocol, ip: listener.ip, port: listener.port, answer: answer(&listener.app) })
            })
        });
        Job { script, namespaces: names, listeners: listeners.collect(), probes, timeout_ms: TIMEOUT_MS }
    }

    pub fn probe(&mut self, probe: &Probe) -> Outcome {
        self.probe_watching(probe).0
    }

    /// Also the namespaces whose routers turn packets down for want of a route, once for each, whether or not the sender
    /// hears of it.
    pub fn probe_watching(&mut self, probe: &Probe) -> (Outcome, Vec<NetnsId>) {
        let kind = match probe.what {
            What::Ping { size, df, ttl } => ProbeKind::Ping { size, dont_fragment: df, ttl: Some(ttl) },
            What::Tcp { port, ttl } => ProbeKind::Tcp { port, ttl: Some(ttl) },
            What::Udp { port, size, df, ttl } => ProbeKind::Udp { port, size, dont_fragment: df, ttl: Some(ttl) },
        };
        let to = probe.to;
        // The kernel's probes with DF mind the device's MTU only, not what earlier ones have learnt about the path.
        if probe.what.is_df() {
            self.world.restart();
        }
        let spec = ProbeSpec { from: self.spaces[probe.netns].id, to, kind, timeout: TIMEOUT_MS * 1_000_000 };
        let result = self.world.probe(&spec);
        let seen = match (result.seen_source, result.seen_ttl, result.seen_destination) {
            (Some(source), Some(ttl), Some(to)) => Some(Seen { source, ttl, to }),
            _ => None,
        };
        let outcome = Outcome { verdict: self.verdict(&result, probe), responder: result.responder, seen };
        let packets = self.world.recorder().get(result.flow).map_or(&[][..], |trace| &trace.packets);
        let turned_down = packets
            .iter()
            .filter(|packet| packet.disposition == Some(Disposition::Rejected(IcmpError::NetUnreachable)));
        let routers = turned_down.filter_map(|packet| match packet.hops.last()?.place {
            HopPlace::Netns(id) => Some(id),
            HopPlace::Segment(_) => None,
        });
        (outcome, routers.collect())
    }

    /// The same until it ends as the kernel's did, as far as that depends on which backend a Service draws.
    pub fn probe_as(&mut self, probe: &Probe, kernel: &Outcome) -> Outcome {
        let mut first = None;
        for drawn_before in 0..DRAWS_MAX {
            // Affinity would draw the same again.
            self.world.restart();
            // Each conversation takes the next port, and so draws anew.
            for _ in 0..drawn_before {
                let kind = match probe.what {
                    What::Udp { .. } => ProbeKind::Udp { port: 9, size: 1, dont_fragment: false, ttl: None },
                    _ => ProbeKind::Tcp { port: 9, ttl: None },
                };
                let from = self.spaces[probe.netns].id;
                self.world.probe(&ProbeSpec {
                    from,
                    to: std::net::Ipv4Addr::LOCALHOST.into(),
                    kind,
                    timeout: 1_000_000,
                });
            }
            let outcome = self.probe(probe);
            if outcome == *kernel {
                return outcome;
            }
            first.get_or_insert(outcome);
        }
        first.unwrap_or_else(|| self.probe(probe))
    }

    fn verdict(&self, result: &ProbeResult, probe: &Probe) -> Verdict {
        if let (Some(error), Some(from)) = (result.icmp, result.responder) {
            let (kind, code) = if from.is_ipv4() { error.type_code() } else { error.type_code_v6() };
            let mtu = match error {
                podhop_engine::net::IcmpError::FragmentationNeeded { mtu } => u32::from(mtu),
                _ => 0,
            };
            return Verdict::of_icmp(kind, code, mtu, from, probe.to);
        }
        match result.end {
            FlowEnd::LocalError(DropReason::TooBig) => Verdict::MessageTooLong,
            FlowEnd::LocalError(DropReason::NoRoute) => Verdict::LocalError("ENETUNREACH".to_owned()),
            FlowEnd::LocalError(DropReason::Blackhole) => Verdict::LocalError("EINVAL".to_owned()),
            FlowEnd::LocalError(DropReason::Netfilter) => Verdict::LocalError("EPERM".to_owned()),
            FlowEnd::LocalError(reason) => Verdict::LocalError(reason.name().to_owned()),
            FlowEnd::Delivered if result.responder.is_some() => Verdict::Replied,
            FlowEnd::Refused => Verdict::Reset,
            _ if self.was_taken(result) && matches!(probe.what, What::Udp { .. }) => Verdict::Taken,
            _ => Verdict::Silence,
        }
    }

    /// Whether a socket took the first packet, or the one that its fragments became.
    fn was_taken(&self, result: &ProbeResult) -> bool {
        let sent = |p: &&PacketTrace| p.id == PacketId(0) || p.parent.is_some_and(|(_, r)| r == Relation::Fragments);
        let packets = self.world.recorder().get(result.flow).map(|trace| &trace.packets);
        let last = packets.and_then(|packets| {
            packets
                .iter()
                .filter(sent)
                .rfind(|packet| packet.steps.last().is_some_and(|step| step.stage == Stage::Deliver))
        });
        last.is_some_and(|packet| packet.disposition == Some(Disposition::Delivered))
    }
}

fn add_services(world: &mut World, seed: u64) -> Result<Services, String> {
    let ids: Vec<NetnsId> = world.revision().netns.keys().copied().collect();
    let spaces: Vec<Arc<Netns>> = ids.iter().filter_map(|id| world.netns(*id)).collect();
    let services = services::make(world.revision(), &spaces, seed);
    let applied = world.open_file("services.yaml", &services.manifests, true);
    if !applied.committed {
        return Err(format!("the Services are refused: {:?}\n{}", applied.diagnostics, services.manifests));
    }
    Ok(services)
}

/// What a server says to a datagram that is no request of its protocol.
fn answer(app: &App) -> Answer {
    match app {
        App::Echo => Answer::Echo,
        App::Banner { text } => Answer::Text(text.to_string()),
        App::Silent
        | App::Http { .. }
        | App::NotFound
        | App::Netexec { .. }
        | App::Redis
        | App::ServiceHealth { .. }
        | App::Dns(_)
        | App::DnsPages(_) => Answer::Nothing,
    }
}
