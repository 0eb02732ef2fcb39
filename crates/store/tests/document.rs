//! Documents that contradict themselves.
#![allow(clippy::unwrap_used)] // a test may panic

use guard::{Knowledge, Mark};
use privval::{Canonical, ChainId, Height, Round, Timestamp, Vote, VoteType};
use store::{Document, DocumentError};

fn signed_on(chain: &ChainId) -> Knowledge {
    Knowledge::Mark(Mark::Signed(Canonical::Vote(Vote {
        vote_type: VoteType::Precommit,
        height: Height::try_from(58).unwrap(),
        round: Round::default(),
        block_id: None,
        timestamp: Timestamp {
            seconds: 1,
            nanos: 0,
        },
        chain_id: chain.clone(),
    })))
}

#[test]
fn sign_bytes_of_another_chain_than_the_document_names_are_refused() {
    let [ours, other] = ["testnet-1", "testnet-2"].map(|id| ChainId::new(id).unwrap());
    let document = |signed: &ChainId| {
        let json = Document::to_json(&ours, &signed_on(signed));
        Document::parse(json.as_bytes())
    };
    assert_eq!(document(&ours).unwrap().knowledge, signed_on(&ours));
    let error = document(&other).unwrap_err();
    assert_eq!(error, DocumentError::OtherSignBytes);
    assert_eq!(
        error.to_string(),
        "its sign bytes are not those of the chain, height, round and step that it names"
    );
}
