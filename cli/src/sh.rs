//! `podhop sh`: lines of the console.

use crate::{Failure, args, input};
use crate::{said, say};
use podhop_engine::console::shell::Stream;
use podhop_engine::console::terminal::{Ran, Terminal};
use std::io::{BufRead, IsTerminal, Write};

pub fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let mut command = None;
    let mut stdin = String::new();
    let common = args::parse(parser, |name, value| match name {
        Some("-c") => {
            command = Some(value()?);
            Ok(())
        }
        Some("-i") => {
            let path = value()?;
            stdin = std::fs::read_to_string(&path).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
            Ok(())
        }
        Some(other) => crate::usage(format!("podhop sh has no option {other}")),
        None => crate::usage(format!("podhop sh takes no argument {:?}; the command goes after -c", value()?)),
    })?;
    let mut world = input::open(&common)?;
    let mut terminal = Terminal::default();
    let status = match command {
        Some(command) => show(&terminal.run_script(&mut world, &command, &stdin)),
        None => {
            let prompts = std::io::stdin().is_terminal();
            let mut status = 0;
            prompt(&terminal, prompts);
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                status = show(&terminal.run(&mut world, &line));
                prompt(&terminal, prompts);
            }
            status
        }
    };
    if status == 0 { Ok(()) } else { Err(Failure::Status(status.clamp(1, 255) as u8)) }
}

fn prompt(terminal: &Terminal, wanted: bool) {
    if wanted {
        say(format_args!("{}", terminal.prompt()));
        said(std::io::stdout().flush());
    }
}

/// Prints what a line printed, to the stream it printed to, and returns its exit status.
fn show(ran: &Ran) -> i32 {
    for chunk in &ran.chunks {
        match chunk.stream {
            Stream::Out => {
                said(std::io::stdout().write_all(chunk.text.as_bytes()).and_then(|()| std::io::stdout().flush()));
            }
            // Where errors cannot be told, there is nobody to tell that to.
            Stream::Err => drop(std::io::stderr().write_all(chunk.text.as_bytes())),
        }
    }
    ran.status
}
