//! flanneld's iptables rules. Models flannel 0.27 pkg/trafficmngr/iptables with `--ip-masq`, as kube-flannel.yml runs it.

use crate::cluster::{NodeRecord, Revision};
use crate::net::Family;
use crate::tables::netfilter::{Match, Netfilter, Ruleset, TableName, Target};
use crate::tables::{Origin, netfilter::Rule};
use ipnet::IpNet;
use std::net::{Ipv4Addr, Ipv6Addr};

const POSTRTG: &str = "FLANNEL-POSTRTG";
const FWD: &str = "FLANNEL-FWD";
/// What kube-proxy marks for its own masquerading.
const KUBE_PROXY_MARK: u32 = 0x4000;

const IP_MASQ: Origin = Origin::Default {
    component: std::borrow::Cow::Borrowed("flannel"),
    reason: std::borrow::Cow::Borrowed("kube-flannel.yml runs flanneld with --ip-masq"),
};

/// Appends those of each family: what is there already stays before them. A node without a subnet has none, as flanneld
/// does not start.
pub(in super::super) fn add(revision: &Revision, node: &NodeRecord, netfilter: &mut Netfilter) {
    let Some(config) = revision.network.cni.flannel() else { return };
    for (cluster, cluster_origin) in revision.network.pod_networks() {
        let family = Family::of(cluster.addr());
        let Some((subnet, subnet_origin)) = node.subnet_of(family).filter(|_| config.serves(family)) else { continue };
        let (cluster, subnet) = (cluster.trunc(), subnet.trunc());
        let rules = netfilter.ruleset_mut(family);
        masquerade(rules, (cluster, cluster_origin), (subnet, subnet_origin));
        forward(rules, cluster, cluster_origin);
    }
}

fn masquerade(
    rules: &mut Ruleset,
    (cluster, cluster_origin): (IpNet, &Origin),
    (subnet, subnet_origin): (IpNet, &Origin),
) {
    let multicast = match cluster {
        IpNet::V4(_) => IpNet::new_assert(Ipv4Addr::new(224, 0, 0, 0).into(), 4),
        IpNet::V6(_) => IpNet::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0).into(), 8),
    };
    let from = |net, invert| Match::Source { net, invert };
    let to = |net, invert| Match::Destination { net, invert };
    let marked = Match::Mark { value: KUBE_PROXY_MARK, mask: KUBE_PROXY_MARK, invert: false };
    let masquerade = Target::Masquerade { random_fully: true };
    let table = rules.table(TableName::Nat);
    let mut append = |chain: &str, mut matches: Vec<Match>, target: &Target, origin: &Origin| {
        matches.push(Match::Comment("flanneld masq".into()));
        table.append(chain, Rule { matches, target: Some(target.clone()), origin: origin.clone() });
    };
    append("POSTROUTING", vec![], &Target::Jump(POSTRTG.into()), &IP_MASQ);
    append(POSTRTG, vec![marked], &Target::Return, &IP_MASQ);
    append(POSTRTG, vec![from(subnet, false), to(cluster, false)], &Target::Return, subnet_origin);
    append(POSTRTG, vec![from(cluster, false), to(subnet, false)], &Target::Return, subnet_origin);
    append(POSTRTG, vec![from(cluster, true), to(subnet, false)], &Target::Return, subnet_origin);
    append(POSTRTG, vec![from(cluster, false), to(multicast, true)], &masquerade, cluster_origin);
    append(POSTRTG, vec![from(cluster, true), to(cluster, false)], &masquerade, cluster_origin);
}

/// Whatever the policy of FORWARD is.
fn forward(rules: &mut Ruleset, cluster: IpNet, origin: &Origin) {
    let table = rules.table(TableName::Filter);
    let mut append = |chain: &str, mut matches: Vec<Match>, target: Target| {
        matches.push(Match::Comment("flanneld forward".into()));
        table.append(chain, Rule { matches, target: Some(target), origin: origin.clone() });
    };
    append("FORWARD", vec![], Target::Jump(FWD.into()));
    append(FWD, vec![Match::Source { net: cluster, invert: false }], Target::Accept);
    append(FWD, vec![Match::Destination { net: cluster, invert: false }], Target::Accept);
}
