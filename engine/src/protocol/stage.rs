//! The scene: nodes, Pods and devices as they are now.

use super::{ContainerView, DeviceView, NodeView, PodPhase, PodView, ProxyState, Scene, ToolsView, services};
use crate::cluster::{self, Cni, Encapsulation, FlannelBackend, NodeRecord, PodRecord, Revision};
use crate::program;
use crate::tables::{LinkKind, Netns};
use crate::workload::{self, Netcat, Ping, Toolbox, Wget};
use crate::world::World;
use std::net::IpAddr;

/// Most Pods that one scene describes; nodes beyond that say only how many they have.
const PODS_MAX: usize = 4_000;

impl Scene {
    pub fn of(world: &mut World) -> Scene {
        let revision = world.revision().clone();
        let network = &revision.network;
        let mut pods_left = PODS_MAX;
        let nodes = revision.nodes.values().map(|node| node_view(world, &revision, node, &mut pods_left)).collect();
        let pending = revision.pods.values().filter(|pod| pod.node.is_none()).take(PODS_MAX);
        Scene {
            revision: revision.number,
            node_network: network.node_network.0.to_string(),
            pod_network: network.pod_network.0.to_string(),
            gateway_ip: network.gateway.0.to_string(),
            cni: cni_words(&network.cni),
            proxy_mode: network.kube_proxy_mode.0.name().to_owned(),
            nodes,
            services: services::services(&revision),
            services_count: revision.services.len() as u32,
            internet_ip: program::CLIENT.to_string(),
            pending: pending.map(|pod| pod_view(&revision, pod)).collect(),
        }
    }
}

/// The CNI plugin, and how it goes from node to node.
fn cni_words(cni: &Cni) -> String {
    let config = match cni {
        Cni::Flannel(config) if config.backend == FlannelBackend::HostGw => return "Flannel host-gw".to_owned(),
        Cni::Flannel(_) => return "Flannel VXLAN".to_owned(),
        Cni::Calico(config) => config,
        Cni::Cilium(_) => return "Cilium VXLAN".to_owned(),
    };
    let first = config.pools.first().map(|pool| pool.encapsulation).filter(|way| *way != Encapsulation::None);
    first.map_or_else(|| "Calico".to_owned(), |way| format!("Calico {}", way.name()))
}

fn node_view(world: &mut World, revision: &Revision, node: &NodeRecord, pods_left: &mut usize) -> NodeView {
    let keys: Vec<_> = node.pods.values().chain(node.waiting.values()).collect();
    let shown = keys.len() <= *pods_left;
    if shown {
        *pods_left -= keys.len();
    }
    // In a large cluster the tables of nodes that nobody looks into are not made.
    let netns = if shown { world.netns(node.netns) } else { None };
    NodeView {
        name: node.name.to_string(),
        place: format!("node/{}", node.name),
        ip: node.ip.to_string(),
        other_ip: other_of(node.ips()),
        pod_cidr: subnets(&revision.network.cni, node),
        control_plane: node.control_plane,
        ready: node.ready,
        proxy: proxy_state(revision, node),
        labels: if shown { labels(&node.labels, |name| !name.contains("kubernetes.io/")) } else { Vec::new() },
        devices: netns.map_or_else(Vec::new, |netns| devices(&netns)),
        pods_count: keys.len() as u32,
        pods: if shown {
            keys.iter().filter_map(|key| revision.pods.get(*key)).map(|pod| pod_view(revision, pod)).collect()
        } else {
            Vec::new()
        },
    }
}

/// The networks that the node's Pods have addresses of: its share of the Pod network, or Calico's blocks.
fn subnets(cni: &Cni, node: &NodeRecord) -> String {
    let nets: Vec<String> = match cni {
        Cni::Flannel(_) => node.pod_cidrs().map(|net| net.to_string()).collect(),
        Cni::Calico(_) | Cni::Cilium(_) => node.blocks.iter().map(|block| block.net.to_string()).collect(),
    };
    nets.join(", ")
}

/// The first address that is not of the family of the very first one.
fn other_of(mut ips: impl Iterator<Item = IpAddr>) -> String {
    let Some(first) = ips.next() else { return String::new() };
    ips.find(|ip| ip.is_ipv4() != first.is_ipv4()).map_or_else(String::new, |ip| ip.to_string())
}

fn proxy_state(revision: &Revision, node: &NodeRecord) -> ProxyState {
    if revision.faults.stale_proxies.contains_key(&node.name) {
        return ProxyState::Stale;
    }
    let mut pods = node.pods.values().filter_map(|key| revision.pods.get(key));
    if pods.any(|pod| pod.is_kube_proxy() && pod.is_ready()) { ProxyState::Follows } else { ProxyState::Absent }
}

fn devices(netns: &Netns) -> Vec<DeviceView> {
    let own = netns.links.iter().filter(|link| !matches!(link.kind, LinkKind::Veth { .. }));
    own.map(|link| {
        let (kind, note) = match &link.kind {
            LinkKind::Loopback => ("loopback", String::new()),
            LinkKind::Bridge if netns.has_carrier(link) => ("bridge", String::new()),
            LinkKind::Bridge => ("bridge", "no carrier: no Pod is left".to_owned()),
            LinkKind::Vxlan { vni, port, .. } => ("vxlan", format!("VNI {vni} · UDP {port}")),
            LinkKind::Ipip => ("ipip", "IP in IP".to_owned()),
            LinkKind::VxlanExternal { port, .. } => ("vxlan", format!("any VNI · UDP {port}")),
            LinkKind::Nic { .. } => ("nic", String::new()),
            LinkKind::Dummy => ("dummy", "holds the Services' addresses".to_owned()),
            LinkKind::Veth { .. } => ("veth", String::new()),
        };
        DeviceView {
            name: link.name.to_string(),
            kind: kind.to_owned(),
            address: netns.addresses_of(link.index).next().map_or_else(String::new, |a| a.net.to_string()),
            mac: if matches!(kind, "loopback" | "ipip") { String::new() } else { link.mac.to_string() },
            mtu: link.mtu,
            carrier: netns.has_carrier(link),
            note,
        }
    })
    .collect()
}

fn pod_view(revision: &Revision, pod: &PodRecord) -> PodView {
    let owner = revision.owners(&pod.object_key()).last().map(ToString::to_string);
    let veth = match (pod.netns, pod.host_network) {
        (Some(_), false) => program::cni::veth_name(revision, pod),
        _ => String::new(),
    };
    PodView {
        namespace: pod.key.namespace.to_string(),
        name: pod.key.name.to_string(),
        place: format!("pod/{}", pod.key),
        ip: pod.ip.as_ref().map_or_else(String::new, |(ip, _)| ip.to_string()),
        other_ip: other_of(pod.ips()),
        phase: match pod.phase {
            cluster::PodPhase::Pending => PodPhase::Pending,
            cluster::PodPhase::ContainerCreating => PodPhase::ContainerCreating,
            cluster::PodPhase::Running => PodPhase::Running,
            cluster::PodPhase::CrashLoopBackOff => PodPhase::CrashLoopBackOff,
            cluster::PodPhase::Succeeded => PodPhase::Succeeded,
            cluster::PodPhase::Failed => PodPhase::Failed,
        },
        reason: pod.reason.to_string(),
        host_network: pod.host_network,
        frozen: pod.frozen,
        dns: pod.corefile.is_some(),
        system: cluster::is_system(&pod.key.namespace),
        containers: containers(revision, pod),
        veth,
        owner: owner.unwrap_or_default(),
        labels: labels(&pod.labels, |_| true),
    }
}

/// `name=value` of the labels whose name is wanted.
fn labels(labels: &cluster::Labels, wanted: fn(&str) -> bool) -> Vec<String> {
    let wanted = labels.iter().filter(|(name, _)| wanted(name));
    wanted.map(|(name, value)| format!("{name}={value}")).collect()
}

fn tools(image: &str) -> ToolsView {
    let tools = Toolbox::of(image);
    ToolsView {
        ping: tools.ping != Ping::None,
        nc: tools.netcat != Netcat::None,
        wget: tools.wget != Wget::None,
        curl: tools.curl,
    }
}

fn containers(revision: &Revision, pod: &PodRecord) -> Vec<ContainerView> {
    let node = pod.node.as_ref().and_then(|name| revision.nodes.get(name));
    let behaviors =
        node.map(|node| workload::behaviors(&pod.spec, &program::containers::host(pod, node))).unwrap_or_default();
    let views = pod.spec.containers.iter().enumerate().map(|(i, container)| ContainerView {
        name: container.name.to_string(),
        image: container.image.to_string(),
        ready: pod.container_runs(i),
        listens: behaviors.get(i).filter(|_| pod.container_runs(i)).map_or_else(Vec::new, |behavior| {
            behavior.servers.iter().map(|s| format!("{} {}", s.protocol.name(), s.port)).collect()
        }),
        tools: tools(&container.image),
    });
    views.collect()
}
