use super::*;
use crate::protocol::{OpenFile, ReplyBody, Request, RequestBody, Server};

const FIELDS: &str = include_str!("../../../public/fields.txt");
const CLUSTER: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-0, labels: {app: web, tier: front}}\nspec:\n  containers:\n  \
                       - {name: c, image: nginx:1.27, ports: [{name: http, containerPort: 80}]}\n---\napiVersion: v1\nkind: \
                       ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n---\napiVersion: v1\nkind: Namespace\nmetadata: \
                       {name: shop}\n";

fn server() -> Server {
    let mut server = Server::default();
    let files = vec![OpenFile { name: "c.yaml".into(), text: CLUSTER.into(), live: true }];
    server.handle(Request { id: 0, body: RequestBody::Open { files, seed: 1 } });
    server.handle(Request { id: 1, body: RequestBody::Fields { text: FIELDS.into() } });
    server
}

/// The text without its `|`, and the line and column of it.
fn caret(marked: &str) -> (String, u32, u32) {
    let at = marked.find('|').expect("a case has a |");
    let before = &marked[..at];
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() as u32 + 1;
    (marked.replacen('|', "", 1), line, column)
}

fn ask(server: &mut Server, marked: &str) -> Completions {
    let (text, line, column) = caret(marked);
    match server.handle(Request { id: 2, body: RequestBody::Complete { text, line, column } }).body {
        ReplyBody::Completions(found) => found,
        other => panic!("{other:?}"),
    }
}

fn labels(found: &Completions) -> Vec<&str> {
    found.items.iter().map(|item| item.label.as_str()).collect()
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n";

/// Each case: a text with the caret as `|`, what must be offered, and what must not.
#[test]
fn what_fits_is_offered() {
    let mut server = server();
    let pod = |rest: &str| format!("{POD}{rest}");
    let cases: Vec<(String, &[&str], &[&str])> = vec![
        ("|".into(), &["Pod", "Deployment", "Service", "apiVersion", "kind"], &["status"]),
        ("ki|".into(), &["kind"], &[]),
        ("kind: |".into(), &["Pod", "Deployment", "NetworkPolicy"], &["List"]),
        ("kind:|".into(), &["Pod"], &[]),
        ("apiVersion: apps/v1\nkind: De|".into(), &["Deployment"], &[]),
        ("kind: Deployment\napiVersion: |".into(), &["apps/v1", "v1"], &[]),
        ("kind: Pod\n|".into(), &["apiVersion", "metadata", "spec"], &["kind", "status"]),
        (pod("  containers: []\n|"), &["Service"], &["spec", "kind"]),
        (pod("  |"), &["containers", "nodeName", "hostNetwork", "restartPolicy"], &["image", "metadata", "replicas"]),
        (pod("  containers:\n  - |"), &["name", "image", "ports"], &["containers", "- name"]),
        (pod("  containers:\n    - |"), &["name", "image"], &["containers"]),
        (pod("  containers:\n    |"), &["- name", "- image"], &["name"]),
        (pod("  containers:\n  - name: c\n    im|"), &["image"], &["name"]),
        (pod("  containers:\n  - name: c\n    im|\n    command: [x"), &["image"], &["name", "command"]),
        (pod("  containers:\n  - name: c\n    ports:\n    - con|"), &["containerPort", "protocol"], &["ports"]),
        (pod("  containers:\n  - name: c\n    ports: [{con|"), &["containerPort"], &["name: "]),
        (pod("  containers: [{name: c, ports: [{containerPort: 1, protocol: |}]}]"), &["TCP", "UDP", "SCTP"], &[]),
        (pod("  containers:\n  - name: c\n    ports:\n    - protocol: |"), &["TCP"], &["containerPort"]),
        (pod("  restartPolicy: |"), &["Always", "OnFailure", "Never"], &[]),
        (pod("  restartPolicy:\n    |"), &["Always"], &[]),
        (pod("  restartPolicy: \"N|\""), &["Never"], &[]),
        (pod("  hostNetwork: |"), &["true", "false"], &[]),
        (pod("  nodeName: |"), &["worker-1", "worker-2"], &[]),
        (pod("  nodeSelector:\n    |"), &["kubernetes.io/hostname"], &["app"]),
        (pod("  nodeSelector:\n    kubernetes.io/hostname: |"), &["worker-1"], &[]),
        (pod("  containers:\n  - name: c\n    image: |"), &["nginx:1.27", "busybox"], &[]),
        (pod("  containers:\n  - name: c\n    envFrom:\n    - configMapRef:\n        name: |"), &["settings"], &[]),
        (pod("  containers:\n  - name: c\n    resources:\n      limits:\n        |"), &["cpu", "memory"], &[]),
        (pod("  # a comment |"), &[], &["containers"]),
        ("kind: Pod\nmetadata:\n  namespace: |".into(), &["default", "shop", "kube-system"], &[]),
        ("kind: Pod\nmetadata:\n  labels:\n    |".into(), &["app", "tier"], &[]),
        ("kind: Service\nspec:\n  selector: {app: |}".into(), &["web"], &[]),
        ("kind: Service\nspec:\n  selector:\n    ap|".into(), &["app"], &[]),
        ("kind: Service\nspec:\n  type: |".into(), &["ClusterIP", "NodePort"], &[]),
        ("kind: Service\nspec:\n  ports:\n  - targetPort: |".into(), &["http"], &[]),
        ("kind: NetworkPolicy\nspec:\n  policyTypes:\n  - |".into(), &["Ingress", "Egress"], &["- Ingress"]),
        ("kind: NetworkPolicy\nspec:\n  policyTypes:\n  |".into(), &["podSelector", "ingress"], &["policyTypes"]),
        ("kind: NetworkPolicy\nspec:\n  policyTypes:\n    |".into(), &["- Ingress"], &[]),
        ("kind: NetworkPolicy\nspec:\n  policyTypes: [Ing|".into(), &["Ingress", "Egress"], &[]),
        ("kind: NetworkPolicy\nspec:\n  policyTypes: |".into(), &["[Ingress]"], &[]),
        (
            "kind: NetworkPolicy\nspec:\n  podSelector:\n    matchExpressions:\n    - key: app\n      operator: |"
                .into(),
            &["In", "NotIn", "Exists"],
            &[],
        ),
        (
            "kind: NetworkPolicy\nspec:\n  podSelector:\n    matchExpressions:\n    - key: app\n      values: [|"
                .into(),
            &["web"],
            &[],
        ),
        ("kind: NetworkPolicy\nspec:\n  podSelector:\n    matchLabels:\n      |".into(), &["app", "tier"], &[]),
        ("kind: NetworkPolicy\nspec:\n  podSelector: {matchLabels: {app: |}}".into(), &["web"], &[]),
        (
            "kind: NetworkPolicy\nspec:\n  ingress:\n  - from:\n    - namespaceSelector:\n        matchLabels:\n          |".into(),
            &["kubernetes.io/metadata.name"],
            &["app"],
        ),
        (
            "kind: NetworkPolicy\nspec:\n  ingress:\n  - from:\n    - namespaceSelector: {matchLabels: \
             {kubernetes.io/metadata.name: |}}"
                .into(),
            &["shop", "default"],
            &["web"],
        ),
        ("kind: NetworkPolicy\nspec:\n  ingress:\n  - ports:\n    - port: |".into(), &["http"], &[]),
        ("kind: Pod\n|".into(), &["NetworkPolicy: deny all ingress", "NetworkPolicy: egress to DNS only"], &[]),
        (
            "kind: ConfigMap\ndata:\n  x: |\n    kind: Po|".replacen('|', "\u{1}", 1).replace('\u{1}', ">"),
            &[],
            &["Pod"],
        ),
        ("kind: List\nitems:\n- kind: Pod\n  spec:\n    |".into(), &["containers"], &["items"]),
        // Another document does not matter.
        (pod("  x: [\n---\nkind: Service\nspec:\n  |"), &["selector", "ports"], &["containers"]),
        (format!("kind: Service\nspec:\n  |\n---\n{POD}"), &["selector"], &["containers"]),
        // What is broken above does not matter.
        (pod("  containers: [\n  nodeN|"), &["nodeName"], &["image"]),
        (pod("  volumes: {a: \"\n  nodeN|"), &["nodeName"], &[]),
    ];
    for (text, offered, not) in cases {
        let found = ask(&mut server, &text);
        let labels = labels(&found);
        for name in offered {
            assert!(labels.contains(name), "{text:?} does not offer {name}: {labels:?}");
        }
        for name in not {
            assert!(!labels.contains(name), "{text:?} offers {name}");
        }
    }
}

/// The text after the completion `label` has been taken.
fn taken(server: &mut Server, marked: &str, label: &str) -> String {
    let found = ask(server, marked);
    let (text, ..) = caret(marked);
    let item = found.items.iter().find(|item| item.label == label).unwrap_or_else(|| panic!("{label}: {found:?}"));
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let line: Vec<char> = lines[found.line as usize - 1].chars().collect();
    let (from, to) = (found.column as usize - 1, found.end_column as usize - 1);
    let part = |range: &[char]| range.iter().collect::<String>();
    lines[found.line as usize - 1] = [part(&line[..from]), item.insert.clone(), part(&line[to..])].concat();
    lines.join("\n")
}

#[test]
fn what_is_taken_is_written_where_it_belongs() {
    let mut server = server();
    let cases = [
        ("ki|", "kind", "kind: "),
        ("ki|nd: Pod", "kind", "kind: Pod"),
        ("kind:|", "Pod", "kind: Pod"),
        ("kind: P|od # ä", "Service", "kind: Service # ä"),
        ("kind: Pod\nspec:\n  con|", "containers", "kind: Pod\nspec:\n  containers:\n    - "),
        ("kind: Pod\nmeta|", "metadata", "kind: Pod\nmetadata:\n  "),
        ("kind: Pod\nspec:\n  containers:\n    |", "- name", "kind: Pod\nspec:\n  containers:\n    - name: "),
        ("kind: Pod\nspec:\n  containers:\n  - po|", "ports", "kind: Pod\nspec:\n  containers:\n  - ports:\n      - "),
        ("kind: Pod\nspec:\n  containers:\n  |", "nodeName", "kind: Pod\nspec:\n  containers:\n  nodeName: "),
        ("kind: Pod\n|", "Namespace", "kind: Pod\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"),
        ("kind: Pod\nspec: {con|", "containers", "kind: Pod\nspec: {containers: ["),
        ("kind: Pod\nspec: {restartPolicy: 'A|'}", "Never", "kind: Pod\nspec: {restartPolicy: 'Never'}"),
        ("kind: Pod\nspec:\n  hostNetwork: |", "true", "kind: Pod\nspec:\n  hostNetwork: true"),
    ];
    for (text, label, expected) in cases {
        assert_eq!(taken(&mut server, text, label), expected, "{text:?}");
    }
}

#[test]
fn what_is_under_the_pointer_is_told() {
    let mut server = server();
    let mut hover = |marked: &str| {
        let (text, line, column) = caret(marked);
        match server.handle(Request { id: 3, body: RequestBody::Hover { text, line, column } }).body {
            ReplyBody::Hover(found) => found,
            other => panic!("{other:?}"),
        }
    };
    let about = hover("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - ports:\n    - contain|erPort: 80").unwrap();
    assert_eq!(about.title, "spec.containers[].ports[].containerPort");
    assert!(about.text.starts_with("integer, required · Pod v1\n"), "{}", about.text);
    assert_eq!((about.line, about.column, about.end_column), (6, 7, 20));
    let node = hover("kind: Pod\nmetadata: {name: a}\nspec:\n  nodeName: wor|ker-1\n").unwrap();
    assert!(node.text.contains("Node worker-1: 172.18.0."), "{}", node.text);
    assert_eq!(node.object, Some(("Node".into(), "".into(), "worker-1".into())));
    let pods = hover("kind: Service\nmetadata:\n  name: s\nspec:\n  selector:\n    app: w|eb\n").unwrap();
    assert!(pods.text.contains("One Pod in default has app=web: web-0"), "{}", pods.text);
    assert_eq!(pods.object, Some(("Service".into(), "default".into(), "s".into())));
    let policy = "kind: NetworkPolicy\nspec:\n  ingress:\n  - from:\n    - namespaceSelector: {matchLabels: \
                  {kubernetes.io/metadata.name: kube-system}}\n      podSelector: {matchLabels: {k8s-app: kube-dns}}\n";
    let namespaces = hover(&policy.replace("kube-system", "kube-s|ystem")).unwrap();
    let told = "One namespace has kubernetes.io/metadata.name=kube-system: kube-system";
    assert!(namespaces.text.contains(told), "{}", namespaces.text);
    let elsewhere = hover(&policy.replace("kube-dns", "kube-d|ns")).unwrap();
    assert!(elsewhere.text.contains("2 Pods have k8s-app=kube-dns: coredns-"), "{}", elsewhere.text);
    let none = hover("kind: Pod\nspec:\n  nodeName: nowher|e\n").unwrap();
    assert!(none.text.contains("There is no Node nowhere"), "{}", none.text);
    let due = hover("kind: Pod\nspec:\n  restartPolicy: |\n").unwrap();
    assert_eq!(due.title, "spec.restartPolicy");
    let blank = hover("kind: Pod\nmetadata:\n  name: a\n  namespace: shop\n|\n").unwrap();
    assert_eq!(blank.object, Some(("Pod".into(), "shop".into(), "a".into())));
    assert_eq!(hover("# no|thing\n"), None);
    assert_eq!(hover("|"), None);
}

#[test]
fn without_a_field_table_kinds_and_names_are_known() {
    let mut server = Server::default();
    assert!(labels(&ask(&mut server, "kind: |")).contains(&"Pod"));
    assert!(labels(&ask(&mut server, "apiVersion: |")).contains(&"apps/v1"));
    assert!(labels(&ask(&mut server, "kind: Pod\nspec:\n  nodeName: |")).contains(&"worker-1"));
}

/// Every place of texts that are cut and garbled has an answer.
#[test]
fn nothing_makes_it_stumble() {
    let mut server = server();
    let pieces = [
        CLUSTER,
        "- - - a: [",
        "a: \"b",
        "{",
        "}",
        "[,",
        "]: ",
        "'",
        "\": ",
        "ä: ö😀\n  ü: [",
        ": :",
        "---",
        "...",
        "\t- x:",
        "k: |\n  x\n y",
        "&a *a !!t",
        "\r\n",
        "- {a: [b, {c: d",
        "# x",
        "a: 'it''s' # c",
        "\u{0}",
        "? a\n: b",
        "",
    ];
    for (index, one) in pieces.iter().enumerate() {
        for other in &pieces {
            let text = if index % 2 == 0 { format!("{one}\n  {other}") } else { format!("{one}{other}") };
            for (number, line) in text.lines().enumerate().chain([(usize::MAX - 1, ""), (99, "")]).take(9) {
                for column in (0..line.chars().count() as u32 + 3).step_by(2) {
                    let (text, line) = (text.clone(), (number as u32).wrapping_add(1));
                    let complete = RequestBody::Complete { text: text.clone(), line, column };
                    for body in [complete, RequestBody::Hover { text, line, column }] {
                        let reply = server.handle(Request { id: 0, body }).body;
                        assert!(matches!(reply, ReplyBody::Completions(_) | ReplyBody::Hover(_)));
                    }
                }
            }
        }
    }
}
