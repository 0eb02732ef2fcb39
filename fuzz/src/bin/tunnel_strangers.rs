//! Datagrams of strangers at a tunnel that has a session: anything, and real ones that were
//! changed. None comes through, moves an endpoint, or fills a log.
//!
//! Input: for each datagram a kind, a place, a length and bytes.
//!
//! Longest input: 2048 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tunnel::fuzzing::strangers(bytes));
