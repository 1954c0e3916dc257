//! Output is printed at once, pale until the packet that it reports has arrived on the stage.

use crate::playback::playlist::{Playlist, served};
use podhop_engine::protocol::{Chunk, FlowView};

/// The conversation that plays when these have been printed.
pub fn flow_of(chunks: &[Chunk]) -> Option<u32> {
    chunks.iter().filter_map(|chunk| chunk.at).map(|(flow, _)| flow).max()
}

/// How many of the chunks are in full colour at the moment `ms` of the conversation: up to the first that reports a packet
/// which has not arrived. What reports none comes with what is before it, and what ends the output at the end.
pub fn shown_count(chunks: &[Chunk], flow: &FlowView, list: &Playlist, ms: f64) -> usize {
    if ms >= list.total_ms() - 1.0 {
        return chunks.len();
    }
    let reports = |chunk: &Chunk| chunk.at.filter(|(of, _)| *of == flow.summary.flow);
    let arrives = |packet: u32| {
        let index = flow.packets.iter().position(|one| one.packet == packet)?;
        let main = served(flow, index);
        let last = list.beats.iter().rposition(|beat| beat.packet == main)?;
        Some(list.rest_ms(last))
    };
    let coming = |chunk: &Chunk| {
        let moment = reports(chunk).and_then(|(_, packet)| arrives(packet));
        moment.is_some_and(|moment| moment > ms + 0.02)
    };
    let last = chunks.iter().rposition(|chunk| reports(chunk).is_some()).map_or(chunks.len(), |last| last + 1);
    chunks.iter().position(coming).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::few::Few;
    use crate::fixture;
    use podhop_engine::protocol::Stream;

    #[test]
    fn lines_come_with_their_packets_and_the_summary_at_the_end() {
        let flow = fixture::ping();
        let list = Playlist::new(&flow, &Few::default());
        let number = flow.summary.flow;
        let chunk = |text: &str, at: Option<(u32, u32)>| Chunk { stream: Stream::Out, text: text.into(), at };
        let replies: Vec<usize> =
            (0..flow.packets.len()).filter(|i| flow.packets[*i].reply && !flow.packets[*i].plumbing).collect();
        let at = |of: usize| Some((number, flow.packets[of].packet));
        let chunks = [
            chunk("PING", None),
            chunk("64 bytes, seq=0", at(replies[0])),
            chunk("64 bytes, seq=1", at(replies[1])),
            chunk("statistics", None),
        ];
        let shown = |ms: f64| shown_count(&chunks, &flow, &list, ms);
        let arrival = |of: usize| list.rest_ms(list.find(of, flow.packets[of].steps.len() - 1).unwrap());
        assert_eq!(shown(0.0), 1, "that it pings is known");
        assert_eq!((shown(arrival(replies[0]) - 1.0), shown(arrival(replies[0]))), (1, 2));
        assert_eq!(shown(arrival(replies[1])), if arrival(replies[1]) >= list.total_ms() - 1.0 { 4 } else { 3 });
        assert_eq!(shown(list.total_ms()), 4);
        assert_eq!(flow_of(&chunks), Some(number));
        assert_eq!(shown_count(&[chunk("no packet", None)], &flow, &list, 0.0), 1, "nothing waits for nothing");
    }
}
