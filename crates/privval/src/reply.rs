//! Replies: what the signer answers.
//!
//! Invariants: an encoded reply fits within [`NODE_READ_LIMIT`], because a node drops the
//! connection over a longer one; and an extension signature goes out only when it was asked for.

use prost::Message as _;

use crate::canonical;
use crate::frame::frame;
use crate::proto::{self, Sum};
use crate::request::{SignProposal, SignVote, Subject};
use crate::types::{PublicKey, Timestamp};

/// How many bytes of one reply every version of the node reads (CometBFT
/// `privval/signer_endpoint.go`, `maxRemoteSignerMsgSize`; 0.40 reads more).
pub const NODE_READ_LIMIT: usize = 10 * 1024;

/// The longest description that goes out with an error, in bytes.
const MAX_DESCRIPTION_LEN: usize = 2 * 1024;

/// A signature as the wire carries it: 64 bytes for Ed25519 and secp256k1.
pub type SignatureBytes = [u8; 64];

/// An error that a node receives and prints; it never interprets the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    /// CometBFT's `Errors` enum; 2 is what tmkms sends for an attempted double sign.
    pub code: i32,
    /// What happened, for the person who reads the node's log.
    pub description: String,
}

/// An answer to a request, to be framed and sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply(Sum);

impl Reply {
    /// Answers a ping.
    #[must_use]
    pub fn pong() -> Self {
        Self(Sum::PingResponse(proto::Empty {}))
    }

    /// Answers with the public key, in the forms of all versions at once.
    #[must_use]
    pub fn public_key(key: &PublicKey) -> Self {
        let sum = match key {
            PublicKey::Ed25519(bytes) => proto::PublicKeySum::Ed25519(bytes.to_vec()),
            PublicKey::Secp256k1(bytes) => proto::PublicKeySum::Secp256k1(bytes.to_vec()),
        };
        Self(Sum::PubKeyResponse(proto::PubKeyResponse {
            pub_key: Some(proto::PublicKey { sum: Some(sum) }),
            error: None,
            pub_key_bytes: key.as_bytes().to_vec(),
            pub_key_type: key.type_name().to_owned(),
        }))
    }

    /// Answers with a signed vote.
    ///
    /// `timestamp` is the one that was signed, which differs from the request's when an earlier
    /// signature is given again. `extension_signature` is left out unless
    /// [`SignVote::wants_extension_signature`]. The extension itself is never sent back: the
    /// node does not read it, and it could pass the limit.
    #[must_use]
    pub fn signed_vote(
        request: &SignVote,
        timestamp: Timestamp,
        signature: &SignatureBytes,
        extension_signature: Option<&SignatureBytes>,
    ) -> Self {
        let mut vote = request.echo.clone();
        vote.timestamp = Some(canonical::timestamp_to_proto(timestamp));
        vote.signature = signature.to_vec();
        vote.extension_signature = extension_signature
            .filter(|_| request.wants_extension_signature())
            .map(|s| s.to_vec())
            .unwrap_or_default();
        Self(Sum::SignedVoteResponse(proto::SignedVoteResponse {
            vote: Some(vote),
            error: None,
        }))
    }

    /// Answers with a signed proposal; `timestamp` as for [`Self::signed_vote`].
    #[must_use]
    pub fn signed_proposal(
        request: &SignProposal,
        timestamp: Timestamp,
        signature: &SignatureBytes,
    ) -> Self {
        let mut proposal = request.echo.clone();
        proposal.timestamp = Some(canonical::timestamp_to_proto(timestamp));
        proposal.signature = signature.to_vec();
        Self(Sum::SignedProposalResponse(proto::SignedProposalResponse {
            proposal: Some(proposal),
            error: None,
        }))
    }

    /// Answers with a signature over raw bytes.
    #[must_use]
    pub fn signed_raw_bytes(signature: &SignatureBytes) -> Self {
        Self(Sum::RawBytesResponse(proto::RawBytesResponse {
            signature: signature.to_vec(),
            error: None,
        }))
    }

    /// Refuses. The description is cut to 2 KiB.
    #[must_use]
    pub fn refusal(subject: Subject, error: &RemoteError) -> Self {
        let error = Some(proto::RemoteSignerError {
            code: error.code,
            description: cut(&error.description),
        });
        Self(match subject {
            Subject::PubKey => Sum::PubKeyResponse(proto::PubKeyResponse {
                error,
                ..Default::default()
            }),
            Subject::Vote => Sum::SignedVoteResponse(proto::SignedVoteResponse {
                error,
                ..Default::default()
            }),
            Subject::Proposal => Sum::SignedProposalResponse(proto::SignedProposalResponse {
                error,
                ..Default::default()
            }),
            Subject::RawBytes => Sum::RawBytesResponse(proto::RawBytesResponse {
                error,
                ..Default::default()
            }),
        })
    }

    /// The reply as it goes onto the wire: framed, and short enough for every node.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let encoded = frame(&encode(&self.0));
        if encoded.len() <= NODE_READ_LIMIT {
            return encoded;
        }
        frame(&encode(&self.essentials()))
    }

    /// Only what a node takes from a reply: signatures and the timestamp. Reached when a request
    /// carried an address longer than any that exists.
    fn essentials(&self) -> Sum {
        let mut sum = self.0.clone();
        if let Sum::SignedVoteResponse(proto::SignedVoteResponse {
            vote: Some(vote), ..
        }) = &mut sum
        {
            vote.validator_address.clear();
        }
        sum
    }
}

fn encode(sum: &Sum) -> Vec<u8> {
    proto::Message {
        sum: Some(sum.clone()),
    }
    .encode_to_vec()
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_DESCRIPTION_LEN);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().to_owned()
}
