//! `kubectl run`. Models k8s.io/kubectl pkg/cmd/run.

use super::flags::{Flag, Parsed, Takes, flag};
use super::{Command, Failure};
use crate::cluster::{ObjectKey, Outcome, PodKey};
use std::fmt::Write;

pub const FLAGS: &[Flag] = &[
    flag("image", ' ', Takes::Value),
    flag("rm", ' ', Takes::Bool),
    flag("stdin", 'i', Takes::Bool),
    flag("tty", 't', Takes::Bool),
    flag("restart", ' ', Takes::Value),
    flag("port", ' ', Takes::Value),
    flag("expose", ' ', Takes::Bool),
    flag("labels", 'l', Takes::Value),
    flag("env", ' ', Takes::Value),
    flag("command", ' ', Takes::Bool),
    flag("attach", ' ', Takes::Bool),
    flag("quiet", 'q', Takes::Bool),
    flag("image-pull-policy", ' ', Takes::Value),
    flag("overrides", ' ', Takes::Value),
    flag("dry-run", ' ', Takes::Optional("unchanged")),
    flag("output", 'o', Takes::Value),
];

/// Runs `kubectl run NAME --image=IMAGE`.
pub fn run(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    for unknown in ["overrides", "dry-run", "expose"] {
        if parsed.has(unknown) {
            return Err(Failure::error(&format!("podhop's kubectl run has no --{unknown}")));
        }
    }
    let before_dash = parsed.dash.unwrap_or(parsed.arguments.len());
    let Some(name) = parsed.arguments.first().filter(|_| before_dash > 0) else {
        return Err(Failure::error("NAME is required for run"));
    };
    let Some(image) = parsed.value("image") else {
        return Err(Failure::Text("error: required flag(s) \"image\" not set\n".into()));
    };
    let attached = parsed.is("stdin") || parsed.is("attach");
    if parsed.is("tty") && !parsed.is("stdin") {
        return Err(Failure::error("-i/--stdin is required for containers with -t/--tty=true"));
    }
    if parsed.is("rm") && !attached {
        return Err(Failure::error("--rm should only be used for attached containers"));
    }
    let restart = parsed.value("restart").unwrap_or("Always");
    if !["Always", "OnFailure", "Never"].contains(&restart) {
        return Err(Failure::error(&format!(
            "invalid restart policy: {restart}\nSee 'kubectl run -h' for help and examples"
        )));
    }
    let namespace = command.namespace(parsed);
    let key = PodKey::new(&namespace, name);
    if command.revision().object(&ObjectKey::pod(&key)).is_some() {
        return Err(Failure::Text(format!("Error from server (AlreadyExists): pods \"{name}\" already exists\n")));
    }
    let argv: Vec<String> = parsed.arguments[1..].to_vec();
    let text = manifest(parsed, &key, image, restart, &argv)?;
    let applied = command.machine.world.apply_text(&format!("kubectl run {name}"), &text);
    command.machine.effects.changed = true;
    for (_, outcome) in &applied.objects {
        if let Outcome::Refused(reason, message) = outcome {
            return Err(Failure::Text(format!("Error from server ({reason}): {message}\n")));
        }
    }
    let Some(pod) = command.revision().pods.get(&key).cloned() else {
        let first = applied.diagnostics.iter().next().map_or("", |found| &found.message);
        return Err(Failure::Text(format!("The Pod \"{name}\" is invalid: {first}\n")));
    };
    if !attached {
        command.io.out(&format!("pod/{name} created\n"));
        return Ok(0);
    }
    if parsed.is("tty") && !parsed.is("quiet") {
        command.io.err("If you don't see a command prompt, try pressing enter.\n");
    }
    let argv = if argv.is_empty() { vec!["sh".to_owned()] } else { argv };
    let ran = command.run_in(&pod, 0, &argv, parsed);
    if command.machine.effects.entered.is_some() {
        command.machine.effects.removed_when_left = parsed.is("rm");
        return ran;
    }
    if parsed.is("rm") {
        command.machine.world.delete(&[ObjectKey::pod(&key)]);
        if !parsed.is("quiet") {
            command.io.out(&format!("pod \"{name}\" deleted from {namespace} namespace\n"));
        }
    } else if restart == "Never" {
        command.machine.world.end_pod(&key, matches!(ran, Ok(0)));
    }
    let status = ran?;
    if status != 0 && parsed.is("rm") {
        command.io.err(&format!("pod {namespace}/{name} terminated (Error)\n"));
    }
    Ok(status)
}

fn manifest(parsed: &Parsed, key: &PodKey, image: &str, restart: &str, argv: &[String]) -> Result<String, Failure> {
    let quote = |text: &str| format!("{text:?}");
    let name = quote(&key.name);
    let mut text =
        format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: {}\n", quote(&key.namespace));
    text.push_str("  labels:\n");
    match parsed.value("labels") {
        Some(labels) => {
            for pair in labels.split(',') {
                let (key, value) =
                    pair.split_once('=').ok_or_else(|| Failure::error(&format!("unexpected label spec: {pair}")))?;
                let _ = writeln!(text, "    {}: {}", quote(key), quote(value));
            }
        }
        None => text.push_str(&format!("    run: {name}\n")),
    }
    let _ = writeln!(
        text,
        "spec:\n  restartPolicy: {restart}\n  containers:\n  - name: {name}\n    image: {}",
        quote(image)
    );
    if !argv.is_empty() {
        let field = if parsed.is("command") { "command" } else { "args" };
        let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
        let _ = writeln!(text, "    {field}: [{}]", words.join(", "));
    }
    if parsed.is("stdin") {
        let _ = writeln!(text, "    stdin: true\n    stdinOnce: true\n    tty: {}", parsed.is("tty"));
    }
    if let Some(port) = parsed.value("port") {
        let number = port.parse::<u16>().map_err(|_| Failure::error(&format!("invalid port: {port:?}")))?;
        let _ = writeln!(text, "    ports:\n    - containerPort: {number}");
    }
    let variables = parsed.values("env");
    if !variables.is_empty() {
        text.push_str("    env:\n");
    }
    for variable in variables {
        let (name, value) =
            variable.split_once('=').ok_or_else(|| Failure::error(&format!("invalid env: {variable}")))?;
        let _ = writeln!(text, "    - name: {}\n      value: {}", quote(name), quote(value));
    }
    Ok(text)
}
