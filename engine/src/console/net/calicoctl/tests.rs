use super::super::testing::Lab;
use crate::cluster::{CniName, Options};

fn lab() -> Lab {
    Lab::with(Options { cni: Some(CniName::Calico), ..Options::default() })
}

#[test]
fn without_calico_there_is_nothing_to_ask_for() {
    let mut lab = Lab::default();
    let version = lab.text("@", "calicoctl version", 1);
    assert!(version.ends_with("(get ClusterInformations.crd.projectcalico.org default)\n"), "{version}");
    let expected = "resource does not exist: IPPool(*) with error: the server could not find the requested resource (get \
                    IPPools.crd.projectcalico.org)\n";
    assert_eq!(lab.text("@", "calicoctl get ippools", 1), expected);
    assert_eq!(lab.text("@", "calicoctl ipam show", 1), expected);
    assert_eq!(lab.text("@worker-1", "calicoctl node status", 1), "Calico process is not running.\n");
}

#[test]
fn every_address_that_is_in_use_is_counted() {
    let mut lab = lab();
    let used = lab.text("@", "calicoctl ipam show", 0);
    let counts: Vec<&str> = used.lines().nth(3).unwrap_or_default().split('|').map(str::trim).collect();
    let pods = lab.world.revision().pods.values().filter(|pod| !pod.host_network && pod.ip.is_some()).count();
    // Each of the three nodes has a tunnel.
    assert_eq!(counts[4], format!("{} (0%)", pods + 3));
    let ip = lab.ip("busy");
    let shown = lab.text("@worker-2", &format!("calicoctl ipam show --ip={ip}"), 0);
    assert!(shown.starts_with(&format!("IP {ip} is in use\nAttributes:\n  namespace: default\n")), "{shown}");
    assert_eq!(lab.text("@", "calicoctl ipam show --ip=10.0.0.1", 0), "10.0.0.1 is not assigned\n");
    assert_eq!(lab.text("@", "calicoctl ipam show --show-borrowed", 0).lines().count(), 4);
}

#[test]
fn what_is_no_kind_or_no_option_is_said_to_be_none() {
    let mut lab = lab();
    let refused = lab.text("@", "calicoctl get ipamblocks", 1);
    assert_eq!(refused, "failed to get resources: resource type 'ipamblocks' is not supported\n");
    assert_eq!(lab.text("@", "calicoctl get nodes -o name", 1), "unrecognized output format 'name'\n");
    assert_eq!(lab.text("@", "calicoctl get nodes -A", 1), "Node is not namespaced\n");
    let refused = "Need super user privileges: Operation not permitted\n";
    assert_eq!(lab.text("@", "calicoctl node status", 1), refused);
    assert_eq!(lab.text("busy", "calicoctl version", 127), "sh: calicoctl: not found\n");
}
