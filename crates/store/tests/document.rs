//! What is read as a document, and what is said of one that is none.
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

#[test]
fn zeros_and_spaces_around_a_document_are_not_looked_at_and_alone_are_none() {
    let chain = ChainId::new("testnet-1").unwrap();
    let json = Document::to_json(&chain, &signed_on(&chain));
    for padded in [format!("{json}\0\0"), format!("\n {json} \n\0")] {
        let document = Document::parse(padded.as_bytes()).unwrap();
        assert_eq!(document.knowledge, signed_on(&chain));
    }
    for nothing in ["", " \n", "\0\0", " \0\n"] {
        let error = Document::parse(nothing.as_bytes()).unwrap_err();
        assert_eq!(error, DocumentError::Empty);
    }
}

#[test]
fn what_is_no_document_is_told_without_its_content() {
    for (text, told) in [
        ("{\"height\":\"5\"", "it ends too early, line 1 column 13"),
        ("secret", "it is not JSON, line 1 column 1"),
        (
            r#"{"height":"5","round":"0","step":"secret"}"#,
            "a field has a value of the wrong kind",
        ),
        (r#"{"height":"5","round":"0"}"#, "missing field `step`"),
    ] {
        let error = Document::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, format!("it is not a state document ({told})"));
    }
}
