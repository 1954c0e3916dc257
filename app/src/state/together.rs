//! Several conversations at a time on the stage.

use super::App;
use crate::few::Few;
use crate::flows::together::{BESIDE_MAX, Beside, Turn, turn};
use crate::playback::playlist::Playlist;
use podhop_engine::protocol::{FlowView, ReplyBody, RequestBody};
use std::rc::Rc;

impl App {
    pub fn beside_numbers(self) -> Vec<u32> {
        self.beside.with(|beside| beside.iter().map(Beside::number).collect())
    }

    fn followed(self) -> Option<u32> {
        self.flow.peek(|flow| flow.as_ref().map(|flow| flow.summary.flow))
    }

    /// Lets a conversation play with the others, or takes it back.
    pub fn turn_together(self, flow: u32) {
        let numbers = self.beside.peek(|beside| beside.iter().map(Beside::number).collect::<Vec<u32>>());
        match turn(self.followed(), &numbers, flow) {
            Turn::Join => self.load_beside(vec![flow]),
            Turn::Leave => self.set_beside(|beside| beside.retain(|one| one.number() != flow)),
            Turn::Follow(next) => {
                self.follow_beside(next);
                self.set_beside(|beside| beside.retain(|one| one.number() != flow));
            }
            Turn::Stay => {}
        }
    }

    /// Plays these conversations at the same time; the one that is followed stays, if it is among them.
    pub fn play_together(self, mut flows: Vec<u32>) {
        let Some(first) = self.followed().filter(|now| flows.contains(now)).or(flows.first().copied()) else { return };
        flows.retain(|flow| *flow != first);
        flows.truncate(BESIDE_MAX);
        self.set_beside(Vec::clear);
        if self.followed() == Some(first) {
            return self.load_beside(flows);
        }
        self.ask(RequestBody::Flow { flow: first }, move |reply| {
            let ReplyBody::Flow(view) = reply else { return };
            self.put_flow(Rc::from(view), 0.0);
            self.load_beside(flows);
        });
    }

    /// Loads conversations one after the other; then all begin together.
    fn load_beside(self, mut flows: Vec<u32>) {
        if flows.is_empty() {
            return self.player.autoplay();
        }
        let flow = flows.remove(0);
        self.ask(RequestBody::Flow { flow }, move |reply| {
            if let ReplyBody::Flow(view) = reply {
                let list = Rc::new(Playlist::new(&view, &Few::default()));
                self.set_beside(|beside| beside.push(Beside { flow: Rc::from(view), list }));
            }
            self.load_beside(flows);
        });
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

    pub fn set_beside(self, change: impl FnOnce(&mut Vec<Beside>)) {
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
