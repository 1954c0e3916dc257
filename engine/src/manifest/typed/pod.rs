//! Pods and their containers.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{
    NodeSelectorTerm, ObjectMeta, PodAffinityTerm, Probe, Protocol, Toleration, TopologySpreadConstraint, reader,
};
use crate::manifest::{Diagnostics, Node, Span};

/// A Pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    pub meta: ObjectMeta,
    pub spec: PodSpec,
    /// What a dump of a real cluster says, which is honoured.
    pub given: GivenPodStatus,
}

/// The parts of `status` that are honoured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GivenPodStatus {
    pub phase: Option<Arc<str>>,
    /// `status.podIP`.
    pub pod_ip: Option<IpAddr>,
    /// `status.podIPs`, of both families.
    pub pod_ips: Vec<IpAddr>,
    pub host_ip: Option<IpAddr>,
    pub start_time: Option<Arc<str>>,
    /// Whether the condition `Ready` says true or false.
    pub ready: Option<bool>,
}

/// A Pod's `spec`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSpec {
    pub containers: Vec<Container>,
    pub init_containers: Vec<Container>,
    pub node_name: Option<Arc<str>>,
    pub node_selector: BTreeMap<Arc<str>, Arc<str>>,
    pub tolerations: Vec<Toleration>,
    /// Required node affinity: one of these terms must match. `None`: no such affinity.
    pub node_affinity: Option<Vec<NodeSelectorTerm>>,
    pub pod_affinity: Vec<PodAffinityTerm>,
    pub pod_anti_affinity: Vec<PodAffinityTerm>,
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    pub scheduler_name: Option<Arc<str>>,
    pub priority_class_name: Option<Arc<str>>,
    pub host_network: bool,
    pub hostname: Option<Arc<str>>,
    pub subdomain: Option<Arc<str>>,
    pub set_hostname_as_fqdn: bool,
    pub host_aliases: Vec<HostAlias>,
    pub dns_policy: DnsPolicy,
    pub dns_config: DnsConfig,
    pub restart_policy: RestartPolicy,
    /// In seconds.
    pub termination_grace_period: u32,
    pub service_account_name: Option<Arc<str>>,
    pub enable_service_links: bool,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    #[default]
    Always,
    OnFailure,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DnsPolicy {
    #[default]
    ClusterFirst,
    ClusterFirstWithHostNet,
    Default,
    None,
}

/// `spec.dnsConfig`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DnsConfig {
    pub nameservers: Vec<Arc<str>>,
    pub searches: Vec<Arc<str>>,
    /// (name, value)
    pub options: Vec<(Arc<str>, Option<Arc<str>>)>,
}

/// One of `spec.hostAliases`: lines for `/etc/hosts`.
#[derive(Clone, Debug, PartialEq)]
pub struct HostAlias {
    pub ip: Arc<str>,
    pub hostnames: Vec<Arc<str>>,
}

/// A container of a Pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    pub name: Arc<str>,
    pub image: Arc<str>,
    pub command: Vec<Arc<str>>,
    pub args: Vec<Arc<str>>,
    pub working_dir: Option<Arc<str>>,
    /// Its standard input stays open, so that a shell waits for commands.
    pub stdin: bool,
    /// Its program runs when someone attaches, as `kubectl run -i` does.
    pub stdin_once: bool,
    pub ports: Vec<ContainerPort>,
    pub env: Vec<EnvVar>,
    /// The `mountPath` of each of its volumes.
    pub mounts: Vec<Arc<str>>,
    pub readiness_probe: Option<Probe>,
    pub liveness_probe: Option<Probe>,
    pub startup_probe: Option<Probe>,
    /// An init container with `restartPolicy: Always`.
    pub sidecar: bool,
    pub run_as_user: Option<i64>,
    pub privileged: bool,
    /// `securityContext.capabilities.add`, such as `NET_ADMIN`.
    pub capabilities: Vec<Arc<str>>,
    pub span: Span,
}

/// One of a container's `ports`.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerPort {
    pub name: Option<Arc<str>>,
    pub container_port: u16,
    pub host_port: Option<u16>,
    pub host_ip: Option<Arc<str>>,
    pub protocol: Protocol,
    /// Where `containerPort` stands.
    pub span: Span,
}

/// One of a container's `env`.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvVar {
    pub name: Arc<str>,
    /// `None` if it comes from elsewhere.
    pub value: Option<Arc<str>>,
    /// `valueFrom.fieldRef.fieldPath`, such as `status.podIP`.
    pub field_path: Option<Arc<str>>,
}

impl Pod {
    pub fn project(root: &Node, diagnostics: &mut Diagnostics) -> Option<Pod> {
        if !reader::is_object(root, diagnostics) {
            return None;
        }
        Some(Pod {
            meta: ObjectMeta::project(root, diagnostics),
            spec: PodSpec::project(root, diagnostics),
            given: GivenPodStatus::project(root, diagnostics),
        })
    }
}

impl GivenPodStatus {
    fn project(root: &Node, d: &mut Diagnostics) -> GivenPodStatus {
        let Some(status) = reader::object(root, "status", d) else { return GivenPodStatus::default() };
        let ips = reader::objects(status, "podIPs", d);
        let conditions = reader::objects(status, "conditions", d);
        let ready = conditions.into_iter().find(|node| node.get("type").and_then(Node::as_str) == Some("Ready"));
        GivenPodStatus {
            phase: reader::text(status, "phase", d),
            pod_ip: reader::ip(status, "podIP", d),
            pod_ips: ips.into_iter().filter_map(|node| reader::ip(node, "ip", d)).collect(),
            host_ip: reader::ip(status, "hostIP", d),
            start_time: reader::text(status, "startTime", d),
            ready: ready.and_then(|node| reader::text(node, "status", d)).map(|status| &*status == "True"),
        }
    }
}

impl PodSpec {
    /// The `spec` of a Pod or of a Pod template.
    pub fn project(parent: &Node, diagnostics: &mut Diagnostics) -> PodSpec {
        let d = diagnostics;
        let Some(spec) = reader::object(parent, "spec", d) else {
            return PodSpec { span: parent.span, ..PodSpec::default() };
        };
        PodSpec {
            containers: Container::project_all(spec, "containers", d),
            init_containers: Container::project_all(spec, "initContainers", d),
            node_name: reader::text(spec, "nodeName", d).filter(|name| !name.is_empty()),
            node_selector: reader::text_map(spec, "nodeSelector", d),
            tolerations: Toleration::project_all(spec, d),
            node_affinity: NodeSelectorTerm::project_all(spec, d),
            pod_affinity: PodAffinityTerm::project_all(spec, "podAffinity", d),
            pod_anti_affinity: PodAffinityTerm::project_all(spec, "podAntiAffinity", d),
            topology_spread_constraints: TopologySpreadConstraint::project_all(spec, d),
            scheduler_name: reader::text(spec, "schedulerName", d),
            priority_class_name: reader::text(spec, "priorityClassName", d),
            host_network: reader::boolean(spec, "hostNetwork", d).unwrap_or(false),
            hostname: reader::text(spec, "hostname", d),
            subdomain: reader::text(spec, "subdomain", d),
            set_hostname_as_fqdn: reader::boolean(spec, "setHostnameAsFQDN", d).unwrap_or(false),
            host_aliases: host_aliases(spec, d),
            dns_policy: dns_policy(spec, d),
            dns_config: dns_config(spec, d),
            restart_policy: match reader::choice(spec, "restartPolicy", &["Always", "OnFailure", "Never"], d) {
                Some(1) => RestartPolicy::OnFailure,
                Some(2) => RestartPolicy::Never,
                _ => RestartPolicy::Always,
            },
            termination_grace_period: reader::count(spec, "terminationGracePeriodSeconds", d).unwrap_or(30),
            service_account_name: reader::text(spec, "serviceAccountName", d)
                .or_else(|| reader::text(spec, "serviceAccount", d)),
            enable_service_links: reader::boolean(spec, "enableServiceLinks", d).unwrap_or(true),
            span: spec.span,
        }
    }
}

fn dns_policy(spec: &Node, d: &mut Diagnostics) -> DnsPolicy {
    let words = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    match reader::choice(spec, "dnsPolicy", &words, d) {
        Some(1) => DnsPolicy::ClusterFirstWithHostNet,
        Some(2) => DnsPolicy::Default,
        Some(3) => DnsPolicy::None,
        _ => DnsPolicy::ClusterFirst,
    }
}

fn dns_config(spec: &Node, d: &mut Diagnostics) -> DnsConfig {
    let Some(config) = reader::object(spec, "dnsConfig", d) else { return DnsConfig::default() };
    let options = reader::objects(config, "options", d);
    let option = |node: &Node| Some((reader::text(node, "name", d)?, reader::text(node, "value", d)));
    DnsConfig {
        options: options.into_iter().filter_map(option).collect(),
        nameservers: reader::texts(config, "nameservers", d),
        searches: reader::texts(config, "searches", d),
    }
}

fn host_aliases(spec: &Node, d: &mut Diagnostics) -> Vec<HostAlias> {
    let aliases = reader::objects(spec, "hostAliases", d);
    let project = |node: &Node| {
        Some(HostAlias { ip: reader::text(node, "ip", d)?, hostnames: reader::texts(node, "hostnames", d) })
    };
    aliases.into_iter().filter_map(project).collect()
}

impl Container {
    fn project_all(spec: &Node, name: &str, d: &mut Diagnostics) -> Vec<Container> {
        reader::objects(spec, name, d).into_iter().map(|node| Container::project(node, d)).collect()
    }

    fn project(node: &Node, d: &mut Diagnostics) -> Container {
        let security = reader::object(node, "securityContext", d);
        let capabilities = security.and_then(|security| reader::object(security, "capabilities", d));
        Container {
            name: reader::text(node, "name", d).unwrap_or_default(),
            image: reader::text(node, "image", d).unwrap_or_default(),
            command: reader::texts(node, "command", d),
            args: reader::texts(node, "args", d),
            working_dir: reader::text(node, "workingDir", d),
            stdin: reader::boolean(node, "stdin", d).unwrap_or(false),
            stdin_once: reader::boolean(node, "stdinOnce", d).unwrap_or(false),
            ports: ContainerPort::project_all(node, d),
            env: EnvVar::project_all(node, d),
            mounts: {
                let mounts = reader::objects(node, "volumeMounts", d).into_iter();
                mounts.filter_map(|mount| reader::text(mount, "mountPath", d)).collect()
            },
            readiness_probe: Probe::project(node, "readinessProbe", d),
            liveness_probe: Probe::project(node, "livenessProbe", d),
            startup_probe: Probe::project(node, "startupProbe", d),
            sidecar: reader::text(node, "restartPolicy", d).is_some_and(|policy| &*policy == "Always"),
            run_as_user: security.and_then(|security| reader::int(security, "runAsUser", d)),
            privileged: security.and_then(|security| reader::boolean(security, "privileged", d)).unwrap_or(false),
            capabilities: capabilities.map_or_else(Vec::new, |node| reader::texts(node, "add", d)),
            span: node.span,
        }
    }
}

impl ContainerPort {
    fn project_all(container: &Node, d: &mut Diagnostics) -> Vec<ContainerPort> {
        let ports = reader::objects(container, "ports", d);
        let project = |node: &Node| {
            if reader::field(node, "containerPort").is_none() {
                d.error("required", node.span, "Required value: containerPort");
            }
            Some(ContainerPort {
                name: reader::text(node, "name", d),
                container_port: reader::port(node, "containerPort", d)?,
                host_port: reader::port(node, "hostPort", d),
                host_ip: reader::text(node, "hostIP", d),
                protocol: reader::protocol(node, d),
                span: reader::span_of(node, "containerPort"),
            })
        };
        ports.into_iter().filter_map(project).collect()
    }
}

impl EnvVar {
    fn project_all(container: &Node, d: &mut Diagnostics) -> Vec<EnvVar> {
        let vars = reader::objects(container, "env", d);
        let project = |node: &Node| {
            let from = reader::object(node, "valueFrom", d);
            let field_ref = from.and_then(|from| reader::object(from, "fieldRef", d));
            let value = reader::text(node, "value", d);
            Some(EnvVar {
                name: reader::text(node, "name", d)?,
                value: if from.is_none() { Some(value.unwrap_or_default()) } else { None },
                field_path: field_ref.and_then(|field_ref| reader::text(field_ref, "fieldPath", d)),
            })
        };
        vars.into_iter().filter_map(project).collect()
    }
}
