//! What no node should send and some bug may: it is answered, and the connection goes on.

use privval::node_side::{self, Answer};
use privval::{Canonical, Version};
use testnode::{Fields, validator_address};

use super::{Case, should};
use crate::fault::{Fault, Outcome};
use crate::play::Play;

/// Numbers of the oneof in a message.
const SIGN_VOTE: u8 = 3;
const SIGN_PROPOSAL: u8 = 5;

/// Makes a request for a chain, at a height.
type Request = fn(&str, i64) -> Vec<u8>;

pub(super) fn cases(newest: Version) -> Vec<Case> {
    let mut cases = vec![
        error(
            "no-vote",
            "a request without a vote is answered with an error",
            |chain, _| {
                Fields::new()
                    .bytes(SIGN_VOTE, Fields::new().bytes(2, chain))
                    .framed()
            },
        ),
        error(
            "no-protobuf",
            "a request that is no protobuf is answered with an error",
            |_, _| Fields::new().bytes(SIGN_VOTE, [0xff; 40]).framed(),
        ),
        error(
            "no-chain",
            "a vote without a chain is answered with an error",
            |_, height| {
                Fields::new()
                    .bytes(SIGN_VOTE, Fields::new().bytes(1, vote(1, height)))
                    .framed()
            },
        ),
        error(
            "negative-height",
            "a negative height is answered with an error",
            |chain, _| request(SIGN_VOTE, vote(1, -5), chain),
        ),
        error(
            "negative-round",
            "a negative round is answered with an error",
            |chain, height| request(SIGN_VOTE, vote(1, height).number(3, -1), chain),
        ),
        error(
            "half-a-block",
            "a block id without its parts is answered with an error",
            |chain, height| {
                let hash = Fields::new().bytes(1, [1; 32]);
                let vote = Fields::new().number(1, 1).number(2, height).bytes(4, hash);
                request(SIGN_VOTE, vote, chain)
            },
        ),
        error(
            "no-block",
            "a proposal without a block is answered with an error",
            |chain, height| {
                let proposal = Fields::new().number(1, 32).number(2, height);
                request(SIGN_PROPOSAL, proposal, chain)
            },
        ),
        error(
            "proof-of-lock-below",
            "a proof-of-lock round below -1 is answered with an error",
            |chain, height| {
                let proposal = Fields::new()
                    .number(1, 32)
                    .number(2, height)
                    .number(4, -2)
                    .bytes(5, block());
                request(SIGN_PROPOSAL, proposal, chain)
            },
        ),
        should(
            "unknown-message",
            "a message of a later version does not end the connection",
            unknown_message,
        ),
    ];
    if newest >= Version::V0_38 {
        cases.push(should(
            "misplaced-extension",
            "an extension on a precommit for nil is answered with an error",
            misplaced_extension,
        ));
    }
    // What is likeliest to end a signer comes last.
    cases.push(error(
        "unknown-vote-type",
        "a vote of an unknown type is answered with an error",
        |chain, height| request(SIGN_VOTE, vote(3, height), chain),
    ));
    cases.push(error(
        "unknown-proposal-type",
        "a proposal of an unknown type is answered with an error",
        |chain, height| {
            let proposal = Fields::new()
                .number(1, 33)
                .number(2, height)
                .number(4, -1)
                .bytes(5, block());
            request(SIGN_PROPOSAL, proposal, chain)
        },
    ));
    cases.push(should(
        "too-long",
        "after a length that nobody can serve the signer is there again",
        too_long,
    ));
    cases
}

fn error(name: &'static str, relies_on: &'static str, request: Request) -> Case {
    should(name, relies_on, move |play| {
        let height = play.spot().height.value();
        let request = request(play.chain_id().as_str(), height);
        play.must_answer_with_an_error(&request)
    })
}

fn request(oneof: u8, message: Fields, chain: &str) -> Vec<u8> {
    Fields::new()
        .bytes(oneof, Fields::new().bytes(1, message).bytes(2, chain))
        .framed()
}

fn vote(vote_type: i64, height: i64) -> Fields {
    Fields::new()
        .number(1, vote_type)
        .number(2, height)
        .bytes(4, block())
        .bytes(5, Fields::new().number(1, 1_700_000_000))
        .bytes(6, [1; 20])
}

fn block() -> Fields {
    let parts = Fields::new().number(1, 1).bytes(2, [2; 32]);
    Fields::new().bytes(1, [1; 32]).bytes(2, parts)
}

/// Answered or not: what counts is the pong that follows.
fn unknown_message(play: &mut Play<'_>) -> Outcome {
    play.ping()?;
    let unknown = Fields::new().bytes(15, "a later version").framed();
    play.link.send(&unknown)?;
    play.link.send(&node_side::ping())?;
    for _ in 0..2 {
        let reply = play.link.receive(play.version)?;
        if Answer::parse_as(play.version, &reply) == Answer::Pong {
            return Ok(None);
        }
    }
    Err(Fault::failed(
        "the ping after it is not answered with a pong",
    ))
}

fn misplaced_extension(play: &mut Play<'_>) -> Outcome {
    let precommit = play.spot().nil_precommit();
    let Canonical::Vote(vote) = &precommit else {
        return Err(Fault::failed("a precommit is no vote"));
    };
    let address = validator_address(&play.key()?);
    let request = node_side::sign_vote_request_of(vote, &address, b"an extension", false);
    play.must_answer_with_an_error(&request)
}

/// The stream is lost after that, so the signer may close the connection.
fn too_long(play: &mut Play<'_>) -> Outcome {
    play.ping()?;
    play.link.send(&[0xff, 0xff, 0xff, 0xff, 0x7f])?;
    let message = play.spot().prevote("a");
    // Whatever comes: what the signer waits for never will, so the node starts again.
    let _ = play.link.receive(play.version);
    play.link.close();
    play.sign(&message).map(|_| None)
}
