//! The audit log's records of a session.

use privval::{Request, Subject as Asked};

use super::answer::Outcome;
use super::log;
use super::node::Node;
use crate::audit::{Entry, Subject};

/// Records what came of a request, if it was about a signature.
pub(super) fn record(node: &Node, request: &Request, outcome: &Outcome) {
    let entry = match outcome {
        Outcome::Signed {
            canonical,
            is_replay,
            ..
        } => {
            let subject = Box::new(subject(node, log::kind(canonical)).about(canonical));
            if *is_replay {
                Entry::Repeated(subject)
            } else {
                Entry::Signed(subject)
            }
        }
        Outcome::SignedRawBytes(_) => Entry::Signed(Box::new(subject(node, "RawBytes"))),
        Outcome::Refused { cause, why } => Entry::Refused {
            subject: Box::new(refused(node, request)),
            cause,
            why: log::one_line(why),
        },
        Outcome::Served | Outcome::Unanswered => return,
    };
    node.audit.add(entry);
}

fn refused(node: &Node, request: &Request) -> Subject {
    if let Some(canonical) = log::asked(request) {
        return subject(node, log::kind(&canonical)).about(&canonical);
    }
    match request {
        Request::PubKey { chain_id } => Subject {
            asked_chain: Some(log::one_line(chain_id)),
            ..subject(node, "PubKey")
        },
        Request::Malformed { subject: asked, .. } => subject(node, kind(*asked)),
        _ => subject(node, "RawBytes"),
    }
}

fn kind(asked: Asked) -> &'static str {
    match asked {
        Asked::PubKey => "PubKey",
        Asked::Vote => "Vote",
        Asked::Proposal => "Proposal",
        Asked::RawBytes => "RawBytes",
    }
}

fn subject(node: &Node, kind: &'static str) -> Subject {
    Subject {
        chain: node.chain.id().to_string(),
        node: node.address.to_string(),
        kind,
        asked_chain: None,
        place: None,
        block_id: None,
        key: node.chain.key_hex().to_owned(),
    }
}
