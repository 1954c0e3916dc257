//! `nft list` of nftables 1.0.6, which kube-proxy's image has.

use super::super::machine::Machine;
use super::super::shell::Io;
use super::{NOT_RUNNING, fail, may_administer};
use crate::net::Family;
use crate::tables::nft::{NftSet, NftTable};
use crate::tables::text::nft::{self, Kind};

const VERSION: &str = "nftables v1.0.6 (Lester Gooch #5)\n";
const ABSENT: &str = "No such file or directory";

/// What is wrong, and with which word of the command.
type Problem = (String, usize);

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let options: Vec<&str> = argv.iter().skip(1).map(String::as_str).filter(|word| word.starts_with('-')).collect();
    if options.iter().any(|option| matches!(*option, "-v" | "--version")) {
        return fail(io, VERSION, 0);
    }
    let known = |option: &&&str| matches!(**option, "-n" | "-nn" | "-s" | "--stateless" | "--numeric" | "-y");
    if let Some(option) = options.iter().find(|option| !known(option)) {
        return fail(io, &format!("nft: podhop shows rulesets with -n and -s only ({option})\n"), 1);
    }
    if words.first().is_some_and(|word| *word != "list") {
        return fail(
            io,
            &format!("nft: podhop shows rulesets and does not change them (nft {})\n", words.join(" ")),
            1,
        );
    }
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    if !may_administer(machine) {
        let at = words.first().map_or(0, |word| word.len());
        let line = words.join(" ");
        let text = format!("Error: cache initialization failed: Operation not permitted\n{line}\n{}\n", "^".repeat(at));
        return fail(io, &text, 1);
    }
    let state = machine.world.state(netns.id);
    let now = machine.world.now();
    let stateless = options.iter().any(|option| matches!(*option, "-s" | "--stateless"));
    let kept = |table: &NftTable, set: &NftSet| match stateless {
        true => Vec::new(),
        false => state.map(|state| state.memory.elements(table, set, now)).unwrap_or_default(),
    };
    match list(&netns.netfilter.nft, &words, &kept) {
        Ok(text) => {
            io.out(&text);
            0
        }
        Err(problem) => fail(io, &told(&words, &problem), 1),
    }
}

/// `Error: …`, the command, and a line of carets below the word at fault.
fn told(words: &[&str], (what, at): &Problem) -> String {
    let before: usize = words.iter().take(*at).map(|word| word.len() + 1).sum();
    let width = words.get(*at).map_or(1, |word| word.len());
    let at = if words.get(*at).is_some() { before } else { before.saturating_sub(1) };
    format!("Error: {what}\n{}\n{}{}\n", words.join(" "), " ".repeat(at), "^".repeat(width))
}

fn list(tables: &[NftTable], words: &[&str], kept: nft::Kept<'_>) -> Result<String, Problem> {
    let end = |what: &str, at: usize| (format!("syntax error, unexpected {what}"), at);
    let Some(what) = words.get(1) else { return Err(end("newline", words.len())) };
    // `table ip kube-proxy`, the family being IPv4 if it is not said.
    let family = words.get(2).and_then(|word| family_named(word));
    let rest = if family.is_some() { 3 } else { 2 };
    let of_family = |table: &&NftTable| family.is_none_or(|family| table.family == family);
    let one = || {
        let name = words.get(rest).ok_or_else(|| end("newline, expecting string", words.len()))?;
        let family = family.unwrap_or(Family::V4);
        let found = tables.iter().find(|table| table.family == family && &*table.name == *name);
        found.ok_or_else(|| (ABSENT.to_owned(), rest))
    };
    let block = |kind: Kind| {
        let name = words.get(rest + 1).ok_or_else(|| end("newline, expecting string", words.len()))?;
        nft::list_one(one()?, kind, Some(name), kept).ok_or_else(|| (ABSENT.to_owned(), rest + 1))
    };
    let all = |kind: Kind| {
        let list = |table| nft::list_one(table, kind, None, kept);
        tables.iter().filter(of_family).filter_map(list).collect::<String>()
    };
    Ok(match *what {
        "ruleset" => nft::ruleset(tables.iter().filter(of_family), kept),
        "tables" => tables.iter().filter(of_family).map(|table| format!("{}\n", nft::name(table))).collect(),
        "table" => nft::list(one()?, kept),
        "chains" => tables.iter().filter(of_family).map(nft::list_chains).collect(),
        "sets" => all(Kind::Set),
        "maps" => all(Kind::Map),
        "chain" => block(Kind::Chain)?,
        "set" => block(Kind::Set)?,
        "map" => block(Kind::Map)?,
        _ => return Err(end("string", 1)),
    })
}

fn family_named(word: &str) -> Option<Family> {
    match word {
        "ip" => Some(Family::V4),
        "ip6" => Some(Family::V6),
        _ => None,
    }
}
