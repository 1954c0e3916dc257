//! Resource types and names as kubectl's arguments give them. Models cli-runtime pkg/resource builder.go and the REST
//! mapper of a cluster with podhop's kinds.

use crate::cluster::{CALICO, Kind, Revision};

/// Short names, by kind.
const SHORT_NAMES: &[(&str, &[&str])] = &[
    ("AdminNetworkPolicy", &["anp"]),
    ("BaselineAdminNetworkPolicy", &["banp"]),
    ("ClusterNetworkPolicy", &["cnp"]),
    ("ConfigMap", &["cm"]),
    ("CronJob", &["cj"]),
    ("CustomResourceDefinition", &["crd", "crds"]),
    ("DaemonSet", &["ds"]),
    ("Deployment", &["deploy"]),
    ("Endpoints", &["ep"]),
    ("Event", &["ev"]),
    ("Gateway", &["gtw"]),
    ("HorizontalPodAutoscaler", &["hpa"]),
    ("Ingress", &["ing"]),
    ("LimitRange", &["limits"]),
    ("Namespace", &["ns"]),
    ("NetworkPolicy", &["netpol"]),
    ("Node", &["no"]),
    ("PersistentVolume", &["pv"]),
    ("PersistentVolumeClaim", &["pvc"]),
    ("Pod", &["po"]),
    ("PodDisruptionBudget", &["pdb"]),
    ("PriorityClass", &["pc"]),
    ("ReplicaSet", &["rs"]),
    ("ReplicationController", &["rc"]),
    ("ResourceQuota", &["quota"]),
    ("Service", &["svc"]),
    ("ServiceAccount", &["sa"]),
    ("StatefulSet", &["sts"]),
    ("StorageClass", &["sc"]),
];

/// Those that Calico's API server gives.
const CALICO_SHORT_NAMES: &[(&str, &[&str])] = &[
    ("GlobalNetworkPolicy", &["gnp", "cgnp", "calicoglobalnetworkpolicies"]),
    ("NetworkPolicy", &["caliconetworkpolicy", "caliconetworkpolicies"]),
    ("NetworkSet", &["netsets"]),
];

/// What `all` stands for, in the order of the API server's discovery.
pub const ALL: [&str; 9] = [
    "Pod",
    "ReplicationController",
    "Service",
    "DaemonSet",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "CronJob",
];

/// The version that a kind's objects are served in.
pub fn api_version(kind: &Kind) -> String {
    let group = &*kind.group;
    let version = match group {
        "autoscaling" => "v2",
        "policy.networking.k8s.io" if kind.kind.ends_with("AdminNetworkPolicy") => "v1alpha1",
        "policy.networking.k8s.io" => "v1alpha2",
        "projectcalico.org" => "v3",
        _ => "v1",
    };
    if group.is_empty() { version.to_string() } else { format!("{group}/{version}") }
}

/// Calico's `cnp` is left out: it means ClusterNetworkPolicies here.
pub fn short_names(kind: &Kind) -> &'static [&'static str] {
    let known = if kind.group == "projectcalico.org" { CALICO_SHORT_NAMES } else { SHORT_NAMES };
    known.iter().find(|(name, _)| *name == kind.kind).map_or(&[], |(_, names)| names)
}

/// As `-o name` and the messages of `apply` and `delete` have it, without the name: `pod`, `deployment.apps`.
pub fn singular(kind: &Kind) -> String {
    kind.singular_with_group()
}

/// As the API server's messages have it: `pods`, `deployments.apps`.
pub fn plural(kind: &Kind) -> String {
    if kind.group.is_empty() { kind.plural.to_string() } else { format!("{}.{}", kind.plural, kind.group) }
}

/// The kind that a word such as `po`, `pods`, `Pod` or `deployments.v1.apps` means, among those the API server serves
/// and those of the custom resources that exist.
pub fn find(word: &str, revision: &Revision) -> Result<Kind, String> {
    let lower = word.to_ascii_lowercase();
    let (name, group) = match lower.split_once('.') {
        Some((name, rest)) => {
            let version = rest.split('.').next().unwrap_or("");
            let is_version = version.len() > 1 && version.starts_with('v') && version.as_bytes()[1].is_ascii_digit();
            let group = if is_version { rest[version.len()..].trim_start_matches('.') } else { rest };
            (name, Some(group))
        }
        None => (lower.as_str(), None),
    };
    let fits = |kind: &Kind| {
        let named = kind.plural == name || kind.kind.eq_ignore_ascii_case(name) || short_names(kind).contains(&name);
        named && group.is_none_or(|group| group == kind.group)
    };
    if let Some(kind) = Kind::all().find(fits) {
        return Ok(kind);
    }
    custom_kinds(revision)
        .into_iter()
        .find(fits)
        .ok_or_else(|| format!("the server doesn't have a resource type \"{word}\""))
}

/// Kinds outside of podhop's table that some object has, and those that Calico brings.
pub fn custom_kinds(revision: &Revision) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for key in revision.objects.keys() {
        let is_last = kinds.last().is_some_and(|kind| kind.kind == key.kind && kind.group == key.group);
        if !is_last && Kind::known(&key.kind, &key.group).is_none() {
            kinds.push(Kind::guess(&key.kind, &key.group));
        }
    }
    if revision.network.cni.calico().is_some() {
        with_calico(&mut kinds);
    }
    kinds
}

/// Adds the custom resources that are installed with Calico 3.31, and ClusterNetworkPolicies of 3.32.
fn with_calico(kinds: &mut Vec<Kind>) {
    let admins = ["AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"];
    let admins = admins.map(|kind| Kind::guess(kind, "policy.networking.k8s.io"));
    let own = CALICO.iter().map(|kind| Kind::guess(kind, "projectcalico.org"));
    for kind in own.chain(admins) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
}

/// What the arguments of a command select.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    pub kinds: Vec<Kind>,
    /// Kind and name, where names were given; `kinds` then has those of the names.
    pub names: Vec<(Kind, String)>,
    /// The namespace of each name, where it was not given by a flag: names that come from manifests.
    pub namespaces: Vec<String>,
}

/// Reads `pods`, `pods a b`, `po,svc`, `pod/a svc/b` and `all`. Err: the message after `error: `.
pub fn select(arguments: &[String], revision: &Revision) -> Result<Selection, String> {
    let mut selection = Selection { kinds: Vec::new(), names: Vec::new(), namespaces: Vec::new() };
    let slashes = arguments.iter().filter(|argument| argument.contains('/')).count();
    if slashes > 0 {
        if slashes < arguments.len() {
            return Err(
                "there is no need to specify a resource type as a separate argument when passing arguments in \
                        resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get \
                        resource resource/<resource_name>'"
                    .into(),
            );
        }
        for argument in arguments {
            let (kind, name) = argument.split_once('/').unwrap_or((argument, ""));
            if kind.is_empty() || name.is_empty() || name.contains('/') {
                return Err(match name.contains('/') {
                    true => "arguments in resource/name form may not have more than one slash".into(),
                    false => "arguments in resource/name form must have a single resource and name".into(),
                });
            }
            for word in kind.split(',') {
                let kind = find(word, revision)?;
                selection.names.push((kind.clone(), name.to_string()));
                if !selection.kinds.contains(&kind) {
                    selection.kinds.push(kind);
                }
            }
        }
        return Ok(selection);
    }
    let [words, names @ ..] = arguments else { return Ok(selection) };
    for word in words.split(',') {
        if word == "all" {
            selection.kinds.extend(ALL.iter().filter_map(|kind| Kind::named(kind)));
        } else if word.is_empty() {
            return Err("arguments in resource/name form must have a single resource and name".into());
        } else {
            selection.kinds.push(find(word, revision)?);
        }
    }
    match (names, selection.kinds.as_slice()) {
        ([], _) => {}
        (names, [kind]) => selection.names = names.iter().map(|name| (kind.clone(), name.clone())).collect(),
        _ => return Err("you may only specify a single resource type".into()),
    }
    Ok(selection)
}
