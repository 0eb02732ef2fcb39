//! A connected signer and its public key: asks, verifies, and fails the test otherwise.

use privval::node_side::{Answer, Signed};
use privval::{Canonical, PublicKey};
use testnode::{NodeError, Signer};

use super::{CHAIN, framed};

/// A connection that a signer made.
pub(crate) struct Asker {
    /// The connection.
    pub(crate) signer: Signer,
    /// The validator's public key.
    pub(crate) key: PublicKey,
}

impl Asker {
    /// Asks for the public key, as a node does first.
    pub(crate) fn new(mut signer: Signer) -> Self {
        let key = signer.public_key(CHAIN).unwrap();
        Self { signer, key }
    }

    /// Has it signed; the signature, and that of an (empty) extension, must verify.
    pub(crate) fn sign(&mut self, message: &Canonical) -> Signed {
        self.try_sign(message)
            .unwrap_or_else(|e| panic!("{}: {e}", message.hrs()))
    }

    /// The same where it may fail.
    pub(crate) fn try_sign(&mut self, message: &Canonical) -> Result<Signed, NodeError> {
        self.signer.sign(&self.key, message, &[])
    }

    /// Asks for what must be refused, and returns the description.
    pub(crate) fn refused(&mut self, message: &Canonical) -> String {
        self.refused_bytes(&framed(message)).1
    }

    /// Sends what must be refused, and returns code and description.
    pub(crate) fn refused_bytes(&mut self, framed: &[u8]) -> (i32, String) {
        match self.signer.ask(framed).unwrap() {
            Answer::Refused { code, description } => (code, description),
            other => panic!("not refused: {other:?}"),
        }
    }
}
