//! Any bytes as a manifest: no panic, a bounded list of diagnostics, each printable with its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::manifest::{Diagnostics, Sources, parse, validate};

fuzz_target!(|bytes: &[u8]| {
    let mut diagnostics = Diagnostics::default();
    let mut sources = Sources::default();
    let source = sources.add_bytes("fuzz.yaml", bytes, &mut diagnostics);
    for document in parse(&source, &mut diagnostics) {
        validate(&document.root, &mut diagnostics);
    }
    diagnostics.render(&sources);
});
