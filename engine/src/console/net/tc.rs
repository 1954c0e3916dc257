//! `tc qdisc`: losing and delaying packets on purpose with netem. Models iproute2 6.1.

use super::super::machine::Machine;
use super::super::shell::Io;
use super::{NOT_RUNNING, fail};
use crate::console::machine::Context;
use crate::tables::text::qdisc;
use crate::tables::{LinkIndex, Netem};

/// Longest delay, in nanoseconds: an hour.
const DELAY_MAX: f64 = 3.6e12;

/// `tc qdisc show|add|replace|change|del dev DEVICE root netem [delay TIME [JITTER]] [loss PERCENT]`
pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let mut words = argv[1..].iter().map(String::as_str).filter(|word| !word.starts_with('-'));
    let object = words.next().unwrap_or_default();
    if object.is_empty() || !"qdisc".starts_with(object) {
        return fail(io, &format!("Object \"{object}\" is unknown, try \"tc help\".\n"), 1);
    }
    let command = words.next().unwrap_or("show");
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    let (mut dev, mut rest) = (None, Vec::new());
    while let Some(word) = words.next() {
        if word == "dev" {
            let name = words.next().unwrap_or_default();
            let Some(link) = netns.link_named(name) else {
                return fail(io, &format!("Cannot find device \"{name}\"\n"), 1);
            };
            dev = Some(link.index);
        } else {
            rest.push(word);
        }
    }
    if ["show", "list", "ls"].contains(&command) {
        io.out(&qdisc::show(&netns, dev.and_then(|dev| netns.link(dev))));
        return 0;
    }
    let Some(dev) = dev else { return fail(io, "Command line is not complete. Try option \"help\"\n", 1) };
    if !may_change(machine) {
        return fail(io, "RTNETLINK answers: Operation not permitted\n", 2);
    }
    let present = netns.netem.iter().any(|netem| netem.link == dev);
    let made = match (command, present) {
        ("del" | "delete", true) => Ok(None),
        ("del" | "delete", false) => return fail(io, "Error: Cannot delete qdisc with handle of zero.\n", 2),
        ("add", true) => return fail(io, "Error: Exclusivity flag on, cannot modify.\n", 2),
        ("change", false) => return fail(io, "Error: Qdisc not found. To create specify NLM_F_CREATE flag.\n", 2),
        ("add" | "replace" | "change", _) => netem(dev, &rest).map(Some),
        _ => return fail(io, &format!("Command \"{command}\" is unknown, try \"tc qdisc help\".\n"), 1),
    };
    match made {
        Err(problem) => fail(io, &problem, 1),
        Ok(made) => {
            let mut netns = (*netns).clone();
            netns.netem.retain(|netem| netem.link != dev);
            netns.netem.extend(made);
            machine.world.replace_tables(netns);
            machine.effects.changed = true;
            0
        }
    }
}

/// Containers have no CAP_NET_ADMIN unless they are given it.
fn may_change(machine: &Machine<'_>) -> bool {
    let Context::Container { pod, container } = &machine.context else { return true };
    let pod = machine.world.revision().pods.get(pod);
    pod.and_then(|pod| pod.spec.containers.get(*container)).is_some_and(|container| {
        container.privileged || container.capabilities.iter().any(|name| matches!(&**name, "NET_ADMIN" | "ALL"))
    })
}

fn netem(link: LinkIndex, words: &[&str]) -> Result<Netem, String> {
    let mut words = words.iter().copied().peekable();
    if words.next_if_eq(&"root").is_none() {
        return Err("tc: podhop's tc changes the root qdisc only: tc qdisc add dev DEVICE root netem …\n".into());
    }
    match words.next() {
        Some("netem") => {}
        Some(kind) => return Err(format!("tc: podhop simulates netem, not {kind}\n")),
        None => return Err("Command line is not complete. Try option \"help\"\n".into()),
    }
    let mut netem = Netem { link, loss_ppm: 0, delay: 0, jitter: 0 };
    while let Some(word) = words.next() {
        match word {
            "delay" | "latency" => {
                let text = words.next().unwrap_or_default();
                netem.delay = time(text).ok_or_else(|| format!("Illegal \"latency\"\nWhat is \"{text}\"?\n"))?;
                if let Some(jitter) = words.peek().and_then(|word| time(word)) {
                    netem.jitter = jitter.min(netem.delay);
                    words.next();
                }
            }
            "loss" | "drop" => {
                let _ = words.next_if_eq(&"random");
                let text = words.next().unwrap_or_default();
                let percent = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
                let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                let percent = percent.ok_or_else(|| format!("Illegal \"loss percent\"\nWhat is \"{text}\"?\n"))?;
                netem.loss_ppm = (percent * 10_000.0) as u32;
            }
            other => return Err(format!("tc: podhop's netem has delay and loss, not {other}\n")),
        }
    }
    Ok(netem)
}

/// `100ms`, `1s`, `10us`, in nanoseconds; a bare number is microseconds.
fn time(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..at].parse().ok()?;
    let unit = match &text[at..] {
        "s" | "sec" | "secs" => 1e9,
        "ms" | "msec" | "msecs" => 1e6,
        "" | "us" | "usec" | "usecs" => 1e3,
        _ => return None,
    };
    let nanos = number * unit;
    (nanos <= DELAY_MAX).then_some(nanos as u64)
}
