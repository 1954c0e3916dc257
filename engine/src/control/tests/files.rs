//! Files, edits and refusals.

use super::*;
use crate::manifest::fields::FieldTable;

#[test]
fn a_live_file_is_what_the_cluster_has() {
    let (mut cluster, _) = with(&(pod("a", "") + &pod("b", "")));
    let applied = cluster.edit_file("a.yaml", &(pod("b", "") + &pod("c", "")), 0);
    assert_eq!(outcomes(&applied), ["pod/a deleted", "pod/c created"]);
    // The one that stays keeps its address; the new one takes the place that became free.
    assert_eq!(pods(&cluster, &["default"]), ["b worker-2 10.244.2.2 Running", "c worker-1 10.244.1.3 Running"]);
    let number = cluster.revision().number;
    let applied = cluster.edit_file("a.yaml", "kind: Pod\n  bad: [", 0);
    assert!(!applied.committed && applied.diagnostics.errors() > 0);
    assert_eq!((cluster.revision().number, pods(&cluster, &["default"]).len()), (number, 2));
}

#[test]
fn a_file_waits_until_it_is_applied() {
    let mut cluster = cluster();
    let applied = cluster.open_file("p.yaml", &pod("a", ""), false, 0);
    assert!(!applied.committed && pods(&cluster, &["default"]).is_empty());
    let applied = cluster.apply_file("p.yaml", 0);
    assert_eq!(outcomes(&applied), ["pod/a created"]);
    assert!(cluster.file("p.yaml").is_some_and(|file| file.live));
    assert_eq!(outcomes(&cluster.apply_file("p.yaml", 0)), ["pod/a unchanged"]);
    let applied = cluster.edit_file("p.yaml", "", 0);
    assert_eq!(outcomes(&applied), ["pod/a deleted"]);
}

#[test]
fn kubectl_apply_goes_in_order_and_a_live_file_does_not() {
    let text = pod("a", "").replace("  name: a\n", "  name: a\n  namespace: lab\n")
        + "apiVersion: v1\nkind: Namespace\nmetadata: {name: lab}\n";
    let mut cluster = cluster();
    cluster.open_file("p.yaml", &text, false, 0);
    let applied = cluster.apply_file("p.yaml", 0);
    assert_eq!(outcomes(&applied), ["pod/a: NotFound: namespaces \"lab\" not found", "namespace/lab created"]);
    assert_eq!(outcomes(&cluster.apply_file("p.yaml", 0)), ["pod/a created", "namespace/lab unchanged"]);
    let (other, applied) = with(&text);
    assert_eq!(outcomes(&applied), ["pod/a created", "namespace/lab created"]);
    assert_eq!(pods(&other, &["lab"]), ["a worker-1 10.244.1.2 Running"]);
    let (cluster, applied) = with(&pod("a", "").replace("  name: a\n", "  name: a\n  namespace: lab\n"));
    assert!(rendered(&cluster, &applied).starts_with("a.yaml:5:14: error: namespaces \"lab\" not found"));
}

#[test]
fn deleting_a_namespace_deletes_what_it_holds() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: lab}\n---\n".to_owned()
        + &deployment("web", 2, "nginx").replace("  name: web\nspec", "  name: web\n  namespace: lab\nspec");
    let (mut cluster, _) = with(&text);
    assert_eq!(pods(&cluster, &["lab"]).len(), 2);
    cluster.delete(&[ObjectKey::new("Namespace", "", "lab")], 0);
    random::check(cluster.revision());
    assert!(cluster.revision().objects.keys().all(|key| &*key.namespace != "lab"));
}

#[test]
fn the_same_object_twice_points_to_the_first() {
    let (cluster, applied) = with(&(pod("a", "") + &pod("b", "") + &pod("a", "")));
    let expected = "a.yaml:24:9: error: pod/a is here twice: the first is in line 4\n";
    assert!(rendered(&cluster, &applied).starts_with(expected), "{}", rendered(&cluster, &applied));
    assert!(!applied.committed);
}

#[test]
fn what_a_pod_cannot_change_is_refused_by_apply_and_replaced_in_a_live_file() {
    let changed = pod("a", "  nodeName: worker-2\n");
    let mut cluster = cluster();
    cluster.open_file("p.yaml", &pod("a", ""), false, 0);
    cluster.apply_file("p.yaml", 0);
    let uid = cluster.revision().pod("default", "a").map(|pod| pod.uid);
    let applied = cluster.apply_text("kubectl apply", &changed, 0);
    let [refusal] = &outcomes(&applied)[..] else { panic!("{applied:?}") };
    assert!(refusal.starts_with("pod/a: Invalid: Pod \"a\" is invalid: spec: Forbidden: pod updates may not change"));
    let applied = cluster.edit_file("p.yaml", &changed, 0);
    assert_eq!(outcomes(&applied), ["pod/a configured"]);
    assert!(rendered(&cluster, &applied).contains("info: pod/a is replaced: a Pod's spec.nodeName cannot change"));
    let pod = cluster.revision().pod("default", "a").cloned();
    assert!(pod.is_some_and(|pod| Some(pod.uid) != uid && pod.node.as_deref() == Some("worker-2")));
}

#[test]
fn another_image_leaves_the_pod_where_it_is() {
    let (mut cluster, _) = with(&pod("a", ""));
    let before = cluster.revision().pod("default", "a").cloned();
    cluster.edit_file("a.yaml", &pod("a", "").replace("image: nginx", "image: httpd"), 0);
    let after = cluster.revision().pod("default", "a").cloned();
    let (Some(before), Some(after)) = (before, after) else { panic!("no Pod") };
    assert_eq!((before.uid, &before.ip, before.netns), (after.uid, &after.ip, after.netns));
    assert_eq!(&*after.spec.containers[0].image, "httpd");
    assert!(after.version > before.version);
}

#[test]
fn what_the_console_did_outlives_edits_elsewhere_in_the_file() {
    let (mut cluster, _) = with(&(pod("a", "") + &pod("b", "")));
    cluster.delete(&[ObjectKey::new("Pod", "default", "a")], 0);
    cluster.edit_file("a.yaml", &(pod("a", "") + &pod("b", "") + &pod("c", "")), 0);
    let names: Vec<String> = pods(&cluster, &["default"]).iter().map(|line| line[..1].to_owned()).collect();
    assert_eq!(names, ["b", "c"]);
    let applied = cluster.apply_file("a.yaml", 0);
    assert_eq!(outcomes(&applied), ["pod/a created", "pod/b unchanged", "pod/c unchanged"]);
}

#[test]
fn built_in_objects_give_way_and_come_back_unless_deleted() {
    let mut cluster = cluster();
    let key = ObjectKey::new("ConfigMap", "kube-system", "coredns");
    let own =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: coredns, namespace: kube-system}\ndata: {Corefile: mine}\n";
    let corefile = |cluster: &Cluster| {
        let object = cluster.revision().object(&key)?;
        Some(object.written().at("data.Corefile").as_str()?.starts_with(".:53"))
    };
    assert_eq!(corefile(&cluster), Some(true));
    let applied = cluster.open_file("dns.yaml", own, true, 0);
    assert_eq!(
        (outcomes(&applied), corefile(&cluster)),
        (vec!["configmap/coredns configured".to_owned()], Some(false))
    );
    cluster.edit_file("dns.yaml", "", 0);
    assert_eq!(corefile(&cluster), Some(true));
    cluster.delete(std::slice::from_ref(&key), 0);
    cluster.open_file("b.yaml", &pod("x", "").replace("  name: x\n", "  name: x\n  namespace: kube-system\n"), true, 0);
    assert_eq!(corefile(&cluster), None);
    let missing = cluster.delete(&[ObjectKey::new("Deployment", "default", "web")], 0);
    assert_eq!(outcomes(&missing), ["deployment.apps/web: NotFound: deployments.apps \"web\" not found"]);
}

#[test]
fn earlier_revisions_can_be_returned_to() {
    let (mut cluster, _) = with(&pod("a", ""));
    let number = cluster.revision().number;
    cluster.edit_file("a.yaml", &(pod("a", "") + &pod("b", "")), 0);
    let netns = cluster.revision().pod("default", "b").and_then(|pod| pod.netns);
    assert!(cluster.return_to(number));
    random::check(cluster.revision());
    assert_eq!(pods(&cluster, &["default"]).len(), 1);
    assert_eq!(cluster.file("a.yaml").map(|file| file.text.to_string()), Some(pod("a", "")));
    cluster.edit_file("a.yaml", &(pod("a", "") + &pod("c", "")), 0);
    // Numbers of namespaces are never used again.
    assert!(cluster.revision().pod("default", "c").and_then(|pod| pod.netns) > netns);
    assert!(cluster.revision().number > number + 2);
}

#[test]
fn a_bridge_is_history_that_undo_takes_back() {
    let on = |name: &str| pod(name, "  nodeName: worker-1\n");
    let made = |cluster: &Cluster| cluster.revision().node("worker-1").map(|node| node.bridge_made);
    let (mut cluster, _) = with(&on("a").replace("spec:", "spec:\n  hostNetwork: true"));
    assert_eq!(made(&cluster), Some(false), "hostNetwork has no sandbox of its own");
    let before = cluster.revision().number;
    cluster.edit_file("a.yaml", &on("b"), 0);
    assert_eq!(made(&cluster), Some(true));
    cluster.edit_file("a.yaml", "", 0);
    assert_eq!(made(&cluster), Some(true), "the Pod is gone, the bridge is not");
    assert!(cluster.return_to(before));
    assert_eq!(made(&cluster), Some(false));
    cluster.edit_file("a.yaml", &on("c"), 0);
    cluster.delete(&[ObjectKey::node(&"worker-1".into())], 0);
    let node = |name: &str| format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n---\n");
    // CoreDNS needs a place, too.
    let other = node("cp").replace("}\n", ", labels: {node-role.kubernetes.io/control-plane: \"\"}}\n");
    let again = other + &node("worker-1");
    cluster.open_file("again.yaml", &again, true, 0);
    assert_eq!(made(&cluster), Some(false), "a node that joins again is another machine");
}

#[test]
fn the_history_is_bounded_and_keeps_texts_that_are_pointed_into() {
    let (mut cluster, _) = with(&pod("a", ""));
    for n in 0..300 {
        let text = format!("# {n}\n{}", pod("a", "")) + &pod(&format!("b{n}"), "");
        cluster.edit_file("a.yaml", &text, 0);
    }
    assert_eq!(cluster.history().count(), crate::cluster::HISTORY_MAX);
    assert!(cluster.sources().iter().count() < 2 * crate::cluster::HISTORY_MAX);
    let revision = cluster.revision();
    for object in revision.objects.values() {
        assert!(revision.sources.contains_key(&object.written().span.source), "{}", object.key);
    }
}

#[test]
fn a_field_that_a_pod_does_not_have_is_dropped_and_replaces_no_pod() {
    let (mut cluster, _) = with(&pod("a", ""));
    let table = FieldTable::parse(include_str!("../../../../public/fields.txt")).expect("the field table");
    cluster.set_fields(Some(std::sync::Arc::new(table)), 0);
    let uid = |cluster: &Cluster| cluster.revision().pod("default", "a").map(|pod| pod.uid);
    let before = uid(&cluster);
    let applied = cluster.edit_file("a.yaml", &pod("a", "  colour: red\n"), 0);
    assert_eq!(outcomes(&applied), ["pod/a configured"]);
    assert!(rendered(&cluster, &applied).contains("warning: unknown field \"colour\""));
    assert_eq!(uid(&cluster), before);
    cluster.edit_file("a.yaml", &pod("a", "  hostname: red\n"), 0);
    assert_ne!(uid(&cluster), before, "a field that Pods have makes another one");
}
