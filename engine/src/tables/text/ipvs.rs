//! `ipvsadm -L` of ipvsadm 1.31. Models ipvsadm.c print_service_entry, print_conn and libipvs ipvs_cmp_services.

use crate::net::Protocol;
use crate::tables::ipvs::{Ipvs, IpvsConnection, IpvsStats, RealServer, Scheduler, VirtualServer};
use std::net::{IpAddr, SocketAddr};

/// The connection table's size that the kernel has by default (`ip_vs.conn_tab_bits` 12).
pub const HEAD: &str = "IP Virtual Server version 1.2.1 (size=4096)\n";

/// What is told of each server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    #[default]
    Plain,
    /// `--stats`
    Stats,
    /// `--rate`
    Rate,
    /// `--persistent-conn`
    Persistent,
}

/// `-n`, or not: the ports that /etc/services knows have names; no name server knows the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    Numbers,
    Words,
}

impl Names {
    fn of(self, address: SocketAddr) -> String {
        let name = match address.port() {
            22 => "ssh",
            53 => "domain",
            80 => "http",
            443 => "https",
            3306 => "mysql",
            5432 => "postgresql",
            6379 => "redis",
            8080 => "http-alt",
            _ => return address.to_string(),
        };
        let ip = address.ip();
        match self {
            Names::Numbers => address.to_string(),
            Names::Words if ip.is_ipv6() => format!("[{ip}]:{name}"),
            Names::Words => format!("{ip}:{name}"),
        }
    }
}

/// What a real server has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub active: u32,
    pub inactive: u32,
    pub persistent: u32,
}

/// The lines above the servers.
pub fn title(columns: Columns) -> String {
    let first = "Prot LocalAddress:Port";
    match columns {
        Columns::Plain => {
            format!("{first} Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n")
        }
        Columns::Stats | Columns::Rate => {
            let names = match columns {
                Columns::Stats => ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"],
                _ => ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"],
            };
            let names: String = names.iter().map(|name| format!(" {name:>8}")).collect();
            format!("{first:<33}{names}\n  -> RemoteAddress:Port\n")
        }
        Columns::Persistent => format!(
            "{first:<33} {:<9} {:<11} {:<10} {:<10}\n  -> RemoteAddress:Port\n",
            "Weight", "PersistConn", "ActiveConn", "InActConn"
        ),
    }
}

/// `TCP  10.96.0.1:443`
fn name(service: &VirtualServer, names: Names) -> String {
    format!("{}  {}", service.protocol.name(), names.of(service.address))
}

/// `TCP  10.96.0.1:443 rr persistent 10800`
pub fn service(service: &VirtualServer) -> String {
    with_flags(service, Names::Numbers)
}

fn with_flags(service: &VirtualServer, names: Names) -> String {
    let flags = if service.hashes_port && service.scheduler == Scheduler::MaglevHashing { " (mh-port)" } else { "" };
    let persistent = service.persistent.map_or_else(String::new, |seconds| format!(" persistent {seconds}"));
    format!("{} {}{flags}{persistent}", name(service, names), service.scheduler.name())
}

/// A virtual server's line.
pub fn service_line(of: &VirtualServer, (columns, names): (Columns, Names), stats: &IpvsStats) -> String {
    match columns {
        Columns::Plain | Columns::Persistent => with_flags(of, names) + "\n",
        Columns::Stats => format!("{:<33}{}\n", name(of, names), numbers(stats)),
        Columns::Rate => format!("{:<33}{}\n", name(of, names), numbers(&IpvsStats::default())),
    }
}

/// The line of a real server with its weight.
pub fn server_line(
    (address, weight): (SocketAddr, u32),
    (columns, names): (Columns, Names),
    (load, stats): (Load, &IpvsStats),
) -> String {
    let Load { active, inactive, persistent } = load;
    let address = names.of(address);
    match columns {
        Columns::Plain => format!("  -> {address:<28} Masq    {weight:<6} {active:<10} {inactive:<10}\n"),
        Columns::Stats => format!("  -> {address:<28}{}\n", numbers(stats)),
        Columns::Rate => format!("  -> {address:<28}{}\n", numbers(&IpvsStats::default())),
        Columns::Persistent => {
            format!("  -> {address:<28} {weight:<9} {persistent:<11} {active:<10} {inactive:<10}\n")
        }
    }
}

/// A real server's row without what changes with every packet: `TCP  10.96.0.1:443 -> 172.18.0.2:6443 Masq 1`.
pub fn server(of: &VirtualServer, server: &RealServer) -> String {
    format!("{} -> {} Masq {}", name(of, Names::Numbers), server.address, server.weight)
}

/// Five numbers, each in nine columns, large ones in thousands or millions.
fn numbers(stats: &IpvsStats) -> String {
    let IpvsStats { connections, in_packets, out_packets, in_bytes, out_bytes } = *stats;
    let short = |number: u64| match number {
        0..100_000_000 => format!("{number:>9}"),
        100_000_000..1_000_000_000 => format!("{:>8}K", number / 1_000),
        1_000_000_000..100_000_000_000 => format!("{:>8}M", number / 1_000_000),
        _ => format!("{:>8}G", number / 1_000_000_000),
    };
    [connections, in_packets, out_packets, in_bytes, out_bytes].map(short).concat()
}

/// The line above connections.
pub fn connections_title() -> String {
    let (state, source, to) = ("state", "source", "virtual");
    format!("IPVS connection entries\npro expire {state:<11} {source:<18} {to:<18} destination\n")
}

/// `TCP 14:57  ESTABLISHED 10.244.1.2:40000   10.96.0.1:443      172.18.0.2:6443`; `now` in nanoseconds of virtual time.
pub fn connection(entry: &IpvsConnection, now: u64, names: Names) -> String {
    let left = entry.expires_at.saturating_sub(now) / 1_000_000_000;
    let text = |(ip, port): (IpAddr, u16)| names.of(SocketAddr::new(ip, port));
    let (client, to, server) = (text(entry.client), text(entry.virtual_server), text(entry.server));
    let (protocol, state) = (entry.protocol.name(), entry.state.name());
    format!("{protocol:<3} {:02}:{:02}  {state:<11} {client:<18} {to:<18} {server}", left / 60, left % 60)
}

/// `ipvsadm -L --timeout`
pub fn timeouts(ipvs: &Ipvs) -> String {
    let set = ipvs.timeouts;
    format!("Timeout (tcp tcpfin udp): {} {} {}\n", set.tcp, set.tcp_fin, set.udp)
}

/// A virtual server with its real ones, as `ipvsadm -S` prints it and `ipvsadm -R` reads it.
pub fn save(of: &VirtualServer, servers: &[(SocketAddr, u32)], names: Names) -> String {
    let option = match of.protocol {
        Protocol::Tcp => "-t",
        Protocol::Udp => "-u",
        Protocol::Sctp => "--sctp-service",
    };
    let persistent = of.persistent.map_or_else(String::new, |seconds| format!(" -p {seconds}"));
    let flags = if of.hashes_port && of.scheduler == Scheduler::MaglevHashing { " -b mh-port" } else { "" };
    let (address, scheduler) = (names.of(of.address), of.scheduler.name());
    let row = |(server, weight): &(SocketAddr, u32)| {
        format!("-a {option} {address} -r {} -m -w {weight}\n", names.of(*server))
    };
    let rows = servers.iter().map(row);
    format!("-A {option} {address} -s {scheduler}{persistent}{flags}\n") + &rows.collect::<String>()
}

/// Orders addresses as libipvs does, which subtracts them as signed numbers: 172.18.0.2 comes before 10.96.0.1.
pub fn order(address: SocketAddr) -> (bool, [i32; 4], u16) {
    let words = match address.ip() {
        IpAddr::V4(ip) => [u32::from(ip) as i32, 0, 0, 0],
        IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            [(bits >> 96) as i32, (bits >> 64) as i32, (bits >> 32) as i32, bits as i32]
        }
    };
    (address.is_ipv6(), words, address.port())
}

/// The virtual servers in the order in which `ipvsadm` prints them, with their places.
pub fn sorted(ipvs: &Ipvs) -> Vec<(u32, &VirtualServer)> {
    let mut services: Vec<(u32, &VirtualServer)> = (0..).zip(&ipvs.services).collect();
    services.sort_by_key(|(_, service)| {
        let (v6, words, port) = order(service.address);
        (v6, service.protocol.number(), words, port)
    });
    services
}
