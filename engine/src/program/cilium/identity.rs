//! Identities: Pods with the same security-relevant labels have one number. Models pkg/identity, pkg/labelsfilter and
//! pkg/k8s/utils GetPodMetadata. Real numbers are drawn at random; these are drawn from the labels.

use super::policy::Repository;
use crate::cluster::{Labels, PodRecord, Revision, identity};
use crate::net::Protocol;
use crate::tables::ebpf::Identity;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

/// Numbers of a cluster's own identities.
const FIRST: u32 = 256;
const LAST: u32 = 65_535;

static NO_LABELS: LazyLock<Arc<Labels>> = LazyLock::new(Arc::default);

/// One identity.
#[derive(Clone, Debug)]
pub struct IdentityRow {
    pub identity: Identity,
    pub namespace: Arc<str>,
    /// The Pods' labels that count.
    pub labels: Arc<Labels>,
    pub namespace_labels: Arc<Labels>,
    pub service_account: Arc<str>,
}

/// What tells one identity from another: namespace, labels, ServiceAccount.
type Key = (Arc<str>, Arc<Labels>, Arc<str>);

#[derive(Debug, Default)]
pub struct Identities {
    rows: BTreeMap<Key, IdentityRow>,
    /// Every named port of the cluster's Pods.
    pub named_ports: BTreeMap<(Arc<str>, Protocol), BTreeSet<u16>>,
}

impl Identities {
    pub fn new(revision: &Revision) -> Identities {
        let namespaces: BTreeMap<Arc<str>, Arc<Labels>> =
            revision.list("Namespace", None).map(|object| (object.key.name.clone(), object.labels.clone())).collect();
        let mut found = Identities::default();
        for pod in revision.pods.values().filter(|pod| !pod.host_network && pod.netns.is_some()) {
            let (key, namespace) = (key(pod), &pod.key.namespace);
            let namespace_labels = namespaces.get(namespace).unwrap_or(&NO_LABELS);
            found.rows.entry(key).or_insert_with_key(|(namespace, labels, service_account)| IdentityRow {
                identity: Identity::ANY,
                namespace: namespace.clone(),
                labels: labels.clone(),
                namespace_labels: namespace_labels.clone(),
                service_account: service_account.clone(),
            });
            for (name, protocol, port) in named_ports(pod) {
                found.named_ports.entry((name, protocol)).or_default().insert(port);
            }
        }
        let mut taken = BTreeSet::new();
        for row in found.rows.values_mut() {
            let mut words = vec![&*row.namespace, &*row.service_account];
            words.extend(row.labels.iter().flat_map(|(name, value)| [&**name, &**value]));
            let count = LAST - FIRST + 1;
            let mut number = FIRST + (identity::bits(0x6369, &words) % u64::from(count)) as u32;
            // There are fewer Pods than would fill the range, or they share the last numbers.
            for _ in 0..count {
                if taken.insert(number) {
                    break;
                }
                number = if number == LAST { FIRST } else { number + 1 };
            }
            row.identity = Identity(number);
        }
        found
    }

    pub fn of(&self, pod: &PodRecord) -> Option<&IdentityRow> {
        self.rows.get(&key(pod))
    }

    pub fn iter(&self) -> impl Iterator<Item = &IdentityRow> {
        self.rows.values()
    }
}

fn key(pod: &PodRecord) -> Key {
    let account = pod.spec.service_account_name.clone().unwrap_or_else(|| "default".into());
    (pod.key.namespace.clone(), relevant(&pod.labels), account)
}

/// Labels that tell Pods of one template from each other, or what made them, are no part of an identity. Models
/// pkg/labelsfilter defaultLabelPrefixCfg.
fn relevant(labels: &Arc<Labels>) -> Arc<Labels> {
    let counts = |name: &str| {
        let own = ["app.kubernetes.io"].iter().any(|prefix| name.starts_with(prefix));
        let left_out = name.starts_with("io.kubernetes")
            || name.starts_with("kubernetes.io")
            || name.starts_with("k8s.io")
            || name.contains("beta.kubernetes.io")
            || name.starts_with("statefulset.kubernetes.io/pod-name")
            || name.starts_with("apps.kubernetes.io/pod-index")
            || name.starts_with("batch.kubernetes.io/")
            || [
                "pod-template-generation",
                "pod-template-hash",
                "controller-revision-hash",
                "controller-uid",
                "job-name",
            ]
            .contains(&name)
            || name.starts_with("annotation.")
            || name.starts_with("etcd_node");
        own || !left_out
    };
    if labels.iter().all(|(name, _)| counts(name)) {
        return labels.clone();
    }
    let kept = labels.iter().filter(|(name, _)| counts(name));
    Arc::new(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// A Pod's named ports: (name, protocol, number).
pub fn named_ports(pod: &PodRecord) -> impl Iterator<Item = (Arc<str>, Protocol, u16)> + '_ {
    let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let ports = containers.flat_map(|container| &container.ports);
    ports.filter_map(|port| Some((port.name.clone()?, port.protocol, port.container_port)))
}

/// The labels of every identity that is not reserved, as `cilium-dbg identity list` prints them.
pub fn labels(identities: &Identities, repository: &Repository) -> BTreeMap<Identity, Arc<[Arc<str>]>> {
    let mut found: BTreeMap<Identity, Arc<[Arc<str>]>> = BTreeMap::new();
    for row in identities.iter() {
        let own = row.labels.iter().map(|(name, value)| labelled(&format!("k8s:{name}"), value));
        let of_namespace = row
            .namespace_labels
            .iter()
            .map(|(name, value)| labelled(&format!("k8s:io.cilium.k8s.namespace.labels.{name}"), value));
        let mut all: Vec<String> = own.chain(of_namespace).collect();
        all.push("k8s:io.cilium.k8s.policy.cluster=default".to_owned());
        all.push(labelled("k8s:io.cilium.k8s.policy.serviceaccount", &row.service_account));
        all.push(labelled("k8s:io.kubernetes.pod.namespace", &row.namespace));
        all.sort_unstable();
        found.insert(row.identity, all.into_iter().map(Arc::from).collect());
    }
    for (net, identity, _) in repository.cidrs.iter() {
        let labels: [Arc<str>; 2] = [format!("cidr:{net}").into(), "reserved:world".into()];
        found.insert(identity, labels.into());
    }
    found
}

fn labelled(name: &str, value: &str) -> String {
    if value.is_empty() { name.to_owned() } else { format!("{name}={value}") }
}
