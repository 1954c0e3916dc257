//! `iptables`, `iptables-save` and their IPv6 sisters, version 1.8.9 on nf_tables.

mod change;

use super::super::machine::Machine;
use super::super::shell::Io;
use super::clock::Moment;
use super::options::{Options, Spec};
use super::{NOT_RUNNING, fail, may_administer};
use crate::net::Family;
use crate::tables::netfilter::{Table, TableName};
use crate::tables::text::iptables::{self as text, Columns, Counter};
use crate::tables::{Netns, netfilter::Chain};
use std::sync::Arc;

/// Options of `iptables` that stand for themselves; the others are a rule's.
pub const SPEC: Spec = Spec::short("ADCINXPFZLSVhtnvxw46sdiopmjg");
/// Options of `iptables-save`.
pub const SAVE: Spec = Spec { short: "ct:", long: &[("counters", 'c'), ("table", 't')], operand_ends: false };

const VERSION: &str = "v1.8.9 (nf_tables)";

fn family_of(name: &str) -> Family {
    if name.rsplit('/').next().unwrap_or_default().starts_with("ip6") { Family::V6 } else { Family::V4 }
}

fn table_named(name: &str) -> Option<TableName> {
    TableName::ALL.into_iter().find(|table| table.name() == name)
}

/// Hands a counter of this namespace's rules to `print`.
fn counted<T>(machine: &Machine<'_>, netns: &Netns, family: Family, print: impl FnOnce(Counter<'_>) -> T) -> T {
    let state = machine.world.state(netns.id);
    print(&|table: TableName, chain: &Arc<Chain>, rule: Option<usize>| {
        let count = state.map(|state| state.memory.counted((family, table), chain, rule)).unwrap_or_default();
        (count.packets, count.bytes)
    })
}

pub fn save(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let name = argv.first().map_or("iptables-save", |name| name.rsplit('/').next().unwrap_or_default()).to_owned();
    let family = family_of(&name);
    let mut options = Options::new(SAVE, argv);
    let (mut counts, mut only) = (false, None);
    while let Some(option) = options.next() {
        match option {
            Ok(('c', _)) => counts = true,
            Ok((_, table)) => match table_named(table) {
                Some(table) => only = Some(table),
                None => return fail(io, &format!("Table `{table}' does not exist\n"), 1),
            },
            Err(message) => {
                return fail(
                    io,
                    &format!("{name}: {message}\nTry `{name} -h' or '{name} --help' for more information.\n"),
                    1,
                );
            }
        }
    }
    if let Some(word) = options.operands.first() {
        return fail(io, &format!("Unknown arguments found on commandline: {word}\n"), 1);
    }
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    if !may_administer(machine) {
        return fail(io, &denied(&name), 4);
    }
    let moment = Moment::new(machine.world.now());
    let (weekday, month, day) = (moment.weekday_name(), moment.month_name(), moment.day);
    let date = format!("{weekday} {month} {day:>2} {} {}", moment.time(), moment.year);
    let ruleset = netns.netfilter.ruleset(family);
    let text =
        counted(machine, &netns, family, |counter| text::save_all(family, ruleset, only, &date, (counter, counts)));
    io.out(&text);
    0
}

fn denied(name: &str) -> String {
    format!("{name} {VERSION}: Could not fetch rule set generation id: Permission denied (you must be root)\n\n")
}

/// A complaint and the status that goes with it.
type Problem = (String, i32);

/// What is to be done.
enum Command {
    List(Option<String>),
    Rules(Option<String>),
    Append(String),
    Insert(String, usize),
    Delete(String, Option<usize>),
    Check(String),
    Flush(Option<String>),
    NewChain(String),
    DeleteChain(Option<String>),
    Policy(String, String),
    Zero,
}

struct Line {
    name: String,
    family: Family,
    table: TableName,
    columns: Columns,
    command: Command,
    /// A rule's arguments.
    rule: Vec<String>,
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let name = argv.first().map_or("iptables", |name| name.rsplit('/').next().unwrap_or_default()).to_owned();
    if matches!(argv.get(1).map(String::as_str), Some("-V" | "--version")) {
        return fail(io, &format!("{name} {VERSION}\n"), 0);
    }
    let line = match read(&name, argv) {
        Ok(line) => line,
        Err((message, status)) => return fail(io, &message, status),
    };
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    if !may_administer(machine) {
        return fail(io, denied(&name).trim_end_matches('\n'), 4) + {
            io.err("\n");
            0
        };
    }
    let done = match &line.command {
        Command::List(chain) => print(machine, &netns, &line, chain.as_deref(), true),
        Command::Rules(chain) => print(machine, &netns, &line, chain.as_deref(), false),
        Command::Zero => Ok(String::new()),
        _ => change::run(machine, &netns, &line).map(|()| String::new()),
    };
    match done {
        Ok(text) => {
            io.out(&text);
            0
        }
        Err((message, status)) => fail(io, &message, status),
    }
}

fn print(
    machine: &Machine<'_>,
    netns: &Netns,
    line: &Line,
    chain: Option<&str>,
    list: bool,
) -> Result<String, Problem> {
    let empty = Table::new(line.table);
    let family = line.family;
    let table = netns.netfilter.ruleset(family).tables.get(&line.table).unwrap_or(&empty);
    let text = counted(machine, netns, family, |counter| match list {
        true => text::list(family, table, chain, line.columns, counter),
        false => text::list_rules(family, table, chain, (counter, line.columns.verbose)),
    });
    text.ok_or_else(|| {
        let (name, table, chain) = (&line.name, line.table.name(), chain.unwrap_or_default());
        (format!("{name} {VERSION}: chain `{chain}' in table `{table}' is incompatible, use 'nft' tool.\n"), 1)
    })
}

fn usage(name: &str, message: &str) -> Problem {
    (format!("{name} {VERSION}: {message}\nTry `{name} -h' or '{name} --help' for more information.\n"), 2)
}

/// Reads a command line: one command, options that may stand anywhere, and a rule's arguments.
fn read(name: &str, argv: &[String]) -> Result<Line, Problem> {
    let mut line = Line {
        name: name.to_owned(),
        family: family_of(name),
        table: TableName::Filter,
        columns: Columns::default(),
        command: Command::Zero,
        rule: Vec::new(),
    };
    let mut given = false;
    let words = split(argv);
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        let mut operand = || words.next_if(|next| !next.starts_with('-') && *next != "!").map(str::to_owned);
        let needs = |operand: Option<String>| {
            operand.ok_or_else(|| usage(name, &format!("option \"{word}\" requires an argument")))
        };
        let command = match word {
            "-L" | "--list" => Command::List(operand()),
            "-S" | "--list-rules" => Command::Rules(operand()),
            "-A" | "--append" => Command::Append(needs(operand())?),
            "-I" | "--insert" => {
                let chain = needs(operand())?;
                Command::Insert(chain, operand().and_then(|number| number.parse().ok()).unwrap_or(1))
            }
            "-D" | "--delete" => {
                let chain = needs(operand())?;
                Command::Delete(chain, operand().and_then(|number| number.parse().ok()))
            }
            "-C" | "--check" => Command::Check(needs(operand())?),
            "-F" | "--flush" => Command::Flush(operand()),
            "-N" | "--new-chain" => Command::NewChain(needs(operand())?),
            "-X" | "--delete-chain" => Command::DeleteChain(operand()),
            "-P" | "--policy" => {
                let chain = needs(operand())?;
                Command::Policy(chain, needs(operand())?)
            }
            "-Z" | "--zero" => {
                operand();
                Command::Zero
            }
            "-t" | "--table" => {
                let table = needs(operand())?;
                line.table = table_named(&table).ok_or_else(|| {
                    let hint = "Perhaps iptables or your kernel needs to be upgraded.";
                    (format!("{name} {VERSION}: table '{table}' does not exist\n{hint}\n"), 3)
                })?;
                continue;
            }
            "-n" | "--numeric" => {
                line.columns.numeric = true;
                continue;
            }
            "-v" | "--verbose" => {
                line.columns.verbose = true;
                continue;
            }
            "-x" | "--exact" => {
                line.columns.exact = true;
                continue;
            }
            "--line-numbers" => {
                line.columns.line_numbers = true;
                continue;
            }
            "-w" | "--wait" => {
                words.next_if(|next| next.parse::<u32>().is_ok());
                continue;
            }
            "-4" | "-6" => continue,
            word => {
                line.rule.push(word.to_owned());
                continue;
            }
        };
        if given {
            return Err(usage(name, "Cannot use more than one command at a time"));
        }
        (line.command, given) = (command, true);
    }
    let takes_rule =
        matches!(line.command, Command::Append(_) | Command::Insert(..) | Command::Delete(_, None) | Command::Check(_));
    match line.rule.first() {
        Some(word) if given && !takes_rule && word.starts_with('-') => {
            Err(usage(name, &format!("unknown option \"{word}\"")))
        }
        Some(word) if given && !takes_rule => {
            let help = format!("Try `{name} -h' or '{name} --help' for more information.");
            Err((format!("Bad argument `{word}'\n{help}\n"), 2))
        }
        _ if !given => Err(usage(name, "no command specified")),
        _ => Ok(line),
    }
}

/// Clusters such as `-nvL` as single options; a command's operand follows the last of them.
fn split(argv: &[String]) -> Vec<String> {
    let flags = |letters: &str| letters.chars().all(|letter| "nvxw46LSFZX".contains(letter));
    let mut words = Vec::new();
    for word in argv.get(1..).unwrap_or_default() {
        match word.strip_prefix('-') {
            Some(letters) if letters.len() > 1 && !letters.starts_with('-') && flags(letters) => {
                let (commands, plain): (Vec<char>, Vec<char>) = letters.chars().partition(|c| "LSFZX".contains(*c));
                words.extend(plain.into_iter().chain(commands).map(|letter| format!("-{letter}")));
            }
            _ => words.push(word.clone()),
        }
    }
    words
}
