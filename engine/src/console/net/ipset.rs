//! `ipset list` and `ipset save` of ipset 7.17.

use super::super::machine::Machine;
use super::super::shell::Io;
use super::{NOT_RUNNING, fail, may_administer};
use crate::net::Family;
use crate::tables::Netns;
use crate::tables::netfilter::{Match, TableName};
use crate::tables::text::ipset;

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let mut words =
        argv.iter().skip(1).map(String::as_str).filter(|word| !matches!(*word, "-o" | "-q" | "-n" | "-name"));
    let names_only = argv.iter().any(|word| matches!(word.as_str(), "-n" | "-name"));
    let command = words.next().unwrap_or_default();
    let save = match command {
        "list" | "-L" | "--list" => false,
        "save" | "-S" | "--save" => true,
        "" => return fail(io, "ipset v7.17: No command specified.\nTry `ipset help' for more information.\n", 2),
        "version" | "-v" | "--version" => return fail(io, "ipset v7.17, protocol version: 7\n", 0),
        other => {
            return fail(io, &format!("ipset: podhop shows sets and does not change them (ipset {other})\n"), 1);
        }
    };
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    if !may_administer(machine) {
        return fail(io, "ipset v7.17: Kernel error received: Operation not permitted\n", 1);
    }
    let wanted = words.next();
    let sets = netns.netfilter.sets.values().filter(|set| wanted.is_none_or(|name| name == &*set.name));
    let texts: Vec<String> = sets
        .map(|set| match (save, names_only) {
            (true, _) => ipset::save(set),
            (false, true) => format!("{}\n", set.name),
            (false, false) => ipset::list(set, references(&netns, &set.name)),
        })
        .collect();
    if wanted.is_some() && texts.is_empty() {
        return fail(io, "ipset v7.17: The set with the given name does not exist\n", 1);
    }
    io.out(&texts.join(if save || names_only { "" } else { "\n" }));
    0
}

fn references(netns: &Netns, name: &str) -> usize {
    let families = [Family::V4, Family::V6].into_iter();
    let rulesets = families.map(|family| netns.netfilter.ruleset(family));
    let tables = rulesets.flat_map(|rules| TableName::ALL.into_iter().filter_map(|table| rules.tables.get(&table)));
    let rules = tables.flat_map(|table| table.chains()).flat_map(|chain| &chain.rules);
    let looks = |part: &Match| matches!(part, Match::Set { name: own, .. } if &**own == name);
    rules.filter(|rule| rule.matches.iter().any(looks)).count()
}
