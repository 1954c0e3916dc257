use crate::console::net::testing::Lab;

/// Measured times differ from run to run in reality, not in what is asserted here.
fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match (line.split_once(" time="), line.split_once(" = ")) {
        (Some((head, _)), _) => format!("{head} time=T ms\n"),
        (_, Some((head, _))) => format!("{head} = T ms\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn busybox_as_it_prints() {
    let mut lab = Lab::default();
    let (web, ran) = (lab.ip("web"), lab.run("busy", "ping -c 2 {web}"));
    let expected = format!(
        "PING {web} ({web}): 56 data bytes\n64 bytes from {web}: seq=0 ttl=62 time=T ms\n64 bytes from {web}: seq=1 ttl=62 \
         time=T ms\n\n--- {web} ping statistics ---\n2 packets transmitted, 2 packets received, 0% packet \
         loss\nround-trip min/avg/max = T ms\n"
    );
    assert_eq!((without_times(&ran.out), ran.err.as_str(), ran.status), (expected, "", 0));
    assert_eq!(ran.about.len(), 2, "each reply's line names its packet");
    assert_eq!(lab.effects.flows.len(), 1);
}

#[test]
fn iputils_as_it_prints() {
    let mut lab = Lab::default();
    let (web, ran) = (lab.ip("web"), lab.run("net", "ping -c 2 {web}"));
    let expected = format!(
        "PING {web} ({web}) 56(84) bytes of data.\n64 bytes from {web}: icmp_seq=1 ttl=62 time=T ms\n64 bytes from {web}: \
         icmp_seq=2 ttl=62 time=T ms\n\n--- {web} ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, \
         time 1000ms\nrtt min/avg/max/mdev = T ms\n"
    );
    assert_eq!((without_times(&ran.out), ran.err.as_str(), ran.status), (expected, "", 0));
}

#[test]
fn an_absent_address() {
    let mut lab = Lab::default();
    let text = lab.text("net", "ping -c 2 10.244.1.99", 1);
    let own = lab.ip("net");
    for seq in [1, 2] {
        assert!(text.contains(&format!("From {own} icmp_seq={seq} Destination Host Unreachable\n")), "{text}");
    }
    assert!(text.ends_with("2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms\npipe 2\n"));
    let text = lab.text("busy", "ping -c 1 10.244.1.98", 1);
    let expected = "PING 10.244.1.98 (10.244.1.98): 56 data bytes\n\n--- 10.244.1.98 ping statistics ---\n1 packets \
                    transmitted, 0 packets received, 100% packet loss\n";
    assert_eq!(text, expected);
}

#[test]
fn errors_from_the_way() {
    let mut lab = Lab::default();
    let text = lab.text("net", "ping -c 1 -t 1 {web}", 1);
    assert!(text.contains("From 10.244.1.1 icmp_seq=1 Time to live exceeded\n"), "{text}");
    let text = lab.text("net", "ping -c 2 -M do -s 1423 {web}", 1);
    let local = "ping: local error: message too long, mtu=1450\n";
    assert_eq!(text.matches(local).count(), 2, "{text}");
    assert!(text.contains("2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1000ms\n\n"));
    let text = lab.text("@worker-1", "ping -c 1 -M do -s 1472 {web}", 1);
    assert!(text.contains("message too long, mtu=1450"), "{text}");
}

#[test]
fn a_ping_without_a_count_ends() {
    let mut lab = Lab::default();
    let ran = lab.run("busy", "ping {web}");
    assert!(ran.out.contains("10 packets transmitted, 10 packets received, 0% packet loss"), "{}", ran.out);
    let said = "podhop: ping has no -c and would go on for ever: ended after 10 packets, as Ctrl-C does\n";
    assert_eq!((ran.err.as_str(), ran.status), (said, 0));
}

#[test]
fn deadlines_bounds_and_speed() {
    let mut lab = Lab::default();
    let text = lab.text("net", "ping -q -w 3 {web}", 0);
    assert!(text.contains("3 packets transmitted, 3 received, 0% packet loss, time 2000ms"), "{text}");
    let text = lab.text("busy", "ping -q -w 3 {web}", 0);
    assert!(text.contains("3 packets transmitted, 3 packets received"), "{text}");
    let text = lab.text("net", "ping -q -f -c 100000 {web}", 0);
    assert!(
        text.ends_with("podhop: ping was ended after 1,000 packets, the most that one command sends here\n"),
        "{text}"
    );
    assert!(text.contains("1000 packets transmitted, 1000 received"), "{text}");
    let text = lab.text("net", "ping -A -c 3 {web}", 0);
    assert!(text.contains(", time 0ms\n") && text.contains(", ipg/ewma "), "{text}");
}

#[test]
fn names_and_mistakes() {
    let mut lab = Lab::default();
    assert_eq!(
        lab.text("busy", "ping -c 1 localhost", 0).lines().next(),
        Some("PING localhost (127.0.0.1): 56 data bytes")
    );
    assert!(lab.text("net", "ping -c 1 net", 0).contains("64 bytes from net ("));
    assert!(lab.text("busy", "ping nobody", 1).starts_with("ping: bad address 'nobody'\n"));
    assert!(lab.text("net", "ping nobody", 2).starts_with("ping: nobody: Name does not resolve\n"));
    assert_eq!(lab.text("net", "ping", 1), "ping: usage error: Destination address required\n");
    assert!(lab.text("busy", "ping -c x {web}", 1).starts_with("ping: invalid number 'x'\n"));
    let text = lab.text("net", "ping -c 0 {web}", 1);
    assert_eq!(text, "ping: invalid argument: '0': out of range: 1 <= value <= 9223372036854775807\n");
    assert!(lab.text("net", "ping -c 1 -I eth0 {web}", 0).contains(&format!(" from {} eth0: 56(84)", lab.ip("net"))));
    assert_eq!(lab.text("net", "ping -I nope {web}", 2), "ping: SO_BINDTODEVICE nope: No such device\n");
}

#[test]
fn no_packet_is_longer_than_its_header_can_say() {
    let mut lab = Lab::default();
    let ran = lab.run("busy", "ping -c 1 -s 65508 {web}");
    assert_eq!((ran.err.as_str(), ran.status), ("ping: sendto: Message too long\n", 1));
    let text = lab.text("net", "ping -c 1 -s 65508 {web}", 1);
    assert!(text.contains("ping: local error: message too long, mtu=1450\n"), "{text}");
    assert!(lab.run("busy", "ping -c 1 -s 65507 127.0.0.1").out.contains("65515 bytes from 127.0.0.1: seq=0 "));
}

#[test]
fn broadcast_and_multicast_are_said_not_to_be_simulated() {
    let mut lab = Lab::default();
    let expected = "ping: podhop does not simulate broadcast and multicast destinations\n";
    for to in ["255.255.255.255", "224.0.0.1", "10.244.1.255"] {
        let ran = lab.run("busy", &format!("ping -c 1 {to}"));
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.status), ("", expected, 2), "{to}");
    }
    assert_eq!(lab.text("net", "ping -b -c 1 224.0.0.1", 2), expected);
    assert!(lab.effects.flows.is_empty());
}
