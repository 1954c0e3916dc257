//! Completion over a small cluster.

use super::{CANDIDATES_MAX, Completion};
use crate::cluster::Options;
use crate::console::terminal::Terminal;
use crate::world::World;

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: pod-a, labels: {app: web, tier: front}}
spec: {nodeName: worker-1, containers: [{name: main, image: busybox, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: pod-b, labels: {app: db}}
spec:
  nodeName: worker-2
  containers: [{name: one, image: nginx}, {name: two, image: nicolaka/netshoot, command: [sleep, infinity]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front}
spec:
  replicas: 1
  selector: {matchLabels: {app: front}}
  template: {metadata: {labels: {app: front}}, spec: {containers: [{name: web, image: nginx}]}}
";

struct Lab {
    world: World,
    terminal: Terminal,
}

impl Lab {
    fn new() -> Lab {
        let mut world = World::new(Options::default());
        let applied = world.open_file("pods.yaml", PODS, true);
        assert!(applied.committed, "{:?}", applied.diagnostics);
        Lab { world, terminal: Terminal::default() }
    }

    fn run(&mut self, line: &str) {
        let ran = self.terminal.run(&mut self.world, line);
        assert_eq!(ran.status, 0, "{line}: {:?}", ran.chunks);
    }

    fn complete(&mut self, line: &str) -> Completion {
        self.terminal.complete(&mut self.world, line, line.len())
    }

    /// What is offered at the end of a line, joined by blanks.
    fn offers(&mut self, line: &str) -> String {
        let found = self.complete(line);
        found.candidates.iter().map(|candidate| candidate.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The line with the one candidate put in; a blank where the word ends.
    fn completed(&mut self, line: &str) -> String {
        let found = self.complete(line);
        let [only] = found.candidates.as_slice() else { panic!("{line}: {found:?}") };
        format!("{}{}{}", &line[..found.start], only.text, if only.ends { " " } else { "" })
    }
}

#[test]
fn commands_of_the_place() {
    let mut lab = Lab::new();
    assert_eq!(lab.completed("kub"), "kubectl ");
    assert_eq!(lab.completed("  k"), "  kubectl ");
    assert_eq!(lab.completed("kubectl get pods | gre"), "kubectl get pods | grep ");
    assert_eq!(lab.completed("if true; then trace"), "if true; then traceroute ");
    assert_eq!(lab.completed("A=b trace"), "A=b traceroute ");
    assert_eq!(lab.completed("echo $(trace"), "echo $(traceroute ");
    assert_eq!(lab.completed("echo `trace"), "echo `traceroute ");
    assert_eq!(lab.completed("ping x 2>/dev/null || trace"), "ping x 2>/dev/null || traceroute ");
    assert_eq!(lab.offers("expo"), "export");
    // What the image has, or the node.
    lab.run("kubectl exec -it pod-a -- sh");
    assert_eq!(lab.offers("kub"), "");
    assert_eq!(lab.offers("bas"), "basename");
    lab.run("exit");
    lab.run("kubectl exec -it pod-b -c one -- sh");
    assert_eq!(lab.offers("trace"), "");
    lab.run("exit");
    lab.run("ssh worker-1");
    assert_eq!(lab.offers("brid"), "bridge");
    assert_eq!(lab.offers("ssh worker-2 brid"), "");
}

#[test]
fn kubectl_s_words() {
    let mut lab = Lab::new();
    assert_eq!(lab.offers("kubectl de"), "debug delete describe");
    assert_eq!(lab.completed("kubectl sc"), "kubectl scale ");
}

#[test]
fn calicoctl_s_words() {
    let mut lab = Lab::new();
    assert_eq!(lab.offers("calicoctl "), "get ipam node version");
    assert_eq!(lab.offers("calicoctl get w"), "workloadendpoints");
    assert_eq!(lab.offers("calicoctl get nodes worker"), "worker-1 worker-2");
    assert_eq!(lab.offers("calicoctl get profile -o "), "custom-columns= json wide yaml");
    assert_eq!(lab.offers("calicoctl get nodes -o custom-columns=NAME,I"), "IPV4 IPV6");
    assert_eq!(lab.completed("ssh worker-1 calicoctl node s"), "ssh worker-1 calicoctl node status ");
    assert_eq!(lab.completed("calicoctl ipam show --ip"), "calicoctl ipam show --ip=");
}

#[test]
fn kinds_and_names() {
    let mut lab = Lab::new();
    assert_eq!(lab.offers("kubectl get pod"), "poddisruptionbudgets pods");
    assert_eq!(lab.offers("kubectl get svc"), "svc");
    assert_eq!(lab.completed("kubectl get namesp"), "kubectl get namespaces ");
    assert_eq!(lab.completed("kubectl get pods,namesp"), "kubectl get pods,namespaces ");
    assert_eq!(lab.offers("kubectl get po pod"), "pod-a pod-b");
    assert_eq!(lab.offers("kubectl get po pod-a pod"), "pod-b");
    assert_eq!(lab.offers("k get po/pod"), "pod-a pod-b");
    assert_eq!(
        lab.completed("kubectl get po/pod-a node/worker-1 node/contr"),
        "kubectl get po/pod-a node/worker-1 node/control-plane "
    );
    assert_eq!(lab.offers("kubectl get ds -n kube-flannel "), "kube-flannel-ds");
    assert_eq!(lab.offers("kubectl -n kube-flannel get ds "), "kube-flannel-ds");
    assert_eq!(lab.offers("kubectl --namespace=kube-flannel get ds "), "kube-flannel-ds");
    assert_eq!(lab.offers("kubectl get pods -A "), "");
    assert_eq!(lab.offers("kubectl scale d"), "deployments");
    assert_eq!(lab.completed("kubectl scale deploy fr"), "kubectl scale deploy front ");
    assert_eq!(lab.offers("kubectl get nothing "), "");
    assert_eq!(lab.offers("kubectl nothing "), "");
    let found = lab.complete("kubectl get pods pod-a");
    assert!(found.candidates[0].about.ends_with(" on worker-1"), "{found:?}");
}

#[test]
fn flags_and_their_values() {
    let mut lab = Lab::new();
    assert_eq!(lab.offers("kubectl get pods --show-"), "--show-kind --show-labels --show-managed-fields");
    assert_eq!(lab.completed("kubectl get pods --names"), "kubectl get pods --namespace=");
    for line in ["-n kube-f", "-nkube-f", "-n=kube-f", "--namespace=kube-f", "--namespace kube-f"] {
        let expected = format!("kubectl get pods {} ", line.replace("kube-f", "kube-flannel"));
        assert_eq!(lab.completed(&format!("kubectl get pods {line}")), expected);
    }
    assert_eq!(lab.completed("kubectl -n kube-f"), "kubectl -n kube-flannel ");
    assert_eq!(lab.offers("kubectl get pods -o "), "custom-columns= json jsonpath= name wide yaml");
    assert_eq!(lab.offers("kubectl get pods -ow"), "wide");
    assert_eq!(lab.completed("kubectl get pods -o=y"), "kubectl get pods -o=yaml ");
    assert_eq!(lab.offers("kubectl api-resources -o "), "name wide");
    assert_eq!(lab.offers("kubectl get pods -l "), "app= pod-template-hash= tier=");
    assert_eq!(lab.offers("kubectl get pods -l app="), "db front web");
    assert_eq!(lab.completed("kubectl get pods -l app=web,ti"), "kubectl get pods -l app=web,tier=");
    assert_eq!(lab.offers("kubectl get pods --selector=tier="), "front");
    assert_eq!(lab.offers("kubectl get pods -L a"), "app");
    assert_eq!(lab.completed("kubectl apply -f po"), "kubectl apply -f pods.yaml ");
    assert_eq!(lab.completed("kubectl apply "), "kubectl apply -f ");
    assert_eq!(lab.offers("kubectl debug node/worker-1 --image=nico"), "nicolaka/netshoot");
    assert_eq!(lab.offers("kubectl debug node/worker-1 --profile=net"), "netadmin");
}

#[test]
fn exec_ssh_and_debug() {
    let mut lab = Lab::new();
    assert_eq!(lab.offers("kubectl exec po"), "pod-a pod-b");
    assert_eq!(lab.completed("kubectl exec -it deploy/f"), "kubectl exec -it deploy/front ");
    assert_eq!(lab.offers("kubectl exec pod-b -c "), "one two");
    assert_eq!(lab.completed("kubectl exec pod-a "), "kubectl exec pod-a -- ");
    assert_eq!(lab.completed("kubectl exec pod-a -- trace"), "kubectl exec pod-a -- traceroute ");
    assert_eq!(lab.offers("kubectl exec pod-b -- trace"), "", "nginx has none");
    assert_eq!(lab.completed("kubectl exec pod-b -c two -- brid"), "kubectl exec pod-b -c two -- bridge ");
    assert_eq!(lab.offers("kubectl exec pod-a -- ip ro"), "route");
    assert_eq!(lab.offers("kubectl exec pod-a -- cat /etc/hostn"), "/etc/hostname");
    assert_eq!(lab.offers("kubectl exec nobody -- i"), "");
    assert_eq!(lab.offers("kubectl exec pod-a -- kub"), "");
    assert_eq!(lab.offers("ssh work"), "worker-1 worker-2");
    assert_eq!(lab.completed("ssh root@contr"), "ssh root@control-plane ");
    assert_eq!(lab.completed("ssh worker-1 ip route sh"), "ssh worker-1 ip route show ");
    assert_eq!(lab.offers("kubectl debug "), "node/control-plane node/worker-1 node/worker-2");
}

#[test]
fn tools_options_and_operands() {
    let mut lab = Lab::new();
    let found = lab.complete("ping -");
    let count = found.candidates.iter().find(|candidate| candidate.text == "-c").expect("-c");
    assert_eq!(count.about, "how many requests");
    assert!(lab.offers("ping 10.244.").contains("10.244.1.2"));
    assert_eq!(lab.offers("ping -c "), "");
    assert!(lab.offers("ping -I ").split(' ').any(|name| name == "lo"));
    assert_eq!(lab.offers("ip r"), "route rule");
    assert_eq!(lab.completed("ssh worker-1 ip -br link show dev cn"), "ssh worker-1 ip -br link show dev cni0 ");
    assert_eq!(lab.completed("sysctl net.ipv4.ip_f"), "sysctl net.ipv4.ip_forward ");
    assert_eq!(lab.offers("ssh worker-1 bridge fdb show dev flannel"), "flannel.1");
    assert!(lab.offers("grep -").contains("-v"));
    // The images' own tools differ.
    assert!(!lab.offers("kubectl exec pod-a -- ping -").contains("-M"));
    assert!(lab.offers("kubectl exec pod-b -c two -- ping -").contains("-M"));
}

#[test]
fn files_and_variables() {
    let mut lab = Lab::new();
    assert_eq!(lab.completed("cat pod"), "cat pods.yaml ");
    assert_eq!(lab.completed("cat /etc/resol"), "cat /etc/resolv.conf ");
    assert_eq!(lab.completed("cat ~/po"), "cat ~/pods.yaml ");
    assert_eq!(lab.completed("grep x < pod"), "grep x < pods.yaml ");
    assert_eq!(lab.completed("echo x >pod"), "echo x >pods.yaml ");
    assert_eq!(lab.offers("cd /et"), "/etc/");
    assert_eq!(lab.complete("cat /etc/hostn").candidates[0].shown, "hostname");
    lab.run("POD_IP=10.244.1.2");
    assert_eq!(lab.completed("ping $POD"), "ping $POD_IP");
    assert_eq!(lab.completed("ping \"${POD"), "ping \"${POD_IP}");
    assert_eq!(lab.offers("echo '$POD"), "");
    assert_eq!(lab.offers("cat <<EO"), "");
    assert_eq!(lab.offers("# kub"), "");
    lab.run("echo hello > 'my notes.txt'");
    assert_eq!(lab.completed("cat my"), "cat my\\ notes.txt ");
    assert_eq!(lab.completed("cat \"my n"), "cat \"my notes.txt\" ");
    assert_eq!(lab.completed("cat 'my"), "cat 'my notes.txt' ");
    assert_eq!(lab.completed("cat my\\ n"), "cat my\\ notes.txt ");
    assert_eq!(lab.completed("cat 'my 'n"), "cat my\\ notes.txt ");
}

#[test]
fn within_a_construct_and_a_line() {
    let mut lab = Lab::new();
    lab.run("for pod in pod-a pod-b; do");
    assert_eq!(lab.completed("kubectl exec pod-a -- trace"), "kubectl exec pod-a -- traceroute ");
    // What stands after the cursor does not matter.
    let line = "kubectl get name -o wide";
    let found = lab.terminal.complete(&mut lab.world, line, 16);
    assert_eq!((found.start, found.candidates[0].text.as_str()), (12, "namespaces"));
}

#[test]
fn bounded_and_never_a_panic() {
    let mut lab = Lab::new();
    let pods: String =
        (0..300).map(|n| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: many-{n:03}}}\n")).collect();
    assert!(lab.world.open_file("many.yaml", &pods, true).committed);
    let found = lab.complete("kubectl get cm many-");
    assert_eq!((found.candidates.len(), found.left_count), (CANDIDATES_MAX, 100));
    let lines = [
        "kubectl exec pod-a -- \"ip' route \\",
        "é",
        "kubectl -é",
        "kubectl get -oé",
        "cat 'é",
        "$(((",
        "`$(\"`",
        "a=$",
        "${",
        "kubectl get pods -l é=,é!=",
        "kubectl --=",
        "kubectl get --=x",
        "ssh @",
        "ssh -",
        "2>",
        "<<",
        "& &",
        "kubectl exec -- ",
        "kubectl exec -",
        "\\",
        "kubectl get /",
        "ip -",
        "bridge - ",
    ];
    for line in lines {
        for cursor in 0..=line.len() + 2 {
            let found = lab.terminal.complete(&mut lab.world, line, cursor);
            assert!(line.is_char_boundary(found.start), "{line} {cursor}: {found:?}");
        }
    }
    assert_eq!(lab.complete(&"$(".repeat(1_000)), Completion::default());
    assert_eq!(lab.complete(&"x".repeat(100_000)), Completion::default());
}

#[test]
fn help_lists_every_place() {
    let mut lab = Lab::new();
    let ran = lab.terminal.run(&mut lab.world, "help");
    let text: String = ran.chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    for part in [
        "Here, on your own machine",
        "\n  ping           ICMP echo requests to an address\n",
        "\n  exec           Execute a command in a container\n",
        "On a node (ssh control-plane): the same, but not kubectl, ssh",
        "In Pods of busybox (kubectl exec -it pod-a -- sh):",
        "In Pods of nginx",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    lab.run("kubectl exec -it pod-a -- sh");
    let ran = lab.terminal.run(&mut lab.world, "help");
    assert!(ran.chunks[0].text.contains("Here, in the Pod pod-a"), "{:?}", ran.chunks);
}
