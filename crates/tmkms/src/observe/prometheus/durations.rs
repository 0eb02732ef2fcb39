//! Durations as a histogram, in seconds.
//!
//! The bounds are those at which the records count exactly: one nanosecond below a power of two.

use super::text::Text;
use crate::observe::document::Percentiles;

/// From 2¹² ns, 4 µs, to 2³³ ns, 8.6 s.
const POWERS: std::ops::RangeInclusive<u32> = 12..=33;

/// The samples of one histogram.
pub(super) fn histogram(text: &mut Text, labels: &[(&str, &str)], durations: &Percentiles) {
    let mut with = |le: &str, count: u64| {
        let mut labels = labels.to_vec();
        labels.push(("le", le));
        text.sample_of("_bucket", &labels, count);
    };
    for power in POWERS {
        let le_ns = (1_u64 << power) - 1;
        let within = durations.buckets.iter().filter(|it| it.le_ns <= le_ns);
        let count = within.fold(0_u64, |sum, it| sum.saturating_add(it.count));
        with(&seconds(le_ns), count);
    }
    with("+Inf", durations.count);
    text.sample_of("_sum", labels, seconds(durations.sum_ns));
    text.sample_of("_count", labels, durations.count);
}

/// With all its nanoseconds, which a floating-point number would round.
fn seconds(ns: u64) -> String {
    format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::latency::Histogram;
    use std::time::Duration;

    #[test]
    fn each_duration_is_counted_from_its_own_bucket_on() {
        let durations = Histogram::default();
        for ns in [4_095, 4_096, 1 << 33, 90_000_000_000] {
            durations.record(Duration::from_nanos(ns));
        }
        let mut text = Text::default();
        text.family("x_seconds", super::super::text::Kind::Histogram, "x");
        histogram(&mut text, &[("chain", "a")], &durations.percentiles());
        let text = text.into_string();
        for line in [
            "x_seconds_bucket{chain=\"a\",le=\"0.000004095\"} 1",
            "x_seconds_bucket{chain=\"a\",le=\"0.000008191\"} 2",
            "x_seconds_bucket{chain=\"a\",le=\"8.589934591\"} 2",
            "x_seconds_bucket{chain=\"a\",le=\"+Inf\"} 4",
            "x_seconds_sum{chain=\"a\"} 98.589942783",
            "x_seconds_count{chain=\"a\"} 4",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
