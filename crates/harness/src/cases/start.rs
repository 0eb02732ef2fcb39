//! What comes first: the handshake, the public key, and a first signature.

use privval::node_side::{self, Answer};
use privval::{PublicKey, Version};

use super::{Case, must};
use crate::fault::{Fault, Outcome};
use crate::key;
use crate::plan::Plan;
use crate::play::{Play, kind};

/// The handshake, which the run makes before anything can be asked.
pub(crate) fn handshake() -> Case {
    must(
        "handshake",
        "the connection is set up: a SecretConnection on tcp, nothing on a Unix socket",
        |_| Ok(None),
    )
}

pub(super) fn cases(plan: &Plan) -> Vec<Case> {
    let mut cases = vec![must(
        "answers",
        "the first question, for the public key, is answered",
        answers,
    )];
    if let Some(expected) = plan.expected_key {
        cases.push(must(
            "expected-key",
            "the public key is that of the validator",
            move |play| is_expected(play, &expected),
        ));
    }
    cases.push(must(
        "first-signature",
        "a signer that is set up signs, within a minute",
        |play| play.wait_for_a_signature(),
    ));
    cases
}

/// In whichever form the key is told: whether each version finds it is another case.
fn answers(play: &mut Play<'_>) -> Outcome {
    let request = node_side::pub_key_request(play.chain_id().as_str());
    let reply = play.link.ask(play.version, &request);
    let reply = reply.map_err(|trouble| Fault::Gone(trouble.to_string()))?;
    let forms = [Version::V0_34, Version::V1_0];
    let answers = forms.map(|version| Answer::parse_as(version, &reply));
    for answer in &answers {
        match answer {
            Answer::PubKey(key) => {
                play.key = Some(*key);
                return Ok(Some(key::told(key)));
            }
            Answer::Refused { description, .. } => {
                return Err(Fault::Gone(format!(
                    "the public key for chain {} was refused: {description}",
                    play.chain_id()
                )));
            }
            _ => {}
        }
    }
    let [first, _] = &answers;
    Err(Fault::Gone(format!("answered {}", kind(first))))
}

fn is_expected(play: &mut Play<'_>, expected: &PublicKey) -> Outcome {
    let found = play.key()?;
    if found == *expected {
        return Ok(None);
    }
    Err(Fault::Failed(format!(
        "the signer has {}, not {}",
        key::told(&found),
        key::told(expected)
    )))
}
