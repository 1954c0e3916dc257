//! podhop's builder: `cargo xtask serve` shows the page, `cargo xtask test` runs every check.
//!
//! Both install what is missing and reuse what is there, say what they do while they do it, and need nothing but Rust
//! (with rustup) and Node. `cargo xtask help` lists the rest.

// Steps are timed for the person who waits; nothing here is part of the simulation.
#![allow(clippy::disallowed_types)]

mod args;
mod bench;
mod command;
mod dist;
mod fuzz;
mod server;
mod setup;
mod size;
mod steps;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::args::Args;
use crate::steps::{Step, Steps};

const HELP: &str = "\
cargo xtask COMMAND

  serve [--port N] [--open] [--no-build]   build the site and serve it on http://127.0.0.1:8080/
  test [--only STEP]… [--list]             run every check, or only the steps whose names begin with STEP
  dist                                     write the static site to dist/
  pictures                                 what the browser tests compare the page with, anew from dist/
  size                                     bytes that Chromium receives, against the budget in xtask/budgets.toml
  bench [ARGS]                             the speed budgets, native and in Chromium
  referee [--clusters N] [--seed S] [--mutate] [--cni calico] [--proxy iptables|nftables]
                                           compare the simulation with the Linux kernel (root, network namespaces)
  fuzz [--seconds N] [TARGET]…             fuzz every input, N seconds a target (nightly toolchain)
  setup                                    install what the other commands need, and stop
";

fn main() -> ExitCode {
    let mut args = Args::from_env();
    match run(&mut args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs one command; `false` when it ran but something it checked failed.
fn run(args: &mut Args) -> Result<bool> {
    let command = args.word().unwrap_or_else(|| "help".to_string());
    std::env::set_current_dir(command::root())?;
    match command.as_str() {
        "serve" => serve(args),
        "test" => test::run(args),
        "dist" => {
            args.finish()?;
            Ok(build_site())
        }
        "size" => {
            args.finish()?;
            let mut steps = Steps::new(2);
            steps.run("setup", setup::browser);
            steps.run("size", size::check);
            Ok(steps.finish())
        }
        "pictures" => {
            args.finish()?;
            let mut steps = Steps::new(2);
            steps.run("setup", setup::browser);
            steps.run("pictures", test::browser::pictures);
            Ok(steps.finish())
        }
        "bench" => bench::run(&args.rest()),
        "referee" => test::referee::pass_through(&args.rest()),
        "fuzz" => fuzz::run(args),
        "setup" => {
            args.finish()?;
            let mut steps = Steps::new(2);
            steps.run("build tools", setup::build);
            steps.run("browser", setup::browser);
            Ok(steps.finish())
        }
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(true)
        }
        other => bail!("no command `{other}`\n\n{HELP}"),
    }
}

/// The site in dist/; stops at the first step that fails.
fn build_site() -> bool {
    let mut steps = Steps::new(3);
    let all: [(&str, Step); 3] = [("setup", setup::build), ("build", dist::build), ("compress", dist::compress)];
    for (name, step) in all {
        steps.run(name, step);
        if steps.failed() {
            break;
        }
    }
    steps.finish()
}

fn serve(args: &mut Args) -> Result<bool> {
    let port: u16 = args.number("--port")?.unwrap_or(8080);
    let (open, no_build) = (args.flag("--open"), args.flag("--no-build"));
    args.finish()?;
    if !no_build && !build_site() {
        return Ok(false);
    }
    let site = server::Site::start(&command::root().join("dist"), port, server::Kind::Brotli)?;
    println!("podhop is at {} (Ctrl-C stops it)", site.url());
    if open {
        server::open_in_browser(&site.url());
    }
    site.wait();
    Ok(true)
}
