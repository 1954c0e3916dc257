//! What netfilter holds on a node: Flannel's rules and kube-proxy's.

use super::cni;
use super::kube_proxy::{self, Proxy};
use crate::cluster::{NodeRecord, PodRecord, ProxyMode, Revision};
use crate::net::Family;
use crate::tables::Netns;
use crate::tables::netfilter::Netfilter;
use std::sync::Arc;

/// The rules and sets of a node, and the settings that go with them. `pods` are those with a sandbox on it.
pub(super) fn program(revision: &Revision, node: &NodeRecord, pods: &[&PodRecord], netns: &mut Netns) {
    // kubeadm's preflight checks want it.
    netns.sysctls.bridge_nf = true;
    let mut netfilter = Netfilter::default();
    cni::flannel_rules::add(revision, node, &mut netfilter);
    if pods.iter().any(|pod| is_kube_proxy(pod)) {
        let config = &revision.network.kube_proxy;
        // Models cmd/kube-proxy/app/conntrack.go with KubeProxyConfiguration's defaults.
        netns.sysctls.conntrack.entries_max = 131_072;
        netns.sysctls.conntrack.tcp_established = 86_400;
        netns.sysctls.conntrack.tcp_close_wait = 3_600;
        let iptables = revision.network.kube_proxy_mode.0 == ProxyMode::Iptables;
        for (net, _) in revision.network.service_networks().filter(|_| iptables) {
            let family = Family::of(net.addr());
            let proxy = Proxy { revision, node, config, family, random_fully: true };
            netns.sysctls.route_localnet |= proxy.localhost_node_ports();
            kube_proxy::iptables::program(&proxy, netfilter.ruleset_mut(family));
        }
    }
    netns.netfilter = Arc::new(netfilter);
}

/// The Pod of kubeadm's DaemonSet, or one like it.
fn is_kube_proxy(pod: &PodRecord) -> bool {
    pod.host_network
        && &*pod.key.namespace == "kube-system"
        && pod.labels.get("k8s-app").is_some_and(|app| &**app == "kube-proxy")
        && pod.is_ready()
}
