//! Deployments, ReplicaSets and DaemonSets.

use super::*;
use std::collections::BTreeSet;

fn names(cluster: &Cluster) -> BTreeSet<String> {
    cluster.revision().list("Pod", Some("default")).map(|object| object.key.name.to_string()).collect()
}

fn replica_sets(cluster: &Cluster) -> Vec<(String, u32)> {
    let sets = cluster.revision().list("ReplicaSet", Some("default"));
    sets.map(|set| (set.key.name.to_string(), set.workload().map_or(0, |workload| workload.replicas))).collect()
}

#[test]
fn a_deployment_makes_a_replica_set_and_pods_named_as_kubernetes_names_them() {
    let (cluster, applied) = with(&deployment("web", 4, "nginx"));
    assert_eq!(outcomes(&applied), ["deployment.apps/web created"]);
    let (set, replicas) = replica_sets(&cluster)[0].clone();
    assert_eq!(replicas, 4);
    let in_alphabet = |text: &str| text.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte));
    let hash = set.strip_prefix("web-").unwrap_or("!");
    assert!(in_alphabet(hash) && (8..=10).contains(&hash.len()), "{set}");
    for name in names(&cluster) {
        let suffix = name.strip_prefix(&format!("{set}-")).unwrap_or("!");
        assert!(in_alphabet(suffix) && suffix.len() == 5, "{name}");
    }
    assert_eq!(
        places(&cluster, "default"),
        [
            "worker-1 10.244.1.2 Running",
            "worker-1 10.244.1.3 Running",
            "worker-2 10.244.2.2 Running",
            "worker-2 10.244.2.3 Running",
        ]
    );
    let owners: Vec<String> = cluster
        .revision()
        .list("Pod", Some("default"))
        .next()
        .map_or(Vec::new(), |pod| cluster.revision().owners(&pod.key).iter().map(ToString::to_string).collect());
    assert_eq!(owners, [format!("replicaset.apps/{set}"), "deployment.apps/web".to_owned()]);
}

#[test]
fn scaling_keeps_the_pods_that_stay() {
    let (mut cluster, _) = with(&deployment("web", 3, "nginx"));
    let three = names(&cluster);
    cluster.edit_file("a.yaml", &deployment("web", 5, "nginx"), 0);
    let five = names(&cluster);
    assert!(five.is_superset(&three) && five.len() == 5);
    cluster.edit_file("a.yaml", &deployment("web", 2, "nginx"), 0);
    random::check(cluster.revision());
    let two = names(&cluster);
    assert!(two.is_subset(&five) && two.len() == 2);
    // Those on the node that had the most go first, as upstream ranks them once.
    assert!(places(&cluster, "default").iter().all(|place| place.starts_with("worker-2")));
    cluster.edit_file("a.yaml", "", 0);
    random::check(cluster.revision());
    assert!(names(&cluster).is_empty() && replica_sets(&cluster).is_empty());
}

#[test]
fn a_new_template_rolls_out_and_back() {
    let (mut cluster, _) = with(&deployment("web", 2, "nginx:1.26"));
    let first = replica_sets(&cluster)[0].0.clone();
    cluster.edit_file("a.yaml", &deployment("web", 2, "nginx:1.27"), 0);
    random::check(cluster.revision());
    let sets = replica_sets(&cluster);
    assert_eq!(sets.iter().map(|(_, replicas)| replicas).sum::<u32>(), 2);
    assert!(sets.contains(&(first.clone(), 0)) && sets.len() == 2);
    assert!(names(&cluster).iter().all(|name| !name.starts_with(&first)));
    cluster.edit_file("a.yaml", &deployment("web", 2, "nginx:1.26"), 0);
    assert!(replica_sets(&cluster).contains(&(first.clone(), 2)));
    assert!(names(&cluster).iter().all(|name| name.starts_with(&first)));
}

/// (desired, ready) of the ReplicaSets in the order in which they were made; those without Pods not counted.
fn sizes(cluster: &Cluster) -> Vec<(u32, u32)> {
    let mut sets: Vec<_> = cluster.revision().list("ReplicaSet", Some("default")).collect();
    sets.sort_by_key(|set| set.created_revision);
    let counts = sets.into_iter().map(|set| crate::cluster::api::replica_counts(cluster.revision(), set));
    counts.map(|counts| (counts.desired, counts.ready)).filter(|size| *size != (0, 0)).collect()
}

/// A Deployment whose template has this further line; `spec` is another line of the Deployment's own.
fn rolling(replicas: u32, spec: &str, template: &str) -> String {
    let text = deployment("web", replicas, "nginx").replace("  selector:", &format!("{spec}  selector:"));
    text.replace("    spec:\n      containers:", &format!("    spec:\n{template}      containers:"))
}

const NOWHERE: &str = "      nodeSelector: {disk: none}\n";

fn crashing(replicas: u32) -> String {
    let command = "image: busybox\n        command: [\"false\"]";
    deployment("web", replicas, "nginx").replace("image: nginx", command)
}

#[test]
fn a_rollout_whose_pods_do_not_become_ready_leaves_the_old_ones() {
    for broken in [crashing(3), rolling(3, "", NOWHERE)] {
        let (mut cluster, _) = with(&deployment("web", 3, "nginx"));
        let before = names(&cluster);
        let applied = cluster.edit_file("a.yaml", &broken, 0);
        random::check(cluster.revision());
        assert!(applied.committed, "{}", rendered(&cluster, &applied));
        assert_eq!(sizes(&cluster), [(3, 3), (1, 0)], "{broken}");
        assert!(names(&cluster).is_superset(&before));
        // A third template takes the broken one's place; going back ends the rollout.
        cluster.edit_file("a.yaml", &broken.replace("{app: web}\n    spec", "{app: web, v: b}\n    spec"), 0);
        random::check(cluster.revision());
        assert_eq!(sizes(&cluster), [(3, 3), (1, 0)], "{broken}");
        cluster.edit_file("a.yaml", &deployment("web", 3, "nginx"), 0);
        random::check(cluster.revision());
        assert_eq!((sizes(&cluster), names(&cluster)), (vec![(3, 3)], before));
    }
}

#[test]
fn a_rollout_goes_on_once_its_pods_can_run() {
    let with_node = |label: &str| node("n1", "172.18.0.2", "").replace("disk: n1", &format!("disk: {label}"));
    let (mut cluster, _) = with(&(with_node("hdd") + &rolling(3, "", "")));
    let broken = rolling(3, "", "      nodeSelector: {disk: ssd}\n");
    cluster.edit_file("a.yaml", &(with_node("hdd") + &broken), 0);
    assert_eq!(sizes(&cluster), [(3, 3), (1, 0)]);
    cluster.edit_file("a.yaml", &(with_node("ssd") + &broken), 0);
    random::check(cluster.revision());
    assert_eq!(sizes(&cluster), [(3, 3)]);
    assert!(places(&cluster, "default").iter().all(|place| place.starts_with("n1 ") && place.ends_with("Running")));
}

#[test]
fn the_strategy_says_how_far_a_stuck_rollout_goes() {
    let amounts = |surge: &str, unavailable: &str| {
        format!("  strategy: {{rollingUpdate: {{maxSurge: {surge}, maxUnavailable: {unavailable}}}}}\n")
    };
    let cases = [
        // 25% of 10: 3 more, 2 fewer.
        (10, String::new(), vec![(8, 8), (5, 0)]),
        (4, amounts("0", "1"), vec![(3, 3), (1, 0)]),
        // Both 0 would never get anywhere: maxUnavailable is 1.
        (4, amounts("0", "0%"), vec![(3, 3), (1, 0)]),
        (4, amounts("50%", "100%"), vec![(4, 0)]),
        (4, "  strategy: {type: Recreate}\n".to_owned(), vec![(4, 0)]),
        (4, "  paused: true\n".to_owned(), vec![(4, 4)]),
    ];
    for (replicas, spec, expected) in cases {
        let (mut cluster, _) = with(&rolling(replicas, "", ""));
        let applied = cluster.edit_file("a.yaml", &rolling(replicas, &spec, NOWHERE), 0);
        assert!(applied.committed, "{}", rendered(&cluster, &applied));
        random::check(cluster.revision());
        assert_eq!(sizes(&cluster), expected, "{spec}");
        // What can run replaces all of it.
        cluster.edit_file("a.yaml", &rolling(replicas, &spec.replace("true", "false"), "      hostname: a\n"), 0);
        random::check(cluster.revision());
        assert_eq!(sizes(&cluster), [(replicas, replicas)], "{spec}");
    }
}

#[test]
fn a_paused_deployment_scales_what_it_has() {
    let (mut cluster, _) = with(&rolling(2, "", ""));
    cluster.edit_file("a.yaml", &rolling(3, "  paused: true\n", NOWHERE), 0);
    random::check(cluster.revision());
    assert_eq!(sizes(&cluster), [(3, 3)]);
}

#[test]
fn writing_the_same_template_otherwise_is_no_rollout() {
    let (mut cluster, _) = with(&deployment("web", 2, "nginx"));
    let before = names(&cluster);
    let text = format!("# a comment\n{}", deployment("web", 2, "nginx").replace("{app: web}", "\n          app: web"));
    let applied = cluster.edit_file("a.yaml", &text, 0);
    assert!(applied.committed, "{}", rendered(&cluster, &applied));
    assert_eq!(names(&cluster), before);
    // Origins point to where the template stands now.
    let revision = cluster.revision();
    let line = revision.list("Pod", Some("default")).next().and_then(|pod| {
        let span = revision.span(pod, "spec.containers[0].image");
        Some(cluster.sources().get(span.source)?.position(span.start as usize))
    });
    assert_eq!(line, Some((18, 16)));
}

#[test]
fn pods_are_adopted_and_let_go_by_their_labels() {
    let orphan = pod("lonely", "").replace("{app: lonely}", "{app: web}");
    let set = deployment("web", 2, "nginx").replace("kind: Deployment", "kind: ReplicaSet");
    let (mut cluster, _) = with(&(orphan.clone() + &set));
    assert!(names(&cluster).contains("lonely") && names(&cluster).len() == 2);
    let relabelled = orphan.replace("{app: web}", "{app: other}");
    cluster.edit_file("a.yaml", &(relabelled + &set), 0);
    random::check(cluster.revision());
    assert!(names(&cluster).contains("lonely") && names(&cluster).len() == 3);
    assert!(cluster.revision().pod("default", "lonely").is_some_and(|pod| pod.owner.is_none()));
}

#[test]
fn a_deleted_pod_is_replaced_and_another_name_made_up() {
    let (mut cluster, _) = with(&deployment("web", 2, "nginx"));
    let before = names(&cluster);
    let Some(gone) = before.first() else { panic!("no Pods") };
    let applied = cluster.delete(&[ObjectKey::new("Pod", "default", gone)], 0);
    assert_eq!(outcomes(&applied), [format!("pod/{gone} deleted")]);
    let after = names(&cluster);
    assert_eq!((after.len(), after.contains(gone), after.intersection(&before).count()), (2, false, 1));
}

#[test]
fn daemon_sets_run_on_every_node_that_will_have_them() {
    let daemon = |tolerations: &str| {
        format!(
            "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: agent}}\nspec:\n  selector: {{matchLabels: {{app: agent}}}}\n  template:\n    metadata: {{labels: {{app: agent}}}}\n    spec:\n{tolerations}      containers: [{{name: main, image: nginx}}]\n"
        )
    };
    let (mut cluster, _) = with(&daemon(""));
    assert_eq!(places(&cluster, "default"), ["worker-1 10.244.1.2 Running", "worker-2 10.244.2.2 Running"]);
    cluster.edit_file("a.yaml", &daemon("      tolerations: [{operator: Exists}]\n"), 0);
    random::check(cluster.revision());
    assert_eq!(places(&cluster, "default").len(), 3);
    cluster.edit_file("a.yaml", &daemon("      nodeSelector: {kubernetes.io/hostname: worker-2}\n"), 0);
    assert_eq!(places(&cluster, "default"), ["worker-2 10.244.2.4 Running"]);
}

#[test]
fn more_pods_than_podhop_simulates_are_refused() {
    let (cluster, applied) = with(&deployment("web", 300_000, "nginx"));
    assert!(
        rendered(&cluster, &applied)
            .starts_with("a.yaml:6:13: error: 300000 replicas would make more than 200000 Pods")
    );
    assert!(!applied.committed && names(&cluster).is_empty());
}
