//! The words of every program but kubectl.

use super::lex::Word;
use super::{Found, Item, commands, nested, objects};
use crate::console::machine::{Context, Machine};
use crate::console::net::{self, Operands, Spec};
use crate::console::shell::Session;
use crate::console::terminal::session_of;
use crate::console::text;
use crate::tables::text::sysctl;

/// What may follow `name` and these words of its own.
pub fn argument(machine: &mut Machine<'_>, session: &Session, name: &str, words: &[String], word: &Word) -> Found {
    match name {
        "ip" if net::has(machine, name) => return ip(machine, words, word),
        "bridge" if net::has(machine, name) => return bridge(machine, words),
        "ssh" if net::has(machine, name) => return ssh(machine, words, word),
        "cd" => return objects::files(machine, session, word, 0, true),
        "export" | "unset" | "local" | "read" => return variables(session, word),
        "type" | "which" | "command" if words.iter().all(|word| word.starts_with('-')) => {
            return commands::at(machine, session, word, name != "which");
        }
        "exec" | "env" | "xargs" | "command" => {
            let own = words.iter().take_while(|word| word.starts_with('-') || word.contains('=')).count();
            if own == words.len() && word.text.starts_with('-') {
                return options(machine, session, name, words, word);
            }
            return nested(machine, session, &words[own..], word);
        }
        _ => {}
    }
    options(machine, session, name, words, word)
}

/// Options by the tool's table, then its operands.
fn options(machine: &mut Machine<'_>, session: &Session, name: &str, words: &[String], word: &Word) -> Found {
    let tool = net::tool(name).filter(|_| net::has(machine, name));
    let utility = text::utility(name).filter(|_| net::has(machine, name));
    let spec = match (tool, utility) {
        (Some(tool), _) => (tool.options)(machine),
        (None, Some(utility)) => Spec::short(utility.letters),
        (None, None) => Spec::short(""),
    };
    let abouts = tool.map_or(&[][..], net::Tool::letters);
    let ended = words.iter().any(|word| word == "--");
    if word.text.starts_with('-') && !ended {
        return Found::of(option_items(spec, abouts));
    }
    let waiting = words.last().and_then(|last| last.strip_prefix('-')).and_then(|letters| letters.chars().next_back());
    if let Some(letter) = waiting.filter(|letter| !ended && spec.letters().any(|(own, value)| own == *letter && value))
    {
        return match (name, letter) {
            ("ping", 'I') => Found::of(objects::devices(machine)),
            ("ping", 'M') => Found::of(["do", "dont", "want"].map(|word| Item::new(word, "")).into()),
            (_, 'f') if utility.is_some() => objects::files(machine, session, word, 0, false),
            _ => Found::default(),
        };
    }
    match tool.map(|tool| tool.operands) {
        Some(Operands::Hosts) => {
            let given = words.iter().filter(|word| !word.starts_with('-'));
            let items = objects::hosts(machine);
            // A port follows an address.
            let named = given.into_iter().any(|word| items.iter().any(|item| item.value == *word));
            Found::of(if named { Vec::new() } else { items })
        }
        Some(Operands::Settings) => {
            let netns = machine.netns();
            let value = |name: &str| netns.as_ref().and_then(|netns| sysctl::row(netns, name)).unwrap_or_default();
            let about =
                |name: &str| value(name).split_once(" = ").map(|(_, value)| value.to_owned()).unwrap_or_default();
            Found::of(sysctl::NAMES.iter().map(|name| Item::new(*name, about(name))).collect())
        }
        Some(Operands::Nothing | Operands::Grammar) => Found::default(),
        Some(Operands::Files) | None => objects::files(machine, session, word, 0, false),
    }
}

fn option_items(spec: Spec, abouts: &[(char, &str)]) -> Vec<Item> {
    let about = |letter: char| abouts.iter().find(|(own, _)| *own == letter).map_or("", |(_, about)| *about);
    let short = spec.letters().map(|(letter, _)| Item::new(format!("-{letter}"), about(letter)));
    let takes = |letter: char| spec.letters().any(|(own, value)| own == letter && value);
    let long = spec.long.iter().map(|(name, letter)| match takes(*letter) {
        true => Item::open(format!("--{name}="), about(*letter)),
        false => Item::new(format!("--{name}"), about(*letter)),
    });
    short.chain(long).collect()
}

/// `ip [OPTIONS] OBJECT COMMAND …`
fn ip(machine: &mut Machine<'_>, words: &[String], word: &Word) -> Found {
    let own = words.iter().take_while(|word| word.starts_with('-')).count();
    let grammar = net::ip_grammar(machine);
    let rest = &words[own..];
    if rest.is_empty() {
        if word.text.starts_with('-') {
            let options = [
                ("-4", "IPv4"),
                ("-6", "IPv6"),
                ("-br", "in columns"),
                ("-d", "with details"),
                ("-j", "as JSON"),
                ("-o", "each on one line"),
            ];
            let busybox = !net::has(machine, "bridge");
            let has = |name: &str| !busybox || matches!(name, "-4" | "-6" | "-o");
            return Found::of(
                options.into_iter().filter(|(name, _)| has(name)).map(|(n, a)| Item::new(n, a)).collect(),
            );
        }
        return Found::of(grammar.into_iter().map(|(object, _)| Item::new(object, "")).collect());
    }
    let Some((object, commands)) = grammar.into_iter().find(|(object, _)| object.starts_with(rest[0].as_str())) else {
        return Found::default();
    };
    let last = rest.last().map_or("", String::as_str);
    if matches!(last, "dev" | "master" | "oif" | "iif") {
        return Found::of(objects::devices(machine));
    }
    if rest.len() == 1 {
        let mut items: Vec<Item> = commands.into_iter().map(|command| Item::new(command, "")).collect();
        if object == "netns" || object == "rule" {
            items.retain(|item| item.value == "show");
        }
        return Found::of(items);
    }
    match rest[1].as_str() {
        "get" | "via" if rest.len() == 2 => {
            Found::of(objects::hosts(machine).into_iter().filter(|item| item.value.contains(['.', ':'])).collect())
        }
        "show" | "list" if rest.len() == 2 => {
            let mut items = if object == "route" { Vec::new() } else { objects::devices(machine) };
            items.push(Item::new("dev", "a device's only"));
            if object == "route" {
                items.push(Item::new("table", "another table than main"));
            }
            Found::of(items)
        }
        _ if last == "table" => Found::of(["main", "local", "all"].map(|word| Item::new(word, "")).into()),
        _ if last == "via" => {
            Found::of(objects::hosts(machine).into_iter().filter(|item| item.value.contains(['.', ':'])).collect())
        }
        "set" if object == "link" && rest.len() == 2 => Found::of(objects::devices(machine)),
        "set" if object == "link" => {
            Found::of(["up", "down", "mtu", "address", "master"].map(|word| Item::new(word, "")).into())
        }
        _ => Found::of(["dev", "via"].map(|word| Item::new(word, "")).into()),
    }
}

/// `bridge [OPTIONS] fdb|link [show] [dev|br NAME]`
fn bridge(machine: &mut Machine<'_>, words: &[String]) -> Found {
    let rest: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let words = |words: &[&str]| Found::of(words.iter().map(|word| Item::new(*word, "")).collect());
    match rest.as_slice() {
        [] => words(&["fdb", "link"]),
        [.., last] if matches!(last.as_str(), "dev" | "br" | "brport") => Found::of(objects::devices(machine)),
        [_] => words(&["show", "dev"]),
        _ => words(&["dev", "br"]),
    }
}

/// `ssh NODE [COMMAND…]`
fn ssh(machine: &mut Machine<'_>, words: &[String], word: &Word) -> Found {
    let own = words.iter().take_while(|word| word.starts_with('-')).count();
    let Some(target) = words.get(own) else {
        let from = word.text.find('@').map_or(0, |at| word.text[..=at].chars().count());
        return Found::at(from, objects::nodes(machine));
    };
    let host = target.rsplit_once('@').map_or(target.as_str(), |(_, host)| host);
    let revision = machine.world.revision();
    let node = revision.nodes.values().find(|node| *node.name == *host || node.ips().any(|ip| ip.to_string() == *host));
    let Some(name) = node.map(|node| node.name.clone()) else { return Found::default() };
    let context = Context::Node { name };
    let mut there = machine.at(context.clone());
    let session = session_of(&context, there.toolbox().shell);
    nested(&mut there, &session, &words[own + 1..], word)
}

fn variables(session: &Session, word: &Word) -> Found {
    if word.text.contains('=') {
        return Found::default();
    }
    let item = |(name, variable): (&String, &crate::console::shell::Variable)| {
        Item::new(name.as_str(), variable.value.chars().take(60).collect::<String>())
    };
    Found::of(session.variables.iter().map(item).collect())
}
