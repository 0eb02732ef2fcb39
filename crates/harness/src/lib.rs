//! An acceptance test for any remote signer: the node's side of privval, which listens, asks
//! everything that a node may ask and some of what it must not, and tells what came of it.
//!
//! Invariants:
//! - It listens and never dials.
//! - It knows no private key, and nothing of the signer but what the signer says: of this
//!   project's signer it shares the wire format only.
//! - It asks for signatures of a chain that cannot be live, at heights that no chain reaches,
//!   unless it is forced ([`Ground`]).
//! - It ends: each answer and each return of the signer is waited for a bounded time.
//! - What it did not get to is told as that, and never as passed.

mod cases;
mod fault;
mod ground;
mod key;
mod latency;
mod link;
mod messages;
mod place;
mod plan;
mod play;
mod report;
mod run;
mod text;
mod wire;

pub use ground::{CHAIN, FIRST_HEIGHT, Ground, NoGround};
pub use key::{NotPublicKey, parse_public_key};
pub use latency::{Latency, percentile};
pub use place::{NotPlace, Place};
pub use plan::{Pauses, Plan};
pub use report::{Counts, Finding, Group, Report, Severity, Verdict};
pub use run::{Event, NobodyCame, run};
pub use text::{finding_line, group_title, summary};
