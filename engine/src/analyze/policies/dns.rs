//! Pods that may send something, but no questions to the cluster's DNS. Policies add up: what one of them allows counts
//! for all.

use super::{Findings, Policy, View};
use crate::cluster::{Labels, PodKey, PodRecord};
use crate::manifest::typed::{DnsPolicy, IntOrString, PeerKind, PolicyPort, PolicyRule};
use crate::manifest::{Fix, Severity, Span};
use crate::net::Protocol;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Pod that answers questions, and where.
struct Server {
    pod: Arc<PodRecord>,
    port: u16,
}

/// What becomes of Pods that are alike.
struct Fate {
    /// The first policy that isolates them.
    first: usize,
    dns: bool,
    anything: bool,
}

pub fn check(findings: &mut Findings<'_>, view: &View, policies: &[Policy]) {
    let servers = servers(findings);
    if servers.is_empty() {
        return;
    }
    let mut fates: BTreeMap<usize, Fate> = BTreeMap::new();
    for (number, policy) in policies.iter().enumerate() {
        let Some(rules) = &policy.spec.egress else { continue };
        let dns = rules.iter().any(|rule| servers.iter().any(|server| allows(view, policy, rule, server)));
        for alike in view.index.matching(policy.namespace(), &policy.spec.pod_selector) {
            let asks =
                matches!(alike.pod.spec.dns_policy, DnsPolicy::ClusterFirst | DnsPolicy::ClusterFirstWithHostNet);
            // A Pod of the host network is its node to a policy.
            if alike.pod.host_network || !asks {
                continue;
            }
            let fate = fates.entry(alike.number).or_insert(Fate { first: number, dns: false, anything: false });
            fate.dns |= dns;
            fate.anything |= !rules.is_empty();
        }
    }
    let mut told: BTreeMap<usize, bool> = BTreeMap::new();
    for fate in fates.values().filter(|fate| !fate.dns) {
        *told.entry(fate.first).or_default() |= fate.anything;
    }
    for (number, anything) in told {
        tell(findings, &policies[number], anything);
    }
}

/// The Pods behind the Service that the kubelets name in every `/etc/resolv.conf`.
fn servers(findings: &Findings<'_>) -> Vec<Server> {
    let mut servers = Vec::new();
    for (_, slice) in findings.revision.slices(&PodKey::new("kube-system", "kube-dns")) {
        let port = slice.ports.iter().find(|port| port.protocol == Protocol::Udp).and_then(|port| port.port);
        let pods = slice.endpoints.iter().filter_map(|endpoint| endpoint.pod.as_ref());
        let pods = pods.filter_map(|(namespace, name)| findings.revision.pod(namespace, name));
        servers.extend(pods.filter_map(|pod| Some(Server { pod: pod.clone(), port: port? })));
    }
    servers
}

fn allows(view: &View, policy: &Policy, rule: &PolicyRule, server: &Server) -> bool {
    let none = Labels::new();
    let namespace = view.namespaces.iter().find(|(name, _)| *name == server.pod.key.namespace);
    let namespace_labels = namespace.map_or(&none, |(_, labels)| labels);
    let is = |kind: &PeerKind| match kind {
        PeerKind::Block { cidr, except } => {
            let within = |ip| cidr.contains(&ip) && !except.iter().any(|net| net.contains(&ip));
            server.pod.ips().any(within)
        }
        PeerKind::Pods { namespaces, pods } => {
            let in_namespace = match namespaces {
                Some(selector) => selector.matches(namespace_labels),
                None => *policy.namespace() == server.pod.key.namespace,
            };
            in_namespace && pods.as_ref().is_none_or(|selector| selector.matches(&server.pod.labels))
        }
    };
    (rule.peers.is_empty() || rule.peers.iter().any(|peer| is(&peer.kind)))
        && (rule.ports.is_empty() || rule.ports.iter().any(|port| has(port, server)))
}

fn has(port: &PolicyPort, server: &Server) -> bool {
    let number = i64::from(server.port);
    port.protocol == Protocol::Udp
        && match (&port.port, port.end_port) {
            (None, _) => true,
            (Some(IntOrString::Int(first)), None) => *first == number,
            (Some(IntOrString::Int(first)), Some(last)) => (*first..=i64::from(last)).contains(&number),
            (Some(IntOrString::String(name)), _) => {
                let ports = server.pod.spec.containers.iter().flat_map(|container| &container.ports);
                let named = |port: &str| port == &**name;
                ports
                    .filter(|port| port.protocol == Protocol::Udp && port.container_port == server.port)
                    .any(|port| port.name.as_deref().is_some_and(named))
            }
        }
}

/// Where nothing at all may be sent, it may be what is wanted.
fn tell(findings: &mut Findings<'_>, policy: &Policy, anything: bool) {
    let field =
        if policy.written().is_some_and(|spec| spec.get("egress").is_some()) { "egress" } else { "policyTypes" };
    let span = policy.key_span(field);
    let message = format!(
        "Pods that NetworkPolicy {} selects may not ask DNS: nothing allows egress to UDP port 53 of CoreDNS",
        policy.name()
    );
    let fix = first_rule(findings, policy).map(|(span, indent)| Fix { span, replacement: allow_dns(&indent) });
    let severity = if anything { Severity::Warning } else { Severity::Info };
    if let Some(problem) = findings.add(severity, "policy-no-dns", span, message) {
        problem.hint("allow egress to Pods with k8s-app=kube-dns in namespace kube-system, ports 53 of UDP and TCP");
        problem.fix = fix;
    }
}

/// Where the first of the egress rules begins behind its `- `, and what stands before that.
fn first_rule(findings: &Findings<'_>, policy: &Policy) -> Option<(Span, String)> {
    let rule = policy.written()?.get("egress")?.item(0)?;
    let source = findings.cluster.sources().get(rule.span.source)?;
    let before = source.slice(Span { start: 0, end: rule.span.start, ..rule.span });
    let indent = before.rsplit('\n').next()?.strip_suffix("- ")?;
    let blank = indent.bytes().all(|byte| byte == b' ');
    blank.then(|| (Span { end: rule.span.start, ..rule.span }, indent.to_owned()))
}

/// A rule that goes before another one of a list.
fn allow_dns(indent: &str) -> String {
    let lines = [
        "to:",
        "    - namespaceSelector:",
        "        matchLabels:",
        "          kubernetes.io/metadata.name: kube-system",
        "      podSelector:",
        "        matchLabels:",
        "          k8s-app: kube-dns",
        "  ports:",
        "    - {port: 53, protocol: UDP}",
        "    - {port: 53, protocol: TCP}",
        "- ",
    ];
    lines.join(&format!("\n{indent}"))
}
