//! What a node asks for again after it was started anew, and what looks like a conflict and is
//! none.

use privval::Canonical;
use privval::node_side::Answer;

use super::{Case, differs, must, should};
use crate::fault::{Fault, Outcome};
use crate::messages::{Spot, later};
use crate::play::Play;

pub(super) fn cases() -> Vec<Case> {
    vec![
        repeat(
            "repeat-proposal",
            "a proposal that is asked for again gets the same signature",
            |spot| spot.proposal("a", -1),
        ),
        repeat(
            "repeat-prevote",
            "a prevote that is asked for again gets the same signature",
            |spot| spot.prevote("a"),
        ),
        repeat(
            "repeat-prevote-nil",
            "a prevote for nil that is asked for again gets the same signature",
            Spot::nil_prevote,
        ),
        repeat(
            "repeat-precommit",
            "a precommit that is asked for again gets the same signature",
            |spot| spot.precommit("a"),
        ),
        must(
            "repeat-later",
            "a vote that is asked for again with a later timestamp is answered so that it counts",
            repeat_later,
        ),
        should(
            "one-signature-per-vote",
            "that answer is the first signature with the first timestamp",
            one_signature,
        ),
        differs(
            "repeat-proposal-later",
            "a proposal that is asked for again with a later timestamp",
            repeat_proposal_later,
        ),
        legal(
            "precommit-after-nil-prevote",
            "a precommit for a block is signed after a prevote for nil",
            |spot| [spot.nil_prevote(), spot.precommit("a")],
        ),
        legal(
            "nil-precommit-after-prevote",
            "a precommit for nil is signed after a prevote for a block",
            |spot| [spot.prevote("a"), spot.nil_precommit()],
        ),
        legal(
            "precommit-other-block",
            "a precommit is signed for another block than the prevote was for",
            |spot| [spot.prevote("a"), spot.precommit("b")],
        ),
        legal(
            "next-round-other-block",
            "another block is voted for in the next round",
            |spot| [spot.precommit("a"), spot.in_round(1).prevote("b")],
        ),
    ]
}

fn repeat(name: &'static str, relies_on: &'static str, message: fn(&Spot) -> Canonical) -> Case {
    must(name, relies_on, move |play| {
        let message = message(&play.spot());
        let first = play.sign(&message)?;
        let second = play.sign(&message)?;
        if first.signature == second.signature {
            return Ok(None);
        }
        Err(Fault::failed(
            "the same request got another signature, which other nodes reject as a vote that \
             changed",
        ))
    })
}

fn legal(
    name: &'static str,
    relies_on: &'static str,
    messages: fn(&Spot) -> [Canonical; 2],
) -> Case {
    must(name, relies_on, move |play| {
        for message in messages(&play.spot()) {
            play.sign(&message)?;
        }
        Ok(None)
    })
}

/// True when the same signature came back for a later timestamp; both verified.
fn signed_twice(play: &mut Play<'_>, vote: &Canonical) -> Result<bool, Fault> {
    let first = play.sign(vote)?;
    let second = play.sign(&later(vote, 1500))?;
    Ok(first.signature == second.signature)
}

fn repeat_later(play: &mut Play<'_>) -> Outcome {
    let prevote = play.spot().prevote("a");
    signed_twice(play, &prevote)?;
    let precommit = play.spot().precommit("a");
    signed_twice(play, &precommit)?;
    Ok(None)
}

fn one_signature(play: &mut Play<'_>) -> Outcome {
    for message in [play.spot().prevote("a"), play.spot().precommit("a")] {
        if !signed_twice(play, &message)? {
            return Err(Fault::failed(
                "signed anew: two signatures for one vote are about, which other nodes reject \
                 as a vote that changed",
            ));
        }
    }
    Ok(None)
}

fn repeat_proposal_later(play: &mut Play<'_>) -> Outcome {
    let proposal = play.spot().proposal("a", -1);
    let first = play.sign(&proposal)?;
    let request = play.request(&later(&proposal, 1500), b"");
    let answer = match play.ask(&request) {
        Ok(answer) => answer,
        Err(trouble) => return Ok(Some(trouble.to_string())),
    };
    play.settle();
    let found = match play.verified(&later(&proposal, 1500), answer.clone()) {
        Ok(_) => "is signed anew",
        Err(_) => match answer {
            Answer::Proposal(signed) if signed.signature == first.signature => {
                "gets the first signature, which the node drops"
            }
            Answer::Refused { .. } => "is refused",
            _ => "gets an answer that does not verify",
        },
    };
    Ok(Some(found.to_owned()))
}
