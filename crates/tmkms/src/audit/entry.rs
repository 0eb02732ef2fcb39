//! What is recorded, and the queue in which it waits to be.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use privval::{Canonical, Hrs};
use serde::Serialize;

use super::end::Cut;

/// How many records may wait: some megabytes, or an hour of one chain.
pub(super) const LIMIT: usize = 8_192;

/// What is recorded.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A file begins.
    Opened {
        /// The version of the format.
        format: u32,
        /// The number of the file.
        file: u64,
        /// The hash of the last record of the file before; zeros in the first one.
        previous: String,
    },
    /// The file ends, and another one follows.
    Rotated {
        /// The number of the next file.
        next: u64,
    },
    /// A signer starts.
    Started {
        /// Its version.
        version: &'static str,
        /// Its process.
        pid: u32,
    },
    /// It ends as it was asked to.
    Stopped,
    /// What the state of a chain says was signed last, when the signer begins with that chain.
    Mark {
        /// The chain.
        chain: String,
        /// The key.
        key: String,
        /// The place; absent where nothing was signed.
        #[serde(flatten)]
        place: Option<Place>,
    },
    /// A signature was given.
    Signed(Box<Subject>),
    /// It was given before, and was given again.
    Repeated(Box<Subject>),
    /// A request was refused.
    Refused {
        /// What was asked for.
        #[serde(flatten)]
        subject: Box<Subject>,
        /// The kind of refusal.
        cause: &'static str,
        /// In words.
        why: String,
    },
    /// Records are missing here.
    Gap {
        /// How many.
        lost: u64,
        /// Why.
        why: &'static str,
    },
    /// Bytes before this line are no record, because a write was not finished.
    Torn {
        /// Where in the file they begin.
        offset: u64,
        /// How many.
        bytes: u64,
        /// Their hash.
        sha256: String,
    },
    /// The log was not as it was left.
    Cut {
        /// The last record that was found.
        found: u64,
        /// The last record that the head knew.
        head: u64,
        /// That record's hash.
        head_hash: String,
    },
}

/// A place of a chain.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Place {
    height: i64,
    round: i32,
    step: u8,
}

impl From<Hrs> for Place {
    fn from(hrs: Hrs) -> Self {
        Self {
            height: hrs.height.value(),
            round: hrs.round.value(),
            step: match hrs.step {
                privval::Step::Propose => 0,
                privval::Step::Prevote => 1,
                privval::Step::Precommit => 2,
            },
        }
    }
}

/// What a signature was asked for, and by whom.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// The chain that the node is for.
    pub chain: String,
    /// The node's address.
    pub node: String,
    /// `Proposal`, `Prevote`, `Precommit`, `RawBytes`, `PubKey`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The chain that was asked for, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_chain: Option<String>,
    /// Height, round and step.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// The block, as `HASH:PARTS:HASH`; absent for nil.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_id: Option<String>,
    /// The public key, in hexadecimal.
    pub key: String,
}

impl Subject {
    /// Adds what a vote or a proposal says.
    #[must_use]
    pub fn about(mut self, canonical: &Canonical) -> Self {
        self.place = Some(canonical.hrs().into());
        let block = canonical.block_id();
        self.block_id = block.map(|block| {
            let (hash, parts) = (hex::encode(block.hash), hex::encode(block.parts_hash));
            format!("{hash}:{}:{parts}", block.parts_total)
        });
        let asked = canonical.chain_id().to_string();
        self.asked_chain = (asked != self.chain).then_some(asked);
        self
    }
}

impl Entry {
    pub(super) fn started() -> Self {
        Self::Started {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
        }
    }

    pub(super) fn stopped() -> Self {
        Self::Stopped
    }
}

impl From<Cut> for Entry {
    fn from(cut: Cut) -> Self {
        Self::Cut {
            found: cut.found.seq,
            head: cut.head.seq,
            head_hash: hex::encode(cut.head.hash),
        }
    }
}

/// Entries with the time at which they came to be, in their order.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Batch>,
    more: Condvar,
}

/// What was waiting.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: VecDeque<(SystemTime, Entry)>,
    /// How many found no room after the last of them.
    pub(super) lost: u64,
    is_woken: bool,
}

impl Queue {
    /// Puts an entry behind the others, unless there is no room.
    pub(super) fn push(&self, entry: Entry) {
        let now = SystemTime::now();
        let mut waiting = self.waiting();
        // After a loss the room is for whoever writes, so that what is lost is one piece.
        if waiting.lost > 0 || waiting.entries.len() >= LIMIT {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        waiting.entries.push_back((now, entry));
        drop(waiting);
        self.more.notify_one();
    }

    /// Takes all that waits; waits that long for something.
    pub(super) fn take(&self, patience: Duration) -> Batch {
        let is_empty = |it: &mut Batch| it.entries.is_empty() && it.lost == 0 && !it.is_woken;
        let waited = self
            .more
            .wait_timeout_while(self.waiting(), patience, is_empty);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }

    /// Wakes whoever waits in [`Self::take`], now or next.
    pub(super) fn wake(&self) {
        self.waiting().is_woken = true;
        self.more.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Batch> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
