use super::*;
use crate::manifest::{Diagnostics, Node, Source, Sources, Span, parse};

fn tree(text: &str) -> Node {
    let mut diagnostics = Diagnostics::default();
    let mut documents = parse(&Source::new(0, "f", text), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.iter().next());
    documents.remove(0).root
}

fn project<T>(text: &str, project: fn(&Node, &mut Diagnostics) -> Option<T>) -> T {
    let mut diagnostics = Diagnostics::default();
    let found = project(&tree(text), &mut diagnostics);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.iter().next());
    found.unwrap()
}

#[test]
fn a_pod_with_its_defaults_and_its_given_status() {
    let pod = project(
        "metadata: {name: a, labels: {app: web}, ownerReferences: [{kind: ReplicaSet, name: r, uid: u, controller: true}]}
spec:
  nodeName: worker-1
  containers:
  - name: c
    image: nginx
    ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP, name: dns, hostPort: 53}]
    env: [{name: A, value: b}, {name: E}, {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    readinessProbe: {httpGet: {port: http}}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms: [{matchExpressions: [{key: cpu, operator: Gt, values: ['3']}]}]
status: {podIP: 10.244.1.2, phase: Running, conditions: [{type: Ready, status: 'False'}]}
",
        Pod::project,
    );
    assert_eq!((&*pod.meta.name, pod.meta.controller().map(|owner| &*owner.name)), ("a", Some("r")));
    assert_eq!(pod.given.pod_ip, "10.244.1.2".parse().ok());
    assert_eq!(pod.given.ready, Some(false));
    assert_eq!(pod.spec.termination_grace_period, 30);
    assert_eq!((pod.spec.dns_policy, pod.spec.restart_policy), (DnsPolicy::ClusterFirst, RestartPolicy::Always));
    let container = &pod.spec.containers[0];
    assert_eq!((container.ports[0].protocol, container.ports[1].protocol), (Protocol::Tcp, Protocol::Udp));
    assert_eq!((container.ports[0].host_port, container.ports[1].host_port), (None, Some(53)));
    let env: Vec<_> = container.env.iter().map(|var| (var.value.as_deref(), var.field_path.as_deref())).collect();
    assert_eq!(env, [(Some("b"), None), (Some(""), None), (None, Some("status.podIP"))]);
    let probe = container.readiness_probe.as_ref().unwrap();
    assert_eq!((probe.period_seconds, probe.failure_threshold), (10, 3));
    let term = &pod.spec.node_affinity.as_ref().unwrap()[0];
    let node =
        |cpu: &str| project(&format!("metadata: {{name: m, labels: {{cpu: '{cpu}'}}}}"), NodeObject::project).meta;
    assert!(term.matches(&node("4")) && !term.matches(&node("3")) && !term.matches(&node("x")));
}

#[test]
fn selectors_match_as_the_api_says() {
    let labels = |text: &str| project(&format!("metadata: {{labels: {text}}}"), Pod::project).meta.labels;
    let selector = |text: &str| {
        let root = tree(&format!("selector: {text}"));
        LabelSelector::project(&root, "selector", &mut Diagnostics::default()).unwrap()
    };
    let cases = [
        ("{}", "{a: b}", true),
        ("{matchLabels: {a: b}}", "{a: b, c: d}", true),
        ("{matchLabels: {a: b}}", "{a: c}", false),
        ("{matchExpressions: [{key: a, operator: In, values: [b, c]}]}", "{a: c}", true),
        ("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", "{}", true),
        ("{matchExpressions: [{key: a, operator: Exists}]}", "{b: c}", false),
        ("{matchExpressions: [{key: a, operator: DoesNotExist}]}", "{b: c}", true),
    ];
    for (text, pod, expected) in cases {
        assert_eq!(selector(text).matches(&labels(pod)), expected, "{text} {pod}");
    }
}

#[test]
fn tolerations_tolerate_taints() {
    let taint = Taint { key: "k".into(), value: "v".into(), effect: TaintEffect::NoSchedule };
    let cases = [
        ("{key: k, operator: Equal, value: v, effect: NoSchedule}", true),
        ("{key: k, value: w}", false),
        ("{operator: Exists}", true),
        ("{key: k, operator: Exists, effect: NoExecute}", false),
        ("{key: k, operator: Exists, effect: ''}", true),
    ];
    for (text, expected) in cases {
        let pod = project(&format!("spec: {{tolerations: [{text}]}}"), Pod::project);
        assert_eq!(pod.spec.tolerations[0].tolerates(&taint), expected, "{text}");
    }
}

#[test]
fn clusters_have_their_makers_defaults() {
    let kind = project("kind: Cluster\nnetworking: {ipFamily: dual}\n", KindCluster::project);
    let nets: Vec<String> = kind.networking.pod_subnet.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["10.244.0.0/16", "fd00:10:244::/56"]);
    assert_eq!((kind.nodes.len(), kind.nodes[0].role, kind.networking.pod_subnet_span), (1, Role::ControlPlane, None));
    let kubeadm = project("networking: {podSubnet: 10.1.0.0/16}\n", KubeadmClusterConfiguration::project);
    assert_eq!(kubeadm.service_subnet[0].to_string(), "10.96.0.0/12");
    assert_eq!((&*kubeadm.dns_domain, &*kubeadm.cluster_name), ("cluster.local", "kubernetes"));
}

#[test]
fn flannels_configuration_and_where_it_stands() {
    let text = "data:\n  net-conf.json: |\n    {\n      \"Network\": \"10.244.0.0/16\",\n      \"Backend\": {\"Type\": \"VXLAN\", \"Port\": 0, \"DirectRouting\": \"yes\"}\n    }\n";
    let mut sources = Sources::default();
    let source = sources.add("cm.yaml", text);
    let mut diagnostics = Diagnostics::default();
    let root = parse(&source, &mut diagnostics).remove(0).root;
    let map = ConfigMap::project(&root, &mut diagnostics).unwrap();
    let (text, span) = &map.data["net-conf.json"];
    let conf = FlannelNetConf::parse(text, *span, &sources, &mut diagnostics).unwrap();
    assert_eq!(
        (conf.subnet_len, &*conf.backend.backend_type, conf.backend.vni, conf.backend.port),
        (24, "vxlan", 1, None)
    );
    assert_eq!(sources.location(conf.span), "cm.yaml:4:18");
    assert_eq!(diagnostics.render(&sources), "cm.yaml:5:64: error: expected true or false, found string \"yes\"\n");
}

#[test]
fn the_cni_configuration_of_flannels_manifest() {
    let text = r#"{"name": "cbr0", "cniVersion": "0.3.1", "plugins": [
        {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
        {"type": "portmap", "capabilities": {"portMappings": true}}]}"#;
    let mut diagnostics = Diagnostics::default();
    let conf = CniConf::parse(text, Span::default(), &Sources::default(), &mut diagnostics).unwrap();
    assert!(diagnostics.is_empty());
    assert_eq!((&*conf.name, conf.hairpin_mode, conf.is_default_gateway, conf.mtu), ("cbr0", true, true, None));
    assert_eq!((&*conf.bridge, conf.plugins.len()), ("cni0", 2));
}

#[test]
fn a_service_and_its_ports() {
    let service = project(
        "metadata: {name: s}\nspec: {type: NodePort, selector: {a: b}, ports: [{port: 80, targetPort: http, nodePort: 30080}, {port: 53, protocol: UDP, name: d}], sessionAffinity: ClientIP}\n",
        Service::project,
    );
    assert_eq!(service.service_type, ServiceType::NodePort);
    assert_eq!(service.ports[0].target_port, IntOrString::String("http".into()));
    assert_eq!((service.ports[0].node_port, &service.ports[1].target_port), (Some(30080), &IntOrString::Int(53)));
    assert_eq!(service.session_affinity, Some(10_800));
}

#[test]
fn a_network_policy_and_its_defaults() {
    let policy = |spec: &str| project(&format!("metadata: {{name: p}}\nspec: {spec}"), NetworkPolicy::project);
    let directions = |spec: &str| {
        let policy = policy(spec);
        [policy.ingress, policy.egress].map(|rules| rules.map(|rules| rules.len()))
    };
    let cases = [
        ("{}", [Some(0), None]),
        ("{ingress: [{}, {}]}", [Some(2), None]),
        ("{egress: [{}]}", [Some(0), Some(1)]),
        ("{egress: []}", [Some(0), None]),
        ("{policyTypes: [Egress]}", [None, Some(0)]),
        // Rules of a direction that is not named do not count.
        ("{policyTypes: [Ingress], egress: [{}]}", [Some(0), None]),
    ];
    for (spec, expected) in cases {
        assert_eq!(directions(spec), expected, "{spec}");
    }
    let policy = policy(
        "{podSelector: {matchLabels: {a: b}}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}, podSelector: \
         {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.0.0/16]}}], ports: [{}, {port: http, protocol: UDP}, \
         {port: 80, endPort: 90}]}]}",
    );
    assert!(!policy.pod_selector.is_empty());
    let rule = &policy.ingress.unwrap()[0];
    let kinds = rule.peers.iter().map(|peer| match &peer.kind {
        PeerKind::Pods { namespaces, pods } => format!("{} {}", namespaces.is_some(), pods.is_some()),
        PeerKind::Block { cidr, except } => format!("{cidr} {}", except.len()),
    });
    assert_eq!(kinds.collect::<Vec<_>>(), ["false true", "true true", "10.0.0.0/8 2"]);
    let ports: Vec<_> = rule.ports.iter().map(|port| (port.protocol, port.port.clone(), port.end_port)).collect();
    let named = Some(IntOrString::String("http".into()));
    assert_eq!(
        ports,
        [
            (Protocol::Tcp, None, None),
            (Protocol::Udp, named, None),
            (Protocol::Tcp, Some(IntOrString::Int(80)), Some(90)),
        ]
    );
}

#[test]
fn wrong_types_point_at_the_token() {
    let text = "spec:\n  replicas: '3'\n  template:\n    spec:\n      containers: [{name: 1, ports: [{containerPort: 0}]}]\n      hostNetwork: 1\n";
    let mut sources = Sources::default();
    let source = sources.add("f", text);
    let mut diagnostics = Diagnostics::default();
    let root = parse(&source, &mut diagnostics).remove(0).root;
    Deployment::project(&root, &mut diagnostics);
    let fixes: Vec<_> = diagnostics.iter().filter_map(|d| d.fix.as_ref()).map(|fix| fix.replacement.as_str()).collect();
    assert_eq!(fixes, ["3", "\"1\""]);
    let expected = "\
f:2:13: error: expected an integer, found string \"3\"
  hint: remove the quotes
f:5:27: error: expected a string, found integer 1
  hint: put it in quotes
f:5:54: error: Invalid value: 0: must be between 1 and 65535, inclusive
f:6:20: error: expected true or false, found integer 1
";
    assert_eq!(diagnostics.render(&sources), expected);
}
