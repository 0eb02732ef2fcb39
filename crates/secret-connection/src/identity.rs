//! The key with which this end proves who it is.
//!
//! Invariant: the secret stays at one place on the heap, is wiped on drop, and
//! can be neither printed nor cloned.

use ed25519_dalek::{Signer, SigningKey};

use crate::PeerId;

/// The Ed25519 signing key of this end of the connection.
///
/// It authenticates the link only and never signs for consensus. Wiped on drop;
/// there is no `Debug` and no `Clone`.
pub struct Identity {
    // Boxed, so that moving an `Identity` leaves no copy of the key behind.
    key: Box<SigningKey>,
}

impl Identity {
    /// Takes the 32-byte Ed25519 seed (RFC 8032, section 5.1.5). The caller
    /// wipes its own copy.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self {
            key: Box::new(SigningKey::from_bytes(seed)),
        }
    }

    /// The Ed25519 public key, as the peer sees it.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The fingerprint by which a peer may know this end.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        PeerId::from_public_key(&self.public_key())
    }

    pub(crate) fn sign(&self, challenge: &[u8; 32]) -> [u8; 64] {
        self.key.sign(challenge).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::Identity;

    #[test]
    fn a_seed_gives_the_public_key_of_rfc_8032() {
        // RFC 8032, section 7.1, test 1.
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap();
        let identity = Identity::from_seed(&seed.try_into().unwrap());
        assert_eq!(
            hex::encode(identity.public_key()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        assert_eq!(
            identity.peer_id().to_string(),
            "21fe31dfa154a261626bf854046fd2271b7bed4b"
        );
    }
}
