//! kube-proxy in nftables mode: the same table, sets, maps, chains and rules as pkg/proxy/nftables/proxier.go.

mod port;

use super::cache::{Cache, Mode, Slot};
use super::ports::{ServicePort, Usable};
use super::{OwnPods, Proxy};
use crate::net::Family;
use crate::tables::netfilter::{CtState, Hook};
use crate::tables::nft::{
    NftAddress, NftBase, NftChain, NftElement, NftKey, NftMap, NftPart, NftSet, NftTable, NftValue, NftVerdict,
};
use crate::tables::{Layered, Origin, SharedChains};
use ipnet::IpNet;
use port::{PortParts, PortWriter};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

const CLUSTER_IPS: &str = "cluster-ips";
const NODE_PORT_IPS: &str = "nodeport-ips";
const FIREWALL_IPS: &str = "firewall-ips";
const NO_ENDPOINT_NODE_PORTS: &str = "no-endpoint-nodeports";
const NO_ENDPOINT_SERVICES: &str = "no-endpoint-services";
const SERVICE_IPS: &str = "service-ips";
const SERVICE_NODE_PORTS: &str = "service-nodeports";
const MARK: &str = "mark-for-masquerade";
const REJECT: &str = "reject-chain";

/// What is written for a Service port, and what all nodes have in common.
#[derive(Debug)]
pub struct Nftables;

/// What the ports add that are the same on all nodes.
#[derive(Debug)]
pub struct Base {
    chains: Arc<SharedChains<NftChain>>,
    elements: BTreeMap<&'static str, Arc<BTreeMap<NftKey, NftElement>>>,
    affinity: Arc<BTreeMap<Arc<str>, NftSet>>,
    cluster_ips: Arc<BTreeMap<IpAddr, Origin>>,
}

impl Mode for Nftables {
    type Rules = PortParts;
    type Base = Base;

    fn write(proxy: &Proxy<'_>, port: &ServicePort<'_>, usable: &Usable, _: bool) -> PortParts {
        PortWriter::new(proxy, port, usable).write()
    }

    fn base(_: &Proxy<'_>, slots: &[Slot<PortParts>]) -> Base {
        let common = || slots.iter().filter_map(|slot| slot.common.as_ref());
        let mut elements: BTreeMap<&'static str, BTreeMap<NftKey, NftElement>> = BTreeMap::new();
        for (map, key, element) in common().flat_map(|parts| &parts.elements) {
            elements.entry(map).or_default().entry(*key).or_insert_with(|| element.clone());
        }
        let mut cluster_ips = BTreeMap::new();
        for (ip, origin) in common().map(|parts| &parts.cluster_ip) {
            cluster_ips.entry(*ip).or_insert_with(|| origin.clone());
        }
        let affinity = common().flat_map(|parts| &parts.affinity).map(|set| (set.name.clone(), set.clone()));
        Base {
            chains: Arc::new(SharedChains::new(common().map(|parts| parts.chains.clone()).collect())),
            elements: elements.into_iter().map(|(map, elements)| (map, Arc::new(elements))).collect(),
            affinity: Arc::new(affinity.collect()),
            cluster_ips: Arc::new(cluster_ips),
        }
    }
}

/// What kube-proxy keeps in its table on a node.
pub fn table(proxy: &Proxy<'_>, cache: &mut Cache<Nftables>) -> NftTable {
    let table = NftTable::new(proxy.family, "kube-proxy", Some("rules for kube-proxy"));
    let mut writer = Writer { proxy, table };
    writer.frame();
    let common = cache.common(proxy);
    let mut cluster_ips = Layered::default();
    cluster_ips.share(common.base.cluster_ips.clone());
    for map in &mut writer.table.maps {
        if let Some(elements) = common.base.elements.get(&*map.name) {
            map.elements.share(elements.clone());
        }
    }
    writer.table.sets.share(common.base.affinity.clone());
    let own = common.slots.iter().filter(|slot| slot.common.is_none());
    let own: Vec<Arc<PortParts>> = own.filter_map(|slot| cache.own(proxy, &common, slot)).collect();
    writer.table.put_blocks(own.iter().map(|parts| &*parts.chains));
    for parts in own {
        for (map, key, element) in &parts.elements {
            if let Some(map) = writer.table.map_mut(map) {
                map.elements.add(*key, element.clone());
            }
        }
        parts.affinity.iter().for_each(|set| writer.table.sets.add(set.name.clone(), set.clone()));
        cluster_ips.add(parts.cluster_ip.0, parts.cluster_ip.1.clone());
    }
    writer.table.share(common.base.chains.clone());
    let set = NftSet {
        name: CLUSTER_IPS.into(),
        comment: Some("Active ClusterIPs".into()),
        timeout: None,
        elements: cluster_ips,
    };
    writer.table.sets.add(CLUSTER_IPS.into(), set);
    writer.table
}

fn component(reason: &'static str) -> Origin {
    Origin::default("kube-proxy", reason)
}

fn jump(chain: &str) -> NftPart {
    NftPart::Verdict(NftVerdict::Jump(chain.into()))
}

fn goto(chain: &str) -> NftPart {
    NftPart::Verdict(NftVerdict::Goto(chain.into()))
}

fn address(which: NftAddress, not: bool, value: NftValue) -> NftPart {
    NftPart::Address { which, not, value }
}

fn host(ip: IpAddr) -> NftValue {
    NftValue::Net(IpNet::from(ip))
}

struct Writer<'w, 'a> {
    proxy: &'w Proxy<'a>,
    table: NftTable,
}

impl Writer<'_, '_> {
    /// What does not depend on Services. Models setupNFTables.
    fn frame(&mut self) {
        self.containers();
        let base = |nat, hook, priority| Some(NftBase { nat, hook, priority });
        for (name, base) in [
            ("filter-prerouting-pre-dnat", base(false, Hook::Prerouting, -110)),
            ("filter-output-pre-dnat", base(false, Hook::Output, -110)),
            ("filter-forward", base(false, Hook::Forward, 0)),
            ("filter-input", base(false, Hook::Input, 0)),
            ("filter-output", base(false, Hook::Output, 0)),
            ("nat-output", base(true, Hook::Output, -100)),
            ("nat-postrouting", base(true, Hook::Postrouting, 100)),
            ("nat-prerouting", base(true, Hook::Prerouting, -100)),
        ] {
            self.table.edit(name, |chain| chain.base = base);
        }
        let origin = || component("the way into kube-proxy's chains");
        let new = || NftPart::CtState(vec![CtState::New]);
        for (from, to, only_new) in [
            ("filter-input", "nodeport-endpoints-check", true),
            ("filter-input", "service-endpoints-check", true),
            ("filter-forward", "service-endpoints-check", true),
            ("filter-forward", "cluster-ips-check", true),
            ("filter-output", "service-endpoints-check", true),
            ("filter-output", "cluster-ips-check", true),
            ("filter-prerouting-pre-dnat", "firewall-check", true),
            ("filter-output-pre-dnat", "firewall-check", true),
            ("nat-output", "services", false),
            ("nat-prerouting", "services", false),
            ("nat-postrouting", "masquerading", false),
        ] {
            self.table.edit(to, |_| {});
            let parts = if only_new { vec![new(), jump(to)] } else { vec![jump(to)] };
            self.table.add(from, parts, None, origin());
        }
        let mark = self.proxy.config.masquerade_mark;
        let why = || component("what mark-for-masquerade has marked is masqueraded");
        self.table.add(MARK, vec![NftPart::MarkOr(mark)], None, why());
        let unmarked = vec![NftPart::MarkUnset(mark), NftPart::Verdict(NftVerdict::Return)];
        self.table.add("masquerading", unmarked, None, why());
        self.table.add("masquerading", vec![NftPart::MarkXor(mark)], None, why());
        self.table.add("masquerading", vec![NftPart::Masquerade], None, why());
        let to_set = address(NftAddress::Daddr, false, NftValue::Set(CLUSTER_IPS.into()));
        let comment = Some("Reject traffic to invalid ports of ClusterIPs");
        let why = component("a live ClusterIP refuses other ports");
        self.table.add("cluster-ips-check", vec![to_set, NftPart::Reject], comment, why);
        let networks = self.proxy.revision.network.service_networks();
        let nets: Vec<IpNet> =
            networks.map(|(net, _)| net.trunc()).filter(|net| Family::of(net.addr()) == self.proxy.family).collect();
        if !nets.is_empty() {
            let to_nets = address(NftAddress::Daddr, false, NftValue::Nets(nets));
            let comment = Some("Drop traffic to unallocated ClusterIPs");
            let drop = NftPart::Verdict(NftVerdict::Drop);
            let why = component("nobody has these addresses of the Service network");
            self.table.add("cluster-ips-check", vec![to_nets, drop], comment, why);
        }
        let helper = "helper for @no-endpoint-services / @no-endpoint-nodeports";
        self.table.edit(REJECT, |chain| chain.comment = Some(helper.into()));
        self.table.add(REJECT, vec![NftPart::Reject], None, component("a Service without endpoints refuses"));
        let vmap = |map: &str, with_address| NftPart::Vmap { map: map.into(), with_address };
        let dispatch = || component("looks the destination up");
        self.table.add("service-endpoints-check", vec![vmap(NO_ENDPOINT_SERVICES, true)], None, dispatch());
        self.table.add("firewall-check", vec![vmap(FIREWALL_IPS, true)], None, dispatch());
        self.table.add("services", vec![vmap(SERVICE_IPS, true)], None, dispatch());
        let everywhere = self.proxy.node_port_ips().is_none();
        let mut node_ports = |chain: &str, map: &str, local_first: bool| {
            let mut parts = Vec::new();
            if everywhere {
                if local_first {
                    parts.push(NftPart::FibLocal(NftAddress::Daddr));
                }
                parts.push(address(NftAddress::Daddr, true, NftValue::Net(self.proxy.loopback())));
            } else {
                parts.push(address(NftAddress::Daddr, false, NftValue::Set(NODE_PORT_IPS.into())));
            }
            parts.push(vmap(map, false));
            self.table.add(chain, parts, None, component("nodePortAddresses: where node ports are served"));
        };
        node_ports("nodeport-endpoints-check", NO_ENDPOINT_NODE_PORTS, false);
        node_ports("services", SERVICE_NODE_PORTS, true);
    }

    fn containers(&mut self) {
        if let Some(ips) = self.proxy.node_port_ips() {
            let origin = component("nodePortAddresses: where node ports are served");
            let set = NftSet {
                name: NODE_PORT_IPS.into(),
                comment: Some("IPs that accept NodePort traffic".into()),
                timeout: None,
                elements: ips.into_iter().map(|ip| (ip, origin.clone())).collect(),
            };
            self.table.sets.add(NODE_PORT_IPS.into(), set);
        }
        for (name, comment, with_address) in [
            (FIREWALL_IPS, "destinations that are subject to LoadBalancerSourceRanges", true),
            (NO_ENDPOINT_NODE_PORTS, "vmap to drop or reject packets to service nodeports with no endpoints", false),
            (NO_ENDPOINT_SERVICES, "vmap to drop or reject packets to services with no endpoints", true),
            (SERVICE_IPS, "ClusterIP, ExternalIP and LoadBalancer IP traffic", true),
            (SERVICE_NODE_PORTS, "NodePort traffic", false),
        ] {
            self.table.maps.push(NftMap {
                name: name.into(),
                comment: Some(comment.into()),
                with_address,
                elements: Layered::default(),
            });
        }
    }
}

impl Proxy<'_> {
    /// The part that this node's Pods match, or all but those.
    fn pods_part(&self, not: bool) -> Option<NftPart> {
        Some(match self.own_pods()? {
            OwnPods::From(net) => address(NftAddress::Saddr, not, NftValue::Net(net)),
            OwnPods::By(name) => {
                let name = name.strip_suffix('+').map_or_else(|| name.clone(), |prefix| format!("{prefix}*").into());
                NftPart::InInterface { name, not }
            }
        })
    }

    /// The addresses that serve node ports, by default the node's first one; loopback never. None: all others do.
    fn node_port_ips(&self) -> Option<Vec<IpAddr>> {
        if self.config.node_port_addresses.is_empty() {
            return Some(self.node_ip().into_iter().collect());
        }
        let nets = self.node_port_nets()?;
        Some(self.node.ips().filter(|ip| nets.iter().any(|net| net.contains(ip))).collect())
    }
}
