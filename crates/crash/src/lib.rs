//! Kills the real signer and breaks its disk, over and over, and checks everything it released.
//!
//! A recording node ([`world`]) asks the real binary for signatures at full speed, repeats
//! requests, contradicts itself, and writes down all that comes back ([`ledger`]). The signer is
//! killed in every way that there is ([`modes`]), looked at while it is dead ([`autopsy`]), and
//! started again. `docs/crashes.md` has the modes and the last figures.
//!
//! Invariants:
//! - The harness shares no code with what it tests: it has its own copy of the rule ([`rule`]),
//!   and reads the state by the signer's own commands and as tmkms 0.15 would. From the project
//!   it takes the protocol, the made-up node, and the writing of key files.
//! - All choices come from a seed that is printed. When exactly a kill takes effect is the
//!   kernel's choice, so a random kill does not repeat bit by bit; what is enumerated does.
//! - Nothing is left behind: directories are temporary, mounts are in a namespace of their own,
//!   processes are killed by their handle.

pub mod autopsy;
pub mod binary;
pub mod disk;
pub mod error;
pub mod home;
pub mod http;
pub mod ledger;
pub mod modes;
pub mod mounts;
pub mod namespace;
pub mod process;
pub mod report;
pub mod rule;
pub mod script;
pub mod strace;
pub mod world;
