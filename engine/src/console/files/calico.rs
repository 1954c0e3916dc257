//! What Calico leaves on a node: the CNI plugin's configuration, which install-cni copies from the operator's ConfigMap
//! `cni-config`, and what calico-node tells the plugin. Models tigera/operator 1.40 pkg/render/node.go nodeCNIConfigMap,
//! node/pkg/lifecycle/startup and felix/dataplane/linux writeMTUFile.
//!
//! Left out: `calico-kubeconfig`, which holds a token.

use crate::cluster::{CalicoConfig, Encapsulation, NodeRecord, Revision};
use crate::net::Family;
use crate::tables::Origin;

const CONFLIST: &str = "/etc/cni/net.d/10-calico.conflist";
const MTU: &str = "/var/lib/calico/mtu";
const NODENAME: &str = "/var/lib/calico/nodename";
/// Where they are.
pub const FILES: [&str; 3] = [CONFLIST, MTU, NODENAME];

/// The text of one of them. None: there is no Calico, or it has no such file.
pub fn text(revision: &Revision, node: &NodeRecord, path: &str) -> Option<String> {
    let config = revision.network.cni.calico()?;
    match path {
        CONFLIST => Some(conflist(revision, config)),
        MTU => Some(mtu(revision, config).to_string()),
        NODENAME => Some(node.name.to_string()),
        _ => None,
    }
}

/// The MTU that the Installation asks for; 0: the plugin takes the one that Felix has found.
fn given_mtu(config: &CalicoConfig) -> u32 {
    if matches!(config.mtu.1, Origin::Object { .. }) { config.mtu.0 } else { 0 }
}

/// Without encapsulation Felix writes what the node's device has, whatever was asked for.
fn mtu(revision: &Revision, config: &CalicoConfig) -> u32 {
    let encapsulates = config.pools.iter().any(|pool| pool.encapsulation != Encapsulation::None);
    if !encapsulates && given_mtu(config) > 0 { revision.network.node_mtu } else { config.mtu.0 }
}

/// As the operator puts it together: the frame with its own indentation, the plugins as one line with sorted keys.
fn conflist(revision: &Revision, config: &CalicoConfig) -> String {
    let serves = |family| revision.network.cni.serves(family);
    let calico = format!(
        "{{\"container_settings\":{{\"allow_ip_forwarding\":false}},\"datastore_type\":\"kubernetes\",\
         \"endpoint_status_dir\":\"/var/run/calico/endpoint-status\",\
         \"ipam\":{{\"assign_ipv4\":\"{}\",\"assign_ipv6\":\"{}\",\"type\":\"calico-ipam\"}},\
         \"kubernetes\":{{\"kubeconfig\":\"/etc/cni/net.d/calico-kubeconfig\"}},\
         \"log_file_max_age\":30,\"log_file_max_count\":10,\"log_file_max_size\":100,\
         \"log_file_path\":\"/var/log/calico/cni/cni.log\",\"log_level\":\"Info\",\"mtu\":{},\
         \"nodename_file_optional\":false,\"policy\":{{\"type\":\"k8s\"}},\"policy_setup_timeout_seconds\":0,\
         \"type\":\"calico\"}}",
        serves(Family::V4),
        serves(Family::V6),
        given_mtu(config)
    );
    let portmap = "{\"capabilities\":{\"portMappings\":true},\"snat\":true,\"type\":\"portmap\"}";
    let indent = "\t\t\t";
    format!(
        "{{\n{indent}  \"name\": \"k8s-pod-network\",\n{indent}  \"cniVersion\": \"0.3.1\",\n{indent}  \
         \"plugins\": [{calico},{portmap}]\n{indent}}}"
    )
}
