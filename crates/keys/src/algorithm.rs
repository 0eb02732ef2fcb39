//! The signature algorithms of consensus keys.

use std::fmt;

/// A signature algorithm that a consensus key can have.
///
/// These two are the ones that every CometBFT version from 0.34 on knows
/// (`crypto/ed25519`, `crypto/secp256k1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519, RFC 8032. The usual one.
    Ed25519,
    /// ECDSA on secp256k1 over SHA-256, with the low S and RFC 6979 nonces.
    Secp256k1,
}

impl Algorithm {
    /// The type name of the public key in CometBFT's JSON files.
    pub fn public_type(self) -> &'static str {
        match self {
            Self::Ed25519 => "tendermint/PubKeyEd25519",
            Self::Secp256k1 => "tendermint/PubKeySecp256k1",
        }
    }

    /// The type name of the private key in CometBFT's JSON files.
    pub fn private_type(self) -> &'static str {
        match self {
            Self::Ed25519 => "tendermint/PrivKeyEd25519",
            Self::Secp256k1 => "tendermint/PrivKeySecp256k1",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519",
            Self::Secp256k1 => "secp256k1",
        })
    }
}
