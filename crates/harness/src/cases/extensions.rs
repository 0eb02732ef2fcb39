//! Vote extensions, since 0.38: signed on a precommit for a block, and nowhere else.

use privval::node_side::{self, Signed};
use privval::{Canonical, Version};
use testnode::validator_address;

use super::{Case, case, differs, must, should};
use crate::fault::{Fault, Outcome};
use crate::messages::Spot;
use crate::plan::Plan;
use crate::play::Play;
use crate::report::Severity;

const KIB: usize = 1024;

pub(super) fn cases(plan: &Plan, version: Version) -> Vec<Case> {
    // Without extensions a node asks for an empty one, and most of them need no answer to that.
    let severity = if plan.extensions {
        Severity::Must
    } else {
        Severity::Should
    };
    let mut cases = vec![
        must(
            "no-misplaced-extension",
            "prevotes and precommits for nil come without a signature of an extension",
            no_misplaced_extension,
        ),
        case(
            severity,
            "extension-empty",
            "an empty extension is signed (0.38.0 to 0.38.10 stop without, even if they have none)",
            |play| extended(play, b""),
        ),
        case(severity, "extension", "an extension is signed", |play| {
            extended(play, b"an extension")
        }),
        case(
            severity,
            "extension-again",
            "a repeated precommit gets its extension signed again, even another one",
            again,
        ),
        case(
            severity,
            "extension-9-kib",
            "an extension of 9 KiB is signed, in an answer as short as nodes read",
            |play| extended(play, &[7; 9 * KIB]),
        ),
        should(
            "extension-64-kib",
            "an extension of 64 KiB is signed, in an answer as short as nodes read",
            |play| extended(play, &[7; 64 * KIB]),
        ),
        should(
            "extension-1-mib",
            "an extension of 1 MiB, the most there is, is signed",
            |play| extended(play, &vec![7; KIB * KIB]),
        ),
    ];
    if version >= Version::V1_0 {
        cases.push(must(
            "skip-extension",
            "a precommit is signed that says its extension need not be",
            |play| skipped(play).map(|_| None),
        ));
        cases.push(differs(
            "skip-extension-heeded",
            "no signature of an extension comes where none is wanted",
            |play| {
                let comes = !skipped(play)?.extension_signature.is_empty();
                Ok(comes.then(|| "one comes all the same".to_owned()))
            },
        ));
    }
    cases
}

fn extended(play: &mut Play<'_>, extension: &[u8]) -> Outcome {
    let precommit = play.spot().precommit("a");
    let signed = play.sign_with(&precommit, extension)?;
    check(play, &precommit, extension, &signed)?;
    Ok(None)
}

fn check(
    play: &Play<'_>,
    precommit: &Canonical,
    extension: &[u8],
    signed: &Signed,
) -> Result<(), Fault> {
    if signed.extension_signature.is_empty() {
        return Err(Fault::failed("signed without a signature of the extension"));
    }
    if play.verifies_extension(precommit, extension, signed)? {
        return Ok(());
    }
    Err(Fault::failed(
        "the signature of the extension does not verify",
    ))
}

/// As after a crash of the node, when its application makes another extension.
fn again(play: &mut Play<'_>) -> Outcome {
    let precommit = play.spot().precommit("a");
    for extension in [&b"first"[..], b"first", b"second"] {
        let signed = play.sign_with(&precommit, extension)?;
        check(play, &precommit, extension, &signed)?;
    }
    Ok(None)
}

fn no_misplaced_extension(play: &mut Play<'_>) -> Outcome {
    let votes = [Spot::nil_prevote, Spot::nil_precommit, |spot: &Spot| {
        spot.prevote("a")
    }];
    for vote in votes {
        let vote = vote(&play.spot());
        let signed = play.sign(&vote)?;
        if !signed.extension_signature.is_empty() {
            let what = crate::messages::told(&vote);
            return Err(Fault::Failed(format!(
                "{what} came with a signature of an extension, over which every node stops"
            )));
        }
    }
    Ok(None)
}

fn skipped(play: &mut Play<'_>) -> Result<Signed, Fault> {
    let precommit = play.spot().precommit("a");
    let Canonical::Vote(vote) = &precommit else {
        return Err(Fault::failed("a precommit is no vote"));
    };
    let address = validator_address(&play.key()?);
    let answer = play.ask(&node_side::sign_vote_request_of(vote, &address, b"", true))?;
    play.verified(&precommit, answer)
}
