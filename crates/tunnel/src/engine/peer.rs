//! One peer: when it is time for a handshake, a keepalive, a question for its name.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::initiations::Initiations;
use super::jitter::Jitter;
use super::noise::{Noise, REJECT_AFTER};
use super::path::Path;
use super::queue::Queue;
use super::time::Now;
use crate::key::PublicKey;
use crate::spec::{Endpoint, Host, Peer};

/// The initiator renews a session of this age when it sends (WireGuard, section 6.2).
const REKEY_AFTER: Duration = Duration::from_secs(120);
/// And one of this age when it receives.
const REKEY_AFTER_RECEIVING: Duration = Duration::from_secs(165);
/// Data is acknowledged at the latest by a keepalive after this time.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// No sign of the peer for so long after sending: a new handshake.
const SILENCE: Duration = Duration::from_secs(15);
/// The same after a packet that TCP answers at once. A round trip and a delayed acknowledgement
/// fit in many times.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Between initiations: at first, and at most. WireGuard waits 5 s. A peer takes up to 50 a second,
/// and a signer should sign within 2 s after a path is back.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const MAX_RETRY: Duration = Duration::from_millis(1000);
/// The same when only keepalives are wanted.
const MAX_RETRY_IDLE: Duration = Duration::from_secs(5);
/// Without traffic for so long, initiations stop.
const WANTED: Duration = Duration::from_secs(90);
/// People are told about an unanswered handshake after this time, and again.
const COMPLAIN_AFTER: Duration = Duration::from_secs(8);
const COMPLAIN_AGAIN: Duration = Duration::from_secs(60);
/// Handshakes work and packets stay unanswered for so long: people are told.
const ONE_WAY: Duration = Duration::from_secs(6);
/// An initiation with a fresh cookie goes after this time.
const COOKIE_PAUSE: Duration = Duration::from_millis(20);
/// What a new session finds unanswered for longer than a round trip takes went into one that the peer
/// had lost.
const LOST: Duration = Duration::from_millis(200);
/// How many packets are sent again then, and until which age.
const MAX_UNANSWERED: usize = 16;
const UNANSWERED_LIFETIME: Duration = Duration::from_secs(4);
/// Names are asked for again this long after a handshake began in vain, and so often.
const RESOLVE_AFTER: Duration = Duration::from_secs(2);
const RESOLVE_AGAIN: Duration = Duration::from_secs(5);
/// As many addresses of a name are tried.
const MAX_ADDRESSES: usize = 4;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Initiation,
    Keepalive,
    Resolution,
    /// Probes of the path.
    Path,
    /// Nothing has been heard for so many seconds.
    Complaint(u64),
}

/// A handshake under way.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    pub(super) since: Instant,
    next: Instant,
    wait: Duration,
    /// Initiations sent.
    pub(super) sent: u32,
    /// Whether it began because the peer was silent, not because keys were old or missing.
    for_silence: bool,
    /// Whether a cookie has hastened it already.
    has_cookie: bool,
    next_complaint: Instant,
}

pub(super) struct PeerState {
    pub(super) public_key: PublicKey,
    pub(super) allowed_ips: Vec<IpNet>,
    pub(super) noise: Noise,
    pub(super) queue: Queue,
    pub(super) path: Path,
    /// Where it was heard last, or where it should be.
    pub(super) endpoint: Option<SocketAddr>,
    /// The endpoint of the configuration.
    configured: Option<Endpoint>,
    /// The addresses that the configuration's endpoint stands for.
    addresses: Vec<SocketAddr>,
    resolving: bool,
    next_resolution: Option<Instant>,
    pub(super) keepalive_s: Option<u16>,
    pub(super) attempt: Option<Attempt>,
    /// When a packet last wanted to go.
    wanted: Option<Instant>,
    /// The first packet since the peer was heard.
    silent_since: Option<Instant>,
    /// The first packet that TCP answers, since the peer was heard.
    awaited_since: Option<Instant>,
    /// Handshakes that succeeded after a silence, without data since.
    pub(super) hollow: u32,
    /// When the first of these silences began.
    hollow_since: Option<Instant>,
    /// The peer's handshakes that we answered, since it last used one.
    pub(super) unconfirmed: u32,
    pub(super) initiations: Initiations,
    unanswered: VecDeque<(Instant, Vec<u8>)>,
    /// The first data packet since we sent anything.
    owed_since: Option<Instant>,
    last_exchange: Option<Instant>,
    pub(super) last_handshake: Option<Instant>,
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) dropped: u64,
    /// Whether people were told that it is up.
    pub(super) up: bool,
}

impl PeerState {
    pub(super) fn new(peer: &Peer, mtu: Option<u16>, noise: Noise) -> Self {
        let configured = peer.endpoint.clone();
        let address = configured
            .as_ref()
            .and_then(|endpoint| match endpoint.host {
                Host::Address(address) => Some(SocketAddr::new(address, endpoint.port)),
                Host::Name(_) => None,
            });
        Self {
            public_key: peer.public_key,
            allowed_ips: peer.allowed_ips.clone(),
            noise,
            queue: Queue::default(),
            path: Path::new(mtu),
            endpoint: address,
            addresses: address.into_iter().collect(),
            configured,
            resolving: false,
            next_resolution: None,
            keepalive_s: peer.persistent_keepalive_s.map(Into::into),
            attempt: None,
            wanted: None,
            silent_since: None,
            awaited_since: None,
            hollow: 0,
            hollow_since: None,
            unconfirmed: 0,
            initiations: Initiations::default(),
            unanswered: VecDeque::new(),
            owed_since: None,
            last_exchange: None,
            last_handshake: None,
            received_bytes: 0,
            sent_bytes: 0,
            dropped: 0,
            up: false,
        }
    }

    /// The name that stands in the configuration, with its port.
    pub(super) fn name(&self) -> Option<(&str, u16)> {
        match self.configured.as_ref()? {
            Endpoint {
                host: Host::Name(name),
                port,
            } => Some((name, *port)),
            _ => None,
        }
    }

    /// Where an initiation goes: to where the peer was heard last, and when that is in vain, to
    /// every address that the configuration names too.
    pub(super) fn destinations(&self) -> Vec<SocketAddr> {
        let mut all: Vec<_> = self.endpoint.into_iter().collect();
        if self.attempt.is_some_and(|attempt| attempt.sent > 1) {
            for address in &self.addresses {
                if !all.contains(address) {
                    all.push(*address);
                }
            }
        }
        all
    }

    pub(super) fn resolved(&mut self, now: Now, mut addresses: Vec<SocketAddr>) {
        self.resolving = false;
        self.next_resolution = Some(now.instant + RESOLVE_AGAIN);
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return;
        }
        if self.endpoint.is_none() {
            self.endpoint = addresses.first().copied();
        }
        self.addresses = addresses;
        if let Some(attempt) = &mut self.attempt {
            attempt.next = now.instant;
        }
    }

    /// Whether nothing is known of where it is.
    pub(super) fn is_unheard(&self) -> bool {
        self.endpoint.is_none() && self.last_handshake.is_none()
    }

    /// A packet wants to go.
    pub(super) fn wants(&mut self, now: Now) {
        self.wanted = Some(now.instant);
    }

    /// Begins a handshake unless one is under way.
    pub(super) fn begin(&mut self, now: Now) {
        if self.attempt.is_none() {
            self.attempt = Some(Attempt {
                since: now.instant,
                next: now.instant,
                wait: FIRST_RETRY,
                sent: 0,
                for_silence: false,
                has_cookie: false,
                next_complaint: now.instant + COMPLAIN_AFTER,
            });
        }
    }

    /// Lets the next initiation go now, not sooner than `FIRST_RETRY` after the last one.
    pub(super) fn hasten(&mut self, now: Now) {
        if let Some(attempt) = &mut self.attempt {
            attempt.next = attempt.next.min(now.instant + FIRST_RETRY);
        }
    }

    /// The peer has begun a handshake: ours waits for the outcome.
    pub(super) fn answered_initiation(&mut self, now: Now) {
        if let Some(attempt) = &mut self.attempt {
            attempt.next = attempt.next.max(now.instant + FIRST_RETRY);
        }
        self.unconfirmed = self.unconfirmed.saturating_add(1);
    }

    /// The peer uses the session that it began.
    pub(super) fn confirmed(&mut self) {
        self.attempt = None;
        self.unconfirmed = 0;
    }

    /// The next initiation will carry the peer's cookie, so it may go soon: once.
    pub(super) fn took_cookie(&mut self, now: Now) {
        if let Some(attempt) = &mut self.attempt
            && !attempt.has_cookie
        {
            attempt.has_cookie = true;
            attempt.next = attempt.next.min(now.instant + COOKIE_PAUSE);
        }
    }

    pub(super) fn initiated(&mut self, now: Now, jitter: &mut Jitter) {
        let idle = !self.is_wanted(now.instant);
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        attempt.sent = attempt.sent.saturating_add(1);
        attempt.next = now.instant + jitter.shorten(attempt.wait);
        let max = if idle { MAX_RETRY_IDLE } else { MAX_RETRY };
        attempt.wait = (attempt.wait * 3 / 2).min(max);
        self.last_exchange = Some(now.instant);
    }

    /// A session stands.
    pub(super) fn established(&mut self, now: Now) {
        let attempt = self.attempt.take();
        if attempt.is_some_and(|attempt| attempt.for_silence) {
            self.hollow = self.hollow.saturating_add(1);
            self.path.doubt();
        }
        self.last_handshake = Some(now.instant);
    }

    /// Whether handshakes succeed and no packet is answered. A gateway may hold a connection for
    /// some seconds while its node starts.
    pub(super) fn is_one_way(&self, now: Instant) -> bool {
        let long = |since: Instant| now.saturating_duration_since(since) >= ONE_WAY;
        self.hollow >= 2 && self.hollow_since.is_some_and(long)
    }

    /// An authentic datagram came from this address. Returns another one where the peer was
    /// before.
    pub(super) fn heard(&mut self, now: Now, from: SocketAddr, len: usize) -> Option<SocketAddr> {
        let before = self.endpoint.replace(from);
        if before.map(|at| at.ip()) != Some(from.ip()) {
            self.path.doubt();
        }
        self.received_bytes += len as u64;
        self.silent_since = None;
        self.awaited_since = None;
        self.last_exchange = Some(now.instant);
        before.filter(|before| *before != from)
    }

    /// An authentic packet with content came. Returns whether the session should be renewed.
    pub(super) fn received_data(&mut self, now: Now) -> bool {
        self.hollow = 0;
        self.hollow_since = None;
        self.unanswered.clear();
        self.owed_since.get_or_insert(now.instant);
        self.noise.session(now.instant).is_some_and(|session| {
            session.initiator
                && now.instant.saturating_duration_since(session.established)
                    >= REKEY_AFTER_RECEIVING
        })
    }

    /// A datagram was sent.
    pub(super) fn sent(&mut self, now: Now, len: usize) {
        self.sent_bytes += len as u64;
        self.owed_since = None;
        self.last_exchange = Some(now.instant);
    }

    /// A packet was sent in the session.
    pub(super) fn sent_packet(&mut self, now: Now, packet: &[u8], wants_answer: bool) {
        self.silent_since.get_or_insert(now.instant);
        if wants_answer {
            self.awaited_since.get_or_insert(now.instant);
            self.unanswered.push_back((now.instant, packet.to_vec()));
            if self.unanswered.len() > MAX_UNANSWERED {
                self.unanswered.pop_front();
            }
        }
        let old = self.noise.session(now.instant).is_some_and(|session| {
            session.initiator
                && now.instant.saturating_duration_since(session.established) >= REKEY_AFTER
        });
        if old {
            self.begin(now);
        }
    }

    /// What went into a session that the peer seems to have lost: nothing, unless the first of it
    /// has waited too long for an answer.
    pub(super) fn take_unanswered(&mut self, now: Now) -> Vec<Vec<u8>> {
        let age = |since: Instant| now.instant.saturating_duration_since(since);
        let first = self.unanswered.front().map(|(since, _)| age(*since));
        if first.is_none_or(|first| first < LOST) {
            return Vec::new();
        }
        std::mem::take(&mut self.unanswered)
            .into_iter()
            .filter(|(since, _)| age(*since) < UNANSWERED_LIFETIME)
            .map(|(_, packet)| packet)
            .collect()
    }

    /// What is to be done now, one thing at a time.
    pub(super) fn due(&mut self, now: Now) -> Option<Due> {
        self.forget_old_keys(now.instant);
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        if passed(self.resolution_at(now.instant)) {
            self.resolving = true;
            return Some(Due::Resolution);
        }
        if passed(self.silence_at()) {
            let begun = self.awaited_since.or(self.silent_since);
            self.hollow_since = self.hollow_since.or(begun);
            self.silent_since = None;
            self.awaited_since = None;
            if self.attempt.is_none() {
                self.begin(now);
                self.attempt.iter_mut().for_each(|a| a.for_silence = true);
            }
        }
        if let Some(attempt) = self.attempt {
            if !self.is_wanted(now.instant) && self.keepalive_s.is_none() {
                self.attempt = None;
            } else if attempt.next_complaint <= now.instant {
                self.attempt
                    .iter_mut()
                    .for_each(|a| a.next_complaint += COMPLAIN_AGAIN);
                let age = now.instant.saturating_duration_since(attempt.since);
                return Some(Due::Complaint(age.as_secs()));
            } else if attempt.next <= now.instant && self.endpoint.is_some() {
                return Some(Due::Initiation);
            }
        }
        if passed(self.path_at(now.instant)) {
            return Some(Due::Path);
        }
        passed(self.keepalive_at(now.instant)).then_some(Due::Keepalive)
    }

    /// When something is to be done next.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        let initiation = self
            .attempt
            .filter(|_| self.endpoint.is_some())
            .map(|attempt| attempt.next);
        [
            initiation,
            self.attempt.map(|attempt| attempt.next_complaint),
            self.silence_at(),
            self.path_at(now),
            self.keepalive_at(now),
            self.resolution_at(now),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        self.wanted
            .is_some_and(|at| now.saturating_duration_since(at) < WANTED)
    }

    fn path_at(&self, now: Instant) -> Option<Instant> {
        self.noise.session(now)?;
        self.path.next_at()
    }

    fn silence_at(&self) -> Option<Instant> {
        let patience = (PATIENCE * 2_u32.pow(self.hollow.min(4))).min(SILENCE);
        let silent = self.silent_since.map(|since| since + SILENCE);
        let awaited = self.awaited_since.map(|since| since + patience);
        silent.into_iter().chain(awaited).min()
    }

    fn keepalive_at(&self, now: Instant) -> Option<Instant> {
        let up = self.noise.session(now).is_some();
        let owed = self.owed_since.filter(|_| up).map(|at| at + KEEPALIVE);
        let persistent = self
            .keepalive_s
            .filter(|_| self.endpoint.is_some() && (up || self.attempt.is_none()))
            .map(|s| Duration::from_secs(s.into()))
            .map(|every| self.last_exchange.map_or(now, |at| at + every));
        owed.into_iter().chain(persistent).min()
    }

    fn resolution_at(&self, now: Instant) -> Option<Instant> {
        self.name()?;
        if self.resolving {
            return None;
        }
        let earliest = self.next_resolution.unwrap_or(now);
        if self.endpoint.is_none() {
            let wanted = self.keepalive_s.is_some() || self.is_wanted(now);
            return wanted.then_some(earliest);
        }
        let attempt = self.attempt?;
        Some(earliest.max(attempt.since + RESOLVE_AFTER))
    }

    fn forget_old_keys(&mut self, now: Instant) {
        let idle = self.attempt.is_none() && self.noise.session(now).is_none();
        let heard = self.last_exchange;
        let old = heard.is_some_and(|at| now.saturating_duration_since(at) >= REJECT_AFTER);
        if idle && old && self.noise.has_keys() {
            self.noise.forget();
        }
    }
}
