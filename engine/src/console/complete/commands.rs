//! Names of commands, by the place.

use super::lex::Word;
use super::{Found, Item, objects};
use crate::console::machine::{Context, Machine};
use crate::console::net;
use crate::console::shell::{self, Session};
use crate::console::text;
use crate::workload::Shell;

/// Programs that are in no table of tools: (name, what it does).
const OTHERS: [(&str, &str); 4] = [
    ("kubectl", "control the cluster"),
    ("ssh", "a shell on a node"),
    ("chroot", "a shell in the node's file system, from a debugging Pod"),
    ("clear", "an empty screen"),
];

/// Shells, where the image has them.
const SHELLS: [&str; 3] = ["sh", "ash", "bash"];

/// What a word of the shell itself does; empty where nothing needs saying.
fn builtin_about(name: &str) -> &'static str {
    match name {
        "cd" => "go to a folder",
        "help" => "what there is to type here",
        "exit" => "leave this shell",
        "export" => "put variables into the environment",
        "pwd" => "the present folder",
        "set" => "options of the shell",
        "type" => "what a command is",
        "echo" | "printf" => "print words",
        "read" => "read a line into variables",
        _ => "",
    }
}

/// Programs that podhop simulates in this place: (name, what each does).
pub fn programs(machine: &Machine<'_>) -> Vec<(&'static str, &'static str)> {
    let tools = net::TOOLS.iter().map(|tool| (tool.name, tool.about()));
    let utilities = text::UTILITIES.iter().map(|utility| (utility.name, utility.about));
    let shells = SHELLS.into_iter().map(|name| (name, "a shell"));
    let all = OTHERS.into_iter().chain(tools).chain(utilities).chain(shells);
    // jq is installed, and says what to use instead.
    all.filter(|(name, _)| net::has(machine, name) && *name != "jq").collect()
}

/// The command that is being typed. `in_shell`: it is a shell that will run it, with words of its own.
pub fn at(machine: &mut Machine<'_>, session: &Session, word: &Word, in_shell: bool) -> Found {
    if word.text.contains('/') {
        return objects::files(machine, session, word, 0, false);
    }
    let mut items: Vec<Item> = programs(machine).into_iter().map(|(name, about)| Item::new(name, about)).collect();
    if in_shell {
        let builtins = shell::BUILTINS.into_iter().chain(text::BUILTINS).filter(|name| name.len() > 1);
        let known: Vec<Item> = builtins
            .filter(|name| items.iter().all(|item| item.value != *name))
            .map(|name| Item::new(name, builtin_about(name)))
            .collect();
        items.extend(known);
        items.extend(session.functions().map(|name| Item::new(name, "a function of this shell")));
        // `bash` and `sh` are words of the shell, but nothing where the image has none.
        let shell = machine.toolbox().shell;
        items.retain(|item| match item.value.as_str() {
            "bash" => matches!(shell, Shell::Bash | Shell::AshBash),
            "sh" => shell != Shell::None,
            _ => true,
        });
        if machine.context == Context::Host && word.text == "k" {
            items.retain(|item| item.value == "kubectl");
        }
    }
    Found::of(items)
}
