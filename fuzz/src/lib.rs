//! What the fuzz targets share: reading choices out of the fuzzer's bytes, and the other side of
//! each thing that is fuzzed.
//!
//! Invariants:
//! - One input is one run: nothing here keeps anything between two inputs but what is computed
//!   from constants.
//! - The other side is written without the code that is fuzzed, so that one mistake is not made
//!   twice.

pub mod input;
pub mod memory_home;
pub mod peer;
pub mod rule;
pub mod samples;
pub mod wire;

// What is built with coverage needs somebody to report it to.
#[cfg(test)]
use libfuzzer_sys as _;
