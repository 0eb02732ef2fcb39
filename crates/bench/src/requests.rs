//! What is asked: per height a proposal, a prevote and a precommit; and whether it was signed.

use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::VerifyingKey;
use privval::{Canonical, ChainId, Height, PublicKey, Timestamp, extension_sign_bytes, node_side};

use crate::client::Answered;
use crate::error::BenchError;

/// How many of the sign bytes the floor signs: those of a vote for a block on a chain with a
/// short name.
pub(crate) const FLOOR_SIGN_BYTES: usize = 112;

/// A request to sign, ready to be sent.
pub(crate) struct Request {
    /// What is to be signed.
    pub(crate) asked: Canonical,
    /// Its sign bytes.
    pub(crate) sign_bytes: Vec<u8>,
    /// The message to the signer.
    pub(crate) framed: Vec<u8>,
}

/// The requests of one chain, each later than the one before.
pub(crate) struct Sequence {
    chain: ChainId,
    validator_address: [u8; 20],
    next: i64,
}

impl Sequence {
    /// Begins with height 1.
    pub(crate) fn new(chain: &ChainId, key: &VerifyingKey) -> Self {
        Self {
            chain: chain.clone(),
            validator_address: address(key),
            next: 3,
        }
    }

    /// The next request.
    pub(crate) fn next_request(&mut self) -> Request {
        let height = Height::try_from(self.next / 3).unwrap_or(Height::FIRST);
        let message = match self.next % 3 {
            0 => testnode::proposal,
            1 => testnode::prevote,
            _ => testnode::precommit,
        };
        self.next = self.next.saturating_add(1);
        let asked = message(&self.chain, height, now());
        Request::new(asked, &self.validator_address)
    }
}

impl Request {
    fn new(asked: Canonical, validator_address: &[u8; 20]) -> Self {
        Self {
            framed: match &asked {
                Canonical::Vote(vote) => {
                    node_side::sign_vote_request_of(vote, validator_address, b"", false)
                }
                Canonical::Proposal(proposal) => node_side::sign_proposal_request(proposal),
            },
            sign_bytes: asked.sign_bytes(),
            asked,
        }
    }

    /// Checks the answer's signatures as a node does. A missing signature of the extension is
    /// accepted here: not every signer makes one, and nodes before 0.38 want none.
    pub(crate) fn verify(&self, key: &VerifyingKey, answer: &Answered) -> Result<(), BenchError> {
        let key = PublicKey::Ed25519(key.to_bytes());
        let mut signed = self.asked.clone();
        match &mut signed {
            Canonical::Vote(vote) => vote.timestamp = answer.timestamp,
            Canonical::Proposal(proposal) => proposal.timestamp = answer.timestamp,
        }
        let place = signed.hrs();
        let extension = extension_sign_bytes(signed.chain_id(), place.height, place.round, b"");
        let extended = answer.extension_signature.is_empty()
            || testnode::verifies(&key, &extension, &answer.extension_signature);
        if extended && testnode::verifies(&key, &signed.sign_bytes(), &answer.signature) {
            return Ok(());
        }
        Err(BenchError::BadSignature(place.to_string()))
    }

    /// As [`verify`](Self::verify), for the floor.
    pub(crate) fn verify_floor(
        &self,
        key: &VerifyingKey,
        answer: &Answered,
    ) -> Result<(), BenchError> {
        let key = PublicKey::Ed25519(key.to_bytes());
        let mut signed = self.sign_bytes.clone();
        signed.resize(FLOOR_SIGN_BYTES, 0);
        if testnode::verifies(&key, &signed, &answer.signature) {
            return Ok(());
        }
        Err(BenchError::BadSignature(self.asked.hrs().to_string()))
    }
}

/// The address of the validator with this key.
pub(crate) fn address(key: &VerifyingKey) -> [u8; 20] {
    testnode::validator_address(&PublicKey::Ed25519(key.to_bytes()))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or_default(),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer as _, SigningKey};
    use std::time::Duration;

    fn sequence(key: &SigningKey) -> Sequence {
        Sequence::new(&ChainId::new("bench-1").unwrap(), &key.verifying_key())
    }

    fn answered(signature: [u8; 64], timestamp: Timestamp) -> Answered {
        Answered {
            took: Duration::ZERO,
            signature: signature.to_vec(),
            timestamp,
            extension_signature: Vec::new(),
        }
    }

    #[test]
    fn each_request_is_later_than_the_one_before() {
        let mut sequence = sequence(&SigningKey::from_bytes(&[7; 32]));
        let places: Vec<String> = (0..4)
            .map(|_| sequence.next_request().asked.hrs().to_string())
            .collect();
        assert_eq!(places, ["1/0/0", "1/0/1", "1/0/2", "2/0/0"]);
    }

    #[test]
    fn signature_of_other_bytes_does_not_verify() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key();
        let mut sequence = sequence(&SigningKey::from_bytes(&[7; 32]));
        let (first, second) = (sequence.next_request(), sequence.next_request());
        let signature = key.sign(&first.sign_bytes).to_bytes();
        let answer = answered(signature, first.asked.timestamp());
        first.verify(&public, &answer).unwrap();
        let error = second.verify(&public, &answer).unwrap_err();
        assert_eq!(error.to_string(), "the signature of 1/0/1 does not verify");
        second.verify_floor(&public, &answer).unwrap_err();
    }
}
