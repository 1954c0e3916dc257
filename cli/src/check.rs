//! `podhop check`: scenarios.

use crate::{Failure, args, usage};

pub fn run(parser: lexopt::Parser) -> Result<(), Failure> {
    let mut files = Vec::new();
    args::parse(parser, |name, value| match name {
        None => {
            files.push(value()?);
            Ok(())
        }
        Some(other) => usage(format!("podhop check has no option {other}")),
    })?;
    usage("scenarios cannot be run yet")
}
