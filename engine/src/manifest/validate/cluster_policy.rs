//! ClusterNetworkPolicies, AdminNetworkPolicies and BaselineAdminNetworkPolicies. Models the rules of their custom resource
//! definitions (kubernetes-sigs/network-policy-api config/crd), in the API server's words.

use super::{is_missing, labels, network, path_at, required, text};
use crate::manifest::typed::reader::{choice, field, is_object};
use crate::manifest::{Diagnostics, Node, Span, Value};

/// What the kinds ask differently.
struct Limits {
    actions: &'static [&'static str],
    /// Of rules, peers and ports.
    items_max: usize,
    /// The field of a rule's protocols or ports.
    ports: &'static str,
    has_priority: bool,
}

const CLUSTER: Limits =
    Limits { actions: &["Accept", "Deny", "Pass"], items_max: 25, ports: "protocols", has_priority: true };
const ADMIN: Limits =
    Limits { actions: &["Allow", "Deny", "Pass"], items_max: 100, ports: "ports", has_priority: true };
const BASELINE: Limits = Limits { actions: &["Allow", "Deny"], items_max: 100, ports: "ports", has_priority: false };

const NETWORKS_MAX: usize = 25;
const PRIORITY_MAX: i64 = 1_000;
const RULE_NAME_MAX: usize = 100;

struct Checker<'a> {
    root: &'a Node,
    limits: Limits,
    d: &'a mut Diagnostics,
}

pub fn check(root: &Node, kind: &str, d: &mut Diagnostics) {
    let limits = match kind {
        "ClusterNetworkPolicy" => CLUSTER,
        "AdminNetworkPolicy" => ADMIN,
        _ => BASELINE,
    };
    let mut checker = Checker { root, limits, d };
    checker.name(kind);
    let Some(spec) = field(root, "spec") else { return required(root, "spec", checker.d) };
    if is_object(spec, checker.d) {
        checker.spec(spec, kind);
    }
}

impl Checker<'_> {
    fn name(&mut self, kind: &str) {
        let Some((name, span)) = self.root.get("metadata").and_then(|metadata| text(metadata, "name")) else { return };
        if kind == "BaselineAdminNetworkPolicy" && name != "default" {
            let message = "Invalid value: \"object\": Only one baseline admin network policy with \
                           metadata.name=\"default\" can be created in the cluster";
            self.d.error("invalid", span, message).hint("call it default").fix(span, "default");
        }
    }

    fn spec(&mut self, spec: &Node, kind: &str) {
        if kind == "ClusterNetworkPolicy" {
            self.required(spec, "tier");
            choice(spec, "tier", &["Admin", "Baseline"], self.d);
        }
        if self.limits.has_priority {
            self.required(spec, "priority");
            if let Some(Node { value: Value::Int(number), span }) = field(spec, "priority") {
                self.between(*number, *span, (0, PRIORITY_MAX));
            }
        }
        self.required(spec, "subject");
        if let Some(subject) = field(spec, "subject").filter(|subject| is_object(subject, self.d)) {
            self.one_of(subject, &["namespaces", "pods"]);
            self.pods(subject);
        }
        for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
            let Some(list) = field(spec, rules) else { continue };
            self.count(list, (0, self.limits.items_max));
            list.items().iter().for_each(|rule| self.rule(rule, peers));
        }
    }

    fn required(&mut self, node: &Node, name: &str) {
        if is_missing(node, name) && field(node, name).is_none_or(|value| value.items().is_empty()) {
            required(node, name, self.d);
        }
    }

    fn between(&mut self, number: i64, span: Span, (least, most): (i64, i64)) {
        let word = match number {
            low if low < least => format!("greater than or equal to {least}"),
            high if high > most => format!("less than or equal to {most}"),
            _ => return,
        };
        let path = path_at(self.root, span);
        self.d.error("range", span, format!("Invalid value: {number}: {path} in body should be {word}"));
    }

    fn count(&mut self, list: &Node, (least, most): (usize, usize)) {
        let (count, span) = (list.items().len(), list.span);
        if count < least {
            let path = path_at(self.root, span);
            let message = format!("Invalid value: {count}: {path} in body should have at least {least} items");
            self.d.error("too-few", span, message);
        } else if count > most {
            self.d.error("too-many", span, format!("Too many: {count}: must have at most {most} items"));
        }
    }

    /// Exactly one field; what is not known counts.
    fn one_of(&mut self, node: &Node, fields: &[&str]) {
        match node.entries().len() {
            1 => {}
            0 => {
                let path = path_at(self.root, node.span);
                let message = format!("Invalid value: 0: {path} in body should have at least 1 properties");
                self.d.error("required", node.span, message).hint(format!("one of {}", fields.join(", ")));
            }
            count => {
                let message = format!("Too many: {count}: must have at most 1 items");
                let added = self.d.error("too-many", node.span, message);
                added.hint("make several of them, each with a `- ` of its own");
            }
        }
    }

    fn pods(&mut self, node: &Node) {
        labels::check_selector(node, "namespaces", self.d);
        if let Some(pods) = field(node, "pods") {
            for selector in ["namespaceSelector", "podSelector"] {
                if field(pods, selector).is_none() {
                    required(pods, selector, self.d);
                }
                labels::check_selector(pods, selector, self.d);
            }
        }
    }

    fn rule(&mut self, rule: &Node, peers: &str) {
        if !is_object(rule, self.d) {
            return;
        }
        if let Some((name, span)) = text(rule, "name").filter(|(name, _)| name.chars().count() > RULE_NAME_MAX) {
            let count = name.chars().count();
            self.d.error(
                "too-long",
                span,
                format!("Too long: may not be more than {RULE_NAME_MAX} bytes, not {count}"),
            );
        }
        self.required(rule, "action");
        choice(rule, "action", self.limits.actions, self.d);
        match field(rule, peers) {
            None => required(rule, peers, self.d),
            Some(list) => {
                self.count(list, (1, self.limits.items_max));
                list.items().iter().for_each(|peer| self.peer(peer, peers));
            }
        }
        let ports = field(rule, self.limits.ports);
        if let Some(list) = ports {
            let least = usize::from(self.limits.ports == "protocols");
            self.count(list, (least, self.limits.items_max));
            list.items().iter().for_each(|port| self.port(port));
        }
        self.no_names_outside(rule, peers, ports);
    }

    /// Only Pods name ports.
    fn no_names_outside(&mut self, rule: &Node, peers: &str, ports: Option<&Node>) {
        let names = ["destinationNamedPort", "namedPort"];
        let outside = ["networks", "nodes", "domainNames"];
        let has = |list: Option<&Node>, fields: &[&str]| {
            let items = list.map_or(&[][..], Node::items);
            items.iter().any(|item| fields.iter().any(|name| field(item, name).is_some()))
        };
        if has(ports, &names) && has(field(rule, peers), &outside) {
            let message = "Invalid value: \"object\": networks/nodes/domainNames peer cannot be set with namedPorts since \
                           there are no namedPorts for networks/nodes/domainNames";
            self.d.error("invalid", rule.span, message).hint("give the port's number");
        }
    }

    fn peer(&mut self, peer: &Node, list: &str) {
        if !is_object(peer, self.d) {
            return;
        }
        let fields: &[&str] = match list {
            "from" => &["namespaces", "pods"],
            _ => &["namespaces", "pods", "nodes", "networks", "domainNames"],
        };
        self.one_of(peer, fields);
        self.pods(peer);
        labels::check_selector(peer, "nodes", self.d);
        if list == "from"
            && let Some((key, _)) = peer.entries().iter().find(|(key, _)| matches!(&*key.name, "nodes" | "networks"))
        {
            let message = format!("unknown field \"{}\"", key.name);
            self.d.error("unknown-field", key.span, message).hint("who sends is told by namespaces or pods alone");
        }
        if let Some(networks) = field(peer, "networks") {
            self.count(networks, (1, NETWORKS_MAX));
            for net in networks.items() {
                if net
                    .as_str()
                    .is_some_and(|text| network::read_cidr(text, net.span, &mut Diagnostics::default()).is_none())
                {
                    let message = "Invalid value: \"string\": Invalid CIDR format provided";
                    self.d.error("cidr", net.span, message).hint("such as 10.0.0.0/8 or fd00::/8");
                }
            }
        }
        if let Some(names) = field(peer, "domainNames") {
            self.count(names, (1, NETWORKS_MAX));
        }
    }

    fn port(&mut self, port: &Node) {
        if !is_object(port, self.d) {
            return;
        }
        if self.limits.ports == "ports" {
            self.one_of(port, &["portNumber", "portRange", "namedPort"]);
            if let Some(number) = field(port, "portNumber") {
                self.required(number, "port");
                self.number(number, "port");
            }
            if let Some(range) = field(port, "portRange") {
                self.range(range);
            }
            return;
        }
        self.one_of(port, &["tcp", "udp", "sctp", "destinationNamedPort"]);
        for protocol in ["tcp", "udp", "sctp"].into_iter().filter_map(|name| field(port, name)) {
            if !is_object(protocol, self.d) {
                continue;
            }
            self.one_of(protocol, &["destinationPort"]);
            if let Some(own) = field(protocol, "destinationPort").filter(|own| is_object(own, self.d)) {
                self.one_of(own, &["number", "range"]);
                self.number(own, "number");
                if let Some(range) = field(own, "range") {
                    self.range(range);
                }
            }
        }
    }

    fn number(&mut self, node: &Node, name: &str) {
        if let Some(Node { value: Value::Int(number), span }) = field(node, name) {
            self.between(*number, *span, (1, 65_535));
        }
    }

    fn range(&mut self, range: &Node) {
        for end in ["start", "end"] {
            self.required(range, end);
            self.number(range, end);
        }
        let number = |name: &str| match field(range, name)?.value {
            Value::Int(number) => Some(number),
            _ => None,
        };
        if let (Some(start), Some(end)) = (number("start"), number("end"))
            && start >= end
        {
            let message = "Invalid value: \"object\": Start port must be less than End port";
            self.d.error("invalid", range.span, message).hint("one port alone is a number");
        }
    }
}
