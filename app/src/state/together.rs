//! Several conversations at a time on the stage.

use super::App;
use crate::few::Few;
use crate::flows::together::{BESIDE_MAX, Beside, Turn, joining, turn};
use crate::playback::playlist::Playlist;
use crate::shown::Notice;
use podhop_engine::protocol::{FlowView, ReplyBody, RequestBody};
use std::rc::Rc;

impl App {
    fn beside_numbers(self) -> Vec<u32> {
        self.beside.peek(|beside| beside.iter().map(Beside::number).collect())
    }

    /// Whether a conversation is followed, plays beside or is about to. Watched.
    pub fn plays(self, flow: u32) -> bool {
        let followed = self.flow.with(|shown| shown.as_ref().is_some_and(|shown| shown.summary.flow == flow));
        let beside = self.beside.with(|beside| beside.iter().any(|one| one.number() == flow));
        let swarm = self.swarm.with(|swarm| swarm.as_ref().is_some_and(|swarm| swarm.contains(flow)));
        self.coming.with(|coming| coming.contains(&flow)) || followed || beside || swarm
    }

    pub(super) fn followed(self) -> Option<u32> {
        self.flow.peek(|flow| flow.as_ref().map(|flow| flow.summary.flow))
    }

    /// Lets a conversation play with the others, or takes it back.
    pub fn turn_together(self, flow: u32) {
        if self.coming.peek(|coming| coming.contains(&flow)) {
            return self.coming.update(|coming| coming.put(flow, false));
        }
        if self.swarm.peek(Option::is_some) {
            return self.turn_of_swarm(flow);
        }
        let mut numbers = self.beside_numbers();
        self.coming.peek(|coming| numbers.extend(coming.iter()));
        match turn(self.followed(), &numbers, flow) {
            Turn::Join => self.load_beside(vec![flow]),
            Turn::Leave => self.set_beside(|beside| beside.retain(|one| one.number() != flow)),
            Turn::Follow(next) => {
                // One that is still to come does not play yet.
                if self.follow_beside(next) {
                    self.set_beside(|beside| beside.retain(|one| one.number() != flow));
                }
            }
            Turn::Stay if self.followed() == Some(flow) => {}
            Turn::Stay => {
                let most = (BESIDE_MAX + 1).to_string();
                self.notice
                    .set(Some(Notice::text(&["No more than ", &most, " flows play at the same time."].concat())));
            }
        }
    }

    /// Plays these conversations at the same time; the one that is followed stays, if it is among them.
    pub fn play_together(self, mut flows: Vec<u32>) {
        let Some(first) = self.followed().filter(|now| flows.contains(now)).or(flows.first().copied()) else { return };
        if flows.len() > BESIDE_MAX + 1 {
            return self.play_swarm(first, flows);
        }
        flows.retain(|flow| *flow != first);
        self.only_followed();
        if self.followed() == Some(first) {
            return self.load_beside(flows);
        }
        self.ask(RequestBody::Flow { flow: first }, move |reply| {
            let ReplyBody::Flow(view) = reply else { return };
            self.only_followed();
            self.put_flow(Rc::from(view), 0.0);
            self.load_beside(flows);
        });
    }

    /// Loads conversations one after the other; then all begin together.
    fn load_beside(self, flows: Vec<u32>) {
        if flows.is_empty() {
            return self.player.autoplay();
        }
        self.coming.update(|coming| flows.iter().for_each(|flow| coming.put(*flow, true)));
        self.load_next(flows, Vec::new());
    }

    fn load_next(self, mut flows: Vec<u32>, mut loaded: Vec<Beside>) {
        // What was taken back meanwhile is not asked for.
        self.coming.peek(|coming| flows.retain(|flow| coming.contains(flow)));
        if flows.is_empty() {
            return self.join(loaded);
        }
        let flow = flows.remove(0);
        self.ask(RequestBody::Flow { flow }, move |reply| {
            match reply {
                ReplyBody::Flow(view) => {
                    let list = Rc::new(Playlist::new(&view, &Few::default()));
                    loaded.push(Beside { flow: Rc::from(view), list });
                }
                _ => self.coming.update(|coming| coming.put(flow, false)),
            }
            self.load_next(flows, loaded);
        });
    }

    /// All at once: with each change of those that play, the picture is laid out anew.
    fn join(self, loaded: Vec<Beside>) {
        let numbers: Vec<u32> = loaded.iter().map(Beside::number).collect();
        let joining = self.coming.peek(|coming| joining(loaded, coming, self.followed(), &self.beside_numbers()));
        if !joining.is_empty() {
            self.set_beside(|beside| beside.extend(joining));
            self.player.autoplay();
        }
        self.coming.update(|coming| numbers.iter().for_each(|flow| coming.put(*flow, false)));
    }

    /// The others end, and what is still to come does not come.
    pub fn only_followed(self) {
        self.coming.update(Few::clear);
        self.end_swarm();
        self.set_beside(Vec::clear);
    }

    /// One that plays beside becomes the one that is followed, at the same moment. False if it does not play.
    pub fn follow_beside(self, flow: u32) -> bool {
        let found = self.beside.peek(|beside| beside.iter().position(|one| one.number() == flow));
        let (Some(at), Some(before)) = (found, self.flow.now()) else { return false };
        let ms = self.player.ms.now();
        let list = self.player.list.now();
        let next = self.beside.peek(|beside| beside[at].flow.clone());
        self.set_beside(|beside| beside[at] = Beside { flow: before, list });
        self.put_flow(next, ms);
        true
    }

    fn set_beside(self, change: impl FnOnce(&mut Vec<Beside>)) {
        self.beside.update(change);
        let lists = self.beside.peek(|beside| beside.iter().map(|one| one.list.clone()).collect());
        self.player.beside.set(lists);
    }

    pub(super) fn put_flow(self, flow: Rc<FlowView>, ms: f64) {
        self.unfolded.update(Few::clear);
        let list = Playlist::new(&flow, &Few::default());
        self.flow.set(Some(flow));
        self.player.load(list, ms);
    }
}
