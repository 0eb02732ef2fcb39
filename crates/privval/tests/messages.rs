//! Requests and replies as CometBFT's own Go code writes them (`interop/vectors`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may panic

use privval::node_side::{self, Answer};
use privval::{
    Canonical, Deframer, NODE_READ_LIMIT, PublicKey, RemoteError, Reply, Request, SignVote,
    Subject, Timestamp, Version, extension_sign_bytes,
};
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../interop/vectors/privval_messages.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(vectors: &Value, name: &str) -> Vec<Value> {
    vectors[name].as_array().unwrap().clone()
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(case[field].as_str().unwrap()).unwrap()
}

fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

/// The message in a frame that holds exactly one.
fn unframed(framed: &[u8]) -> Vec<u8> {
    let mut deframer = Deframer::new();
    deframer.push(framed);
    let message = deframer.next_message().unwrap().unwrap();
    assert!(!deframer.is_mid_message());
    message
}

fn named(list: &[Value], wanted: &str) -> Value {
    list.iter().find(|c| name(c) == wanted).unwrap().clone()
}

fn sign_vote(case: &Value) -> Box<SignVote> {
    match Request::parse(&unframed(&bytes(case, "bytes"))) {
        Request::SignVote(request) => request,
        other => panic!("{}: {other:?}", name(case)),
    }
}

#[test]
fn requests_of_nodes_are_read_and_signed_as_the_go_code_does() {
    let mut signed = 0;
    for case in list(&vectors(), "requests") {
        let request = Request::parse(&unframed(&bytes(&case, "bytes")));
        let canonical = match (case["kind"].as_str().unwrap(), request) {
            ("pub_key_request", Request::PubKey { chain_id }) => {
                assert_eq!(chain_id, case["chain_id"].as_str().unwrap());
                continue;
            }
            ("ping_request", Request::Ping) | ("sign_bytes_request", Request::RawBytes(_)) => {
                continue;
            }
            (_, Request::Malformed { .. })
                if name(&case).starts_with("odd") || case["chain_id"] == "" =>
            {
                continue;
            }
            ("sign_vote_request", Request::SignVote(request)) => {
                check_extension(&case, &request);
                request.canonical()
            }
            ("sign_proposal_request", Request::SignProposal(request)) => request.canonical(),
            (_, other) => panic!("{}: {other:?}", name(&case)),
        };
        assert_eq!(
            canonical.sign_bytes(),
            bytes(&case, "sign_bytes"),
            "{}",
            name(&case)
        );
        signed += 1;
    }
    // All but those for the key, the ping and raw bytes, the odd ones and one without a chain.
    assert_eq!(signed, 18);
}

fn check_extension(case: &Value, request: &SignVote) {
    let Some(expected) = case.get("extension_sign_bytes").and_then(Value::as_str) else {
        assert!(!request.vote.may_be_extended(), "{}", name(case));
        return;
    };
    let vote = &request.vote;
    let actual = extension_sign_bytes(&vote.chain_id, vote.height, vote.round, &request.extension);
    assert_eq!(hex::encode(actual), expected, "{}", name(case));
}

#[test]
fn what_an_honest_node_does_not_send_is_malformed() {
    for (wanted, reason) in [
        ("odd: no vote", "nothing in it to sign"),
        ("odd: no proposal", "nothing in it to sign"),
        ("odd: height -1", "height -1 is negative"),
        ("odd: round -1", "round -1 is negative"),
        ("odd: vote type 0", "vote type 0 is neither"),
        ("odd: vote type 32", "vote type 32 is neither"),
        ("odd: vote type 99", "vote type 99 is neither"),
        (
            "odd: prevote with an extension",
            "not a precommit for a block",
        ),
        (
            "odd: nil precommit with an extension",
            "not a precommit for a block",
        ),
        ("odd: proposal height -1", "height -1 is negative"),
        (
            "odd: proposal pol round -2",
            "proof-of-lock round -2 is below -1",
        ),
    ] {
        let case = named(&list(&vectors(), "requests"), wanted);
        let request = Request::parse(&unframed(&bytes(&case, "bytes")));
        let Request::Malformed { reason: found, .. } = request else {
            panic!("{wanted}: {request:?}");
        };
        assert!(found.to_string().contains(reason), "{wanted}: {found}");
    }
}

#[test]
fn request_without_a_timestamp_is_signed_with_year_one() {
    let case = named(
        &list(&vectors(), "requests"),
        "odd: no timestamp field (Go reads year 1)",
    );
    assert_eq!(sign_vote(&case).vote.timestamp, Timestamp::GO_ZERO);
}

#[test]
fn extension_of_a_mebibyte_is_read_and_the_reply_stays_short() {
    for case in list(&vectors(), "long_requests") {
        let len = usize::try_from(case["extension_len"].as_u64().unwrap()).unwrap();
        // The README of the vectors has the pattern; here only the length matters.
        let framed = [bytes(&case, "prefix"), vec![7; len], bytes(&case, "suffix")].concat();
        let Request::SignVote(request) = Request::parse(&unframed(&framed)) else {
            panic!("{}", name(&case));
        };
        assert_eq!(request.extension.len(), len);
        let reply = Reply::signed_vote(&request, request.vote.timestamp, &[1; 64], Some(&[2; 64]));
        assert!(reply.encode().len() < 1024, "{}", reply.encode().len());
    }
}

#[test]
fn replies_are_the_bytes_that_the_go_code_writes() {
    let vectors = vectors();
    let (requests, replies) = (list(&vectors, "requests"), list(&vectors, "replies"));
    let go = |wanted| bytes(&named(&replies, wanted), "bytes");

    assert_eq!(Reply::pong().encode(), go("ping"));
    let key = node_answer(&go("public key, ed25519"));
    let Answer::PubKey(key) = key else {
        panic!("{key:?}")
    };
    assert_eq!(
        Reply::public_key(&key).encode(),
        go("public key for every version")
    );

    for (request, reply) in [
        ("prevote for a block", "signed prevote"),
        ("precommit for nil", "signed precommit for nil"),
        ("precommit for a block", "signed precommit, empty extension"),
    ] {
        let request = sign_vote(&named(&requests, request));
        let Answer::Vote(signed) = node_answer(&go(reply)) else {
            panic!("{reply}")
        };
        let extension: Option<[u8; 64]> = signed.extension_signature.clone().try_into().ok();
        let signature: [u8; 64] = signed.signature.try_into().unwrap();
        let ours = Reply::signed_vote(&request, signed.timestamp, &signature, extension.as_ref());
        assert_eq!(ours.encode(), go(reply), "{reply}");
    }
}

fn node_answer(framed: &[u8]) -> Answer {
    Answer::parse(&unframed(framed))
}

#[test]
fn public_key_reply_is_read_by_every_version() {
    // 0.34 to 0.40 read field 1; 1.0 reads fields 3 and 4, here as Go's 1.0 wrote them.
    let key = PublicKey::Secp256k1([3; 33]);
    let reply = Reply::public_key(&key).encode();
    assert_eq!(node_answer(&reply), Answer::PubKey(key));
    let wire = hex::encode(&reply);
    assert!(wire.contains(&format!(
        "1a21{}2209{}",
        "03".repeat(33),
        hex::encode("secp256k1")
    )));
}

#[test]
fn extension_signature_goes_out_only_where_it_is_wanted() {
    let requests = list(&vectors(), "requests");
    for (wanted, expected) in [
        ("precommit for a block", true),
        ("1.0 precommit", true),
        ("1.0 precommit, extensions off", false),
        ("precommit for nil", false),
        ("prevote for a block", false),
    ] {
        let request = sign_vote(&named(&requests, wanted));
        assert_eq!(request.wants_extension_signature(), expected, "{wanted}");
        let reply = Reply::signed_vote(&request, request.vote.timestamp, &[1; 64], Some(&[2; 64]));
        let Answer::Vote(signed) = node_answer(&reply.encode()) else {
            panic!("{wanted}")
        };
        assert_eq!(!signed.extension_signature.is_empty(), expected, "{wanted}");
    }
}

#[test]
fn refusal_answers_in_the_kind_of_the_question() {
    let error = RemoteError {
        code: 2,
        description: "no".to_owned(),
    };
    for (subject, tag) in [
        (Subject::PubKey, 0x12),
        (Subject::Vote, 0x22),
        (Subject::Proposal, 0x32),
        (Subject::RawBytes, 0x52),
    ] {
        let framed = Reply::refusal(subject, &error).encode();
        assert_eq!(unframed(&framed)[0], tag);
        assert_eq!(
            node_answer(&framed),
            Answer::Refused {
                code: 2,
                description: "no".to_owned()
            }
        );
    }
}

#[test]
fn damaged_request_of_a_known_kind_can_still_be_refused() {
    for (tag, subject) in [
        (0x0a, Subject::PubKey),
        (0x1a, Subject::Vote),
        (0x2a, Subject::Proposal),
    ] {
        // A field that announces more bytes than there are.
        let request = Request::parse(&[tag, 4, 0x0a, 9, 1, 2]);
        assert!(
            matches!(request, Request::Malformed { subject: s, .. } if s == subject),
            "{request:?}"
        );
    }
    assert_eq!(Request::parse(&[0xff, 0xff]), Request::Unknown);
    assert_eq!(Request::parse(&[]), Request::Unknown);
}

#[test]
fn raw_bytes_are_read_as_configured() {
    let value = b"hello".as_slice();
    let Request::RawBytes(request) =
        Request::parse(&unframed(&node_side::sign_bytes_request(value)))
    else {
        panic!("raw bytes were expected")
    };
    let raw = request.as_cometbft().unwrap();
    assert_eq!(
        (raw.content.as_slice(), raw.sign_bytes.as_slice()),
        (value, value)
    );

    let framed = node_side::sign_raw_bytes_request("chain", value, "id");
    let Request::RawBytes(request) = Request::parse(&unframed(&framed)) else {
        panic!("raw bytes were expected")
    };
    let raw = request.as_celestia().unwrap();
    assert_eq!(raw.chain_id.as_deref(), Some("chain"));
    assert_eq!(raw.content, value);
    assert_eq!(
        hex::encode(raw.sign_bytes),
        // The prefix, the length, chain_id = 1, raw_bytes = 2, unique_id = 3.
        format!(
            "{}120a05{}1205{}1a02{}",
            hex::encode("COMET::RAW_BYTES::SIGN"),
            hex::encode("chain"),
            hex::encode("hello"),
            hex::encode("id")
        )
    );
}

#[test]
fn version_is_contradicted_by_what_only_later_ones_send() {
    let requests = list(&vectors(), "requests");
    let request = |wanted| Request::parse(&unframed(&bytes(&named(&requests, wanted), "bytes")));
    let extended = request("precommit with extension of 9 bytes");
    assert!(extended.contradicts(Version::V0_37).is_some());
    assert!(extended.contradicts(Version::V0_38).is_none());
    let skipping = request("1.0 precommit, extensions off");
    assert!(skipping.contradicts(Version::V0_40).is_some());
    assert!(skipping.contradicts(Version::V1_0).is_none());
    assert!(
        request("prevote for nil")
            .contradicts(Version::V0_34)
            .is_none()
    );
}

proptest! {
    #[test]
    fn random_messages_never_panic(message in prop::collection::vec(any::<u8>(), 0..200)) {
        let request = Request::parse(&message);
        for version in Version::ALL {
            let _ = request.contradicts(version);
        }
        let _ = Answer::parse(&message);
        let _ = Canonical::parse(&message);
        let _ = Canonical::looks_like_consensus(&message);
    }

    #[test]
    fn mutated_requests_never_panic_and_replies_stay_within_the_limit(
        which in 0_usize..37,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        description in ".{0,3000}",
    ) {
        let mut framed = bytes(&list(&vectors(), "requests")[which], "bytes");
        let at = at.index(framed.len());
        framed[at] = byte;
        let mut deframer = Deframer::new();
        deframer.push(&framed);
        if let Ok(Some(message)) = deframer.next_message()
            && let Request::SignVote(request) = Request::parse(&message)
        {
            prop_assert_eq!(
                Canonical::parse(&request.canonical().sign_bytes()).unwrap(),
                request.canonical()
            );
        }
        let error = RemoteError { code: 1, description };
        prop_assert!(Reply::refusal(Subject::Vote, &error).encode().len() <= NODE_READ_LIMIT);
    }

    #[test]
    fn address_of_any_length_keeps_the_reply_within_the_limit(len in 0_usize..40_000) {
        let requests = list(&vectors(), "requests");
        let mut message = unframed(&bytes(&named(&requests, "prevote for nil"), "bytes"));
        // A second address behind the first one: the last one counts (protobuf, "last one wins").
        let mut address = vec![0x32];
        address.extend(privval::frame(&vec![1; len]));
        message = [vec![0x1a], privval::frame(&[vec![0x0a], privval::frame(&[
            inner_vote(&message), address].concat())].concat())].concat();
        if let Request::SignVote(request) = Request::parse(&message) {
            let reply = Reply::signed_vote(&request, request.vote.timestamp, &[1; 64], None);
            prop_assert!(reply.encode().len() <= NODE_READ_LIMIT);
        }
    }
}

/// The vote inside a `SignVoteRequest` whose lengths are all below 128.
fn inner_vote(message: &[u8]) -> Vec<u8> {
    let len = usize::from(message[3]);
    message[4..4 + len].to_vec()
}
