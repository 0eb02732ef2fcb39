//! Time as smoltcp sees it: faster than ours.
//!
//! smoltcp never waits less than 1 s before it sends a lost segment again (RFC 6298, 2.4), and
//! doubles from there up to 60 s. A node waits 1 to 3 s for a signature, so one lost segment would
//! cost a block. The bounds cannot be configured, but time is an argument: a clock that runs
//! [`SPEED`] times as fast makes them 25 ms and 1.5 s, with everything between still measured,
//! since smoltcp sees the round trips through the same clock. What else it counts in seconds
//! shrinks as well: TIME-WAIT to 250 ms, challenge ACKs to 40 in a second. Durations that are ours
//! to set pass through [`Clock::span`].

use std::time::{Duration, Instant};

/// How much faster smoltcp's clock runs.
///
/// At 40 a segment that is lost on a path of 20 ms costs about 50 ms; and after a cut of the path
/// the next attempt comes within 1.5 s. Shorter waits would take the delayed ACKs of other TCPs
/// (40 ms on Linux) for losses in each exchange, not only in the first ones.
pub(super) const SPEED: u32 = 40;

/// Turns our time into smoltcp's and back.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin }
    }

    /// Our moment, in smoltcp's time. It starts at 1 s, because smoltcp uses 0 for "at once".
    pub(super) fn at(&self, now: Instant) -> smoltcp::time::Instant {
        let micros = now.saturating_duration_since(self.origin).as_micros();
        let micros = micros.saturating_mul(u128::from(SPEED));
        let micros = i64::try_from(micros).unwrap_or(i64::MAX / 2);
        smoltcp::time::Instant::from_micros(micros.saturating_add(1_000_000))
    }

    /// smoltcp's moment, in our time, never too early.
    pub(super) fn real(&self, at: smoltcp::time::Instant) -> Instant {
        let micros = u64::try_from(at.total_micros().saturating_sub(1_000_000)).unwrap_or(0);
        self.origin + Duration::from_micros(micros.div_ceil(u64::from(SPEED)))
    }

    /// A duration of ours, in smoltcp's time.
    pub(super) fn span(duration: Duration) -> smoltcp::time::Duration {
        let micros = duration.as_micros().saturating_mul(u128::from(SPEED));
        smoltcp::time::Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX / 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_and_never_earlier() {
        let origin = Instant::now();
        let clock = Clock::new(origin);
        for micros in [0, 1, 24_999, 25_000, 1_000_000_007] {
            let moment = origin + Duration::from_micros(micros);
            assert_eq!(clock.real(clock.at(moment)), moment);
        }
        let between = clock.at(origin) + smoltcp::time::Duration::from_micros(1);
        assert_eq!(clock.real(between), origin + Duration::from_micros(1));
    }

    #[test]
    fn a_second_of_smoltcp_is_25_ms_of_ours() {
        let origin = Instant::now();
        let clock = Clock::new(origin);
        let second = smoltcp::time::Duration::from_secs(1);
        assert_eq!(
            clock.real(clock.at(origin) + second) - origin,
            Duration::from_millis(25)
        );
        assert_eq!(Clock::span(Duration::from_millis(25)), second);
    }
}
