//! The harness tried on signers that are made up: one without a defect, and others with one
//! each, which the named cases must find and no other case.

// Clippy's leave for tests covers `#[test]` functions, not the helpers beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod defects;
mod made_up;
mod runs;
