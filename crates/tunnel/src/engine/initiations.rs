//! What the peer's initiations tell about its clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many different old ones, and it is not the network's doing.
const TELL_AFTER: u32 = 2;
/// Initiations that are remembered, to know an echo.
const REMEMBERED: usize = 8;
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Initiations {
    seen: VecDeque<[u8; 32]>,
    old: u32,
    last: Option<Instant>,
}

impl Initiations {
    pub(super) fn accepted(&mut self, ephemeral: [u8; 32]) {
        self.old = 0;
        self.remember(ephemeral);
    }

    /// An authentic one that is not newer than the last. Returns whether it is time to do
    /// something: it is one of several, and the last time is a second ago.
    pub(super) fn is_old_again(&mut self, now: Instant, ephemeral: [u8; 32]) -> bool {
        if self.seen.contains(&ephemeral) {
            return false;
        }
        self.remember(ephemeral);
        self.old = self.old.saturating_add(1);
        let recent = |at: Instant| now.saturating_duration_since(at) < INTERVAL;
        if self.old < TELL_AFTER || self.last.is_some_and(recent) {
            return false;
        }
        self.last = Some(now);
        true
    }

    fn remember(&mut self, ephemeral: [u8; 32]) {
        self.seen.push_back(ephemeral);
        if self.seen.len() > REMEMBERED {
            self.seen.pop_front();
        }
    }
}
