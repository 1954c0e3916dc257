//! Cilium's programs: what they do with a packet at a device's hook, by their maps alone.
//!
//! Models Cilium 1.18 bpf/bpf_lxc.c, bpf_host.c, bpf_overlay.c and lib/{lb,policy,conntrack,local_delivery,encap}.h with
//! tunnels, kube-proxy beside it and without the host firewall. Left out: IPv6, NodePort and masquerading by eBPF, encryption,
//! proxies of layer 7, and the translation of what ICMP errors quote.

mod ct;
mod deliver;
mod host;
mod lb;
mod lxc;

pub use ct::{CtEntry, CtKey, CtKind, EbpfState};

use ct::CtFlow;

use super::skb::{CROSSINGS_MAX, Skb};
use super::walk::{Walk, is_for};
use crate::net::{Arp, Frame, Icmp, IcmpError, Payload, Transport};
use crate::tables::ebpf::{Ebpf, Program, TcHook};
use crate::tables::{Link, LinkIndex};
use crate::trace::{Birth, CauseTable, Change, Disposition, DropReason, EbpfPoint, Relation, Stage, Verdict};
use std::net::IpAddr;
use std::sync::Arc;

/// Marks by which programs and rules tell each other of packets. Models bpf/lib/common.h MARK_MAGIC_*.
const MAGIC_MASK: u32 = 0x0f00;
const MAGIC_HOST: u32 = 0x0c00;
const MAGIC_IDENTITY: u32 = 0x0f00;
const MAGIC_OVERLAY: u32 = 0x0400;

/// A program at work.
#[derive(Clone, Copy)]
struct At<'e> {
    ebpf: &'e Arc<Ebpf>,
    program: Program,
    link: LinkIndex,
}

impl At<'_> {
    /// The packet as the programs see it; None: of a protocol that they do not know.
    fn flow(self, skb: &Skb) -> Option<CtFlow> {
        CtFlow::of(skb.ip()?, self.ebpf.sctp_enabled)
    }

    fn stage(self, point: EbpfPoint) -> Stage {
        Stage::Ebpf { program: self.program, point }
    }
}

impl Walk<'_> {
    /// A frame arrives on a device, whose program sees it before the device asks for whom it is.
    pub(super) fn receive_by_programs(&mut self, device: &Link, skb: Skb) {
        let link = device.index;
        let cause = Some(CauseTable::Link(link));
        self.step(&skb, Stage::Receive, Some(link), Verdict::Pass, cause);
        let Some(skb) = self.tc_ingress(link, skb) else { return };
        if is_for(skb.frame.dst, device.mac, link) {
            return self.receive_network(link, skb);
        }
        self.drop(skb, Stage::Receive, Some(link), DropReason::OtherHost, cause);
    }

    /// What a device has received passes the program at its ingress. None: it is done with the packet.
    fn tc_ingress(&mut self, link: LinkIndex, skb: Skb) -> Option<Skb> {
        let Some(ebpf) = self.netns.ebpf.clone() else { return Some(skb) };
        match ebpf.attachment(link, TcHook::Ingress).map(|row| row.program) {
            Some(program @ Program::FromContainer) => self.cil_from_container(At { ebpf: &ebpf, program, link }, skb),
            Some(program) => {
                self.enter(At { ebpf: &ebpf, program, link }, TcHook::Ingress, &skb);
                Some(skb)
            }
            None => Some(skb),
        }
    }

    /// What a device is to send passes the program at its egress.
    pub(super) fn tc_egress(&mut self, link: LinkIndex, skb: Skb) -> Option<Skb> {
        let Some(ebpf) = self.netns.ebpf.clone() else { return Some(skb) };
        match ebpf.attachment(link, TcHook::Egress).map(|row| row.program) {
            Some(program @ Program::FromHost) => self.cil_from_host(At { ebpf: &ebpf, program, link }, skb),
            _ => Some(skb),
        }
    }

    /// The packet is taken up by a program.
    fn enter(&mut self, at: At<'_>, hook: TcHook, skb: &Skb) {
        let cause = CauseTable::EbpfProgram { link: at.link, hook };
        self.step(skb, at.stage(EbpfPoint::Enter), Some(at.link), Verdict::Pass, Some(cause));
    }

    fn set_mark(&mut self, at: At<'_>, point: EbpfPoint, skb: &mut Skb, to: u32) {
        if skb.mark != to {
            let change = Change::Mark { from: skb.mark, to };
            skb.mark = to;
            self.rewrite(skb, at.stage(point), Some(at.link), None, change);
        }
    }

    /// Whoever asks for the router gets the device's own address. Models bpf_lxc.c tail_handle_arp.
    fn arp_responder(&mut self, at: At<'_>, arp: Arp, skb: Skb) {
        self.step(&skb, at.stage(EbpfPoint::Arp), Some(at.link), Verdict::Accept, None);
        self.recorder.finish(skb.track, Disposition::Delivered);
        self.arp_reply(at.link, arp, skb.track);
    }

    /// Port unreachable from a Service that has nobody behind it. Models lib/icmp.h tail_no_service_ipv4.
    fn no_service(&mut self, at: At<'_>, cause: CauseTable, skb: Skb) {
        let error = IcmpError::PortUnreachable;
        self.step(&skb, at.stage(EbpfPoint::Service), Some(at.link), Verdict::Reject(error), Some(cause));
        self.recorder.finish(skb.track, Disposition::Rejected(error));
        let Some(packet) = skb.ip().filter(|_| Walk::may_answer(&skb)) else { return };
        let payload = Transport::Icmp(Icmp::Error { error, quoted: Box::new(packet.clone()) });
        let answer = self.packet(packet.dst, packet.src, payload);
        let frame = Frame { src: skb.frame.dst, dst: skb.frame.src, payload: Payload::Ip(answer) };
        let parent = Some((skb.track.packet, Relation::Answers));
        let track = self.recorder.birth(Birth { flow: skb.track.flow, parent, at: self.now }, &frame);
        let answer = Skb::new(frame, track, CROSSINGS_MAX);
        self.step(&answer, Stage::Send, Some(at.link), Verdict::Pass, Some(cause));
        self.transmit(at.link, answer);
    }

    fn refuse(&mut self, at: At<'_>, point: EbpfPoint, skb: Skb, reason: DropReason, cause: Option<CauseTable>) {
        self.drop(skb, at.stage(point), Some(at.link), reason, cause);
    }
}

/// The IPv4 addresses of a packet, source and destination.
fn ends(skb: &Skb) -> Option<(std::net::Ipv4Addr, std::net::Ipv4Addr)> {
    let packet = skb.ip()?;
    match (packet.src, packet.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Some((src, dst)),
        _ => None,
    }
}
