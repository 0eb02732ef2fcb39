//! Requests: what a node asks, checked in full before anything else sees it.

use prost::Message as _;

use crate::canonical::{self, Canonical, Proposal, Vote};
use crate::proto::{self, Sum, Version};
use crate::types::{ChainIdError, OutOfRange};

/// A request of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Asks for the public key that signs for a chain.
    PubKey {
        /// The chain id, unchecked: an empty one is common.
        chain_id: String,
    },
    /// Asks for a vote's signature.
    SignVote(Box<SignVote>),
    /// Asks for a proposal's signature.
    SignProposal(Box<SignProposal>),
    /// Asks for a signature over bytes that are neither; see [`RawBytesRequest`].
    RawBytes(RawBytesRequest),
    /// Keeps the connection alive.
    Ping,
    /// Asks for something that can be named but not be done; to be refused with an answer.
    Malformed {
        /// What was asked for, which decides the kind of the answer.
        subject: Subject,
        /// What is wrong with it.
        reason: Malformed,
    },
    /// A message that is no request of any known version. No answer would fit it.
    Unknown,
}

/// What a request is about, and so which kind of message answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `PubKeyResponse`.
    PubKey,
    /// `SignedVoteResponse`.
    Vote,
    /// `SignedProposalResponse`.
    Proposal,
    /// `SignBytesResponse`, `SignedRawBytesResponse`.
    RawBytes,
}

/// A request to sign a vote.
#[derive(Clone, Debug, PartialEq)]
pub struct SignVote {
    /// What is to be signed.
    pub vote: Vote,
    /// The vote extension (since 0.38), up to 1 MiB; empty when there is none.
    pub extension: Vec<u8>,
    /// The node wants no extension signature (since 1.0).
    pub skip_extension_signing: bool,
    pub(crate) echo: proto::Vote,
}

/// A request to sign a proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct SignProposal {
    /// What is to be signed.
    pub proposal: Proposal,
    pub(crate) echo: proto::Proposal,
}

/// A request to sign bytes that are no vote: message 9 of the oneof, undecoded.
///
/// CometBFT 1.0 (`SignBytesRequest`) and Celestia (`SignRawBytesRequest`) gave the same number to
/// different messages, so only configuration can tell which it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBytesRequest(Vec<u8>);

/// What is wrong with a request that could be read as far as to know what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not protobuf.
    #[error("the request is not valid protobuf")]
    Encoding,
    /// The vote or the proposal is missing.
    #[error("the request has nothing in it to sign")]
    Empty,
    /// Neither prevote nor precommit.
    #[error("vote type {0} is neither prevote (1) nor precommit (2)")]
    VoteType(i32),
    /// A proposal of another type.
    #[error("message type {0} is not that of a proposal (32)")]
    ProposalType(i32),
    /// A negative height or round.
    #[error("{0}")]
    OutOfRange(#[from] OutOfRange),
    /// A proof-of-lock round below −1.
    #[error("proof-of-lock round {0} is below -1")]
    PolRound(i32),
    /// A block id that is neither complete nor absent.
    #[error(
        "the block id is neither complete (two hashes of 32 bytes, at least one part) nor absent"
    )]
    IncompleteBlockId,
    /// A proposal of nothing.
    #[error("the proposal names no block")]
    ProposalWithoutBlock,
    /// A timestamp that protobuf does not allow.
    #[error("timestamp {seconds} s {nanos} ns is out of range")]
    Timestamp {
        /// Seconds since 1970.
        seconds: i64,
        /// Nanoseconds within the second.
        nanos: i32,
    },
    /// A chain id that no chain can have.
    #[error("{0}")]
    ChainId(#[from] ChainIdError),
    /// An extension where every version of the node would panic on its signature.
    #[error("a vote extension on a vote that is not a precommit for a block")]
    MisplacedExtension,
}

impl Request {
    /// Reads one message, without its length prefix.
    ///
    /// Never fails: what cannot be read is [`Request::Malformed`] or [`Request::Unknown`].
    #[must_use]
    pub fn parse(message: &[u8]) -> Self {
        let Ok(decoded) = proto::Message::decode(message) else {
            return match subject_by_first_tag(message) {
                Some(subject) => Self::Malformed {
                    subject,
                    reason: Malformed::Encoding,
                },
                None => Self::Unknown,
            };
        };
        match decoded.sum {
            Some(Sum::PubKeyRequest(request)) => Self::PubKey {
                chain_id: request.chain_id,
            },
            Some(Sum::SignVoteRequest(request)) => match SignVote::parse(request) {
                Ok(request) => Self::SignVote(Box::new(request)),
                Err(reason) => malformed(Subject::Vote, reason),
            },
            Some(Sum::SignProposalRequest(request)) => match SignProposal::parse(request) {
                Ok(request) => Self::SignProposal(Box::new(request)),
                Err(reason) => malformed(Subject::Proposal, reason),
            },
            Some(Sum::RawBytesRequest(bytes)) => Self::RawBytes(RawBytesRequest(bytes)),
            Some(Sum::PingRequest(_)) => Self::Ping,
            _ => Self::Unknown,
        }
    }

    /// Says why a node of the given version would not have sent this request, if so.
    ///
    /// The answer would be the same: this is for a hint in the log about `protocol_version`.
    #[must_use]
    pub fn contradicts(&self, version: Version) -> Option<&'static str> {
        match self {
            Self::SignVote(request)
                if request.skip_extension_signing && version < Version::V1_0 =>
            {
                Some("it asks to skip the extension signature, as nodes do since v1.0")
            }
            Self::SignVote(request)
                if !request.extension.is_empty() && version < Version::V0_38 =>
            {
                Some("it sends vote extensions, as nodes do since v0.38")
            }
            _ => None,
        }
    }
}

impl SignVote {
    /// True when the node expects an extension signature: on every precommit for a block, unless
    /// it said otherwise.
    ///
    /// A node from 0.38 rejects such a precommit without one, an older node skips the field;
    /// on any other vote every version panics over one (CometBFT `types/vote.go`).
    #[must_use]
    pub fn wants_extension_signature(&self) -> bool {
        self.vote.may_be_extended() && !self.skip_extension_signing
    }

    /// The vote as what is signed.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        Canonical::Vote(self.vote.clone())
    }

    fn parse(request: proto::SignVoteRequest) -> Result<Self, Malformed> {
        let mut echo = request.vote.ok_or(Malformed::Empty)?;
        let vote = Vote {
            vote_type: canonical::vote_type(echo.r#type)?,
            height: canonical::height(echo.height)?,
            round: canonical::round(echo.round)?,
            block_id: canonical::block_id(echo.block_id.as_ref())?,
            timestamp: canonical::timestamp(echo.timestamp)?,
            chain_id: canonical::chain_id(&request.chain_id)?,
        };
        let extension = std::mem::take(&mut echo.extension);
        if !extension.is_empty() && !vote.may_be_extended() {
            return Err(Malformed::MisplacedExtension);
        }
        Ok(Self {
            vote,
            extension,
            skip_extension_signing: request.skip_extension_signing,
            echo,
        })
    }
}

impl SignProposal {
    /// The proposal as what is signed.
    #[must_use]
    pub fn canonical(&self) -> Canonical {
        Canonical::Proposal(self.proposal.clone())
    }

    fn parse(request: proto::SignProposalRequest) -> Result<Self, Malformed> {
        let echo = request.proposal.ok_or(Malformed::Empty)?;
        if echo.r#type != proto::PROPOSAL {
            return Err(Malformed::ProposalType(echo.r#type));
        }
        let proposal = Proposal {
            height: canonical::height(echo.height)?,
            round: canonical::round(echo.round)?,
            pol_round: canonical::pol_round(echo.pol_round)?,
            block_id: canonical::block_id(echo.block_id.as_ref())?
                .ok_or(Malformed::ProposalWithoutBlock)?,
            timestamp: canonical::timestamp(echo.timestamp)?,
            chain_id: canonical::chain_id(&request.chain_id)?,
        };
        Ok(Self { proposal, echo })
    }
}

/// A request for a signature over raw bytes, read as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBytes {
    /// The chain that it names, if it names one.
    pub chain_id: Option<String>,
    /// What the application wants signed.
    pub content: Vec<u8>,
    /// What the signature covers.
    pub sign_bytes: Vec<u8>,
}

impl RawBytesRequest {
    /// Reads it as CometBFT 1.0's `SignBytesRequest`: the content is signed as it is.
    ///
    /// # Errors
    /// [`Malformed`] when it is not that message.
    pub fn as_cometbft(&self) -> Result<RawBytes, Malformed> {
        let request =
            proto::SignBytesRequest::decode(self.0.as_slice()).map_err(|_| Malformed::Encoding)?;
        if request.value.is_empty() {
            return Err(Malformed::Empty);
        }
        Ok(RawBytes {
            chain_id: None,
            content: request.value.clone(),
            sign_bytes: request.value,
        })
    }

    /// Reads it as Celestia's `SignRawBytesRequest`.
    ///
    /// What is signed is a fixed prefix and then the delimited request, which can never be the
    /// sign bytes of a vote (celestia-core `privval/raw_signer.go`).
    ///
    /// # Errors
    /// [`Malformed`] when it is not that message.
    pub fn as_celestia(&self) -> Result<RawBytes, Malformed> {
        const PREFIX: &[u8] = b"COMET::RAW_BYTES::SIGN";
        let request = proto::SignRawBytesRequest::decode(self.0.as_slice())
            .map_err(|_| Malformed::Encoding)?;
        if request.raw_bytes.is_empty() {
            return Err(Malformed::Empty);
        }
        let mut sign_bytes = PREFIX.to_vec();
        sign_bytes.extend(request.encode_length_delimited_to_vec());
        Ok(RawBytes {
            chain_id: Some(request.chain_id),
            content: request.raw_bytes,
            sign_bytes,
        })
    }
}

fn malformed(subject: Subject, reason: Malformed) -> Request {
    Request::Malformed { subject, reason }
}

/// What a message that cannot be decoded was about, by the number of its first field.
fn subject_by_first_tag(message: &[u8]) -> Option<Subject> {
    match message.first()? {
        0x0a => Some(Subject::PubKey),
        0x1a => Some(Subject::Vote),
        0x2a => Some(Subject::Proposal),
        0x4a => Some(Subject::RawBytes),
        _ => None,
    }
}
