//! Waiting with a deadline.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks `probe` every 20 ms until it answers, and returns the answer.
///
/// # Panics
/// When `patience` has passed without an answer; `what` names the thing waited for.
pub fn until<T>(what: &str, patience: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            start.elapsed() < patience,
            "waited {} s in vain: {what}",
            patience.as_secs()
        );
        sleep(Duration::from_millis(20));
    }
}
