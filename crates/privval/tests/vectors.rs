//! Sign bytes and messages against those that CometBFT's own Go code made
//! (`interop/vectors`; its README has the command).
#![allow(clippy::unwrap_used)] // a test may panic

use privval::{Canonical, ChainId, Height, Malformed, Request, Round, extension_sign_bytes};
use serde::Deserialize;

#[derive(Deserialize)]
struct SignBytes {
    votes: Vec<Case>,
    proposals: Vec<Case>,
    vote_extensions: Vec<Extension>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    chain_id: String,
    #[serde(alias = "vote_proto", alias = "proposal_proto")]
    proto: String,
    sign_bytes: String,
}

#[derive(Deserialize)]
struct Extension {
    name: String,
    chain_id: String,
    height: i64,
    round: i32,
    extension: String,
    sign_bytes: String,
}

fn load() -> SignBytes {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../interop/vectors/sign_bytes.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A protobuf field of length-delimited type.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | 2];
    out.extend(privval::frame(bytes));
    out
}

/// The request as a node writes it: oneof `tag`, the message, the chain id.
fn request(tag: u8, case: &Case) -> Request {
    let inner = [
        field(1, &hex::decode(&case.proto).unwrap()),
        field(2, case.chain_id.as_bytes()),
    ]
    .concat();
    Request::parse(&field(tag, &inner))
}

/// The outcome of a request: sign bytes, or why it is refused.
fn outcome(request: Request) -> Result<Canonical, Malformed> {
    match request {
        Request::SignVote(r) => Ok(r.canonical()),
        Request::SignProposal(r) => Ok(r.canonical()),
        Request::Malformed { reason, .. } => Err(reason),
        other => unreachable!("neither vote nor proposal: {other:?}"),
    }
}

/// Checks all cases and returns how many were signed and how many refused.
fn check(tag: u8, cases: &[Case]) -> (usize, usize) {
    let (mut same, mut refused) = (0, 0);
    for case in cases {
        match outcome(request(tag, case)) {
            Ok(canonical) => {
                assert_eq!(
                    hex::encode(canonical.sign_bytes()),
                    case.sign_bytes,
                    "{}",
                    case.name
                );
                assert_eq!(
                    Canonical::parse(&canonical.sign_bytes()),
                    Ok(canonical),
                    "{}",
                    case.name
                );
                same += 1;
            }
            Err(reason) => {
                let expected = case.chain_id.is_empty() || case.name.starts_with("odd");
                assert!(expected, "{}: refused: {reason}", case.name);
                refused += 1;
            }
        }
        assert!(
            Canonical::looks_like_consensus(&hex::decode(&case.sign_bytes).unwrap()),
            "{}",
            case.name
        );
    }
    (same, refused)
}

#[test]
fn sign_bytes_of_votes_are_those_of_the_go_code() {
    let (same, refused) = check(3, &load().votes);
    println!("{same} votes the same, {refused} malformed ones refused");
    assert!(same >= 80 && refused >= 1);
}

#[test]
fn sign_bytes_of_proposals_are_those_of_the_go_code() {
    let (same, refused) = check(5, &load().proposals);
    println!("{same} proposals the same, {refused} malformed ones refused");
    assert!(same >= 40 && refused >= 1);
}

#[test]
fn sign_bytes_of_vote_extensions_are_those_of_the_go_code() {
    let mut same = 0;
    for case in load().vote_extensions {
        let Ok(chain_id) = ChainId::new(case.chain_id.as_str()) else {
            continue;
        };
        let bytes = extension_sign_bytes(
            &chain_id,
            Height::try_from(case.height).unwrap(),
            Round::try_from(case.round).unwrap(),
            &hex::decode(&case.extension).unwrap(),
        );
        assert_eq!(hex::encode(bytes), case.sign_bytes, "{}", case.name);
        same += 1;
    }
    assert!(same >= 10, "{same}");
}
