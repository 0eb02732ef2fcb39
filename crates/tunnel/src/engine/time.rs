//! Time, handed in.

use std::time::{Instant, SystemTime};

/// What the two clocks say at one moment. The engine reads no clock itself, so tests run in
/// virtual time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Never goes back; all timers are counted in it.
    pub(crate) instant: Instant,
    /// What people read; may be set at any moment.
    pub(crate) wall: SystemTime,
}
