//! Each message that a node sends, as a node of one version reads the answer.

use privval::node_side::{self, Answer};
use privval::{Canonical, Version};

use super::{Case, must, should};
use crate::fault::{Fault, Outcome};
use crate::messages::Spot;
use crate::play::{Play, kind};

pub(super) fn cases(version: Version) -> Vec<Case> {
    let mut cases = vec![
        must(
            "public-key",
            "the public key stands where this version reads it",
            public_key,
        ),
        must("ping", "a ping is answered with a pong", |play| {
            play.ping().map(|()| None)
        }),
        signed("proposal", "a proposal is signed", |spot| {
            spot.proposal("a", -1)
        }),
        signed(
            "proposal-with-lock",
            "a proposal with a proof of lock is signed, in a later round",
            |spot| spot.in_round(2).proposal("a", 0),
        ),
        signed("prevote", "a prevote for a block is signed", |spot| {
            spot.prevote("a")
        }),
        signed(
            "prevote-nil",
            "a prevote for nil is signed",
            Spot::nil_prevote,
        ),
        signed("precommit", "a precommit for a block is signed", |spot| {
            spot.precommit("a")
        }),
        signed(
            "precommit-nil",
            "a precommit for nil is signed",
            Spot::nil_precommit,
        ),
    ];
    if version >= Version::V1_0 {
        cases.push(should(
            "no-vote-as-raw-bytes",
            "the bytes of a vote are not signed as raw bytes, past all rules for votes",
            vote_as_raw_bytes,
        ));
    }
    cases
}

fn signed(name: &'static str, relies_on: &'static str, message: fn(&Spot) -> Canonical) -> Case {
    must(name, relies_on, move |play| {
        let message = message(&play.spot());
        play.sign(&message).map(|_| None)
    })
}

fn public_key(play: &mut Play<'_>) -> Outcome {
    let known = play.key()?;
    match play.ask(&node_side::pub_key_request(play.chain_id().as_str()))? {
        Answer::PubKey(key) if key == known => Ok(None),
        Answer::PubKey(_) => Err(Fault::failed("another public key than at first")),
        Answer::Refused { description, .. } => Err(Fault::Failed(format!(
            "the public key was refused: {description}"
        ))),
        other => Err(Fault::Failed(format!(
            "answered {}, which has no key there",
            kind(&other)
        ))),
    }
}

/// A signature over them would be a vote, whatever was signed before.
fn vote_as_raw_bytes(play: &mut Play<'_>) -> Outcome {
    let bytes = play.spot().prevote("a").sign_bytes();
    let reply = play
        .link
        .ask(play.version, &node_side::sign_bytes_request(&bytes));
    let signature = match reply.map(|reply| Answer::parse_as(play.version, &reply)) {
        Ok(Answer::RawBytes(signature)) => signature,
        Ok(_) => Vec::new(),
        Err(trouble) => return Ok(Some(trouble.to_string())),
    };
    play.settle();
    if testnode::verifies(&play.key()?, &bytes, &signature) {
        return Err(Fault::failed(
            "signed: whoever reaches this signer can have any two votes signed",
        ));
    }
    Ok(None)
}
