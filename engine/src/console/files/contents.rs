//! What Kubernetes, the CNI plugin and the kernel put into files.
//!
//! Models the kubelet's pkg/kubelet/kubelet_pods.go managedHostsFileContent, pkg/kubelet/network/dns, containerd's
//! resolv.conf, and flanneld's subnet.env.

use crate::cluster::{Cni, ObjectKey, PodRecord, Revision};
use crate::console::machine::{Context, Machine};
use crate::manifest::typed::DnsPolicy;
use crate::net::Family;
use crate::tables::text::sysctl;
use crate::tables::{LinkKind, Netns};
use crate::workload::Shell;
use std::fmt::Write;
use std::net::IpAddr;

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
                     fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";
const CONFLIST: &str = "/etc/cni/net.d/10-flannel.conflist";
const SUBNET_ENV: &str = "/run/flannel/subnet.env";
const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Paths of the files that this place has by itself.
pub(super) fn paths(machine: &mut Machine<'_>) -> Vec<String> {
    let mut paths: Vec<String> = ["hosts", "hostname", "resolv.conf"].map(|name| format!("/etc/{name}")).into();
    match machine.context {
        Context::Container { .. } => {
            paths.push(NAMESPACE.to_owned());
            if machine.toolbox().shell == Shell::Bash {
                paths.push("/etc/os-release".to_owned());
            }
        }
        Context::Node { .. } => paths.extend(["/etc/os-release", CONFLIST, SUBNET_ENV].map(str::to_owned)),
        Context::Host => paths.push("/etc/os-release".to_owned()),
    }
    paths.extend(sysctl::NAMES.map(|name| format!("/proc/sys/{}", name.replace('.', "/"))));
    if let Some(netns) = machine.netns() {
        let of =
            |name: &str| ["address", "ifindex", "mtu", "operstate"].map(|file| format!("/sys/class/net/{name}/{file}"));
        paths.extend(netns.links.iter().flat_map(|link| of(&link.name)));
    }
    paths
}

/// The text of one of them.
pub(super) fn text(machine: &mut Machine<'_>, path: &str) -> Option<String> {
    if let Some(name) = path.strip_prefix("/proc/sys/") {
        let row = sysctl::row(&*machine.netns()?, &name.replace('/', "."))?;
        return row.split_once(" = ").map(|(_, value)| format!("{value}\n"));
    }
    if let Some(rest) = path.strip_prefix("/sys/class/net/") {
        return device(&*machine.netns()?, rest);
    }
    match path {
        "/etc/hostname" => return Some(machine.hostname() + "\n"),
        "/etc/os-release" => return Some(os_release(machine)),
        _ => {}
    }
    let hostname = machine.hostname();
    let revision = machine.world.revision();
    match (&machine.context, path) {
        (Context::Container { pod, .. }, _) => {
            let record = revision.pods.get(pod)?;
            match path {
                "/etc/hosts" => Some(pod_hosts(revision, record, &hostname)),
                "/etc/resolv.conf" => Some(pod_resolv_conf(revision, record)),
                NAMESPACE => Some(pod.namespace.to_string()),
                _ => None,
            }
        }
        (Context::Node { name }, "/etc/hosts") => Some(machine_hosts(&hostname, revision.node(name)?.ip)),
        (Context::Node { name }, SUBNET_ENV) => subnet_env(revision, name),
        (Context::Node { name }, CONFLIST) => revision.node(name)?.ready.then(|| conflist(revision)).flatten(),
        (Context::Host, "/etc/hosts") => Some(machine_hosts(&hostname, revision.network.gateway.0)),
        (_, "/etc/resolv.conf") => Some(machine_resolv_conf(revision)),
        _ => None,
    }
}

fn machine_hosts(name: &str, ip: IpAddr) -> String {
    format!("{HOSTS}{ip}\t{name}\n").replace("fe00::0\tip6-mcastprefix", "ff00::0\tip6-mcastprefix")
}

/// The node network's gateway answers DNS for the machines, as Docker's does.
fn machine_resolv_conf(revision: &Revision) -> String {
    format!("nameserver {}\noptions ndots:0\n", revision.network.gateway.0)
}

fn pod_hosts(revision: &Revision, record: &PodRecord, hostname: &str) -> String {
    let mut text = match (record.host_network, &record.ip) {
        (true, Some((ip, _))) => {
            format!("# Kubernetes-managed hosts file (host network).\n{}", machine_hosts(hostname, *ip))
        }
        _ => format!("# Kubernetes-managed hosts file.\n{HOSTS}"),
    };
    for (ip, _) in record.addresses().filter(|_| !record.host_network) {
        let domain = record.spec.subdomain.as_ref().map(|subdomain| {
            format!("{hostname}.{subdomain}.{}.svc.{}\t", record.key.namespace, revision.network.dns_domain)
        });
        let _ = writeln!(text, "{ip}\t{}{hostname}", domain.clone().unwrap_or_default());
    }
    if !record.spec.host_aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
        for alias in &record.spec.host_aliases {
            let _ = writeln!(text, "{}\t{}", alias.ip, alias.hostnames.join("\t"));
        }
    }
    text
}

fn pod_resolv_conf(revision: &Revision, record: &PodRecord) -> String {
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
fn cluster_dns(revision: &Revision) -> String {
    let service = revision.object(&ObjectKey::new("Service", "kube-system", "kube-dns"));
    let given = service.and_then(|service| service.written().at("spec.clusterIP").as_str());
    given.map_or_else(|| tenth(revision.network.service_network.0.network()), str::to_owned)
}

fn tenth(network: IpAddr) -> String {
    match network {
        IpAddr::V4(ip) => std::net::Ipv4Addr::from(u32::from(ip).wrapping_add(10)).to_string(),
        IpAddr::V6(ip) => std::net::Ipv6Addr::from(u128::from(ip).wrapping_add(10)).to_string(),
    }
}

fn subnet_env(revision: &Revision, node: &str) -> Option<String> {
    let Cni::Flannel(config) = &revision.network.cni;
    let mut text = String::new();
    for (subnet, _) in revision.node(node)?.subnets().filter(|(net, _)| config.serves(Family::of(net.addr()))) {
        let (first, word) = match subnet.network() {
            IpAddr::V4(ip) => (IpAddr::V4((u32::from(ip) + 1).into()), "FLANNEL"),
            IpAddr::V6(ip) => (IpAddr::V6((u128::from(ip) + 1).into()), "FLANNEL_IPV6"),
        };
        let mut networks = revision.network.pod_networks().map(|(net, _)| net);
        let network = networks.find(|net| net.addr().is_ipv4() == subnet.addr().is_ipv4())?;
        let _ = write!(text, "{word}_NETWORK={network}\n{word}_SUBNET={first}/{}\n", subnet.prefix_len());
    }
    let mtu = config.mtu.0;
    (!text.is_empty()).then(|| format!("{text}FLANNEL_MTU={mtu}\nFLANNEL_IPMASQ=true\n"))
}

/// The ConfigMap's `cni-conf.json`, which the init container copies.
fn conflist(revision: &Revision) -> Option<String> {
    let config = revision.object(&ObjectKey::new("ConfigMap", "kube-flannel", "kube-flannel-cfg"))?;
    // The key has a dot in it, which a field path cannot say.
    let data = config.written().get("data")?.get("cni-conf.json")?;
    data.as_str().map(str::to_owned)
}

fn device(netns: &Netns, path: &str) -> Option<String> {
    let (name, file) = path.split_once('/')?;
    let link = netns.link_named(name)?;
    let value = match file {
        "address" => link.mac.to_string(),
        "ifindex" => link.index.0.to_string(),
        "mtu" => link.mtu.to_string(),
        "operstate" if !link.up => "down".to_owned(),
        "operstate" if matches!(link.kind, LinkKind::Loopback | LinkKind::Vxlan { .. }) => "unknown".to_owned(),
        "operstate" => "up".to_owned(),
        _ => return None,
    };
    Some(value + "\n")
}

fn os_release(machine: &Machine<'_>) -> String {
    let (name, id, version, code) = match machine.context {
        Context::Container { .. } => ("Debian GNU/Linux", "debian", "12", "bookworm"),
        _ => ("Ubuntu", "ubuntu", "24.04", "noble"),
    };
    format!(
        "PRETTY_NAME=\"{name} {version}\"\nNAME=\"{name}\"\nVERSION_ID=\"{version}\"\nVERSION_CODENAME={code}\nID={id}\n"
    )
}
