//! The handshake without I/O, a Station-to-Station exchange (CometBFT
//! `MakeSecretConnection`): each end sends an ephemeral X25519 key in the clear,
//! then, sealed, its identity key and a signature over the transcript.
//!
//! Invariants:
//! - Each state is consumed by its step, so none can be run twice; an error ends
//!   the handshake. [`Established`] is made in [`AwaitAuth::handle`] only.
//! - Refused: keys of low order, our own ephemeral key or identity sent back to
//!   us, any key that is not Ed25519, weak Ed25519 keys, wrong signatures, and
//!   messages of any other shape.

use subtle::ConstantTimeEq;
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::auth_message::AuthMessage;
use crate::record::{OpenError, Opener, SEALED_FRAME_LEN, SealedFrame, Sealer};
use crate::{Identity, PeerId, session_keys};

/// Length in bytes of the first message, the same in each direction.
pub const EPHEMERAL_MESSAGE_LEN: usize = EPHEMERAL_PREFIX.len() + 32;

/// `BytesValue` of 34 bytes, field 1, 32 bytes: every version sends exactly this.
const EPHEMERAL_PREFIX: [u8; 3] = [0x22, 0x0a, 0x20];

/// The way into the handshake.
pub struct Handshake;

impl Handshake {
    /// Begins as either end (the protocol has no client or server). Returns the
    /// bytes to send at once, without waiting for the peer.
    ///
    /// `ephemeral_secret` must be fresh from the system's random source for each
    /// connection: with a repeated one past traffic can be read, and a record
    /// key may meet the same nonce twice. The caller wipes its own copy.
    #[must_use]
    pub fn start(
        identity: &Identity,
        mut ephemeral_secret: [u8; 32],
    ) -> (AwaitEphemeral<'_>, [u8; EPHEMERAL_MESSAGE_LEN]) {
        let secret = Box::new(StaticSecret::from(ephemeral_secret));
        ephemeral_secret.zeroize();
        let public = PublicKey::from(&*secret).to_bytes();
        let state = AwaitEphemeral {
            identity,
            secret,
            public,
        };
        (state, encode_ephemeral(&public))
    }
}

/// Our ephemeral key is sent, the peer's is due.
pub struct AwaitEphemeral<'a> {
    identity: &'a Identity,
    // Wiped on drop.
    secret: Box<StaticSecret>,
    public: [u8; 32],
}

impl AwaitEphemeral<'_> {
    /// Whether what arrived so far can become a first message. Lets a caller
    /// refuse a peer that speaks another protocol without waiting for more.
    ///
    /// # Errors
    /// [`HandshakeError::NotSecretConnection`].
    pub fn check_prefix(received: &[u8]) -> Result<(), HandshakeError> {
        if received.iter().zip(EPHEMERAL_PREFIX).all(|(a, b)| *a == b) {
            Ok(())
        } else {
            Err(HandshakeError::NotSecretConnection)
        }
    }

    /// Takes the peer's first message, [`EPHEMERAL_MESSAGE_LEN`] bytes. Returns
    /// the sealed frame to send.
    ///
    /// # Errors
    /// [`HandshakeError`]; the handshake is over.
    pub fn handle(self, message: &[u8]) -> Result<(AwaitAuth, Vec<u8>), HandshakeError> {
        let remote = decode_ephemeral(message)?;
        if remote == self.public {
            return Err(HandshakeError::ReflectedEphemeral);
        }
        let shared = self.secret.diffie_hellman(&PublicKey::from(remote));
        if !shared.was_contributory() {
            return Err(HandshakeError::LowOrderPoint);
        }
        let (lower, upper) = (self.public.min(remote), self.public.max(remote));
        let keys = session_keys::record_keys(shared.as_bytes(), self.public == lower);
        let next = AwaitAuth {
            sealer: Sealer::new(&keys.send),
            opener: Opener::new(&keys.receive),
            challenge: session_keys::challenge(&lower, &upper, shared.as_bytes()),
            local_public_key: self.identity.public_key(),
        };
        next.with_own_auth(self.identity)
    }
}

/// The keys are agreed, the proof of the peer's identity is due.
pub struct AwaitAuth {
    sealer: Sealer,
    opener: Opener,
    challenge: Zeroizing<[u8; 32]>,
    local_public_key: [u8; 32],
}

impl AwaitAuth {
    fn with_own_auth(mut self, identity: &Identity) -> Result<(Self, Vec<u8>), HandshakeError> {
        let message = AuthMessage {
            public_key: self.local_public_key,
            signature: identity.sign(&self.challenge),
        };
        let mut sealed = Vec::with_capacity(SEALED_FRAME_LEN);
        self.sealer
            .seal(&message.encode(), &mut sealed)
            .map_err(|_| HandshakeError::Record(OpenError::Exhausted))?;
        Ok((self, sealed))
    }

    /// Takes the peer's sealed frame, [`SEALED_FRAME_LEN`] bytes. Every version
    /// fits its proof in one.
    ///
    /// # Errors
    /// [`HandshakeError`]; the handshake is over.
    pub fn handle(mut self, frame: &[u8]) -> Result<Established, HandshakeError> {
        let mut frame: SealedFrame =
            frame
                .try_into()
                .map_err(|_| HandshakeError::MessageLength {
                    expected: SEALED_FRAME_LEN,
                    found: frame.len(),
                })?;
        let message = AuthMessage::decode(self.opener.open(&mut frame)?)?;
        verify(&message, &self.challenge)?;
        // The challenge is the same for both ends, so whoever sits in between
        // could return our own proof to us.
        if message.public_key.ct_eq(&self.local_public_key).into() {
            return Err(HandshakeError::ReflectedIdentity);
        }
        Ok(Established {
            sealer: self.sealer,
            opener: self.opener,
            remote_public_key: message.public_key,
        })
    }
}

/// The outcome: record keys, and a peer that proved to hold its identity key.
pub struct Established {
    sealer: Sealer,
    opener: Opener,
    remote_public_key: [u8; 32],
}

impl Established {
    /// The peer's Ed25519 public key, proven.
    #[must_use]
    pub const fn remote_public_key(&self) -> &[u8; 32] {
        &self.remote_public_key
    }

    /// The fingerprint of the peer's key.
    #[must_use]
    pub fn remote_peer_id(&self) -> PeerId {
        PeerId::from_public_key(&self.remote_public_key)
    }

    /// The two directions of the record layer. Each has used its first nonce.
    #[must_use]
    pub fn into_records(self) -> (Sealer, Opener) {
        (self.sealer, self.opener)
    }
}

/// Why a handshake was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HandshakeError {
    /// The first bytes belong to another protocol.
    #[error("its first bytes are not those of a SecretConnection")]
    NotSecretConnection,
    /// A message of the wrong length.
    #[error("a handshake message has {found} bytes instead of {expected}")]
    MessageLength {
        /// What the protocol prescribes, in bytes.
        expected: usize,
        /// What was given, in bytes.
        found: usize,
    },
    /// The X25519 key leads to an all-zero secret (RFC 7748, section 6.1; the
    /// attack: IACR ePrint 2019/526).
    #[error("its ephemeral key is a point of low order, as only an attacker sends it")]
    LowOrderPoint,
    /// Our own X25519 key came back.
    #[error("it sent our own ephemeral key back")]
    ReflectedEphemeral,
    /// The sealed frame could not be opened.
    #[error("its proof of identity cannot be opened: {0}")]
    Record(#[from] OpenError),
    /// Opened, but not an `AuthSigMessage`.
    #[error("its proof of identity is malformed")]
    MalformedAuthMessage,
    /// An identity key of another kind.
    #[error("its identity key is not an Ed25519 key")]
    KeyNotEd25519,
    /// The signature does not match the key and this exchange.
    #[error("its signature does not match its identity key and this connection")]
    BadSignature,
    /// Our own identity came back.
    #[error(
        "it has the same identity key as this end; give each end its own key, or someone returns our messages to us"
    )]
    ReflectedIdentity,
}

impl HandshakeError {
    /// Whether the peer merely talks nonsense, as opposed to failing a
    /// cryptographic check.
    #[must_use]
    pub const fn is_garbage(&self) -> bool {
        matches!(
            self,
            Self::NotSecretConnection | Self::MessageLength { .. } | Self::MalformedAuthMessage
        )
    }
}

fn encode_ephemeral(public: &[u8; 32]) -> [u8; EPHEMERAL_MESSAGE_LEN] {
    let mut message = [0; EPHEMERAL_MESSAGE_LEN];
    let (prefix, key) = message.split_at_mut(EPHEMERAL_PREFIX.len());
    prefix.copy_from_slice(&EPHEMERAL_PREFIX);
    key.copy_from_slice(public);
    message
}

fn decode_ephemeral(message: &[u8]) -> Result<[u8; 32], HandshakeError> {
    AwaitEphemeral::check_prefix(message)?;
    message
        .strip_prefix(&EPHEMERAL_PREFIX)
        .and_then(|key| key.try_into().ok())
        .ok_or(HandshakeError::MessageLength {
            expected: EPHEMERAL_MESSAGE_LEN,
            found: message.len(),
        })
}

/// Strict: a weak key would accept signatures that nobody made. Go is laxer
/// (ZIP-215), but honest nodes pass both.
fn verify(message: &AuthMessage, challenge: &[u8; 32]) -> Result<(), HandshakeError> {
    let signature = ed25519_dalek::Signature::from_bytes(&message.signature);
    ed25519_dalek::VerifyingKey::from_bytes(&message.public_key)
        .and_then(|key| key.verify_strict(challenge, &signature))
        .map_err(|_| HandshakeError::BadSignature)
}

#[cfg(test)]
mod tests;
