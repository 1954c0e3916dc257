//! Conversations by the hundred on the stage.

use super::App;
use crate::flows::swarm::{SWARM_MAX, Swarm, portions};
use podhop_engine::protocol::{ReplyBody, RequestBody, WaysView};
use std::rc::Rc;

impl App {
    /// Plays all of these at the same time; `first` is the one that is followed.
    pub(super) fn play_swarm(self, first: u32, mut flows: Vec<u32>) {
        flows.truncate(SWARM_MAX);
        self.only_followed();
        self.swarming.set(Some((0, flows.len())));
        if self.followed() == Some(first) {
            return self.load_swarm(portions(&flows), Vec::new());
        }
        self.ask(RequestBody::Flow { flow: first }, move |reply| {
            let ReplyBody::Flow(view) = reply else { return self.swarming.set(None) };
            self.put_flow(Rc::from(view), 0.0);
            self.load_swarm(portions(&flows), Vec::new());
        });
    }

    /// Portion after portion, so that neither side is busy for long; then all begin together.
    fn load_swarm(self, mut left: impl Iterator<Item = Vec<u32>> + 'static, mut parts: Vec<Rc<WaysView>>) {
        let Some(flows) = left.next() else {
            self.swarming.set(None);
            let swarm = Swarm::new(parts);
            self.player.longest_ms.set(swarm.total_ms);
            self.swarm.set(Some(Rc::new(swarm)));
            return self.player.autoplay();
        };
        self.ask(RequestBody::Ways { flows }, move |reply| {
            // Something else was asked to play meanwhile.
            let Some((_, all)) = self.swarming.now() else { return };
            let ReplyBody::Ways(ways) = reply else { return self.swarming.set(None) };
            parts.push(Rc::new(ways));
            self.swarming.set(Some((parts.iter().map(|part| part.flows.len()).sum(), all)));
            self.load_swarm(left, parts);
        });
    }

    pub(super) fn end_swarm(self) {
        self.swarming.put(None);
        if self.swarm.peek(Option::is_some) {
            self.swarm.set(None);
            self.player.longest_ms.set(0.0);
        }
    }

    /// One of a swarm becomes the one that is followed, at the same moment.
    pub fn follow_of_swarm(self, flow: u32) {
        self.ask(RequestBody::Flow { flow }, move |reply| {
            let ReplyBody::Flow(view) = reply else { return };
            self.put_flow(Rc::from(view), self.player.ms.now());
            self.follow();
        });
    }

    /// Takes one back, or lets it play again.
    pub(super) fn turn_of_swarm(self, flow: u32) {
        let Some(mut swarm) = self.swarm.peek(|swarm| swarm.as_deref().cloned()) else { return };
        if self.followed() != Some(flow) && swarm.turn(flow) {
            self.swarm.set(Some(Rc::new(swarm)));
        }
    }
}
