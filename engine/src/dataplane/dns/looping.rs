//! The `loop` plugin: a question that the process asks itself as it starts, and that must not come back again and again.
//! Models plugin/loop.

use super::serve::Question;
use super::state::DnsState;
use crate::dataplane::walk::Walk;
use crate::tables::dns::Plugin;

/// How often the question may pass: it is answered over two families at most.
const SEEN_MAX: u32 = 2;

/// A question that is being watched for.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    /// In lower case.
    name: String,
    seen_count: u32,
}

impl DnsState {
    /// From now on a question of type HINFO about this name (absolute, in lower case) is watched for, and no other.
    pub fn watch_for(&mut self, name: &str) {
        self.probe = Some(Probe { name: name.to_owned(), seen_count: 0 });
    }

    /// The words with which the process has ended, if it has found that it asks itself.
    pub fn looped(&mut self) -> Option<String> {
        self.looped.take()
    }
}

impl Walk<'_> {
    /// A question is about to be forwarded: true if it has come round once too often, which ends the process.
    pub(super) fn dns_loops(&mut self, question: &Question) -> bool {
        let Some(asked) = question.query.question() else { return false };
        let Some(probe) = self.state.dns.probe.as_mut().filter(|probe| asked.name.eq_ignore_ascii_case(&probe.name))
        else {
            return false;
        };
        let blocks = question.server.blocks.iter();
        let here = blocks.filter(|block| block.listens.iter().any(|listen| listen.port == question.client.local_port));
        let mut plugins = here.flat_map(|block| &block.plugins);
        let Some(zone) = plugins.find_map(|directive| match &directive.plugin {
            Plugin::Loop { zone } => Some(zone.clone()),
            _ => None,
        }) else {
            return false;
        };
        probe.seen_count += 1;
        if probe.seen_count <= SEEN_MAX {
            return false;
        }
        let client = std::net::SocketAddr::new(question.client.ip, question.client.port);
        let line = format!(
            "[FATAL] plugin/loop: Loop ({client} -> :{}) detected for zone {:?}, see \
             https://coredns.io/plugins/loop#troubleshooting. Query: \"HINFO {}\"",
            question.client.local_port, &*zone, probe.name
        );
        let now = self.now;
        self.state.dns.print(now, line.clone());
        (self.state.dns.looped, self.state.dns.probe) = (Some(line), None);
        // What is on its way ends with the process.
        self.state.dns.pending.clear();
        true
    }
}
