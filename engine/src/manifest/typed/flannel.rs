//! What the ConfigMap `kube-flannel-cfg` says: `net-conf.json` for flanneld, `cni-conf.json` for the CNI plugins.

use std::sync::Arc;

use ipnet::IpNet;

use super::reader;
use crate::manifest::{Diagnostics, Node, Sources, Span, embedded};

/// `net-conf.json`, with flanneld's defaults (pkg/subnet/config.go of Flannel 0.27).
#[derive(Clone, Debug, PartialEq)]
pub struct FlannelNetConf {
    pub network: Option<IpNet>,
    pub ipv6_network: Option<IpNet>,
    pub enable_ipv6: bool,
    /// Prefix length of a node's subnet.
    pub subnet_len: u8,
    pub backend: FlannelBackend,
    /// Where `Network` stands, or the whole text.
    pub span: Span,
}

/// `Backend` of `net-conf.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct FlannelBackend {
    /// `vxlan`, `host-gw`, `wireguard`, `udp` …, lower case; `udp` unless said otherwise.
    pub backend_type: Arc<str>,
    /// 1 unless said otherwise.
    pub vni: u32,
    /// `None`: the kernel's 8472.
    pub port: Option<u16>,
    /// `None`: that of the node's interface.
    pub mtu: Option<u32>,
    pub direct_routing: bool,
    pub span: Span,
}

impl FlannelNetConf {
    /// Parses the text of `net-conf.json`, which stands at `span`. Problems are reported at their place in the text where
    /// `sources` has it. `None` if it is no JSON object.
    pub fn parse(text: &str, span: Span, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<FlannelNetConf> {
        let d = diagnostics;
        let root = embedded::parse_json(text, span, sources, d)?;
        if !reader::is_object(&root, d) {
            return None;
        }
        let subnet = |name: &str, d: &mut Diagnostics| {
            let text = reader::text(&root, name, d)?;
            reader::subnet(&text, reader::span_of(&root, name), d)
        };
        let network = subnet("Network", d);
        let subnet_len = reader::count(&root, "SubnetLen", d).filter(|&length| length > 0);
        // A /24 for each node if there is room for four, else a quarter of the network.
        let default =
            network.map_or(24, |network| if network.prefix_len() <= 22 { 24 } else { network.prefix_len() + 2 });
        let backend = reader::object(&root, "Backend", d);
        if backend.is_none() {
            d.warning("flannel", root.span, "net-conf.json has no Backend; flanneld takes `udp`")
                .hint("write \"Backend\": {\"Type\": \"vxlan\"}");
        }
        let empty = Node { value: crate::manifest::Value::Mapping(Vec::new()), span: root.span };
        Some(FlannelNetConf {
            network,
            ipv6_network: subnet("IPv6Network", d),
            enable_ipv6: reader::boolean(&root, "EnableIPv6", d).unwrap_or(false),
            subnet_len: subnet_len.map_or(default, |length| length.min(30) as u8),
            backend: FlannelBackend::project(backend.unwrap_or(&empty), d),
            span: reader::span_of(&root, "Network"),
        })
    }
}

impl FlannelBackend {
    fn project(node: &Node, d: &mut Diagnostics) -> FlannelBackend {
        let backend_type = reader::text(node, "Type", d).map(|text| text.to_ascii_lowercase());
        FlannelBackend {
            backend_type: backend_type.unwrap_or_else(|| "udp".to_owned()).into(),
            vni: vni(node, d).unwrap_or(1),
            port: match reader::int(node, "Port", d) {
                None | Some(0) => None,
                Some(_) => reader::port(node, "Port", d),
            },
            mtu: reader::count(node, "MTU", d).filter(|&mtu| mtu > 0),
            direct_routing: reader::boolean(node, "DirectRouting", d).unwrap_or(false),
            span: reader::span_of(node, "Type"),
        }
    }
}

/// A VXLAN network identifier has 24 bits.
fn vni(node: &Node, d: &mut Diagnostics) -> Option<u32> {
    let vni = reader::count(node, "VNI", d)?;
    if vni >= 1 << 24 {
        let message = format!("VNI {vni} has more than 24 bits: the kernel takes no such VXLAN device");
        d.error("flannel", reader::span_of(node, "VNI"), message).hint("take a number from 0 to 16777215");
        return None;
    }
    Some(vni)
}

/// `cni-conf.json`: what the flannel CNI plugin passes on to the bridge plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct CniConf {
    pub name: Arc<str>,
    /// The plugins' types, in order: `flannel`, `portmap` …
    pub plugins: Vec<Arc<str>>,
    /// `delegate.hairpinMode` of the flannel plugin.
    pub hairpin_mode: bool,
    /// `delegate.isDefaultGateway`; the flannel plugin sets `isGateway` itself.
    pub is_default_gateway: bool,
    /// `delegate.mtu`; `None`: what flanneld computed.
    pub mtu: Option<u32>,
    /// `delegate.bridge`: `cni0` unless said otherwise.
    pub bridge: Arc<str>,
    pub span: Span,
}

impl CniConf {
    /// Parses the text of `cni-conf.json`, which stands at `span`; see [`FlannelNetConf::parse`].
    pub fn parse(text: &str, span: Span, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<CniConf> {
        let d = diagnostics;
        let root = embedded::parse_json(text, span, sources, d)?;
        if !reader::is_object(&root, d) {
            return None;
        }
        let plugins = reader::objects(&root, "plugins", d);
        let types: Vec<Arc<str>> = plugins.iter().filter_map(|plugin| reader::text(plugin, "type", d)).collect();
        let flannel = plugins.iter().find(|plugin| plugin.get("type").and_then(Node::as_str) == Some("flannel"));
        let delegate = flannel.and_then(|plugin| reader::object(plugin, "delegate", d));
        let flag =
            |name: &str, d: &mut Diagnostics| delegate.and_then(|node| reader::boolean(node, name, d)).unwrap_or(false);
        Some(CniConf {
            name: reader::text(&root, "name", d).unwrap_or_default(),
            plugins: types,
            hairpin_mode: flag("hairpinMode", d),
            is_default_gateway: flag("isDefaultGateway", d),
            mtu: delegate.and_then(|node| reader::count(node, "mtu", d)).filter(|&mtu| mtu > 0),
            bridge: delegate.and_then(|node| reader::text(node, "bridge", d)).unwrap_or_else(|| "cni0".into()),
            span: delegate.map_or(root.span, |node| node.span),
        })
    }
}
