//! Felix, calico-node's agent: the chains and sets by which policies hold on a node. Models Calico 3.31 felix/rules,
//! felix/calc and felix/ipsets with the iptables dataplane, the default FelixConfiguration, and what the operator sets
//! (DefaultEndpointToHostAction ACCEPT).
//!
//! Rules bear the hashes that Felix gives them, made of its own wording (`rule.rs`), and chains that nothing leads to are not
//! there. A stopped calico-node is not told from one that runs: what Felix has programmed stays. Left out: host endpoints,
//! staged policies, application layer policy, flow logs, WireGuard, floating IPs, QoS and DSCP.

mod cache;
mod calico;
mod cluster_policy;
mod endpoints;
mod ipvs;
mod kubernetes;
mod model;
mod names;
mod policy;
mod render;
mod rule;
mod selector;
mod statics;
mod tiers;

pub use cache::Cache;
pub use tiers::{Tier, Tiers};

use super::cni::calico::VXLAN_PORT;
use super::kube_proxy::ipvs::DEVICE;
use crate::cluster::{CalicoConfig, IpPool, NodeRecord, PodRecord, Revision};
use crate::net::Family;
use crate::tables::netfilter::{Chain, IpSet, Netfilter, SetEntry, SetType, TableName, Target};
use crate::tables::{LinkIndex, Netns, Origin, Route, RouteKind};
use endpoints::{Endpoint, FROM, TO};
use ipnet::IpNet;
use model::{Direction, SetSource};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// One family of one node.
struct Felix<'a> {
    revision: &'a Revision,
    node: &'a NodeRecord,
    config: &'a CalicoConfig,
    family: Family,
    /// The pool that asks for VXLAN, or for IP in IP, and the node's device if it has one.
    vxlan: Option<Origin>,
    ipip: Option<Origin>,
    tunnel: Option<Arc<str>>,
    /// kube-proxy's device is there.
    ipvs: bool,
}

fn component(reason: &'static str) -> Origin {
    Origin::Default { component: Cow::Borrowed("calico"), reason: Cow::Borrowed(reason) }
}

/// Adds what Felix programs to what a node's netfilter holds. `local` is the node's table of its own addresses.
pub(super) fn program(
    (revision, node): (&Revision, &NodeRecord),
    pods: &[&PodRecord],
    cache: &mut Cache,
    (netns, local): (&Netns, &[Route]),
    netfilter: &mut Netfilter,
) {
    let Some(config) = revision.network.cni.calico() else { return };
    let policies = cache.policies(revision);
    let own = pods.iter().filter(|pod| !pod.host_network && pod.netns.is_some());
    let mut endpoints: Vec<Endpoint<'_>> = own.map(|pod| Endpoint::new(pod, &policies)).collect();
    endpoints.sort_by(|a, b| a.interface.cmp(&b.interface));
    for family in [Family::V4, Family::V6] {
        if family == Family::V6 && !revision.network.cni.serves(family) {
            continue;
        }
        let felix = Felix::new(revision, node, config, family, netns);
        let sets = felix.sets(&endpoints, cache, (netns, local));
        netfilter.sets.extend(sets.into_iter().map(|set| (set.name.clone(), set)));
        felix.rules(&endpoints, cache, netfilter);
    }
}

impl<'a> Felix<'a> {
    fn new(
        revision: &'a Revision,
        node: &'a NodeRecord,
        config: &'a CalicoConfig,
        family: Family,
        netns: &Netns,
    ) -> Felix<'a> {
        let mut felix = Felix { revision, node, config, family, vxlan: None, ipip: None, tunnel: None, ipvs: false };
        felix.ipvs = netns.links.iter().any(|link| &*link.name == DEVICE);
        let origin = config.tunnel(family).map(|pool| pool.origin.clone());
        let name = match (config.is_ipip(family), family) {
            (true, _) => "tunl0",
            (false, Family::V4) => "vxlan.calico",
            (false, Family::V6) => "vxlan-v6.calico",
        };
        let of = if config.is_ipip(family) { &mut felix.ipip } else { &mut felix.vxlan };
        *of = origin;
        felix.tunnel = netns.links.iter().find(|link| &*link.name == name).map(|link| link.name.clone());
        felix
    }

    fn pools(&self) -> impl Iterator<Item = &'a IpPool> {
        let family = self.family;
        self.config.pools.iter().filter(move |pool| Family::of(pool.cidr.addr()) == family)
    }

    fn rules(&self, endpoints: &[Endpoint<'_>], cache: &mut Cache, netfilter: &mut Netfilter) {
        let rules = netfilter.ruleset_mut(self.family);
        for table in TableName::ALL {
            let mut chains = self.static_chains(table);
            if table == TableName::Filter {
                chains.extend(self.workload_chains(endpoints, cache));
            }
            let mut known: BTreeMap<Arc<str>, Arc<Chain>> =
                chains.into_iter().map(|chain| (chain.name.clone(), chain)).collect();
            let rules = rules.table(table);
            // What is needed, as far as chains lead to others.
            let mut needed: Vec<Arc<str>> = Vec::new();
            for hooked in statics::hooked().into_iter().filter(|hooked| hooked.table == table) {
                let name = hooked.chain;
                let hashed = if hooked.last { format!("{name}*appends*") } else { name.to_owned() };
                for rule in rule::rules(&hashed, hooked.drafts) {
                    needed.extend(leads_to(rule.target.as_ref()));
                    if hooked.last { rules.append(name, rule) } else { rules.prepend(name, rule) }
                }
            }
            while let Some(name) = needed.pop() {
                if let Some(chain) = known.remove(&name) {
                    needed.extend(chain.rules.iter().filter_map(|rule| leads_to(rule.target.as_ref())));
                    rules.put(chain);
                }
            }
        }
    }

    /// The ways to the node's Pods, their chains, and the policies and profiles that these ask.
    fn workload_chains(&self, endpoints: &[Endpoint<'_>], cache: &mut Cache) -> Vec<Arc<Chain>> {
        let mut chains = FROM.chains(endpoints);
        chains.extend(TO.chains(endpoints));
        for (endpoint, direction) in endpoints.iter().flat_map(|endpoint| Direction::ALL.map(|way| (endpoint, way))) {
            chains.extend(endpoint.chains(direction, self.family));
            chains.extend(endpoint.profiles().iter().map(|profile| cache.profile(profile, direction)));
        }
        if self.ipvs {
            chains.extend(self.ipvs_chains(endpoints));
        }
        chains
    }

    /// The sets that every node has, and those of the policies that select a Pod of this one.
    fn sets(
        &self,
        endpoints: &[Endpoint<'_>],
        cache: &mut Cache,
        (netns, local): (&Netns, &[Route]),
    ) -> Vec<Arc<IpSet>> {
        let set = |id: &str, set_type, entries| {
            Arc::new(cache::set(names::set(self.family, id), set_type, self.family, entries))
        };
        let pools = |wanted: fn(&IpPool) -> bool| {
            self.pools().filter(|pool| wanted(pool)).map(|pool| member(pool.cidr.trunc(), &pool.origin)).collect()
        };
        let mut sets = vec![
            set(statics::ALL_POOLS, SetType::HashNet, pools(|_| true)),
            set(statics::MASQ_POOLS, SetType::HashNet, pools(|pool| pool.nat_outgoing)),
            set(statics::THIS_HOST, SetType::HashIp, self.this_host(netns, local)),
            set(statics::DSCP, SetType::HashNet, Vec::new()),
        ];
        if self.vxlan.is_some() {
            sets.push(set(statics::VXLAN_HOSTS, SetType::HashNet, self.vxlan_hosts()));
        }
        if self.ipip.is_some() {
            sets.push(set(statics::ALL_HOSTS, SetType::HashNet, self.all_hosts()));
        }
        let mut sources: BTreeMap<&str, &SetSource> = BTreeMap::new();
        for source in endpoints.iter().flat_map(|endpoint| &endpoint.policies).flat_map(|policy| policy.sets()) {
            sources.insert(&source.id, source);
        }
        sets.extend(sources.into_values().map(|source| cache.set(self.revision, source, self.family)));
        sets
    }

    /// The addresses that are the node's own, on all devices but the Pods' and kube-proxy's.
    fn this_host(&self, netns: &Netns, local: &[Route]) -> Vec<SetEntry> {
        // InterfaceExclude leaves kube-proxy's device out.
        let other = |name: &str| name.starts_with("cali") || name == DEVICE;
        let is_own = |link: LinkIndex| netns.link(link).is_some_and(|link| !other(&link.name));
        let own = local.iter().filter(|route| route.kind == RouteKind::Local && is_own(route.dev));
        let mut ips: Vec<IpAddr> = own.map(|route| route.dst.addr()).collect();
        ips.retain(|ip| Family::of(*ip) == self.family);
        ips.sort_unstable();
        ips.dedup();
        let origin = component("the node's own addresses");
        ips.into_iter().map(|ip| member(IpNet::from(ip), &origin)).collect()
    }

    /// Every node, this one as well.
    fn all_hosts(&self) -> Vec<SetEntry> {
        let entry = |node: &Arc<NodeRecord>| Some(member(IpNet::from(node.ip_of(self.family)?), &node.ip_origin));
        self.revision.nodes.values().filter_map(entry).collect()
    }

    /// The other nodes that have a tunnel.
    fn vxlan_hosts(&self) -> Vec<SetEntry> {
        let others = self.revision.nodes.values().filter(|node| node.index != self.node.index);
        let with_tunnel = others.filter(|node| node.tunnel_ip(self.family).is_some());
        let entry = |node: &Arc<NodeRecord>| Some(member(IpNet::from(node.ip_of(self.family)?), &node.ip_origin));
        with_tunnel.filter_map(entry).collect()
    }
}

fn member(net: IpNet, origin: &Origin) -> SetEntry {
    SetEntry { net: Some(net), port: None, second: None, origin: origin.clone() }
}

fn leads_to(target: Option<&Target>) -> Option<Arc<str>> {
    match target {
        Some(Target::Jump(chain) | Target::Goto(chain)) => Some(chain.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
