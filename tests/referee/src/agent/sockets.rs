//! The sockets of listeners, probes and onlookers.

use super::Result;
use crate::job::{Probe, What};
use crate::outcome::{Seen, Verdict};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::{
    Ipv4RecvErr, Ipv4Ttl, Ipv6RecvErr, Ipv6RecvHopLimit, Ipv6RecvPacketInfo, Ipv6Ttl, RcvBufForce, SocketError,
};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SetSockOpt, SockFlag, SockProtocol, SockType, SockaddrIn6,
    SockaddrStorage, bind, connect, getsockopt, recvmsg, sendto, setsockopt, socket,
};
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// A probe's echo identifier or source port is this plus its index, so every packet names its probe.
pub const NUMBER_BASE: usize = 40_000;

/// Linux's own, and IANA's.
const VXLAN_PORTS: [u16; 2] = [8472, 4789];

const FLAGS: SockFlag = SockFlag::SOCK_NONBLOCK.union(SockFlag::SOCK_CLOEXEC);

fn address(ip: IpAddr, port: u16) -> SockaddrStorage {
    SockaddrStorage::from(SocketAddr::new(ip, port))
}

fn ip_of(address: &libc::sockaddr_in) -> IpAddr {
    Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into()
}

fn ip_of_v6(address: &libc::sockaddr_in6) -> IpAddr {
    Ipv6Addr::from(address.sin6_addr.s6_addr).into()
}

fn ip_of_any(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

/// `IP_MTU_DISCOVER`: whether the DF bit is set. "Probe" sets it and minds the device's MTU only, not what earlier
/// probes have learnt about the path.
#[derive(Clone, Copy)]
struct MtuDiscover {
    v6: bool,
}

impl SetSockOpt for MtuDiscover {
    type Val = bool;

    #[allow(unsafe_code, reason = "nix has no wrapper for this option")]
    fn set<F: AsFd>(&self, fd: &F, dont_fragment: &bool) -> nix::Result<()> {
        // Both families have the same numbers for the values.
        let value: libc::c_int = if *dont_fragment { libc::IP_PMTUDISC_PROBE } else { libc::IP_PMTUDISC_DONT };
        let (level, name) = match self.v6 {
            true => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER),
            false => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER),
        };
        // SAFETY: the descriptor is borrowed for the call, and the pointer is to a c_int of the length given.
        let result = unsafe {
            libc::setsockopt(
                fd.as_fd().as_raw_fd(),
                level,
                name,
                (&raw const value).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        Errno::result(result).map(drop)
    }
}

/// Sees every packet of a protocol that this namespace takes for its own, header included.
pub fn open_onlooker(protocol: SockProtocol) -> Result<OwnedFd> {
    let fd = socket(AddressFamily::Inet, SockType::Raw, FLAGS, protocol).map_err(|error| format!("raw: {error}"))?;
    setsockopt(&fd, RcvBufForce, &(8 << 20)).map_err(|error| format!("SO_RCVBUFFORCE: {error}"))?;
    Ok(fd)
}

/// The same of IPv6: header left out, hop limit and destination told.
pub fn open_onlooker_v6(protocol: SockProtocol) -> Result<OwnedFd> {
    let fd = socket(AddressFamily::Inet6, SockType::Raw, FLAGS, protocol).map_err(|error| format!("raw: {error}"))?;
    setsockopt(&fd, RcvBufForce, &(8 << 20)).map_err(|error| format!("SO_RCVBUFFORCE: {error}"))?;
    setsockopt(&fd, Ipv6RecvHopLimit, &true).map_err(|error| format!("IPV6_RECVHOPLIMIT: {error}"))?;
    setsockopt(&fd, Ipv6RecvPacketInfo, &true).map_err(|error| format!("IPV6_RECVPKTINFO: {error}"))?;
    Ok(fd)
}

/// The next packet of such an onlooker and of this protocol: which probe's it is, if anyone's, and how it looks.
pub fn read_v6(fd: &OwnedFd, protocol: SockProtocol, probes: &[Probe]) -> Option<Option<(usize, Seen)>> {
    let mut buffer = [0; 2048];
    let mut control = nix::cmsg_space!(libc::c_int, libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let message =
        recvmsg::<SockaddrIn6>(fd.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT).ok()?;
    let (mut ttl, mut to) = (None, None);
    for told in message.cmsgs().ok()? {
        match told {
            ControlMessageOwned::Ipv6HopLimit(limit) => ttl = u8::try_from(limit).ok(),
            ControlMessageOwned::Ipv6PacketInfo(info) => to = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr)),
            _ => {}
        }
    }
    let (source, ttl, to) = (message.address?.ip().into(), ttl?, to?.into());
    let len = message.bytes;
    let payload = &buffer[..len.min(buffer.len())];
    let probe = recognise_v6(payload, protocol, probes);
    Some(probe.map(|probe| (probe, Seen { source, ttl, to: (to, port_v6(payload, protocol)) })))
}

/// Which probe's packet this payload of IPv6 is. Answers are nobody's.
fn recognise_v6(payload: &[u8], protocol: SockProtocol, probes: &[Probe]) -> Option<usize> {
    let number = |at: usize| Some(usize::from(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?])));
    let number = match protocol {
        SockProtocol::IcmpV6 if *payload.first()? == 128 => number(4)?,
        // A SYN without ACK.
        SockProtocol::Tcp if payload.get(13)? & 0x12 == 0x02 => number(0)?,
        SockProtocol::Udp => number(0)?,
        _ => return None,
    };
    let index = number.checked_sub(NUMBER_BASE)?;
    let probe = probes.get(index).filter(|probe| probe.to.is_ipv6())?;
    let fits = match (probe.what, protocol) {
        (What::Ping { .. }, SockProtocol::IcmpV6) | (What::Tcp { .. }, SockProtocol::Tcp) => true,
        (What::Udp { port, .. }, SockProtocol::Udp) => may_be_at(port, port_v6(payload, protocol)),
        _ => false,
    };
    fits.then_some(index)
}

/// The port that a payload of IPv6 is for; 0 for an echo request.
fn port_v6(payload: &[u8], protocol: SockProtocol) -> u16 {
    match (payload, protocol) {
        ([_, _, high, low, ..], SockProtocol::Tcp | SockProtocol::Udp) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// A datagram to that port is seen at this one: it may have been translated, but tunnels choose their source ports as
/// they like.
fn may_be_at(port: u16, seen: u16) -> bool {
    seen == port || !VXLAN_PORTS.contains(&seen)
}

/// Which probe's packet these bytes are, and how it looks. Answers are nobody's.
pub fn recognise(packet: &[u8], probes: &[Probe]) -> Option<(usize, Seen)> {
    let header_len = usize::from(packet.first()? & 0xf) * 4;
    let rest = packet.get(header_len..)?;
    let number = |at: usize| Some(usize::from(u16::from_be_bytes([*rest.get(at)?, *rest.get(at + 1)?])));
    let number = match packet.get(9)? {
        1 if *rest.first()? == 8 => number(4)?,
        // A SYN without ACK.
        6 if rest.get(13)? & 0x12 == 0x02 => number(0)?,
        17 => number(0)?,
        _ => return None,
    };
    let index = number.checked_sub(NUMBER_BASE)?;
    let fits = match (probes.get(index)?.what, packet[9]) {
        (What::Ping { .. }, 1) | (What::Tcp { .. }, 6) => true,
        (What::Udp { port, .. }, 17) => may_be_at(port, u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?])),
        _ => false,
    };
    let ip = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
    let port = if packet[9] == 1 { 0 } else { u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]) };
    fits.then_some((index, Seen { source: ip(12)?, ttl: *packet.get(8)?, to: (ip(16)?, port) }))
}

/// Opens the probe's socket and sends its packet. `Err` is the sender's own kernel refusing.
pub fn send(index: usize, probe: &Probe) -> std::result::Result<OwnedFd, Errno> {
    let number = (NUMBER_BASE + index) as u16;
    let v6 = probe.to.is_ipv6();
    let icmp = if v6 { SockProtocol::IcmpV6 } else { SockProtocol::Icmp };
    let (kind, protocol, ttl, df) = match probe.what {
        What::Ping { ttl, df, .. } => (SockType::Datagram, Some(icmp), ttl, df),
        What::Tcp { ttl, .. } => (SockType::Stream, None, ttl, true),
        What::Udp { ttl, df, .. } => (SockType::Datagram, None, ttl, df),
    };
    let fd = socket(if v6 { AddressFamily::Inet6 } else { AddressFamily::Inet }, kind, FLAGS, protocol)?;
    if v6 {
        setsockopt(&fd, Ipv6RecvErr, &true)?;
        setsockopt(&fd, Ipv6Ttl, &i32::from(ttl))?;
    } else {
        setsockopt(&fd, Ipv4RecvErr, &true)?;
        setsockopt(&fd, Ipv4Ttl, &i32::from(ttl))?;
    }
    if !matches!(probe.what, What::Tcp { .. }) {
        setsockopt(&fd, MtuDiscover { v6 }, &df)?;
    }
    let any: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    bind(fd.as_raw_fd(), &address(any, number))?;
    match probe.what {
        What::Ping { size, .. } => {
            let mut message = vec![if v6 { 128 } else { 8 }, 0, 0, 0, 0, 0, 0, 0];
            message.extend((0..size).map(|i| i as u8));
            sendto(fd.as_raw_fd(), &message, &address(probe.to, 0), MsgFlags::empty())?;
        }
        What::Tcp { port, .. } => match connect(fd.as_raw_fd(), &address(probe.to, port)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error),
        },
        What::Udp { port, size, .. } => {
            let message: Vec<u8> = (0..size).map(|i| i as u8).collect();
            sendto(fd.as_raw_fd(), &message, &address(probe.to, port), MsgFlags::empty())?;
        }
    }
    Ok(fd)
}

/// What the sender's kernel says when it will not send.
pub fn refused_locally(error: Errno) -> Verdict {
    match error {
        Errno::EMSGSIZE => Verdict::MessageTooLong,
        error => Verdict::LocalError(format!("{error:?}")),
    }
}

/// Reads a probe's socket that has become ready: the verdict and who spoke it, if there is one yet.
pub fn receive(fd: &OwnedFd, probe: &Probe) -> Option<(Verdict, Option<IpAddr>)> {
    if let Some(answer) = read_error(fd, probe.to) {
        return Some(answer);
    }
    if matches!(probe.what, What::Tcp { .. }) {
        return match getsockopt(fd, SocketError).map(Errno::from_raw) {
            Ok(Errno::UnknownErrno) => Some((Verdict::Replied, Some(probe.to))),
            Ok(Errno::ECONNREFUSED) => Some((Verdict::Reset, Some(probe.to))),
            Ok(error) | Err(error) => Some((Verdict::LocalError(format!("{error:?}")), None)),
        };
    }
    let mut buffer = [0; 2048];
    let (_, from) = nix::sys::socket::recvfrom::<SockaddrStorage>(fd.as_raw_fd(), &mut buffer).ok()?;
    Some((Verdict::Replied, from.as_ref().and_then(ip_of_any)))
}

/// An ICMP error in the socket's error queue.
fn read_error(fd: &OwnedFd, to: IpAddr) -> Option<(Verdict, Option<IpAddr>)> {
    let mut buffer = [0; 2048];
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, [u8; 64]);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(fd.as_raw_fd(), &mut parts, Some(&mut control), flags).ok()?;
    message.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, from) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP => {
            let from = ip_of(&from?);
            Some((Verdict::of_icmp(error.ee_type, error.ee_code, error.ee_info, from, to), Some(from)))
        }
        ControlMessageOwned::Ipv6RecvErr(error, from) if error.ee_origin == libc::SO_EE_ORIGIN_ICMP6 => {
            let from = ip_of_v6(&from?);
            Some((Verdict::of_icmp(error.ee_type, error.ee_code, error.ee_info, from, to), Some(from)))
        }
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
            Some((refused_locally(Errno::from_raw(error.ee_errno as i32)), None))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(protocol: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 63, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn a_packet_names_its_probe() {
        let to = IpAddr::from([10, 0, 0, 2]);
        let ping = Probe { netns: 0, to, what: What::Ping { size: 0, df: false, ttl: 64 } };
        let udp = Probe { netns: 0, to, what: What::Udp { port: 53, size: 0, df: false, ttl: 64 } };
        let probes = [ping, udp];
        let [high, low] = (NUMBER_BASE as u16).to_be_bytes();
        let at = |port| Seen { source: IpAddr::from([10, 0, 0, 1]), ttl: 63, to: (to, port) };
        assert_eq!(recognise(&packet(1, &[8, 0, 0, 0, high, low, 0, 0]), &probes), Some((0, at(0))));
        assert_eq!(recognise(&packet(1, &[0, 0, 0, 0, high, low, 0, 0]), &probes), None, "a reply");
        assert_eq!(recognise(&packet(17, &[high, low + 1, 0, 53, 0, 8, 0, 0]), &probes), Some((1, at(53))));
        assert_eq!(recognise(&packet(17, &[high, low, 0, 53, 0, 8, 0, 0]), &probes), None, "another kind's number");
        assert_eq!(recognise(&packet(17, &[high, low + 9, 0, 53, 0, 8, 0, 0]), &probes), None, "nobody's");
        assert_eq!(recognise(&[0x4f, 0], &probes), None, "cut short");
    }
}
