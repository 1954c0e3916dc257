//! The ways of many conversations at once: where their packets stop and when, without the words. A thousand of them are
//! smaller than one in full.

use super::trace::{disposition, end_kind, is_reply, stage_name, verdict_kind};
use super::{Server, VerdictKind};
use crate::explain;
use crate::net::{Frame, Payload};
use crate::trace::{Change, FlowEnd, FlowId, HopPlace, PacketTrace, Relation, Step, Trace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most conversations in one answer.
pub const WAYS_MAX: usize = 1_000;

/// What does not repeat itself stands once, and is told by its index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WaysView {
    /// As `StepView.place`.
    pub places: Vec<String>,
    pub stops: Vec<StopView>,
    pub flows: Vec<FlowWays>,
}

/// What a step is to a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StopView {
    /// Index in `WaysView.places`.
    pub place: u32,
    /// As `StepView.device` and `StepView.stage`.
    pub device: String,
    pub stage: String,
    pub verdict: VerdictKind,
    /// The packet is inside a tunnel after this step.
    pub tunnelled: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowWays {
    pub flow: u32,
    /// As in `FlowSummary`.
    pub from: String,
    pub to: String,
    pub end: String,
    pub end_kind: VerdictKind,
    /// In the order of birth, without those that only serve others (ARP).
    pub packets: Vec<PacketWay>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PacketWay {
    pub reply: bool,
    /// Index of the packet that this one answers, in `FlowWays.packets`.
    pub answers: Option<u32>,
    pub disposition_kind: VerdictKind,
    /// For each step its stop (index in `WaysView.stops`) and the nanoseconds since the conversation began.
    pub steps: Vec<(u32, u64)>,
}

/// What makes two steps the same stop: place, version of its tables, device, stage, verdict, tunnelled.
type Key = (bool, u32, u32, u32, &'static str, u8, bool);

#[derive(Default)]
struct Writer {
    view: WaysView,
    places: BTreeMap<String, u32>,
    stops: BTreeMap<Key, u32>,
}

impl Server {
    /// The ways of these conversations, in this order; those that are not kept any more are left out.
    pub(super) fn ways(&mut self, flows: &[u32]) -> Result<WaysView, String> {
        if flows.len() > WAYS_MAX {
            return Err(format!("more than {WAYS_MAX} conversations at once: ask for fewer"));
        }
        let mut writer = Writer::default();
        for flow in flows {
            if self.world.recorder().get(FlowId(*flow)).is_some() {
                self.viewed(*flow, |viewer, trace| writer.flow(viewer, trace))?;
            }
        }
        Ok(writer.view)
    }
}

impl Writer {
    fn flow(&mut self, viewer: &super::Viewer<'_>, trace: &Trace) {
        let summary = viewer.summary(trace);
        let mut packets: Vec<PacketWay> = Vec::new();
        // Where a recorded packet is among those that are told.
        let mut told: Vec<Option<u32>> = Vec::with_capacity(trace.packets.len());
        for packet in &trace.packets {
            let plumbing = matches!(packet.birth.payload, Payload::Arp(_));
            told.push((!plumbing).then_some(packets.len() as u32));
            if !plumbing {
                let answers = packet.parent.filter(|(_, relation)| *relation == Relation::Answers);
                let answers = answers.and_then(|(of, _)| told.get(of.0 as usize).copied().flatten());
                packets.push(self.packet(viewer, trace, packet, answers));
            }
        }
        let end_kind = end_kind(trace.end.unwrap_or(FlowEnd::TimedOut));
        let (flow, from, to, end) = (summary.flow, summary.from, summary.to, summary.end);
        self.view.flows.push(FlowWays { flow, from, to, end, end_kind, packets });
    }

    fn packet(
        &mut self,
        viewer: &super::Viewer<'_>,
        trace: &Trace,
        packet: &PacketTrace,
        answers: Option<u32>,
    ) -> PacketWay {
        let mut hops = packet.hops.iter().peekable();
        let mut place = HopPlace::Netns(trace.flow.from);
        let mut depth = tunnels(&packet.birth);
        let mut steps = Vec::with_capacity(packet.steps.len());
        for (i, step) in packet.steps.iter().enumerate() {
            if let Some(hop) = hops.next_if(|hop| hop.first as usize == i) {
                place = hop.place;
            }
            for change in &step.changes {
                match change {
                    Change::Encapsulate { .. } | Change::EncapsulateIp { .. } => depth += 1,
                    Change::Decapsulate => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
            let stop = self.stop(viewer, trace, (place, step), depth > 0);
            steps.push((stop, step.at.saturating_sub(trace.flow.started_at)));
        }
        let disposition_kind = disposition(packet.disposition).1;
        PacketWay { reply: is_reply(trace, packet), answers, disposition_kind, steps }
    }

    fn stop(
        &mut self,
        viewer: &super::Viewer<'_>,
        trace: &Trace,
        (place, step): (HopPlace, &Step),
        tunnelled: bool,
    ) -> u32 {
        let netns = viewer.netns_of(trace, place, step);
        let (segment, number) = match place {
            HopPlace::Segment(number) => (true, number),
            HopPlace::Netns(id) => (false, id.0),
        };
        let (stage, verdict) = (stage_name(step.stage), verdict_kind(step));
        let version = netns.map_or(0, |netns| netns.version);
        let key = (segment, number, version, step.link.map_or(0, |link| link.0), stage, verdict as u8, tunnelled);
        if let Some(known) = self.stops.get(&key) {
            return *known;
        }
        let name = viewer.place(trace, place);
        let places = &mut self.view.places;
        let place = *self.places.entry(name).or_insert_with_key(|name| {
            places.push(name.clone());
            places.len() as u32 - 1
        });
        let device = netns.zip(step.link).and_then(|(netns, link)| netns.link(link));
        let device = device.map_or_else(String::new, |link| link.name.to_string());
        let index = self.view.stops.len() as u32;
        self.view.stops.push(StopView { place, device, stage: stage.to_owned(), verdict, tunnelled });
        self.stops.insert(key, index);
        index
    }
}

/// How many tunnels a packet is born in.
fn tunnels(frame: &Frame) -> usize {
    explain::envelope(frame).len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::super::{ReplyBody, Request, RequestBody};
    use super::*;
    use crate::cluster::Options;

    fn ask(server: &mut Server, body: RequestBody) -> ReplyBody {
        server.handle(Request { id: 1, body }).body
    }

    fn pinged(line: &str) -> (Server, Vec<u32>) {
        let mut server = Server::new(Options::default());
        let pod = |name: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: app, image: busybox, command: [sleep, infinity]}}]}}\n"
            )
        };
        let text = ["pod-a", "pod-b"].map(pod).join("---\n");
        let file = super::super::OpenFile { name: "pods.yaml".into(), text, live: true };
        ask(&mut server, RequestBody::Open { files: vec![file], seed: 1 });
        match ask(&mut server, RequestBody::Run { session: 0, line: line.into() }) {
            ReplyBody::Console(console) => (server, console.flows),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ways_are_those_of_the_conversations_in_full() {
        let (mut server, flows) =
            pinged("for ip in 10.244.2.2 10.244.9.9; do kubectl exec pod-a -- ping -c 2 -W 1 $ip; done");
        let ReplyBody::Ways(ways) = ask(&mut server, RequestBody::Ways { flows: flows.clone() }) else { panic!() };
        assert_eq!(ways.flows.iter().map(|way| way.flow).collect::<Vec<u32>>(), flows);
        for way in &ways.flows {
            let ReplyBody::Flow(full) = ask(&mut server, RequestBody::Flow { flow: way.flow }) else { panic!() };
            assert_eq!(
                (&way.from, &way.to, way.end_kind),
                (&full.summary.from, &full.summary.to, full.summary.end_kind)
            );
            let main: Vec<_> = full.packets.iter().filter(|packet| !packet.plumbing).collect();
            assert_eq!(way.packets.len(), main.len());
            for (packet, full) in way.packets.iter().zip(main) {
                assert_eq!((packet.reply, packet.disposition_kind), (full.reply, full.disposition_kind));
                assert_eq!(packet.steps.len(), full.steps.len());
                for ((stop, _), step) in packet.steps.iter().zip(&full.steps) {
                    let stop = &ways.stops[*stop as usize];
                    let place = &ways.places[stop.place as usize];
                    assert_eq!((place, &stop.device, &stop.stage), (&step.place, &step.device, &step.stage));
                    assert_eq!(stop.verdict, step.verdict);
                    assert_eq!(stop.tunnelled, (step.envelope.len() > 1));
                }
            }
        }
        let reply = ways.flows[0].packets.iter().find(|packet| packet.reply).expect("an answer");
        assert_eq!(reply.answers, Some(0));
    }

    #[test]
    fn what_repeats_itself_stands_once_and_answers_are_bounded() {
        let (mut server, flows) =
            pinged("for i in 1 2 3 4 5 6 7 8; do kubectl exec pod-a -- ping -c 1 10.244.2.2; done");
        let ReplyBody::Ways(ways) = ask(&mut server, RequestBody::Ways { flows: flows.clone() }) else { panic!() };
        let steps: usize = ways.flows.iter().flat_map(|flow| &flow.packets).map(|packet| packet.steps.len()).sum();
        assert!(ways.stops.len() * 4 < steps, "{} stops of {steps} steps", ways.stops.len());
        let mut unknown = flows.clone();
        unknown.push(999);
        let ReplyBody::Ways(same) = ask(&mut server, RequestBody::Ways { flows: unknown }) else { panic!() };
        assert_eq!(same, ways);
        let many = RequestBody::Ways { flows: vec![0; WAYS_MAX + 1] };
        assert!(matches!(ask(&mut server, many), ReplyBody::Error(why) if why.contains("ask for fewer")));
    }
}
