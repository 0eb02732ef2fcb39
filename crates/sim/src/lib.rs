//! A simulator of everything that can go wrong around the signer's state.
//!
//! The real guard and the real store run over a simulated disk, network and clock, in one
//! thread, entirely determined by a seed. Nodes retry, race, fork and lie; the disk loses, tears
//! and refuses writes; processes crash between any two operations; files are replaced and
//! restored. An oracle that knows only what the world sees watches four promises:
//!
//! 1. No two released signatures conflict: for one height, round and step all are over the same
//!    bytes.
//! 2. No released signature is missing from what a start finds.
//! 3. A signer in good health signs every legitimate request, and starts.
//! 4. After a failed write or sync nothing is permitted until a restart.
//!
//! What is assumed: a synced write stays; a write that was interrupted leaves, at each byte, the
//! old one or the new one; tmkms goes on from a document that is current.
//!
//! What nothing can detect is not simulated: both files restored from backups at once, or one of
//! them while the other is behind; nodes that all lag behind the chain for longer than a signer
//! without any past waits.
//!
//! Three things stop a start for a person to decide, and are counted: tmkms signed another block
//! where this signer had committed one without releasing it; a ring was put back that holds such a
//! record, and another message was signed there meanwhile; and a document cut in the middle of
//! its height, round or step (inside a sector, which no disk does), since it looks like an edit.

mod home;
mod inode;
mod machine;
mod node;
mod operator;
mod oracle;
#[cfg(test)]
mod pairs;
mod run;
mod schedule;
mod stats;
mod subject;

pub use home::{SimDisk, SimHome};
pub use oracle::Violation;
pub use run::{Found, Report, run, run_of, run_schedule, run_schedule_of, trace, trace_of};
pub use stats::Stats;
pub use subject::{Permitted, Process, Real, StartError, Started, Subject, guarded, open};
