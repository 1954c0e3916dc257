//! What netfilter holds on a node: the rules of Flannel or Felix, and kube-proxy's.

use super::kube_proxy::{self, Proxy};
use super::rows::Writer;
use super::{Shared, cni, felix};
use crate::cluster::{NodeRecord, PodRecord, ProxyMode, Revision};
use crate::net::{Family, MacAddr};
use crate::tables::ipvs::Scheduler;
use crate::tables::netfilter::Netfilter;
use crate::tables::{Link, LinkKind, Origin};
use std::sync::Arc;

/// The rules and sets of a node, and the settings and devices that go with them. `pods` are those with a sandbox on it.
pub(super) fn program(
    revision: &Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
    shared: &mut Shared,
    writer: &mut Writer,
) {
    // kubeadm's preflight checks want it.
    writer.netns.sysctls.bridge_nf = true;
    let mut netfilter = Netfilter::default();
    cni::flannel_rules::add(revision, node, &mut netfilter);
    if let Some(revision) = seen_by_proxy(revision, node, pods)
        && let Some(node) = revision.nodes.get(&node.name)
    {
        let config = &revision.network.kube_proxy;
        // Models cmd/kube-proxy/app/conntrack.go with KubeProxyConfiguration's defaults.
        let sysctls = &mut writer.netns.sysctls;
        sysctls.conntrack.entries_max = 131_072;
        sysctls.conntrack.tcp_established = 86_400;
        sysctls.conntrack.tcp_close_wait = 3_600;
        let proxy = |family| Proxy { revision, node, config, family, random_fully: true };
        let families = revision.network.service_networks().map(|(net, _)| Family::of(net.addr()));
        match revision.network.kube_proxy_mode.0 {
            ProxyMode::Iptables => families.for_each(|family| {
                let (proxy, rules) = (proxy(family), netfilter.ruleset_mut(family));
                writer.netns.sysctls.route_localnet |= proxy.localhost_node_ports();
                // With node ports on 127.0.0.1 kube-proxy writes the kubelet's chain, too.
                if !proxy.localhost_node_ports() {
                    kube_proxy::iptables::kubelet(family, rules);
                }
                kube_proxy::iptables::program(&proxy, &mut shared.iptables, rules);
            }),
            ProxyMode::Nftables => families.for_each(|family| {
                kube_proxy::iptables::kubelet(family, netfilter.ruleset_mut(family));
                netfilter.nft.push(kube_proxy::nftables::table(&proxy(family), &mut shared.nftables));
            }),
            ProxyMode::Ipvs => ipvs(families.map(proxy).collect(), writer, &mut netfilter),
        }
        if let Some(pod) = pods.iter().find(|pod| pod.is_kube_proxy()) {
            writer.netns.listeners.extend(kube_proxy::health::listeners(revision, node, pod));
        }
    }
    let rows = (&writer.netns, &*writer.local);
    felix::program((revision, node), pods, &mut shared.felix, rows, &mut netfilter);
    writer.netns.netfilter = Arc::new(netfilter);
}

/// The state of the cluster that a node's kube-proxy has seen last; `None` if none has run there.
pub(super) fn seen_by_proxy<'r>(
    revision: &'r Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
) -> Option<&'r Revision> {
    let stale = revision.faults.stale_proxies.get(&node.name).map(|seen| &**seen);
    let live = || pods.iter().any(|pod| pod.is_kube_proxy() && pod.is_ready()).then_some(revision);
    stale.or_else(live)
}

/// IPVS mode, and its device with the addresses of Services. With a scheduler that the kernel has not kube-proxy does not
/// start.
fn ipvs(proxies: Vec<Proxy<'_>>, writer: &mut Writer, netfilter: &mut Netfilter) {
    let Some(first) = proxies.first() else { return };
    let config = first.config.clone();
    let Some(scheduler) = Scheduler::named(&config.ipvs.scheduler) else { return };
    let netns = &mut writer.netns;
    netns.sysctls.ipvs = true;
    if config.ipvs.strict_arp {
        (netns.sysctls.arp_ignore, netns.sysctls.arp_announce) = (1, 2);
    }
    // The number that its Pod's veth would have if it had one: nobody else's, however many Pods come.
    let pods = super::pods(first.revision, first.node);
    let Some(pod) = pods.into_iter().find(|pod| pod.is_kube_proxy()) else { return };
    let index = cni::veth_index(first.revision, pod);
    let mac = MacAddr::local(u64::from(netns.id.0) ^ 0x6970_7673);
    let origin = Origin::default("kube-proxy", "mode: ipvs: a device that holds the addresses of Services");
    let (name, kind) = (kube_proxy::ipvs::DEVICE.into(), LinkKind::Dummy);
    let own = netns.addresses.clone();
    let at = netns.links.partition_point(|link| link.index < index);
    let link =
        Link { index, name, kind, mac, mtu: 1500, up: false, master: None, hairpin: false, proxy_arp: false, origin };
    netns.links.insert(at, link);
    for proxy in &proxies {
        for (ip, origin) in kube_proxy::ipvs::program(proxy, scheduler, &own, netfilter) {
            writer.own_address(index, ip, origin);
        }
    }
}
