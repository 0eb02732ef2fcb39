//! Permits: the only things that a provider signs.
//!
//! Invariants: the fields are private and there is no constructor outside this crate, no
//! `Clone`, no way to change the bytes.

use privval::{Canonical, Timestamp, extension_sign_bytes};

/// The right to sign, once, exactly the bytes in it.
#[derive(Debug)]
pub enum Permit {
    /// A vote or a proposal.
    Sign(SignPermit),
    /// A vote extension.
    Extension(ExtensionPermit),
    /// Bytes that are neither.
    RawBytes(RawBytesPermit),
}

impl Permit {
    /// What may be signed.
    #[must_use]
    pub fn sign_bytes(&self) -> &[u8] {
        match self {
            Self::Sign(permit) => &permit.sign_bytes,
            Self::Extension(permit) => &permit.sign_bytes,
            Self::RawBytes(permit) => &permit.sign_bytes,
        }
    }
}

/// The right to sign one vote or proposal, which the store holds already.
#[derive(Debug)]
#[must_use = "the mark is committed; without the signature the node misses a vote"]
pub struct SignPermit {
    signed: Canonical,
    sign_bytes: Vec<u8>,
    is_replay: bool,
}

impl SignPermit {
    /// Only after a commit of `signed`, or for what the mark says was signed.
    pub(crate) fn new(signed: Canonical, is_replay: bool) -> Self {
        Self {
            sign_bytes: signed.sign_bytes(),
            signed,
            is_replay,
        }
    }

    /// The time that is signed: the request's, or that of the signature given again.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.signed.timestamp()
    }

    /// True when this was signed before and the same signature is given again.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// The right to sign the extension that comes with this vote, if it is a precommit for a
    /// block.
    ///
    /// An extension is not evidence of anything, so a repeated vote may come with another one
    /// (as with CometBFT's FilePV).
    #[must_use]
    pub fn extension(&self, extension: &[u8]) -> Option<ExtensionPermit> {
        let Canonical::Vote(vote) = &self.signed else {
            return None;
        };
        vote.may_be_extended().then(|| ExtensionPermit {
            sign_bytes: extension_sign_bytes(&vote.chain_id, vote.height, vote.round, extension),
        })
    }
}

/// The right to sign one vote extension.
#[derive(Debug)]
pub struct ExtensionPermit {
    sign_bytes: Vec<u8>,
}

/// The right to sign bytes that cannot be taken for a vote, a proposal or an extension.
#[derive(Debug)]
pub struct RawBytesPermit {
    sign_bytes: Vec<u8>,
}

impl RawBytesPermit {
    /// Only after the check against consensus messages.
    pub(crate) fn new(sign_bytes: Vec<u8>) -> Self {
        Self { sign_bytes }
    }
}

impl From<SignPermit> for Permit {
    fn from(permit: SignPermit) -> Self {
        Self::Sign(permit)
    }
}

impl From<ExtensionPermit> for Permit {
    fn from(permit: ExtensionPermit) -> Self {
        Self::Extension(permit)
    }
}

impl From<RawBytesPermit> for Permit {
    fn from(permit: RawBytesPermit) -> Self {
        Self::RawBytes(permit)
    }
}
