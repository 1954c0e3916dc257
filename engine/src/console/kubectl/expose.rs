//! `kubectl expose`. Models k8s.io/kubectl pkg/cmd/expose.

use super::flags::{Flag, Parsed, Takes, flag};
use super::{Command, Failure, get, not_found, resource};
use crate::cluster::{Labels, Object, Outcome, Typed};
use std::fmt::Write;

pub const FLAGS: &[Flag] = &[
    flag("name", ' ', Takes::Value),
    flag("port", ' ', Takes::Value),
    flag("target-port", ' ', Takes::Value),
    flag("protocol", ' ', Takes::Value),
    flag("type", ' ', Takes::Value),
    flag("selector", ' ', Takes::Value),
    flag("labels", 'l', Takes::Value),
    flag("cluster-ip", ' ', Takes::Value),
    flag("external-ip", ' ', Takes::Value),
    flag("load-balancer-ip", ' ', Takes::Value),
    flag("session-affinity", ' ', Takes::Value),
    flag("filename", 'f', Takes::Value),
    flag("output", 'o', Takes::Value),
    flag("dry-run", ' ', Takes::Optional("unchanged")),
];

/// Runs `kubectl expose TYPE NAME`.
pub fn expose(command: &mut Command<'_, '_>, parsed: &Parsed) -> Result<i32, Failure> {
    if parsed.value("dry-run").is_some_and(|value| value != "none") {
        return Err(Failure::error("podhop's expose has no --dry-run"));
    }
    let selection = match command.named_in_files(parsed)? {
        Some(selection) => selection,
        None => resource::select(&parsed.arguments, command.revision())?,
    };
    let [(kind, resource_name)] = &selection.names[..] else {
        return Err(Failure::error("you must provide one resource by argument or filename"));
    };
    let namespace = command.namespace(parsed);
    let revision = command.revision();
    let Some(object) = revision.object(&get::key(kind, &namespace, resource_name)).cloned() else {
        return Err(Failure::Text(not_found(kind, resource_name) + "\n"));
    };
    let selector = match parsed.value("selector") {
        Some(text) => pairs(text)?,
        None => selector_of(&object)?,
    };
    let ports = ports(parsed, &object)?;
    let name = parsed.value("name").unwrap_or(resource_name).to_owned();
    let labels = match parsed.value("labels") {
        Some(text) => pairs(text)?,
        None => object.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
    };
    let text = manifest(parsed, (&name, &namespace), &labels, &selector, &ports);
    if revision.object(&crate::cluster::ObjectKey::new("Service", &namespace, &name)).is_some() {
        return Err(Failure::Text(format!("Error from server (AlreadyExists): services \"{name}\" already exists\n")));
    }
    let source = format!("kubectl expose {} {resource_name}", resource::singular(kind));
    let applied = command.machine.world.apply_text(&source, &text);
    command.machine.effects.changed = true;
    for (_, outcome) in &applied.objects {
        if let Outcome::Refused(reason, message) = outcome {
            return Err(Failure::Text(format!("Error from server ({reason}): {message}\n")));
        }
    }
    if !applied.committed {
        let first = applied.diagnostics.iter().next().map_or("", |found| &found.message);
        return Err(Failure::Text(format!("The Service \"{name}\" is invalid: {first}\n")));
    }
    let line = if parsed.value("output") == Some("name") {
        format!("service/{name}\n")
    } else {
        format!("service/{name} exposed\n")
    };
    command.io.out(&line);
    Ok(0)
}

/// `a=b,c=d`
fn pairs(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let pair = |pair: &str| {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Failure::error(&format!("unexpected label spec: {pair}")))?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    text.split(',').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// Models polymorphichelpers MapBasedSelectorForObject.
fn selector_of(object: &Object) -> Result<Vec<(String, String)>, Failure> {
    let own = |labels: &Labels| labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    match &object.typed {
        Typed::Workload(workload) => Ok(own(&workload.selector.match_labels)),
        Typed::Pod { .. } if object.labels.is_empty() => Err(Failure::error(
            "couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed",
        )),
        Typed::Pod { .. } => Ok(own(&object.labels)),
        Typed::Service(service) if service.selector.is_empty() => Err(Failure::error(
            "couldn't retrieve selectors via --selector flag or introspection: the service has no pod selector set",
        )),
        Typed::Service(service) => Ok(own(&service.selector)),
        _ => Err(Failure::error(&format!("cannot expose a {}", object.key.kind))),
    }
}

struct Port {
    number: u16,
    target: Option<String>,
    protocol: String,
}

/// `--port`, else the ports of the object's containers (or of the Service).
fn ports(parsed: &Parsed, object: &Object) -> Result<Vec<Port>, Failure> {
    let protocol = parsed.value("protocol").unwrap_or("TCP").to_ascii_uppercase();
    let target = parsed.value("target-port").map(str::to_owned);
    if let Some(text) = parsed.value("port") {
        let number =
            |text: &str| text.trim().parse::<u16>().map_err(|_| Failure::error(&format!("invalid port: {text:?}")));
        let port = |text: &str| Ok(Port { number: number(text)?, target: target.clone(), protocol: protocol.clone() });
        return text.split(',').map(port).collect();
    }
    let spec = match &object.typed {
        Typed::Workload(workload) => Some(&workload.template.spec),
        Typed::Pod { spec, .. } => Some(spec),
        _ => None,
    };
    let declared = spec.into_iter().flat_map(|spec| &spec.containers).flat_map(|container| &container.ports);
    let mut ports: Vec<Port> = declared
        .map(|port| Port {
            number: port.container_port,
            target: target.clone(),
            protocol: port.protocol.name().to_owned(),
        })
        .collect();
    if let Typed::Service(service) = &object.typed {
        ports.extend(service.ports.iter().map(|port| Port {
            number: port.port,
            target: target.clone(),
            protocol: port.protocol.name().to_owned(),
        }));
    }
    if ports.is_empty() {
        return Err(Failure::error("couldn't find port via --port flag or introspection"));
    }
    Ok(ports)
}

type Pairs = [(String, String)];

fn manifest(
    parsed: &Parsed,
    (name, namespace): (&str, &str),
    labels: &Pairs,
    selector: &Pairs,
    ports: &[Port],
) -> String {
    let quote = |text: &str| format!("{text:?}");
    let mut text = format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {}\n  namespace: {}\n",
        quote(name),
        quote(namespace)
    );
    let map = |text: &mut String, name: &str, pairs: &Pairs| {
        if !pairs.is_empty() {
            let _ = writeln!(text, "  {name}:");
            for (key, value) in pairs {
                let _ = writeln!(text, "    {}: {}", quote(key), quote(value));
            }
        }
    };
    map(&mut text, "labels", labels);
    text.push_str("spec:\n");
    for (flag, field) in [
        ("type", "type"),
        ("cluster-ip", "clusterIP"),
        ("load-balancer-ip", "loadBalancerIP"),
        ("session-affinity", "sessionAffinity"),
    ] {
        if let Some(value) = parsed.value(flag) {
            let _ = writeln!(text, "  {field}: {}", quote(value));
        }
    }
    if let Some(ip) = parsed.value("external-ip") {
        let _ = writeln!(text, "  externalIPs: [{}]", quote(ip));
    }
    map(&mut text, "selector", selector);
    text.push_str("  ports:\n");
    for (at, port) in ports.iter().enumerate() {
        let _ = writeln!(text, "  - port: {}\n    protocol: {}", port.number, port.protocol);
        match &port.target {
            Some(target) if target.parse::<u16>().is_ok() => text.push_str(&format!("    targetPort: {target}\n")),
            Some(target) => text.push_str(&format!("    targetPort: {}\n", quote(target))),
            None => text.push_str(&format!("    targetPort: {}\n", port.number)),
        }
        if ports.len() > 1 {
            let _ = writeln!(text, "    name: port-{}", at + 1);
        }
    }
    text
}
