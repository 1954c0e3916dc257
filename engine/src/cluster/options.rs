//! What the caller decides about a cluster before any manifest is read.

use super::ProxyMode;
use std::str::FromStr;

/// Overrides from the command line, a probe case or a scenario; the caller has settled which of them wins. What is
/// `None` comes from the manifests, else from the default cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub seed: u64,
    /// How many worker nodes the cluster has besides its control plane.
    pub workers_count: Option<u32>,
    pub cni: Option<CniName>,
    pub proxy: Option<ProxyMode>,
}

/// A CNI plugin by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CniName {
    Flannel,
    Calico,
    Cilium,
}

impl CniName {
    /// As `--cni` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            CniName::Flannel => "flannel",
            CniName::Calico => "calico",
            CniName::Cilium => "cilium",
        }
    }
}

impl FromStr for CniName {
    type Err = String;

    fn from_str(name: &str) -> Result<CniName, String> {
        match name {
            "flannel" => Ok(CniName::Flannel),
            "calico" => Ok(CniName::Calico),
            "cilium" => Ok(CniName::Cilium),
            _ => Err(format!("unknown CNI plugin {name:?}; flannel, calico and cilium are simulated")),
        }
    }
}

impl ProxyMode {
    /// As `kube-proxy --proxy-mode` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            ProxyMode::Iptables => "iptables",
            ProxyMode::Nftables => "nftables",
            ProxyMode::Ipvs => "ipvs",
        }
    }
}

impl FromStr for ProxyMode {
    type Err = String;

    fn from_str(name: &str) -> Result<ProxyMode, String> {
        match name {
            "iptables" => Ok(ProxyMode::Iptables),
            "nftables" => Ok(ProxyMode::Nftables),
            "ipvs" => Ok(ProxyMode::Ipvs),
            "ebpf" => Err("proxy mode ebpf, Cilium's kube-proxy-replacement, is not simulated yet".to_owned()),
            _ => Err(format!("unknown proxy mode {name:?}; one of iptables, nftables, ipvs")),
        }
    }
}
