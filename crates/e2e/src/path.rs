//! What a path does to datagrams, as numbers.

use std::time::{Duration, Instant};

use chance::Rng;

/// IPv4 and UDP headers, without which a limit means nothing to people.
const HEADERS: usize = 28;

/// The faults of a path, the same in both directions. The default has none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Path {
    /// Half of the added round trip, in ms.
    pub delay_ms: u64,
    /// Up to so much more, in ms; the order stays.
    pub jitter_ms: u64,
    /// Of 1,000 datagrams so many are lost.
    pub loss: u64,
    /// Of 1,000 datagrams so many come twice.
    pub duplicates: u64,
    /// Of 1,000 datagrams so many come after later ones.
    pub reordered: u64,
    /// IP packets over this size are lost.
    pub limit: Option<usize>,
    /// Nothing gets through.
    pub is_cut: bool,
}

impl Path {
    /// One that does nothing, to change from.
    pub const GOOD: Self = Self {
        delay_ms: 0,
        jitter_ms: 0,
        loss: 0,
        duplicates: 0,
        reordered: 0,
        limit: None,
        is_cut: false,
    };
}

/// Late enough that what was sent after it comes before it.
const OVERTAKEN: Duration = Duration::from_millis(8);

/// One direction of a path: knows when a datagram comes out of it.
#[derive(Debug)]
pub struct Lane {
    rng: Rng,
    last: Option<Instant>,
}

impl Lane {
    /// A direction whose choices come from a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            last: None,
        }
    }

    /// When a datagram of `len` bytes comes out: never, once or twice.
    pub fn arrivals(&mut self, path: &Path, now: Instant, len: usize) -> Vec<Instant> {
        let too_big = path.limit.is_some_and(|limit| len + HEADERS > limit);
        // All choices are made for each datagram, so that one does not shift those of the next.
        let is_lost = self.rng.below(1000) < path.loss;
        let is_doubled = self.rng.below(1000) < path.duplicates;
        let is_late = self.rng.below(1000) < path.reordered;
        let jitter = self.rng.below(path.jitter_ms * 1000 + 1);
        if path.is_cut || too_big || is_lost {
            return Vec::new();
        }
        let delay = Duration::from_millis(path.delay_ms) + Duration::from_micros(jitter);
        let due = self.last.map_or(now + delay, |last| last.max(now + delay));
        if is_late {
            return vec![due + OVERTAKEN];
        }
        self.last = Some(due);
        vec![due; if is_doubled { 2 } else { 1 }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arrivals of 1,000 datagrams that are sent one ms apart, in ms after they were sent.
    fn delays(path: &Path, seed: u64) -> Vec<Vec<u128>> {
        let start = Instant::now();
        let mut lane = Lane::new(seed);
        let sent = (0..1000).map(|ms| start + Duration::from_millis(ms));
        sent.map(|now| {
            let due = lane.arrivals(path, now, 100);
            due.iter().map(|at| (*at - now).as_millis()).collect()
        })
        .collect()
    }

    #[test]
    fn good_path_delivers_each_datagram_at_once_and_once() {
        assert!(delays(&Path::GOOD, 1).iter().all(|due| *due == [0]));
    }

    #[test]
    fn shares_are_about_what_was_asked_for_and_the_same_for_a_seed() {
        let path = Path {
            loss: 50,
            duplicates: 100,
            ..Path::GOOD
        };
        let found = delays(&path, 7);
        let count = |times: usize| found.iter().filter(|due| due.len() == times).count();
        assert!((30..70).contains(&count(0)), "{} lost", count(0));
        assert!((70..130).contains(&count(2)), "{} doubled", count(2));
        assert_eq!(found, delays(&path, 7));
        assert_ne!(found, delays(&path, 8));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let jitter = Path {
            delay_ms: 10,
            jitter_ms: 30,
            ..Path::GOOD
        };
        let ordered = |path| {
            let delays = delays(path, 3);
            let times = delays.iter().zip(0..).map(|(due, sent)| due[0] + sent);
            times.collect::<Vec<u128>>().is_sorted()
        };
        assert!(ordered(&jitter));
        assert!(!ordered(&Path {
            reordered: 100,
            ..Path::GOOD
        }));
    }

    #[test]
    fn limit_counts_the_headers() {
        let path = Path {
            limit: Some(1280),
            ..Path::GOOD
        };
        let mut lane = Lane::new(1);
        let now = Instant::now();
        assert_eq!(lane.arrivals(&path, now, 1252).len(), 1);
        assert_eq!(lane.arrivals(&path, now, 1253).len(), 0);
    }
}
