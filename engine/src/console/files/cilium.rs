//! What cilium-agent leaves on a node: the configuration of its CNI plugin. Models daemon/cmd/cni config.go of Cilium 1.18.

use crate::cluster::{NodeRecord, Revision};

pub const CONFLIST: &str = "/etc/cni/net.d/05-cilium.conflist";

/// None: there is no Cilium, or it has no such file.
pub fn text(revision: &Revision, node: &NodeRecord, path: &str) -> Option<String> {
    revision.network.cni.cilium()?;
    let text = "\n{\n  \"cniVersion\": \"0.3.1\",\n  \"name\": \"cilium\",\n  \"plugins\": [\n    {\n       \
                \"type\": \"cilium-cni\",\n       \"enable-debug\": false,\n       \
                \"log-file\": \"/var/run/cilium/cilium-cni.log\"\n    }\n  ]\n}\n";
    (path == CONFLIST && node.ready).then(|| text.to_owned())
}
