//! A name on the first line and a resolv.conf below it: whatever they say, both C libraries try names that can be asked for,
//! and a lookup in a running cluster ends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use podhop_engine::cluster::Options;
use podhop_engine::dataplane::resolver::{Families, Library, Lookup, Resolving, candidates};
use podhop_engine::net::dns::{ResolvConf, name};
use podhop_engine::world::{Limit, World};

fuzz_target!(|text: &str| {
    let (host, conf) = text.split_once('\n').unwrap_or((text, ""));
    let conf = ResolvConf::parse(conf);
    assert!(!conf.servers.is_empty() && conf.servers.len() <= 3 && conf.ndots <= 15);
    for library in [Library::Glibc, Library::Musl] {
        if name::is_valid(host) {
            let names = candidates(host, &conf, library);
            assert!(!names.is_empty() && names.iter().all(|name| name::is_valid(name)), "{names:?}");
        }
        let mut world = World::new(Options::default());
        let node = world.revision().nodes["worker-1"].netns;
        let end = |io: &mut podhop_engine::dataplane::Io<'_, '_>, found: Result<_, _>| {
            io.exit(i32::from(found.is_err()));
            None
        };
        let lookup = Lookup::new(host, conf.clone(), library, Families::Any);
        let resolving = Resolving::new(lookup, Box::new(end));
        let finished = world.run(node, ("getent".to_owned(), None), Box::new(resolving), Limit::default());
        assert!(!finished.interrupted, "the lookup has no end");
    }
});
