//! CNI ADD and DEL as steps to read: what kubelet, the plugins and the kernel did for one Pod, in their order, with the
//! command that would do each by hand. Models containernetworking/plugins 1.7 (loopback, flannel, host-local, bridge) and
//! Calico 3.31 cni-plugin.

use super::super::Shared;
use crate::cluster::{CalicoConfig, CiliumConfig, Cni, FlannelConfig, NetnsOwner, NodeRecord, PodRecord, Revision};
use crate::tables::{LinkIndex, LinkKind, Netns, Route, RouteProto, Scope, text};
use std::net::IpAddr;

/// One step of CNI ADD or DEL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `kubelet`, `loopback`, `flannel`, `host-local`, `bridge`, `calico-ipam`, `calico`, `felix`
    pub plugin: &'static str,
    /// `reserve 10.244.1.2`
    pub title: String,
    /// The command that would do it by hand.
    pub command: String,
    /// The rows that came of it, as (namespace, table, text): the tools' own text.
    pub rows: Vec<(Side, &'static str, String)>,
}

/// Which of the two namespaces a row is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Node,
    Pod,
}

/// How a Pod's network came to be; empty if it has no sandbox of its own.
pub fn add(revision: &Revision, pod: &PodRecord) -> Vec<Step> {
    Scene::new(revision, pod).map(|scene| scene.add()).unwrap_or_default()
}

/// How it will go again.
pub fn del(revision: &Revision, pod: &PodRecord) -> Vec<Step> {
    Scene::new(revision, pod).map(|scene| scene.del()).unwrap_or_default()
}

/// What the steps speak of.
struct Scene<'a> {
    revision: &'a Revision,
    pod: &'a PodRecord,
    node: &'a NodeRecord,
    /// The Pod's addresses, in the order of the kubelet.
    ips: Vec<IpAddr>,
    pod_netns: Netns,
    node_netns: Netns,
    /// The veth on the node.
    veth: LinkIndex,
    /// The namespace's name: `cni-…`.
    name: String,
}

impl<'a> Scene<'a> {
    fn new(revision: &'a Revision, pod: &'a PodRecord) -> Option<Scene<'a>> {
        let id = pod.netns.filter(|id| matches!(revision.netns.get(id), Some(NetnsOwner::Pod(_))))?;
        let node = revision.nodes.get(pod.node.as_ref()?)?;
        let mut shared = Shared::default();
        let pod_netns = super::super::netns(revision, id, &mut shared)?;
        let node_netns = super::super::netns(revision, node.netns, &mut shared)?;
        let at_pod = |kind: &LinkKind| matches!(kind, LinkKind::Veth { peer_netns, .. } if *peer_netns == id);
        let link = node_netns.links.iter().find(|link| at_pod(&link.kind))?;
        let (veth, name) = (link.index, text::link::netns_name(link.mac));
        let ips: Vec<IpAddr> = pod.ips().collect();
        (!ips.is_empty()).then_some(Scene { revision, pod, node, ips, pod_netns, node_netns, veth, name })
    }

    fn step(&self, plugin: &'static str, title: String, command: String) -> Step {
        Step { plugin, title, command, rows: Vec::new() }
    }

    fn listed(&self, between: &str) -> String {
        self.ips.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(between)
    }

    fn veth_name(&self) -> &str {
        self.node_netns.link(self.veth).map_or("", |link| &link.name)
    }

    fn add(&self) -> Vec<Step> {
        let name = &self.name;
        let mut steps = vec![
            self.step(
                "kubelet",
                format!("ask for the sandbox of {}", self.pod.key),
                format!("crictl runp pod.json   # the runtime makes the namespace {name} and calls CNI ADD"),
            ),
            self.step("loopback", "bring lo up".into(), format!("ip -n {name} link set lo up")),
        ];
        steps[1].rows = self.addresses(&self.pod_netns, Side::Pod, LinkIndex::LO);
        match &self.revision.network.cni {
            Cni::Flannel(config) => self.flannel(config, &mut steps),
            Cni::Calico(config) => self.calico(config, &mut steps),
            Cni::Cilium(config) => self.cilium(config, &mut steps),
        }
        steps.push(self.step(
            "kubelet",
            match self.ips[..] {
                [ip] => format!("report {ip} as the Pod's address"),
                _ => format!("report {} as the Pod's addresses", self.listed(" and ")),
            },
            format!(
                "kubectl get pod {} -n {} -o jsonpath={{.status.podIP{}}}",
                self.pod.key.name,
                self.pod.key.namespace,
                if self.ips.len() > 1 { "s" } else { "" }
            ),
        ));
        steps
    }

    fn flannel(&self, config: &FlannelConfig, steps: &mut Vec<Step>) {
        let subnets: Vec<String> = self.node.pod_cidrs().map(|net| net.to_string()).collect();
        let several = if subnets.len() > 1 { "subnets" } else { "subnet" };
        steps.push(self.step(
            "flannel",
            format!("read the node's {several} {} and delegate to bridge", subnets.join(" and ")),
            "cat /run/flannel/subnet.env".into(),
        ));
        for ip in &self.ips {
            let subnet = self.node.pod_cidrs().find(|net| net.contains(ip)).or(self.node.pod_cidrs().next());
            let subnet = subnet.map_or_else(String::new, |net| net.to_string());
            steps.push(self.step(
                "host-local",
                format!("reserve {ip} in {subnet}"),
                format!("echo {} > /var/lib/cni/networks/cbr0/{ip}", self.pod.uid),
            ));
        }
        self.bridge(config.pod_mtu.0, config.hairpin.0, steps);
    }

    /// What Calico's plugins do, in their order, and what Felix adds once it hears of the Pod.
    fn calico(&self, config: &CalicoConfig, steps: &mut Vec<Step>) {
        let (name, veth, mtu) = (&self.name, self.veth_name(), config.mtu.0);
        for ip in &self.ips {
            let block = self.node.blocks.iter().find(|block| block.net.contains(ip));
            let from = block.map_or_else(|| "a block of another node".to_owned(), |block| block.net.to_string());
            let title = format!("assign {ip} from {from}");
            steps.push(self.step("calico-ipam", title, format!("calicoctl ipam show --ip={ip}")));
        }
        let mut pair = self.step(
            "calico",
            format!("make the pair {veth} and eth0, one end in the Pod; no bridge"),
            format!("ip -n {name} link add name eth0 mtu {mtu} type veth peer name {veth} netns 1"),
        );
        pair.rows = self.pair_rows();
        steps.push(pair);
        let adds = self.ips.iter().map(|ip| format!("ip -n {name} addr add {} dev eth0; ", ipnet::IpNet::from(*ip)));
        let mut address = self.step(
            "calico",
            format!("give eth0 {}, each a network of its own", self.listed(" and ")),
            format!("{}ip -n {name} link set eth0 up", adds.collect::<String>()),
        );
        if self.ips.len() == 1 {
            address.title = format!("give eth0 {}, a network of its own", self.ips[0]);
        }
        address.rows = self.addresses(&self.pod_netns, Side::Pod, LinkIndex(2));
        address.rows.retain(|(_, table, _)| *table == "addr");
        steps.push(address);
        for (_, route) in self.pod_netns.main.rows.iter().filter(|(_, route)| route.proto == RouteProto::Boot) {
            steps.push(self.route_step("calico", Side::Pod, route));
        }
        for (_, route) in self.node_netns.main.rows.iter().filter(|(_, route)| route.dev == self.veth) {
            if self.ips.contains(&route.dst.addr()) {
                steps.push(self.route_step("calico", Side::Node, route));
            }
        }
        steps.push(self.step(
            "felix",
            format!("let {veth} answer for addresses that the node has routes to"),
            format!("sysctl -w net.ipv4.conf.{veth}.proxy_arp=1"),
        ));
    }

    /// What Cilium's plugin does; its programs and maps are the agent's.
    fn cilium(&self, config: &CiliumConfig, steps: &mut Vec<Step>) {
        let (name, veth) = (&self.name, self.veth_name());
        let title = format!("allocate {} of the node's addresses", self.listed(" and "));
        steps.push(self.step("cilium", title, "cilium-dbg ip list".into()));
        let mut pair = self.step(
            "cilium",
            format!("make the pair {veth} and eth0, one end in the Pod; no bridge"),
            format!("ip -n {name} link add name eth0 type veth peer name {veth} netns 1"),
        );
        pair.rows = self.pair_rows();
        steps.push(pair);
        let adds = self.ips.iter().map(|ip| format!("ip -n {name} addr add {} dev eth0; ", ipnet::IpNet::from(*ip)));
        let mut address = self.step(
            "cilium",
            format!("give eth0 {}, a network of its own", self.listed(" and ")),
            format!("{}ip -n {name} link set eth0 up", adds.collect::<String>()),
        );
        address.rows = self.addresses(&self.pod_netns, Side::Pod, LinkIndex(2));
        address.rows.retain(|(_, table, _)| *table == "addr");
        steps.push(address);
        for (_, route) in self.pod_netns.main.rows.iter() {
            steps.push(self.route_step("cilium", Side::Pod, route));
        }
        steps.push(self.step(
            "cilium",
            format!("make the endpoint: its identity, its policy map, and cil_from_container at {veth}"),
            format!("bpftool net show dev {veth}; packets into the tunnel have {} bytes at most", config.route_mtu.0),
        ));
    }

    /// Both ends of the veth pair.
    fn pair_rows(&self) -> Vec<(Side, &'static str, String)> {
        let ends = [(&self.pod_netns, Side::Pod, LinkIndex(2)), (&self.node_netns, Side::Node, self.veth)];
        let row = |(netns, side, index): (&Netns, Side, LinkIndex)| {
            netns.link(index).map(|link| (side, "link", text::link::row(netns, link)))
        };
        ends.into_iter().filter_map(row).collect()
    }

    fn route_step(&self, plugin: &'static str, side: Side, route: &Route) -> Step {
        let (netns, place) = match side {
            Side::Pod => (&self.pod_netns, format!("-n {} ", self.name)),
            Side::Node => (&self.node_netns, String::new()),
        };
        let row = text::route::row(netns, route);
        // What is shown of a row's rank is no part of the command.
        let words = row.split(" metric ").next().unwrap_or(&row);
        let title = format!("add the route to {}", text::route::prefix(route.dst));
        let mut step = self.step(plugin, title, format!("ip {place}route add {words}"));
        step.rows.push((side, "route", row));
        step
    }

    /// What the bridge plugin does, in its order.
    fn bridge(&self, mtu: u32, hairpin: bool, steps: &mut Vec<Step>) {
        let (name, veth) = (&self.name, self.veth_name());
        let bridge = self.node_netns.link_named("cni0");
        if let Some(bridge) = bridge {
            let mut step = self.step(
                "bridge",
                "make cni0 if it is not there".into(),
                format!("ip link add name cni0 mtu {mtu} type bridge; ip link set cni0 up"),
            );
            step.rows.push((Side::Node, "link", text::link::row(&self.node_netns, bridge)));
            steps.push(step);
        }
        let mut pair = self.step(
            "bridge",
            format!("make the pair {veth} and eth0, one end in the Pod"),
            format!("ip -n {name} link add name eth0 mtu {mtu} type veth peer name {veth} netns 1"),
        );
        pair.rows = self.pair_rows();
        steps.push(pair);
        steps.push(self.step("bridge", format!("attach {veth} to cni0"), format!("ip link set {veth} master cni0 up")));
        if hairpin {
            steps.push(self.step(
                "bridge",
                format!("let frames leave {veth} where they came in (hairpin)"),
                format!("bridge link set dev {veth} hairpin on"),
            ));
        }
        let given = self.pod_netns.addresses_of(LinkIndex(2)).filter(|address| address.scope == Scope::Global);
        let given: Vec<String> = given.map(|address| address.net.to_string()).collect();
        if !given.is_empty() {
            let several = if given.len() > 1 { "addresses" } else { "address" };
            let adds = given.iter().map(|net| {
                let broadcast = if net.contains(':') { "" } else { " brd +" };
                format!("ip -n {name} addr add {net}{broadcast} dev eth0; ")
            });
            let mut step = self.step(
                "bridge",
                format!("give eth0 the {several} {}", given.join(" and ")),
                format!("{}ip -n {name} link set eth0 up", adds.collect::<String>()),
            );
            step.rows = self.addresses(&self.pod_netns, Side::Pod, LinkIndex(2));
            steps.push(step);
        }
        for (_, route) in self.pod_netns.main.rows.iter().filter(|(_, route)| route.via.is_some()) {
            steps.push(self.route_step("bridge", Side::Pod, route));
        }
        if let Some(bridge) = bridge {
            let mut step = self.step("bridge", "give cni0 the Pods' gateway address".into(), String::new());
            step.rows = self.addresses(&self.node_netns, Side::Node, bridge.index);
            let given = self.node_netns.addresses_of(bridge.index).filter(|address| address.scope == Scope::Global);
            let adds = given.map(|address| {
                let broadcast = if address.net.addr().is_ipv4() { " brd +" } else { "" };
                format!("ip addr add {}{broadcast} dev cni0", address.net)
            });
            step.command = adds.collect::<Vec<_>>().join("; ");
            steps.push(step);
        }
    }

    fn del(&self) -> Vec<Step> {
        let mut steps =
            vec![self.step("kubelet", format!("stop the containers of {}", self.pod.key), "crictl stopp POD".into())];
        let delete = |plugin| {
            self.step(
                plugin,
                format!("delete eth0, and with it {}", self.veth_name()),
                format!("ip -n {} link del eth0", self.name),
            )
        };
        let listed = self.listed(" and ");
        match &self.revision.network.cni {
            Cni::Flannel(_) => {
                let files = self.ips.iter().map(|ip| format!("rm /var/lib/cni/networks/cbr0/{ip}"));
                let files = files.collect::<Vec<_>>().join("; ");
                steps.push(self.step("flannel", "delegate to bridge".into(), "cat /run/flannel/subnet.env".into()));
                steps.push(self.step("host-local", format!("release {listed}"), files));
                steps.push(delete("bridge"));
            }
            Cni::Cilium(_) => {
                steps.push(delete("cilium"));
                steps.push(self.step("cilium", format!("release {listed}"), String::new()));
            }
            Cni::Calico(_) => {
                let releases = self.ips.iter().map(|ip| format!("calicoctl ipam release --ip={ip}"));
                steps.push(delete("calico"));
                let command = releases.collect::<Vec<_>>().join("; ");
                steps.push(self.step("calico-ipam", format!("release {listed}"), command));
            }
        }
        steps.push(self.step("loopback", "take lo down".into(), format!("ip -n {} link set lo down", self.name)));
        steps.push(self.step("kubelet", "remove the namespace".into(), format!("ip netns del {}", self.name)));
        steps
    }

    /// A device's addresses and the connected routes that the kernel makes of them.
    fn addresses(&self, netns: &Netns, side: Side, link: LinkIndex) -> Vec<(Side, &'static str, String)> {
        let addresses = netns.addresses_of(link).map(|address| (side, "addr", text::addr::row(netns, address)));
        let routes = netns.main.rows.iter().filter(|(_, route)| route.dev == link && route.via.is_none());
        addresses.chain(routes.map(|(_, route)| (side, "route", text::route::row(netns, route)))).collect()
    }
}
