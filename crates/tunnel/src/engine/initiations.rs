//! What the peer's initiations tell about its clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many different old ones, and it is not the network's doing.
const TELL_AFTER: u32 = 2;
/// Nor is one that comes so long after the newer one: no path turns those round.
const SETTLED: Duration = Duration::from_secs(2);
/// Initiations that are remembered, to know an echo.
const REMEMBERED: usize = 8;
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Initiations {
    seen: VecDeque<[u8; 32]>,
    accepted: Option<Instant>,
    old: u32,
    last: Option<Instant>,
}

impl Initiations {
    pub(super) fn accepted(&mut self, now: Instant, ephemeral: [u8; 32]) {
        self.old = 0;
        self.accepted = Some(now);
        self.remember(ephemeral);
    }

    /// An authentic one that is not newer than the last. Returns whether it is time to do
    /// something: the network cannot have done it, and the last time is a second ago.
    pub(super) fn is_told(&mut self, now: Instant, ephemeral: [u8; 32]) -> bool {
        if self.seen.contains(&ephemeral) {
            return false;
        }
        self.remember(ephemeral);
        self.old = self.old.saturating_add(1);
        let within = |at: Instant, span| now.saturating_duration_since(at) < span;
        let reordered = self.accepted.is_some_and(|at| within(at, SETTLED));
        if (reordered && self.old < TELL_AFTER) || self.last.is_some_and(|at| within(at, INTERVAL))
        {
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
