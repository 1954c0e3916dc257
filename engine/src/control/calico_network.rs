//! Calico's configuration from the objects that set it: the operator's `Installation` and IPPools.

use super::network::given;
use crate::cluster::{CalicoConfig, Cni, CniName, Draft, Encapsulation, IpPool, Network, Object, Provenance};
use crate::manifest::Diagnostics;
use crate::manifest::typed::{CalicoInstallation, CalicoPool, PoolEncapsulation};
use crate::net::Family;
use crate::tables::Origin;
use std::sync::Arc;

/// Ethernet, IP, UDP and VXLAN headers, in bytes; and an IP header alone.
const VXLAN_BYTES: u32 = 50;
const IPIP_BYTES: u32 = 20;

/// A pool of the manifests, with what gave it.
pub struct GivenPool {
    pub pool: CalicoPool,
    pub origin: Origin,
    name: Arc<str>,
}

/// Calico wires the Pods if the caller says so, or else if a manifest configures it.
pub fn is_chosen(draft: &Draft) -> bool {
    match draft.options.cni {
        Some(name) => name == CniName::Calico,
        None => given(draft, "Installation", "", "default").is_some() || given_objects(draft).next().is_some(),
    }
}

fn given_objects(draft: &Draft) -> impl Iterator<Item = &Arc<Object>> {
    draft.revision.list("IPPool", None).filter(|object| object.provenance != Provenance::Builtin)
}

/// The pools that manifests name: IPPools in the order of their names, else those of the Installation.
pub fn given_pools(draft: &Draft, found: &mut Diagnostics) -> Vec<GivenPool> {
    let mut pools = Vec::new();
    for object in given_objects(draft) {
        let origin = Origin::object(object.uid, "spec.cidr");
        let pool = CalicoPool::project(object.written(), found);
        pools.extend(pool.map(|pool| GivenPool { pool, origin, name: object.key.name.clone() }));
    }
    if let Some(object) = given(draft, "Installation", "", "default").filter(|_| pools.is_empty()) {
        let installation = CalicoInstallation::project(object.written(), &mut Diagnostics::default());
        for (at, pool) in installation.pools.into_iter().enumerate() {
            let origin =
                Origin::Object { uid: object.uid, path: format!("spec.calicoNetwork.ipPools[{at}].cidr").into() };
            let name = pool.name.clone().unwrap_or_else(|| default_name(Family::of(pool.cidr.addr())));
            pools.push(GivenPool { pool, origin, name });
        }
    }
    pools
}

/// As calico-node names the pools that it makes itself.
fn default_name(family: Family) -> Arc<str> {
    if family == Family::V4 { "default-ipv4-ippool".into() } else { "default-ipv6-ippool".into() }
}

/// Sets the CNI plugin to Calico.
pub fn configure(draft: &Draft, network: &mut Network, pools: Vec<GivenPool>, found: &mut Diagnostics) {
    let object = given(draft, "Installation", "", "default");
    let installation = object.map(|object| CalicoInstallation::project(object.written(), found));
    if let Some((name, span)) = installation.as_ref().and_then(|given| given.dataplane.as_ref())
        && &**name != "Iptables"
    {
        let message = format!("Calico's dataplane {name} is not simulated yet");
        found.warning("calico-dataplane", *span, message).hint("podhop goes on with Iptables");
    }
    let mut used: Vec<IpPool> = Vec::new();
    let is_default = pools.is_empty();
    for GivenPool { pool, origin, name } in pools.into_iter().filter(|given| !given.pool.disabled) {
        let mut encapsulation = match pool.encapsulation {
            PoolEncapsulation::None => Encapsulation::None,
            PoolEncapsulation::Vxlan => Encapsulation::Vxlan,
            PoolEncapsulation::VxlanCrossSubnet => Encapsulation::VxlanCrossSubnet,
            PoolEncapsulation::Ipip => Encapsulation::Ipip,
            PoolEncapsulation::IpipCrossSubnet => Encapsulation::IpipCrossSubnet,
        };
        let family = Family::of(pool.cidr.addr());
        let other = used.iter().find(|other| {
            let differs = other.encapsulation.is_ipip() != encapsulation.is_ipip();
            Family::of(other.cidr.addr()) == family && other.encapsulation != Encapsulation::None && differs
        });
        if let Some(other) = other.filter(|_| encapsulation != Encapsulation::None) {
            let message = format!(
                "one kind of tunnel is simulated at a time: packets of this pool go without, as {} takes {}",
                other.name,
                other.encapsulation.name()
            );
            found.warning("calico-tunnels", pool.encapsulation_span, message);
            encapsulation = Encapsulation::None;
        }
        let CalicoPool { cidr, block_size, nat_outgoing, .. } = pool;
        if encapsulation.is_ipip() && installation.as_ref().is_some_and(|given| given.bgp == Some(false)) {
            let message = "IPIP encapsulation requires that BGP is enabled: no routes lead to other nodes";
            let problem = found.warning("calico-ipip", pool.encapsulation_span, message);
            problem.hint("write bgp: Enabled, or take VXLANCrossSubnet");
        }
        used.push(IpPool { name, cidr, origin, block_size, encapsulation, nat_outgoing });
    }
    if is_default {
        used.extend(network.pod_networks().map(|(net, origin)| {
            let family = Family::of(net.addr());
            let block_size = if family == Family::V4 { 26 } else { 122 };
            if net.prefix_len() > block_size {
                let message = format!("the Pod subnet {net} is smaller than one of Calico's blocks, a /{block_size}");
                let span = super::network::span_of(draft, origin).unwrap_or_default();
                found.error("block-size", span, message).hint("take a larger subnet, such as 10.244.0.0/16");
            }
            IpPool {
                name: default_name(family),
                cidr: net.trunc(),
                origin: match origin {
                    Origin::Default { .. } => {
                        Origin::default("calico", "the pool is the Pod subnet by default, in blocks of 64 addresses")
                    }
                    given => given.clone(),
                },
                block_size: block_size.max(net.prefix_len()),
                encapsulation: Encapsulation::VxlanCrossSubnet,
                nat_outgoing: true,
            }
        }));
    }
    let bytes = match () {
        () if used.iter().any(|pool| pool.encapsulation.is_vxlan()) => VXLAN_BYTES,
        () if used.iter().any(|pool| pool.encapsulation.is_ipip()) => IPIP_BYTES,
        () => 0,
    };
    let uid = object.map(|object| object.uid);
    let said = |path: &'static str, reason: &'static str, given: bool| match uid.filter(|_| given) {
        Some(uid) => Origin::object(uid, path),
        None => Origin::default("calico", reason),
    };
    let given_mtu = installation.as_ref().and_then(|given| given.mtu);
    let given_bgp = installation.as_ref().and_then(|given| given.bgp);
    network.cni = Cni::Calico(CalicoConfig {
        pools: used,
        mtu: (
            given_mtu.unwrap_or(network.node_mtu.saturating_sub(bytes)),
            said("spec.calicoNetwork.mtu", "the MTU is the node's less what encapsulation takes", given_mtu.is_some()),
        ),
        bgp: (
            given_bgp.unwrap_or(true),
            said("spec.calicoNetwork.bgp", "BGP is enabled by default", given_bgp.is_some()),
        ),
    });
}
