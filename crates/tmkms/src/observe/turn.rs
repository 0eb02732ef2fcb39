//! Whether a thread still turns: it says by when it will be heard again, and whoever asks sees
//! whether that time has passed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Nothing is expected.
const NEVER: u64 = u64::MAX;

/// What a thread says of itself. Saying it is one store of a number.
#[derive(Debug)]
pub struct Turn {
    origin: Instant,
    due_ms: AtomicU64,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            due_ms: AtomicU64::new(NEVER),
        }
    }
}

impl Turn {
    /// The thread will be heard again within this time.
    pub fn due(&self, now: Instant, within: Duration) {
        let due = self.since_origin(now).saturating_add(ms(within));
        self.due_ms.store(due, Relaxed);
    }

    /// The thread has ended as it should.
    pub fn ended(&self) {
        self.due_ms.store(NEVER, Relaxed);
    }

    /// For how long it is overdue.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Option<Duration> {
        let late = self
            .since_origin(now)
            .checked_sub(self.due_ms.load(Relaxed))?;
        (late > 0).then(|| Duration::from_millis(late))
    }

    fn since_origin(&self, now: Instant) -> u64 {
        ms(now.saturating_duration_since(self.origin))
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_is_overdue_from_the_time_it_named_until_it_is_heard() {
        let turn = Turn::default();
        let start = Instant::now() + Duration::from_secs(1);
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(turn.overdue(after(1_000_000)), None);
        turn.due(start, Duration::from_secs(5));
        assert_eq!(turn.overdue(after(5_000)), None);
        assert!(turn.overdue(after(5_001)).is_some());
        assert_eq!(turn.overdue(after(65_000)).unwrap().as_secs(), 60);
        turn.due(after(65_000), Duration::from_secs(5));
        assert_eq!(turn.overdue(after(70_000)), None);
        turn.ended();
        assert_eq!(turn.overdue(after(u64::from(u32::MAX))), None);
    }
}
