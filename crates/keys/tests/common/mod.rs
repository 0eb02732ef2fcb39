//! The keys that CometBFT made (see `data/README.md`), and permits for tests.
#![allow(dead_code)]

use guard::{Guard, Knowledge, Permit, RawBytesPolicy, Store, StoreError};
use privval::{Canonical, ChainId, RawBytes};

/// `priv_validator_key.json` of an Ed25519 key.
pub(crate) const ED25519_JSON: &str = include_str!("../data/ed25519.json");
/// `priv_validator_key.json` of a secp256k1 key.
pub(crate) const SECP256K1_JSON: &str = include_str!("../data/secp256k1.json");

/// The Ed25519 seed, as a tmkms key file has it.
pub(crate) const SEED_BASE64: &str = "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92kw=";
/// The secp256k1 scalar.
pub(crate) const SCALAR_BASE64: &str = "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92k0=";
pub(crate) const ED25519_GO_BASE64: &str =
    "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92kxZK6T/QyzplmdsdG//p97AJrDvUcQYozu2sALgAIiNsw==";
pub(crate) const ED25519_PUBLIC_BASE64: &str = "WSuk/0Ms6ZZnbHRv/6fewCaw71HEGKM7trAC4ACIjbM=";
pub(crate) const SECP256K1_PUBLIC_BASE64: &str = "AqMfdXiA7uxau12OoTRNwBt4E2ryrssEtU5G57NWBgOW";

/// A store that nothing is committed to.
struct NoStore;

impl Store for NoStore {
    fn commit(&mut self, _: &Canonical) -> Result<(), StoreError> {
        Err(StoreError("not a store".to_owned()))
    }
}

/// The only way to a permit for chosen bytes: a guard with raw bytes switched on.
pub(crate) fn permit(bytes: &[u8]) -> Permit {
    let chain_id = ChainId::new("test-1").unwrap();
    Guard::new(chain_id, Knowledge::Nothing, RawBytesPolicy::On, NoStore)
        .permit_raw_bytes(RawBytes {
            chain_id: None,
            content: bytes.to_vec(),
            sign_bytes: bytes.to_vec(),
        })
        .unwrap()
        .into()
}
