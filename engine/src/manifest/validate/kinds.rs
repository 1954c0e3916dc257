//! `apiVersion` and `kind`.

use super::text;
use crate::manifest::{Diagnostics, Node, Span, Value, nearest::nearest};

/// Every kind that a Kubernetes 1.34 cluster serves itself or that configures one, by the versions it is served in.
const KINDS: &[(&[&str], &[&str])] = &[
    (
        &["v1"],
        &[
            "Binding",
            "ComponentStatus",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "List",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    (&["apps/v1"], &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    (&["batch/v1"], &["CronJob", "Job"]),
    (&["autoscaling/v2", "autoscaling/v1"], &["HorizontalPodAutoscaler"]),
    (&["networking.k8s.io/v1"], &["Ingress", "IngressClass", "NetworkPolicy", "IPAddress", "ServiceCIDR"]),
    (&["discovery.k8s.io/v1"], &["EndpointSlice"]),
    (&["policy/v1"], &["PodDisruptionBudget"]),
    (&["rbac.authorization.k8s.io/v1"], &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]),
    (
        &["storage.k8s.io/v1"],
        &["StorageClass", "CSIDriver", "CSINode", "CSIStorageCapacity", "VolumeAttachment", "VolumeAttributesClass"],
    ),
    (&["apiextensions.k8s.io/v1"], &["CustomResourceDefinition"]),
    (
        &["admissionregistration.k8s.io/v1"],
        &[
            "ValidatingWebhookConfiguration",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        ],
    ),
    (&["scheduling.k8s.io/v1"], &["PriorityClass"]),
    (&["coordination.k8s.io/v1"], &["Lease"]),
    (&["node.k8s.io/v1"], &["RuntimeClass"]),
    (&["certificates.k8s.io/v1"], &["CertificateSigningRequest"]),
    (&["apiregistration.k8s.io/v1"], &["APIService"]),
    (&["events.k8s.io/v1"], &["Event"]),
    (&["flowcontrol.apiserver.k8s.io/v1"], &["FlowSchema", "PriorityLevelConfiguration"]),
    (&["resource.k8s.io/v1"], &["DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"]),
    (&["kind.x-k8s.io/v1alpha4"], &["Cluster"]),
    (
        &["kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1beta3"],
        &["ClusterConfiguration", "InitConfiguration", "JoinConfiguration"],
    ),
    (&["kubeproxy.config.k8s.io/v1alpha1"], &["KubeProxyConfiguration"]),
    (&["kubelet.config.k8s.io/v1beta1"], &["KubeletConfiguration"]),
];

fn group_of(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

/// Whether Kubernetes itself has this kind in this version.
pub fn known_kind(api_version: &str, kind: &str) -> bool {
    KINDS.iter().any(|(versions, kinds)| versions.contains(&api_version) && kinds.contains(&kind))
}

/// Checks that the object says what it is; `false` if there is no point in looking at the rest.
pub fn check(root: &Node, diagnostics: &mut Diagnostics) -> bool {
    if !matches!(root.value, Value::Mapping(_)) {
        let hint = "an object starts with apiVersion, kind and metadata";
        diagnostics.error("kind", root.span, "this is not a Kubernetes object").hint(hint);
        return false;
    }
    let before = diagnostics.errors();
    for field in ["apiVersion", "kind"] {
        if super::is_missing(root, field) {
            required_with_hint(root, field, diagnostics);
        } else if text(root, field).is_none() {
            crate::manifest::typed::reader::text(root, field, diagnostics);
        }
    }
    let (Some((api_version, version_span)), Some((kind, kind_span))) = (text(root, "apiVersion"), text(root, "kind"))
    else {
        return false;
    };
    check_known((api_version, version_span), (kind, kind_span), diagnostics);
    diagnostics.errors() == before
}

fn required_with_hint(root: &Node, field: &str, diagnostics: &mut Diagnostics) {
    let at = root.entries().first().map_or(root.span, |(key, _)| key.span);
    let added = diagnostics.error("required", at, format!("Required value: {field}"));
    if field == "kind" {
        added.hint("such as `kind: Pod`");
        return;
    }
    let kind = text(root, "kind").map_or("", |(kind, _)| kind);
    match KINDS.iter().find(|(_, kinds)| kinds.contains(&kind)) {
        Some((versions, _)) => added
            .hint(format!("add `apiVersion: {}`", versions[0]))
            .fix(Span { end: at.start, ..at }, format!("apiVersion: {}\n", versions[0])),
        None => added.hint("such as `apiVersion: v1`"),
    };
}

/// Whether the pair exists, as far as that can be known: other groups are custom resources.
fn check_known(
    (api_version, version_span): (&str, Span),
    (kind, kind_span): (&str, Span),
    diagnostics: &mut Diagnostics,
) {
    if known_kind(api_version, kind) {
        return;
    }
    let group = group_of(api_version);
    let built_in = !group.contains('.') || KINDS.iter().any(|(versions, _)| group_of(versions[0]) == group);
    if !built_in {
        return;
    }
    let message = format!("no matches for kind \"{kind}\" in version \"{api_version}\"");
    // The kind exists, in another version.
    if let Some((versions, _)) = KINDS.iter().find(|(_, kinds)| kinds.contains(&kind)) {
        let added = diagnostics.error("kind", version_span, message);
        added.hint(format!("did you mean {}?", versions[0])).fix(version_span, versions[0]);
        return;
    }
    let kinds = KINDS.iter().flat_map(|(_, kinds)| kinds.iter().copied());
    match nearest(kind, kinds) {
        Some(near) => {
            let added = diagnostics.error("kind", kind_span, message);
            added.hint(format!("did you mean {near}?")).fix(kind_span, near);
        }
        None => {
            let added = diagnostics.warning("kind", kind_span, message);
            added.hint("Kubernetes 1.34 has no such kind; it has no effect here");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_kinds() {
        assert_eq!(group_of("v1"), "");
        assert_eq!(group_of("apps/v1"), "apps");
        assert!(known_kind("v1", "Pod") && !known_kind("apps/v1", "Pod"));
    }
}
