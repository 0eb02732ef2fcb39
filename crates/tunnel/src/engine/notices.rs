//! Which events are told: each kind of each peer once a minute. Strangers are one peer, so that
//! nobody fills a log or this table.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use super::event::Event;
use super::output::{Output, PeerIndex};
use super::status::Trouble;

const AGAIN: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Notices {
    told: HashMap<(Option<PeerIndex>, Discriminant<Event>), Instant>,
    troubles: HashMap<PeerIndex, Seen>,
}

/// A trouble that is not over.
struct Seen {
    event: Event,
    first: Instant,
    last: Instant,
}

impl Notices {
    /// Tells an event, unless it was told within the last minute.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        peer: Option<PeerIndex>,
        event: Event,
        out: &mut impl Output,
    ) {
        let kind = discriminant(&event);
        if let (Some(peer), true) = (peer, event.is_trouble()) {
            self.remember(now, peer, &event);
        }
        let told = self.told.get(&(peer, kind));
        if told.is_some_and(|at| now.saturating_duration_since(*at) < AGAIN) {
            return;
        }
        self.told.insert((peer, kind), now);
        out.event(event);
    }

    fn remember(&mut self, now: Instant, peer: PeerIndex, event: &Event) {
        let before = self.troubles.get(&peer);
        let same = before.filter(|seen| discriminant(&seen.event) == discriminant(event));
        let seen = Seen {
            event: event.clone(),
            first: same.map_or(now, |seen| seen.first),
            last: now,
        };
        self.troubles.insert(peer, seen);
    }

    /// The trouble with a peer is over; the next one is told at once.
    pub(super) fn over(&mut self, peer: PeerIndex) {
        if self.troubles.remove(&peer).is_some() {
            self.told.retain(|(of, _), _| *of != Some(peer));
        }
    }

    pub(super) fn has_trouble(&self, peer: PeerIndex) -> bool {
        self.troubles.contains_key(&peer)
    }

    pub(super) fn trouble(&self, now: Instant, peer: PeerIndex) -> Option<Trouble> {
        let seen = self.troubles.get(&peer)?;
        let words = seen.event.words();
        Some(Trouble {
            kind: words.kind,
            text: words.what,
            advice: words.advice,
            first: now.saturating_duration_since(seen.first),
            last: now.saturating_duration_since(seen.last),
        })
    }
}
