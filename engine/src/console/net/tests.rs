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
