//! The production path, end to end: the signer's machine, the validator's machine, a bad network
//! between them, and a real sekaid that wants its blocks signed. `docs/tunnel-tests.md` describes
//! the world and the rows.
//!
//! Invariants:
//! - All traffic stays in network namespaces that the run made. They and the processes in them
//!   are gone when the run is, and what a killed run left behind is removed by the next.
//! - Every wait has a deadline, and ends at once when the run is interrupted.
//! - What is checked is data ([`rows`], [`paced`], [`troubles`], [`approaches`]); how it is done stands elsewhere.
//! - A limit in time counts from the end of the fault. Where other work keeps the machine's
//!   cores busy, it grows with the load, which is shown.

#![allow(clippy::print_stdout, reason = "a program for people")]

pub mod approaches;
pub mod asker;
pub mod binaries;
pub mod combination;
pub mod evidence;
pub mod faults;
pub mod firewall;
pub mod flood;
pub mod forwarder;
pub mod gateway;
pub mod latency;
pub mod machine;
pub mod namespace;
pub mod options;
pub mod paced;
pub mod path;
pub mod play;
pub mod process;
pub mod relay;
pub mod rows;
pub mod scene;
pub mod sekai;
pub mod setup;
pub mod signatures;
pub mod signer;
pub mod site;
pub mod stage;
pub mod systemd;
pub mod table;
pub mod troubles;
pub mod tunnel;
pub mod wait;
pub mod waits;
pub mod watch;
pub mod wireguard;
pub mod world;

/// What a step ends with: what it is for, or a text for the developer.
pub type Outcome<T = ()> = Result<T, String>;

/// For `map_err`: says what was to be done.
fn doing<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    let what = what.to_owned();
    move |error| format!("cannot {what}: {error}")
}
