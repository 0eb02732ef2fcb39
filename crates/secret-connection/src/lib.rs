//! `SecretConnection`: the authenticated, encrypted link between a CometBFT
//! node and its signer.
//!
//! The wire is the same from CometBFT 0.34 to 2.0 (`p2p/conn/secret_connection.go`,
//! `spec/p2p/legacy-docs/peer.md`): X25519 for forward secrecy, a Merlin
//! transcript signed with Ed25519 for identity, ChaCha20-Poly1305 frames after.
//!
//! The core takes bytes and randomness and returns bytes; [`SecretStream`] is
//! the thin layer that runs it over anything that reads and writes.
//!
//! Invariants:
//! - [`Established`] exists only after the peer proved its identity key over
//!   this very exchange. There is no other way to a [`Sealer`] or an [`Opener`].
//! - No input makes this crate panic, wait on its own, or allocate by a length
//!   the peer claims.
//! - A key is never used twice with one nonce, and never again after a failure.
//! - Identity, ephemeral and session keys, and the shared secret, are wiped when
//!   dropped. The inner state of HKDF on the stack is the one exception: `hkdf`
//!   0.12 offers no way to wipe it.
//!
//! The peer is *some* key holder. Whether it is the right one is for the caller
//! to decide, with [`SecretStream::remote_peer_id`].

mod auth_message;
mod connect;
mod handshake;
mod identity;
mod peer_id;
mod record;
mod session_keys;
mod stream;

pub use connect::{HandshakeFailure, Pause, Stage};
pub use handshake::{
    AwaitAuth, AwaitEphemeral, EPHEMERAL_MESSAGE_LEN, Established, Handshake, HandshakeError,
};
pub use identity::Identity;
pub use peer_id::{PeerId, PeerIdError};
pub use record::{
    MAX_DATA_LEN, OpenError, Opener, SEALED_FRAME_LEN, SealError, SealedFrame, Sealer,
};
pub use stream::{SecretStream, StreamError};
