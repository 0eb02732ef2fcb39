//! What left the process, over all of its lives, and whether any of it was wrong.
//!
//! Invariants:
//! - Every signature is verified before it is written down.
//! - One height, round and step has one text and one signature, for ever.

use std::collections::BTreeMap;

use privval::node_side::Signed;
use privval::{Canonical, Hrs, PublicKey, extension_sign_bytes};
use testnode::verifies;

/// A signature that the node has received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// What was signed, with the time that came back.
    pub canonical: Canonical,
    /// The signature.
    pub signature: Vec<u8>,
}

/// A request on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is to be signed.
    pub canonical: Canonical,
    /// The vote extension that comes with it.
    pub extension: Vec<u8>,
}

/// Everything that was released, and everything that should not have been.
#[derive(Debug)]
pub struct Ledger {
    key: PublicKey,
    released: BTreeMap<Hrs, Release>,
    context: String,
    violations: Vec<String>,
    /// Signatures received, repeats included.
    pub signatures: u64,
    /// Signatures received a second time.
    pub repeats: u64,
    /// Refusals received.
    pub refusals: u64,
}

impl Ledger {
    /// An empty ledger for a key.
    #[must_use]
    pub fn new(key: PublicKey) -> Self {
        Self {
            key,
            released: BTreeMap::new(),
            context: String::new(),
            violations: Vec::new(),
            signatures: 0,
            repeats: 0,
            refusals: 0,
        }
    }

    /// The release at the highest place.
    #[must_use]
    pub fn highest(&self) -> Option<&Release> {
        self.released.last_key_value().map(|(_, release)| release)
    }

    /// The place of [`Ledger::highest`].
    #[must_use]
    pub fn highest_place(&self) -> Option<Hrs> {
        self.released.last_key_value().map(|(place, _)| *place)
    }

    /// Says where the run is, for the violations to come.
    pub fn enter(&mut self, context: impl Into<String>) {
        self.context = context.into();
    }

    /// Writes down something that must not happen.
    pub fn violation(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.violations.push(if self.context.is_empty() {
            text
        } else {
            format!("{}: {text}", self.context)
        });
    }

    /// What must not have happened.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Forgets the past, for a new chain with the same key; counts and violations stay.
    pub fn begin_new_chain(&mut self) {
        self.released.clear();
    }

    /// Writes down an answer. `highest_when_asked` is what had been released when the request
    /// was sent, so that answers to two nodes may be written down in either order.
    ///
    /// Returns what was signed.
    pub fn record(
        &mut self,
        ask: &Ask,
        signed: &Signed,
        highest_when_asked: Option<Hrs>,
    ) -> Canonical {
        let canonical = at_time_of(ask, signed);
        self.signatures += 1;
        self.check_signatures(ask, &canonical, signed);
        let place = canonical.hrs();
        if highest_when_asked.is_some_and(|highest| place < highest) {
            self.violation(format!(
                "{place} was signed although {} had been released",
                highest_when_asked.map_or(String::new(), |h| h.to_string())
            ));
        }
        let release = Release {
            canonical: canonical.clone(),
            signature: signed.signature.clone(),
        };
        match self.released.get(&place) {
            None => {
                self.released.insert(place, release);
            }
            Some(first) if *first == release => self.repeats += 1,
            Some(first) => {
                let what = if first.canonical == canonical {
                    "two signatures over the same bytes"
                } else {
                    "DOUBLE SIGN: two different texts"
                };
                let text = format!(
                    "{what} at {place}: {} and {}",
                    hex::encode(first.canonical.sign_bytes()),
                    hex::encode(canonical.sign_bytes())
                );
                self.violation(text);
            }
        }
        canonical
    }

    fn check_signatures(&mut self, ask: &Ask, canonical: &Canonical, signed: &Signed) {
        let place = canonical.hrs();
        if !verifies(&self.key, &canonical.sign_bytes(), &signed.signature) {
            self.violation(format!("the signature of {place} does not verify"));
        }
        let extended = matches!(canonical, Canonical::Vote(vote) if vote.may_be_extended());
        let bytes = extension_sign_bytes(
            canonical.chain_id(),
            place.height,
            place.round,
            &ask.extension,
        );
        if extended && !verifies(&self.key, &bytes, &signed.extension_signature) {
            self.violation(format!(
                "the extension's signature of {place} does not verify"
            ));
        }
    }
}

fn at_time_of(ask: &Ask, signed: &Signed) -> Canonical {
    let mut canonical = ask.canonical.clone();
    match &mut canonical {
        Canonical::Vote(vote) => vote.timestamp = signed.timestamp,
        Canonical::Proposal(proposal) => proposal.timestamp = signed.timestamp,
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;
    use guard::{Guard, Knowledge, RawBytesPolicy, Store, StoreError};
    use keys::{Algorithm, ConsensusKey, Provider as _, Softsign, generate};
    use privval::{ChainId, Height, Timestamp};
    use testnode::prevote;

    struct NoStore;

    impl Store for NoStore {
        fn commit(&mut self, _: &Canonical) -> Result<(), StoreError> {
            Ok(())
        }
    }

    struct Signer(Softsign);

    impl Signer {
        fn new() -> Self {
            let material = generate(Algorithm::Ed25519).unwrap();
            Self(Softsign::new(ConsensusKey::from(&material)))
        }

        /// A signer that has forgotten everything.
        fn sign(&self, asked: &Canonical) -> Signed {
            let knowledge = Knowledge::Nothing;
            let chain = asked.chain_id().clone();
            let mut guard = Guard::new(chain, knowledge, RawBytesPolicy::Off, NoStore);
            let permit = guard
                .permit(asked, None, std::time::Instant::now())
                .unwrap();
            Signed {
                timestamp: permit.timestamp(),
                signature: self.0.sign(permit.into()).unwrap().to_bytes().to_vec(),
                extension_signature: Vec::new(),
            }
        }
    }

    fn ask(block: Option<&str>, seconds: i64) -> Ask {
        let chain = ChainId::new("crash-1").unwrap();
        let time = Timestamp { seconds, nanos: 0 };
        let mut canonical = prevote(&chain, Height::FIRST, time);
        if let Canonical::Vote(vote) = &mut canonical {
            vote.block_id = block.map(testnode::block_id);
        }
        Ask {
            canonical,
            extension: Vec::new(),
        }
    }

    fn released(asks: &[Ask]) -> Ledger {
        let signer = Signer::new();
        let mut ledger = Ledger::new(signer.0.public_key());
        for ask in asks {
            ledger.record(ask, &signer.sign(&ask.canonical), ledger.highest_place());
        }
        ledger
    }

    #[test]
    fn same_signature_again_is_a_repeat() {
        let ledger = released(&[ask(Some("a"), 1), ask(Some("a"), 1)]);
        assert!(ledger.violations().is_empty());
        assert_eq!((ledger.signatures, ledger.repeats), (2, 1));
    }

    #[test]
    fn another_block_at_the_same_place_is_a_double_sign() {
        let ledger = released(&[ask(Some("a"), 1), ask(None, 1)]);
        assert!(ledger.violations()[0].starts_with("DOUBLE SIGN"));
    }

    #[test]
    fn same_block_at_another_time_is_a_double_sign_too() {
        let ledger = released(&[ask(Some("a"), 1), ask(Some("a"), 2)]);
        assert!(ledger.violations()[0].starts_with("DOUBLE SIGN"));
    }

    #[test]
    fn lower_place_than_a_released_one_is_noticed_even_if_it_is_new() {
        let signer = Signer::new();
        let mut ledger = Ledger::new(signer.0.public_key());
        let ask = ask(Some("a"), 1);
        let mut highest = ask.canonical.hrs();
        highest.height = Height::try_from(2).unwrap();
        ledger.record(&ask, &signer.sign(&ask.canonical), Some(highest));
        assert_eq!(
            ledger.violations(),
            ["1/0/1 was signed although 2/0/1 had been released"]
        );
    }

    #[test]
    fn signature_of_another_key_is_noticed() {
        let mut ledger = Ledger::new(Signer::new().0.public_key());
        let ask = ask(Some("a"), 1);
        ledger.record(&ask, &Signer::new().sign(&ask.canonical), None);
        assert_eq!(
            ledger.violations(),
            ["the signature of 1/0/1 does not verify"]
        );
    }
}
