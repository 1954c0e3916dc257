//! One cluster, simulated and real, compared probe by probe.

use crate::ClusterKind;
use crate::choose::{Chooser, Kind, ping_of_len};
use crate::family::{Family, addresses, has_hosts};
use crate::job::{Probe, What};
use crate::kernel;
use crate::mutate::Mutation;
use crate::outcome::{Outcome, Verdict};
use crate::random::Random;
use crate::report::Counts;
use crate::room::{Room, neighbors_count};
use crate::rules;
use crate::simulate::Simulation;
use ipnet::IpNet;
use podhop_engine::cluster::CniName;
use podhop_engine::tables::{Netns, NetnsId, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// How many mutations each cluster suffers, one at a time.
const MUTATIONS_PER_CLUSTER: usize = 6;

/// Most probes that one router turns down for want of a route: the kernel rations these errors by their receiver, five at a
/// stroke and then one a second, whatever `icmp_ratelimit` says (net/ipv4/route.c ip_error). Behind a router that
/// masquerades all are one receiver.
const TURNED_DOWN_MAX: u32 = 4;

/// What one cluster's contest came to.
#[derive(Clone, Debug, Default)]
pub struct Contest {
    pub counts: Counts,
    /// Disagreements, each in words.
    pub disagreements: Vec<String>,
    /// The script that rebuilds the cluster; printed if anything disagrees.
    pub script: String,
    pub mutations: Mutations,
}

/// Mutations by what became of them.
#[derive(Clone, Debug, Default)]
pub struct Mutations {
    pub made_count: u64,
    /// Those that change the answer to some probe.
    pub felt_count: u64,
    pub caught_count: u64,
    /// Felt and not caught, in words.
    pub missed: Vec<String>,
}

/// The cluster with this seed. `Err`: it could not be simulated or built.
pub fn contest(seed: u64, (mutate, kind_of_cluster): (bool, ClusterKind), room: &Room) -> Result<Contest, String> {
    let manifests = crate::generate::manifests(seed, kind_of_cluster.cni);
    let mut simulation = Simulation::new(&manifests, seed, kind_of_cluster)?;
    let (script, names) = simulation.export();
    // Agents know packets by their ports.
    let script = script.replace("masquerade fully-random", "masquerade");
    let families = Family::ALL
        .into_iter()
        .filter(|family| simulation.spaces.iter().any(|netns| addresses(netns, *family).next().is_some()));
    let mut probes: Vec<(Kind, Probe)> = Vec::new();
    for family in families {
        probes.extend(Chooser::new(&simulation.spaces, seed, family).probes(mutate));
        probes.extend(rules::probes(&simulation.spaces, seed, family));
    }
    probes.extend(simulation.services.probes(&simulation.spaces, seed));
    ration(&mut simulation, &mut probes);
    let job = simulation.job(script.clone(), names, probes.iter().map(|(_, probe)| *probe).collect());
    let answers = room
        .with(neighbors_count(&simulation.spaces), || kernel::ask(&job))
        .map_err(|error| format!("{error}\n{script}"))?;
    let mut contest = Contest { script, ..Contest::default() };
    for (listener, error) in &answers.not_opened {
        contest.disagreements.push(format!("{:?} does not open: {error}", job.listeners[*listener]));
    }
    let mut kernel_outcomes = Vec::new();
    for ((kind, probe), kernel) in probes.iter().zip(answers.outcomes) {
        let kernel = kernel.ok_or("the agent left a probe unanswered")?;
        let simulated = match kind {
            Kind::Services => simulation.probe_as(probe, &kernel),
            _ => simulation.probe(probe),
        };
        contest.counts.add(*kind, &kernel);
        // Without policies every Pod reaches every other.
        let open = kind_of_cluster.cni == CniName::Flannel;
        let unreached = open && *kind == Kind::Reach && kernel.verdict != Verdict::Replied;
        if simulated != kernel || unreached {
            contest.disagreements.push(disagreement(&simulation.spaces, (*kind, probe), &kernel, &simulated));
        }
        kernel_outcomes.push(kernel);
    }
    if mutate {
        contest.mutations = mutations(seed, &mut simulation, (&job.probes, &kernel_outcomes));
    }
    Ok(contest)
}

/// Leaves out what routers would turn down too often.
fn ration(simulation: &mut Simulation, probes: &mut Vec<(Kind, Probe)>) {
    let mut turned_down: BTreeMap<NetnsId, u32> = BTreeMap::new();
    probes.retain(|(_, probe)| {
        let (_, routers) = simulation.probe_watching(probe);
        let fits = routers.iter().all(|router| turned_down.get(router).copied().unwrap_or(0) < TURNED_DOWN_MAX);
        // What is left out turns nothing down.
        routers.into_iter().filter(|_| fits).for_each(|router| *turned_down.entry(router).or_default() += 1);
        fits
    });
    simulation.restart(None);
}

fn disagreement(spaces: &[Arc<Netns>], (kind, probe): (Kind, &Probe), kernel: &Outcome, simulated: &Outcome) -> String {
    let mut text = format!("{}: {} from {}\n", kind.name(), describe(probe), name(&spaces[probe.netns].place));
    let _ = write!(text, "  kernel:     {kernel}\n  simulation: {simulated}");
    text
}

fn describe(probe: &Probe) -> String {
    let df = |df: bool| if df { ", DF" } else { "" };
    match probe.what {
        What::Ping { size, df: bit, ttl } => format!("ping {} with {size} bytes, TTL {ttl}{}", probe.to, df(bit)),
        What::Tcp { port, ttl } => format!("TCP to {}:{port}, TTL {ttl}", probe.to),
        What::Udp { port, size, df: bit, ttl } => {
            format!("UDP to {}:{port} with {size} bytes, TTL {ttl}{}", probe.to, df(bit))
        }
    }
}

fn name(place: &Place) -> String {
    match place {
        Place::Node(node) => format!("node {node}"),
        Place::Pod { namespace, name } => format!("Pod {namespace}/{name}"),
        Place::Gateway => "the gateway".to_owned(),
        Place::Internet => "the world outside".to_owned(),
        Place::Fabric(number) => format!("segment {number}"),
    }
}

/// Breaks the simulated side in several ways and counts how many the kernel's answers give away.
fn mutations(seed: u64, simulation: &mut Simulation, (probes, kernel): (&[Probe], &[Outcome])) -> Mutations {
    let spaces = simulation.spaces.clone();
    let mut random = Random::new(seed, "mutations");
    let mut mutations = Mutations::default();
    for _ in 0..10 * MUTATIONS_PER_CLUSTER {
        if mutations.made_count == MUTATIONS_PER_CLUSTER as u64 {
            break;
        }
        let Some(mutation) = Mutation::random(&spaces, &mut random) else { continue };
        mutations.made_count += 1;
        let mut answers = |mutation: Option<&Mutation>, probes: &[Probe]| -> Vec<Outcome> {
            simulation.restart(mutation.and_then(|m| Some(m.apply(spaces.iter().find(|netns| netns.id == m.netns)?))));
            probes.iter().map(|probe| simulation.probe(probe)).collect()
        };
        let everything = everything(&spaces, &mutation);
        let (whole, broken) = (answers(None, &everything), answers(Some(&mutation), &everything));
        let felt = (0..everything.len()).find(|at| whole[*at] != broken[*at]);
        let caught = answers(Some(&mutation), probes) != kernel;
        mutations.felt_count += u64::from(felt.is_some());
        mutations.caught_count += u64::from(felt.is_some() && caught);
        if let Some(at) = felt.filter(|_| !caught) {
            let probe = &everything[at];
            let (probe, from) = (describe(probe), name(&spaces[probe.netns].place));
            let answers = format!("whole: {}, broken: {}", whole[at], broken[at]);
            mutations.missed.push(format!("{mutation}, felt by {probe} from {from} ({answers})"));
        }
    }
    mutations
}

/// Every packet that could make a difference: from every namespace with Pods to every address and some that nobody
/// has, small, at and over every MTU there is, and with every small TTL.
fn everything(spaces: &[Arc<Netns>], mutation: &Mutation) -> Vec<Probe> {
    let mut lens: BTreeSet<u32> = spaces.iter().flat_map(|netns| &netns.links).map(|link| link.mtu).collect();
    lens.extend(mutation.mtu());
    lens.retain(|len| *len < 10_000);
    let lens: BTreeSet<u32> = lens.iter().flat_map(|len| [*len, len + 1]).chain([84]).collect();
    let nets = || spaces.iter().flat_map(|netns| Family::ALL.into_iter().flat_map(|family| addresses(netns, family)));
    let mut targets: BTreeSet<IpAddr> = nets().map(|net| net.addr()).collect();
    targets.extend(nets().filter(has_hosts).map(|net| match net {
        IpNet::V4(net) => IpAddr::V4(Ipv4Addr::from(u32::from(net.broadcast()) - 1)),
        IpNet::V6(net) => IpAddr::V6(net.broadcast()),
    }));
    let families =
        Family::ALL.into_iter().filter(|family| targets.iter().any(|ip| ip.is_ipv6() == (*family == Family::V6)));
    let outside: Vec<IpAddr> = families.map(|family| family.outside(1)).collect();
    targets.extend(outside);
    let mut probes = Vec::new();
    for (netns, _) in spaces.iter().enumerate().filter(|(_, netns)| netns.place != Place::Gateway) {
        for to in &targets {
            probes.extend(lens.iter().map(|len| ping_of_len(netns, *to, *len)));
            let limited = (1..=3).map(|ttl| Probe { netns, to: *to, what: What::Ping { size: 56, df: false, ttl } });
            probes.extend(limited);
        }
    }
    probes
}
