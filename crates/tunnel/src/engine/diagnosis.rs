//! What is wrong with a peer, inferred from what comes and what does not.

use std::mem::Discriminant;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::event::Trouble;
use crate::key::PublicKey;

/// How long handshakes may go unanswered before a person hears of it.
const NO_ANSWER: Duration = Duration::from_secs(5);

/// How long packets may be sent into a session without one coming back. A gateway may hold a
/// connection for 4 s while its node starts.
const ONE_WAY: Duration = Duration::from_secs(10);

/// How many handshakes a peer may begin without completing one.
const BEGUN: u32 = 4;

/// How long the same trouble is not told again.
const SILENCE: Duration = Duration::from_secs(60);

/// The signs, since the last time that all was well.
#[derive(Default)]
pub(super) struct Diagnosis {
    unanswered: Option<Instant>,
    begun: u32,
    one_way: Option<Instant>,
    told: Vec<(Discriminant<Trouble>, Instant)>,
    current: Option<Trouble>,
}

impl Diagnosis {
    /// An initiation was sent.
    pub(super) fn initiated(&mut self, now: Instant) {
        self.unanswered.get_or_insert(now);
    }

    /// The peer completed a handshake that we began.
    pub(super) fn answered(&mut self) {
        self.unanswered = None;
    }

    /// The peer began a handshake. `Some` when it does so all the time.
    pub(super) fn begun(&mut self, from: SocketAddr) -> Option<Trouble> {
        self.begun = self.begun.saturating_add(1);
        (self.begun >= BEGUN).then_some(Trouble::NotCompleted { from })
    }

    /// A packet went into a session.
    pub(super) fn sent(&mut self, now: Instant) {
        self.one_way.get_or_insert(now);
    }

    /// A datagram of a session came: both ends have the same keys.
    pub(super) fn heard(&mut self) {
        self.unanswered = None;
        self.begun = 0;
    }

    /// A packet for us came out of a session: all is well.
    pub(super) fn well(&mut self) {
        *self = Self::default();
    }

    /// What the passing of time shows.
    pub(super) fn look(
        &self,
        now: Instant,
        endpoint: Option<SocketAddr>,
        ours: PublicKey,
    ) -> Option<Trouble> {
        if let (Some(unanswered), Some(endpoint)) = (self.unanswered, endpoint) {
            let since = now.saturating_duration_since(unanswered);
            return (since >= NO_ANSWER).then_some(Trouble::NoAnswer {
                endpoint,
                since,
                ours,
            });
        }
        let one_way = now.saturating_duration_since(self.one_way?);
        (one_way >= ONE_WAY).then_some(Trouble::OneWay)
    }

    /// True while the peer has not answered what was sent to it last.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered.is_some()
    }

    /// The last trouble, until all is well.
    pub(super) fn current(&self) -> Option<&Trouble> {
        self.current.as_ref()
    }

    /// Remembers a trouble; true when it is time to tell a person.
    pub(super) fn is_news(&mut self, now: Instant, trouble: &Trouble) -> bool {
        self.current = Some(trouble.clone());
        let kind = trouble.kind();
        let is_silent = |at: Instant| now.saturating_duration_since(at) < SILENCE;
        match self.told.iter_mut().find(|(told, _)| *told == kind) {
            Some((_, at)) if is_silent(*at) => false,
            Some((_, at)) => {
                *at = now;
                true
            }
            None => {
                self.told.push((kind, now));
                true
            }
        }
    }
}
