//! What CoreDNS's plugin `loop` does as a process starts: it asks itself a question that nobody else asks, and ends if the
//! question comes round again. Models plugin/loop/setup.go.

use super::World;
use super::runtime::Limit;
use crate::cluster::{FailingContainer, LoadedConfig, ObjectKey, PodKey, PodRecord, Provenance, Revision, identity};
use crate::control::coredns;
use crate::net::dns::{PORT, Question, Type};
use crate::tables::NetnsId;
use crate::tables::dns::Plugin;
use crate::trace::Nanos;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Long enough for a question to come round.
const PATIENCE: Nanos = 100_000_000;

/// By Pod: its namespace, and what it had read.
pub(super) type Watched = BTreeMap<PodKey, (NetnsId, LoadedConfig)>;

impl World {
    /// CoreDNS Pods that have read another Corefile than the cluster's own find out whether they ask themselves.
    pub(super) fn watch_for_loops(&mut self) {
        let due: Vec<Arc<PodRecord>> = due(self.tables.revision(), &self.watched);
        for pod in due {
            let (Some(netns), Some(loaded)) = (pod.netns, pod.corefile.clone()) else { continue };
            self.watched.insert(pod.key.clone(), (netns, loaded));
            if let Some(line) = self.ask_itself(&pod, netns)
                && let Some(index) = coredns::container(&pod)
            {
                // It is started again, and ends in the same way: that log is the one that is read.
                let now = self.runtime.now();
                let log = self.runtime.state_mut(netns).dns_mut();
                log.clear_log();
                log.print(now, line.clone());
                let failing = FailingContainer { index: index as u32, exit_status: 1, message: line.into() };
                self.change(|cluster, now| cluster.crash(&pod.key, failing, now));
            }
        }
    }

    /// One question to each server with the plugin. The words of the end, if it comes round.
    fn ask_itself(&mut self, pod: &PodRecord, netns: NetnsId) -> Option<String> {
        let setup = coredns::read(self.tables.revision(), pod, pod.corefile.as_ref()).ok()?;
        for block in &setup.blocks {
            let zone = block.plugins.iter().find_map(|directive| match &directive.plugin {
                Plugin::Loop { zone } => Some(zone.clone()),
                _ => None,
            });
            let (Some(zone), Some(PORT)) = (zone, block.listens.first().map(|listen| listen.port)) else { continue };
            let seed = self.tables.revision().seed;
            let number = |turn: &str| identity::bits(seed, &["loop", &pod.uid.to_string(), &zone, turn]) >> 1;
            let name = format!("{}.{}.{}", number("0"), number("1"), zone.trim_start_matches('.'));
            self.runtime.state_mut(netns).dns_mut().watch_for(&name);
            let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
            self.ask_for(netns, own, Question::new(name, Type(13)), Limit { duration: PATIENCE });
            if let Some(line) = self.runtime.state_mut(netns).dns_mut().looped() {
                return Some(line);
            }
        }
        None
    }
}

/// Pods of kube-system whose Corefile somebody has written and that have not asked yet.
fn due(revision: &Revision, watched: &Watched) -> Vec<Arc<PodRecord>> {
    let first = PodKey::new("kube-system", "");
    let pods = revision.pods.range(first..).take_while(|(key, _)| &*key.namespace == "kube-system");
    let due = pods.filter(|(key, pod)| {
        let Some(loaded) = &pod.corefile else { return false };
        let is_new = watched
            .get(*key)
            .is_none_or(|(netns, known)| pod.netns != Some(*netns) || !Arc::ptr_eq(&known.config, &loaded.config));
        is_new && is_written(revision, loaded)
    });
    due.map(|(_, pod)| pod.clone()).collect()
}

/// Whether a ConfigMap is not the cluster's own, whose Corefile asks nobody but the nodes' resolvers.
fn is_written(revision: &Revision, loaded: &LoadedConfig) -> bool {
    let object = revision.objects.get(&ObjectKey::new("ConfigMap", "kube-system", "coredns"));
    object.is_some_and(|object| object.uid == loaded.uid && object.provenance != Provenance::Builtin)
}
