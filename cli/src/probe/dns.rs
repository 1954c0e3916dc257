//! Probes of kind `dns`: what does CoreDNS answer?

use super::{from_netns, text};
use podhop_engine::cluster::PodPhase;
use podhop_engine::control::resolv;
use podhop_engine::net::dns::{Message, Question, Rcode, Record, ResolvConf, Type, name};
use podhop_engine::tables::NetnsId;
use podhop_engine::world::World;
use serde_json::{Value, json};
use std::net::IpAddr;

/// Asks as the Pod `from` would, or CoreDNS directly.
pub(super) fn run(world: &mut World, probe: &Value) -> Result<Value, String> {
    let wanted = text(probe, "name")?;
    let kind = text(probe, "type")?;
    let kind = Type::parse(kind).ok_or_else(|| format!("unknown type {kind:?}"))?;
    if !name::is_valid(wanted) {
        return Err(format!("{wanted:?} is no domain name"));
    }
    let coredns = coredns(world)?;
    let (netns, conf) = match probe.get("from").filter(|from| !from.is_null()) {
        Some(from) => {
            let netns = from_netns(world, from)?;
            let pod = world.revision().pod_of_netns(netns);
            (netns, pod.map(|pod| ResolvConf::parse(&resolv::pod_resolv_conf(world.revision(), pod))))
        }
        None => (coredns.0, None),
    };
    let mut last = None;
    for candidate in candidates(wanted, conf.as_ref()) {
        let message = ask(world, netns, conf.as_ref(), coredns.1, &candidate, kind)
            .ok_or_else(|| format!("no answer about {candidate}"))?;
        let found = message.rcode == Rcode::NOERROR && !message.answers.is_empty();
        last = Some(message);
        if found {
            break;
        }
    }
    let message = last.ok_or("nothing to ask")?;
    Ok(json!({
        "rcode": message.rcode.to_string(),
        "answer": records(&message.answers),
        "additional": records(&message.additional),
        "authority": types(&message.authority),
    }))
}

/// The first IPv4 address of a name, as `from` finds it.
pub(super) fn address(world: &mut World, from: &Value, host: &str) -> Result<IpAddr, String> {
    let probe = json!({"name": host, "type": "A", "from": from});
    let found = run(world, &probe)?;
    let records = found["answer"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let address = |record: &str| record.rsplit_once(' ').and_then(|(_, ip)| ip.parse().ok());
    let mut addresses = records.filter_map(address);
    addresses.next().ok_or_else(|| format!("{host}: {}", found["rcode"].as_str().unwrap_or("no answer")))
}

/// The names that a resolver tries, in order.
fn candidates(wanted: &str, conf: Option<&ResolvConf>) -> Vec<String> {
    let whole = name::absolute(wanted).to_string();
    let Some(conf) = conf.filter(|_| !name::is_absolute(wanted)) else { return vec![whole] };
    let searched = conf.search.iter().map(|domain| format!("{wanted}.{domain}."));
    let dots = wanted.matches('.').count() as u32;
    match dots >= conf.ndots {
        true => std::iter::once(whole).chain(searched).collect(),
        false => searched.chain([whole.clone()]).collect(),
    }
}

/// Through the Pod's own name server; if nothing answers there, CoreDNS itself.
fn ask(
    world: &mut World,
    from: NetnsId,
    conf: Option<&ResolvConf>,
    coredns: IpAddr,
    wanted: &str,
    kind: Type,
) -> Option<Message> {
    let server = conf.and_then(|conf| conf.servers.first()).copied().unwrap_or(coredns);
    let answer = world.ask(from, server, Question::new(wanted, kind));
    answer.or_else(|| world.ask(from, coredns, Question::new(wanted, kind)))
}

/// Namespace and address of a CoreDNS Pod that runs.
fn coredns(world: &World) -> Result<(NetnsId, IpAddr), String> {
    let pods = world.revision().pods.values().filter(|pod| pod.corefile.is_some());
    let mut running = pods.filter(|pod| pod.phase == PodPhase::Running);
    let found = running.find_map(|pod| Some((pod.netns?, pod.ip.as_ref()?.0)));
    found.ok_or_else(|| {
        let broken = world.revision().pods.values().find(|pod| pod.phase == PodPhase::CrashLoopBackOff);
        broken
            .map_or_else(|| "no CoreDNS Pod runs".to_owned(), |pod| format!("{} does not run: {}", pod.key, pod.reason))
    })
}

/// `name TYPE rdata`; an SOA without its serial, EDNS left out.
fn records(records: &[Record]) -> Vec<String> {
    let shown = records.iter().filter(|record| record.kind() != Type::OPT);
    shown
        .map(|record| {
            let mut data = record.data.to_string();
            if record.kind() == Type::SOA {
                let words = data.split(' ').enumerate().filter(|(i, _)| *i != 2);
                data = words.map(|(_, word)| word).collect::<Vec<_>>().join(" ");
            }
            format!("{} {} {data}", record.name, record.kind())
        })
        .collect()
}

fn types(records: &[Record]) -> Vec<String> {
    let mut types: Vec<String> = records.iter().map(|record| record.kind().to_string()).collect();
    types.sort();
    types.dedup();
    types
}
