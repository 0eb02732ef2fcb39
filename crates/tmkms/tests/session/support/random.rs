//! Random choices that can be repeated (xorshift64*, with its seed printed), and short waits.

use std::time::{Duration, Instant};

/// A source of numbers.
pub(crate) struct Random(u64);

impl Random {
    /// From `TMKMS_TEST_SEED`, else from the system. Printed, so that a failure can be repeated.
    pub(crate) fn new() -> Self {
        let seed = std::env::var("TMKMS_TEST_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| getrandom::u64().unwrap());
        println!("TMKMS_TEST_SEED={seed}");
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

/// Waits for less time than a sleep takes at least.
pub(crate) fn spin(delay: Duration) {
    let started = Instant::now();
    while started.elapsed() < delay {
        std::hint::spin_loop();
    }
}
