//! The guard against double signing: rules, state and permits, without any I/O.
//!
//! Everything that this project promises hangs on a few lines here, so they are kept apart from
//! sockets, disks and keys. A request comes in as a [`privval::Canonical`], goes through
//! [`decide`], is made durable by a [`Store`], and only then becomes a [`SignPermit`].
//!
//! Invariants, each held by a type or by a test:
//! - A provider signs a [`Permit`] and nothing else, and only this crate can make one. Code that
//!   signs without having asked does not compile.
//! - Persist, then speak: a permit for a new height, round or step exists only after
//!   [`Store::commit`] has returned `Ok` for exactly its bytes.
//! - Memory never runs ahead of the disk: the state changes after the commit. After a failed
//!   commit the guard permits nothing until the process has started again and read the disk.
//! - For one height, round and step, all permitted bytes are the same bytes.
//! - One [`Guard`] is one lock: `permit` takes `&mut self`, so two requests are never judged
//!   against the same state.
//!
//! ```compile_fail
//! // A permit cannot be made outside this crate…
//! let permit = guard::SignPermit { signed: todo!(), sign_bytes: vec![], is_replay: false };
//! ```
//! ```compile_fail
//! // …nor copied.
//! fn twice(permit: guard::SignPermit) -> (guard::SignPermit, guard::SignPermit) {
//!     (permit.clone(), permit)
//! }
//! ```

#[cfg(feature = "contract")]
pub mod contract;
mod guard;
mod mark;
mod permit;
mod refusal;
mod rules;
mod store;

pub use guard::{Guard, RawBytesPolicy};
pub use mark::{Knowledge, Mark};
pub use permit::{ExtensionPermit, Permit, RawBytesPermit, SignPermit};
pub use refusal::{CAUSES, Refusal};
pub use rules::{Decision, WAIT, Waiting, decide};
pub use store::{Store, StoreError};
