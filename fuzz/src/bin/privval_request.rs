//! What a node sends: cut into messages, read as requests, and answered within what a node reads.
//!
//! The first byte says into how long pieces the stream is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privval::node_side::{self, Answer};
use privval::{
    Canonical, Deframer, FrameError, MAX_FRAME_LEN, NODE_READ_LIMIT, PublicKey, RawBytesRequest,
    RemoteError, Reply, Request, SignProposal, SignVote, Subject, Timestamp, Version, VoteType,
};

const SIGNATURE: [u8; 64] = [7; 64];
const EXTENSION_SIGNATURE: [u8; 64] = [8; 64];

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, stream)) = bytes.split_first() else {
        return;
    };
    let whole = read(stream, stream.len());
    assert_eq!(whole, read(stream, usize::from(*cut)), "pieces of {cut}");
    is_what_was_said(&whole, stream);
    for message in whole.messages {
        check(&Request::parse(&message));
    }
});

#[derive(Debug, PartialEq)]
struct Heard {
    messages: Vec<Vec<u8>>,
    end: Result<bool, FrameError>,
}

fn read(stream: &[u8], piece: usize) -> Heard {
    let mut deframer = Deframer::new();
    let mut messages = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        deframer.push(piece);
        loop {
            match deframer.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(deframer.next_message(), Err(error.clone()));
                    let end = Err(error);
                    return Heard { messages, end };
                }
            }
        }
    }
    let end = Ok(deframer.is_mid_message());
    Heard { messages, end }
}

/// Each message is as long as the number before it says, and a number that is too high, or none,
/// is the end at once.
fn is_what_was_said(heard: &Heard, mut rest: &[u8]) {
    for message in &heard.messages {
        let (len, after) = length(rest).expect("a length before a message");
        assert!(len <= MAX_FRAME_LEN as u128);
        let (said, after) = after.split_at(len as usize);
        assert_eq!(said, message);
        rest = after;
    }
    let (is_error, is_mid) = match length(rest) {
        Some((len, after)) if len <= MAX_FRAME_LEN as u128 => {
            assert!(after.len() < len as usize, "a whole message is kept back");
            (false, true)
        }
        Some(_) => (true, false),
        None => (rest.len() >= 10, !rest.is_empty()),
    };
    assert_eq!(heard.end.is_err(), is_error);
    assert!(heard.end.as_ref().is_err() || heard.end == Ok(is_mid));
}

/// Seven bits in each byte, the lowest first, and the eighth where more follow.
fn length(bytes: &[u8]) -> Option<(u128, &[u8])> {
    let last = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)?;
    let (digits, rest) = bytes.split_at(last + 1);
    let digit = |sum, byte: &u8| sum << 7 | u128::from(byte & 0x7f);
    Some((digits.iter().rev().fold(0, digit), rest))
}

fn check(request: &Request) {
    assert_eq!(request.contradicts(Version::V1_0), None);
    for version in Version::ALL {
        let hint = request.contradicts(version);
        assert!(hint.is_none() || matches!(request, Request::SignVote(_)));
    }
    match request {
        Request::PubKey { .. } => public_key(),
        Request::SignVote(request) => sign_vote(request),
        Request::SignProposal(request) => sign_proposal(request),
        Request::RawBytes(request) => raw_bytes(request),
        Request::Ping => assert_eq!(answer(&Reply::pong()), Answer::Pong),
        Request::Malformed { subject, reason } => refused(*subject, &reason.to_string()),
        Request::Unknown => {}
    }
}

fn public_key() {
    for key in [PublicKey::Ed25519([5; 32]), PublicKey::Secp256k1([3; 33])] {
        assert_eq!(answer(&Reply::public_key(&key)), Answer::PubKey(key));
    }
}

fn sign_vote(request: &SignVote) {
    the_same_both_ways(&request.canonical());
    let is_for_a_block =
        request.vote.vote_type == VoteType::Precommit && request.vote.block_id.is_some();
    let wants = is_for_a_block && !request.skip_extension_signing;
    let timestamp = Timestamp::GO_ZERO;
    let reply = Reply::signed_vote(request, timestamp, &SIGNATURE, Some(&EXTENSION_SIGNATURE));
    let Answer::Vote(signed) = answer(&reply) else {
        panic!("a signed vote is not read as one: {reply:?}");
    };
    assert_eq!(
        (&signed.signature[..], signed.timestamp),
        (&SIGNATURE[..], timestamp)
    );
    let expected: &[u8] = if wants { &EXTENSION_SIGNATURE } else { &[] };
    assert_eq!(signed.extension_signature, expected);

    let (vote, extension) = (&request.vote, &request.extension);
    let skip = request.skip_extension_signing;
    let again = node_side::sign_vote_request(vote, extension, skip);
    let Request::SignVote(again) = only_request(&again) else {
        panic!("a vote that was read is not read again");
    };
    assert_eq!(
        (&again.vote, &again.extension, again.skip_extension_signing),
        (vote, extension, skip)
    );
}

fn sign_proposal(request: &SignProposal) {
    the_same_both_ways(&request.canonical());
    let timestamp = Timestamp::GO_ZERO;
    let reply = Reply::signed_proposal(request, timestamp, &SIGNATURE);
    let Answer::Proposal(signed) = answer(&reply) else {
        panic!("a signed proposal is not read as one: {reply:?}");
    };
    assert_eq!(
        (&signed.signature[..], signed.timestamp),
        (&SIGNATURE[..], timestamp)
    );
    let again = node_side::sign_proposal_request(&request.proposal);
    let Request::SignProposal(again) = only_request(&again) else {
        panic!("a proposal that was read is not read again");
    };
    assert_eq!(again.proposal, request.proposal);
}

/// What Celestia signs can never pass for a vote. What 1.0 signs can, and there the guard looks.
fn raw_bytes(request: &RawBytesRequest) {
    if let Ok(raw) = request.as_celestia() {
        assert!(raw.chain_id.is_some() && !raw.content.is_empty());
        assert!(!Canonical::looks_like_consensus(&raw.sign_bytes));
        assert!(Canonical::parse(&raw.sign_bytes).is_err());
    }
    if let Ok(raw) = request.as_cometbft() {
        assert!(raw.chain_id.is_none() && !raw.content.is_empty());
        assert_eq!(raw.content, raw.sign_bytes);
    }
    let reply = Reply::signed_raw_bytes(&SIGNATURE);
    assert_eq!(answer(&reply), Answer::RawBytes(SIGNATURE.to_vec()));
}

fn the_same_both_ways(canonical: &Canonical) {
    let bytes = canonical.sign_bytes();
    assert_eq!(Canonical::parse(&bytes).as_ref(), Ok(canonical));
    assert!(Canonical::looks_like_consensus(&bytes));
}

fn refused(subject: Subject, reason: &str) {
    assert!(!reason.is_empty());
    let error = RemoteError {
        code: 1,
        description: reason.to_owned(),
    };
    let expected = Answer::Refused {
        code: 1,
        description: reason.to_owned(),
    };
    assert_eq!(answer(&Reply::refusal(subject, &error)), expected);
}

/// The reply as a node reads it.
fn answer(reply: &Reply) -> Answer {
    let bytes = reply.encode();
    assert!(bytes.len() <= NODE_READ_LIMIT, "{} bytes", bytes.len());
    Answer::parse(&only_message(&bytes))
}

fn only_request(bytes: &[u8]) -> Request {
    Request::parse(&only_message(bytes))
}

fn only_message(bytes: &[u8]) -> Vec<u8> {
    let heard = read(bytes, bytes.len());
    assert_eq!(heard.end, Ok(false));
    let [message] = <[Vec<u8>; 1]>::try_from(heard.messages).expect("one message");
    message
}
