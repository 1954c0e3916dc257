//! Calico's configuration: the operator's `Installation` and `projectcalico.org/v3` IPPools.

use std::sync::Arc;

use ipnet::IpNet;

use super::reader;
use crate::manifest::{Diagnostics, Node, Span};

/// How packets of a pool go to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolEncapsulation {
    None,
    Ipip,
    IpipCrossSubnet,
    Vxlan,
    VxlanCrossSubnet,
}

/// A pool as an IPPool or an Installation's `ipPools` has it.
#[derive(Clone, Debug, PartialEq)]
pub struct CalicoPool {
    /// The Installation's pools need not have one.
    pub name: Option<Arc<str>>,
    pub cidr: IpNet,
    pub block_size: u8,
    pub encapsulation: PoolEncapsulation,
    pub encapsulation_span: Span,
    pub nat_outgoing: bool,
    pub disabled: bool,
    pub span: Span,
}

/// `operator.tigera.io/v1` Installation.
#[derive(Clone, Debug, PartialEq)]
pub struct CalicoInstallation {
    pub pools: Vec<CalicoPool>,
    pub bgp: Option<bool>,
    pub mtu: Option<u32>,
    /// `Iptables`, or another dataplane, and where it stands.
    pub dataplane: Option<(Arc<str>, Span)>,
}

/// The smallest and the largest prefix of a block, and the default one. Models libcalico-go lib/apis/v3 validation.
fn block_sizes(cidr: &IpNet) -> (u8, u8, u8) {
    if cidr.addr().is_ipv4() { (20, 32, 26) } else { (116, 128, 122) }
}

fn block_size(node: &Node, cidr: &IpNet, d: &mut Diagnostics) -> u8 {
    let (least, most, default) = block_sizes(cidr);
    let given = reader::int(node, "blockSize", d).unwrap_or(i64::from(default));
    let span = reader::span_of(node, if reader::field(node, "blockSize").is_some() { "blockSize" } else { "cidr" });
    match u8::try_from(given).ok().filter(|size| (least..=most).contains(size)) {
        Some(size) if size >= cidr.prefix_len() => return size,
        Some(_) => {
            let message = format!("the pool {cidr} is smaller than one block, a /{given}");
            d.error("block-size", span, message).hint("take a larger pool, or a blockSize of its own prefix length");
        }
        None => {
            let message = format!("Invalid value: {given}: block size must be between {least} and {most}");
            d.error("block-size", span, message);
        }
    }
    default.max(cidr.prefix_len())
}

impl CalicoPool {
    /// The pool of an IPPool object.
    pub fn project(root: &Node, d: &mut Diagnostics) -> Option<CalicoPool> {
        let spec = reader::object(root, "spec", d)?;
        let cidr = cidr(spec, d)?;
        let modes = ["Never", "Always", "CrossSubnet"];
        let ipip = reader::choice(spec, "ipipMode", &modes, d).unwrap_or(0);
        let vxlan = reader::choice(spec, "vxlanMode", &modes, d).unwrap_or(0);
        if ipip > 0 && vxlan > 0 {
            let message = "ipipMode and vxlanMode cannot both be enabled on the same IP pool";
            d.error("encapsulation", reader::span_of(spec, "vxlanMode"), message);
        }
        if ipip > 0 && cidr.addr().is_ipv6() {
            let message = "IPIPMode other than 'Never' is not supported on an IPv6 IP pool";
            d.error("encapsulation", reader::span_of(spec, "ipipMode"), message);
        }
        let encapsulation = match (ipip, vxlan) {
            (1, _) => PoolEncapsulation::Ipip,
            (2, _) => PoolEncapsulation::IpipCrossSubnet,
            (_, 1) => PoolEncapsulation::Vxlan,
            (_, 2) => PoolEncapsulation::VxlanCrossSubnet,
            _ => PoolEncapsulation::None,
        };
        let metadata = reader::object(root, "metadata", d);
        Some(CalicoPool {
            name: metadata.and_then(|metadata| reader::text(metadata, "name", d)),
            block_size: block_size(spec, &cidr, d),
            cidr,
            encapsulation,
            encapsulation_span: reader::span_of(spec, if ipip > 0 { "ipipMode" } else { "vxlanMode" }),
            nat_outgoing: reader::boolean(spec, "natOutgoing", d).unwrap_or(false),
            disabled: reader::boolean(spec, "disabled", d).unwrap_or(false),
            span: spec.span,
        })
    }

    fn of_installation(node: &Node, d: &mut Diagnostics) -> Option<CalicoPool> {
        let cidr = cidr(node, d)?;
        let words = ["IPIP", "IPIPCrossSubnet", "VXLAN", "VXLANCrossSubnet", "None"];
        let encapsulation = match reader::choice(node, "encapsulation", &words, d) {
            // IPv6 has no IPIP.
            None if cidr.addr().is_ipv6() => PoolEncapsulation::None,
            None | Some(0) => PoolEncapsulation::Ipip,
            Some(1) => PoolEncapsulation::IpipCrossSubnet,
            Some(2) => PoolEncapsulation::Vxlan,
            Some(3) => PoolEncapsulation::VxlanCrossSubnet,
            Some(_) => PoolEncapsulation::None,
        };
        let is_ipip = matches!(encapsulation, PoolEncapsulation::Ipip | PoolEncapsulation::IpipCrossSubnet);
        if is_ipip && cidr.addr().is_ipv6() {
            let message = "IPIP encapsulation is not supported by IPv6 pools";
            d.error("encapsulation", reader::span_of(node, "encapsulation"), message);
        }
        Some(CalicoPool {
            name: reader::text(node, "name", d),
            block_size: block_size(node, &cidr, d),
            cidr,
            encapsulation,
            encapsulation_span: reader::span_of(node, "encapsulation"),
            nat_outgoing: reader::choice(node, "natOutgoing", &["Enabled", "Disabled"], d) != Some(1),
            disabled: false,
            span: node.span,
        })
    }
}

fn cidr(node: &Node, d: &mut Diagnostics) -> Option<IpNet> {
    let text = reader::text(node, "cidr", d)?;
    reader::subnet(&text, reader::span_of(node, "cidr"), d).map(|net| net.trunc())
}

impl CalicoInstallation {
    pub fn project(root: &Node, d: &mut Diagnostics) -> CalicoInstallation {
        let spec = reader::object(root, "spec", d);
        let network = spec.and_then(|spec| reader::object(spec, "calicoNetwork", d));
        let pools = network.map(|network| reader::objects(network, "ipPools", d)).unwrap_or_default();
        let dataplane = network.and_then(|network| {
            let name = reader::text(network, "linuxDataplane", d)?;
            Some((name, reader::span_of(network, "linuxDataplane")))
        });
        CalicoInstallation {
            pools: pools.into_iter().filter_map(|pool| CalicoPool::of_installation(pool, d)).collect(),
            bgp: network
                .and_then(|network| reader::choice(network, "bgp", &["Enabled", "Disabled"], d))
                .map(|choice| choice == 0),
            mtu: network.and_then(|network| reader::count(network, "mtu", d)).filter(|mtu| *mtu > 0),
            dataplane,
        }
    }
}
