//! Who can open connections, and to whom they can be opened: Pods, nodes, and the world beyond the gateway.

use crate::cluster::{Cni, NodeRecord, PodPhase, PodRecord, Revision};
use crate::net::Protocol;
use crate::program;
use crate::tables::NetnsId;
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndKind {
    Pod,
    Node,
    Outside,
}

/// A row and a column of the matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub kind: EndKind,
    /// A Pod's namespace, or empty.
    pub namespace: Arc<str>,
    /// A Pod's or node's name, or an address.
    pub name: Arc<str>,
    /// `Deployment/web` of a Pod that a controller has made; a ReplicaSet's own Deployment comes first.
    pub workload: Option<Arc<str>>,
    /// Where it is, or empty.
    pub node: Arc<str>,
    pub host_network: bool,
    pub netns: NetnsId,
    /// In the cluster's first family.
    pub ip: IpAddr,
    /// `containerPort`s, in their order.
    pub ports: Vec<(Protocol, u16)>,
}

impl End {
    /// `shop/web-1`, `node/worker-1`, `outside/198.51.100.7`
    pub fn full_name(&self) -> String {
        match self.kind {
            EndKind::Pod => format!("{}/{}", self.namespace, self.name),
            EndKind::Node => format!("node/{}", self.name),
            EndKind::Outside => format!("outside/{}", self.name),
        }
    }

    /// What it is listed under: its namespace, `nodes` or `outside`.
    pub fn group(&self) -> &str {
        match self.kind {
            EndKind::Pod => &self.namespace,
            EndKind::Node => "nodes",
            EndKind::Outside => "outside",
        }
    }

    fn pod(pod: &PodRecord, revision: &Revision) -> Option<End> {
        let gone = matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed);
        let (netns, (ip, _)) = (pod.netns.filter(|_| !gone)?, pod.ip.as_ref()?);
        let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
        let mut ports: Vec<(Protocol, u16)> = ports.map(|port| (port.protocol, port.container_port)).collect();
        let mut seen = std::collections::BTreeSet::new();
        ports.retain(|port| seen.insert(*port));
        Some(End {
            kind: EndKind::Pod,
            namespace: pod.key.namespace.clone(),
            name: pod.key.name.clone(),
            workload: workload(pod, revision),
            node: pod.node.clone().unwrap_or_default(),
            host_network: pod.host_network,
            netns,
            ip: *ip,
            ports,
        })
    }

    fn node(node: &NodeRecord) -> End {
        End {
            kind: EndKind::Node,
            namespace: "".into(),
            name: node.name.clone(),
            workload: None,
            node: node.name.clone(),
            host_network: false,
            netns: node.netns,
            ip: node.ip,
            ports: Vec::new(),
        }
    }

    fn outside(revision: &Revision, ip: IpAddr) -> End {
        End {
            kind: EndKind::Outside,
            namespace: "".into(),
            name: ip.to_string().into(),
            workload: None,
            node: "".into(),
            host_network: false,
            netns: revision.network.internet,
            ip,
            ports: Vec::new(),
        }
    }
}

/// The controller that a Pod belongs to in the end.
fn workload(pod: &PodRecord, revision: &Revision) -> Option<Arc<str>> {
    let owner = pod.owner.as_ref()?;
    let above = revision.object_by_uid(owner.uid).and_then(|object| object.owner.as_ref());
    let key = &above.unwrap_or(owner).key;
    Some(format!("{}/{}", key.kind, key.name).into())
}

/// Which ends a matrix has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Also the Pods of the cluster itself (`kube-system` and its like), the nodes, and a client outside.
    pub all: bool,
}

/// Namespaces that belong to the cluster itself.
pub fn is_system(namespace: &str) -> bool {
    ["kube-", "calico-", "tigera-"].iter().any(|start| namespace.starts_with(start))
        || namespace == "local-path-storage"
}

/// Whether the tables of this cluster can be asked: packets do not note yet what Cilium's maps compare their ports with.
pub fn can_ask(revision: &Revision) -> Result<(), String> {
    match revision.network.cni {
        Cni::Cilium(_) => {
            Err("the matrix does not read Cilium's maps yet; with --cni calico or flannel it can be asked".to_owned())
        }
        Cni::Flannel(_) | Cni::Calico(_) => Ok(()),
    }
}

/// The ends of a revision: Pods by namespace and name, nodes, the outside client.
pub fn ends(revision: &Revision, which: Which) -> Vec<End> {
    let pods = revision.pods.values().filter(|pod| which.all || !is_system(&pod.key.namespace));
    let mut ends: Vec<End> = pods.filter_map(|pod| End::pod(pod, revision)).collect();
    if which.all {
        ends.extend(revision.nodes.values().map(|node| End::node(node)));
        ends.push(client(revision));
    }
    ends
}

/// The client outside, in the cluster's first family.
fn client(revision: &Revision) -> End {
    let v4 = revision.nodes.values().next().is_none_or(|node| node.ip.is_ipv4());
    End::outside(revision, if v4 { program::CLIENT.into() } else { program::CLIENT_V6.into() })
}

/// One end by name: `POD` (in `default`), `NAMESPACE/POD`, `node/NAME`, `outside`, or an address, which is that of a Pod
/// or node if one has it, and outside if not.
pub fn end_named(revision: &Revision, name: &str) -> Result<End, String> {
    if name == "outside" {
        return Ok(client(revision));
    }
    if let Ok(ip) = name.strip_prefix("outside/").unwrap_or(name).parse::<IpAddr>() {
        let pod = revision.pods.values().find(|pod| !pod.host_network && pod.ips().any(|own| own == ip));
        let node = revision.nodes.values().find(|node| node.ips().any(|own| own == ip));
        let found = pod.and_then(|pod| End::pod(pod, revision)).or_else(|| node.map(|node| End::node(node)));
        return Ok(End { ip, ..found.unwrap_or_else(|| End::outside(revision, ip)) });
    }
    let (namespace, pod) = match name.split_once('/') {
        Some(("node", node)) => {
            let record = revision.node(node).ok_or_else(|| format!("node {node:?} not found"))?;
            return Ok(End::node(record));
        }
        Some(named) => named,
        None => ("default", name),
    };
    let record = revision.pod(namespace, pod).ok_or_else(|| format!("pod \"{namespace}/{pod}\" not found"))?;
    End::pod(record, revision).ok_or_else(|| format!("pod \"{namespace}/{pod}\" has no network: {}", record.reason))
}
