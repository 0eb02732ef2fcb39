//! What must never be signed: conflicts, steps back, other chains.

use privval::node_side::{self, Answer};
use privval::{Canonical, ChainId};

use super::{Case, differs, must, should};
use crate::fault::{Fault, Outcome, Trouble};
use crate::messages::Spot;
use crate::play::{Manner, Play, kind};

/// Chains that are none, the second for a signer that is tried on the first.
const OTHER_CHAINS: [&str; 2] = ["tmkms-harness-wrong", "tmkms-harness-wrong-2"];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = at_one_place();
    cases.extend(steps_back());
    cases.extend(others());
    // These tell of all refusals above, so they come last.
    cases.push(must(
        "refusals-are-answered",
        "each of these refusals is an error in the answer, of the kind that was asked for",
        |play| {
            told(play, "not answered with an error", |manner| {
                !matches!(manner, Manner::Answered | Manner::ThenClosed)
            })
        },
    ));
    cases.push(must(
        "refusals-keep-connection",
        "after each of these refusals the connection goes on",
        |play| {
            told(play, "ended the connection", |manner| {
                matches!(manner, Manner::Closed | Manner::ThenClosed)
            })
        },
    ));
    cases
}

fn at_one_place() -> Vec<Case> {
    vec![
        refused(
            "conflict-proposal",
            "a second proposal in a round is not signed",
            |play| {
                let spot = play.spot();
                (vec![spot.proposal("a", -1)], spot.proposal("b", -1))
            },
        ),
        refused(
            "conflict-prevote",
            "a prevote for a second block is not signed",
            |play| {
                let spot = play.spot();
                (vec![spot.prevote("a")], spot.prevote("b"))
            },
        ),
        refused(
            "conflict-prevote-nil",
            "a prevote for nil after one for a block is not signed",
            |play| {
                let spot = play.spot();
                (vec![spot.prevote("a")], spot.nil_prevote())
            },
        ),
        refused(
            "conflict-prevote-block",
            "a prevote for a block after one for nil is not signed",
            |play| {
                let spot = play.spot();
                (vec![spot.nil_prevote()], spot.prevote("a"))
            },
        ),
        refused(
            "conflict-precommit",
            "a precommit for a second block is not signed",
            |play| {
                let spot = play.spot();
                (vec![spot.precommit("a")], spot.precommit("b"))
            },
        ),
        refused(
            "conflict-precommit-nil",
            "a precommit for nil after one for a block is not signed",
            |play| {
                let spot = play.spot();
                (vec![spot.precommit("a")], spot.nil_precommit())
            },
        ),
        refused(
            "conflict-precommit-block",
            "a precommit for a block after one for nil is not signed",
            |play| {
                let spot = play.spot();
                (vec![spot.nil_precommit()], spot.precommit("a"))
            },
        ),
        must(
            "conflict-in-one-breath",
            "of two conflicting prevotes that arrive at once one is signed at most",
            in_one_breath,
        ),
    ]
}

fn steps_back() -> Vec<Case> {
    vec![
        refused("back-height", "an earlier height is not signed", |play| {
            let (low, high) = (play.spot(), play.spot());
            (vec![low.prevote("a"), high.prevote("a")], low.prevote("b"))
        }),
        refused("back-round", "an earlier round is not signed", |play| {
            let spot = play.spot();
            let later = spot.in_round(1);
            (
                vec![spot.prevote("a"), later.prevote("a")],
                spot.prevote("b"),
            )
        }),
        refused(
            "back-to-prevote",
            "a prevote is not signed after the precommit",
            |play| {
                let spot = play.spot();
                (
                    vec![spot.prevote("a"), spot.precommit("a")],
                    spot.prevote("b"),
                )
            },
        ),
        refused(
            "back-to-proposal",
            "a proposal is not signed after the prevote",
            |play| {
                let spot = play.spot();
                (
                    vec![spot.proposal("a", -1), spot.prevote("a")],
                    spot.proposal("b", -1),
                )
            },
        ),
    ]
}

fn others() -> Vec<Case> {
    vec![
        should(
            "conflict-proof-of-lock",
            "the same proposal with another proof of lock is not signed",
            |play| {
                let spot = play.spot().in_round(2);
                refuse(play, &[spot.proposal("a", 0)], &spot.proposal("a", 1))
            },
        ),
        refused(
            "wrong-chain-vote",
            "a vote for a chain that the signer does not serve is not signed",
            |play| {
                let chain = other_chain(play);
                (vec![], play.spot().on(&chain).prevote("a"))
            },
        ),
        refused(
            "wrong-chain-proposal",
            "a proposal for a chain that it does not serve is not signed",
            |play| {
                let chain = other_chain(play);
                (vec![], play.spot().on(&chain).proposal("a", -1))
            },
        ),
        differs(
            "wrong-chain-key",
            "the public key for a chain that it does not serve",
            |play| {
                let chain = other_chain(play);
                let found = match play.ask(&node_side::pub_key_request(chain.as_str())) {
                    Ok(answer) => format!("answered {}", kind(&answer)),
                    Err(trouble) => trouble.to_string(),
                };
                play.settle();
                Ok(Some(found))
            },
        ),
    ]
}

fn refused(
    name: &'static str,
    relies_on: &'static str,
    messages: fn(&mut Play<'_>) -> (Vec<Canonical>, Canonical),
) -> Case {
    must(name, relies_on, move |play| {
        let (signed, asked) = messages(play);
        refuse(play, &signed, &asked)
    })
}

/// Has some signed and then the last one refused.
fn refuse(play: &mut Play<'_>, first: &[Canonical], asked: &Canonical) -> Outcome {
    let mut earlier = Vec::new();
    for message in first {
        earlier.push(play.sign(message)?);
    }
    play.must_refuse(asked, &earlier)
}

/// As from two nodes of one validator, or from one that lies.
fn in_one_breath(play: &mut Play<'_>) -> Outcome {
    let spot: Spot = play.spot();
    let votes = [spot.prevote("a"), spot.prevote("b")];
    let both = votes
        .each_ref()
        .map(|vote| play.request(vote, b""))
        .concat();
    play.link.send(&both)?;
    let mut signed = [false; 2];
    for _ in &votes {
        let reply = match play.link.receive(play.version) {
            Ok(reply) => reply,
            Err(Trouble::Closed | Trouble::Silent(_)) => break,
            Err(trouble) => return Err(trouble.into()),
        };
        if let Answer::Vote(answer) = Answer::parse_as(play.version, &reply) {
            for (vote, signed) in votes.iter().zip(&mut signed) {
                *signed |= play.is_signature_of(vote, &answer)?;
            }
        }
    }
    play.settle();
    match signed {
        [true, true] => Err(Fault::failed("both are signed")),
        [false, false] => Ok(Some("neither is signed".to_owned())),
        _ => Ok(None),
    }
}

fn told(play: &mut Play<'_>, what: &str, is_bad: fn(&Manner) -> bool) -> Outcome {
    let all = play.refusals.len();
    let bad: Vec<&str> = play
        .refusals
        .iter()
        .filter(|(_, manner)| is_bad(manner))
        .map(|(name, _)| *name)
        .collect();
    match (all, bad.as_slice()) {
        (0, _) => Err(Fault::Skipped("nothing was refused".to_owned())),
        (_, []) => Ok(None),
        (all, bad) => Err(Fault::Failed(format!(
            "{} of {all} {what}: {}",
            bad.len(),
            bad.join(", ")
        ))),
    }
}

fn other_chain(play: &Play<'_>) -> ChainId {
    let own = play.chain_id();
    let mut others = OTHER_CHAINS.iter().filter_map(|id| ChainId::new(*id).ok());
    others.find(|id| id != own).unwrap_or_else(|| own.clone())
}
