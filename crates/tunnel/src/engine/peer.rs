//! One peer: its session, where it is, and what waits for it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gotatun::noise::errors::WireGuardError;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::noise::{TimerParams, Tunn, TunnResult};
use gotatun::packet::{Packet, WgKind};

use super::diagnosis::Diagnosis;
use super::event::{Event, Trouble};
use super::mtu::PathMtu;
use super::output::{Now, Output, PeerIndex};
use super::status::PeerStatus;
use crate::key::{PrivateKey, PublicKey};
use crate::spec::{self, Endpoint, Host};

/// How many packets wait for a handshake. TCP sends again what is dropped.
const QUEUE: usize = 32;

/// How long they wait: an older one is a connection that somebody has given up.
const FRESH: Duration = Duration::from_secs(2);

/// How long after the last packet an expired peer is still worth a handshake.
const WANTED: Duration = Duration::from_secs(5);

/// An initiation is sent again after this time, and a new one when nothing came back for it.
///
/// The whitepaper has 5 s and 15 s (section 6.1). A node exits when its signer is away for 3 s,
/// so ours are shorter. Responders do not mind: Linux and wireguard-go take 50 a second.
const RETRY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(800)..=Duration::from_millis(1100);

/// An endpoint's name is looked up again, or its next address tried, after so many initiations.
const ATTEMPTS_PER_ADDRESS: u32 = 4;

pub(super) struct Peer {
    index: PeerIndex,
    key: PublicKey,
    ours: PublicKey,
    tunn: Tunn,
    spec_endpoint: Option<Endpoint>,
    endpoint: Option<SocketAddr>,
    /// What the endpoint's name stands for, the one in use first.
    addresses: VecDeque<SocketAddr>,
    attempts: u32,
    keepalive: bool,
    mtu: PathMtu,
    queue: VecDeque<(Instant, Vec<u8>)>,
    wanted: Option<Instant>,
    connected: bool,
    diagnosis: Diagnosis,
    received_bytes: u64,
    sent_bytes: u64,
    status: PeerStatus,
}

/// What came of a datagram.
pub(super) enum Received {
    Nothing,
    /// An IP packet, or what the peer takes for one.
    Packet(Packet),
}

impl Peer {
    pub(super) fn new(
        index: PeerIndex,
        spec: &spec::Peer,
        ours: &PrivateKey,
        mtu: Option<u16>,
        indices: IndexTable,
        limiter: Arc<RateLimiter>,
    ) -> Self {
        let keepalive_s = spec.persistent_keepalive_s.map(Into::into);
        let mut tunn = Tunn::new(
            ours.to_secret(),
            (*spec.public_key.as_bytes()).into(),
            spec.preshared_key.as_ref().map(|key| *key.secret_bytes()),
            keepalive_s,
            indices,
            limiter,
        );
        tunn.dangerously_set_timer_params(TimerParams {
            rekey_timeout: RETRY,
            new_handshake_timeout: RETRY,
            ..TimerParams::default()
        });
        Self {
            index,
            key: spec.public_key,
            ours: ours.public_key(),
            tunn,
            endpoint: spec.endpoint.as_ref().and_then(fixed),
            spec_endpoint: spec.endpoint.clone(),
            addresses: VecDeque::new(),
            attempts: 0,
            keepalive: keepalive_s.is_some(),
            mtu: PathMtu::new(mtu),
            queue: VecDeque::new(),
            wanted: None,
            connected: false,
            diagnosis: Diagnosis::default(),
            received_bytes: 0,
            sent_bytes: 0,
            status: PeerStatus {
                public_key: spec.public_key,
                endpoint: None,
                allowed_ips: spec.allowed_ips.clone(),
                last_handshake: None,
                received_bytes: 0,
                sent_bytes: 0,
                mtu: 0,
                persistent_keepalive_s: keepalive_s,
                trouble: None,
            },
        }
    }

    pub(super) fn key(&self) -> PublicKey {
        self.key
    }

    pub(super) fn endpoint(&self) -> Option<SocketAddr> {
        self.endpoint
    }

    /// Sends an IP packet, or keeps it until there is a session.
    pub(super) fn send(&mut self, now: Now, packet: &[u8], out: &mut impl Output) {
        self.wanted = Some(now.instant);
        if let Err(packet) = self.encrypt(now, packet, out) {
            if self.queue.len() == QUEUE {
                self.queue.pop_front();
            }
            self.queue.push_back((now.instant, packet));
            let initiation = self.tunn.format_handshake_initiation(false);
            if let Some(initiation) = initiation {
                self.transmit(now, initiation.into(), out);
            }
        }
    }

    fn encrypt(&mut self, now: Now, packet: &[u8], out: &mut impl Output) -> Result<(), Vec<u8>> {
        // Padded to 16 bytes (whitepaper, section 5.4.6); the length is in the IP header.
        let mut padded = packet.to_vec();
        let largest = usize::from(self.mtu.current()).max(packet.len());
        padded.resize(packet.len().next_multiple_of(16).min(largest), 0);
        match self
            .tunn
            .encapsulate_with_session(Packet::copy_from(padded.as_slice()))
        {
            Ok(data) => {
                self.diagnosis.sent(now.instant);
                let narrower = self.mtu.sent(packet);
                self.tell_mtu(narrower, out);
                self.transmit(now, data.into(), out);
                Ok(())
            }
            Err(_) => Err(packet.to_vec()),
        }
    }

    fn tell_mtu(&self, narrower: Option<u16>, out: &mut impl Output) {
        if let Some(mtu) = narrower {
            let peer = self.key;
            out.event(Event::Narrower { peer, mtu });
        }
    }

    /// The network says what datagrams pass.
    pub(super) fn too_big(&mut self, bytes: u32, out: &mut impl Output) {
        let narrower = self.mtu.too_big(bytes);
        self.tell_mtu(narrower, out);
    }

    pub(super) fn mtu(&self) -> u16 {
        self.mtu.current()
    }

    fn flush(&mut self, now: Now, out: &mut impl Output) {
        for (queued, packet) in std::mem::take(&mut self.queue) {
            let age = now.instant.saturating_duration_since(queued);
            if age <= FRESH && self.encrypt(now, &packet, out).is_err() {
                return;
            }
        }
    }

    /// Handles a message of the peer's, which may still be forged.
    pub(super) fn receive(
        &mut self,
        now: Now,
        from: SocketAddr,
        message: WgKind,
        len: usize,
        out: &mut impl Output,
    ) -> Received {
        let is_initiation = matches!(message, WgKind::HandshakeInit(_));
        let is_response = matches!(message, WgKind::HandshakeResp(_));
        let is_cookie = matches!(message, WgKind::CookieReply(_));
        let result = self.tunn.handle_incoming_packet(message);
        if let TunnResult::Err(error) = result {
            self.refused(now, from, &error, is_initiation, is_response, out);
            return Received::Nothing;
        }
        if is_cookie {
            return Received::Nothing;
        }
        self.received_bytes = self.received_bytes.saturating_add(as_u64(len));
        self.heard_at(from, out);
        match result {
            TunnResult::WriteToNetwork(reply) => {
                if is_initiation {
                    if let Some(trouble) = self.diagnosis.begun(from) {
                        self.tell(now, trouble, out);
                    }
                } else {
                    self.established(from, out);
                }
                self.transmit(now, reply, out);
                if is_response {
                    self.diagnosis.answered();
                    self.flush(now, out);
                }
                Received::Nothing
            }
            TunnResult::WriteToTunnel(packet) => {
                self.diagnosis.heard();
                self.established(from, out);
                self.flush(now, out);
                if packet.is_empty() {
                    Received::Nothing
                } else {
                    Received::Packet(packet)
                }
            }
            TunnResult::Done | TunnResult::Err(_) => Received::Nothing,
        }
    }

    /// A packet of the peer's was for us and from an address of its own.
    pub(super) fn well(&mut self) {
        self.diagnosis.well();
    }

    fn refused(
        &mut self,
        now: Now,
        from: SocketAddr,
        error: &WireGuardError,
        is_initiation: bool,
        is_response: bool,
        out: &mut impl Output,
    ) {
        match error {
            WireGuardError::WrongTai64nTimestamp if is_initiation => {
                self.tell(now, Trouble::OldTimestamp { from }, out);
            }
            WireGuardError::InvalidAeadTag if is_response => {
                self.tell(now, Trouble::PresharedKey, out);
            }
            _ => {}
        }
    }

    /// Datagrams go to where the last authentic one came from (whitepaper, section 2.1).
    fn heard_at(&mut self, from: SocketAddr, out: &mut impl Output) {
        match self.endpoint.replace(from) {
            Some(before) if before != from => out.event(Event::Moved {
                peer: self.key,
                from: before,
                to: from,
            }),
            _ => {}
        }
    }

    fn established(&mut self, endpoint: SocketAddr, out: &mut impl Output) {
        self.attempts = 0;
        if !std::mem::replace(&mut self.connected, true) {
            out.event(Event::Connected {
                peer: self.key,
                endpoint,
                mtu: self.mtu.current(),
            });
        }
    }

    /// What is due.
    pub(super) fn tick(&mut self, now: Now, out: &mut impl Output) {
        match self.tunn.update_timers() {
            Ok(Some(message)) => self.transmit(now, message, out),
            Ok(None) => {}
            Err(_) if self.is_wanted(now.instant) => {
                if let Some(initiation) = self.tunn.format_handshake_initiation(true) {
                    self.transmit(now, initiation.into(), out);
                }
            }
            Err(_) => {}
        }
        if let Some(trouble) = self
            .diagnosis
            .look(now.instant, self.endpoint, self.ours)
            .filter(|_| self.is_wanted(now.instant))
        {
            self.tell(now, trouble, out);
        }
    }

    /// Someone waits for this peer, or it shall be kept alive.
    fn is_wanted(&self, now: Instant) -> bool {
        let is_recent = |at| now.saturating_duration_since(at) < WANTED;
        self.keepalive || self.wanted.is_some_and(is_recent)
    }

    fn transmit(&mut self, now: Now, message: WgKind, out: &mut impl Output) {
        if matches!(message, WgKind::HandshakeInit(_)) {
            self.initiating(now, out);
        }
        let Some(endpoint) = self.endpoint else {
            if self.spec_endpoint.is_none() {
                self.tell(now, Trouble::NoEndpoint, out);
            }
            return;
        };
        let bytes: Packet = message.into();
        self.sent_bytes = self.sent_bytes.saturating_add(as_u64(bytes.len()));
        out.datagram(endpoint, &bytes);
    }

    fn initiating(&mut self, now: Now, out: &mut impl Output) {
        self.diagnosis.initiated(now.instant);
        if self.attempts.is_multiple_of(ATTEMPTS_PER_ADDRESS) {
            self.try_elsewhere(out);
        }
        self.attempts = self.attempts.saturating_add(1);
    }

    /// The first time, and whenever a round of attempts was in vain.
    fn try_elsewhere(&mut self, out: &mut impl Output) {
        if let Some(Endpoint {
            host: Host::Name(name),
            port,
        }) = &self.spec_endpoint
        {
            out.resolve(self.index, name, *port);
        } else if let Some(configured) = self.spec_endpoint.as_ref().and_then(fixed)
            && self.attempts > 0
        {
            // It may have come back from where it had moved to.
            self.endpoint = Some(configured);
        }
    }

    pub(super) fn resolved(
        &mut self,
        now: Now,
        answer: Result<Vec<SocketAddr>, String>,
        out: &mut impl Output,
    ) {
        let Some(Endpoint {
            host: Host::Name(host),
            ..
        }) = &self.spec_endpoint
        else {
            return;
        };
        match answer {
            Ok(found) if !found.is_empty() => {
                let tried = self.endpoint;
                self.addresses = found.into();
                // One that was in vain is tried last.
                let index = self.addresses.iter().position(|a| Some(*a) == tried);
                if let (Some(index), true) = (index, self.diagnosis.is_unanswered()) {
                    self.addresses
                        .rotate_left(index.saturating_add(1) % self.addresses.len());
                }
                if !self.connected || self.diagnosis.is_unanswered() {
                    self.endpoint = self.addresses.front().copied();
                }
                if tried.is_none()
                    && let Some(initiation) = self.tunn.format_handshake_initiation(true)
                {
                    self.attempts = 1;
                    let bytes: Packet = WgKind::from(initiation).into();
                    if let Some(endpoint) = self.endpoint {
                        out.datagram(endpoint, &bytes);
                    }
                }
            }
            answer => {
                let error = match answer {
                    Err(error) => error,
                    Ok(_) => "it has no address".to_owned(),
                };
                let host = host.clone();
                self.tell(now, Trouble::Name { host, error }, out);
            }
        }
    }

    pub(super) fn tell(&mut self, now: Now, trouble: Trouble, out: &mut impl Output) {
        self.connected = false;
        if self.diagnosis.is_news(now.instant, &trouble) {
            out.event(Event::Trouble {
                peer: self.key,
                trouble,
            });
        }
    }

    pub(super) fn is_unanswered(&self) -> bool {
        self.diagnosis.is_unanswered()
    }

    pub(super) fn status(&self) -> PeerStatus {
        PeerStatus {
            endpoint: self.endpoint,
            last_handshake: self.tunn.time_since_last_handshake(),
            received_bytes: self.received_bytes,
            sent_bytes: self.sent_bytes,
            mtu: self.mtu.current(),
            trouble: self.diagnosis.current().map(ToString::to_string),
            ..self.status.clone()
        }
    }
}

fn fixed(endpoint: &Endpoint) -> Option<SocketAddr> {
    match &endpoint.host {
        Host::Address(address) => Some((*address, endpoint.port).into()),
        Host::Name(_) => None,
    }
}

fn as_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
