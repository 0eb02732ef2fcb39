//! scaller with a sekaid that is a shell script, and with a home that is broken at every step.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests: a panic is how a test fails, printing is how it shows progress"
)]

mod home;
mod interrupted;
mod main_process;
mod refusals;
mod supervised;
