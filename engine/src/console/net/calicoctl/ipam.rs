//! `calicoctl ipam show`. Models calicoctl/calicoctl/commands/ipam/show.go and GetUtilization of libcalico-go lib/ipam.

use super::super::clock::Moment;
use super::super::options::{Options, Spec};
use super::table::{framed, general};
use super::{Complaint, invalid, is_installed, not_installed, trees};
use crate::cluster::{NodeRecord, PodRecord, Revision};
use crate::console::shell::Io;
use crate::net::Family;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Options of `ipam show`.
pub const SHOW: Spec = Spec {
    short: "c:1:2345",
    long: &[
        ("config", 'c'),
        ("ip", '1'),
        ("show-blocks", '2'),
        ("show-borrowed", '3'),
        ("show-configuration", '4'),
        ("allow-version-mismatch", '5'),
    ],
    operand_ends: false,
};

pub fn run(revision: &Revision, words: &[String], io: &mut Io) -> Result<i32, Complaint> {
    match words.get(1).map(String::as_str) {
        Some("show") => {}
        Some(other @ ("check" | "release" | "split" | "configure")) => {
            return Err(format!("podhop's calicoctl has no ipam {other}; it has ipam show"));
        }
        _ => return Err(invalid(words)),
    }
    let mut options = Options::new(SHOW, &words[1..]);
    let (mut ip, mut asked) = (None, Vec::new());
    while let Some(option) = options.next() {
        let (letter, value) = option.map_err(|_| invalid(words))?;
        match letter {
            '1' => ip = Some(value),
            '2'..='4' => asked.push(letter),
            _ => {}
        }
    }
    if !options.operands.is_empty() || asked.len() + usize::from(ip.is_some()) > 1 {
        return Err(invalid(words));
    }
    if let Some(text) = ip
        && text.parse::<IpAddr>().is_err()
    {
        io.out(&format!("Error executing command: invalid IP address specified: {text}\n"));
        return Ok(1);
    }
    if !is_installed(revision) {
        return Err(not_installed("IPPool(*)", "IPPools.crd.projectcalico.org"));
    }
    io.out(&match (ip.and_then(|text| text.parse().ok()), asked.first()) {
        (Some(ip), _) => address(revision, ip),
        (None, Some('3')) => borrowed(revision),
        (None, Some('4')) => CONFIGURATION.to_owned(),
        (None, asked) => usage(revision, asked.is_some()),
    });
    Ok(0)
}

/// What IPAM does where nobody has configured it.
const CONFIGURATION: &str = "\
+--------------------+-------+
|      PROPERTY      | VALUE |
+--------------------+-------+
| StrictAffinity     | false |
| AutoAllocateBlocks | true  |
| MaxBlocksPerHost   |     0 |
+--------------------+-------+
";

/// Who has an address of the pools.
enum Owner<'r> {
    Pod(&'r PodRecord),
    Tunnel(&'r NodeRecord),
}

/// Every address that is given out of a block.
fn assigned(revision: &Revision) -> BTreeMap<IpAddr, Owner<'_>> {
    let mut found = BTreeMap::new();
    for pod in revision.pods.values().filter(|pod| !pod.host_network) {
        let own = pod.ips().filter(|ip| revision.addresses.contains_key(ip));
        own.for_each(|ip| _ = found.insert(ip, Owner::Pod(pod)));
    }
    for node in revision.nodes.values() {
        node.blocks.iter().filter_map(|block| block.tunnel_ip).for_each(|ip| _ = found.insert(ip, Owner::Tunnel(node)));
    }
    found.retain(|ip, _| block_of(revision, *ip).is_some());
    found
}

/// The block that an address is in, with the node that it is affine to.
fn block_of(revision: &Revision, ip: IpAddr) -> Option<&(IpNet, Arc<str>)> {
    let (_, block) = revision.index.blocks.range(..=ip).next_back()?;
    Some(block).filter(|(net, _)| net.contains(&ip))
}

fn usage(revision: &Revision, with_blocks: bool) -> String {
    let mut used: BTreeMap<IpNet, u32> = revision.index.blocks.values().map(|(net, _)| (*net, 0)).collect();
    for ip in assigned(revision).keys() {
        if let Some(count) = block_of(revision, *ip).and_then(|(net, _)| used.get_mut(net)) {
            *count += 1;
        }
    }
    let mut rows = Vec::new();
    for cidr in trees::pools(revision) {
        let mut own: Vec<(&IpNet, &u32)> = used.iter().filter(|(net, _)| cidr.contains(*net)).collect();
        rows.push(row("IP Pool", &cidr, own.iter().map(|(_, count)| **count).sum()));
        // As the names of the objects are sorted, which say a block's network with dashes.
        own.sort_by_key(|(net, _)| net.to_string().replace(['.', ':', '/'], "-"));
        if with_blocks {
            rows.extend(own.into_iter().map(|(net, count)| row("Block", net, *count)));
        }
    }
    framed(&["GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS FREE"], &rows)
}

fn row(kind: &str, net: &IpNet, used: u32) -> Vec<String> {
    let (total, used) = (2_f64.powi(i32::from(net.max_prefix_len() - net.prefix_len())), f64::from(used));
    let part = |count: f64| format!("{} ({:.0}%)", general(count), 100.0 * count / total);
    vec![kind.to_owned(), net.to_string(), general(total), part(used), part(total - used)]
}

/// Attributes as the CNI plugin and calico-node give them, in the order of their names: the real one has none.
fn address(revision: &Revision, ip: IpAddr) -> String {
    let attributes = match assigned(revision).remove(&ip) {
        None => return format!("{ip} is not assigned\n"),
        Some(Owner::Pod(pod)) => vec![
            ("namespace", pod.key.namespace.to_string()),
            ("node", pod.node.as_deref().unwrap_or_default().to_owned()),
            ("pod", pod.key.name.to_string()),
            ("timestamp", timestamp(pod)),
        ],
        Some(Owner::Tunnel(node)) => {
            let family = Family::of(ip);
            let ipip = revision.network.cni.calico().is_some_and(|config| config.is_ipip(family));
            let kind = match (ipip, family) {
                (true, _) => "ipipTunnelAddress",
                (false, Family::V4) => "vxlanTunnelAddress",
                (false, Family::V6) => "vxlanV6TunnelAddress",
            };
            vec![("node", node.name.to_string()), ("type", kind.to_owned())]
        }
    };
    let lines: String = attributes.iter().map(|(name, value)| format!("  {name}: {value}\n")).collect();
    format!("IP {ip} is in use\nAttributes:\n{lines}")
}

/// When the sandbox was made, as Go prints a time.
fn timestamp(pod: &PodRecord) -> String {
    let at = pod.started_at_ns.unwrap_or(pod.created_at_ns);
    let (moment, rest) = (Moment::new(at), at % 1_000_000_000);
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:09}").trim_end_matches('0').to_owned() };
    format!("{}-{:02}-{:02} {}{fraction} +0000 UTC", moment.year, moment.month, moment.day, moment.time())
}

/// Addresses of Pods on other nodes than the block is affine to.
fn borrowed(revision: &Revision) -> String {
    let row = |(ip, owner): (IpAddr, Owner<'_>)| {
        let Owner::Pod(pod) = owner else { return None };
        let ((net, holder), node) = (block_of(revision, ip)?, pod.node.as_ref()?);
        let cells = [
            ip.to_string(),
            node.to_string(),
            net.to_string(),
            holder.to_string(),
            "pod".to_owned(),
            format!("{}/{}", pod.key.namespace, pod.key.name),
        ];
        (node != holder).then(|| cells.to_vec())
    };
    let rows: Vec<Vec<String>> = assigned(revision).into_iter().filter_map(row).collect();
    framed(&["IP", "BORROWING-NODE", "BLOCK", "BLOCK OWNER", "TYPE", "ALLOCATED-TO"], &rows)
}
