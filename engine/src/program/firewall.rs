//! What netfilter holds on a node: Flannel's rules and kube-proxy's.

use super::kube_proxy::{self, Proxy};
use super::{Shared, cni};
use crate::cluster::{NodeRecord, PodRecord, ProxyMode, Revision};
use crate::net::Family;
use crate::tables::Netns;
use crate::tables::netfilter::Netfilter;
use std::sync::Arc;

/// The rules and sets of a node, and the settings that go with them. `pods` are those with a sandbox on it.
pub(super) fn program(
    revision: &Revision,
    node: &NodeRecord,
    pods: &[&PodRecord],
    shared: &mut Shared,
    netns: &mut Netns,
) {
    // kubeadm's preflight checks want it.
    netns.sysctls.bridge_nf = true;
    let mut netfilter = Netfilter::default();
    cni::flannel_rules::add(revision, node, &mut netfilter);
    let stale = revision.faults.stale_proxies.get(&node.name).map(|seen| &**seen);
    let live = pods.iter().any(|pod| pod.is_kube_proxy() && pod.is_ready()).then_some(revision);
    if let Some(revision) = stale.or(live)
        && let Some(node) = revision.nodes.get(&node.name)
    {
        let config = &revision.network.kube_proxy;
        // Models cmd/kube-proxy/app/conntrack.go with KubeProxyConfiguration's defaults.
        netns.sysctls.conntrack.entries_max = 131_072;
        netns.sysctls.conntrack.tcp_established = 86_400;
        netns.sysctls.conntrack.tcp_close_wait = 3_600;
        for (net, _) in revision.network.service_networks() {
            let family = Family::of(net.addr());
            let proxy = Proxy { revision, node, config, family, random_fully: true };
            match revision.network.kube_proxy_mode.0 {
                ProxyMode::Iptables => {
                    netns.sysctls.route_localnet |= proxy.localhost_node_ports();
                    kube_proxy::iptables::program(&proxy, &mut shared.iptables, netfilter.ruleset_mut(family));
                }
                ProxyMode::Nftables => {
                    netfilter.nft.push(kube_proxy::nftables::table(&proxy, &mut shared.nftables));
                }
                ProxyMode::Ipvs => {}
            }
        }
        if let Some(pod) = pods.iter().find(|pod| pod.is_kube_proxy()) {
            netns.listeners.extend(kube_proxy::health::listeners(revision, node, pod));
        }
    }
    netns.netfilter = Arc::new(netfilter);
}
