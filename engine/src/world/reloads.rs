//! What CoreDNS's processes print as they take up another Corefile, or refuse it. Models plugin/reload/reload.go and
//! github.com/coredns/caddy caddy.go Restart.

use super::World;
use crate::cluster::{LoadedConfig, PodKey, PodRecord, Revision};
use crate::control::coredns;
use crate::tables::NetnsId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Processes by their Pods.
pub(super) type Running = BTreeMap<PodKey, Process>;

/// One that runs.
pub(super) struct Process {
    netns: NetnsId,
    started_with: LoadedConfig,
    runs_with: LoadedConfig,
    /// What it has seen since and has not taken up.
    left: Option<LoadedConfig>,
}

impl World {
    /// What a CoreDNS process read as it started.
    pub fn started_with(&self, pod: &PodKey) -> Option<&LoadedConfig> {
        self.running.get(pod).map(|process| &process.started_with)
    }

    /// Writes into the logs what the last change of the cluster means to CoreDNS's processes.
    pub(super) fn note_reloads(&mut self) {
        let revision = self.tables.revision();
        self.running.retain(|key, process| {
            let pod = revision.pods.get(key);
            pod.is_some_and(|pod| pod.corefile.is_some() && pod.netns == Some(process.netns))
        });
        for (pod, netns, loaded) in coredns_pods(revision) {
            match self.running.get(&pod.key) {
                None => self.note_start(&pod, netns, loaded),
                Some(process) if !is_same(&process.runs_with, &loaded) => self.note_reload(&pod, netns, loaded),
                Some(_) => {}
            }
            self.note_refusal(&pod, netns);
        }
    }

    fn note_start(&mut self, pod: &PodRecord, netns: NetnsId, loaded: LoadedConfig) {
        // The log is that of the container that runs.
        if self.runtime.state(netns).is_some() {
            self.runtime.state_mut(netns).dns_mut().clear_log();
        }
        let process = Process { netns, started_with: loaded.clone(), runs_with: loaded, left: None };
        self.running.insert(pod.key.clone(), process);
    }

    fn note_reload(&mut self, pod: &PodRecord, netns: NetnsId, loaded: LoadedConfig) {
        let Some(process) = self.running.get_mut(&pod.key) else { return };
        let before = std::mem::replace(&mut process.runs_with, loaded.clone());
        let (old, new) = (coredns::words(pod, &before), coredns::words(pod, &loaded));
        // Comments, and other keys of the ConfigMap, do not count.
        if old == new {
            return;
        }
        let revision = self.tables.revision();
        let known = coredns::read(revision, pod, Some(&before)).map(|setup| setup.zones()).unwrap_or_default();
        let zones = coredns::read(revision, pod, Some(&loaded)).map(|setup| setup.zones()).unwrap_or_default();
        let is_new = |(_, port): &&(String, u16)| !known.iter().any(|(_, known)| known == port);
        let zones = zones.iter().filter(is_new).map(|(zone, port)| format!("{zone}:{port}"));
        let sum = new.ok().map(|words| coredns::sum_line(&words));
        let lines = ["[INFO] Reloading".to_owned()].into_iter().chain(zones).chain(sum);
        let lines: Vec<String> = lines.chain(["[INFO] Reloading complete".to_owned()]).collect();
        self.print(netns, lines);
    }

    /// A Corefile that is there and that the process does not run with.
    fn note_refusal(&mut self, pod: &PodRecord, netns: NetnsId) {
        let revision = self.tables.revision();
        let Some(process) = self.running.get_mut(&pod.key) else { return };
        let present = coredns::config_map(revision, pod).filter(|present| !is_same(present, &process.runs_with));
        let before = std::mem::replace(&mut process.left, present.clone());
        let Some(present) = present.filter(|present| !before.is_some_and(|before| is_same(&before, present))) else {
            return;
        };
        if !coredns::read(revision, pod, Some(&process.runs_with)).is_ok_and(|setup| setup.reloads) {
            return;
        }
        let lines = match (coredns::words(pod, &present), coredns::read(revision, pod, Some(&present))) {
            (Err(problem), _) => vec![format!("[WARNING] plugin/reload: Corefile parse failed: {}", problem.message)],
            (Ok(_), Err(problem)) => {
                let why = format!("starting with listener file descriptors: {}", problem.message);
                vec![
                    "[INFO] Reloading".to_owned(),
                    format!("[ERROR] Restart failed: {why}"),
                    format!("[ERROR] plugin/reload: Corefile changed but reload failed: {why}"),
                ]
            }
            (Ok(_), Ok(_)) => return,
        };
        self.print(netns, lines);
    }

    fn print(&mut self, netns: NetnsId, lines: Vec<String>) {
        let now = self.runtime.now();
        let log = self.runtime.state_mut(netns).dns_mut();
        lines.into_iter().for_each(|line| log.print(now, line));
    }
}

fn is_same(a: &LoadedConfig, b: &LoadedConfig) -> bool {
    Arc::ptr_eq(&a.config, &b.config)
}

/// The Pods of kube-system in which CoreDNS runs, with what it has read.
fn coredns_pods(revision: &Revision) -> Vec<(Arc<PodRecord>, NetnsId, LoadedConfig)> {
    let first = PodKey::new("kube-system", "");
    let pods = revision.pods.range(first..).take_while(|(key, _)| &*key.namespace == "kube-system");
    pods.filter_map(|(_, pod)| Some((pod.clone(), pod.netns?, pod.corefile.clone()?))).collect()
}
