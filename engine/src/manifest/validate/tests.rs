use super::*;
use crate::manifest::{Sources, parse, typed};

/// Parses, projects and validates; what is wrong, as `line:column: severity: message | hint`.
fn check(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let source = sources.add("f", text);
    let mut diagnostics = Diagnostics::default();
    for document in parse(&source, &mut diagnostics) {
        let root = &document.root;
        match root.get("kind").and_then(Node::as_str) {
            Some("Pod") => drop(typed::Pod::project(root, &mut diagnostics)),
            Some("Deployment") => drop(typed::Deployment::project(root, &mut diagnostics)),
            Some("Service") => drop(typed::Service::project(root, &mut diagnostics)),
            Some("Node") => drop(typed::NodeObject::project(root, &mut diagnostics)),
            Some("NetworkPolicy") => drop(typed::NetworkPolicy::project(root, &mut diagnostics)),
            _ => {}
        }
        validate(root, &mut diagnostics);
    }
    let line = |d: &Diagnostic| {
        let place = sources.location(d.span);
        let hint = d.hint.as_ref().map_or(String::new(), |hint| format!(" | {hint}"));
        // The rules' long texts are cut at their examples.
        let message = d.message.split(" (e.g.").next().unwrap_or("");
        format!("{}: {}: {message}{hint}", place.trim_start_matches("f:"), d.severity.as_str())
    };
    diagnostics.iter().map(line).collect()
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n";

fn pod(spec: &str) -> Vec<String> {
    check(&format!("{POD}{spec}"))
}

#[test]
fn good_objects_pass() {
    let texts = [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {anything: 1}\n",
        "apiVersion: cluster.x-k8s.io/v1beta1\nkind: Cluster\nmetadata: {name: w}\n",
        "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}, {role: worker}]\n",
        "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta4\nnetworking: {podSubnet: 10.244.0.0/16}\n",
        "kind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nmode: nftables\n",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec:\n  selector: {matchLabels: {app: w}}\n  template:\n    metadata: {labels: {app: w, x: z}}\n    spec: {containers: [{name: c, image: i}]}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {clusterIP: None, selector: {a: b}}\n",
    ];
    for text in texts {
        assert_eq!(check(text), [""; 0], "{text}");
    }
}

#[test]
fn what_an_object_is() {
    let cases = [
        ("a: 1\n", "1:1: error: Required value: apiVersion | such as `apiVersion: v1`"),
        ("- a\n", "1:1: error: this is not a Kubernetes object | an object starts with apiVersion, kind and metadata"),
        ("kind: Deployment\n", "1:1: error: Required value: apiVersion | add `apiVersion: apps/v1`"),
        ("apiVersion: v1\n", "1:1: error: Required value: kind | such as `kind: Pod`"),
        (
            "apiVersion: v1\nkind: Deployment\n",
            "1:13: error: no matches for kind \"Deployment\" in version \"v1\" | did you mean apps/v1?",
        ),
        (
            "apiVersion: apps/v1\nkind: Pod\n",
            "1:13: error: no matches for kind \"Pod\" in version \"apps/v1\" | did you mean v1?",
        ),
        (
            "apiVersion: apps/v1\nkind: Deploymnet\n",
            "2:7: error: no matches for kind \"Deploymnet\" in version \"apps/v1\" | did you mean Deployment?",
        ),
        (
            "apiVersion: v1\nkind: pod\n",
            "2:7: error: no matches for kind \"pod\" in version \"v1\" | did you mean Pod?",
        ),
        ("apiVersion: v1\nkind: 3\n", "2:7: error: expected a string, found integer 3 | put it in quotes"),
    ];
    for (text, expected) in cases {
        assert_eq!(check(text).first().map(String::as_str), Some(expected), "{text}");
    }
}

#[test]
fn metadata() {
    let cases = [
        ("{}", "3:11: error: Required value: name or generateName is required | add `name:`"),
        (
            "{name: My_Map}",
            "3:18: error: Invalid value: \"My_Map\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character | did you mean \"my-map\"?",
        ),
        (
            "{name: a, namespace: Up}",
            "3:32: error: Invalid value: \"Up\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
        ),
        (
            "{name: a, labels: {a/b/c: d}}",
            "3:30: error: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
        ("{name: a, labels: {/b: d}}", "3:30: error: Invalid value: \"/b\": prefix part must be non-empty"),
        (
            "{name: a, labels: {b: -d}}",
            "3:33: error: Invalid value: \"-d\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
    ];
    for (metadata, expected) in cases {
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n");
        assert_eq!(check(&text), [expected], "{text}");
    }
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: m, namespace: x}\n";
    assert_eq!(check(node), ["3:32: error: Forbidden: not allowed on this type | a Node belongs to no namespace"]);
}

#[test]
fn pods() {
    let cases = [
        ("  nodeName: m\n", "5:3: error: Required value: containers | a Pod runs at least one container"),
        ("  containers: [{name: a}]\n", "5:16: error: Required value: image"),
        ("  containers: [{name: a, image: i}, {name: a, image: i}]\n", "5:44: error: Duplicate value: \"a\""),
        (
            "  containers: [{name: a, image: i, ports: [{containerPort: 70000}]}]\n",
            "5:60: error: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            "  containers: [{name: a, image: i, ports: [{containerPort: \"80\"}]}]\n",
            "5:60: error: expected an integer, found string \"80\" | remove the quotes",
        ),
        (
            "  containers: [{name: a, image: i, ports: [{containerPort: 80, name: HTTP}]}]\n",
            "5:70: error: Invalid value: \"HTTP\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            "  containers: [{name: a, image: i, ports: [{containerPort: 80, protocol: tcp}]}]\n",
            "5:74: error: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\" | did you mean \"TCP\"?",
        ),
        (
            "  containers: [{name: a, image: i, env: [{name: A, value: 1}]}]\n",
            "5:59: error: expected a string, found integer 1 | put it in quotes",
        ),
        (
            "  hostNetwork: true\n  containers: [{name: a, image: i, ports: [{containerPort: 80, hostPort: 81}]}]\n",
            "6:74: error: Invalid value: 81: must match `containerPort` when `hostNetwork` is true",
        ),
        (
            "  nodeName: no\n  containers: [{name: a, image: i}]\n",
            "5:13: error: expected a string, found boolean false | put it in quotes: unquoted, kubectl reads y, n, yes, no, on and off as true or false",
        ),
        ("  containers: {name: a}\n", "5:15: error: expected a list, found a mapping | start each element with `- `"),
    ];
    for (spec, expected) in cases {
        assert_eq!(pod(spec), [expected], "{spec}");
    }
}

#[test]
fn workloads() {
    let deployment =
        |spec: &str| check(&format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: w}}\nspec:\n{spec}"));
    let template = "  template:\n    metadata: {labels: {app: b}}\n    spec: {containers: [{name: c, image: i}]}\n";
    assert_eq!(
        deployment(&format!("  selector: {{matchLabels: {{app: a}}}}\n{template}")),
        [
            "7:24: error: Invalid value: {\"app\":\"b\"}: `selector` does not match template `labels` | the selector wants app=a"
        ]
    );
    assert_eq!(
        deployment(template),
        ["5:3: error: Required value: selector | add `selector.matchLabels` with the labels of the template"]
    );
    assert_eq!(
        deployment(&format!("  selector: {{}}\n{template}")),
        ["5:13: error: Invalid value: {}: empty selector is invalid for deployment"]
    );
    assert_eq!(
        deployment(&format!("  replicas: -1\n  selector: {{matchLabels: {{app: b}}}}\n{template}")),
        ["5:13: error: Invalid value: -1: must be greater than or equal to 0"]
    );
}

#[test]
fn subnets_and_addresses() {
    let node = |rest: &str| check(&format!("apiVersion: v1\nkind: Node\nmetadata: {{name: m}}\n{rest}"));
    assert_eq!(
        node("spec: {podCIDR: 10.244.1.5/24}\n"),
        [
            "4:17: warning: CIDR value \"10.244.1.5/24\" is ambiguous in this context (should be \"10.244.1.0/24\" or \"10.244.1.5/32\"?) | write 10.244.1.0/24, which is what is used"
        ]
    );
    assert_eq!(
        node("spec: {podCIDR: 10.244.1.0}\n"),
        ["4:17: error: Invalid value: \"10.244.1.0\": must be a valid CIDR value, | add a prefix length such as /16"]
    );
    assert_eq!(
        node("status: {addresses: [{type: InternalIP, address: 172.018.0.2}]}\n"),
        [
            "4:50: warning: non-standard IP address \"172.018.0.2\" will be considered invalid in a future Kubernetes release: use \"172.18.0.2\" | leading zeros are read as decimal here and as octal elsewhere"
        ]
    );
    let cluster = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnetworking:\n  podSubnet: 10.96.128.0/17\n";
    assert_eq!(
        check(cluster),
        [
            "4:14: error: the Pod subnet 10.96.128.0/17 and the Service subnet 10.96.0.0/16 overlap | give them ranges without a common address"
        ]
    );
}

#[test]
fn services() {
    let service = |spec: &str| check(&format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec: {spec}\n"));
    let cases = [
        ("{selector: {a: b}}", "4:7: error: Required value: ports"),
        (
            "{ports: [{port: 80}, {port: 81}]}",
            "4:16: error: Required value: name | every port needs a name when there are several",
        ),
        (
            "{ports: [{port: 80, nodePort: 30080}]}",
            "4:37: error: Forbidden: may not be used when `type` is 'ClusterIP' | set `type: NodePort`, or remove it",
        ),
        (
            "{type: NodePort, ports: [{port: 80, nodePort: 80}]}",
            "4:53: warning: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
        (
            "{ports: [{port: 80, targetPort: \"8080\"}]}",
            "4:39: error: Invalid value: \"8080\": must contain at least one letter (a-z) | remove the quotes: in quotes it is the name of a port",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(service(spec).first().map(String::as_str), Some(expected), "{spec}");
    }
}

#[test]
fn network_policies() {
    let policy = |spec: &str| {
        check(&format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"))
    };
    let good = [
        "{}",
        "{podSelector: {}, policyTypes: [Ingress, Egress]}",
        "{ingress: [{}], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}",
        "{ingress: [{from: [{podSelector: {}, namespaceSelector: {}}], ports: [{port: 80, endPort: 80}, {port: http}, {protocol: UDP}]}]}",
    ];
    for spec in good {
        assert_eq!(policy(spec), [""; 0], "{spec}");
    }
    let ports = [
        ("{port: 0}", "4:34: error: Invalid value: 0: must be between 1 and 65535, inclusive"),
        (
            "{port: HTTP}",
            "4:34: error: Invalid value: \"HTTP\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            "{port: \"80\"}",
            "4:34: error: Invalid value: \"80\": must contain at least one letter (a-z) | remove the quotes: in quotes it is the name of a port",
        ),
        ("{port: 80, endPort: 79}", "4:47: error: Invalid value: 79: must be greater than or equal to `port`"),
        ("{port: 80, endPort: 70000}", "4:47: error: Invalid value: 70000: must be between 1 and 65535, inclusive"),
        (
            "{port: http, endPort: 90}",
            "4:49: error: Invalid value: 90: may not be specified when `port` is non-numeric | a range begins with a number",
        ),
        (
            "{endPort: 90}",
            "4:37: error: Invalid value: 90: may not be specified when `port` is not specified | say in `port` where the range begins",
        ),
        (
            "{protocol: tcp}",
            "4:38: error: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\" | did you mean \"TCP\"?",
        ),
    ];
    for (port, expected) in ports {
        assert_eq!(policy(&format!("{{ingress: [{{ports: [{port}]}}]}}")), [expected], "{port}");
    }
    let peers = [
        (
            "{}",
            "4:23: error: Required value: must specify a peer | `podSelector: {}` is every Pod of the namespace, `namespaceSelector: {}` every Pod of all",
        ),
        (
            "{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}",
            "4:23: error: Forbidden: may not specify both ipBlock and another peer | make two peers of them, each with a `- ` of its own",
        ),
        ("{ipBlock: {}}", "4:33: error: Required value: cidr"),
        (
            "{ipBlock: {cidr: 10.0.0.1}}",
            "4:40: error: Invalid value: \"10.0.0.1\": must be a valid CIDR value, | add a prefix length such as /16",
        ),
        (
            "{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}",
            "4:61: error: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr` | only a part of 10.0.0.0/8 can be left out of it",
        ),
        (
            "{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}",
            "4:61: error: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr` | only a part of 10.0.0.0/8 can be left out of it",
        ),
        (
            "{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0]}}",
            "4:61: error: Invalid value: \"10.1.0.0\": must be a valid CIDR value, | add a prefix length such as /16",
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In}]}}",
            "4:57: error: Required value: must be specified when `operator` is 'In' or 'NotIn' | add `values: [...]`",
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In, values: [b c]}]}}",
            "4:89: error: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
        (
            "{podSelector: {matchExpressions: [{operator: Exists}]}}",
            "4:57: error: Invalid value: \"\": name part must be non-empty",
        ),
    ];
    for (peer, expected) in peers {
        assert_eq!(policy(&format!("{{egress: [{{to: [{peer}]}}]}}")), [expected], "{peer}");
    }
    assert_eq!(
        policy("{policyTypes: [ingress]}"),
        [
            "4:22: error: Unsupported value: \"ingress\": supported values: \"Egress\", \"Ingress\" | did you mean \"Ingress\"?"
        ]
    );
    assert_eq!(
        policy("{policyTypes: [Ingress, Egress, Egress]}"),
        ["4:21: error: Invalid value: [\"Ingress\",\"Egress\",\"Egress\"]: may not specify more than two policyTypes"]
    );
}

#[test]
fn causes_read_as_the_api_server_lists_them() {
    let mut sources = Sources::default();
    let text =
        format!("{POD}  containers:\n  - name: a\n  - name: b\n    image: i\n    ports: [{{containerPort: 0}}]\n");
    let source = sources.add("f", text);
    let mut diagnostics = Diagnostics::default();
    let root = parse(&source, &mut diagnostics).remove(0).root;
    typed::Pod::project(&root, &mut diagnostics);
    validate(&root, &mut diagnostics);
    let causes: Vec<String> = diagnostics.iter().map(|diagnostic| api_cause(&root, diagnostic)).collect();
    assert_eq!(
        causes,
        [
            "spec.containers[1].ports[0].containerPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.containers[0].image: Required value",
        ]
    );
}

#[test]
fn policies_of_calicos() {
    let told = |kind: &str, name: &str, spec: &str| {
        let head = format!("apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n");
        let text = format!("{head}  {}\n", spec.replace('\n', "\n  "));
        let mut sources = Sources::default();
        let source = sources.add("f", text.as_str());
        let mut diagnostics = Diagnostics::default();
        parse(&source, &mut diagnostics).iter().for_each(|document| validate(&document.root, &mut diagnostics));
        diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; ")
    };
    let rule = |rule: &str| told("GlobalNetworkPolicy", "p", &format!("ingress: [{{action: Allow, {rule}}}]"));
    for good in [
        "protocol: TCP, source: {ports: [80, '90:95', http]}",
        "protocol: 47",
        "notProtocol: udplite, source: {namespaceSelector: global()}",
        "protocol: ICMP, icmp: {type: 8, code: 0}",
        "source: {services: {name: a, namespace: b}}",
        "source: {nets: [10.0.0.0/8], notNets: [10.0.0.1/32]}",
    ] {
        assert_eq!(rule(good), "", "{good}");
    }
    for (bad, message) in [
        ("source: {ports: [80]}", "rules that specify ports must set protocol to TCP or UDP or SCTP"),
        ("protocol: TCPP", "protocol name invalid"),
        ("protocol: 0", "protocol number invalid"),
        ("protocol: TCP, source: {ports: ['90:80']}", "port range invalid"),
        ("icmp: {type: 8}", "rules that specify ICMP fields must set protocol to ICMP or ICMPv6"),
        ("protocol: ICMP, icmp: {code: 8}", "ICMP code specified without an ICMP type"),
        ("protocol: ICMP, ipVersion: 6", "must set ipversion to '4' with protocol icmp"),
        ("source: {selector: global()}", "global() can only be used in an EntityRule namespaceSelector"),
        ("source: {namespaceSelector: global() || has(a)}", "global() cannot be combined with other selectors"),
        ("source: {services: {name: a}}", "must specify a namespace"),
        ("destination: {services: {name: a, namespace: b}}", "not allowed in ingress rule destination"),
        ("source: {nets: [10.0.0.0/8, 'fd00::/8']}", "rule contains both IPv4 and IPv6 CIDRs"),
        ("source: {notNets: [0.0.0.0/0]}", "catch-all CIDR in negation"),
        ("http: {methods: [GET]}", "http is application layer policy, which is not simulated"),
        ("source: {selector: has(a}", "invalid selector: no closing ')' after has("),
    ] {
        assert!(rule(bad).contains(message), "{bad}: {}", rule(bad));
    }
    assert!(told("GlobalNetworkPolicy", "x", "tier: t").contains("Incorrectly formatted policy name x"));
    assert_eq!(told("GlobalNetworkPolicy", "t.x", "tier: t"), "");
    assert!(told("GlobalNetworkPolicy", "x", "preDNAT: true").contains("ApplyOnForward must be true if either"));
    assert!(told("NetworkPolicy", "x", "types: [Ingress, Ingress]").contains("type specified more than once"));
    assert!(told("Tier", "default", "order: 5").contains("default tier order must be 1000000"));
    assert!(told("Tier", "a.b", "order: 5").contains("a lowercase RFC 1123 label"));
}
