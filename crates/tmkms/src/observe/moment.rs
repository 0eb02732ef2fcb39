//! A moment on two clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When something happened: on a clock that nobody sets, for durations, and on the clock of the
/// day, for others to compare with theirs.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    instant: Instant,
    wall: SystemTime,
}

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// On the clock that nobody sets.
    #[must_use]
    pub fn instant(&self) -> Instant {
        self.instant
    }

    /// How long it is ago.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.instant)
    }

    /// The same in whole seconds.
    #[must_use]
    pub fn age_s(&self, now: Instant) -> u64 {
        self.age(now).as_secs()
    }

    /// The time of day, in milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        let since = self.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// The time of day.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.wall
    }
}
