//! What both ends derive from the ephemeral exchange: two record keys and the
//! challenge that each signs (CometBFT `MakeSecretConnection`).
//!
//! Invariant: the three values are wiped on drop.

use hkdf::Hkdf;
use merlin::Transcript;
use sha2::Sha256;
use zeroize::Zeroizing;

const TRANSCRIPT_LABEL: &[u8] = b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH";
const LOWER_KEY_LABEL: &[u8] = b"EPHEMERAL_LOWER_PUBLIC_KEY";
const UPPER_KEY_LABEL: &[u8] = b"EPHEMERAL_UPPER_PUBLIC_KEY";
const SHARED_SECRET_LABEL: &[u8] = b"DH_SECRET";
const CHALLENGE_LABEL: &[u8] = b"SECRET_CONNECTION_MAC";
const RECORD_KEYS_INFO: &[u8] = b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN";

pub(crate) struct RecordKeys {
    pub(crate) receive: Zeroizing<[u8; 32]>,
    pub(crate) send: Zeroizing<[u8; 32]>,
}

/// HKDF-SHA256 without salt. The end with the lower ephemeral key receives with
/// the first half and sends with the second.
pub(crate) fn record_keys(shared_secret: &[u8; 32], local_is_lower: bool) -> RecordKeys {
    let mut first = Zeroizing::new([0; 32]);
    let mut second = Zeroizing::new([0; 32]);
    expand(shared_secret, &mut first, &mut second);
    let (receive, send) = if local_is_lower {
        (first, second)
    } else {
        (second, first)
    };
    RecordKeys { receive, send }
}

/// The 32 bytes that both ends sign: a Merlin transcript of the two ephemeral
/// keys in order and the shared secret.
pub(crate) fn challenge(
    lower: &[u8; 32],
    upper: &[u8; 32],
    shared_secret: &[u8; 32],
) -> Zeroizing<[u8; 32]> {
    let mut transcript = Transcript::new(TRANSCRIPT_LABEL);
    transcript.append_message(LOWER_KEY_LABEL, lower);
    transcript.append_message(UPPER_KEY_LABEL, upper);
    transcript.append_message(SHARED_SECRET_LABEL, shared_secret);
    let mut challenge = Zeroizing::new([0; 32]);
    transcript.challenge_bytes(CHALLENGE_LABEL, challenge.as_mut());
    challenge
}

#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA256 fails only above 8,160 bytes, this asks for 64 whatever the peer sends"
)]
fn expand(shared_secret: &[u8; 32], first: &mut [u8; 32], second: &mut [u8; 32]) {
    let mut output = Zeroizing::new([0_u8; 64]);
    Hkdf::<Sha256>::new(None, shared_secret)
        .expand(RECORD_KEYS_INFO, output.as_mut())
        .expect("64 bytes are within the limit of HKDF");
    let (low, high) = output.split_at(32);
    first.copy_from_slice(low);
    second.copy_from_slice(high);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use x25519_dalek::{PublicKey, StaticSecret};

    use super::{challenge, record_keys};

    /// Made by CometBFT's own code, see `interop/vectors/README.md`.
    const VECTORS: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../interop/vectors/secret_connection.json"
    );

    fn vectors(name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(VECTORS).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let cases = file[name].as_array().unwrap().clone();
        assert!(!cases.is_empty());
        cases
    }

    fn bytes(case: &Value, name: &str) -> [u8; 32] {
        let text = case[name].as_str().unwrap();
        hex::decode(text).unwrap().try_into().unwrap()
    }

    fn assert_keys(case: &Value, shared_secret: &[u8; 32]) {
        let keys = record_keys(shared_secret, case["local_is_lower"].as_bool().unwrap());
        assert_eq!(*keys.receive, bytes(case, "recv_key"), "{case}");
        assert_eq!(*keys.send, bytes(case, "send_key"), "{case}");
    }

    #[test]
    fn record_keys_are_those_of_cometbft() {
        for case in vectors("derived_keys") {
            assert_keys(&case, &bytes(&case, "dh_secret"));
        }
    }

    #[test]
    fn a_whole_exchange_is_that_of_cometbft() {
        for case in vectors("exchanges") {
            let secret = StaticSecret::from(bytes(&case, "local_ephemeral_secret"));
            let local = PublicKey::from(&secret).to_bytes();
            let remote = bytes(&case, "remote_ephemeral_public");
            assert_eq!(local, bytes(&case, "local_ephemeral_public"));
            assert_eq!(case["local_is_lower"], local < remote);

            let shared = secret.diffie_hellman(&PublicKey::from(remote));
            assert_eq!(*shared.as_bytes(), bytes(&case, "dh_secret"));
            assert_keys(&case, shared.as_bytes());
            let (lower, upper) = (local.min(remote), local.max(remote));
            assert_eq!(
                *challenge(&lower, &upper, shared.as_bytes()),
                bytes(&case, "challenge")
            );
        }
    }
}
