use super::*;
use crate::manifest::{Diagnostics, Sources, parse};

fn check_text(text: &str) -> Vec<String> {
    let table = FieldTable::parse(include_str!("../../../../public/fields.txt")).unwrap();
    let mut sources = Sources::default();
    let source = sources.add("f", text);
    let mut diagnostics = Diagnostics::default();
    for document in parse(&source, &mut diagnostics) {
        check(&document.root, &table, &mut diagnostics);
    }
    let line = |d: &crate::manifest::Diagnostic| {
        let hint = d.hint.as_ref().map_or(String::new(), |hint| format!(" | {hint}"));
        format!("{}: {}: {}{hint}", &sources.location(d.span)[2..], d.severity.as_str(), d.message)
    };
    diagnostics.iter().map(line).collect()
}

#[test]
fn fields_are_known_or_explained() {
    let pod = |spec: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n{spec}");
    let container = "  containers:\n  - name: a\n    image: i\n";
    let cases = [
        (
            pod(&format!("{container}    comand: [x]\n")),
            "8:5: warning: unknown field \"comand\" | did you mean \"command\"?",
        ),
        (
            pod(&format!("{container}    hostNetwork: true\n")),
            "8:5: warning: unknown field \"hostNetwork\" | it belongs under spec",
        ),
        (
            pod(&format!("{container}  ports: []\n")),
            "8:3: warning: unknown field \"ports\" | it belongs under spec.containers[]",
        ),
        (pod(&format!("{container}  replicas: 3\n")), "8:3: warning: unknown field \"replicas\""),
        (
            pod(&format!("{container}    tty: \"true\"\n")),
            "8:10: error: expected true or false, found string \"true\" | remove the quotes",
        ),
        (pod("  containers:\n  - image: i\n"), "6:5: error: Required value: name"),
        (
            pod(&format!("{container}  restartPolicy: always\n")),
            "8:18: error: Unsupported value: \"always\": supported values: \"Always\", \"Never\", \"OnFailure\" | did you mean \"Always\"?",
        ),
        (
            pod(&format!("{container}    resources: {{limits: {{cpu: 1x}}}}\n")),
            "8:31: error: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' | for example 100m, 0.5, 64Mi or 1Gi",
        ),
        (
            pod(&format!("{container}  nodeSelector: [a]\n")),
            "8:17: error: expected a mapping, found a list | remove the `- `",
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nspec:\n  selector: {}\n  template: {}\n  containers: []\n"
                .to_owned(),
            "6:3: warning: unknown field \"containers\" | it belongs under spec.template.spec",
        ),
        (
            "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnode: []\n".to_owned(),
            "3:1: warning: unknown field \"node\" | did you mean \"nodes\"?",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(check_text(&text), [expected], "{text}");
    }
}

#[test]
fn a_dump_of_a_cluster_passes() {
    let text = r#"
apiVersion: v1
kind: Pod
metadata:
  creationTimestamp: "2024-01-01T00:00:00Z"
  name: a
  ownerReferences:
  - {apiVersion: apps/v1, kind: ReplicaSet, name: b, uid: c, controller: true, blockOwnerDeletion: true}
spec:
  containers:
  - name: a
    image: i
    resources: {requests: {cpu: 100m, memory: 64Mi, "example.com/x": 1}}
    volumeMounts: [{name: v, mountPath: /v, readOnly: true}]
    livenessProbe: {httpGet: {path: /, port: http, scheme: HTTP}, periodSeconds: 10}
    securityContext: {capabilities: {add: [NET_ADMIN]}, runAsUser: 0}
  tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 300}]
  volumes:
  - name: v
    projected: {defaultMode: 420, sources: [{serviceAccountToken: {expirationSeconds: 3607, path: token}}]}
status:
  conditions: [{lastProbeTime: null, lastTransitionTime: "2024-01-01T00:00:00Z", status: "True", type: Ready}]
  containerStatuses: [{containerID: x, image: i, imageID: z, lastState: {}, name: a, ready: true, restartCount: 0, started: true, state: {running: {startedAt: "2024-01-01T00:00:00Z"}}}]
  hostIP: 172.18.0.2
  hostIPs: [{ip: 172.18.0.2}]
  phase: Running
  podIP: 10.244.1.2
  podIPs: [{ip: 10.244.1.2}]
  qosClass: Burstable
  startTime: "2024-01-01T00:00:00Z"
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
endpoints: null
ports: [{name: "", port: 80, protocol: TCP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80, endPort: 90, protocol: TCP}]}]
"#;
    assert_eq!(check_text(text), [""; 0]);
}

#[test]
fn a_bad_table_names_its_line() {
    assert_eq!(FieldTable::parse("A\n x nothing\n").unwrap_err(), "line 2: cannot read ` x nothing`");
    assert_eq!(FieldTable::parse("kind v1 Pod Pod\n").unwrap_err(), "line 1: cannot read `kind v1 Pod Pod`");
}
