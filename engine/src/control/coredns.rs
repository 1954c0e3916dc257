//! CoreDNS Pods and their Corefile: read as the process starts, and again when it changes.
//!
//! A process that cannot read its Corefile ends. One that runs takes up a changed one only with the plugin `reload`, and
//! keeps the old one if the new one is broken. Models CoreDNS 1.12 coremain and plugin/reload.

use super::resolv;
use super::scheduler::is_cluster_addon;
use crate::cluster::{
    Draft, FailingContainer, LoadedConfig, ObjectKey, PodKey, PodPhase, PodReason, PodRecord, Provenance, Revision,
    Typed,
};
use crate::manifest::corefile::{self, Context, PATH, Problem};
use crate::manifest::embedded;
use crate::manifest::typed::{ConfigMap, Container};
use crate::net::dns::{ResolvConf, name};
use crate::tables::Origin;
use crate::workload::Image;
use crate::workload::coredns::{Environment, Setup, setup};
use sha2::{Digest, Sha512};
use std::net::IpAddr;
use std::sync::Arc;

/// The key of the ConfigMap.
const COREFILE: &str = "Corefile";
/// The ConfigMap of kubeadm's Deployment.
const CONFIG_MAP: &str = "coredns";

/// The index of the container that runs CoreDNS.
pub fn container(pod: &PodRecord) -> Option<usize> {
    let runs = |container: &Container| {
        let command = container.command.first().map_or("coredns", |command| command.rsplit('/').next().unwrap_or(""));
        Image::parse(&container.image).name == "coredns" && command == "coredns"
    };
    pod.spec.containers.iter().position(runs)
}

/// The ConfigMap that its volume names, if there is one.
pub fn config_map(revision: &Revision, pod: &PodRecord) -> Option<LoadedConfig> {
    let object = revision.objects.get(&pod.object_key());
    let tree = object.map(|object| object.written());
    let volumes = tree.map_or(&[][..], |tree| tree.at("spec.volumes").items());
    let named = volumes.iter().find_map(|volume| volume.get("configMap")?.get("name")?.as_str());
    let key = ObjectKey::new("ConfigMap", &pod.key.namespace, named.unwrap_or(CONFIG_MAP));
    let object = revision.objects.get(&key)?;
    match &object.typed {
        Typed::ConfigMap(config) => Some(LoadedConfig { uid: object.uid, config: config.clone() }),
        _ => None,
    }
}

/// What the process makes of a ConfigMap. Without a Corefile it is CoreDNS's own default, unless it was told to read one.
pub fn read(revision: &Revision, pod: &PodRecord, config: Option<&LoadedConfig>) -> Result<Setup, Problem> {
    let Some(container) = its_container(pod) else { return Ok(Setup::default()) };
    let text = config.and_then(|loaded| loaded.config.data.get(COREFILE)).map(|(text, _)| text.clone());
    if text.is_none() && container.args.iter().any(|arg| &**arg == "-conf") {
        return Err(Problem::plain(None, format!("open {PATH}: no such file or directory")));
    }
    let resolv_conf = ResolvConf::parse(&resolv::pod_resolv_conf(revision, pod));
    let hosts = hosts(&resolv::pod_hosts(revision, pod, &pod.key.name));
    let variable = |name: &str| variable(container, name);
    let file = |name: &str| Some(config?.config.data.get(name)?.0.clone());
    let origin = match config {
        Some(loaded) => Origin::Object { uid: loaded.uid, path: "data".into() },
        None => Origin::default("coredns", "without a Corefile CoreDNS runs whoami"),
    };
    let environment = Environment {
        variable: &variable,
        file: &file,
        nameservers: &resolv_conf.servers,
        search: &resolv_conf.search,
        hosts: &hosts,
        origin,
    };
    setup(text.as_deref().unwrap_or(""), &environment)
}

fn its_container(pod: &PodRecord) -> Option<&Container> {
    pod.spec.containers.get(container(pod)?)
}

fn variable(container: &Container, name: &str) -> Option<String> {
    let var = container.env.iter().rev().find(|var| *var.name == *name)?;
    var.value.as_ref().map(ToString::to_string)
}

/// The words of a Corefile as the plugin `reload` compares them: JSON of its server blocks. Err: no Corefile by its form.
pub fn words(pod: &PodRecord, config: &LoadedConfig) -> Result<String, Problem> {
    let variable = |name: &str| variable(its_container(pod)?, name);
    let file = |name: &str| Some(config.config.data.get(name)?.0.clone());
    let context = Context { is_directive: &|_| true, variable: &variable, file: &file };
    corefile::json(&file(COREFILE).unwrap_or_default(), &context)
}

/// What `reload` says of the Corefile that runs, by its words.
pub fn sum_line(words: &str) -> String {
    let sum = Sha512::digest(words.as_bytes());
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[INFO] plugin/reload: Running configuration SHA512 = {hex}")
}

fn hosts(text: &str) -> Vec<(IpAddr, Vec<Arc<str>>)> {
    let line = |line: &str| {
        let mut words = line.split('#').next()?.split_whitespace();
        let ip = words.next()?.parse().ok()?;
        Some((ip, words.map(|word| name::absolute(&word.to_ascii_lowercase())).collect()))
    };
    text.lines().filter_map(line).collect()
}

/// A CoreDNS process starts in this Pod: what it has read, or how it ends.
pub fn start(revision: &Revision, pod: &PodRecord) -> (Option<LoadedConfig>, Option<FailingContainer>) {
    let Some(index) = container(pod) else { return (None, None) };
    let config = config_map(revision, pod);
    if is_built_in(revision, pod) {
        return (config, None);
    }
    match read(revision, pod, config.as_ref()) {
        Ok(_) => (config, None),
        Err(problem) => {
            let message = problem.message.into();
            (None, Some(FailingContainer { index: index as u32, exit_status: 1, message }))
        }
    }
}

/// Whether both the Deployment and the Corefile are those that the cluster brings, which are known to be good.
fn is_built_in(revision: &Revision, pod: &PodRecord) -> bool {
    let key = ObjectKey::new("ConfigMap", &pod.key.namespace, CONFIG_MAP);
    let config = revision.objects.get(&key);
    config.is_some_and(|object| object.provenance == Provenance::Builtin) && is_cluster_addon(revision, pod)
}

/// ConfigMaps have changed: processes that run take them up, those that could not start try again.
pub fn reconcile(draft: &mut Draft) {
    for namespace in std::mem::take(&mut draft.dirty_configs) {
        let first = PodKey { namespace: namespace.clone(), name: "".into() };
        let pods = draft.revision.pods.range(first..).take_while(|(key, _)| key.namespace == namespace);
        let pods = pods.filter(|(_, pod)| pod.netns.is_some() && container(pod).is_some());
        let pods: Vec<PodKey> = pods.map(|(key, _)| key.clone()).collect();
        for key in pods {
            take_up(draft, &key);
        }
    }
}

fn take_up(draft: &mut Draft, key: &PodKey) {
    let Some(pod) = draft.revision.pods.get(key).cloned() else { return };
    let runs = container(&pod).is_some_and(|index| pod.container_runs(index));
    if runs {
        let config = config_map(&draft.revision, &pod);
        let same = match (&config, &pod.corefile) {
            (Some(new), Some(old)) => Arc::ptr_eq(&new.config, &old.config),
            (new, old) => new.is_none() && old.is_none(),
        };
        let reloads = read(&draft.revision, &pod, pod.corefile.as_ref()).is_ok_and(|setup| setup.reloads);
        if same || !reloads || config.is_none() || read(&draft.revision, &pod, config.as_ref()).is_err() {
            return;
        }
        return draft.change_pod(key, |pod| pod.corefile = config);
    }
    let (config, failing) = start(&draft.revision, &pod);
    let others = pod.failing.iter().filter(|other| Some(other.index as usize) != container(&pod)).cloned();
    let failing: Arc<[FailingContainer]> = others.chain(failing).collect();
    if failing == pod.failing {
        return;
    }
    draft.change_pod(key, |pod| {
        pod.phase = if failing.is_empty() { PodPhase::Running } else { PodPhase::CrashLoopBackOff };
        pod.reason = failing.first().map_or(PodReason::None, |failing| PodReason::Failing(failing.message.clone()));
        pod.failing = failing;
        pod.corefile = config;
    });
    draft.wake_services(key);
}

/// Is this ConfigMap one that a CoreDNS Pod of its namespace would read?
fn is_read(key: &ObjectKey) -> bool {
    key.is("ConfigMap") && (&*key.namespace, &*key.name) == ("kube-system", CONFIG_MAP)
}

/// Says in the ConfigMap's text what CoreDNS would say of it.
pub fn check(draft: &mut Draft, key: &ObjectKey, config: &ConfigMap) {
    let Some((text, span)) = config.data.get(COREFILE).filter(|_| is_read(key)) else { return };
    let pods = draft.revision.pods.values().filter(|pod| *pod.key.namespace == *key.namespace);
    let Some(pod) = pods.into_iter().find(|pod| container(pod).is_some()).cloned() else { return };
    let uid = draft.revision.objects.get(key).map(|object| object.uid);
    let Some(uid) = uid else { return };
    let loaded = LoadedConfig { uid, config: Arc::new(config.clone()) };
    let place = |problem: &Problem| embedded::place(text, *span, &draft.sources, problem.start, problem.end);
    let found: Vec<_> = match read(&draft.revision, &pod, Some(&loaded)) {
        Ok(setup) => setup.warnings.iter().map(|warning| (place(warning), warning.message.clone(), None)).collect(),
        Err(problem) => {
            let runs = draft.revision.pods.values().any(|pod| pod.corefile.is_some());
            let hint = match runs {
                true => "the CoreDNS Pods that run keep the Corefile they have; one that starts now ends with this",
                false => "CoreDNS ends with this and is started again and again",
            };
            vec![(place(&problem), problem.message, Some(hint))]
        }
    };
    for (span, message, hint) in found {
        let diagnostic = draft.diagnostics.warning("corefile", span, message);
        if let Some(hint) = hint {
            diagnostic.hint(hint);
        }
    }
}
