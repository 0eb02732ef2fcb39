//! What a peer does to TCP inside the tunnel: packets of any kind, segments that fit a connection or
//! nearly, pauses, while our side dials, admits, writes and closes. What is kept stays within its
//! bounds, and only TCP from our own address goes out.
//!
//! Input: for each step a kind, two choices and a length, then so many bytes.
//!
//! Longest input: 2048 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tunnel::fuzzing::netstack(bytes));
