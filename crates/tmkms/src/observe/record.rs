//! What is remembered of the work, for whoever asks later.
//!
//! Invariant: recording never waits for I/O. Counters are atomic; the few locks are held to copy
//! some words, by whoever records and by whoever asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use privval::{Canonical, Hrs, VoteType};

use super::document;
use super::heights::Heights;
use super::latency::Histogram;
use super::moment::Moment;
use super::watch::Watch;

/// What a chain did since the start.
#[derive(Debug, Default)]
pub struct ChainRecord {
    key: document::Key,
    proposals: AtomicU64,
    prevotes: AtomicU64,
    precommits: AtomicU64,
    repeated: AtomicU64,
    raw_bytes: AtomicU64,
    decode: Histogram,
    commit: Histogram,
    sync: Histogram,
    sign: Histogram,
    write: Histogram,
    total: Histogram,
    watch: Watch,
    past: Mutex<Past>,
}

#[derive(Debug, Default)]
struct Past {
    /// Without a time where it was before the start.
    signed: Option<(Hrs, Option<Moment>)>,
    heights: Heights,
    refusals: BTreeMap<&'static str, u64>,
    refused: Option<Refused>,
    obstacle: Option<(document::ChainState, String)>,
}

impl Past {
    fn state(&self) -> document::ChainState {
        let obstacle = self.obstacle.as_ref();
        obstacle.map_or(document::ChainState::Ready, |(state, _)| *state)
    }
}

#[derive(Debug)]
struct Refused {
    cause: &'static str,
    text: String,
    at: Instant,
}

/// How long the stages of one signature took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// Reading the request.
    pub decode: Duration,
    /// Judging it and making the mark durable.
    pub commit: Duration,
    /// Of that, the wait for the disk.
    pub sync: Duration,
    /// Signing.
    pub sign: Duration,
    /// Writing the answer.
    pub write: Duration,
    /// All of it.
    pub total: Duration,
}

impl ChainRecord {
    /// Nothing done yet, with what was signed before and the files to look at.
    #[must_use]
    pub fn new(key: document::Key, signed: Option<Hrs>, watch: Watch) -> Self {
        let record = Self {
            key,
            watch,
            ..Self::default()
        };
        record.past().signed = signed.map(|hrs| (hrs, None));
        record
    }

    /// A new signature of a vote or a proposal.
    pub fn signed(&self, canonical: &Canonical, took: &Took) {
        let counter = match canonical {
            Canonical::Proposal(_) => &self.proposals,
            Canonical::Vote(vote) => match vote.vote_type {
                VoteType::Prevote => &self.prevotes,
                VoteType::Precommit => &self.precommits,
            },
        };
        counter.fetch_add(1, Relaxed);
        self.decode.record(took.decode);
        self.commit.record(took.commit);
        self.sync.record(took.sync);
        self.sign.record(took.sign);
        self.write.record(took.write);
        self.total.record(took.total);
        let (hrs, now) = (canonical.hrs(), Moment::now());
        let mut past = self.past();
        // Two nodes may ask at once, and the later place be recorded first.
        if past.signed.is_none_or(|(last, _)| last < hrs) {
            past.signed = Some((hrs, Some(now)));
        }
        past.heights.signed(hrs);
        // A chain that stopped stays so, though another node's signature may be recorded after.
        if past.state() == document::ChainState::Waiting {
            past.obstacle = None;
        }
    }

    /// A signature that was given once more.
    pub fn repeated(&self) {
        self.repeated.fetch_add(1, Relaxed);
    }

    /// A signature of raw bytes.
    pub fn signed_raw_bytes(&self) {
        self.raw_bytes.fetch_add(1, Relaxed);
    }

    /// A refusal; returns the how-manieth of its kind it is.
    pub fn refused(&self, cause: &'static str, text: &str) -> u64 {
        let at = Instant::now();
        let text = text.to_owned();
        let mut past = self.past();
        if let Some(state) = obstacle(cause) {
            past.obstacle = Some((state, text.clone()));
        }
        past.refused = Some(Refused { cause, text, at });
        let count = past.refusals.entry(cause).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Whether nothing is signed any more before a restart.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.past().state() == document::ChainState::Stopped
    }

    /// All of it.
    #[must_use]
    pub fn document(&self, id: &str, now: Instant) -> document::Chain {
        let age = |at: Instant| now.saturating_duration_since(at).as_secs();
        let (key_file, state_trouble) = (self.watch.key_file(), self.watch.state_trouble());
        let past = self.past();
        let last_signed = past.signed.map(|(hrs, at)| document::LastSigned {
            height: hrs.height.value(),
            round: hrs.round.value(),
            step: step(hrs),
            age_s: at.map(|at| at.age_s(now)),
            unix_ms: at.map(|at| at.unix_ms()),
        });
        let last_refusal = past.refused.as_ref().map(|refused| document::LastRefusal {
            cause: refused.cause.to_owned(),
            text: refused.text.clone(),
            age_s: age(refused.at),
        });
        let refusals = past
            .refusals
            .iter()
            .map(|(cause, count)| document::Refusals {
                cause: (*cause).to_owned(),
                count: *count,
            });
        let why = past.obstacle.as_ref().map(|(_, why)| why.clone());
        document::Chain {
            id: id.to_owned(),
            key: document::Key {
                file: key_file,
                ..self.key.clone()
            },
            state: past.state(),
            why,
            state_trouble,
            last_signed,
            refusals: refusals.collect(),
            last_refusal,
            signatures: self.signatures(),
            heights: past.heights.document(),
            latency: self.latency(),
        }
    }

    fn signatures(&self) -> document::Signatures {
        document::Signatures {
            proposals: self.proposals.load(Relaxed),
            prevotes: self.prevotes.load(Relaxed),
            precommits: self.precommits.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
            raw_bytes: self.raw_bytes.load(Relaxed),
        }
    }

    fn latency(&self) -> document::Latency {
        document::Latency {
            decode: self.decode.percentiles(),
            commit: self.commit.percentiles(),
            sync: self.sync.percentiles(),
            sign: self.sign.percentiles(),
            write: self.write.percentiles(),
            total: self.total.percentiles(),
        }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a refusal of this kind says of the whole chain. Others are answers to one request.
fn obstacle(cause: &str) -> Option<document::ChainState> {
    match cause {
        "no_past" => Some(document::ChainState::Waiting),
        "store" | "halted" | "bug" => Some(document::ChainState::Stopped),
        _ => None,
    }
}

fn step(hrs: Hrs) -> u8 {
    match hrs.step {
        privval::Step::Propose => 0,
        privval::Step::Prevote => 1,
        privval::Step::Precommit => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privval::{ChainId, Height, Timestamp};

    fn precommit(height: i64) -> Canonical {
        let timestamp = Timestamp {
            seconds: 0,
            nanos: 0,
        };
        let chain = ChainId::new("testnet-1").unwrap();
        testnode::precommit(&chain, Height::try_from(height).unwrap(), timestamp)
    }

    fn told(record: &ChainRecord) -> document::Chain {
        record.document("testnet-1", Instant::now())
    }

    #[test]
    fn signature_that_is_recorded_late_does_not_take_the_last_place_back() {
        let record = ChainRecord::default();
        for height in [1, 3, 2] {
            record.signed(&precommit(height), &Took::default());
        }
        let told = told(&record);
        assert_eq!(told.last_signed.unwrap().height, 3);
        assert_eq!(
            (told.signatures.precommits, told.latency.total.count),
            (3, 3)
        );
        assert_eq!(
            (told.heights.newest, told.heights.marks.as_str()),
            (3, "SSS")
        );
    }

    #[test]
    fn waiting_ends_with_a_signature_and_a_stop_does_not() {
        let record = ChainRecord::default();
        for (cause, state) in [
            ("conflict", document::ChainState::Ready),
            ("no_past", document::ChainState::Waiting),
            ("regression", document::ChainState::Waiting),
            ("signed", document::ChainState::Ready),
            ("store", document::ChainState::Stopped),
            ("halted", document::ChainState::Stopped),
            ("bug", document::ChainState::Stopped),
        ] {
            if cause == "signed" {
                record.signed(&precommit(1), &Took::default());
            } else {
                assert_eq!(record.refused(cause, cause), 1);
            }
            assert_eq!(told(&record).state, state, "{cause}");
        }
        assert_eq!(told(&record).why.as_deref(), Some("bug"));
        assert_eq!(record.refused("bug", "again"), 2);
        record.signed(&precommit(2), &Took::default());
        let told = told(&record);
        assert_eq!(told.state, document::ChainState::Stopped);
        assert_eq!(told.last_refusal.unwrap().text, "again");
    }
}
