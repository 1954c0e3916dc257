//! What a step did to the packet. A closed list: every rewrite that the walk can make.

use crate::net::{Fragment, Frame, Icmp, IpPacket, MacAddr, Payload, Transport, Udp, UdpBody};
use std::net::IpAddr;

/// One rewrite of the packet's outermost layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The Ethernet header for the next link.
    Ethernet { src: MacAddr, dst: MacAddr },
    /// The IP header's TTL.
    Ttl { from: u8, to: u8 },
    /// VXLAN: the frame becomes the payload of a new UDP datagram.
    Encapsulate { src: IpAddr, dst: IpAddr, sport: u16, dport: u16, vni: u32, ttl: u8, id: u16 },
    /// IP in IP: the packet becomes the payload of a new one.
    EncapsulateIp { src: IpAddr, dst: IpAddr, ttl: u8, id: u16, dont_fragment: bool },
    /// What was encapsulated comes out.
    Decapsulate,
    /// Fragments were put together: the packet is whole.
    Whole,
    /// The destination's address and port; the port is an echo's identifier.
    Destination { from: (IpAddr, u16), to: (IpAddr, u16) },
    /// The source's address and port.
    Source { from: (IpAddr, u16), to: (IpAddr, u16) },
    /// The packet that an ICMP error quotes, its destination.
    QuotedDestination { from: (IpAddr, u16), to: (IpAddr, u16) },
    /// The packet that an ICMP error quotes, its source.
    QuotedSource { from: (IpAddr, u16), to: (IpAddr, u16) },
    /// The mark, which is no part of the packet: it is kept beside it within this kernel.
    Mark { from: u32, to: u32 },
}

impl Change {
    /// Applies the rewrite. False if the packet has not the shape the change speaks of; the packet is then untouched.
    #[must_use]
    pub fn apply(&self, frame: &mut Frame) -> bool {
        match self {
            Change::Ethernet { src, dst } => {
                frame.src = *src;
                frame.dst = *dst;
            }
            Change::Ttl { from, to } => match &mut frame.payload {
                Payload::Ip(packet) if packet.ttl == *from => packet.ttl = *to,
                _ => return false,
            },
            Change::Encapsulate { src, dst, sport, dport, vni, ttl, id } => {
                let placeholder = Frame { src: MacAddr::ZERO, dst: MacAddr::ZERO, payload: frame.payload.clone() };
                let inner = std::mem::replace(frame, placeholder);
                frame.payload = Payload::Ip(IpPacket {
                    src: *src,
                    dst: *dst,
                    ttl: *ttl,
                    tos: 0,
                    id: *id,
                    dont_fragment: false,
                    fragment: None,
                    payload: Transport::Udp(Udp {
                        sport: *sport,
                        dport: *dport,
                        body: UdpBody::Vxlan { vni: *vni, frame: Box::new(inner) },
                    }),
                });
            }
            Change::EncapsulateIp { src, dst, ttl, id, dont_fragment } => {
                let inner = Frame { src: MacAddr::ZERO, dst: MacAddr::ZERO, payload: frame.payload.clone() };
                frame.payload = Payload::Ip(IpPacket {
                    src: *src,
                    dst: *dst,
                    ttl: *ttl,
                    tos: 0,
                    id: *id,
                    dont_fragment: *dont_fragment,
                    fragment: None,
                    payload: Transport::Ipip(Box::new(inner)),
                });
            }
            Change::Decapsulate => match &mut frame.payload {
                Payload::Ip(IpPacket {
                    payload:
                        Transport::Udp(Udp { body: UdpBody::Vxlan { frame: inner, .. }, .. }) | Transport::Ipip(inner),
                    ..
                }) => {
                    let empty = Frame {
                        src: MacAddr::ZERO,
                        dst: MacAddr::ZERO,
                        payload: Payload::Arp(crate::net::Arp {
                            op: crate::net::ArpOp::Request,
                            sender_mac: MacAddr::ZERO,
                            sender_ip: std::net::Ipv4Addr::UNSPECIFIED,
                            target_mac: MacAddr::ZERO,
                            target_ip: std::net::Ipv4Addr::UNSPECIFIED,
                        }),
                    };
                    *frame = std::mem::replace(inner, empty);
                }
                _ => return false,
            },
            Change::Whole => match &mut frame.payload {
                Payload::Ip(packet @ IpPacket { fragment: Some(_), .. }) => packet.fragment = None::<Fragment>,
                _ => return false,
            },
            Change::Destination { to, .. } => match &mut frame.payload {
                Payload::Ip(packet) => packet.set_destination(*to),
                Payload::Arp(_) => return false,
            },
            Change::Source { to, .. } => match &mut frame.payload {
                Payload::Ip(packet) => packet.set_source(*to),
                Payload::Arp(_) => return false,
            },
            Change::QuotedDestination { to, .. } => match quoted(frame) {
                Some(packet) => packet.set_destination(*to),
                None => return false,
            },
            Change::QuotedSource { to, .. } => match quoted(frame) {
                Some(packet) => packet.set_source(*to),
                None => return false,
            },
            Change::Mark { .. } => {}
        }
        true
    }
}

fn quoted(frame: &mut Frame) -> Option<&mut IpPacket> {
    match &mut frame.payload {
        Payload::Ip(IpPacket { payload: Transport::Icmp(Icmp::Error { quoted, .. }), .. }) => Some(quoted),
        _ => None,
    }
}

/// What a step has changed in a packet, mostly nothing or one thing.
#[derive(Clone, Debug, Default)]
pub enum Changes {
    #[default]
    None,
    One(Change),
    Many(Vec<Change>),
}

impl Changes {
    pub fn push(&mut self, change: Change) {
        *self = match std::mem::take(self) {
            Changes::None => Changes::One(change),
            Changes::One(first) => Changes::Many(vec![first, change]),
            Changes::Many(mut changes) => {
                changes.push(change);
                Changes::Many(changes)
            }
        }
    }
}

impl std::ops::Deref for Changes {
    type Target = [Change];

    fn deref(&self) -> &[Change] {
        match self {
            Changes::None => &[],
            Changes::One(change) => std::slice::from_ref(change),
            Changes::Many(changes) => changes,
        }
    }
}

impl Extend<Change> for Changes {
    fn extend<I: IntoIterator<Item = Change>>(&mut self, changes: I) {
        changes.into_iter().for_each(|change| self.push(change));
    }
}

impl FromIterator<Change> for Changes {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Changes {
        let mut all = Changes::None;
        all.extend(changes);
        all
    }
}

impl<'c> IntoIterator for &'c Changes {
    type Item = &'c Change;
    type IntoIter = std::slice::Iter<'c, Change>;

    fn into_iter(self) -> std::slice::Iter<'c, Change> {
        self.iter()
    }
}
