//! Plays a playlist against the frames of the browser.

use super::playlist::{self, Playlist};
use crate::dom::Var;
use crate::platform::{self, Frames};
use crate::stage::geometry::within;
use std::rc::Rc;

/// The speeds that can be chosen.
pub const SPEEDS: [(f64, &str); 5] = [(0.25, "¼×"), (0.5, "½×"), (1.0, "1×"), (2.0, "2×"), (4.0, "4×")];
/// Nothing may move by itself for more than five seconds.
const AUTOPLAY_MS: f64 = 4_700.0;
/// That much of it for the first packet and its answer.
const FIRST_MS: f64 = 3_600.0;
/// With reduced motion, how long each step stands.
const DISCRETE_MS: f64 = 900.0;

#[derive(Clone, Copy)]
pub struct Player {
    pub list: Var<Rc<Playlist>>,
    /// Those that play at the same time.
    pub beside: Var<Vec<Rc<Playlist>>>,
    /// The length of others that play at the same time, without steps of their own.
    pub longest_ms: Var<f64>,
    /// The moment on the playlist's time line.
    pub ms: Var<f64>,
    /// Packet and step (indices) of the present moment.
    pub beat: Var<Option<(usize, usize)>>,
    pub playing: Var<bool>,
    /// Index into `SPEEDS`.
    pub speed: Var<usize>,
    /// Begins again at the end.
    pub looping: Var<bool>,
    /// How often the conversation was played to its end.
    pub finished_count: Var<u32>,
    state: Var<State>,
    frames: Var<Option<Frames>>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Playing pauses here.
    until_ms: f64,
    /// On top of the chosen speed; until a moment another.
    rate: f64,
    first: (f64, f64),
    last_frame_ms: Option<f64>,
    /// With reduced motion: time that the present step has stood.
    stood_ms: f64,
}

impl Player {
    pub fn new() -> Player {
        let player = Player {
            list: Var::new(Rc::default()),
            beside: Var::new(Vec::new()),
            longest_ms: Var::new(0.0),
            ms: Var::new(0.0),
            beat: Var::new(None),
            playing: Var::new(false),
            speed: Var::new(2),
            looping: Var::new(false),
            finished_count: Var::new(0),
            state: Var::new(State::default()),
            frames: Var::new(None),
        };
        player.frames.set(Some(Frames::new(move |now| player.frame(now))));
        player
    }

    /// Another conversation, or the same with more of its packets, at the moment `ms`.
    pub fn load(self, list: Playlist, ms: f64) {
        self.pause();
        self.list.set(Rc::new(list));
        self.move_to(ms);
    }

    fn move_to(self, ms: f64) {
        self.ms.put(ms);
        self.beat.put(self.list.peek(|list| list.beats.get(list.at(ms)).map(|beat| (beat.packet, beat.step))));
    }

    /// The length of the longest of all that play. Watched.
    pub fn total_ms(self) -> f64 {
        let total = self.list.with(|list| list.total_ms()).max(self.longest_ms.get());
        self.beside.with(|beside| beside.iter().map(|list| list.total_ms()).fold(total, f64::max))
    }

    fn stepped(self, ms: f64, by: isize) -> (f64, f64) {
        let mut lists = vec![self.list.now()];
        self.beside.peek(|beside| lists.extend(beside.iter().cloned()));
        playlist::stepped(&lists, ms, by)
    }

    fn run(self, until_ms: f64, rate: f64) {
        self.state.set(State { until_ms, rate, ..State::default() });
        self.playing.put(true);
        self.frames.peek(|frames| {
            if let Some(frames) = frames {
                frames.start();
            }
        });
    }

    /// From here to the end; from the beginning if this is the end.
    pub fn play(self) {
        let total = self.total_ms();
        if total == 0.0 {
            return;
        }
        if self.ms.now() >= total - 1.0 {
            self.move_to(0.0);
        }
        self.run(total, 1.0);
    }

    /// Plays once from the beginning, in less than five seconds, most of them for the first packet and its answer; waits
    /// for the user if motion is unwelcome.
    pub fn autoplay(self) {
        self.move_to(0.0);
        let total = self.total_ms();
        if total == 0.0 || platform::reduced_motion() {
            return;
        }
        let (mut until, mut left_ms) = (0.0, AUTOPLAY_MS);
        let mut rate = 1.0;
        if let Some(third) = self.list.peek(|list| list.packet_starts().get(1).copied()) {
            let first_ms = third.min(FIRST_MS);
            (until, rate, left_ms) = (third, third / first_ms, AUTOPLAY_MS - first_ms);
        }
        self.run(total, ((total - until) / left_ms).max(1.0));
        self.state.update(|state| state.first = (until, rate));
    }

    pub fn pause(self) {
        self.playing.put(false);
    }

    pub fn toggle(self) {
        if self.playing.now() { self.pause() } else { self.play() }
    }

    /// Jumps to a moment.
    pub fn seek(self, ms: f64) {
        self.pause();
        self.move_to(within(ms, 0.0, self.total_ms()));
    }

    /// Shows a step at rest.
    pub fn show(self, beat: usize) {
        let rest = self.list.peek(|list| list.rest_ms(beat));
        self.seek(rest);
    }

    /// Shows how all that play end.
    pub fn show_end(self) {
        self.seek((self.total_ms() - 0.01).max(0.0));
    }

    /// Moves to the end of the next beat, so that it can be seen; back at once.
    pub fn step(self, by: isize) {
        let now = self.ms.now();
        let (start, rest) = self.stepped(now, by);
        if by > 0 && rest > now && !platform::reduced_motion() {
            self.move_to(start.max(now));
            self.run(rest, 1.0);
        } else {
            self.seek(rest);
        }
    }

    /// Plays the beats from the moment `from_ms` to `until_ms`.
    pub fn play_part(self, from_ms: f64, until_ms: f64) {
        if platform::reduced_motion() {
            self.seek(until_ms);
        } else {
            self.move_to(from_ms);
            self.run(until_ms, 1.0);
        }
    }

    fn frame(self, now: f64) -> bool {
        if !self.playing.now() {
            return false;
        }
        let mut state = self.state.now();
        // A hidden tab gets no frames; its pause is not made up for.
        let passed = state.last_frame_ms.map_or(0.0, |last| within(now - last, 0.0, 100.0));
        state.last_frame_ms = Some(now);
        let speed = SPEEDS[self.speed.now().min(SPEEDS.len() - 1)].0;
        let before = self.ms.now();
        let (until_ms, first_rate) = state.first;
        let rate = if before < until_ms { first_rate } else { state.rate };
        let mut next = before + passed * speed * rate;
        if platform::reduced_motion() {
            state.stood_ms += passed * speed;
            next = before;
            if state.stood_ms >= DISCRETE_MS {
                state.stood_ms = 0.0;
                next = self.stepped(before, 1).1;
            }
        }
        let ended = next >= state.until_ms - 0.02;
        let finished = ended && state.until_ms >= self.total_ms() - 0.02;
        let again = finished && self.looping.now();
        if again {
            state = State { until_ms: self.total_ms(), rate: 1.0, first: (0.0, 1.0), ..state };
            next = 0.0;
        }
        self.state.set(state);
        if ended || next != before {
            self.move_to(next.min(state.until_ms));
        }
        if ended {
            self.playing.put(again);
        }
        if finished {
            self.finished_count.update(|count| *count += 1);
        }
        !ended || again
    }
}

impl Default for Player {
    fn default() -> Player {
        Player::new()
    }
}
