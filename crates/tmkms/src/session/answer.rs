//! From a request to its answer: asks the chain for a permit, has the provider sign it, and
//! tells what happened. Every refusal is an answer.

use std::time::Duration;

use keys::Signature;
use privval::{
    Canonical, RawBytesRequest, RemoteError, Reply, Request, SignProposal, SignVote, Subject,
};

use super::node::Node;
use crate::config::RawBytes;
use crate::signer::{Signed, SigningError};

/// What came of a request, for the log.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A vote or a proposal was signed.
    Signed {
        /// What was signed; its timestamp may differ from the request's.
        canonical: Canonical,
        /// It was signed before.
        is_replay: bool,
        /// How long the commit, the disk's part of it, and the signing took.
        took: [Duration; 3],
    },
    /// Raw bytes were signed: how many.
    SignedRawBytes(usize),
    /// Refused.
    Refused {
        /// The kind of refusal.
        cause: &'static str,
        /// The whole story.
        why: String,
    },
    /// A ping or the public key.
    Served,
    /// Not understood, so there is no answer that would fit.
    Unanswered,
}

/// Answers one request of a node.
#[must_use]
pub(super) fn answer(node: &Node, request: &Request) -> (Option<Reply>, Outcome) {
    let result = match request {
        Request::Ping => Ok((Reply::pong(), Outcome::Served)),
        Request::PubKey { chain_id } => public_key(node, chain_id),
        Request::SignVote(request) => vote(node, request),
        Request::SignProposal(request) => proposal(node, request),
        Request::RawBytes(request) => raw_bytes(node, request),
        Request::Malformed { subject, reason } => Err((*subject, malformed(reason))),
        Request::Unknown => return (None, Outcome::Unanswered),
    };
    let (reply, outcome) = result.unwrap_or_else(|(subject, error)| refuse(subject, &error));
    (Some(reply), outcome)
}

type Answered = Result<(Reply, Outcome), (Subject, SigningError)>;

fn public_key(node: &Node, chain_id: &str) -> Answered {
    // Some tools ask without naming a chain; the key is public.
    if !chain_id.is_empty() {
        node.chain
            .check_id(chain_id)
            .map_err(|e| (Subject::PubKey, e))?;
    }
    let reply = Reply::public_key(&node.chain.public_key());
    Ok((reply, Outcome::Served))
}

fn vote(node: &Node, request: &SignVote) -> Answered {
    let canonical = request.canonical();
    let extension = request
        .wants_extension_signature()
        .then_some(request.extension.as_slice());
    let signed = node
        .chain
        .sign(&canonical, extension, node.max_height)
        .map_err(|e| (Subject::Vote, e))?;
    let reply = Reply::signed_vote(
        request,
        signed.timestamp,
        &signed.signature.to_bytes(),
        signed.extension.map(Signature::to_bytes).as_ref(),
    );
    Ok((reply, outcome(canonical, &signed)))
}

fn proposal(node: &Node, request: &SignProposal) -> Answered {
    let canonical = request.canonical();
    let signed = node
        .chain
        .sign(&canonical, None, node.max_height)
        .map_err(|e| (Subject::Proposal, e))?;
    let reply = Reply::signed_proposal(request, signed.timestamp, &signed.signature.to_bytes());
    Ok((reply, outcome(canonical, &signed)))
}

fn outcome(mut canonical: Canonical, signed: &Signed) -> Outcome {
    match &mut canonical {
        Canonical::Vote(vote) => vote.timestamp = signed.timestamp,
        Canonical::Proposal(proposal) => proposal.timestamp = signed.timestamp,
    }
    Outcome::Signed {
        canonical,
        is_replay: signed.is_replay,
        took: [signed.committed_in, signed.synced_in, signed.signed_in],
    }
}

fn raw_bytes(node: &Node, request: &RawBytesRequest) -> Answered {
    let fail = |e| (Subject::RawBytes, e);
    let raw = match node.chain.raw_bytes() {
        // Read in either way it would be refused: the guard says so.
        RawBytes::Off => Ok(privval::RawBytes {
            chain_id: None,
            content: Vec::new(),
            sign_bytes: Vec::new(),
        }),
        RawBytes::CometBft1 => request.as_cometbft(),
        RawBytes::Celestia => request.as_celestia(),
    };
    let raw = raw.map_err(|e| fail(malformed(&e)))?;
    let len = raw.content.len();
    let signature = node.chain.sign_raw_bytes(raw).map_err(fail)?;
    Ok((
        Reply::signed_raw_bytes(&signature.to_bytes()),
        Outcome::SignedRawBytes(len),
    ))
}

fn malformed(reason: &privval::Malformed) -> SigningError {
    SigningError::Malformed(reason.to_string())
}

fn refuse(subject: Subject, error: &SigningError) -> (Reply, Outcome) {
    let RemoteError { code, description } = error.remote_error();
    let reply = Reply::refusal(
        subject,
        &RemoteError {
            code,
            description: description.clone(),
        },
    );
    let outcome = Outcome::Refused {
        cause: error.cause(),
        why: description,
    };
    (reply, outcome)
}
