//! The way of a packet through a table of rules, and the chance by which a backend was chosen.

use crate::dataplane::Sight;
use crate::net::IpPacket;
use crate::tables::netfilter::{Chain, Match, Rule, Table, Target};
use crate::tables::text::iptables;
use crate::tables::{Netns, Origin};
use crate::trace::{RuleRef, Ruled, Stage, Step};

/// A rule that matched.
#[derive(Clone, Debug, PartialEq)]
pub struct PathRule {
    pub chain: String,
    /// As `iptables -S` prints it.
    pub text: String,
    /// Its place in its chain, from 1, and the rules that the chain has.
    pub number: u32,
    pub count: u32,
    pub origin: Origin,
}

/// What a table of rules was asked in a step.
struct Asked<'a> {
    sight: Sight<'a>,
    rules: &'a Table,
    ruled: &'a Ruled,
}

impl<'a> Asked<'a> {
    /// `packet` is the packet before the step.
    fn of(step: &'a Step, packet: &'a IpPacket, netns: &'a Netns, seed: u64) -> Option<Asked<'a>> {
        let Stage::Netfilter { table, .. } = step.stage else { return None };
        let ruled = step.ruled.as_deref()?;
        let Ruled { input, output, bridged, mark, states, virtual_server, .. } = *ruled;
        let sight = Sight { netns, table, packet, input, output, bridged, mark, states, virtual_server, seed };
        let rules = netns.netfilter.ruleset(sight.family()).tables.get(&table)?;
        Some(Asked { sight, rules, ruled })
    }
}

/// Rules that matched in a step, in the order in which the packet met them; the last one decided. Empty if the step asked
/// no rules. `packet` is the packet before the step.
pub fn rule_path(step: &Step, packet: &IpPacket, netns: &Netns, seed: u64) -> Vec<PathRule> {
    let Some(Asked { sight, rules, ruled }) = Asked::of(step, packet, netns, seed) else { return Vec::new() };
    let told = |place: &RuleRef| {
        let chain = rules.chain(place.chain)?;
        let rule = chain.rules.get(place.rule as usize)?;
        Some(PathRule {
            chain: chain.name.to_string(),
            text: iptables::save(sight.family(), &chain.name, rule),
            number: place.rule + 1,
            count: chain.rules.len() as u32,
            origin: rule.origin.clone(),
        })
    };
    ruled.rules.iter().filter_map(told).collect()
}

/// How a step chose among several backends: `one of 3: 33.3 %; drew 0.215, below 0.333`; empty if there was no choice.
pub fn chance(step: &Step, packet: &IpPacket, netns: &Netns, seed: u64) -> String {
    let Some(Asked { sight, rules, ruled }) = Asked::of(step, packet, netns, seed) else { return String::new() };
    let drawn = ruled.rules.iter().rev().find_map(|place| drawn(&sight, rules.chain(place.chain)?, *place));
    drawn.unwrap_or_default()
}

/// What was drawn until this rule of a chain was taken. None: there was no choice.
fn drawn(sight: &Sight<'_>, chain: &Chain, taken: RuleRef) -> Option<String> {
    let first = chain.rules.iter().position(|rule| probability(rule).is_some())?;
    let fits = |at: usize| {
        let place = RuleRef { chain: taken.chain, rule: at as u32 };
        let rule = &chain.rules[at];
        let leads = matches!(rule.target, Some(Target::Jump(_) | Target::Goto(_) | Target::Dnat(_)));
        let is_draw = |part: &&Match| !matches!(part, Match::Probability(_));
        leads && rule.matches.iter().filter(is_draw).all(|part| sight.holds(part, place))
    };
    let choices: Vec<usize> = (first..chain.rules.len()).filter(|at| fits(*at)).collect();
    let chosen = choices.iter().position(|at| *at as u32 == taken.rule)?;
    if choices.len() < 2 {
        return None;
    }
    let (mut share, mut drawn) = (1.0, String::new());
    for (turn, at) in choices[..=chosen].iter().enumerate() {
        let Some(limit) = probability(&chain.rules[*at]).map(part) else { break };
        let own = part(sight.draw(RuleRef { chain: taken.chain, rule: *at as u32 }));
        let is_taken = turn == chosen;
        share *= if is_taken { limit } else { 1.0 - limit };
        drawn += &format!("; drew {own:.3}, {} {limit:.3}", if is_taken { "below" } else { "not below" });
    }
    if probability(&chain.rules[taken.rule as usize]).is_none() {
        drawn += "; the last one takes the rest";
    }
    Some(format!("one of {}: {:.1} %{drawn}", choices.len(), share * 100.0))
}

fn probability(rule: &Rule) -> Option<u32> {
    rule.matches.iter().find_map(|part| match part {
        Match::Probability(probability) => Some(*probability),
        _ => None,
    })
}

/// As a part of one.
fn part(number: u32) -> f64 {
    f64::from(number) / f64::from(1_u32 << 31)
}
