use super::testing::Lab;

#[test]
fn nc_connects_or_says_why_not() {
    let mut lab = Lab::default();
    let web = lab.ip("web");
    let text = lab.text("net", "nc -vz {web} 80", 0);
    assert_eq!(text, format!("Connection to {web} 80 port [tcp/http] succeeded!\n"));
    let text = lab.text("net", "nc -vz {web} 81", 1);
    assert_eq!(text, format!("nc: connect to {web} port 81 (tcp) failed: Connection refused\n"));
    let text = lab.text("net", "nc -vz -w 5 10.244.1.77 80", 1);
    assert_eq!(text, "nc: connect to 10.244.1.77 port 80 (tcp) failed: No route to host\n");
    let text = lab.text("net", "nc -vz -w 2 10.244.1.78 80", 1);
    assert_eq!(text, "nc: connect to 10.244.1.78 port 80 (tcp) timed out: Operation now in progress\n");
    assert_eq!(lab.text("busy", "nc -v -z {web} 80", 0), format!("{web} ({web}:80) open\n"));
    let text = lab.text("busy", r"printf 'GET / HTTP/1.0\r\n\r\n' | nc {web} 80", 0);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert_eq!(lab.run("net", "nc -vzu {web} 53").status, 1);
}

#[test]
fn traceroute_names_every_hop() {
    let mut lab = Lab::default();
    let (web, text) = (lab.ip("web"), lab.text("busy", "traceroute -n {web}", 0));
    let hops: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(hops, ["to", "10.244.1.1", "10.244.2.0", &web], "{text}");
    assert!(text.starts_with(&format!("traceroute to {web} ({web}), 30 hops max, 46 byte packets\n")), "{text}");
    let text = lab.text("@worker-1", "traceroute -I -q 1 {web}", 0);
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn bridge_lists_what_it_knows() {
    let mut lab = Lab::default();
    lab.run("busy", "ping -c 1 {net}");
    let text = lab.text("@worker-1", "bridge fdb show br cni0", 0);
    assert!(text.lines().any(|line| line.trim_end().ends_with("master cni0")), "{text}");
    assert!(lab.text("@worker-1", "bridge fdb show dev flannel.1", 0).contains("dst 172.18.0.4 self permanent"));
    assert!(lab.text("@worker-1", "bridge link", 0).contains("master cni0 state forwarding"));
}

#[test]
fn rules_are_shown_counted_and_changed() {
    let mut lab = Lab::default();
    let denied = "iptables-save v1.8.9 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)\n\n";
    assert_eq!(lab.text("net", "iptables-save", 4), denied);
    assert_eq!(lab.text("busy", "iptables -L", 127), "sh: iptables: not found\n");
    let saved = lab.text("@worker-1", "iptables-save -t nat", 0);
    assert!(saved.contains(
        "-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment \"flanneld masq\" -j RETURN\n"
    ));
    lab.text("busy", "ping -c 1 {web}", 0);
    let listed = lab.text("@worker-1", "iptables -nvL FLANNEL-FWD", 0);
    // The reply belongs to a connection: KUBE-FORWARD takes it before.
    assert!(
        listed.contains("\n    1    84 ACCEPT     0    --  *      *       10.244.0.0/16        0.0.0.0/0 "),
        "{listed}"
    );
    lab.text("@worker-1", "iptables -I FORWARD -d {web} -p icmp -j REJECT", 0);
    let refused = lab.text("net", "ping -c 1 {web}", 1);
    assert!(refused.contains("From 10.244.1.1 icmp_seq=1 Destination Port Unreachable"), "{refused}");
    lab.text("@worker-1", "iptables -D FORWARD -d {web} -p icmp -j REJECT", 0);
    lab.text("busy", "ping -c 1 {web}", 0);
    for (line, status, words) in [
        (
            "iptables -D FORWARD -d {web} -p icmp -j REJECT",
            1,
            "iptables: Bad rule (does a matching rule exist in that chain?).\n",
        ),
        ("iptables -A NOPE -j DROP", 1, "iptables: No chain/target/match by that name.\n"),
        ("iptables -I INPUT 9 -j DROP", 1, "iptables: Index of insertion too big.\n"),
        ("iptables -P FLANNEL-FWD DROP", 1, "iptables: Bad built-in chain name.\n"),
        (
            "iptables -X FLANNEL-FWD",
            4,
            "iptables v1.8.9 (nf_tables):  CHAIN_DEL failed (Device or resource busy): chain FLANNEL-FWD\n",
        ),
        ("iptables-save -t foo", 1, "Table `foo' does not exist\n"),
    ] {
        assert_eq!(lab.text("@worker-1", line, status), words);
    }
}

#[test]
fn connections_are_listed_and_forgotten() {
    let mut lab = Lab::default();
    lab.text("busy", "nc -z -v {web} 80", 0);
    let listed = lab.text("@worker-1", "conntrack -L -p tcp", 0);
    let row = listed.lines().next().unwrap();
    assert!(row.starts_with("tcp      6 ") && row.contains("[ASSURED] mark=0 use=1"), "{listed}");
    assert!(listed.ends_with("conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n"), "{listed}");
    let udp = lab.text("@worker-1", "conntrack -L -p udp --dport 8472", 0);
    assert!(udp.contains("dport=8472 [UNREPLIED] src="), "{udp}");
    lab.text("@worker-1", "conntrack -D -p tcp --dport 80", 0);
    lab.text("@worker-1", "conntrack -D -p tcp --dport 80", 1);
    lab.text("@worker-1", "conntrack -F", 0);
    assert_eq!(lab.text("@worker-1", "conntrack -C", 0), "0\n");
}
