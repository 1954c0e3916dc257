//! The kinds podhop knows by name: group, plural and scope. Any other kind is accepted too, see [`Kind::guess`].

use std::borrow::Cow;

/// What the discovery API says about one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub kind: Cow<'static, str>,
    /// Empty for the core group.
    pub group: Cow<'static, str>,
    pub plural: Cow<'static, str>,
    pub namespaced: bool,
    /// Something in the simulated cluster depends on it.
    pub simulated: bool,
    /// The API server serves it. False for configuration files such as kind's `Cluster`.
    pub served: bool,
}

const CLUSTER: u8 = 0;
const NAMESPACED: u8 = 1;
const FILE: u8 = 2;

/// (kind, group, plural, scope, simulated), sorted by kind.
type Row = (&'static str, &'static str, &'static str, u8, bool);

const KINDS: &[Row] = &[
    ("Cluster", "kind.x-k8s.io", "clusters", FILE, true),
    ("ClusterConfiguration", "kubeadm.k8s.io", "clusterconfigurations", FILE, true),
    ("ClusterRole", "rbac.authorization.k8s.io", "clusterroles", CLUSTER, false),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io", "clusterrolebindings", CLUSTER, false),
    ("ConfigMap", "", "configmaps", NAMESPACED, true),
    ("ControllerRevision", "apps", "controllerrevisions", NAMESPACED, false),
    ("CronJob", "batch", "cronjobs", NAMESPACED, false),
    ("CustomResourceDefinition", "apiextensions.k8s.io", "customresourcedefinitions", CLUSTER, false),
    ("DaemonSet", "apps", "daemonsets", NAMESPACED, true),
    ("Deployment", "apps", "deployments", NAMESPACED, true),
    ("EndpointSlice", "discovery.k8s.io", "endpointslices", NAMESPACED, true),
    ("Endpoints", "", "endpoints", NAMESPACED, true),
    ("Event", "", "events", NAMESPACED, false),
    ("HorizontalPodAutoscaler", "autoscaling", "horizontalpodautoscalers", NAMESPACED, false),
    ("IPPool", "projectcalico.org", "ippools", CLUSTER, true),
    ("Ingress", "networking.k8s.io", "ingresses", NAMESPACED, false),
    ("IngressClass", "networking.k8s.io", "ingressclasses", CLUSTER, false),
    ("InitConfiguration", "kubeadm.k8s.io", "initconfigurations", FILE, false),
    ("Installation", "operator.tigera.io", "installations", CLUSTER, true),
    ("Job", "batch", "jobs", NAMESPACED, false),
    ("JoinConfiguration", "kubeadm.k8s.io", "joinconfigurations", FILE, false),
    ("KubeProxyConfiguration", "kubeproxy.config.k8s.io", "kubeproxyconfigurations", FILE, true),
    ("KubeletConfiguration", "kubelet.config.k8s.io", "kubeletconfigurations", FILE, false),
    ("Lease", "coordination.k8s.io", "leases", NAMESPACED, false),
    ("LimitRange", "", "limitranges", NAMESPACED, false),
    ("Namespace", "", "namespaces", CLUSTER, true),
    ("NetworkPolicy", "networking.k8s.io", "networkpolicies", NAMESPACED, true),
    ("Node", "", "nodes", CLUSTER, true),
    ("PersistentVolume", "", "persistentvolumes", CLUSTER, false),
    ("PersistentVolumeClaim", "", "persistentvolumeclaims", NAMESPACED, false),
    ("Pod", "", "pods", NAMESPACED, true),
    ("PodDisruptionBudget", "policy", "poddisruptionbudgets", NAMESPACED, false),
    ("PriorityClass", "scheduling.k8s.io", "priorityclasses", CLUSTER, false),
    ("ReplicaSet", "apps", "replicasets", NAMESPACED, true),
    ("ReplicationController", "", "replicationcontrollers", NAMESPACED, false),
    ("ResourceQuota", "", "resourcequotas", NAMESPACED, false),
    ("Role", "rbac.authorization.k8s.io", "roles", NAMESPACED, false),
    ("RoleBinding", "rbac.authorization.k8s.io", "rolebindings", NAMESPACED, false),
    ("Secret", "", "secrets", NAMESPACED, false),
    ("Service", "", "services", NAMESPACED, true),
    ("ServiceAccount", "", "serviceaccounts", NAMESPACED, true),
    ("StatefulSet", "apps", "statefulsets", NAMESPACED, true),
    ("StorageClass", "storage.k8s.io", "storageclasses", CLUSTER, false),
];

/// Custom resources on which something depends, by group.
const SIMULATED: &[(&str, &[&str])] = &[
    ("policy.networking.k8s.io", &["AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"]),
    ("projectcalico.org", CALICO),
    ("crd.projectcalico.org", CALICO),
];

/// Calico's own policies and what they speak of.
pub const CALICO: &[&str] = &["GlobalNetworkPolicy", "GlobalNetworkSet", "NetworkPolicy", "NetworkSet", "Tier"];

/// Kinds of other groups that are cluster-scoped; every other unknown kind is taken as namespaced.
const CLUSTER_SCOPED: &[&str] = &[
    "AdminNetworkPolicy",
    "APIService",
    "BGPConfiguration",
    "BGPPeer",
    "BaselineAdminNetworkPolicy",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "CiliumClusterwideNetworkPolicy",
    "CiliumNode",
    "ClusterIssuer",
    "ClusterNetworkPolicy",
    "FelixConfiguration",
    "FlowSchema",
    "GatewayClass",
    "GlobalNetworkPolicy",
    "GlobalNetworkSet",
    "IPAddress",
    "MutatingWebhookConfiguration",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "ServiceCIDR",
    "Tier",
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

impl Kind {
    /// The kind as the table has it. `group` decides where kinds of one name exist in several groups.
    pub fn known(kind: &str, group: &str) -> Option<Kind> {
        let at = KINDS.binary_search_by(|row| row.0.cmp(kind)).ok()?;
        let row = KINDS[at];
        (row.1 == group).then(|| Kind::from_row(row))
    }

    /// A known kind by its name alone, whatever its group.
    pub fn named(kind: &str) -> Option<Kind> {
        KINDS.binary_search_by(|row| row.0.cmp(kind)).ok().map(|at| Kind::from_row(KINDS[at]))
    }

    /// Every known kind that the API server serves.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS.iter().filter(|row| row.3 != FILE).map(|row| Kind::from_row(*row))
    }

    /// A kind as known, or as a custom resource of that name would be: the plural by English rules.
    pub fn guess(kind: &str, group: &str) -> Kind {
        Kind::known(kind, group).unwrap_or_else(|| {
            let lower = kind.to_ascii_lowercase();
            let plural = match lower.as_bytes() {
                [.., b's'] | [.., b'x'] | [.., b'c', b'h'] | [.., b's', b'h'] => lower + "es",
                [.., before, b'y'] if !b"aeiou".contains(before) => lower[..lower.len() - 1].to_owned() + "ies",
                _ => lower + "s",
            };
            Kind {
                kind: kind.to_owned().into(),
                group: group.to_owned().into(),
                plural: plural.into(),
                namespaced: !CLUSTER_SCOPED.contains(&kind),
                simulated: SIMULATED.iter().any(|(own, kinds)| *own == group && kinds.contains(&kind)),
                served: true,
            }
        })
    }

    fn from_row((kind, group, plural, scope, simulated): Row) -> Kind {
        Kind {
            kind: kind.into(),
            group: group.into(),
            plural: plural.into(),
            namespaced: scope == NAMESPACED,
            simulated,
            served: scope != FILE,
        }
    }

    /// As kubectl names it in messages: `pod`, `deployment.apps`.
    pub fn singular_with_group(&self) -> String {
        let lower = self.kind.to_ascii_lowercase();
        if self.group.is_empty() { lower } else { lower + "." + &self.group }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(KINDS.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn unknown_kinds_get_the_plural_a_custom_resource_would_have() {
        let plural = |kind: &str| Kind::guess(kind, "example.com").plural.into_owned();
        assert_eq!(plural("IPPool"), "ippools");
        assert_eq!(plural("NetworkPolicy"), "networkpolicies");
        assert_eq!(plural("Gateway"), "gateways");
        assert_eq!(plural("Ingress"), "ingresses");
        assert!(!Kind::guess("IPPool", "projectcalico.org").namespaced);
        assert_eq!(Kind::guess("Deployment", "apps").singular_with_group(), "deployment.apps");
    }
}
