//! How long answers took.

use std::time::Duration;

use serde::Serialize;

/// What many requests in a row took, as the node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// How many requests.
    pub requests: usize,
    /// Half of the answers took at most this.
    pub p50_us: f64,
    /// 99 of 100 answers.
    pub p99_us: f64,
    /// All of them.
    pub max_us: f64,
}

impl Latency {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self {
            requests: times.len(),
            p50_us: percentile(&times, 0.5),
            p99_us: percentile(&times, 0.99),
            max_us: percentile(&times, 1.0),
        }
    }
}

/// The nearest rank of sorted times, in µs: the smallest that a share of all does not exceed.
#[must_use]
pub fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let value = sorted.get(rank.max(1) - 1).copied().unwrap_or_default();
    value.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times = (1..=100).rev().map(Duration::from_micros).collect();
        let latency = Latency::of(times);
        let found = [latency.p50_us, latency.p99_us, latency.max_us];
        assert_eq!(found.map(f64::round), [50.0, 99.0, 100.0]);
        assert_eq!(percentile(&[], 0.5).round(), 0.0);
        assert_eq!(percentile(&[Duration::from_micros(7)], 0.5).round(), 7.0);
    }
}
