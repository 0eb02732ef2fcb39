//! Asking, with what a node makes of the answers.

use std::thread;
use std::time::{Duration, Instant};

use privval::node_side::{self, Answer, Signed};
use privval::{
    Canonical, ChainId, Height, PublicKey, Round, Subject, Version, extension_sign_bytes,
};
use testnode::{validator_address, verifies};

use crate::fault::{Fault, Outcome, Trouble};
use crate::latency::Latency;
use crate::link::Link;
use crate::messages::{Spot, at_time, told};
use crate::plan::Plan;

/// A run at a moment: the connection, what is known of the signer, and the next height.
pub(crate) struct Play<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) link: Link<'a>,
    /// As a node of which version it asks.
    pub(crate) version: Version,
    /// What the signer said its public key is.
    pub(crate) key: Option<PublicKey>,
    /// What many requests in a row took.
    pub(crate) latency: Option<Latency>,
    /// What was done with each refusal that a node may bring about in normal operation.
    pub(crate) refusals: Vec<(&'static str, Manner)>,
    /// The case that runs.
    pub(crate) case: &'static str,
    next_height: i64,
}

/// How something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// With an error, on a connection that goes on.
    Answered,
    /// With an error, and then the signer closed the connection.
    ThenClosed,
    /// By closing the connection.
    Closed,
    /// By not answering.
    Silent,
    /// With something else.
    Otherwise(&'static str),
}

impl Manner {
    fn note(&self) -> Option<String> {
        let text = match self {
            Self::Answered => return None,
            Self::ThenClosed => "answered with an error, then closed the connection",
            Self::Closed => "not signed; the connection was closed instead",
            Self::Silent => "not signed; the request was left unanswered",
            Self::Otherwise(what) => what,
        };
        Some(text.to_owned())
    }
}

impl<'a> Play<'a> {
    pub(crate) fn new(plan: &'a Plan, link: Link<'a>) -> Self {
        Self {
            plan,
            link,
            version: plan.newest(),
            key: None,
            latency: None,
            refusals: Vec::new(),
            case: "",
            next_height: plan.ground.first_height().value(),
        }
    }

    /// The last height that was asked for.
    pub(crate) fn last_height(&self) -> i64 {
        let first = self.plan.ground.first_height().value();
        self.next_height.saturating_sub(1).max(first)
    }

    /// Round 0 of a height that was not asked for yet.
    pub(crate) fn spot(&mut self) -> Spot {
        let height = Height::try_from(self.next_height).unwrap_or_default();
        self.next_height = self.next_height.saturating_add(1);
        Spot {
            chain_id: self.chain_id().clone(),
            height,
            round: Round::default(),
        }
    }

    pub(crate) fn chain_id(&self) -> &'a ChainId {
        self.plan.ground.chain_id()
    }

    /// The public key; without it nothing can be verified.
    pub(crate) fn key(&self) -> Result<PublicKey, Fault> {
        self.key
            .ok_or_else(|| Fault::Gone("the signer told no public key to verify with".to_owned()))
    }

    /// The request for a signature, as a node writes it.
    pub(crate) fn request(&self, message: &Canonical, extension: &[u8]) -> Vec<u8> {
        let address = self.key.as_ref().map(validator_address).unwrap_or_default();
        match message {
            Canonical::Vote(vote) => {
                node_side::sign_vote_request_of(vote, &address, extension, false)
            }
            Canonical::Proposal(proposal) => node_side::sign_proposal_request(proposal),
        }
    }

    /// Asks anything.
    pub(crate) fn ask(&mut self, framed: &[u8]) -> Result<Answer, Trouble> {
        let message = self.link.ask(self.version, framed)?;
        Ok(Answer::parse_as(self.version, &message))
    }

    /// Asks whether the signer is there.
    pub(crate) fn ping(&mut self) -> Result<(), Fault> {
        match self.ask(&node_side::ping())? {
            Answer::Pong => Ok(()),
            other => Err(Fault::failed(format!("answered {}", kind(&other)))),
        }
    }

    /// Has it signed. What came back verifies as the node verifies it.
    pub(crate) fn sign(&mut self, message: &Canonical) -> Result<Signed, Fault> {
        self.sign_with(message, b"")
    }

    /// The same with an extension, whose signature is not looked at.
    pub(crate) fn sign_with(
        &mut self,
        message: &Canonical,
        extension: &[u8],
    ) -> Result<Signed, Fault> {
        let request = self.request(message, extension);
        let answer = self.ask(&request)?;
        self.verified(message, answer)
    }

    /// What is signed by an answer to a request for a signature.
    pub(crate) fn verified(&self, message: &Canonical, answer: Answer) -> Result<Signed, Fault> {
        let what = told(message);
        let signed = match (message, answer) {
            (Canonical::Vote(_), Answer::Vote(signed))
            | (Canonical::Proposal(_), Answer::Proposal(signed)) => signed,
            (_, Answer::Refused { description, .. }) => {
                return Err(Fault::failed(format!("{what} was refused: {description}")));
            }
            (_, other) => {
                return Err(Fault::failed(format!(
                    "{what} was answered {}",
                    kind(&other)
                )));
            }
        };
        if verifies(
            &self.key()?,
            &as_node_sees(message, &signed).sign_bytes(),
            &signed.signature,
        ) {
            return Ok(signed);
        }
        Err(Fault::failed(format!(
            "the signature of {what} at {} does not verify",
            message.hrs()
        )))
    }

    /// True when the signature of the extension of a signed precommit verifies.
    pub(crate) fn verifies_extension(
        &self,
        message: &Canonical,
        extension: &[u8],
        signed: &Signed,
    ) -> Result<bool, Fault> {
        let place = message.hrs();
        let bytes = extension_sign_bytes(message.chain_id(), place.height, place.round, extension);
        Ok(verifies(&self.key()?, &bytes, &signed.extension_signature))
    }

    /// Asks for what a node may bring about and a signer must refuse. Passes when nothing was
    /// signed; how it was refused is another case's matter.
    pub(crate) fn must_refuse(&mut self, message: &Canonical, earlier: &[Signed]) -> Outcome {
        let request = self.request(message, b"");
        let manner = match self.link.ask(self.version, &request) {
            Ok(reply) => self.manner(message, &reply, earlier)?,
            Err(Trouble::Closed) => Manner::Closed,
            Err(Trouble::Silent(_)) => Manner::Silent,
            Err(trouble) => return Err(trouble.into()),
        };
        let note = manner.note();
        self.refusals.push((self.case, manner));
        Ok(note)
    }

    fn manner(
        &mut self,
        message: &Canonical,
        reply: &[u8],
        earlier: &[Signed],
    ) -> Result<Manner, Fault> {
        let answer = Answer::parse_as(self.version, reply);
        let signed = match answer {
            Answer::Refused { .. } if node_side::subject(reply) != Some(subject(message)) => {
                return Ok(Manner::Otherwise(
                    "answered with an error of another kind of request",
                ));
            }
            Answer::Refused { .. } => return Ok(self.after_an_error()),
            Answer::Vote(signed) | Answer::Proposal(signed) => signed,
            _ => return Ok(Manner::Otherwise("not signed; the answer fits no request")),
        };
        if self.is_signature_of(message, &signed)? {
            return Err(Fault::Failed(format!(
                "signed {} at {}",
                told(message),
                message.hrs()
            )));
        }
        let is_earlier = |one: &Signed| one.signature == signed.signature;
        Ok(Manner::Otherwise(if signed.signature.is_empty() {
            "not signed; answered without an error and without a signature"
        } else if earlier.iter().any(is_earlier) {
            "answered with the earlier signature, which does not fit"
        } else {
            "answered with a signature that does not verify"
        }))
    }

    /// Sees to it that the next case begins on a connection that works. What ended this one is
    /// told already, or no matter of the case.
    pub(crate) fn settle(&mut self) {
        // A ping that fails has closed the connection.
        let _ = self.ask(&node_side::ping());
    }

    /// Whoever has been refused goes on.
    fn after_an_error(&mut self) -> Manner {
        match self.ask(&node_side::ping()) {
            Ok(Answer::Pong) => Manner::Answered,
            Ok(_) => Manner::Otherwise("answered with an error, and the next ping wrongly"),
            Err(_) => Manner::ThenClosed,
        }
    }

    /// True for a signature over the message with either of the two timestamps: both would be
    /// evidence.
    pub(crate) fn is_signature_of(
        &self,
        message: &Canonical,
        signed: &Signed,
    ) -> Result<bool, Fault> {
        let key = self.key()?;
        let times = [message.timestamp(), signed.timestamp];
        Ok(times.into_iter().any(|time| {
            verifies(
                &key,
                &at_time(message, time).sign_bytes(),
                &signed.signature,
            )
        }))
    }

    /// Sends what no signer can sign. Passes when it is answered with an error and the connection
    /// goes on.
    pub(crate) fn must_answer_with_an_error(&mut self, request: &[u8]) -> Outcome {
        match self.ask(request)? {
            Answer::Refused { .. } => {}
            Answer::Vote(signed) | Answer::Proposal(signed) if !signed.signature.is_empty() => {
                return Err(Fault::failed("answered with a signature"));
            }
            other => return Err(Fault::failed(format!("answered {}", kind(&other)))),
        }
        match self.after_an_error() {
            Manner::Answered => Ok(None),
            _ => Err(Fault::failed(
                "answered with an error, then closed the connection",
            )),
        }
    }

    /// Asks for heights until one is signed: a signer without a past may let some pass.
    pub(crate) fn wait_for_a_signature(&mut self) -> Outcome {
        let begun = Instant::now();
        let timeout = self.plan.first_signature_timeout;
        let mut refused = 0_u32;
        loop {
            let message = self.spot().prevote("first");
            let why = match self.sign(&message) {
                Ok(_) if refused == 0 => return Ok(None),
                Ok(_) => {
                    let s = begun.elapsed().as_secs();
                    return Ok(Some(format!(
                        "it let {refused} heights pass first, for {s} s"
                    )));
                }
                Err(Fault::Failed(why)) => why,
                Err(other) => return Err(other),
            };
            if self.link.is_hopeless().is_some() || begun.elapsed() >= timeout {
                return Err(Fault::Gone(why));
            }
            refused += 1;
            thread::sleep(Duration::from_millis(500).min(timeout / 10));
        }
    }
}

/// A node takes a vote with the timestamp that comes back, and a proposal with its own.
fn as_node_sees(message: &Canonical, signed: &Signed) -> Canonical {
    match message {
        Canonical::Vote(_) => at_time(message, signed.timestamp),
        Canonical::Proposal(_) => message.clone(),
    }
}

fn subject(message: &Canonical) -> Subject {
    match message {
        Canonical::Vote(_) => Subject::Vote,
        Canonical::Proposal(_) => Subject::Proposal,
    }
}

/// What an answer is, after "answered".
pub(crate) fn kind(answer: &Answer) -> &'static str {
    match answer {
        Answer::PubKey(_) => "with a public key",
        Answer::Vote(_) => "with a vote",
        Answer::Proposal(_) => "with a proposal",
        Answer::RawBytes(_) => "with a signature of raw bytes",
        Answer::Pong => "with a pong",
        Answer::Refused { .. } => "with an error",
        Answer::Unknown => "with what this node does not understand",
    }
}
