//! kubectl at the terminal of a cluster. Columns and messages are those of Kubernetes 1.34.

use crate::cluster::Options;
use crate::console::shell::Stream;
use crate::console::terminal::Terminal;
use crate::world::World;

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata:
  name: pod-a
  labels: {app: web, tier: front}
spec:
  containers:
  - name: main
    image: busybox
    command: [sleep, infinity]
---
apiVersion: v1
kind: Pod
metadata:
  name: pod-b
spec:
  nodeName: worker-2
  containers:
  - {name: one, image: nginx}
  - {name: two, image: busybox, command: [sleep, infinity]}
---
apiVersion: v1
kind: Pod
metadata: {name: stuck}
spec:
  nodeSelector: {disk: ssd}
  containers: [{name: main, image: nginx}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web2}}
  template:
    metadata: {labels: {app: web2}}
    spec: {containers: [{name: nginx, image: \"nginx:1.27\"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  clusterIP: 10.96.5.5
  selector: {app: web2}
  ports: [{name: http, port: 80, nodePort: 30080}, {name: https, port: 443, protocol: TCP}]
";

struct Console {
    world: World,
    terminal: Terminal,
}

impl Console {
    fn new() -> Console {
        let mut world = World::new(Options { seed: 1, ..Options::default() });
        let applied = world.open_file("pods.yaml", PODS, true);
        assert!(applied.committed, "{}", applied.diagnostics.render(world.cluster().sources()));
        world.open_file(
            "later.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm, namespace: nope}\ndata: {a: b}\n",
            false,
        );
        world.open_file(
            "extra.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: b, c: d}\n",
            false,
        );
        Console { world, terminal: Terminal::default() }
    }

    /// Standard output, standard error and status of a line.
    fn run(&mut self, line: &str) -> (String, String, i32) {
        let ran = self.terminal.run(&mut self.world, line);
        let of = |stream| {
            ran.chunks.iter().filter(|chunk| chunk.stream == stream).map(|chunk| chunk.text.as_str()).collect()
        };
        (of(Stream::Out), of(Stream::Err), ran.status)
    }
}

#[track_caller]
fn prints(line: &str, out: &str) {
    assert_eq!(Console::new().run(line), (out.to_string(), String::new(), 0), "{line}");
}

#[track_caller]
fn fails(line: &str, err: &str, status: i32) {
    assert_eq!(Console::new().run(line), (String::new(), err.to_string(), status), "{line}");
}

#[test]
fn tables_of_every_kind() {
    prints(
        "kubectl get pods pod-a pod-b stuck -o wide",
        "NAME    READY   STATUS    RESTARTS   AGE   IP           NODE       NOMINATED NODE   READINESS GATES\n\
         pod-a   1/1     Running   0          0s    10.244.1.2   worker-1   <none>           <none>\n\
         pod-b   2/2     Running   0          0s    10.244.2.2   worker-2   <none>           <none>\n\
         stuck   0/1     Pending   0          0s    <none>       <none>     <none>           <none>\n",
    );
    prints(
        "kubectl get no -owide | cut -c1-91",
        "NAME            STATUS   ROLES           AGE   VERSION   INTERNAL-IP   EXTERNAL-IP   OS-IMA\n\
         control-plane   Ready    control-plane   0s    v1.34.0   172.18.0.2    <none>        Debian\n\
         worker-1        Ready    <none>          0s    v1.34.0   172.18.0.3    <none>        Debian\n\
         worker-2        Ready    <none>          0s    v1.34.0   172.18.0.4    <none>        Debian\n",
    );
    prints(
        "kubectl get deploy,svc -o wide",
        "NAME                  READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES       SELECTOR\n\
         deployment.apps/web   2/2     2            2           0s    nginx        nginx:1.27   app=web2\n\
         \n\
         NAME                 TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)                      AGE   SELECTOR\n\
         service/kubernetes   ClusterIP   10.96.0.1    <none>        443/TCP                      0s    <none>\n\
         service/web          NodePort    10.96.5.5    <none>        80:30080/TCP,443:30591/TCP   0s    app=web2\n",
    );
    prints("kubectl get rs --no-headers | sed 's/web-[^ ]*/web-HASH/'", "web-HASH   2     2     2     0s\n");
    prints(
        "kubectl get ds -n kube-flannel",
        "NAME              DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE\n\
         kube-flannel-ds   3         3         3       3            3           <none>          0s\n",
    );
    prints(
        "kubectl get ns default kube-system",
        "NAME          STATUS   AGE\ndefault       Active   0s\nkube-system   Active   0s\n",
    );
    prints(
        "kubectl get cm -n kube-flannel kube-flannel-cfg",
        "NAME               DATA   AGE\nkube-flannel-cfg   2      0s\n",
    );
}

#[test]
fn selection() {
    prints(
        "kubectl get pods -l app=web -o name; kubectl get po -l 'app in (web,x),tier!=back' --no-headers | wc -l",
        "pod/pod-a\n1\n",
    );
    prints(
        "kubectl get pods --field-selector spec.nodeName=worker-2,metadata.name!=x,spec.hostNetwork=false -o name | grep pod-b",
        "pod/pod-b\n",
    );
    prints(
        "kubectl get pod/pod-a deploy/web -o name; k get pods -A -o name | grep -c coredns",
        "pod/pod-a\ndeployment.apps/web\n2\n",
    );
    prints(
        "kubectl get pods -A | head -1; kubectl get nodes -A | head -1",
        "NAMESPACE      NAME                                    READY   STATUS    RESTARTS   AGE\nNAME            STATUS   ROLES           AGE   VERSION\n",
    );
    prints(
        "kubectl get pod pod-a --show-labels -L tier",
        "NAME    READY   STATUS    RESTARTS   AGE   TIER    LABELS\npod-a   1/1     Running   0          0s    front   app=web,tier=front\n",
    );
    fails("kubectl get pods -n empty", "No resources found in empty namespace.\n", 0);
    fails("kubectl get pv", "No resources found\n", 0);
    fails("kubectl get pod nope", "Error from server (NotFound): pods \"nope\" not found\n", 1);
    fails("kubectl get deploy nope -o yaml", "Error from server (NotFound): deployments.apps \"nope\" not found\n", 1);
    fails("kubectl get foo", "error: the server doesn't have a resource type \"foo\"\n", 1);
    fails("kubectl get pods -A pod-a", "error: a resource cannot be retrieved by name across all namespaces\n", 1);
    fails(
        "kubectl get pods -w",
        "error: podhop's kubectl has no --watch: every command sees the cluster when it has settled\n",
        1,
    );
}

#[test]
fn formats() {
    prints("kubectl get pod pod-a -o jsonpath='{.status.podIP} {.spec.nodeName}'", "10.244.1.2 worker-1");
    prints(
        "kubectl get pods -o jsonpath='{range .items[?(@.spec.nodeName==\"worker-2\")]}{.metadata.name}{\"\\n\"}{end}' | head -1",
        "pod-b\n",
    );
    prints("IP=$(kubectl get pod pod-b -o jsonpath={.status.podIP}); echo $IP", "10.244.2.2\n");
    prints(
        "kubectl get pods pod-a stuck -o custom-columns=NAME:.metadata.name,IP:status.podIP,IMG:'{.spec.containers[*].image}'",
        "NAME    IP           IMG\npod-a   10.244.1.2   busybox\nstuck   <none>       nginx\n",
    );
    prints(
        "kubectl get pod pod-a -o yaml | head -2; kubectl get pods -o json | tail -n 5 | head -n 1",
        "apiVersion: v1\nkind: Pod\n    \"kind\": \"List\",\n",
    );
    prints(
        "kubectl get pods pod-a pod-b stuck --sort-by=.spec.nodeName --no-headers | cut -c1-5",
        "stuck\npod-a\npod-b\n",
    );
    fails(
        "kubectl get pods -o jsonpath='{.items[*'",
        "error: error parsing jsonpath {.items[*, unterminated array\n",
        1,
    );
    fails("kubectl get pods -o jsonpath", "error: template format specified but no template given\n", 1);
    let (_, err, _) = Console::new().run("kubectl get pods -o foo");
    assert!(
        err.starts_with(
            "error: unable to match a printer suitable for the output format \"foo\", allowed formats are: "
        )
    );
}

#[test]
fn usage_errors() {
    fails("kubectl get pods --foo", "error: unknown flag: --foo\nSee 'kubectl get --help' for usage.\n", 1);
    fails("kubectl get pods -n", "error: flag needs an argument: 'n' in -n\nSee 'kubectl get --help' for usage.\n", 1);
    fails("kubectl gett", "error: unknown command \"gett\" for \"kubectl\"\n\nDid you mean this?\n\tget\n\tset\n\n", 1);
    assert!(
        Console::new()
            .run("kubectl annotate deploy web a=b")
            .1
            .starts_with("error: podhop's kubectl has no annotate yet; it has get, ")
    );
    prints("kubectl -n kube-system get ds -o name", "daemonset.apps/kube-proxy\n");
    prints("kubectl version", "Client Version: v1.34.0\nKustomize Version: v5.7.1\nServer Version: v1.34.0\n");
    prints(
        "kubectl api-resources | grep deploy",
        "deployments                 deploy       apps/v1                        true         Deployment\n",
    );
}

#[test]
fn apply_and_delete_change_the_cluster() {
    let mut console = Console::new();
    assert_eq!(console.run("kubectl apply -f extra.yaml"), ("configmap/cm created\n".into(), String::new(), 0));
    assert_eq!(console.run("kubectl apply -f ./extra.yaml").0, "configmap/cm unchanged\n");
    assert_eq!(console.run("kubectl get cm cm --no-headers").0, "cm    2     0s\n");
    let (out, err, status) = console.run("kubectl apply -f later.yaml");
    assert_eq!((out.as_str(), status), ("", 1));
    assert!(
        err.starts_with(
            "Error from server (NotFound): error when creating \"later.yaml\": namespaces \"nope\" not found\n"
        ),
        "{err}"
    );
    let heredoc = ["kubectl apply -f - <<EOF", "apiVersion: v1", "kind: Namespace", "metadata:", "  name: $NS", "EOF"];
    console.run("NS=blue");
    let last = heredoc.map(|line| console.run(line)).into_iter().next_back();
    assert_eq!(last, Some(("namespace/blue created\n".into(), String::new(), 0)));
    assert_eq!(
        console.run("kubectl delete pod pod-a pod-x"),
        (
            "pod \"pod-a\" deleted from default namespace\n".into(),
            "Error from server (NotFound): pods \"pod-x\" not found\n".into(),
            1
        )
    );
    assert_eq!(console.run("kubectl delete ns/blue").0, "namespace \"blue\" deleted\n");
    assert_eq!(console.run("kubectl delete -f extra.yaml").0, "configmap \"cm\" deleted from default namespace\n");
    assert_eq!(console.run("kubectl delete deploy web").0, "deployment.apps \"web\" deleted from default namespace\n");
    assert_eq!(console.run("kubectl get pods -o name").0, "pod/pod-b\npod/stuck\n");
    assert_eq!(console.run("kubectl delete pods").1, "error: resource(s) were provided, but no name was specified\n");
    assert_eq!(console.run("kubectl delete pods --all -o name").0, "pod/pod-b\npod/stuck\n");
    assert_eq!(console.run("kubectl apply -f nope.yaml").1, "error: the path \"nope.yaml\" does not exist\n");
    assert_eq!(console.run("kubectl apply").1, "error: must specify one of -f and -k\n");
}

#[test]
fn exec_runs_in_containers() {
    prints("kubectl exec pod-a -- hostname; kubectl exec deploy/web -- sh -c 'hostname' | cut -c1-4", "pod-a\nweb-\n");
    prints("kubectl exec pod-a -- sh -c 'x=1; echo $((x+1)) | sed s/2/two/'", "two\n");
    prints("echo hi | kubectl exec -i pod-a -- cat", "hi\n");
    assert_eq!(
        Console::new().run("kubectl exec pod-b -- hostname"),
        ("pod-b\n".into(), "Defaulted container \"one\" out of: one, two\n".into(), 0)
    );
    prints("kubectl exec pod-b -c two -- sh -c 'exit 0'", "");
    fails("kubectl exec pod-a -- sh -c 'exit 3'", "command terminated with exit code 3\n", 3);
    fails("kubectl exec pod-x -- ls", "Error from server (NotFound): pods \"pod-x\" not found\n", 1);
    fails("kubectl exec pod-a -c x -- ls", "error: container x not found in pod pod-a\n", 1);
    fails("kubectl exec stuck -- ls", "Error from server (BadRequest): pod stuck does not have a host assigned\n", 1);
    fails("kubectl exec pod-a", "error: you must specify at least one command for the container\n", 1);
    let (_, err, status) = Console::new().run("kubectl exec pod-a -- nosuch");
    assert!(
        err.starts_with("error: Internal error occurred: error executing command in container: ") && status == 1,
        "{err}"
    );
    assert!(err.ends_with("exec: \"nosuch\": executable file not found in $PATH\n"), "{err}");
}

#[test]
fn a_container_can_be_entered_and_left() {
    let mut console = Console::new();
    console.run("kubectl exec -it pod-a -- sh");
    assert_eq!((console.run("hostname").0.as_str(), console.terminal.prompt().as_str()), ("pod-a\n", "/ # "));
    console.run("exit");
    assert_eq!(console.terminal.prompt(), "student@host $ ");
}

#[test]
fn scale_sets_replicas_and_the_manifest_sets_them_back() {
    let mut console = Console::new();
    let ready = |console: &mut Console| console.run("kubectl get deploy web -o jsonpath={.status.readyReplicas}").0;
    assert_eq!(console.run("kubectl scale deployment/web --replicas 5").0, "deployment.apps/web scaled\n");
    assert_eq!(ready(&mut console), "5");
    assert_eq!(
        console.run("kubectl scale deploy web --replicas=1 --current-replicas=2").1,
        "error: Expected replicas to be 2, was 5\n"
    );
    assert_eq!(console.run("kubectl scale deploy web --replicas=0 --current-replicas=5").2, 0);
    assert_eq!(ready(&mut console), "");
    fails("kubectl scale deploy web", "error: required flag(s) \"replicas\" not set\n", 1);
    fails("kubectl scale pod pod-a --replicas=2", "error: the server could not find the requested resource\n", 1);
    fails(
        "kubectl scale deploy no --replicas=2",
        "Error from server (NotFound): deployments.apps \"no\" not found\n",
        1,
    );
}

#[test]
fn debug_leaves_a_pod_on_the_node() {
    let mut console = Console::new();
    fails("kubectl debug node/worker-1", "error: you must specify --image when not using --copy-to.\n", 1);
    fails("kubectl debug node/x --image=busybox", "Error from server (NotFound): nodes \"x\" not found\n", 1);
    let (out, err, status) = console.run("kubectl debug node/worker-1 -it --image=busybox -- hostname");
    assert_eq!((out.as_str(), status), ("worker-1\n", 0), "{err}");
    let name = err.strip_prefix("Creating debugging pod ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    assert!(
        err.contains(" with container debugger on node worker-1.\nAll commands and output")
            && name.starts_with("node-debugger-worker-1-"),
        "{err}"
    );
    assert_eq!(
        console.run(&format!("kubectl get pod {name} -o jsonpath='{{.spec.hostNetwork}} {{.status.phase}}'")).0,
        "true Succeeded"
    );
}

#[test]
fn nodes_are_reached_by_ssh_and_from_a_debugging_pod() {
    prints("ssh worker-1 hostname; ssh root@172.18.0.4 'hostname | tr w W'", "worker-1\nWorker-2\n");
    fails("ssh nope ls", "ssh: Could not resolve hostname nope: Name or service not known\n", 255);
    let mut console = Console::new();
    console.run("ssh worker-2");
    assert_eq!(console.terminal.prompt(), "root@worker-2:/root# ");
    console.run("exit");
    let debug = "kubectl debug node/worker-1 -it -q --image=busybox --profile=sysadmin --";
    assert_eq!(console.run(&format!("{debug} chroot /host ip -br link | head -n 1 | cut -c1-2")).0, "lo\n");
    let (_, err, _) = console.run(&format!("{debug} chroot /nope ls"));
    assert!(err.starts_with("chroot: can't change root directory to '/nope': No such file or directory\n"), "{err}");
}

#[test]
fn a_namespace_flag_holds_for_what_is_applied() {
    let mut console = Console::new();
    console.run("kubectl apply -f - <<EOF\napiVersion: v1\nkind: Namespace\nmetadata: {name: blue}\nEOF");
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n---\n{\"apiVersion\": \"v1\", \"kind\": \
                \"ConfigMap\", \"metadata\": {\"name\": \"two\"}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: \
                {name: green}\nEOF";
    let (out, err, status) = console.run(&format!("kubectl apply -n blue -f - <<EOF\n{text}"));
    assert_eq!(
        (out.as_str(), status),
        ("configmap/one created\nconfigmap/two created\nnamespace/green created\n", 0),
        "{err}"
    );
    assert_eq!(console.run("kubectl get cm -n blue one two -o name").0, "configmap/one\nconfigmap/two\n");
    let (_, err, status) = console.run(&format!("kubectl apply -n nosuch -f - <<EOF\n{text}"));
    let expected = "Error from server (NotFound): error when creating \"STDIN\": namespaces \"nosuch\" not found\n";
    assert!(err.starts_with(expected) && status == 1, "{err}");
    assert_eq!(
        console.run("kubectl apply -n blue -f later.yaml"),
        (
            String::new(),
            "error: the namespace from the provided object \"nope\" does not match the namespace \"blue\". You must pass \
             '--namespace=nope' to perform this operation.\n"
                .into(),
            1
        )
    );
    let (out, err, status) = console.run("kubectl apply -n blue -f extra.yaml");
    assert!(err.starts_with("error: -n blue has no effect on extra.yaml, ") && status == 1 && out.is_empty(), "{err}");
    assert_eq!(console.run("kubectl apply -n default -f extra.yaml").0, "configmap/cm created\n");
}

#[test]
fn some_namespaces_stay() {
    for name in ["default", "kube-system", "kube-public"] {
        let expected = format!(
            "Error from server (Forbidden): namespaces \"{name}\" is forbidden: this namespace may not be deleted\n"
        );
        fails(&format!("kubectl delete ns {name}"), &expected, 1);
    }
    prints("kubectl delete ns default kube-node-lease 2>/dev/null || true", "namespace \"kube-node-lease\" deleted\n");
}

#[test]
fn a_bad_label_selector_is_a_bad_request() {
    fails(
        "kubectl get pods -l 'app=a b'",
        "Error from server (BadRequest): Unable to find \"/v1, Resource=pods\" that match label selector \"app=a b\", field \
         selector \"\": found 'b', expected: ',' or 'end of string'\n",
        1,
    );
}

#[test]
fn containers_know_their_hostname() {
    prints("kubectl exec pod-a -- printenv HOSTNAME; kubectl exec pod-a -- sh -c 'echo $HOSTNAME'", "pod-a\npod-a\n");
    let mut console = Console::new();
    console.run("kubectl exec -it pod-a -- sh");
    assert_eq!(console.run("echo $HOSTNAME").0, "pod-a\n");
}
