//! `kubectl describe` of Services, of what stands behind them, of NetworkPolicies and of custom resources. Models k8s.io/kubectl pkg/describe of 1.34.

mod custom;

use super::flags::{Flag, Parsed, Takes, flag};
use super::printers::{field, find, items, selector};
use super::{Command, Failure, get, resource};
use crate::cluster::{Kind, Object, Revision, api_object};
use crate::manifest::Node;
use std::fmt::Write;

pub const FLAGS: &[Flag] = &[
    flag("all-namespaces", 'A', Takes::Bool),
    flag("selector", 'l', Takes::Value),
    flag("filename", 'f', Takes::Value),
    flag("show-events", ' ', Takes::Bool),
];

/// Runs `kubectl describe`.
pub fn describe(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    if parsed.arguments.is_empty() && !parsed.has("filename") {
        return Err(Failure::error(
            "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.\n",
        ));
    }
    let selection = match command.named_in_files(parsed)? {
        Some(selection) => selection,
        None => resource::select(&parsed.arguments, command.revision())?,
    };
    let found = get::find(command, parsed, &selection)?;
    let mut texts = Vec::new();
    for object in found.objects() {
        let revision = command.revision();
        let Some(api) = api_object(revision, &object.key) else { continue };
        let text = match (&*object.key.group, &*object.key.kind) {
            ("", "Service") => service(revision, object, &api),
            ("", "Endpoints") => endpoints(&api),
            ("discovery.k8s.io", "EndpointSlice") => endpoint_slice(&api),
            ("networking.k8s.io", "NetworkPolicy") => network_policy(&api),
            (group, kind) if Kind::known(kind, group).is_none() => custom::describe(&api),
            (_, kind) => {
                let message = format!(
                    "podhop's kubectl describes services, endpoints, endpointslices, networkpolicies and custom \
                     resources so far, not {kind}: kubectl get {} {} -o yaml has all of it",
                    kind.to_lowercase(),
                    object.key.name
                );
                return Err(Failure::error(&message));
            }
        };
        texts.push(text);
    }
    command.io.out(&texts.join("\n\n"));
    for error in &found.errors {
        command.io.err(&format!("{error}\n"));
    }
    Ok(i32::from(!found.errors.is_empty()))
}

/// Lines of a name, a colon and a value, the values below each other.
#[derive(Default)]
struct Lines(Vec<(usize, String, String)>);

impl Lines {
    fn put(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((0, format!("{name}:"), value.into()));
    }

    /// Labels, annotations: one a line, the first beside the name.
    fn map(&mut self, name: &str, node: Option<&Node>, hidden: &str) {
        let entries = node.map_or(&[][..], Node::entries).iter().filter(|(key, _)| &*key.name != hidden);
        let separator = if name == "Annotations" { ": " } else { "=" };
        let texts: Vec<String> =
            entries.map(|(key, value)| format!("{}{separator}{}", key.name, value.as_str().unwrap_or(""))).collect();
        match texts.split_first() {
            None => self.put(name, "<none>"),
            Some((first, rest)) => {
                self.put(name, first);
                rest.iter().for_each(|text| self.0.push((0, String::new(), text.clone())));
            }
        }
    }

    /// As text/tabwriter lays out cells that end in a tab, with two blanks between them.
    fn finish(self) -> String {
        let width = self.0.iter().map(|(_, name, _)| name.len()).max().unwrap_or(0) + 2;
        let mut text = String::new();
        for (_, name, value) in self.0 {
            let _ = writeln!(text, "{name:width$}{value}");
        }
        text
    }
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn head(api: &Node) -> Lines {
    let mut lines = Lines::default();
    lines.put("Name", field(api, "metadata.name"));
    lines.put("Namespace", field(api, "metadata.namespace"));
    lines.map("Labels", find(api, "metadata.labels"), "");
    lines.map("Annotations", find(api, "metadata.annotations"), LAST_APPLIED);
    lines
}

fn joined(nodes: &[Node]) -> String {
    nodes.iter().filter_map(Node::as_str).collect::<Vec<_>>().join(",")
}

/// Models describeService.
fn service(revision: &Revision, object: &Object, api: &Node) -> String {
    let mut lines = head(api);
    let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
    let selector = find(api, "spec.selector").map_or(&[][..], Node::entries);
    let selector: Vec<String> =
        selector.iter().map(|(key, value)| format!("{}={}", key.name, value.as_str().unwrap_or(""))).collect();
    lines.put("Selector", or_none(selector.join(",")));
    let kind = field(api, "spec.type");
    lines.put("Type", kind.clone());
    if find(api, "spec.ipFamilyPolicy").is_some() {
        lines.put("IP Family Policy", field(api, "spec.ipFamilyPolicy"));
    }
    let families = items(api, "spec.ipFamilies");
    lines.put("IP Families", or_none(joined(families)));
    lines.put("IP", field(api, "spec.clusterIP"));
    lines.put("IPs", or_none(joined(items(api, "spec.clusterIPs"))));
    let external = items(api, "spec.externalIPs");
    if !external.is_empty() {
        lines.put("External IPs", joined(external));
    }
    for (name, path) in [("Desired LoadBalancer IP", "spec.loadBalancerIP"), ("External Name", "spec.externalName")] {
        if find(api, path).is_some() {
            lines.put(name, field(api, path));
        }
    }
    let ingress: Vec<String> = (items(api, "status.loadBalancer.ingress").iter())
        .map(|ingress| match (field(ingress, "ip"), field(ingress, "ipMode")) {
            (ip, mode) if mode.is_empty() => ip,
            (ip, mode) => format!("{ip} ({mode})"),
        })
        .collect();
    if !ingress.is_empty() {
        lines.put("LoadBalancer Ingress", ingress.join(", "));
    }
    for port in items(api, "spec.ports") {
        let or_unset = |name: String| if name.is_empty() { "<unset>".to_owned() } else { name };
        let name = or_unset(field(port, "name"));
        let protocol = field(port, "protocol");
        lines.put("Port", format!("{name}  {}/{protocol}", field(port, "port")));
        lines.put("TargetPort", format!("{}/{protocol}", field(port, "targetPort")));
        if find(port, "nodePort").is_some() {
            lines.put("NodePort", format!("{name}  {}/{protocol}", field(port, "nodePort")));
        }
        lines.put("Endpoints", service_endpoints(revision, object, &field(port, "name")));
    }
    lines.put("Session Affinity", field(api, "spec.sessionAffinity"));
    for (name, path) in [
        ("External Traffic Policy", "spec.externalTrafficPolicy"),
        ("Internal Traffic Policy", "spec.internalTrafficPolicy"),
        ("Traffic Distribution", "spec.trafficDistribution"),
        ("HealthCheck NodePort", "spec.healthCheckNodePort"),
    ] {
        if find(api, path).is_some() {
            lines.put(name, field(api, path));
        }
    }
    let ranges = items(api, "spec.loadBalancerSourceRanges");
    if !ranges.is_empty() {
        lines.put("LoadBalancer Source Ranges", joined(ranges));
    }
    lines.put("Events", "<none>");
    lines.finish()
}

/// Ready addresses of one port, the first three. Models formatEndpointSlices.
fn service_endpoints(revision: &Revision, service: &Object, port: &str) -> String {
    let mut shown = Vec::new();
    let mut count = 0;
    for (_, slice) in revision.slices(&service.key.as_named()) {
        let named = slice.ports.iter().filter(|known| known.name.as_deref().unwrap_or("") == port);
        for number in named.filter_map(|port| port.port) {
            for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.ready) {
                for ip in &endpoint.addresses {
                    count += 1;
                    if shown.len() < 3 {
                        shown.push(std::net::SocketAddr::new(*ip, number).to_string());
                    }
                }
            }
        }
    }
    match count {
        0 => String::new(),
        1..=3 => shown.join(","),
        count => format!("{} + {} more...", shown.join(","), count - 3),
    }
}

/// Models describeEndpoints.
fn endpoints(api: &Node) -> String {
    let mut text = head(api).finish();
    text.push_str("Subsets:\n");
    for subset in items(api, "subsets") {
        for (name, path) in [("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")] {
            let ips: Vec<String> = items(subset, path).iter().map(|address| field(address, "ip")).collect();
            let ips = if ips.is_empty() { "<none>".to_owned() } else { ips.join(",") };
            let _ = writeln!(text, "  {:20}{ips}", format!("{name}:"));
        }
        text.push_str("  Ports:\n");
        let rows: Vec<[String; 3]> = (items(subset, "ports").iter())
            .map(|port| {
                let name = field(port, "name");
                let name = if name.is_empty() { "<unset>".to_owned() } else { name };
                [name, field(port, "port"), field(port, "protocol")]
            })
            .collect();
        text.push_str(&columns("    ", &["Name", "Port", "Protocol"], &rows));
        text.push('\n');
    }
    text.push_str("Events:  <none>\n");
    text
}

/// Models describeEndpointSlice.
fn endpoint_slice(api: &Node) -> String {
    let mut lines = head(api);
    lines.put("AddressType", field(api, "addressType"));
    let mut text = lines.finish();
    text.push_str("Ports:\n");
    let rows: Vec<[String; 3]> = (items(api, "ports").iter())
        .map(|port| {
            let or = |path: &str, none: &str| match field(port, path) {
                text if text.is_empty() => none.to_owned(),
                text => text,
            };
            [or("name", "<unset>"), or("port", "<unset>"), field(port, "protocol")]
        })
        .collect();
    if rows.is_empty() {
        text.push_str("  <unset>\n");
    } else {
        text.push_str(&columns("  ", &["Name", "Port", "Protocol"], &rows));
    }
    text.push_str("Endpoints:");
    let endpoints = items(api, "endpoints");
    text.push_str(if endpoints.is_empty() { " <none>\n" } else { "\n" });
    for endpoint in endpoints {
        let mut lines = Lines::default();
        let _ = writeln!(text, "  - Addresses:  {}", joined(items(endpoint, "addresses")));
        text.push_str("    Conditions:\n");
        let _ = writeln!(text, "      Ready:    {}", field(endpoint, "conditions.ready"));
        let or_unset = |path: &str| match field(endpoint, path) {
            text if text.is_empty() => "<unset>".to_owned(),
            text => text,
        };
        lines.put("Hostname", or_unset("hostname"));
        if let Some(target) = find(endpoint, "targetRef") {
            lines.put("TargetRef", format!("{}/{}", field(target, "kind"), field(target, "name")));
        }
        lines.put("NodeName", or_unset("nodeName"));
        lines.put("Zone", or_unset("zone"));
        for line in lines.finish().lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text.push_str("Events:         <none>\n");
    text
}

/// Models describeNetworkPolicy.
fn network_policy(api: &Node) -> String {
    let mut lines = head(api);
    // As Go prints a time.
    let created = field(api, "metadata.creationTimestamp").replace('T', " ").replace('Z', " +0000 UTC");
    lines.0.insert(2, (0, "Created on:".to_owned(), created));
    let mut text = lines.finish();
    let pods = match selector(find(api, "spec.podSelector")) {
        all if all == "<none>" => "<none> (Allowing the specific traffic to all pods in this namespace)".to_owned(),
        some => some,
    };
    let _ = writeln!(text, "Spec:\n  PodSelector:     {pods}");
    let types: Vec<&str> = items(api, "spec.policyTypes").iter().filter_map(Node::as_str).collect();
    for (word, rules, peers) in [("Ingress", "ingress", "from"), ("Egress", "egress", "to")] {
        if types.contains(&word) {
            let _ = writeln!(text, "  Allowing {rules} traffic:");
            policy_rules(&mut text, items(api, &format!("spec.{rules}")), rules, peers);
        } else {
            let _ = writeln!(text, "  Not affecting {rules} traffic");
        }
    }
    let _ = writeln!(text, "  Policy Types: {}", types.join(", "));
    text
}

/// Models printNetworkPolicySpecIngressFrom and printNetworkPolicySpecEgressTo.
fn policy_rules(text: &mut String, rules: &[Node], direction: &str, peers: &str) {
    if rules.is_empty() {
        let _ = writeln!(text, "    <none> (Selected pods are isolated for {direction} connectivity)");
    }
    let (word, end) = if peers == "from" { ("From", "source") } else { ("To", "destination") };
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            text.push_str("    ----------\n");
        }
        let ports = items(rule, "ports");
        if ports.is_empty() {
            text.push_str("    To Port: <any> (traffic allowed to all ports)\n");
        }
        for port in ports {
            let first = find(port, "port").map_or_else(|| "<nil>".to_owned(), |_| field(port, "port"));
            let (name, last) = match field(port, "endPort") {
                last if last.is_empty() => ("To Port", last),
                last => ("To Port Range", format!("-{last}")),
            };
            let _ = writeln!(text, "    {name}: {first}{last}/{}", field(port, "protocol"));
        }
        if items(rule, peers).is_empty() {
            let _ = writeln!(text, "    {word}: <any> (traffic not restricted by {end})");
        }
        for peer in items(rule, peers) {
            let _ = writeln!(text, "    {word}:");
            for (name, path) in [("NamespaceSelector", "namespaceSelector"), ("PodSelector", "podSelector")] {
                if let Some(found) = find(peer, path) {
                    let _ = writeln!(text, "      {name}: {}", selector(Some(found)));
                }
            }
            if let Some(block) = find(peer, "ipBlock") {
                let except: Vec<&str> = items(block, "except").iter().filter_map(Node::as_str).collect();
                let _ = writeln!(text, "      IPBlock:\n        CIDR: {}", field(block, "cidr"));
                let _ = writeln!(text, "        Except: {}", except.join(", "));
            }
        }
    }
}

/// A small table with its head underlined.
fn columns(indent: &str, names: &[&str; 3], rows: &[[String; 3]]) -> String {
    let width = |at: usize| rows.iter().map(|row| row[at].len()).chain([names[at].len()]).max().unwrap_or(0) + 2;
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    let dashes: Vec<String> = names.iter().map(|name| "-".repeat(name.len())).collect();
    let _ = writeln!(text, "{indent}{:first$}{:second$}{}", names[0], names[1], names[2]);
    let _ = writeln!(text, "{indent}{:first$}{:second$}{}", dashes[0], dashes[1], dashes[2]);
    for row in rows {
        let _ = writeln!(text, "{indent}{:first$}{:second$}{}", row[0], row[1], row[2]);
    }
    text
}
