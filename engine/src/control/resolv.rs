//! What the kubelet writes into Pods' `/etc/resolv.conf` and `/etc/hosts`, and what the machines have there.
//!
//! Models the kubelet's pkg/kubelet/kubelet_pods.go managedHostsFileContent, pkg/kubelet/network/dns/dns.go and
//! containerd's resolv.conf.

use crate::cluster::{PodRecord, Revision};
use crate::manifest::typed::DnsPolicy;
use std::fmt::Write;
use std::net::IpAddr;

/// Models pkg/apis/core/validation MaxDNSNameservers, MaxDNSSearchPaths, MaxDNSSearchListChars.
const SERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_LEN_MAX: usize = 2048;

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
                     fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";

/// `/etc/hosts` of a node, or of the machine beside the cluster.
pub fn machine_hosts(name: &str, ip: IpAddr) -> String {
    format!("{HOSTS}{ip}\t{name}\n").replace("fe00::0\tip6-mcastprefix", "ff00::0\tip6-mcastprefix")
}

/// The node network's gateway answers DNS for the machines, as Docker's does.
pub fn machine_resolv_conf(revision: &Revision) -> String {
    format!("nameserver {}\noptions ndots:0\n", revision.network.gateway.0)
}

/// `/etc/hosts` of a Pod's containers.
pub fn pod_hosts(revision: &Revision, record: &PodRecord, hostname: &str) -> String {
    let mut text = match (record.host_network, &record.ip) {
        (true, Some((ip, _))) => {
            format!("# Kubernetes-managed hosts file (host network).\n{}", machine_hosts(hostname, *ip))
        }
        _ => format!("# Kubernetes-managed hosts file.\n{HOSTS}"),
    };
    if let (false, Some((ip, _))) = (record.host_network, &record.ip) {
        let domain = record.spec.subdomain.as_ref().map(|subdomain| {
            format!("{hostname}.{subdomain}.{}.svc.{}\t", record.key.namespace, revision.network.dns_domain)
        });
        let _ = writeln!(text, "{ip}\t{}{hostname}", domain.unwrap_or_default());
    }
    if !record.spec.host_aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
        for alias in &record.spec.host_aliases {
            let _ = writeln!(text, "{}\t{}", alias.ip, alias.hostnames.join("\t"));
        }
    }
    text
}

/// `/etc/resolv.conf` of a Pod's containers, by `dnsPolicy` and `dnsConfig`.
pub fn pod_resolv_conf(revision: &Revision, record: &PodRecord) -> String {
    let (policy, config) = (record.spec.dns_policy, &record.spec.dns_config);
    let cluster = match policy {
        DnsPolicy::ClusterFirst => !record.host_network,
        DnsPolicy::ClusterFirstWithHostNet => true,
        DnsPolicy::Default | DnsPolicy::None => false,
    };
    let domain = &revision.network.dns_domain;
    let (mut servers, mut searches, mut options) = match policy {
        _ if cluster => (
            vec![cluster_dns(revision)],
            vec![format!("{}.svc.{domain}", record.key.namespace), format!("svc.{domain}"), domain.to_string()],
            vec![("ndots".to_owned(), Some("5".to_owned()))],
        ),
        DnsPolicy::None => (Vec::new(), Vec::new(), Vec::new()),
        _ => {
            (vec![revision.network.gateway.0.to_string()], Vec::new(), vec![("ndots".to_owned(), Some("0".to_owned()))])
        }
    };
    servers.extend(config.nameservers.iter().map(ToString::to_string));
    searches.extend(config.searches.iter().map(ToString::to_string));
    // Models formDNSNameserversFitsLimits and formDNSSearchFitsLimits, after omitDuplicates.
    distinct(&mut servers);
    distinct(&mut searches);
    servers.truncate(SERVERS_MAX);
    searches.truncate(SEARCHES_MAX);
    while searches.join(" ").len() > SEARCH_LEN_MAX {
        searches.pop();
    }
    for (name, value) in &config.options {
        options.retain(|(known, _)| *known != **name);
        options.push((name.to_string(), value.as_ref().map(ToString::to_string)));
    }
    let mut text = String::new();
    if !searches.is_empty() {
        let _ = writeln!(text, "search {}", searches.join(" "));
    }
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !options.is_empty() {
        let words =
            options.into_iter().map(|(name, value)| value.map_or(name.clone(), |value| format!("{name}:{value}")));
        let _ = writeln!(text, "options {}", words.collect::<Vec<_>>().join(" "));
    }
    text
}

/// `clusterIP` of the Service `kube-dns`; kubeadm's default, the tenth address, if there is none.
pub fn cluster_dns(revision: &Revision) -> String {
    let service = revision.service("kube-system", "kube-dns");
    let given = service.and_then(|service| service.cluster_ips.first()).map(|(ip, _)| *ip);
    let tenth = || super::builtin::nth_address(&revision.network.service_network.0, 10);
    given.or_else(tenth).map_or_else(String::new, |ip| ip.to_string())
}

fn distinct(words: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
}
