//! Acts of finding and sending: what the finder, the menu, the cards and the keys do.

use super::acts::{Menu, Purpose, Stage};
use super::faults;
use super::find::Hit;
use super::geometry::Point;
use super::layout::Target;
use super::reach::Reach;
use super::send::{self, PingAll};
use crate::shown::Notice;
use crate::state::Tab;
use podhop_engine::protocol::{NodeView, Scene};

impl Stage {
    pub fn chosen(self, purpose: &Purpose, hit: &Hit) {
        self.finder.put(None);
        match purpose {
            Purpose::Look => {
                self.activate(&hit.target);
                self.fly(&hit.target);
                self.pinned.put(Some(hit.target.clone()));
            }
            Purpose::SendFrom(from) => self.offer(from.clone(), hit.target.clone(), None),
        }
    }

    /// Opens the list of targets.
    pub fn send_from(self, from: &Target) {
        let can = self.app.scene.peek(|scene| scene.as_ref().is_some_and(|scene| send::can_send(scene, from)));
        if can {
            self.pinned.put(None);
            self.hovered.put(None);
            self.finder.set(Some(Purpose::SendFrom(from.clone())));
        } else {
            self.app.spoken.set("Only running Pods and nodes can send.".to_string());
        }
    }

    /// Opens the menu of what can be sent; in the middle unless it is said where.
    pub fn offer(self, from: Target, to: Target, at: Option<Point>) {
        let with = |scene: &Scene| send::address(scene, &to).is_some() && from != to;
        if self.app.scene.peek(|scene| scene.as_deref().is_some_and(with)) {
            let at = at.unwrap_or(self.canvas.now().middle());
            self.hovered.put(None);
            self.pinned.put(None);
            self.menu.set(Some(Menu { from, to: Some(to), at }));
        }
    }

    /// Opens the menu of what can be broken at a target; in the middle unless it is said where.
    pub fn offer_faults(self, of: &Target, at: Option<Point>) {
        let any = |scene: &Scene| !faults::choices(scene, of).is_empty();
        if self.app.scene.peek(|scene| scene.as_deref().is_some_and(any)) {
            let at = at.unwrap_or(self.canvas.now().middle());
            self.hovered.put(None);
            self.pinned.put(None);
            self.menu.set(Some(Menu { from: of.clone(), to: None, at }));
        } else {
            self.app.spoken.set("Nothing can be broken here.".to_string());
        }
    }

    /// Runs a line in a terminal at the host.
    pub fn run(self, line: &str) {
        self.menu.put(None);
        self.app.dock.set(Tab::Terminal);
        self.app.run(line.to_string());
    }

    /// Pings every other running Pod.
    pub fn ping_all(self, from: &Target) {
        self.ping(self.app.scene.peek(|scene| scene.as_ref().map(|scene| send::ping_all(scene, from))));
    }

    /// Every Pod pings every Pod.
    pub fn ping_pairs(self) {
        self.ping(self.app.scene.peek(|scene| scene.as_ref().map(|scene| send::ping_pairs(scene))));
    }

    fn ping(self, asked: Option<Result<PingAll, String>>) {
        match asked {
            Some(Ok(asked)) => {
                let after = self.app.flows.peek(|flows| flows.iter().map(|flow| flow.flow).max());
                let line = asked.line.clone();
                self.pinned.put(None);
                self.hovered.put(None);
                self.reach.set(Some(Reach { asked, after }));
                self.run(&line);
            }
            Some(Err(why)) => self.app.notice.set(Some(Notice::text(&[&why, "."].concat().replace("..", ".")))),
            None => {}
        }
    }

    /// Who "Ping all" of the toolbar asks for: what is pinned, else who began the conversation, else the first Pod.
    pub fn sender(self) -> Option<Target> {
        let scene = self.app.scene.now()?;
        let able = |target: &Target| send::ping_all(&scene, target).is_ok();
        if let Some(pinned) = self.pinned.now().or(self.focused.now()).filter(|target| able(target)) {
            return Some(pinned);
        }
        let began = self.app.flow.peek(|flow| flow.as_ref().map(|flow| flow.summary.from.clone())).unwrap_or_default();
        let pods = || {
            let of = |(i, node): (usize, &NodeView)| {
                (0..node.pods.len()).map(move |pod| Target::Pod(i, pod)).collect::<Vec<Target>>()
            };
            scene.nodes.iter().enumerate().flat_map(of)
        };
        let place_of = |target: &Target| match *target {
            Target::Pod(node, pod) => scene.nodes[node].pods[pod].place == began,
            _ => false,
        };
        let own = |target: &Target| match *target {
            Target::Pod(node, pod) => !scene.nodes[node].pods[pod].system,
            _ => false,
        };
        let began = pods().find(|target| place_of(target) && able(target));
        began.or_else(|| pods().find(|target| own(target) && able(target))).or_else(|| pods().find(able))
    }
}
