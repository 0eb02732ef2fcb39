//! The guard against CometBFT's own FilePV: the same state, the same request, the same answer.
//!
//! The cases and FilePV's answers are in `interop/vectors/file_pv_state.json`, made by the Go
//! code. A state goes through [`Document`], as in an import.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may panic

use ed25519_dalek::{Signature, SigningKey};
use guard::{Guard, Knowledge, Mark, Permit, RawBytesPolicy, Store, StoreError};
use privval::{Canonical, ChainId, Deframer, Request};
use serde_json::Value;
use store::Document;

struct NoStore;

impl Store for NoStore {
    fn commit(&mut self, _: &Canonical) -> Result<(), StoreError> {
        Ok(())
    }
}

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../interop/vectors/file_pv_state.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn request(case: &Value) -> Canonical {
    let mut deframer = Deframer::new();
    deframer.push(&hex::decode(text(case, "request")).unwrap());
    match Request::parse(&deframer.next_message().unwrap().unwrap()) {
        Request::SignVote(request) => request.canonical(),
        Request::SignProposal(request) => request.canonical(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_answer_is_the_one_that_file_pv_gives() {
    let vectors = vectors();
    let seed: [u8; 32] = hex::decode(text(&vectors, "ed25519_seed"))
        .unwrap()
        .try_into()
        .unwrap();
    let key = SigningKey::from_bytes(&seed).verifying_key();
    let chain_id = ChainId::new(text(&vectors, "chain_id")).unwrap();
    let (mut signed, mut refused) = (0, 0);
    for case in vectors["answers"].as_array().unwrap() {
        let name = text(case, "name");
        let document = Document::parse(text(case, "state_json").as_bytes()).unwrap();
        assert!(document.is_cometbft);
        let mut guard = Guard::new(
            chain_id.clone(),
            document.knowledge,
            RawBytesPolicy::Off,
            NoStore,
        );
        match guard.permit(&request(case), None, std::time::Instant::now()) {
            Err(refusal) => {
                assert_ne!(text(case, "error"), "", "{name}: {refusal}");
                refused += 1;
            }
            Ok(permit) => {
                assert_eq!(text(case, "error"), "", "{name}");
                assert_eq!(
                    permit.is_replay(),
                    !case["state_changed"].as_bool().unwrap(),
                    "{name}"
                );
                assert_eq!(
                    permit.timestamp().seconds,
                    case["timestamp"]["seconds"],
                    "{name}"
                );
                // FilePV's signature verifies over our bytes: they are the bytes it signed.
                let signature = hex::decode(text(case, "signature")).unwrap();
                let signature = Signature::from_slice(&signature).unwrap();
                key.verify_strict(Permit::from(permit).sign_bytes(), &signature)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
                signed += 1;
            }
        }
    }
    assert_eq!((signed, refused), (14, 12));
}

#[test]
fn every_state_that_file_pv_writes_is_read_with_its_place_and_content() {
    for case in vectors()["states"].as_array().unwrap() {
        let name = text(case, "name");
        let document = Document::parse(text(case, "json").as_bytes()).unwrap();
        if name == "fresh" {
            assert_eq!(document.knowledge, Knowledge::Nothing);
            continue;
        }
        let Knowledge::Mark(mark) = document.knowledge else {
            panic!("{name}: a mark was expected");
        };
        let hrs = mark.hrs();
        assert_eq!(hrs.height.value(), case["height"], "{name}");
        assert_eq!(hrs.round.value(), case["round"], "{name}");
        let step = case["step"].as_u64().unwrap().saturating_sub(1);
        assert_eq!(u64::from(hrs.step.number()), step, "{name}");
        let sign_bytes = mark.signed().map(|c| hex::encode(c.sign_bytes()));
        assert_eq!(
            sign_bytes.unwrap_or_default(),
            text(case, "sign_bytes"),
            "{name}"
        );
        match mark {
            Mark::Signed(canonical) => {
                assert_eq!(document.chain_id.as_ref(), Some(canonical.chain_id()));
            }
            Mark::Floor { .. } => assert_eq!(document.chain_id, None),
        }
    }
}
