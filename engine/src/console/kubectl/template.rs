//! A Pod template in words. Models k8s.io/kubectl pkg/describe DescribePodTemplate, whose lines have tabs.

use super::printers::{field, find, items};
use crate::manifest::Node;
use std::fmt::Write as _;

/// Longest annotation that stands beside its name.
const ANNOTATION_MAX: usize = 140;

/// The lines of a template as the API has it. `change_cause` is an annotation of its ReplicaSet.
pub fn describe(template: &Node, change_cause: Option<&str>) -> String {
    let mut text = "Pod Template:\n".to_owned();
    let labels = pairs(template, "metadata.labels").into_iter().map(|(key, value)| format!("{key}={value}"));
    text += &titled("  Labels", labels.collect());
    let mut annotations = pairs(template, "metadata.annotations");
    annotations.extend(change_cause.map(|cause| ("kubernetes.io/change-cause".to_owned(), cause.to_owned())));
    annotations.sort();
    annotations.dedup();
    if !annotations.is_empty() {
        text += &titled("  Annotations", annotations.into_iter().map(annotation).collect());
    }
    let account = field(template, "spec.serviceAccountName");
    if !account.is_empty() {
        let _ = writeln!(text, "  Service Account:\t{account}");
    }
    for (title, path) in [("Init Containers", "spec.initContainers"), ("Containers", "spec.containers")] {
        let containers = items(template, path);
        if !containers.is_empty() {
            let _ = writeln!(text, "  {title}:");
            containers.iter().for_each(|container| text += &self::container(container));
        }
    }
    text += &volumes(template);
    let priority = field(template, "spec.priorityClassName");
    if !priority.is_empty() {
        let _ = writeln!(text, "  Priority Class Name:\t{priority}");
    }
    let selectors = pairs(template, "spec.nodeSelector").into_iter().map(|(key, value)| format!("{key}={value}"));
    text += &titled("  Node-Selectors", selectors.collect());
    let mut tolerations: Vec<&Node> = items(template, "spec.tolerations").iter().collect();
    tolerations.sort_by_key(|toleration| field(toleration, "key"));
    text + &titled("  Tolerations", tolerations.into_iter().map(toleration).collect())
}

/// A mapping's entries, sorted.
fn pairs(node: &Node, path: &str) -> Vec<(String, String)> {
    let entries = find(node, path).map_or(&[][..], Node::entries).iter();
    let mut pairs: Vec<(String, String)> =
        entries.map(|(key, value)| (key.name.to_string(), value.as_str().unwrap_or_default().to_owned())).collect();
    pairs.sort();
    pairs
}

/// A title and one line for each of these.
fn titled(title: &str, lines: Vec<String>) -> String {
    if lines.is_empty() {
        return format!("{title}:\t<none>\n");
    }
    format!("{title}:\t{}\n", lines.join("\n\t"))
}

fn annotation((key, value): (String, String)) -> String {
    if key.len() + value.len() + 2 <= ANNOTATION_MAX && !value.contains('\n') {
        return format!("{key}: {value}");
    }
    let short = |line: &str| match line.len() > ANNOTATION_MAX - 2 {
        true => format!("{}...", &line[..line.floor_char_boundary(ANNOTATION_MAX - 2)]),
        false => line.to_owned(),
    };
    let lines: Vec<String> = value.trim_end_matches('\n').split('\n').map(short).collect();
    format!("{key}:\n\t  {}", lines.join("\n\t  "))
}

fn toleration(node: &Node) -> String {
    let (key, value, effect) = (field(node, "key"), field(node, "value"), field(node, "effect"));
    let mut text = key.clone();
    if !value.is_empty() {
        let _ = write!(text, "={value}");
    }
    if !effect.is_empty() {
        let _ = write!(text, ":{effect}");
    }
    if field(node, "operator") == "Exists" && value.is_empty() {
        text += if key.is_empty() && effect.is_empty() { "op=Exists" } else { " op=Exists" };
    }
    if find(node, "tolerationSeconds").is_some() {
        let _ = write!(text, " for {}s", field(node, "tolerationSeconds"));
    }
    text
}

fn container(node: &Node) -> String {
    let mut text = format!("   {}:\n    Image:\t{}\n", field(node, "name"), field(node, "image"));
    let ports = items(node, "ports").iter();
    let protocol = |port: &Node| match field(port, "protocol") {
        protocol if protocol.is_empty() => "TCP".to_owned(),
        protocol => protocol,
    };
    let own = ports.clone().map(|port| {
        let name = field(port, "name");
        let name = if name.is_empty() { name } else { format!(" ({name})") };
        format!("{}/{}{name}", field(port, "containerPort"), protocol(port))
    });
    let of_host = ports.map(|port| {
        let number = field(port, "hostPort");
        format!("{}/{}", if number.is_empty() { "0" } else { &number }, protocol(port))
    });
    for (title, ports) in [("Port", own.collect::<Vec<_>>()), ("Host Port", of_host.collect())] {
        let several = if ports.len() > 1 { "s" } else { "" };
        let ports = if ports.is_empty() { "<none>".to_owned() } else { ports.join(", ") };
        let _ = writeln!(text, "    {title}{several}:\t{ports}");
    }
    for (title, path) in [("Command", "command"), ("Args", "args")] {
        let words = items(node, path);
        if !words.is_empty() {
            let _ = writeln!(text, "    {title}:");
        }
        for line in words.iter().filter_map(Node::as_str).flat_map(|word| word.split('\n')) {
            let _ = writeln!(text, "      {line}");
        }
    }
    for (title, path) in [("Limits", "resources.limits"), ("Requests", "resources.requests")] {
        let amounts = find(node, path).map_or(&[][..], Node::entries);
        if !amounts.is_empty() {
            let _ = writeln!(text, "    {title}:");
        }
        let mut names: Vec<&str> = amounts.iter().map(|(key, _)| &*key.name).collect();
        names.sort_unstable();
        for name in names {
            let _ = writeln!(text, "      {name}:\t{}", field(node, &format!("{path}.{name}")));
        }
    }
    for (title, path) in [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")] {
        if let Some(probe) = find(node, path) {
            let _ = writeln!(text, "    {title}:\t{}", self::probe(probe));
        }
    }
    text + &environment(node) + &mounts(node)
}

fn probe(node: &Node) -> String {
    let or = |path: &str, default: &str| match field(node, path) {
        text if text.is_empty() => default.to_owned(),
        text => text,
    };
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        or("initialDelaySeconds", "0"),
        or("timeoutSeconds", "1"),
        or("periodSeconds", "10"),
        or("successThreshold", "1"),
        or("failureThreshold", "3")
    );
    let what = if find(node, "exec").is_some() {
        let words: Vec<&str> = items(node, "exec.command").iter().filter_map(Node::as_str).collect();
        format!("exec [{}]", words.join(" "))
    } else if find(node, "httpGet").is_some() {
        let scheme = or("httpGet.scheme", "HTTP").to_ascii_lowercase();
        format!("http-get {scheme}://{}:{}{}", or("httpGet.host", ""), or("httpGet.port", ""), or("httpGet.path", "/"))
    } else if find(node, "tcpSocket").is_some() {
        format!("tcp-socket {}:{}", or("tcpSocket.host", ""), or("tcpSocket.port", ""))
    } else if find(node, "grpc").is_some() {
        format!("grpc <pod>:{} {}", or("grpc.port", ""), or("grpc.service", ""))
    } else {
        "unknown".to_owned()
    };
    format!("{what} {attributes}")
}

fn environment(node: &Node) -> String {
    let mut text = String::new();
    let sources = items(node, "envFrom");
    if !sources.is_empty() {
        text += "    Environment Variables from:\n";
    }
    for source in sources {
        let (kind, path) = match find(source, "configMapRef") {
            Some(_) => ("ConfigMap", "configMapRef"),
            None => ("Secret", "secretRef"),
        };
        let optional = field(source, &format!("{path}.optional")) == "true";
        let _ = writeln!(text, "      {}\t{kind}\tOptional: {optional}", field(source, &format!("{path}.name")));
    }
    let variables = items(node, "env");
    text += if variables.is_empty() { "    Environment:\t<none>\n" } else { "    Environment:\n" };
    for variable in variables {
        let name = field(variable, "name");
        let of = |path: &str| field(variable, &format!("valueFrom.{path}"));
        let optional = |path: &str| of(&format!("{path}.optional")) == "true";
        let value = if find(variable, "valueFrom.fieldRef").is_some() {
            let version = of("fieldRef.apiVersion");
            let version = if version.is_empty() { "v1" } else { &version };
            format!(" ({version}:{})", of("fieldRef.fieldPath"))
        } else if find(variable, "valueFrom.resourceFieldRef").is_some() {
            format!(" ({})", of("resourceFieldRef.resource"))
        } else if find(variable, "valueFrom.secretKeyRef").is_some() {
            let (key, name) = (of("secretKeyRef.key"), of("secretKeyRef.name"));
            format!("<set to the key '{key}' in secret '{name}'>\tOptional: {}", optional("secretKeyRef"))
        } else if find(variable, "valueFrom.configMapKeyRef").is_some() {
            let (key, name) = (of("configMapKeyRef.key"), of("configMapKeyRef.name"));
            format!("<set to the key '{key}' of config map '{name}'>\tOptional: {}", optional("configMapKeyRef"))
        } else {
            field(variable, "value").replace('\n', "\n      \t")
        };
        let _ = writeln!(text, "      {name}:\t{value}");
    }
    text
}

fn mounts(node: &Node) -> String {
    let mut mounts: Vec<&Node> = items(node, "volumeMounts").iter().collect();
    mounts.sort_by_key(|mount| field(mount, "mountPath"));
    let mut text = if mounts.is_empty() { "    Mounts:\t<none>\n" } else { "    Mounts:\n" }.to_owned();
    for mount in mounts {
        let mode = if field(mount, "readOnly") == "true" { "ro" } else { "rw" };
        let path = match field(mount, "subPath") {
            path if path.is_empty() => path,
            path => format!(",path=\"{path}\""),
        };
        let _ = writeln!(text, "      {} from {} ({mode}{path})", field(mount, "mountPath"), field(mount, "name"));
    }
    text
}

/// Volumes of the common kinds; of the others the name.
fn volumes(template: &Node) -> String {
    let volumes = items(template, "spec.volumes");
    let mut text = if volumes.is_empty() { "  Volumes:\t<none>\n" } else { "  Volumes:\n" }.to_owned();
    for volume in volumes {
        let of = |path: &str| field(volume, path);
        let _ = writeln!(text, "   {}:", of("name"));
        let lines: Vec<(&str, String)> = if find(volume, "configMap").is_some() {
            let optional = (of("configMap.optional") == "true").to_string();
            let kind = "ConfigMap (a volume populated by a ConfigMap)".to_owned();
            vec![("Type", kind), ("Name", of("configMap.name")), ("Optional", optional)]
        } else if find(volume, "secret").is_some() {
            let optional = (of("secret.optional") == "true").to_string();
            let kind = "Secret (a volume populated by a Secret)".to_owned();
            vec![("Type", kind), ("SecretName", of("secret.secretName")), ("Optional", optional)]
        } else if find(volume, "hostPath").is_some() {
            let kind = "HostPath (bare host directory volume)".to_owned();
            vec![("Type", kind), ("Path", of("hostPath.path")), ("HostPathType", of("hostPath.type"))]
        } else if find(volume, "emptyDir").is_some() {
            let limit = of("emptyDir.sizeLimit");
            let limit = if limit.is_empty() { "<unset>".to_owned() } else { limit };
            let kind = "EmptyDir (a temporary directory that shares a pod's lifetime)".to_owned();
            vec![("Type", kind), ("Medium", of("emptyDir.medium")), ("SizeLimit", limit)]
        } else {
            Vec::new()
        };
        for (name, value) in lines {
            let _ = writeln!(text, "    {name}:\t{value}");
        }
    }
    text
}
