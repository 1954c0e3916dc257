//! The options that all commands share.

use crate::{Failure, say, usage};
use lexopt::{Arg, Parser, ValueExt};
use podhop_engine::cluster::{CniName, Options, ProxyMode};
use podhop_engine::control::NODES_MAX;

/// Where the manifests are, and what overrides them.
#[derive(Clone, Debug, Default)]
pub struct Common {
    pub paths: Vec<String>,
    pub options: Options,
}

impl Common {
    /// Takes an option of the shared ones; false if it is another.
    pub fn take(
        &mut self,
        arg: &Arg<'_>,
        parser: &mut dyn FnMut() -> Result<String, lexopt::Error>,
    ) -> Result<bool, Failure> {
        match arg {
            Arg::Short('f') | Arg::Long("filename") => self.paths.push(parser()?),
            Arg::Long("seed") => self.options.seed = number(&parser()?, "--seed")?,
            Arg::Long("nodes") => {
                let count: u32 = number(&parser()?, "--nodes")?;
                if count as usize >= NODES_MAX {
                    return usage(format!("--nodes {count}: at most {} workers are simulated", NODES_MAX - 1));
                }
                self.options.workers_count = Some(count);
            }
            Arg::Long("cni") => self.options.cni = Some(parser()?.parse::<CniName>().map_err(Failure::Usage)?),
            Arg::Long("proxy") => self.options.proxy = Some(parser()?.parse::<ProxyMode>().map_err(Failure::Usage)?),
            Arg::Long("mesh") => match parser()?.as_str() {
                "none" => {}
                mesh @ ("istio" | "istio-ambient" | "linkerd") => {
                    return usage(format!("the mesh {mesh} is not simulated yet"));
                }
                mesh => return usage(format!("unknown mesh {mesh:?}; none is simulated so far")),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Hands every option of a command line to `own`, the shared ones excepted. `own` gets the option's name (`-c`,
/// `--from`) or `None` for a plain argument, and a way to fetch the option's value.
pub fn parse(
    mut parser: Parser,
    mut own: impl FnMut(Option<&str>, &mut dyn FnMut() -> Result<String, Failure>) -> Result<(), Failure>,
) -> Result<Common, Failure> {
    let mut common = Common::default();
    while let Some(arg) = parser.next()? {
        let name = match &arg {
            Arg::Short(c) => Some(format!("-{c}")),
            Arg::Long(name) => Some(format!("--{name}")),
            Arg::Value(_) => None,
        };
        if let Arg::Value(value) = arg {
            let value = value.string()?;
            own(None, &mut || Ok(value.clone()))?;
            continue;
        }
        let name = name.unwrap_or_default();
        if name == "-h" || name == "--help" {
            say(format_args!("{}", crate::help::ALL));
            return Err(Failure::Status(0));
        }
        let owned = match name.strip_prefix("--") {
            Some(long) => Arg::Long(long),
            None => Arg::Short(name.chars().nth(1).unwrap_or('-')),
        };
        let taken = common.take(&owned, &mut || parser.value()?.string())?;
        if !taken {
            own(Some(&name), &mut || Ok(parser.value()?.string()?))?;
        }
    }
    Ok(common)
}

/// A number, or what is wrong with it.
pub fn number<T: std::str::FromStr>(text: &str, option: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| Failure::Usage(format!("{option} takes a number, not {text:?}")))
}
