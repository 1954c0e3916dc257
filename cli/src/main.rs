//! `podhop`: the engine at a shell.

mod args;
mod check;
mod export;
mod help;
mod input;
mod probe;
mod reach;
mod sh;
mod trace;

use std::io::Write;
use std::process::ExitCode;

/// Why a command ends without having done what was asked.
pub enum Failure {
    /// The thing asked for failed; everything has been said. Exit status 1, or the inner command's own.
    Status(u8),
    /// Wrong usage or unreadable input: exit status 2.
    Usage(String),
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Failure {
        Failure::Usage(error.to_string())
    }
}

/// Wrong usage, in words.
pub fn usage<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(message.into()))
}

/// Prints. Whoever reads may have gone (`podhop trace … | head`): then there is nothing left to do.
pub fn say(text: std::fmt::Arguments<'_>) {
    said(std::io::stdout().write_fmt(text));
}

/// Ends the program if what was written could not be: quietly where the pipe's other end is closed, as the signal for it
/// would.
pub fn said(written: std::io::Result<()>) {
    if let Err(error) = written {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(CLOSED_PIPE);
        }
        eprintln!("error: standard output: {error}");
        std::process::exit(2);
    }
}

/// 128 + SIGPIPE
const CLOSED_PIPE: i32 = 141;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Status(status)) => ExitCode::from(status),
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut parser = lexopt::Parser::from_env();
    let command = match parser.next()? {
        Some(lexopt::Arg::Value(command)) => command.to_string_lossy().into_owned(),
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) | None => "help".to_owned(),
        Some(lexopt::Arg::Short('V') | lexopt::Arg::Long("version")) => "version".to_owned(),
        Some(other) => return Err(other.unexpected().into()),
    };
    match command.as_str() {
        "sh" => sh::run(parser),
        "trace" => trace::run(parser),
        "probe" => probe::run(parser),
        "check" => check::run(parser),
        "reach" => reach::run(parser),
        "export" => export::run(parser),
        "version" => {
            say(format_args!("podhop {}\n", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        "help" => {
            say(format_args!("{}", help::ALL));
            Ok(())
        }
        "gen" => usage(format!("podhop {command} does not exist yet; see podhop --help")),
        other => {
            usage(format!("unknown command {other:?}; one of sh, trace, reach, probe, check, export (podhop --help)"))
        }
    }
}
