//! gotatun's `Tunn`, for its handshake and its sessions alone.
//!
//! `Tunn` reads the clock itself and gives up after 90 s. Its timers are therefore switched off,
//! and the engine keeps its own, in the time that is handed in. `Tunn`'s own limits on the age of
//! keys stay on behind ours. What it does not show, which session is used and how old it is, is
//! mirrored here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gotatun::noise::errors::WireGuardError;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::noise::{TimerParams, Tunn, TunnResult};
use gotatun::packet::{Packet, WgCookieReply, WgData, WgHandshakeInit, WgHandshakeResp, WgKind};
use gotatun::x25519;

use crate::key::PrivateKey;
use crate::spec::Peer;

/// A session older than this neither sends nor receives (WireGuard, section 6.1).
pub(super) const REJECT_AFTER: Duration = Duration::from_secs(180);
/// As many sessions as `Tunn` keeps.
const SESSIONS: usize = 8;
/// As many unanswered initiations as `Tunn` keeps.
const PENDING: usize = 2;

/// The handshake and the sessions with one peer.
pub(super) struct Noise {
    tunn: Tunn,
    sessions: [Option<Session>; SESSIONS],
    /// How many sessions there were; the next one goes to this slot, modulo.
    made: usize,
    /// The slot that sends.
    current: usize,
    /// Our indices in the initiations that may still be answered.
    pending: [Option<u32>; PENDING],
}

/// What is known of a session.
#[derive(Clone, Copy)]
pub(super) struct Session {
    index: u32,
    /// When its handshake was completed here.
    pub(super) established: Instant,
    /// Whether we began it. The one who began renews it.
    pub(super) initiator: bool,
    /// Whether the peer has shown that it has the keys. Until then nothing is sent.
    confirmed: bool,
}

impl Noise {
    pub(super) fn new(
        private_key: &PrivateKey,
        peer: &Peer,
        indices: IndexTable,
        limiter: Arc<RateLimiter>,
    ) -> Self {
        let mut tunn = Tunn::new(
            private_key.to_secret(),
            x25519::PublicKey::from(*peer.public_key.as_bytes()),
            peer.preshared_key.as_ref().map(|key| *key.secret_bytes()),
            None,
            indices,
            limiter,
        );
        tunn.dangerously_set_timer_params(never());
        Self {
            tunn,
            sessions: [None; SESSIONS],
            made: 0,
            current: 0,
            pending: [None; PENDING],
        }
    }

    /// Whether a datagram with this index as its receiver is for this peer's sessions.
    pub(super) fn has_session(&self, index: u32) -> bool {
        self.sessions.iter().flatten().any(|s| s.index == index)
    }

    /// Whether an answer to this index answers one of our initiations.
    pub(super) fn has_pending(&self, index: u32) -> bool {
        self.pending.contains(&Some(index))
    }

    /// The session that sends, if it is not too old.
    pub(super) fn session(&self, now: Instant) -> Option<Session> {
        let session = (*self.sessions.get(self.current)?)?;
        let young = now.saturating_duration_since(session.established) < REJECT_AFTER;
        (young && session.confirmed).then_some(session)
    }

    /// A new initiation. Answers to it and to the one before are taken.
    pub(super) fn initiate(&mut self) -> Option<Packet> {
        self.let_time_pass();
        let packet = self.tunn.format_handshake_initiation(true)?;
        self.pending.rotate_right(1);
        if let Some(newest) = self.pending.first_mut() {
            *newest = Some(packet.sender_idx.get());
        }
        Some(packet.into())
    }

    /// An initiation of the peer. Returns the answer.
    pub(super) fn respond(
        &mut self,
        now: Instant,
        packet: Packet<WgHandshakeInit>,
    ) -> Result<Packet, WireGuardError> {
        self.let_time_pass();
        match self.handle(packet.into())? {
            Some(WgKind::HandshakeResp(answer)) => {
                self.insert(now, answer.sender_idx.get(), false);
                Ok(answer.into())
            }
            _ => Err(WireGuardError::UnexpectedPacket),
        }
    }

    /// The peer's answer to an initiation of ours. Returns the keepalive that confirms it.
    pub(super) fn complete(
        &mut self,
        now: Instant,
        packet: Packet<WgHandshakeResp>,
    ) -> Result<Packet, WireGuardError> {
        let index = packet.receiver_idx.get();
        let keepalive = self.handle(packet.into())?;
        self.pending = [None; PENDING];
        let slot = self.insert(now, index, true);
        self.current = slot;
        match keepalive {
            Some(WgKind::Data(keepalive)) => Ok(keepalive.into()),
            _ => Err(WireGuardError::UnexpectedPacket),
        }
    }

    /// The peer wants to see its cookie in the next initiation.
    pub(super) fn cookie(&mut self, packet: Packet<WgCookieReply>) -> Result<(), WireGuardError> {
        self.handle(packet.into()).map(|_| ())
    }

    /// Opens a datagram. Tells too whether it is the first one of a session that the peer began,
    /// which may send from now on.
    pub(super) fn open(
        &mut self,
        now: Instant,
        packet: Packet<WgData>,
    ) -> Result<(Packet, bool), WireGuardError> {
        let index = packet.header.receiver_idx.get();
        let (slot, session) = self
            .sessions
            .iter()
            .enumerate()
            .find_map(|(slot, s)| s.filter(|s| s.index == index).map(|s| (slot, s)))
            .ok_or(WireGuardError::NoCurrentSession)?;
        if now.saturating_duration_since(session.established) >= REJECT_AFTER {
            return Err(WireGuardError::ConnectionExpired);
        }
        let plain = self.tunn.decapsulate_with_session(packet)?;
        let current = self.sessions.get(self.current).copied().flatten();
        if current.is_none_or(|current| session.established >= current.established) {
            self.current = slot;
        }
        if let Some(Some(session)) = self.sessions.get_mut(slot) {
            session.confirmed = true;
        }
        Ok((plain, !session.confirmed))
    }

    /// Seals a packet, or an empty one as a keepalive. `None` without a session.
    pub(super) fn seal(&mut self, now: Instant, plain: &[u8]) -> Option<Packet> {
        self.session(now)?;
        let sealed = self.tunn.encapsulate_with_session(Packet::copy_from(plain));
        sealed.ok().map(Into::into)
    }

    /// Wipes all keys of sessions and of handshakes under way.
    pub(super) fn forget(&mut self) {
        self.tunn.reset();
        self.sessions = [None; SESSIONS];
        self.pending = [None; PENDING];
    }

    /// Whether there are keys of sessions, old ones too.
    pub(super) fn has_keys(&self) -> bool {
        self.sessions.iter().any(Option::is_some)
    }

    /// `Tunn` orders its sessions by the time of its last look at the clock, so it has to look
    /// before each handshake. Nothing can come out: its timers are off. After 90 s without an
    /// answer it says that it expired, and begins again with the next initiation.
    fn let_time_pass(&mut self) {
        let _nothing = self.tunn.update_timers();
    }

    fn handle(&mut self, packet: WgKind) -> Result<Option<WgKind>, WireGuardError> {
        match self.tunn.handle_incoming_packet(packet) {
            TunnResult::Done | TunnResult::WriteToTunnel(_) => Ok(None),
            TunnResult::WriteToNetwork(packet) => Ok(Some(packet)),
            TunnResult::Err(error) => Err(error),
        }
    }

    /// Takes the slot that `Tunn` has just taken.
    fn insert(&mut self, now: Instant, index: u32, initiator: bool) -> usize {
        let slot = self.made % SESSIONS;
        self.made = self.made.wrapping_add(1);
        if let Some(place) = self.sessions.get_mut(slot) {
            *place = Some(Session {
                index,
                established: now,
                initiator,
                confirmed: initiator,
            });
        }
        slot
    }
}

/// No timer ever fires.
fn never() -> TimerParams {
    let never = Duration::from_secs(u64::from(u32::MAX));
    TimerParams {
        keepalive_timeout: never..=never,
        new_handshake_timeout: never..=never,
        rekey_timeout: never..=never,
        rekey_after_time: never..=never,
    }
}
