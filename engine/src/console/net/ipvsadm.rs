//! `ipvsadm -L` and `-S` of ipvsadm 1.31.

use super::super::machine::Machine;
use super::super::shell::Io;
use super::options::{Options, Spec};
use super::{NOT_RUNNING, fail, may_administer};
use crate::dataplane::IpvsTable;
use crate::net::Protocol;
use crate::tables::Netns;
use crate::tables::ipvs::{Ipvs, VirtualServer};
use crate::tables::text::ipvs::{self as text, Columns, Load, Names};
use crate::trace::Nanos;
use std::net::{IpAddr, SocketAddr};

const LONG: &[(&str, char)] = &[
    ("list", 'L'),
    ("save", 'S'),
    ("numeric", 'n'),
    ("connection", 'c'),
    ("tcp-service", 't'),
    ("udp-service", 'u'),
    ("sctp-service", '1'),
    ("stats", '2'),
    ("rate", '3'),
    ("persistent-conn", '4'),
    ("timeout", '5'),
    ("daemon", '6'),
    ("exact", '7'),
    ("sort", '8'),
    ("nosort", '9'),
    ("add-service", 'A'),
    ("edit-service", 'E'),
    ("delete-service", 'D'),
    ("clear", 'C'),
    ("restore", 'R'),
    ("add-server", 'a'),
    ("edit-server", 'e'),
    ("delete-server", 'd'),
    ("zero", 'Z'),
    ("set", '0'),
    ("help", 'h'),
    ("version", 'v'),
];
/// Its options.
pub const SPEC: Spec = Spec { short: "LlSnct:u:1:23456789AEDCRaedZ0hv", long: LONG, operand_ends: false };

const VERSION: &str = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n";
/// Its part of the help.
const USAGE: &str = "\
Usage:
  ipvsadm -L|l [virtual-service] [options]
  ipvsadm -S [-n]
";

#[derive(Default)]
struct Line {
    command: Option<char>,
    columns: Columns,
    connections: bool,
    timeouts: bool,
    numeric: bool,
    unsorted: bool,
    service: Option<(Protocol, SocketAddr)>,
}

pub fn run(machine: &mut Machine<'_>, argv: &[String], io: &mut Io) -> i32 {
    let line = match read(argv) {
        Ok(line) => line,
        Err(message) => return fail(io, &message, 2),
    };
    match line.command {
        Some(command @ ('v' | 'h')) => {
            io.out(VERSION);
            io.out(if command == 'h' { USAGE } else { "" });
            return 0;
        }
        Some('L' | 'S') | None => {}
        Some(_) => return fail(io, "ipvsadm: podhop shows virtual servers and does not change them\n", 1),
    }
    let Some(netns) = machine.netns() else { return fail(io, NOT_RUNNING, 126) };
    if !may_administer(machine) {
        return fail(io, "Can't initialize ipvs: Permission denied (you must be root)\n", 255);
    }
    let (now, nothing) = (machine.world.now(), IpvsTable::default());
    let table = machine.world.state(netns.id).map_or(&nothing, |state| &state.ipvs);
    match list(&netns, table, now, &line) {
        Ok(text) => {
            io.out(&text);
            0
        }
        Err(message) => fail(io, message, 255),
    }
}

fn read(argv: &[String]) -> Result<Line, String> {
    let mut options = Options::new(SPEC, argv);
    let mut line = Line::default();
    while let Some(option) = options.next() {
        let (letter, value) = option.map_err(|message| {
            format!("ipvsadm: {message}\nTry `ipvsadm -h' or 'ipvsadm --help' for more information.\n")
        })?;
        match letter {
            'L' | 'l' => line.command = Some('L'),
            'n' => line.numeric = true,
            'c' => line.connections = true,
            't' => line.service = Some((Protocol::Tcp, address(value)?)),
            'u' => line.service = Some((Protocol::Udp, address(value)?)),
            '1' => line.service = Some((Protocol::Sctp, address(value)?)),
            '2' => line.columns = Columns::Stats,
            '3' => line.columns = Columns::Rate,
            '4' => line.columns = Columns::Persistent,
            '5' => line.timeouts = true,
            '9' => line.unsorted = true,
            '6' | '7' | '8' => {}
            'S' => line.command = Some('S'),
            // What changes virtual servers has options of its own, which matter no more.
            command => return Ok(Line { command: Some(command), ..line }),
        }
    }
    Ok(line)
}

/// `10.96.0.1:443`, `[fd00::1]:443`
fn address(text: &str) -> Result<SocketAddr, String> {
    let alone = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 0));
    text.parse().ok().or_else(alone).ok_or_else(|| "illegal virtual server address[:port] specified\n".to_owned())
}

fn list(netns: &Netns, table: &IpvsTable, now: Nanos, line: &Line) -> Result<String, &'static str> {
    let nothing = Ipvs::default();
    let ipvs = netns.netfilter.ipvs.as_deref().unwrap_or(&nothing);
    if line.connections {
        let names = if line.numeric { Names::Numbers } else { Names::Words };
        let rows = table.iter(now).map(|entry| text::connection(entry, now, names) + "\n");
        return Ok(text::connections_title() + &rows.collect::<String>());
    }
    if line.timeouts {
        return Ok(text::timeouts(ipvs));
    }
    let services: Vec<&VirtualServer> = match line.service {
        Some((protocol, address)) => {
            let found = ipvs.find((protocol, address.ip(), address.port())).map(|(_, service)| service);
            vec![found.ok_or("No such service\n")?]
        }
        None if line.unsorted => ipvs.services.iter().collect(),
        None => text::sorted(ipvs).into_iter().map(|(_, service)| service).collect(),
    };
    let names = if line.numeric { Names::Numbers } else { Names::Words };
    if line.command == Some('S') {
        return Ok(services.iter().map(|service| save(table, service, now, names)).collect());
    }
    let mut out = if line.service.is_none() { text::HEAD.to_owned() } else { String::new() };
    out += &text::title(line.columns);
    for service in services {
        out += &entry(table, service, now, (line, names));
    }
    Ok(out)
}

fn entry(table: &IpvsTable, service: &VirtualServer, now: Nanos, (line, names): (&Line, Names)) -> String {
    let key = service.key();
    let mut servers = table.servers(service, now);
    if !line.unsorted {
        servers.sort_by_key(|server| text::order(server.candidate.address));
    }
    let rows = servers.iter().map(|server| {
        let of = &server.candidate;
        let load = Load { active: of.active, inactive: of.inactive, persistent: server.persistent };
        let stats = table.stats(key, Some(of.address));
        text::server_line((of.address, of.weight), (line.columns, names), (load, &stats))
    });
    text::service_line(service, (line.columns, names), &table.stats(key, None)) + &rows.collect::<String>()
}

fn save(table: &IpvsTable, service: &VirtualServer, now: Nanos, names: Names) -> String {
    let mut servers: Vec<(SocketAddr, u32)> = (table.servers(service, now).iter())
        .map(|server| (server.candidate.address, server.candidate.weight))
        .collect();
    servers.sort_by_key(|(address, _)| text::order(*address));
    text::save(service, &servers, names)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Lab;
    use crate::cluster::{Options, ProxyMode};

    fn lab() -> Lab {
        Lab::with(Options { proxy: Some(ProxyMode::Ipvs), ..Options::default() })
    }

    #[test]
    fn services_and_their_servers_are_listed_as_ipvsadm_does() {
        let mut lab = lab();
        let listed = lab.text("@worker-1", "ipvsadm -Ln", 0);
        let head = "IP Virtual Server version 1.2.1 (size=4096)\n\
                    Prot LocalAddress:Port Scheduler Flags\n  \
                    -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
        assert!(listed.starts_with(head), "{listed}");
        let api = "TCP  10.96.0.1:443 rr\n  -> 172.18.0.2:6443              Masq    1      0          0         \n";
        assert!(listed.contains(api), "{listed}");
        assert_eq!(lab.text("@worker-1", "ipvsadm -Ln -t 10.96.0.1:80", 255), "No such service\n");
        lab.text("@worker-1", "curl -s http://10.96.0.10:9153/metrics", 0);
        let named = lab.text("@worker-1", "ipvsadm -L -t 10.96.0.1:443", 0);
        assert!(named.contains("TCP  10.96.0.1:https rr\n  -> 172.18.0.2:6443              Masq "), "{named}");
        let stats = lab.text("@worker-1", "ipvsadm -Ln --stats -t 10.96.0.10:9153", 0);
        let head = "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n  \
                    -> RemoteAddress:Port\n";
        assert!(stats.starts_with(head), "{stats}");
        assert!(stats.contains("TCP  10.96.0.10:9153                     1 "), "{stats}");
    }

    #[test]
    fn without_virtual_servers_the_list_is_empty() {
        let mut lab = Lab::default();
        assert_eq!(lab.text("@worker-1", "ipvsadm -Ln", 0).lines().count(), 3);
        assert_eq!(lab.text("busy", "ipvsadm -Ln", 127), "sh: ipvsadm: not found\n");
        let refused = "ipvsadm: podhop shows virtual servers and does not change them\n";
        assert_eq!(lab.text("@worker-1", "ipvsadm -A -t 10.0.0.1:80 -s rr", 1), refused);
    }
}
