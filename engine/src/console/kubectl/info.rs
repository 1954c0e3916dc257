//! `kubectl version`, `api-resources` and help.

use super::flags::{self, Flag, Parsed, Takes, flag};
use super::table::align;
use super::{COMMANDS, Command, Failure, resource};
use crate::cluster::Kind;

pub const VERSION_FLAGS: &[Flag] = &[flag("client", ' ', Takes::Bool), flag("output", 'o', Takes::Value)];

pub const API_RESOURCES_FLAGS: &[Flag] = &[
    flag("namespaced", ' ', Takes::Bool),
    flag("api-group", ' ', Takes::Value),
    flag("no-headers", ' ', Takes::Bool),
    flag("output", 'o', Takes::Value),
    flag("sort-by", ' ', Takes::Value),
];

/// Runs `kubectl version`.
pub fn version(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    if parsed.has("output") {
        return Err(Failure::error("podhop's kubectl prints its version as text only"));
    }
    command.io.out("Client Version: v1.34.0\nKustomize Version: v5.7.1\n");
    if !parsed.is("client") {
        command.io.out("Server Version: v1.34.0\n");
    }
    Ok(0)
}

/// Runs `kubectl api-resources`.
pub fn api_resources(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    let names_only = match parsed.value("output") {
        None | Some("wide") => false,
        Some("name") => true,
        Some(other) => return Err(Failure::error(&format!("--output {other} is not available"))),
    };
    let custom = resource::custom_kinds(command.revision());
    let mut kinds: Vec<Kind> = Kind::all()
        .chain(custom)
        .filter(|kind| parsed.value("namespaced").is_none_or(|value| (value == "true") == kind.namespaced))
        .filter(|kind| parsed.value("api-group").is_none_or(|group| group == kind.group))
        .collect();
    kinds.sort_by(|a, b| (&a.group, &a.plural).cmp(&(&b.group, &b.plural)));
    if names_only {
        for kind in &kinds {
            command.io.out(&format!("{}\n", resource::plural(kind)));
        }
        return Ok(0);
    }
    let texts = |words: [&str; 5]| words.map(str::to_string).to_vec();
    let mut lines = Vec::new();
    if !parsed.is("no-headers") {
        lines.push(texts(["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]));
    }
    for kind in &kinds {
        let short = resource::short_names(kind).join(",");
        let namespaced = if kind.namespaced { "true" } else { "false" };
        lines.push(texts([&kind.plural, &short, &resource::api_version(kind), namespaced, &kind.kind]));
    }
    command.io.out(&align(&lines));
    Ok(0)
}

/// `kubectl` by itself, `kubectl help`.
pub fn help(command: &mut Command<'_, '_>, _parsed: &Parsed) -> Result<i32, Failure> {
    let lines: String = COMMANDS.iter().map(|(name, ..)| format!("  {name:<15} {}\n", super::about(name))).collect();
    command.io.out(&format!(
        "kubectl controls the Kubernetes cluster manager.\n\nCommands that podhop has:\n{lines}\nUsage:\n  kubectl [flags] \
         [options]\n\nUse \"kubectl <command> --help\" for more information about a given command.\n"
    ));
    Ok(0)
}

/// `kubectl COMMAND --help`
pub fn usage(command: &mut Command<'_, '_>, name: &str, flags: &[Flag]) -> Result<i32, Failure> {
    let mut text = format!("Usage:\n  kubectl {name} [options]\n\nOptions:\n");
    for flag in flags {
        let short = if flag.short == ' ' { "    ".to_string() } else { format!("-{}, ", flag.short) };
        let line = format!("    {short}--{:<28} {}", flag.long, flags::about(flag.long));
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    command.io.out(&text);
    Ok(0)
}
