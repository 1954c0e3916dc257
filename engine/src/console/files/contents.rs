//! What Kubernetes, the CNI plugin and the kernel put into files.
//!
//! Models flanneld's subnet.env, and what Calico 3.31 and Cilium 1.18 leave on a node (`calico`, `cilium`); what the kubelet
//! writes is in `control::resolv`.

use super::{calico, cilium};
use crate::cluster::{ObjectKey, Revision};
use crate::console::machine::{Context, Machine};
use crate::control::resolv;
use crate::net::Family;
use crate::tables::text::sysctl;
use crate::tables::{LinkKind, Netns};
use crate::workload::Shell;
use std::fmt::Write;
use std::net::IpAddr;

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
        Context::Node { ref name } => {
            paths.push("/etc/os-release".to_owned());
            let revision = machine.world.revision();
            let own = [CONFLIST, SUBNET_ENV].into_iter().chain(calico::FILES).chain([cilium::CONFLIST]);
            paths.extend(own.filter(|path| of_cni(revision, name, path).is_some()).map(str::to_owned));
        }
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
                "/etc/hosts" => Some(resolv::pod_hosts(revision, record, &hostname)),
                "/etc/resolv.conf" => Some(resolv::pod_resolv_conf(revision, record)),
                NAMESPACE => Some(pod.namespace.to_string()),
                _ => None,
            }
        }
        (Context::Node { name }, "/etc/hosts") => Some(resolv::machine_hosts(&hostname, revision.node(name)?.ip)),
        (Context::Host, "/etc/hosts") => Some(resolv::machine_hosts(&hostname, revision.network.gateway.0)),
        (_, "/etc/resolv.conf") => Some(resolv::machine_resolv_conf(revision)),
        (Context::Node { name }, path) => of_cni(revision, name, path),
        _ => None,
    }
}

/// What the CNI plugin's Pod has left on a node, once it has run there.
fn of_cni(revision: &Revision, node: &str, path: &str) -> Option<String> {
    let record = revision.node(node)?;
    match path {
        SUBNET_ENV => subnet_env(revision, node),
        CONFLIST => record.ready.then(|| conflist(revision)).flatten(),
        cilium::CONFLIST => cilium::text(revision, record, path),
        path => calico::text(revision, record, path).filter(|_| record.ready),
    }
}

fn subnet_env(revision: &Revision, node: &str) -> Option<String> {
    let config = revision.network.cni.flannel()?;
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
    revision.network.cni.flannel()?;
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
        "operstate"
            if matches!(
                link.kind,
                LinkKind::Loopback | LinkKind::Vxlan { .. } | LinkKind::VxlanExternal { .. } | LinkKind::Ipip
            ) =>
        {
            "unknown".to_owned()
        }
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
