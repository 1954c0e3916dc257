//! Utilities about programs: `env`, `printenv`, `which`, `xargs`.

use super::tool::{Tool, lines};
use crate::console::shell::run_shell;

/// `env [NAME=VALUE…] [PROGRAM ARGUMENTS…]`, `printenv [NAME…]`.
pub(super) fn env(tool: &mut Tool, words: &[String]) -> i32 {
    if tool.name == "printenv" && !words.is_empty() {
        let mut status = 0;
        for name in words {
            match tool.session.variable(name) {
                Some(value) => tool.io.out(&format!("{value}\n")),
                None => status = 1,
            }
        }
        return status;
    }
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let before = tool.session.variables.clone();
    if options.has('i') {
        tool.session.variables.clear();
    }
    options.values('u').for_each(|name| _ = tool.session.variables.remove(name));
    let mut words = options.words.as_slice();
    while let [first, rest @ ..] = words {
        let Some((name, value)) = first.split_once('=') else { break };
        tool.session.export(name, value);
        words = rest;
    }
    let status = match words {
        [] => {
            let exported = tool.session.variables.iter().filter(|(_, variable)| variable.exported);
            let text: String = exported.map(|(name, variable)| format!("{name}={}\n", variable.value)).collect();
            tool.io.out(&text);
            0
        }
        program => run(tool, program),
    };
    tool.session.variables = before;
    status
}

/// Runs a program; 127 with a message if there is none.
fn run(tool: &mut Tool, argv: &[String]) -> i32 {
    let program = argv[0].rsplit('/').next().unwrap_or_default();
    if program == "sh" || (program == "bash" && tool.is_gnu()) {
        return run_shell(argv, tool.host, tool.session, tool.io);
    }
    match tool.host.run(argv, tool.session, tool.io) {
        Some(status) => status,
        None => {
            let message = if tool.is_gnu() { format!("'{}'", argv[0]) } else { argv[0].clone() };
            tool.fail(&format!("{message}: No such file or directory"));
            127
        }
    }
}

/// `which NAME…`
pub(super) fn which(tool: &mut Tool, words: &[String]) -> i32 {
    let mut status = 0;
    for name in words.iter().filter(|word| !word.starts_with('-')) {
        match tool.host.find(name) {
            Some(path) => tool.io.out(&format!("{path}\n")),
            None => status = 1,
        }
    }
    status
}

/// `xargs [-n N] [-I X] [-r] [-t] PROGRAM ARGUMENTS…`
pub(super) fn xargs(tool: &mut Tool, words: &[String]) -> i32 {
    let options = match tool.options(words) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let text = tool.io.read_all();
    let program = if options.words.is_empty() { vec!["echo".to_string()] } else { options.words.clone() };
    let mut commands: Vec<Vec<String>> = Vec::new();
    if let Some(mark) = options.value('I') {
        for line in lines(&text).map(str::trim).filter(|line| !line.is_empty()) {
            commands.push(program.iter().map(|word| word.replace(mark, line)).collect());
        }
    } else {
        let most = match options.value('n').or(options.value('L')).map(|value| tool.number(value)) {
            Some(Err(status)) => return status,
            Some(Ok(number)) => number.max(1),
            None => 5000,
        };
        let items = items(&text, options.has('0'));
        commands.extend(items.chunks(most).map(|items| [program.as_slice(), items].concat()));
        if commands.is_empty() && !options.has('r') {
            commands.push(program);
        }
    }
    let mut status = 0;
    for command in &commands {
        if options.has('t') {
            tool.io.err(&format!("{}\n", command.join(" ")));
        }
        if !tool.io.spend(1000 + command.iter().map(String::len).sum::<usize>()) {
            return 1;
        }
        match run(tool, command) {
            0 => {}
            code @ (126 | 127) => return code,
            _ => status = 123,
        }
    }
    status
}

/// Words of the input: blanks separate, quotes and backslashes protect.
fn items(text: &str, by_zero: bool) -> Vec<String> {
    if by_zero {
        return text.split_terminator('\0').map(str::to_string).collect();
    }
    let mut items = Vec::new();
    let mut item: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), c) => item.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                item.get_or_insert_default();
            }
            (None, '\\') => item.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_ascii_whitespace() => items.extend(item.take()),
            (None, c) => item.get_or_insert_default().push(c),
        }
    }
    items.extend(item);
    items
}
