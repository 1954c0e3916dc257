use crate::console::net::testing::Lab;

#[test]
fn tables_of_a_pod_by_image() {
    let mut lab = Lab::default();
    let text = lab.text("busy", "ip -4 addr show eth0", 0);
    let busy = lab.ip("busy");
    assert!(text.contains(&format!("    inet {busy}/24 brd 10.244.1.255 scope global eth0\n")), "{text}");
    assert!(text.contains("mtu 1450 qdisc noqueue qlen 1000"), "{text}");
    let text = lab.text("net", "ip -br a", 0);
    assert!(text.contains("eth0@if") && text.contains("UP"), "{text}");
    assert_eq!(lab.text("busy", "ip r s", 0).lines().next(), Some("default via 10.244.1.1 dev eth0 "));
    assert_eq!(lab.text("net", "ip route show match 10.244.2.2 | wc -l", 0).trim(), "2");
    assert!(lab.text("@worker-1", "ip -d link show flannel.1", 0).contains("vxlan id 1 local 172.18.0.3 dev eth0"));
    assert!(lab.text("@worker-1", "ip neigh show dev flannel.1", 0).contains("10.244.2.0 lladdr "));
    assert_eq!(lab.text("@worker-1", "ip netns | wc -l", 0).trim(), "2");
}

#[test]
fn which_way_a_packet_goes() {
    let mut lab = Lab::default();
    let net = lab.ip("net");
    let text = lab.text("net", "ip route get 10.244.2.9", 0);
    assert_eq!(text, format!("10.244.2.9 via 10.244.1.1 dev eth0 src {net} uid 0 \n    cache \n"));
    let text = lab.text("busy", "ip route get 10.244.2.9", 0);
    assert_eq!(text, format!("10.244.2.9 via 10.244.1.1 dev eth0  src {} \n", lab.ip("busy")));
    let text = lab.text("net", "ip route get {net}", 0);
    assert_eq!(text, format!("local {net} dev lo src {net} uid 0 \n    cache <local> \n"));
    let text = lab.text("@worker-1", "ip route get 10.244.2.9 from 10.244.1.2 iif cni0", 0);
    assert_eq!(text, "10.244.2.9 from 10.244.1.2 via 10.244.2.0 dev flannel.1 \n    cache iif cni0 \n");
    let text = lab.text("net", "ip -j route get 10.244.2.9", 0);
    let head = "[{\"dst\":\"10.244.2.9\",\"gateway\":\"10.244.1.1\",\"dev\":\"eth0\",\"prefsrc\":\"";
    assert!(text.starts_with(head) && text.ends_with("\",\"flags\":[],\"uid\":0,\"cache\":[]}]\n"), "{text}");
}

#[test]
fn mistakes_in_the_tool_s_words() {
    let mut lab = Lab::default();
    for (place, line, status, words) in [
        ("net", "ip foo", 1, "Object \"foo\" is unknown, try \"ip help\".\n"),
        ("net", "ip -x a", 255, "Option \"-x\" is unknown, try \"ip -help\".\n"),
        ("net", "ip a show dev nope", 1, "Device \"nope\" does not exist.\n"),
        ("busy", "ip a show dev nope", 1, "ip: can't find device 'nope'\n"),
        ("net", "ip route get foo", 1, "Error: any valid prefix is expected rather than \"foo\".\n"),
        ("net", "ip addr foo", 255, "Command \"foo\" is unknown, try \"ip address help\".\n"),
        ("net", "ip route show dev nope", 1, "Cannot find device \"nope\"\n"),
        ("net", "ip link set eth0 down", 2, "RTNETLINK answers: Operation not permitted\n"),
        ("busy", "ip link set eth0 down", 2, "ip: ioctl 0x8914 failed: Operation not permitted\n"),
        ("busy", "ip route del default", 2, "ip: RTNETLINK answers: Operation not permitted\n"),
        ("@worker-1", "ip route del 10.77.0.0/16", 2, "RTNETLINK answers: No such process\n"),
        ("@worker-1", "ip route add 10.77.0.0/16 via 10.9.9.9", 2, "Error: Nexthop has invalid gateway.\n"),
        ("@worker-1", "ip route add 10.244.2.0/24 via 172.18.0.4", 2, "RTNETLINK answers: File exists\n"),
    ] {
        assert_eq!(lab.text(place, line, status), words, "{line}");
    }
}

#[test]
fn changes_have_effect() {
    let mut lab = Lab::default();
    let ping = "ping -q -c 1 -W 1 {web}";
    assert_eq!(lab.run("busy", ping).status, 0);
    assert_eq!(lab.text("@worker-1", "ip route del 10.244.2.0/24", 0), "");
    assert_eq!(lab.run("busy", ping).status, 1);
    assert_eq!(lab.text("@worker-1", "ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink", 0), "");
    assert_eq!(lab.run("busy", ping).status, 0);
    assert_eq!(lab.text("@worker-2", "ip link set cni0 down", 0), "");
    assert_eq!(lab.run("busy", ping).status, 1);
    assert_eq!(lab.text("@worker-2", "ip link set cni0 up; ip route show dev cni0", 0).lines().count(), 1);
    assert_eq!(lab.run("busy", ping).status, 0);
    assert_eq!(lab.text("adm", "ip route del default; ip route", 0).lines().count(), 2);
    let text = lab.text("adm", "ping -c 1 172.18.0.3", 1);
    assert!(text.ends_with("ping: sendto: Network is unreachable\n"), "{text}");
}

#[test]
fn neighbours_are_learned_set_and_forgotten() {
    let mut lab = Lab::default();
    lab.run("net", "ping -c 1 {busy}");
    let text = lab.text("net", "ip neigh", 0);
    assert!(
        text.starts_with(&format!("{} dev eth0 lladdr ", lab.ip("busy"))) && text.ends_with(" REACHABLE \n"),
        "{text}"
    );
    assert_eq!(lab.run("net", "ip neigh flush all").status, 1);
    lab.run("@worker-1", "ping -c 1 {busy}");
    let flushed = lab.text("@worker-1", "ip neigh flush dev cni0; ip neigh show dev cni0", 0);
    assert_eq!(flushed, "");
    let set =
        lab.text("@worker-1", "ip neigh replace {busy} lladdr 02:00:00:00:00:01 dev cni0; ip neigh show dev cni0", 0);
    assert_eq!(set, format!("{} lladdr 02:00:00:00:00:01 PERMANENT \n", lab.ip("busy")));
    assert_eq!(lab.run("@worker-1", "ping -c 1 -W 1 {busy}").status, 1);
}
