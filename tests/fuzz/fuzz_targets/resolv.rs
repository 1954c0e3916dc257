//! A name on the first line and a resolv.conf below it: whatever they say, both C libraries try names that can be asked for,
//! and a lookup in a running cluster ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::cluster::Options;
use podhop_engine::dataplane::resolver::{Families, Library, Lookup, Resolving, candidates};
use podhop_engine::net::dns::{ResolvConf, name};
use podhop_engine::world::{Limit, World};
use std::cell::Cell;

thread_local! {
    /// To make a cluster takes much longer than a lookup in it.
    static WORLD: Cell<Option<World>> = const { Cell::new(None) };
}

fuzz_target!(|text: &str| {
    let (host, conf) = text.split_once('\n').unwrap_or((text, ""));
    let conf = ResolvConf::parse(conf);
    assert!(!conf.servers.is_empty() && conf.servers.len() <= 3 && conf.ndots <= 15);
    for library in [Library::Glibc, Library::Musl] {
        if name::is_valid(host) {
            let names = candidates(host, &conf, library);
            assert!(!names.is_empty() && names.iter().all(|name| name::is_valid(name)), "{names:?}");
        }
        let mut world = WORLD.take().unwrap_or_else(|| World::new(Options::default()));
        world.restart();
        let node = world.revision().nodes["worker-1"].netns;
        let end = |io: &mut podhop_engine::dataplane::Io<'_, '_>, found: Result<_, _>| {
            io.exit(i32::from(found.is_err()));
            None
        };
        let lookup = Lookup::new(host, conf.clone(), library, Families::Any);
        let resolving = Resolving::new(lookup, Box::new(end));
        let finished = world.run(node, ("getent".to_owned(), None), Box::new(resolving), Limit::default());
        assert!(!finished.interrupted, "the lookup has no end");
        WORLD.set(Some(world));
    }
});
