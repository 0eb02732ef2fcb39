//! The mark: the last height, round and step that was signed, and what was signed there.

use privval::{BlockId, Canonical, Hrs};

/// The place up to which a validator has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// This message was signed, so it may be signed again as it is.
    Signed(Canonical),
    /// Something was signed here, and what it was is not known in full: a state file of tmkms
    /// holds no sign bytes. Nothing may be signed at this place again.
    Floor {
        /// The place.
        hrs: Hrs,
        /// The block, for people to read; no rule uses it.
        block_id: Option<BlockId>,
    },
}

impl Mark {
    /// The place of the mark.
    #[must_use]
    pub fn hrs(&self) -> Hrs {
        match self {
            Self::Signed(canonical) => canonical.hrs(),
            Self::Floor { hrs, .. } => *hrs,
        }
    }

    /// The block that was signed for, where it is known and not nil.
    #[must_use]
    pub fn block_id(&self) -> Option<&BlockId> {
        match self {
            Self::Signed(canonical) => canonical.block_id(),
            Self::Floor { block_id, .. } => block_id.as_ref(),
        }
    }

    /// What was signed, where it is known.
    #[must_use]
    pub fn signed(&self) -> Option<&Canonical> {
        match self {
            Self::Signed(canonical) => Some(canonical),
            Self::Floor { .. } => None,
        }
    }
}

/// What is known of a validator's past on one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing. There is no state file and no mark beside the key.
    Nothing,
    /// What was signed before the key came here, from a mark that was kept with the key. It may
    /// be older than the last signature: the state of this signer may have been lost since. So it
    /// is believed for its own height and the one after it, and at any later one no more than
    /// [`Knowledge::Nothing`].
    Imported(Mark),
    /// The last signature.
    Mark(Mark),
}

impl Knowledge {
    /// The last place that is known.
    #[must_use]
    pub fn hrs(&self) -> Option<Hrs> {
        match self {
            Self::Nothing => None,
            Self::Imported(mark) | Self::Mark(mark) => Some(mark.hrs()),
        }
    }
}
