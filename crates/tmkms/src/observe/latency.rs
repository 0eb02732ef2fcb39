//! How long things took: counted in buckets, so that recording costs the same however many there
//! were.
//!
//! Invariant: a percentile that is told is never below the true one, and at most 1/16 above it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::document;

/// Buckets for each power of two: 2⁴.
const BITS: u32 = 4;

/// The last power of two with buckets of its own: from 137 s on there is one bucket only.
const TOP: u32 = 36;

const BUCKETS: usize = ((TOP - BITS + 2) << BITS) as usize;

/// Durations of one kind since the start of the process. Recording takes no lock.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    max_ns: AtomicU64,
    sum_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            max_ns: AtomicU64::new(0),
            sum_ns: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket(ns)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.max_ns.fetch_max(ns, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn percentiles(&self) -> document::Percentiles {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|count| count.load(Relaxed))
            .collect();
        let count = counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
        let max_ns = self.max_ns.load(Relaxed);
        let at = |percent| percentile(&counts, count, percent).min(max_ns);
        document::Percentiles {
            count,
            p50_ns: at(50),
            p99_ns: at(99),
            max_ns,
            sum_ns: self.sum_ns.load(Relaxed),
            buckets: by_power(&counts),
        }
    }
}

/// The counts for each power of two, without the empty ones.
fn by_power(counts: &[u64]) -> Vec<document::Bucket> {
    let mut found: Vec<document::Bucket> = Vec::new();
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // What is too long for all others is in the last one.
        let le_ns = match index {
            index if index >= BUCKETS - 1 => u64::MAX,
            index => longest(index).saturating_add(1).next_power_of_two() - 1,
        };
        match found.last_mut() {
            Some(last) if last.le_ns == le_ns => last.count = last.count.saturating_add(*count),
            _ => found.push(document::Bucket {
                le_ns,
                count: *count,
            }),
        }
    }
    found
}

/// The bucket of a duration: linear below 2⁴ ns, then 2⁴ for each power of two.
fn bucket(ns: u64) -> usize {
    let power = ns.max(1).ilog2();
    let index = if power < BITS {
        ns
    } else {
        let shift = power.min(TOP) - BITS;
        let within = (ns >> shift).min((2 << BITS) - 1);
        (u64::from(shift) << BITS).saturating_add(within)
    };
    usize::try_from(index).map_or(BUCKETS - 1, |index| index.min(BUCKETS - 1))
}

/// The longest duration that falls into a bucket.
fn longest(bucket: usize) -> u64 {
    let index = u64::try_from(bucket).unwrap_or(u64::MAX);
    let shift = (index >> BITS).saturating_sub(1);
    let within = index - (shift << BITS);
    ((within + 1) << shift) - 1
}

/// Of so many durations, sorted, the one at this percentile (the nearest rank).
fn percentile(counts: &[u64], count: u64, percent: u64) -> u64 {
    let rank = count.saturating_mul(percent).div_ceil(100);
    let mut seen = 0_u64;
    for (bucket, n) in counts.iter().enumerate() {
        seen = seen.saturating_add(*n);
        if *n > 0 && seen >= rank {
            return longest(bucket);
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        let mut from = 0;
        for index in 0..BUCKETS {
            assert_eq!(bucket(from), index, "{from}");
            assert_eq!(bucket(longest(index)), index, "{from}");
            from = longest(index) + 1;
        }
        assert_eq!(from, 1 << (TOP + 1));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_never_below_the_true_ones_and_at_most_a_sixteenth_above() {
        let histogram = Histogram::default();
        // 1 µs to 10 ms, each once.
        for us in 1..=10_000 {
            histogram.record(Duration::from_micros(us));
        }
        let found = histogram.percentiles();
        assert_eq!((found.count, found.max_ns), (10_000, 10_000_000));
        assert_eq!(found.sum_ns, 10_000 * 10_001 / 2 * 1_000);
        for (told, exact) in [(found.p50_ns, 5_000_000_u64), (found.p99_ns, 9_900_000)] {
            assert!(
                told >= exact && told <= exact + exact / 16,
                "{told} {exact}"
            );
        }
    }

    #[test]
    fn one_duration_is_every_percentile_and_none_is_zero() {
        let histogram = Histogram::default();
        assert_eq!(histogram.percentiles(), document::Percentiles::default());
        histogram.record(Duration::from_nanos(131_071));
        let found = histogram.percentiles();
        let all = [found.p50_ns, found.p99_ns, found.max_ns];
        assert_eq!(all, [131_071; 3]);
    }

    #[test]
    fn buckets_that_are_told_end_below_a_power_of_two_and_hold_all_of_it() {
        let histogram = Histogram::default();
        for ns in [
            0,
            1,
            2,
            3,
            15,
            16,
            1_023,
            1_024,
            1_500,
            2_047,
            2_048,
            u64::MAX,
        ] {
            histogram.record(Duration::from_nanos(ns));
        }
        let told = histogram.percentiles().buckets;
        let told: Vec<_> = told.iter().map(|it| (it.le_ns, it.count)).collect();
        let expected = [
            (0, 1),
            (1, 1),
            (3, 2),
            (15, 1),
            (31, 1),
            (1_023, 1),
            (2_047, 3),
            (4_095, 1),
            (u64::MAX, 1),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn duration_beyond_all_buckets_is_counted_and_its_length_kept() {
        let histogram = Histogram::default();
        histogram.record(Duration::MAX);
        let found = histogram.percentiles();
        assert_eq!((found.count, found.max_ns), (1, u64::MAX));
        assert!(found.p50_ns >= 137_000_000_000);
    }
}
