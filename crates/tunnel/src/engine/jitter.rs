//! Randomness that protects nothing: it only keeps two ends out of step.

use std::time::Duration;

/// SplitMix64. Its seed is handed in, so that a test can be told again.
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between four fifths of the time and all of it.
    pub(super) fn shorten(&mut self, time: Duration) -> Duration {
        time * 4 / 5 + time / 5 * (self.next() % 1024) as u32 / 1024
    }
}
