//! Calico's own policies: `projectcalico.org/v3` NetworkPolicy, GlobalNetworkPolicy, Tier, NetworkSet and GlobalNetworkSet,
//! which `crd.projectcalico.org/v1` stores. Models api/pkg/apis/projectcalico/v3 of Calico 3.31.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{IntOrString, ObjectMeta, reader};
use crate::manifest::expression::Expression;
use crate::manifest::{Diagnostics, Node, Span, Value};
use crate::net::Family;

/// A NetworkPolicy or GlobalNetworkPolicy of Calico's.
#[derive(Clone, Debug, PartialEq)]
pub struct CalicoPolicy {
    pub meta: ObjectMeta,
    pub tier: Option<Arc<str>>,
    /// None: after all that have one.
    pub order: Option<f64>,
    /// None: everything.
    pub selector: Option<Expression>,
    /// GlobalNetworkPolicies only.
    pub namespaces: Option<Expression>,
    pub accounts: Option<Expression>,
    /// None: the policy says nothing of this direction.
    pub ingress: Option<Vec<CalicoRule>>,
    pub egress: Option<Vec<CalicoRule>>,
    /// `preDNAT` or `doNotTrack`: it is about host endpoints alone.
    pub host_only: bool,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalicoAction {
    Allow,
    Deny,
    Log,
    Pass,
}

/// A protocol by its number; `name` is how it was written, if not as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalicoProtocol {
    pub number: u8,
    pub name: Option<&'static str>,
}

/// Type and code of an ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalicoIcmp {
    pub kind: Option<u8>,
    pub code: Option<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CalicoRule {
    pub action: CalicoAction,
    pub family: Option<Family>,
    pub protocol: Option<CalicoProtocol>,
    pub not_protocol: Option<CalicoProtocol>,
    pub icmp: Option<CalicoIcmp>,
    pub not_icmp: Option<CalicoIcmp>,
    pub source: CalicoEntity,
    pub destination: CalicoEntity,
    /// `metadata.annotations`, sorted by key.
    pub annotations: Vec<(Arc<str>, Arc<str>)>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CalicoPort {
    /// The first and the last.
    Range(u16, u16),
    Named(Arc<str>),
}

/// `source` or `destination`: everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalicoEntity {
    pub nets: Vec<IpNet>,
    pub not_nets: Vec<IpNet>,
    pub selector: Option<Expression>,
    pub namespaces: Option<Expression>,
    pub not_selector: Option<Expression>,
    pub ports: Vec<CalicoPort>,
    pub not_ports: Vec<CalicoPort>,
    /// ServiceAccounts with one of these names and labels.
    pub accounts: Option<(Vec<Arc<str>>, Option<Expression>)>,
    /// A Service by namespace and name.
    pub service: Option<(Arc<str>, Arc<str>)>,
}

/// What becomes of a packet that a tier's policies select and do not decide.
#[derive(Clone, Debug, PartialEq)]
pub struct CalicoTier {
    pub meta: ObjectMeta,
    /// None: after all that have one.
    pub order: Option<f64>,
    /// `defaultAction: Pass`; Deny by default.
    pub passes: bool,
}

/// A NetworkSet or GlobalNetworkSet.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSet {
    pub meta: ObjectMeta,
    pub nets: Vec<IpNet>,
}

/// The protocols that Calico knows by name.
pub const PROTOCOLS: [(&str, u8); 6] =
    [("ICMP", 1), ("ICMPv6", 58), ("SCTP", 132), ("TCP", 6), ("UDP", 17), ("UDPLite", 136)];

/// The tier that a policy's name begins with, and its name with it: `x` is `default.x`. Models libcalico-go/lib/names.
pub fn tiered(name: &str) -> (&str, Cow<'_, str>) {
    for (prefix, tier) in [
        ("knp.default.", "default"),
        ("kanp.adminnetworkpolicy.", "adminnetworkpolicy"),
        ("kbanp.baselineadminnetworkpolicy.", "baselineadminnetworkpolicy"),
        ("ossg.", "default"),
    ] {
        if name.starts_with(prefix) {
            return (tier, Cow::Borrowed(name));
        }
    }
    match name.split_once('.') {
        Some((tier, _)) => (tier, Cow::Borrowed(name)),
        None => ("default", Cow::Owned(format!("default.{name}"))),
    }
}

impl CalicoPolicy {
    /// Defaults `types`: as there are rules, Ingress if there are none. Models defaultPolicyTypesField.
    pub fn project(root: &Node, d: &mut Diagnostics) -> Option<CalicoPolicy> {
        if !reader::is_object(root, d) {
            return None;
        }
        let spec = reader::object(root, "spec", d).unwrap_or(root);
        let types = reader::texts(spec, "types", d);
        let (ingress, egress) = (rules(spec, "ingress", d), rules(spec, "egress", d));
        let says = |name: &str| types.iter().any(|own| **own == *name);
        let isolates = match types.is_empty() {
            true => [egress.is_empty() || !ingress.is_empty(), !egress.is_empty()],
            false => [says("Ingress"), says("Egress")],
        };
        let yes = |name: &str, d: &mut Diagnostics| reader::boolean(spec, name, d) == Some(true);
        Some(CalicoPolicy {
            meta: ObjectMeta::project(root, d),
            tier: reader::text(spec, "tier", d),
            order: number(spec, "order", d),
            selector: expression(spec, "selector", d),
            namespaces: expression(spec, "namespaceSelector", d),
            accounts: expression(spec, "serviceAccountSelector", d),
            ingress: isolates[0].then_some(ingress),
            egress: isolates[1].then_some(egress),
            host_only: yes("preDNAT", d) | yes("doNotTrack", d),
            span: spec.span,
        })
    }
}

impl CalicoTier {
    pub fn project(root: &Node, d: &mut Diagnostics) -> Option<CalicoTier> {
        if !reader::is_object(root, d) {
            return None;
        }
        let spec = reader::object(root, "spec", d).unwrap_or(root);
        Some(CalicoTier {
            meta: ObjectMeta::project(root, d),
            order: number(spec, "order", d),
            passes: reader::choice(spec, "defaultAction", &["Deny", "Pass"], d) == Some(1),
        })
    }
}

impl NetworkSet {
    pub fn project(root: &Node, d: &mut Diagnostics) -> Option<NetworkSet> {
        if !reader::is_object(root, d) {
            return None;
        }
        let spec = reader::object(root, "spec", d).unwrap_or(root);
        Some(NetworkSet { meta: ObjectMeta::project(root, d), nets: nets(spec, "nets", d) })
    }
}

/// A number, perhaps with a fraction.
fn number(node: &Node, name: &str, d: &mut Diagnostics) -> Option<f64> {
    let value = reader::field(node, name)?;
    match value.value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number).filter(|number| !number.is_nan()),
        _ => reader::mismatch(value, "a number", d),
    }
}

/// A selector; an empty one is none.
pub(crate) fn expression(node: &Node, name: &str, d: &mut Diagnostics) -> Option<Expression> {
    let value = reader::field(node, name)?;
    let text = reader::string(value, d).filter(|text| !text.is_empty())?;
    match Expression::parse(&text) {
        Ok(expression) => Some(expression),
        Err(error) => {
            let message = format!("Invalid value: \"{text}\": invalid selector: {}", error.message);
            let span = part_of(value.span, &text, error.at);
            d.error("selector", span, message).hint(error.hint);
            None
        }
    }
}

/// Where a part of a text stands, if the text is written as it reads, plain or in quotes.
fn part_of(span: Span, text: &str, at: std::ops::Range<usize>) -> Span {
    let start = match (span.end.wrapping_sub(span.start) as usize).checked_sub(text.len()) {
        Some(0) => span.start,
        Some(2) => span.start + 1,
        _ => return span,
    };
    // The end of a text is told by its last character.
    let from = if at.is_empty() { at.start.saturating_sub(1) } else { at.start };
    Span { start: start + from as u32, end: start + at.end.max(from) as u32, ..span }
}

fn rules(spec: &Node, name: &str, d: &mut Diagnostics) -> Vec<CalicoRule> {
    reader::objects(spec, name, d).into_iter().filter_map(|rule| CalicoRule::project(rule, d)).collect()
}

impl CalicoRule {
    fn project(rule: &Node, d: &mut Diagnostics) -> Option<CalicoRule> {
        const ACTIONS: [CalicoAction; 4] =
            [CalicoAction::Allow, CalicoAction::Deny, CalicoAction::Log, CalicoAction::Pass];
        let family = match reader::int(rule, "ipVersion", d) {
            Some(4) => Some(Family::V4),
            Some(6) => Some(Family::V6),
            _ => None,
        };
        let annotations = reader::object(rule, "metadata", d);
        let annotations = annotations.map(|metadata| reader::text_map(metadata, "annotations", d));
        let entity = |name: &str, d: &mut Diagnostics| {
            reader::object(rule, name, d).map(|entity| CalicoEntity::project(entity, d)).unwrap_or_default()
        };
        Some(CalicoRule {
            action: ACTIONS[reader::choice(rule, "action", &["Allow", "Deny", "Log", "Pass"], d)?],
            family,
            protocol: CalicoProtocol::project(rule, "protocol", d),
            not_protocol: CalicoProtocol::project(rule, "notProtocol", d),
            icmp: CalicoIcmp::project(rule, "icmp", d),
            not_icmp: CalicoIcmp::project(rule, "notICMP", d),
            source: entity("source", d),
            destination: entity("destination", d),
            annotations: annotations.into_iter().flatten().collect(),
            span: rule.span,
        })
    }
}

impl CalicoProtocol {
    fn project(rule: &Node, name: &str, d: &mut Diagnostics) -> Option<CalicoProtocol> {
        match reader::int_or_string(rule, name, d)? {
            IntOrString::Int(number) => Some(CalicoProtocol { number: u8::try_from(number).ok()?, name: None }),
            IntOrString::String(text) => {
                let known = PROTOCOLS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&text));
                let numbered = || Some(CalicoProtocol { number: text.parse().ok()?, name: None });
                known.map(|(name, number)| CalicoProtocol { number: *number, name: Some(name) }).or_else(numbered)
            }
        }
    }
}

impl CalicoIcmp {
    fn project(rule: &Node, name: &str, d: &mut Diagnostics) -> Option<CalicoIcmp> {
        let icmp = reader::object(rule, name, d)?;
        let byte = |name: &str, d: &mut Diagnostics| u8::try_from(reader::int(icmp, name, d)?).ok();
        Some(CalicoIcmp { kind: byte("type", d), code: byte("code", d) })
    }
}

impl CalicoEntity {
    fn project(entity: &Node, d: &mut Diagnostics) -> CalicoEntity {
        let accounts = reader::object(entity, "serviceAccounts", d);
        let service = reader::object(entity, "services", d);
        CalicoEntity {
            nets: nets(entity, "nets", d),
            not_nets: nets(entity, "notNets", d),
            selector: expression(entity, "selector", d),
            namespaces: expression(entity, "namespaceSelector", d),
            not_selector: expression(entity, "notSelector", d),
            ports: ports(entity, "ports", d),
            not_ports: ports(entity, "notPorts", d),
            accounts: accounts
                .map(|accounts| (reader::texts(accounts, "names", d), expression(accounts, "selector", d))),
            service: service.and_then(|service| {
                let namespace = reader::text(service, "namespace", d).unwrap_or_default();
                Some((namespace, reader::text(service, "name", d)?))
            }),
        }
    }
}

/// Subnets, or addresses alone.
fn nets(node: &Node, name: &str, d: &mut Diagnostics) -> Vec<IpNet> {
    let mut found = Vec::new();
    for item in reader::items(node, name, d) {
        let Some(text) = reader::string(item, d) else { continue };
        match text.parse::<IpAddr>() {
            Ok(ip) => found.push(ip.into()),
            Err(_) => found.extend(reader::subnet(&text, item.span, d)),
        }
    }
    found
}

fn ports(node: &Node, name: &str, d: &mut Diagnostics) -> Vec<CalicoPort> {
    reader::items(node, name, d).iter().filter_map(|item| port(item, d)).collect()
}

/// A number, a range such as `80:90`, or a name.
pub(crate) fn port(item: &Node, d: &mut Diagnostics) -> Option<CalicoPort> {
    let text = match &item.value {
        Value::Int(number) => number.to_string(),
        Value::String(text) => text.to_string(),
        _ => return reader::mismatch(item, "a number, a range or a name", d),
    };
    let (first, last) = text.split_once(':').unwrap_or((&text, &text));
    let Ok(first) = first.parse::<i64>() else { return Some(CalicoPort::Named(text.into())) };
    let numbers = u16::try_from(first).ok().zip(last.parse::<u16>().ok());
    match numbers.filter(|(first, last)| *first <= *last) {
        Some((first, last)) => Some(CalicoPort::Range(first, last)),
        None => {
            let message =
                format!("Invalid value: \"{text}\": port range invalid, port number must be between 0 and 65535");
            d.error("range", item.span, message).hint("such as 80, \"80:90\" or a port's name");
            None
        }
    }
}
