//! How long to wait before the next attempt to connect.
//!
//! A node waits about 3 s for its signer when it starts, and then exits. So while an attempt may
//! succeed at any moment the waits stay at or below 500 ms; where somebody has to mend something
//! they grow to 5 s. Half of each wait is random, so that many signers of one node, or many
//! nodes of one signer, do not keep step.

use std::time::Duration;

use super::trouble::Retry;

const FIRST_MS: u64 = 50;
const MAX_SOON_MS: u64 = 500;
const MAX_LATER_MS: u64 = 5_000;

/// The waits of one node, growing until a connection serves.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next wait. `random` is a fresh random number.
    pub(super) fn next(&mut self, retry: Retry, random: u64) -> Duration {
        let limit = match retry {
            Retry::Soon => MAX_SOON_MS,
            Retry::Later => MAX_LATER_MS,
        };
        let full = FIRST_MS
            .saturating_mul(1 << self.attempts.min(10))
            .min(limit);
        self.attempts = self.attempts.saturating_add(1);
        let half = full / 2;
        Duration::from_millis(half.saturating_add(random % half.saturating_add(1)))
    }

    /// How many waits since the last [`Self::reset`].
    #[must_use]
    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Starts over: a connection served a request.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest(retry: Retry, attempts: usize) -> Vec<u128> {
        let mut backoff = Backoff::default();
        // full/2 + full/2 at most; u64::MAX % (half+1) is below half+1.
        (0..attempts)
            .map(|_| {
                let most = (0..600).map(|r| {
                    Backoff {
                        attempts: backoff.attempts,
                    }
                    .next(retry, r)
                });
                let most = most.max().unwrap_or_default().as_millis();
                backoff.next(retry, 0);
                most
            })
            .collect()
    }

    #[test]
    fn first_attempts_follow_within_100_ms() {
        assert!(longest(Retry::Soon, 2).iter().all(|ms| *ms <= 100));
    }

    #[test]
    fn waits_grow_to_500_ms_while_the_node_may_start_at_any_moment() {
        let waits = longest(Retry::Soon, 20);
        assert!(waits.iter().all(|ms| *ms <= 500), "{waits:?}");
        assert!(waits.is_sorted(), "{waits:?}");
        assert_eq!(waits.last(), Some(&500));
    }

    #[test]
    fn waits_grow_to_5_s_where_waiting_does_not_mend_it() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.next(Retry::Later, 2_500)).collect();
        assert_eq!(waits.last(), Some(&Duration::from_secs(5)));
        assert!(waits.iter().all(|w| *w <= Duration::from_secs(5)));
    }

    #[test]
    fn reset_starts_over_and_no_random_number_overflows() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.next(Retry::Later, u64::MAX);
        }
        backoff.reset();
        assert!(backoff.next(Retry::Soon, u64::MAX) <= Duration::from_millis(50));
    }
}
