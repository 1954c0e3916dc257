//! Random rules on nodes: made-up Services that lead to one Pod each, refusals of every kind, and bridges that ask
//! netfilter or do not.

use crate::choose::{Kind, WHOLE_MAX_V6};
use crate::family::{Family, first_address};
use crate::job::{Probe, What};
use crate::random::Random;
use podhop_engine::net::{self, Protocol};
use podhop_engine::tables::netfilter::{Chain, Ruleset, Target};
use podhop_engine::tables::text::iptables;
use podhop_engine::tables::{Netns, Origin, Place};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Services, each with the Pod behind it.
const SERVICES_MAX: u8 = 4;
const REFUSALS: [&str; 6] = [
    "DROP",
    "REJECT",
    "REJECT --reject-with icmp-host-unreachable",
    "REJECT --reject-with icmp-net-unreachable",
    "REJECT --reject-with icmp-admin-prohibited",
    "REJECT --reject-with icmp-proto-unreachable",
];
const REFUSALS_V6: [&str; 6] = [
    "DROP",
    "REJECT",
    "REJECT --reject-with icmp6-addr-unreachable",
    "REJECT --reject-with icmp6-no-route",
    "REJECT --reject-with icmp6-adm-prohibited",
    "REJECT --reject-with icmp6-port-unreachable",
];
/// Most probes of one cluster.
const PROBES_MAX: usize = 60;

fn made_up(family: Family, net: u8, number: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 96, net, number).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, 0x96, 0, net.into(), 0, 0, 0, number.into()).into(),
    }
}

fn service(family: Family, number: u8) -> IpAddr {
    made_up(family, 0, number)
}

fn refused(family: Family, number: u8) -> IpAddr {
    made_up(family, 1, number)
}

/// The draws of each family are its own.
fn random(seed: u64, what: &str, family: Family) -> Random {
    match family {
        Family::V4 => Random::new(seed, what),
        Family::V6 => Random::new(seed, &format!("{what} of IPv6")),
    }
}

/// The Pods behind the Services, by index of their namespaces.
fn backends(spaces: &[Arc<Netns>], seed: u64, family: Family) -> Vec<(IpAddr, usize)> {
    let mut random = random(seed, "services", family);
    let pods = spaces.iter().enumerate().filter(|(_, netns)| matches!(netns.place, Place::Pod { .. }));
    let pods: Vec<(IpAddr, usize)> = pods.filter_map(|(i, netns)| Some((first_address(netns, family)?, i))).collect();
    (0..SERVICES_MAX).filter_map(|_| random.pick(&pods).copied()).collect()
}

/// Three clusters of four have rules.
fn has_rules(seed: u64) -> bool {
    !Random::new(seed, "has rules").percent(25)
}

/// The nodes' tables with rules in them.
pub fn program(spaces: &[Arc<Netns>], seed: u64) -> Vec<Netns> {
    let mut random = Family::ALL.map(|family| random(seed, "rules", family));
    let backends = Family::ALL.map(|family| backends(spaces, seed, family));
    let nodes = spaces.iter().filter(|netns| matches!(netns.place, Place::Node(_)));
    let program = |node: &Arc<Netns>| {
        let mut netns = Netns::clone(node);
        let netfilter = Arc::make_mut(&mut netns.netfilter);
        for (i, (family, of_engine)) in
            [(Family::V4, net::Family::V4), (Family::V6, net::Family::V6)].iter().enumerate()
        {
            let wanted = has_rules(seed) && first_address(node, *family).is_some();
            let text = if wanted { text(*family, &backends[i], &mut random[i]) } else { String::new() };
            let rules = iptables::parse(*of_engine, &text, &Origin::Kernel);
            debug_assert!(rules.is_ok(), "{rules:?}\n{text}");
            // New rules stand before the old ones, as kube-proxy puts its own before Flannel's.
            let mut merged = keeping_ports(netfilter.ruleset(*of_engine));
            merged.put_first(&rules.unwrap_or_default());
            *netfilter.ruleset_mut(*of_engine) = merged;
        }
        if has_rules(seed) {
            netns.sysctls.bridge_nf = random[0].percent(80);
            netns.sysctls.bridge_nf6 = random[1].percent(80);
        }
        netns
    };
    nodes.map(program).collect()
}

fn text(family: Family, backends: &[(IpAddr, usize)], random: &mut Random) -> String {
    let mut out = String::from(
        "*nat\n:SERVICES - [0:0]\n:MARK-MASQ - [0:0]\n:MASQ - [0:0]\n-A PREROUTING -j SERVICES\n-A OUTPUT -j SERVICES\n\
         -A POSTROUTING -j MASQ\n-A MARK-MASQ -j MARK --or-mark 0x4000\n\
         -A MASQ -m mark ! --mark 0x4000/0x4000 -j RETURN\n-A MASQ -j MARK --xor-mark 0x4000\n-A MASQ -j MASQUERADE\n",
    );
    for (number, (backend, _)) in (1..).zip(backends) {
        let (ip, name) = (service(family, number), format!("SVC-{number}"));
        // Writing to a String cannot fail.
        let _ = writeln!(out, ":{name} - [0:0]\n-A SERVICES -d {ip} -j {name}");
        match random.range(0, 2) {
            0 => {
                let _ = writeln!(out, "-A {name} -j MARK-MASQ");
            }
            1 => {
                let _ = writeln!(out, "-A {name} -m addrtype --src-type LOCAL -j MARK-MASQ");
            }
            _ => {}
        }
        if random.percent(80) {
            let _ = writeln!(out, "-A {name} -s {backend} -j MARK-MASQ");
        }
        let _ = writeln!(out, "-A {name} -j DNAT --to-destination {backend}");
    }
    out += "COMMIT\n*filter\n";
    for (number, refusal) in (1..).zip(if family == Family::V4 { REFUSALS } else { REFUSALS_V6 }) {
        let ip = refused(family, number);
        let _ = writeln!(out, "-A FORWARD -d {ip} -j {refusal}\n-A OUTPUT -d {ip} -j {refusal}");
    }
    let reset = refused(family, 7);
    let _ = writeln!(out, "-A FORWARD -d {reset} -p tcp -j REJECT --reject-with tcp-reset");
    if random.percent(40) {
        out += "-A INPUT -p tcp -m tcp --dport 20000:29999 -j DROP\n-A FORWARD -p udp -m udp --dport 30000:39999 -j REJECT\n";
    }
    if random.percent(30) {
        out += "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n\
                -A FORWARD -p udp -m conntrack --ctstate DNAT -j DROP\n";
    }
    out + "COMMIT\n"
}

/// Masquerading keeps ports where it can: agents know packets by their ports, which `--random-fully` would change.
fn keeping_ports(rules: &Ruleset) -> Ruleset {
    let mut kept = Ruleset::default();
    for (name, table) in &rules.tables {
        for chain in table.chains() {
            let mut chain = Chain::clone(chain);
            for rule in &mut chain.rules {
                if let Some(Target::Masquerade { random_fully }) = &mut Arc::make_mut(rule).target {
                    *random_fully = false;
                }
            }
            kept.table(*name).put(Arc::new(chain));
        }
    }
    kept
}

/// Packets to the Services and to what is refused.
pub fn probes(spaces: &[Arc<Netns>], seed: u64, family: Family) -> Vec<(Kind, Probe)> {
    if !has_rules(seed) {
        return Vec::new();
    }
    let mut random = random(seed, "service probes", family);
    let backends = backends(spaces, seed, family);
    let sources: Vec<usize> = (0..spaces.len()).filter(|i| spaces[*i].place != Place::Gateway).collect();
    let nodes: Vec<usize> = (0..spaces.len()).filter(|i| matches!(spaces[*i].place, Place::Node(_))).collect();
    let mut probes = Vec::new();
    for (number, (_, at)) in (1..).zip(&backends) {
        let listens = |protocol: Protocol| {
            let ports = spaces[*at].listeners.iter().filter(move |listener| listener.protocol == protocol);
            ports.filter(|listener| listener.ip.is_none()).map(|listener| listener.port).collect::<Vec<_>>()
        };
        let (tcp, udp) = (listens(Protocol::Tcp), listens(Protocol::Udp));
        // The Pod behind it calls it, too.
        for netns in random.pick(&sources).copied().into_iter().chain([*at]).chain(random.pick(&sources).copied()) {
            let ttl = random.weighted(&[(8, 64), (1, 1), (1, 2)]).unwrap_or(64);
            let tcp = if random.percent(70) { random.pick(&tcp).copied() } else { None }.unwrap_or(40_001);
            let udp = if random.percent(50) { random.pick(&udp).copied() } else { None }.unwrap_or(40_002);
            let size = random.range(1, if family == Family::V4 { 3_000 } else { WHOLE_MAX_V6 }) as u16;
            let to = service(family, number);
            probes.push(Probe { netns, to, what: What::Tcp { port: tcp, ttl } });
            probes.push(Probe { netns, to, what: What::Udp { port: udp, size, df: false, ttl: 64 } });
            probes.push(Probe { netns, to, what: What::Ping { size, df: false, ttl } });
        }
    }
    for number in 1..=7 {
        let Some(netns) = random.pick(&sources).copied() else { continue };
        let to = refused(family, number);
        probes.push(Probe { netns, to, what: What::Tcp { port: 80, ttl: 64 } });
        // A node's own programs hear of it from their kernel (EPERM).
        let own = random.pick(&nodes).copied().filter(|_| number < 7);
        probes.extend(own.map(|netns| Probe { netns, to, what: What::Ping { size: 56, df: false, ttl: 64 } }));
        // Of 7 only TCP is refused; the gateway rations what it says of the others.
        probes.extend((number < 7).then(|| match random.percent(50) {
            true => Probe { netns, to, what: What::Ping { size: 56, df: false, ttl: 64 } },
            false => Probe { netns, to, what: What::Udp { port: 53, size: 30, df: false, ttl: 64 } },
        }));
    }
    probes.truncate(PROBES_MAX);
    probes.into_iter().map(|probe| (Kind::Rules, probe)).collect()
}
