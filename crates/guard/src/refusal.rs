//! Refusals: why something was not signed, told to the person who reads the log.

use std::fmt;

use privval::{Canonical, ChainId, Height, Hrs, RemoteError, Step, VoteType};

use crate::mark::Mark;
use crate::rules::WAIT;
use crate::store::StoreError;

/// Why a request was refused. The connection stays open: it is an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A request for another chain.
    #[error(
        "the request is for chain {asked}, this signer signs for {ours} here: set the id in \
         tmkms.toml to the chain_id of the node's genesis.json"
    )]
    WrongChain {
        /// The chain in tmkms.toml.
        ours: ChainId,
        /// The chain in the request.
        asked: String,
    },
    /// A place before the mark.
    #[error("{asked} is before {}, the last that was signed: signing there again could be a double sign", marked(.mark))]
    Regression {
        /// The last signature.
        mark: Box<Mark>,
        /// The place asked for.
        asked: Hrs,
    },
    /// The same place with different content: this would be the double sign.
    #[error(
        "double sign refused at {}: {} was signed there, {} was asked for",
        .asked.hrs(), describe(.signed), describe(.asked)
    )]
    Conflict {
        /// What was signed.
        signed: Box<Canonical>,
        /// What was asked for.
        asked: Box<Canonical>,
    },
    /// The place of a mark whose content is not known.
    #[error(
        "{asked} was signed before and what was signed is not known (the mark was imported \
         without it): only later ones are signed"
    )]
    UnknownContent {
        /// The place asked for.
        asked: Hrs,
    },
    /// Nothing is known of the past, so heights that may have been signed elsewhere are let pass.
    #[error(
        "height {height} is let pass: this signer has no state from before, so it cannot know what \
         was signed there. It listens for {} s after the first request and then signs past height \
         {signs_past}, the highest asked for. A chain with a single validator would wait for ever: \
         there, import the last state with `tmkms state import` and start again", WAIT.as_secs()
    )]
    NoPast {
        /// The height asked for.
        height: Height,
        /// The highest height asked for so far.
        signs_past: Height,
    },
    /// Past the height at which the operator asked to stop.
    #[error("height {asked} is past max_height = {max} in tmkms.toml: this signer stops there")]
    PastMaxHeight {
        /// The bound.
        max: Height,
        /// The height asked for.
        asked: Height,
    },
    /// The mark could not be made durable.
    #[error("nothing was signed because the state could not be written: {0}")]
    Store(StoreError),
    /// An earlier mark could not be made durable.
    #[error(
        "nothing more is signed since the state could not be written ({0}): mend the disk, then \
         restart the signer"
    )]
    Halted(StoreError),
    /// Raw bytes are not signed on this chain.
    #[error(
        "signing of raw bytes is off: set raw_bytes = \"cometbft-1.0\" or \"celestia\" for the \
         chain in tmkms.toml if its application needs it"
    )]
    RawBytesOff,
    /// Raw bytes that could pass for a consensus message.
    #[error("the raw bytes could be taken for a vote or a proposal: they are never signed")]
    RawBytesLookLikeConsensus,
}

/// Every [`Refusal::cause`].
pub const CAUSES: [&str; 10] = [
    "wrong_chain",
    "regression",
    "conflict",
    "unknown_content",
    "no_past",
    "past_max_height",
    "store",
    "halted",
    "raw_bytes_off",
    "raw_bytes_look_like_consensus",
];

impl Refusal {
    /// A short name for counting, the same for all refusals of one kind.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::WrongChain { .. } => "wrong_chain",
            Self::Regression { .. } => "regression",
            Self::Conflict { .. } => "conflict",
            Self::UnknownContent { .. } => "unknown_content",
            Self::NoPast { .. } => "no_past",
            Self::PastMaxHeight { .. } => "past_max_height",
            Self::Store(_) => "store",
            Self::Halted(_) => "halted",
            Self::RawBytesOff => "raw_bytes_off",
            Self::RawBytesLookLikeConsensus => "raw_bytes_look_like_consensus",
        }
    }

    /// The refusal as the node receives it.
    #[must_use]
    pub fn remote_error(&self) -> RemoteError {
        /// What tmkms sends for an attempted double sign; scripts may look for it.
        const DOUBLE_SIGN: i32 = 2;
        const OTHER: i32 = 1;
        let code = match self {
            Self::Conflict { .. } | Self::Regression { .. } | Self::UnknownContent { .. } => {
                DOUBLE_SIGN
            }
            _ => OTHER,
        };
        RemoteError {
            code,
            description: self.to_string(),
        }
    }
}

fn marked(mark: &Mark) -> String {
    match mark {
        Mark::Signed(canonical) => format!("{} ({})", canonical.hrs(), describe(canonical)),
        Mark::Floor { hrs, .. } => hrs.to_string(),
    }
}

/// A message in a few words, with all that may differ at one place.
fn describe(canonical: &Canonical) -> String {
    struct Block<'a>(&'a Canonical);
    impl fmt::Display for Block<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0.block_id() {
                Some(id) => write!(f, "{} (parts {}:", id.prefix(), id.parts_total)
                    .and_then(|()| {
                        id.parts_hash
                            .iter()
                            .take(5)
                            .try_for_each(|b| write!(f, "{b:02X}"))
                    })
                    .and_then(|()| f.write_str(")")),
                None => f.write_str("nil"),
            }
        }
    }
    match canonical {
        Canonical::Proposal(proposal) => format!(
            "a proposal of {} with POL round {}",
            Block(canonical),
            proposal.pol_round
        ),
        Canonical::Vote(vote) => {
            let kind = match vote.vote_type {
                VoteType::Prevote => "prevote",
                VoteType::Precommit => "precommit",
            };
            debug_assert_ne!(vote.hrs().step, Step::Propose);
            format!("a {kind} for {}", Block(canonical))
        }
    }
}
