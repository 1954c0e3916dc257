//! Calico's own policies. Models libcalico-go/lib/backend/syncersv1/updateprocessors of 3.31.

use super::model::{Action, Direction, Rule, SetSource, Side};
use super::policy::Parts;
use super::selector::{NAMESPACE, SERVICE_ACCOUNT, Selector};
use crate::cluster::Object;
use crate::manifest::expression::{Comparison, Expression};
use crate::manifest::typed::{CalicoAction, CalicoEntity, CalicoPolicy, CalicoPort, CalicoRule, tiered};
use crate::net::Protocol;
use crate::tables::Origin;
use crate::tables::netfilter::PortRange;
use ipnet::IpNet;
use std::borrow::Cow;
use std::sync::Arc;

/// None: it is about host endpoints alone.
pub fn parts(object: &Object, policy: &CalicoPolicy) -> Option<Parts> {
    if policy.host_only {
        return None;
    }
    let namespace = Some(&object.key.namespace).filter(|namespace| !namespace.is_empty());
    let (tier, name) = tiered(&object.key.name);
    let internal = match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.into_owned(),
    };
    let rules = |direction: Direction, rules: &Option<Vec<CalicoRule>>| {
        let convert = |(index, rule)| {
            let path = Cow::Owned(format!("spec.{}[{index}]", direction.name()));
            converted(rule, namespace, Origin::Object { uid: object.uid, path })
        };
        rules.as_ref().map(|rules| rules.iter().enumerate().map(convert).collect())
    };
    Some(Parts {
        tier: tier.into(),
        order: policy.order.unwrap_or(f64::INFINITY),
        id: format!("{tier}/{internal}"),
        title: format!("Policy {internal}"),
        name: internal.into(),
        selector: Selector::Expression(selector(policy, namespace)),
        selector_path: "spec.selector",
        ingress: rules(Direction::Ingress, &policy.ingress),
        egress: rules(Direction::Egress, &policy.egress),
    })
}

fn joined(parts: impl IntoIterator<Item = Option<Expression>>) -> Option<Expression> {
    let parts: Vec<Expression> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| Expression::all_of(parts))
}

/// `all()` of namespaces or ServiceAccounts is whatever has one.
fn all_that_have(expression: &Expression, label: &str) -> Expression {
    expression.mapped(&|leaf| match leaf {
        Expression::All => Expression::Has(label.into()),
        other => other.clone(),
    })
}

fn selector(policy: &CalicoPolicy, namespace: Option<&Arc<str>>) -> Expression {
    let mut found = policy.selector.clone();
    match namespace {
        Some(namespace) => found = joined([found, Some(Expression::equals(NAMESPACE, namespace))]),
        None => {
            if let Some(namespaces) = &policy.namespaces {
                let both = joined([found, Some(namespaces.prefixed("pcns."))]);
                found = both.map(|both| all_that_have(&both, NAMESPACE));
            }
        }
    }
    if let Some(accounts) = &policy.accounts {
        let both = joined([found, Some(accounts.prefixed("pcsa."))]);
        // Calico does so for GlobalNetworkPolicies only; of a Pod it is true either way.
        found = both.map(|both| if namespace.is_none() { all_that_have(&both, SERVICE_ACCOUNT) } else { both });
    }
    found.unwrap_or(Expression::All)
}

/// Models RuleAPIV3ToBackend.
fn converted(rule: &CalicoRule, namespace: Option<&Arc<str>>, origin: Origin) -> Rule {
    let action = match rule.action {
        CalicoAction::Allow => Action::Allow,
        CalicoAction::Deny => Action::Deny,
        CalicoAction::Log => Action::Log,
        CalicoAction::Pass => Action::Pass,
    };
    let mut out = Rule::new(action, origin);
    out.family = rule.family;
    (out.protocol, out.not_protocol) = (rule.protocol, rule.not_protocol);
    (out.icmp, out.not_icmp) = (rule.icmp, rule.not_icmp);
    out.notes = rule.annotations.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let protocol = rule.protocol.map_or(Protocol::Tcp, |protocol| match protocol.number {
        17 => Protocol::Udp,
        132 => Protocol::Sctp,
        _ => Protocol::Tcp,
    });
    out.source = side(&rule.source, namespace, protocol, false);
    out.destination = side(&rule.destination, namespace, protocol, true);
    out
}

/// Models ruleToParsedRule.
fn side(entity: &CalicoEntity, namespace: Option<&Arc<str>>, protocol: Protocol, receives: bool) -> Side {
    let mut positive = entity_selector(entity, namespace);
    let mut negative = entity.not_selector.clone();
    if let (Some(found), Some(except)) = (&positive, &negative) {
        positive = Some(Expression::And(vec![found.clone(), except.clone().negated()]));
        negative = None;
    }
    let (ranges, names) = split(&entity.ports);
    let (not_ranges, not_names) = split(&entity.not_ports);
    let named = |names: &[Arc<str>]| {
        let of = |name: &Arc<str>| {
            SetSource::selected(positive.clone().map(Selector::Expression), Some((protocol, name.clone())))
        };
        names.iter().map(of).collect()
    };
    let set = |expression: Expression| SetSource::selected(Some(Selector::Expression(expression)), None);
    Side {
        nets: entity.nets.iter().map(IpNet::trunc).collect(),
        not_nets: entity.not_nets.iter().map(IpNet::trunc).collect(),
        named_ports: named(&names),
        not_named_ports: named(&not_names),
        // Named ports are looked up together with their addresses.
        set: positive.clone().filter(|_| !ranges.is_empty() || names.is_empty()).map(set),
        not_set: negative.map(set),
        service: entity.service.as_ref().map(|(namespace, name)| SetSource::service(namespace, name, receives)),
        ports: ranges,
        not_ports: not_ranges,
    }
}

fn split(ports: &[CalicoPort]) -> (Vec<PortRange>, Vec<Arc<str>>) {
    let (mut ranges, mut names) = (Vec::new(), Vec::new());
    for port in ports {
        match port {
            CalicoPort::Range(first, last) => ranges.push(PortRange { first: *first, last: *last }),
            CalicoPort::Named(name) => names.push(name.clone()),
        }
    }
    (ranges, names)
}

/// Models getEndpointSelector: as soon as anything is selected, a policy of a namespace means its own.
fn entity_selector(entity: &CalicoEntity, namespace: Option<&Arc<str>>) -> Option<Expression> {
    let accounts = entity.accounts.as_ref().and_then(|(names, selector)| {
        let named = (!names.is_empty()).then(|| {
            let mut names = names.clone();
            names.sort_unstable();
            names.dedup();
            Expression::Compared(SERVICE_ACCOUNT.into(), Comparison::In(names))
        });
        joined([selector.as_ref().map(|selector| selector.prefixed("pcsa.")), named])
    });
    let selected = joined([accounts, entity.selector.clone()]);
    let namespaces = match &entity.namespaces {
        Some(namespaces) => Some(namespaces.prefixed("pcns.").mapped(&|leaf| match leaf {
            Expression::All => Expression::Has(NAMESPACE.into()),
            Expression::Global => Expression::Has(NAMESPACE.into()).negated(),
            other => other.clone(),
        })),
        None => namespace.map(|namespace| Expression::equals(NAMESPACE, namespace)),
    };
    let anything = selected.is_some() || entity.not_selector.is_some() || entity.namespaces.is_some();
    joined([namespaces.filter(|_| anything), selected])
}
