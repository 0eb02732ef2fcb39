//! Waiting with a deadline, and with an ear for the developer who has seen enough.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Outcome, doing};

/// Between two looks.
const PULSE: Duration = Duration::from_millis(10);

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on SIGINT and SIGTERM end every wait, so that the run can clean up.
///
/// # Errors
/// When the system refuses a handler.
pub fn listen_for_interrupts() -> Outcome {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .map_err(doing("handle interrupts"))?;
    }
    Ok(())
}

/// Whether the run is to end.
pub fn is_interrupted() -> bool {
    INTERRUPTED
        .get()
        .is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Asks `probe` until it answers.
///
/// # Errors
/// When `patience` has passed without an answer, or the run is interrupted.
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Outcome<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        if is_interrupted() {
            return Err("interrupted".to_owned());
        }
        if start.elapsed() >= patience {
            let seconds = patience.as_secs_f32();
            return Err(format!("waited {seconds:.1} s in vain until {what}"));
        }
        sleep(PULSE);
    }
}

/// Lets time pass.
///
/// # Errors
/// When the run is interrupted.
pub fn pause(time: Duration) -> Outcome {
    let end = Instant::now() + time;
    let over = until("time passes", time + PULSE * 10, || {
        (Instant::now() >= end).then_some(())
    });
    over.or_else(|text| if is_interrupted() { Err(text) } else { Ok(()) })
}
