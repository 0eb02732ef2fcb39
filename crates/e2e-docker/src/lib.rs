//! The deployment kit, end to end: Docker daemons of the run's own, the images, the compose files
//! and the scripts of `deploy/`, and a real sekaid whose blocks are to be signed.
//! `docs/docker-tests.md` describes the scenes.
//!
//! Invariants:
//! - Each daemon has a network namespace, a mount namespace and process ids of its own. Nothing
//!   of it is left when the run is over, also when it is killed; nothing goes to the internet.
//! - Commands of documents are run as they stand: a change of the document changes the test.
//! - Every wait has a deadline.

#![allow(clippy::print_stdout, reason = "a program for people")]

pub mod chain;
pub mod compilers;
pub mod daemon;
pub mod document;
pub mod guide;
pub mod images;
pub mod kit;
pub mod machine;
pub mod options;
pub mod original;
pub mod play;
pub mod scenes;
pub mod shell;
pub mod stage;

pub use e2e::Outcome;

/// For `map_err`: says what was to be done.
fn doing<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    let what = what.to_owned();
    move |error| format!("cannot {what}: {error}")
}
