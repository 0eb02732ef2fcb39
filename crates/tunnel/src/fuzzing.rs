//! For `fuzz/`: what reads foreign bytes, in a fuzzer's hands.

pub use crate::engine::fuzzing::{insider, strangers};
pub use crate::netstack::fuzzing::netstack;
