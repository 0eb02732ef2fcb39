//! Percentiles and medians.

use std::time::Duration;

use harness::percentile;

/// What one turn of a signer gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Turn {
    /// Half of the answers took at most this, in µs.
    pub(crate) p50_us: f64,
    /// 99 of 100 answers.
    pub(crate) p99_us: f64,
    /// 999 of 1,000 answers.
    pub(crate) p999_us: f64,
    /// Requests per second over the whole turn.
    pub(crate) per_second: f64,
    /// The signer's memory after the turn (VmRSS), in MiB.
    pub(crate) rss_mib: f64,
    /// The most memory that it ever had (VmHWM), in MiB.
    pub(crate) peak_mib: f64,
}

/// Reads the latencies of a turn.
pub(crate) fn turn(latencies: &mut [Duration], whole: Duration, memory: (f64, f64)) -> Turn {
    latencies.sort_unstable();
    Turn {
        p50_us: percentile(latencies, 0.5),
        p99_us: percentile(latencies, 0.99),
        p999_us: percentile(latencies, 0.999),
        per_second: latencies.len() as f64 / whole.as_secs_f64(),
        rss_mib: memory.0,
        peak_mib: memory.1,
    }
}

/// The middle value; of an even number the mean of the two in the middle. 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    match (sorted.get(lower), sorted.get(upper)) {
        (Some(a), Some(b)) => f64::midpoint(*a, *b),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut latencies: Vec<Duration> = (1..=1000).rev().map(Duration::from_micros).collect();
        let turn = turn(&mut latencies, Duration::from_secs(2), (1.0, 2.0));
        let found = [turn.p50_us, turn.p99_us, turn.p999_us, turn.per_second];
        assert_eq!(found.map(f64::round), [500.0, 990.0, 999.0, 500.0]);
    }

    #[test]
    fn median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median([]), 0.0);
    }
}
