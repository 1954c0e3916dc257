//! Changes of rules: real effect, as a fault that the user injects.

use super::{Command, Line, Problem, VERSION, usage};
use crate::console::machine::Machine;
use crate::tables::netfilter::{Chain, Hook, Netfilter, Policy, Rule, Table, Target};
use crate::tables::text::iptables as text;
use crate::tables::{Netns, Origin};
use std::sync::Arc;

const NO_CHAIN: &str = "No chain/target/match by that name.";

/// What rules that the user made name as their origin.
fn origin() -> Origin {
    Origin::default("iptables", "set by hand with the iptables command")
}

pub fn run(machine: &mut Machine<'_>, netns: &Netns, line: &Line) -> Result<(), Problem> {
    let mut netfilter = Netfilter::clone(&netns.netfilter);
    let rules = match line.family {
        crate::net::Family::V4 => &mut netfilter.v4,
        crate::net::Family::V6 => &mut netfilter.v6,
    };
    let table = rules.table(line.table);
    let changed = change(line, table)?;
    *table = changed;
    let mut netns = netns.clone();
    netns.netfilter = Arc::new(netfilter);
    machine.world.replace_tables(netns);
    Ok(())
}

fn refused(line: &Line, words: &str) -> Problem {
    (format!("{}: {words}\n", line.name), 1)
}

/// A chain's rules, to be changed.
fn rules_of(line: &Line, table: &Table, chain: &str) -> Result<Chain, Problem> {
    let found = table.find(chain).and_then(|at| table.chain(at));
    found
        .map(|chain| Chain::new(chain.name.clone(), chain.policy, chain.rules.clone()))
        .ok_or_else(|| refused(line, NO_CHAIN))
}

fn change(line: &Line, table: &Table) -> Result<Table, Problem> {
    let mut new = table.clone();
    match &line.command {
        Command::Append(name) => {
            let rule = rule(line, table)?;
            let mut chain = rules_of(line, table, name)?;
            chain.rules.push(rule);
            new.put(Arc::new(chain));
        }
        Command::Insert(name, number) => {
            let rule = rule(line, table)?;
            let mut chain = rules_of(line, table, name)?;
            if *number == 0 || *number > chain.rules.len() + 1 {
                return Err(refused(line, "Index of insertion too big."));
            }
            chain.rules.insert(number - 1, rule);
            new.put(Arc::new(chain));
        }
        Command::Delete(name, number) => {
            let mut chain = rules_of(line, table, name)?;
            let at = match number {
                Some(number) => number.checked_sub(1).filter(|at| *at < chain.rules.len()),
                None => same(line, &chain, &*rule(line, table)?),
            };
            let missing =
                if number.is_some() { NO_CHAIN } else { "Bad rule (does a matching rule exist in that chain?)." };
            chain.rules.remove(at.ok_or_else(|| refused(line, missing))?);
            new.put(Arc::new(chain));
        }
        Command::Check(name) => {
            let chain = rules_of(line, table, name)?;
            let found = same(line, &chain, &*rule(line, table)?);
            found.ok_or_else(|| refused(line, "Bad rule (does a matching rule exist in that chain?)."))?;
        }
        Command::Flush(Some(name)) => {
            let chain = rules_of(line, table, name)?;
            new.put(Arc::new(Chain::new(chain.name, chain.policy, Vec::new())));
        }
        Command::Flush(None) => {
            for chain in table.chains() {
                new.put(Arc::new(Chain::new(chain.name.clone(), chain.policy, Vec::new())));
            }
        }
        Command::NewChain(name) if table.find(name).is_some() => return Err(refused(line, "Chain already exists.")),
        Command::NewChain(name) => new.put(Arc::new(Chain::user(name.as_str()))),
        Command::DeleteChain(which) => new = without(line, table, which.as_deref())?,
        Command::Policy(name, policy) => {
            let hook = line.table.hooks().iter().copied().find(|hook: &Hook| hook.chain() == name);
            let hook = hook.ok_or_else(|| refused(line, "Bad built-in chain name."))?;
            let policy = match policy.as_str() {
                "ACCEPT" => Policy::Accept,
                "DROP" => Policy::Drop,
                _ => return Err(refused(line, "Bad policy name. Run `dmesg' for more information.")),
            };
            new.set_policy(hook, policy);
        }
        Command::List(_) | Command::Rules(_) | Command::Zero => {}
    }
    Ok(new)
}

/// The rule on the command line. What it leads to must be there.
fn rule(line: &Line, table: &Table) -> Result<Arc<Rule>, Problem> {
    let rule = text::parse_rule(line.family, &line.rule, &origin()).map_err(|message| usage(&line.name, &message))?;
    if let Some(Target::Jump(to) | Target::Goto(to)) = &rule.target
        && table.find(to).is_none()
    {
        return Err(usage(&line.name, &format!("Chain '{to}' does not exist")));
    }
    Ok(Arc::new(rule))
}

/// Rules are the same if they are saved alike.
fn same(line: &Line, chain: &Chain, wanted: &Rule) -> Option<usize> {
    let wanted = text::save(line.family, "", wanted);
    chain.rules.iter().position(|rule| text::save(line.family, "", rule) == wanted)
}

/// The table without a chain, or without all chains that are not built in. Chains in use stay.
fn without(line: &Line, table: &Table, which: Option<&str>) -> Result<Table, Problem> {
    let goes = |chain: &Chain| chain.policy.is_none() && which.is_none_or(|name| name == &*chain.name);
    let going: Vec<&Arc<Chain>> = table.chains().filter(|chain| goes(chain)).collect();
    let busy = |chain: &str| {
        (format!("{} {VERSION}:  CHAIN_DEL failed (Device or resource busy): chain {chain}\n", line.name), 4)
    };
    if let (Some(name), true) = (which, going.is_empty()) {
        return Err(if table.find(name).is_some() { busy(name) } else { refused(line, NO_CHAIN) });
    }
    let mut new = Table::new(table.name);
    for chain in table.chains().filter(|chain| !goes(chain)) {
        for rule in &chain.rules {
            if let Some(Target::Jump(to) | Target::Goto(to)) = &rule.target
                && going.iter().any(|gone| gone.name == *to)
            {
                return Err(busy(to));
            }
        }
        new.put(chain.clone());
    }
    if let Some(chain) = going.iter().find(|chain| !chain.rules.is_empty()) {
        return Err(busy(&chain.name));
    }
    Ok(new)
}
