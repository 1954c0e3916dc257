//! The ipsets of kube-proxy in IPVS mode. Models pkg/proxy/ipvs/ipset.go and ipsetInfo of proxier.go.

use crate::net::{Family, Protocol};
use crate::tables::Origin;
use crate::tables::netfilter::{IpSet, SetEntry, SetType};
use crate::tables::text::ipset;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The kernel's limit of a set's name, in bytes.
const NAME_MAX: usize = 31;

/// One of the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Set {
    LoopBack,
    ClusterIp,
    ExternalIp,
    ExternalIpLocal,
    LoadBalancer,
    LoadBalancerFw,
    LoadBalancerLocal,
    LoadBalancerSourceIp,
    LoadBalancerSourceCidr,
    NodePortTcp,
    NodePortLocalTcp,
    NodePortUdp,
    NodePortLocalUdp,
    NodePortSctp,
    NodePortLocalSctp,
    HealthCheckNodePort,
    IpvsIps,
}

impl Set {
    pub const ALL: [Set; 17] = [
        Set::LoopBack,
        Set::ClusterIp,
        Set::ExternalIp,
        Set::ExternalIpLocal,
        Set::LoadBalancer,
        Set::LoadBalancerFw,
        Set::LoadBalancerLocal,
        Set::LoadBalancerSourceIp,
        Set::LoadBalancerSourceCidr,
        Set::NodePortTcp,
        Set::NodePortLocalTcp,
        Set::NodePortUdp,
        Set::NodePortLocalUdp,
        Set::NodePortSctp,
        Set::NodePortLocalSctp,
        Set::HealthCheckNodePort,
        Set::IpvsIps,
    ];

    fn set_type(self) -> SetType {
        match self {
            Set::LoopBack | Set::LoadBalancerSourceIp => SetType::HashIpPortIp,
            Set::LoadBalancerSourceCidr => SetType::HashIpPortNet,
            Set::IpvsIps => SetType::HashIp,
            Set::NodePortTcp
            | Set::NodePortLocalTcp
            | Set::NodePortUdp
            | Set::NodePortLocalUdp
            | Set::HealthCheckNodePort => SetType::BitmapPort,
            _ => SetType::HashIpPort,
        }
    }

    /// `KUBE-CLUSTER-IP`; of IPv6 `KUBE-6-CLUSTER-IP`, cut to what the kernel takes.
    pub fn name(self, family: Family) -> Arc<str> {
        let name = match self {
            Set::LoopBack => "LOOP-BACK",
            Set::ClusterIp => "CLUSTER-IP",
            Set::ExternalIp => "EXTERNAL-IP",
            Set::ExternalIpLocal => "EXTERNAL-IP-LOCAL",
            Set::LoadBalancer => "LOAD-BALANCER",
            Set::LoadBalancerFw => "LOAD-BALANCER-FW",
            Set::LoadBalancerLocal => "LOAD-BALANCER-LOCAL",
            Set::LoadBalancerSourceIp => "LOAD-BALANCER-SOURCE-IP",
            Set::LoadBalancerSourceCidr => "LOAD-BALANCER-SOURCE-CIDR",
            Set::NodePortTcp => "NODE-PORT-TCP",
            Set::NodePortLocalTcp => "NODE-PORT-LOCAL-TCP",
            Set::NodePortUdp => "NODE-PORT-UDP",
            Set::NodePortLocalUdp => "NODE-PORT-LOCAL-UDP",
            Set::NodePortSctp => "NODE-PORT-SCTP-HASH",
            Set::NodePortLocalSctp => "NODE-PORT-LOCAL-SCTP-HASH",
            Set::HealthCheckNodePort => "HEALTH-CHECK-NODE-PORT",
            Set::IpvsIps => "IPVS-IPS",
        };
        let mut name = format!("{}{name}", if family == Family::V4 { "KUBE-" } else { "KUBE-6-" });
        name.truncate(NAME_MAX);
        name.into()
    }

    /// What rules say of the set.
    pub fn comment(self) -> &'static str {
        match self {
            Set::LoopBack => "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
            Set::ClusterIp => "Kubernetes service cluster ip + port for masquerade purpose",
            Set::ExternalIp => "Kubernetes service external ip + port for masquerade and filter purpose",
            Set::ExternalIpLocal => "Kubernetes service external ip + port with externalTrafficPolicy=local",
            Set::LoadBalancer => "Kubernetes service lb portal",
            Set::LoadBalancerFw => "Kubernetes service load balancer ip + port for load balancer with sourceRange",
            Set::LoadBalancerLocal => "Kubernetes service load balancer ip + port with externalTrafficPolicy=local",
            Set::LoadBalancerSourceIp => {
                "Kubernetes service load balancer ip + port + source IP for packet filter purpose"
            }
            Set::LoadBalancerSourceCidr => {
                "Kubernetes service load balancer ip + port + source cidr for packet filter purpose"
            }
            Set::NodePortTcp => "Kubernetes nodeport TCP port for masquerade purpose",
            Set::NodePortLocalTcp => "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
            Set::NodePortUdp => "Kubernetes nodeport UDP port for masquerade purpose",
            Set::NodePortLocalUdp => "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
            Set::NodePortSctp => "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
            Set::NodePortLocalSctp => {
                "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'"
            }
            Set::HealthCheckNodePort => "Kubernetes health check node port",
            Set::IpvsIps => "Kubernetes service IPs",
        }
    }
}

/// The sets while they are being filled: each entry once, in the order of their texts.
#[derive(Debug, Default)]
pub struct Sets(BTreeMap<Set, BTreeMap<String, SetEntry>>);

impl Sets {
    fn insert(&mut self, set: Set, entry: SetEntry) {
        self.0.entry(set).or_default().entry(ipset::entry(&entry)).or_insert(entry);
    }

    pub fn ip(&mut self, set: Set, ip: IpAddr, origin: Origin) {
        self.insert(set, SetEntry { net: Some(ip.into()), port: None, second: None, origin });
    }

    pub fn port(&mut self, set: Set, port: (Protocol, u16), origin: Origin) {
        self.insert(set, SetEntry { net: None, port: Some(port), second: None, origin });
    }

    pub fn ip_port(&mut self, set: Set, (ip, port): (IpAddr, (Protocol, u16)), second: Option<IpNet>, origin: Origin) {
        self.insert(set, SetEntry { net: Some(ip.into()), port: Some(port), second, origin });
    }

    pub fn is_empty(&self, set: Set) -> bool {
        !self.0.contains_key(&set)
    }

    /// All of them, the empty ones too.
    pub fn finish(mut self, family: Family) -> impl Iterator<Item = IpSet> {
        Set::ALL.into_iter().map(move |set| {
            let entries = self.0.remove(&set).unwrap_or_default().into_values().collect();
            IpSet::new(set.name(family), set.set_type(), family, entries)
        })
    }
}
