use crate::cluster::{CniName, Options};
use crate::console::net::testing::Lab;

#[test]
fn what_the_kubelet_writes() {
    let mut lab = Lab::default();
    let hosts = lab.text("busy", "cat /etc/hosts", 0);
    assert!(hosts.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"), "{hosts}");
    assert!(hosts.ends_with(&format!("{}\tbusy\n", lab.ip("busy"))), "{hosts}");
    let expected =
        "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
    assert_eq!(lab.text("busy", "cat /etc/resolv.conf", 0), expected);
    assert_eq!(lab.text("busy", "cat /etc/hostname /proc/sys/net/ipv4/ip_forward", 0), "busy\n1\n");
    let expected =
        "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n";
    assert_eq!(lab.text("@worker-1", "cat /run/flannel/subnet.env", 0), expected);
    assert!(lab.text("@worker-1", "cat /etc/cni/net.d/*.conflist", 0).contains("\"type\": \"flannel\""));
    assert_eq!(
        lab.text("busy", "cat /etc/passwords", 1),
        "cat: can't open '/etc/passwords': No such file or directory\n"
    );
}

#[test]
fn what_commands_write_stays_in_its_place() {
    let mut lab = Lab::default();
    assert_eq!(lab.text("busy", "echo hi > /tmp/x; echo there >> /tmp/x", 0), "");
    assert_eq!(lab.text("busy", "cat /tmp/x; ls /tmp", 0), "hi\nthere\nx\n");
    assert_eq!(lab.text("net", "ls /tmp", 0), "");
    assert_eq!(lab.text("busy", "mkdir -p /srv/a/b && touch /srv/a/b/c && ls /srv/a", 0), "b\n");
    assert_eq!(lab.text("busy", "rm -r /srv /tmp/x; ls /tmp", 0), "");
    assert!(lab.text("busy", "echo 1 > /nowhere/x", 1).contains("nonexistent directory"));
    assert_eq!(lab.text("busy", "echo '10.1.1.1 other' >> /etc/hosts; tail -n 1 /etc/hosts", 0), "10.1.1.1 other\n");
}

#[test]
fn the_host_s_folder_is_the_editor() {
    let mut lab = Lab::default();
    assert_eq!(lab.text("@", "cd /home/student; ls; head -n 1 pods.yaml", 0), "pods.yaml\napiVersion: v1\n");
    assert_eq!(lab.text("@", "echo 'a: 1' > /home/student/new.yaml; cat /home/student/new.yaml", 0), "a: 1\n");
    assert!(lab.world.cluster().file("new.yaml").is_some_and(|file| !file.live));
    let uid = lab.world.revision().pod("default", "busy").map(|pod| pod.uid);
    lab.text("@", "cd /home/student; sed 's/infinity/1000000/' pods.yaml > copy; cat copy > pods.yaml", 0);
    let now = lab.world.revision().pod("default", "busy").map(|pod| pod.uid);
    assert_eq!(now, uid, "a live file that is written anew is edited, not emptied first");
    assert!(lab.world.cluster().file("pods.yaml").is_some_and(|file| file.text.contains("1000000")));
}

#[test]
fn forwarding_can_be_turned_off_on_a_node() {
    let mut lab = Lab::default();
    assert_eq!(lab.run("busy", "ping -c 1 -W 1 {web}").status, 0);
    assert_eq!(lab.text("@worker-1", "sysctl -w net.ipv4.ip_forward=0", 0), "net.ipv4.ip_forward = 0\n");
    assert_eq!(lab.run("busy", "ping -c 1 -W 1 {web}").status, 1);
    assert_eq!(
        lab.text("@worker-1", "echo 1 > /proc/sys/net/ipv4/ip_forward; sysctl -n net.ipv4.ip_forward", 0),
        "1\n"
    );
    assert_eq!(lab.run("busy", "ping -c 1 -W 1 {web}").status, 0);
    let refused = lab.text("busy", "sysctl -w net.ipv4.ip_forward=0", 1);
    assert_eq!(refused, "sysctl: error setting key 'net.ipv4.ip_forward': Read-only file system\n");
}

#[test]
fn a_cni_leaves_its_own_files_only() {
    let mut lab = Lab::default();
    assert_eq!(lab.text("@worker-1", "ls /etc/cni/net.d", 0), "10-flannel.conflist\n");
    assert!(lab.text("@worker-1", "ls /var/lib/calico", 2).contains("No such file or directory"));
    let mut lab = Lab::with(Options { cni: Some(CniName::Calico), ..Options::default() });
    assert_eq!(lab.text("@worker-1", "ls /etc/cni/net.d", 0), "10-calico.conflist\n");
    assert_eq!(lab.text("@worker-1", "ls /var/lib/calico", 0), "mtu\nnodename\n");
    assert_eq!(
        lab.text("@worker-1", "cat /var/lib/calico/nodename; echo; cat /var/lib/calico/mtu", 0),
        "worker-1\n1450"
    );
    let config = lab.text("@worker-1", "cat /etc/cni/net.d/10-calico.conflist", 0);
    assert!(config.contains("\"assign_ipv4\":\"true\",\"assign_ipv6\":\"false\""), "{config}");
    assert!(config.contains("\"mtu\":0,"), "{config}");
    assert!(lab.text("@worker-1", "ls /run/flannel", 2).contains("No such file or directory"));
}
