//! The remote-signer protocol of CometBFT ("privval"), from 0.34 to 1.0, without any I/O.
//!
//! A node asks its signer for the public key, for signatures of proposals and votes, and pings it.
//! This crate turns bytes into validated requests and answers into bytes; it opens no socket,
//! reads no clock and knows no private key.
//!
//! Invariants:
//! - No input panics: whatever bytes arrive, the outcome is a [`Request`] or an error.
//! - A [`Request`] to sign has been checked in full. Heights and rounds are in range, block ids
//!   are complete or absent, the vote type is known, so the sign bytes are those that the node
//!   will verify.
//! - [`Canonical`] and its sign bytes are two forms of one thing:
//!   `Canonical::parse(&c.sign_bytes()) == Ok(c)`.
//!
//! One schema serves every version, because later versions only added fields and earlier ones
//! skip what they do not know (see `docs/protocol.md`).

mod canonical;
mod frame;
mod proto;
mod reply;
mod request;
mod types;

pub use canonical::{Canonical, CanonicalError, Proposal, Vote, VoteType, extension_sign_bytes};
pub use frame::{Deframer, FrameError, MAX_FRAME_LEN, frame};
pub use proto::Version;
pub use reply::{NODE_READ_LIMIT, RemoteError, Reply, SignatureBytes};
pub use request::{Malformed, RawBytes, RawBytesRequest, Request, SignProposal, SignVote, Subject};
pub use types::{
    BlockId, ChainId, ChainIdError, Height, Hrs, NotHrs, OutOfRange, PublicKey, Round, Step,
    Timestamp,
};

/// The node's side of the protocol: what a node writes and how it reads replies.
///
/// Used by the embedded test node and by tests; the signer itself never needs it.
pub mod node_side;
