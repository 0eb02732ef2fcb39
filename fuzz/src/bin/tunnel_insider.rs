//! Packets of an authentic peer, and of our own netstack. What comes through is from the peer's
//! address and to ours.
//!
//! Input: for each packet a length of two bytes, and its bytes.
//!
//! Longest input: 4096 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tunnel::fuzzing::insider(bytes));
