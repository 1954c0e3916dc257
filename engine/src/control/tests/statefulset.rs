//! StatefulSets: names, order, updates.

use super::*;

/// A StatefulSet of Pods of one container; `spec` are further lines of its spec, `more` of its Pods' spec.
fn set(replicas: u32, spec: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: s\nspec:\n  serviceName: peers\n  replicas: \
         {replicas}\n{spec}  selector:\n    matchLabels: {{app: s}}\n  template:\n    metadata:\n      labels: {{app: s}}\n    \
         spec:\n{more}      containers:\n      - name: main\n        image: nginx\n---\n"
    )
}

const NOWHERE: &str = "      nodeSelector: {disk: none}\n";

fn crashing(text: &str) -> String {
    text.replace("image: nginx", "image: busybox\n        command: [\"false\"]")
}

/// `name phase` of its Pods.
fn phases(cluster: &Cluster) -> Vec<String> {
    let shown = pods(cluster, &["default"]);
    shown.iter().filter_map(|line| Some(format!("{} {}", line.split(' ').next()?, line.split(' ').nth(3)?))).collect()
}

#[test]
fn pods_are_named_by_ordinals_and_know_their_names() {
    let (cluster, _) = with(&set(3, "", ""));
    assert_eq!(phases(&cluster), ["s-0 Running", "s-1 Running", "s-2 Running"]);
    let pod = cluster.revision().pod("default", "s-1").cloned();
    let pod = pod.unwrap_or_else(|| panic!("there is no s-1"));
    assert_eq!((pod.spec.hostname.as_deref(), pod.spec.subdomain.as_deref()), (Some("s-1"), Some("peers")));
    let label = |name: &str| pod.labels.get(name).map(|value| value.to_string());
    assert_eq!(label("statefulset.kubernetes.io/pod-name").as_deref(), Some("s-1"));
    assert_eq!(label("apps.kubernetes.io/pod-index").as_deref(), Some("1"));
    assert!(label("controller-revision-hash").is_some_and(|hash| hash.starts_with("s-")));
    let owners = cluster.revision().owners(&pod.object_key());
    assert_eq!(owners.iter().map(ToString::to_string).collect::<Vec<_>>(), ["statefulset.apps/s"]);
}

#[test]
fn one_that_is_not_ready_holds_up_the_next() {
    for text in [set(3, "", NOWHERE), crashing(&set(3, "", ""))] {
        let (cluster, _) = with(&text);
        let phases = phases(&cluster);
        assert!(phases.len() == 1 && phases[0].starts_with("s-0 "), "{phases:?}");
    }
    let (cluster, _) = with(&set(3, "  podManagementPolicy: Parallel\n", NOWHERE));
    assert_eq!(phases(&cluster), ["s-0 Pending", "s-1 Pending", "s-2 Pending"]);
}

#[test]
fn scaling_adds_and_takes_at_the_end() {
    let (mut cluster, _) = with(&set(2, "", ""));
    let before = pods(&cluster, &["default"]);
    cluster.edit_file("a.yaml", &set(4, "", ""), 0);
    random::check(cluster.revision());
    assert_eq!(phases(&cluster), ["s-0 Running", "s-1 Running", "s-2 Running", "s-3 Running"]);
    assert_eq!(pods(&cluster, &["default"])[..2], before[..]);
    cluster.edit_file("a.yaml", &set(1, "", ""), 0);
    random::check(cluster.revision());
    assert_eq!(pods(&cluster, &["default"])[..], before[..1]);
    cluster.edit_file("a.yaml", "", 0);
    random::check(cluster.revision());
    assert!(phases(&cluster).is_empty());
}

#[test]
fn ordinals_may_start_elsewhere() {
    let (cluster, _) = with(&set(2, "  ordinals: {start: 5}\n", ""));
    assert_eq!(phases(&cluster), ["s-5 Running", "s-6 Running"]);
}

#[test]
fn a_deleted_pod_comes_back_under_its_name() {
    let (mut cluster, _) = with(&set(3, "", ""));
    let uid = |cluster: &Cluster| cluster.revision().pod("default", "s-1").map(|pod| pod.uid);
    let before = uid(&cluster);
    cluster.delete(&[ObjectKey::new("Pod", "default", "s-1")], 0);
    random::check(cluster.revision());
    assert_eq!(phases(&cluster), ["s-0 Running", "s-1 Running", "s-2 Running"]);
    assert_ne!(uid(&cluster), before);
}

#[test]
fn an_update_replaces_all_from_the_top_or_stops_where_one_does_not_become_ready() {
    let uids = |cluster: &Cluster| -> Vec<_> {
        (0..3).map(|n| cluster.revision().pod("default", &format!("s-{n}")).map(|pod| pod.uid)).collect()
    };
    let (mut cluster, _) = with(&set(3, "", ""));
    let before = uids(&cluster);
    cluster.edit_file("a.yaml", &set(3, "", "").replace("nginx", "httpd"), 0);
    random::check(cluster.revision());
    let after = uids(&cluster);
    assert!(before.iter().zip(&after).all(|(old, new)| old != new && new.is_some()));
    cluster.edit_file("a.yaml", &crashing(&set(3, "", "")), 0);
    random::check(cluster.revision());
    let stuck = uids(&cluster);
    assert_eq!((&stuck[..2], stuck[2] == after[2]), (&after[..2], false));
    assert_eq!(phases(&cluster)[2], "s-2 CrashLoopBackOff");
}

#[test]
fn a_partition_and_on_delete_leave_pods_as_they_are() {
    let changed = |spec: &str| {
        let (mut cluster, _) = with(&set(3, spec, ""));
        let images = |cluster: &Cluster| -> Vec<String> {
            let pods = cluster.revision().pods.values().filter(|pod| &*pod.key.namespace == "default");
            pods.map(|pod| pod.spec.containers[0].image.to_string()).collect()
        };
        cluster.edit_file("a.yaml", &set(3, spec, "").replace("nginx", "httpd"), 0);
        random::check(cluster.revision());
        let edited = images(&cluster);
        cluster.delete(&[ObjectKey::new("Pod", "default", "s-0")], 0);
        random::check(cluster.revision());
        (edited, images(&cluster))
    };
    let (edited, _) = changed("  updateStrategy: {rollingUpdate: {partition: 1}}\n");
    assert_eq!(edited, ["nginx", "httpd", "httpd"]);
    let (edited, deleted) = changed("  updateStrategy: {type: OnDelete}\n");
    assert_eq!(edited, ["nginx", "nginx", "nginx"]);
    assert_eq!(deleted, ["httpd", "nginx", "nginx"]);
}

#[test]
fn pods_are_taken_in_by_their_names() {
    let named = |name: &str| pod(name, "").replace(&format!("{{app: {name}}}"), "{app: s}");
    let (cluster, _) = with(&(named("s-1") + &named("other") + &set(2, "", "")));
    assert_eq!(phases(&cluster), ["other Running", "s-0 Running", "s-1 Running"]);
    let owned = |name: &str| cluster.revision().pod("default", name).is_some_and(|pod| pod.owner.is_some());
    assert!(owned("s-0") && owned("s-1") && !owned("other"));
}

#[test]
fn more_pods_than_podhop_simulates_are_refused() {
    let (cluster, applied) = with(&set(300_000, "", ""));
    assert!(rendered(&cluster, &applied).contains("300000 replicas would make more than 200000 Pods"));
    assert!(!applied.committed && phases(&cluster).is_empty());
}
