use crate::console::net::testing::Lab;

#[test]
fn dig_says_all_that_came() {
    let mut lab = Lab::default();
    let said = lab.text("net", "dig kubernetes.default.svc.cluster.local", 0);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[1], "; <<>> DiG 9.18.28 <<>> kubernetes.default.svc.cluster.local");
    assert!(lines[4].starts_with(";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: "), "{said}");
    assert_eq!(lines[5], ";; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1");
    assert!(said.contains("\n;kubernetes.default.svc.cluster.local. IN A\n"), "{said}");
    assert!(said.contains("\nkubernetes.default.svc.cluster.local. 30 IN A\t10.96.0.1\n"), "{said}");
    assert!(said.contains("\n;; SERVER: 10.96.0.10#53(10.96.0.10) (UDP)\n"), "{said}");
    assert_eq!(lab.text("net", "dig +short kubernetes.default.svc.cluster.local", 0), "10.96.0.1\n");
    assert_eq!(lab.text("net", "dig +short +search kubernetes", 0), "10.96.0.1\n");
    assert_eq!(lab.text("net", "dig +tcp +short kubernetes.default.svc.cluster.local", 0), "10.96.0.1\n");
    assert!(lab.text("net", "dig +nope x", 1).starts_with("Invalid option: +nope\nUsage:  dig "));
    let silent = lab.text("net", "dig +tries=1 +time=1 @10.244.1.200 x", 9);
    assert!(
        silent.contains(";; communications error to 10.244.1.200#53: ")
            && silent.ends_with("\n;; no servers could be reached\n"),
        "{silent}"
    );
}

#[test]
fn two_programs_named_nslookup() {
    let mut lab = Lab::default();
    let busybox = lab.text("busy", "nslookup kubernetes.default.svc.cluster.local", 0);
    let expected = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tkubernetes.default.svc.cluster.local\nAddress: \
                    10.96.0.1\n\n*** Can't find kubernetes.default.svc.cluster.local: No answer\n\n";
    assert_eq!(busybox, expected);
    let bind = lab.text("net", "nslookup kubernetes", 0);
    let expected = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10#53\n\nName:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.1\n\n";
    assert_eq!(bind, expected);
    let missing = lab.text("net", "nslookup nobody", 1);
    assert!(missing.ends_with("** server can't find nobody: NXDOMAIN\n\n"), "{missing}");
    assert!(
        lab.text("busy", "nslookup 10.96.0.1", 0)
            .contains("1.0.96.10.in-addr.arpa\tname = kubernetes.default.svc.cluster.local\n")
    );
}

#[test]
fn host_and_getent() {
    let mut lab = Lab::default();
    let found = "kubernetes.default.svc.cluster.local has address 10.96.0.1\n";
    assert_eq!(lab.text("net", "host kubernetes.default", 0), found);
    assert_eq!(lab.text("net", "host nobody", 1), "Host nobody not found: 3(NXDOMAIN)\n");
    assert_eq!(
        lab.text("web", "getent hosts kubernetes.default", 0),
        "10.96.0.1       kubernetes.default.svc.cluster.local\n"
    );
    assert_eq!(lab.text("web", "getent hosts nobody", 2), "");
}

#[test]
fn an_outside_name_costs_eight_questions() {
    let mut lab = Lab::default();
    assert_eq!(lab.text("web", "getent ahostsv4 nobody.example.com", 2), "");
    let ran = lab.run("busy", "ping -c 1 www.example.com");
    assert_eq!(ran.status, 0, "{ran:?}");
    let flow = lab.world.recorder().iter().last().expect("a conversation");
    let question = |packet: &&crate::trace::PacketTrace| {
        crate::explain::title(&packet.birth).starts_with("DNS A")
            && packet.birth.ip().is_some_and(|ip| {
                ip.payload.ports().is_some_and(|(_, dport)| dport == 53) && ip.dst.to_string() == "10.96.0.10"
            })
    };
    assert_eq!(flow.packets.iter().filter(question).count(), 8);
}
