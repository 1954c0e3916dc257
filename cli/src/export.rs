//! `podhop export netns`: the cluster as a shell script.

use crate::say;
use crate::{Failure, args, input, usage};

pub fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let mut what = None;
    let mut prefix = "podhop-".to_owned();
    let common = args::parse(parser, |name, value| match name {
        None => {
            what = Some(value()?);
            Ok(())
        }
        Some("--prefix") => {
            prefix = value()?;
            Ok(())
        }
        Some(other) => usage(format!("podhop export has no option {other}")),
    })?;
    match what.as_deref() {
        Some("netns") => {}
        Some(other) => return usage(format!("podhop export knows netns, not {other:?}")),
        None => return usage("what to export? podhop export netns -f PATH"),
    }
    let world = input::open(&common)?;
    if world.revision().network.cni.cilium().is_some() {
        return usage("a cluster with Cilium cannot be exported: its programs are not part of a script");
    }
    let (netns, segment) = podhop_engine::program::export::everything(world.revision());
    say(format_args!("{}", podhop_engine::program::export::script(&netns, &segment, &prefix)));
    Ok(())
}
