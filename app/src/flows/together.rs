//! Conversations that play at the same time: they start together, whenever each was recorded. One of them is followed by
//! the journey, the timeline and the clock; the others play beside it.

use crate::few::Few;
use crate::playback::playlist::Playlist;
use podhop_engine::protocol::FlowView;
use std::rc::Rc;

/// Most conversations that play beside another.
pub const BESIDE_MAX: usize = 64;

/// A conversation that plays beside the one that is followed.
#[derive(Clone, Debug)]
pub struct Beside {
    pub flow: Rc<FlowView>,
    pub list: Rc<Playlist>,
}

impl Beside {
    pub fn number(&self) -> u32 {
        self.flow.summary.flow
    }
}

/// What happens to those that play when a conversation is chosen or taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is to be loaded and joins them.
    Join,
    /// It leaves; the rest goes on.
    Leave,
    /// It leaves and was the one that is followed: this one is followed now.
    Follow(u32),
    /// It is the only one, or there are too many.
    Stay,
}

pub fn turn(followed: Option<u32>, beside: &[u32], flow: u32) -> Turn {
    match (followed == Some(flow), beside.contains(&flow)) {
        (true, _) => beside.first().map_or(Turn::Stay, |next| Turn::Follow(*next)),
        (_, true) => Turn::Leave,
        _ if beside.len() < BESIDE_MAX => Turn::Join,
        _ => Turn::Stay,
    }
}

/// Those of the conversations that were loaded which join: not what was taken back meanwhile, or plays already.
pub fn joining(loaded: Vec<Beside>, coming: &Few<u32>, followed: Option<u32>, beside: &[u32]) -> Vec<Beside> {
    let mut joining: Vec<Beside> = Vec::new();
    for one in loaded {
        let number = one.number();
        let plays = followed == Some(number) || beside.contains(&number);
        if coming.contains(&number) && !plays && joining.iter().all(|other| other.number() != number) {
            joining.push(one);
        }
    }
    joining
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_was_loaded_joins_once_and_only_if_it_is_still_wanted() {
        let one = |number: u32| {
            let mut flow = fixture::ping();
            flow.summary.flow = number;
            Beside { flow: Rc::new(flow), list: Rc::default() }
        };
        let joined = |loaded: &[u32], coming: &[u32]| {
            let loaded = loaded.iter().copied().map(one).collect();
            let joined = joining(loaded, &coming.iter().copied().collect(), Some(1), &[2, 3]);
            joined.iter().map(Beside::number).collect::<Vec<u32>>()
        };
        assert_eq!(joined(&[4, 5, 4], &[4, 5]), [4, 5]);
        assert_eq!(joined(&[4, 5], &[5]), [5], "4 was taken back");
        assert_eq!(joined(&[1, 2, 6], &[1, 2, 6]), [6], "1 is followed and 2 plays already");
        assert_eq!(joined(&[4, 5], &[]), [0; 0]);
    }

    #[test]
    fn choosing_joins_and_choosing_again_leaves() {
        assert_eq!(turn(Some(1), &[], 2), Turn::Join);
        assert_eq!(turn(Some(1), &[2, 3], 3), Turn::Leave);
        assert_eq!(turn(Some(1), &[2, 3], 1), Turn::Follow(2));
        assert_eq!(turn(Some(1), &[], 1), Turn::Stay);
        let many: Vec<u32> = (10..10 + BESIDE_MAX as u32).collect();
        assert_eq!(turn(Some(1), &many, 2), Turn::Stay);
    }
}
