//! WireGuard without sockets: datagrams and IP packets in and out.
//!
//! The handshake and the sessions are gotatun's [`Tunn`](gotatun::noise::Tunn). What is here is
//! what that leaves open: which peer a message is for, AllowedIPs, roaming, when to try again, and
//! telling people what is wrong.
//!
//! Invariants:
//! - A packet comes out only if its source is in its peer's AllowedIPs and its destination is an
//!   address of ours. So peers cannot talk to each other through this end.
//! - A peer's endpoint changes only by an authentic message (or by its name, while it is silent).
//! - Whatever is received, what is kept is bounded: peers, their queues and their sessions.

mod diagnosis;
mod event;
mod mtu;
mod output;
mod packet;
mod peer;
mod routes;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gotatun::noise::TunnResult;
use gotatun::noise::errors::WireGuardError;
use gotatun::noise::handshake::parse_handshake_anon;
use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::packet::{Packet, WgKind};
use gotatun::x25519;

pub use self::event::{Event, Trouble};
pub(crate) use self::output::{Now, Output, PeerIndex, Unreachable};
pub use self::status::{PeerStatus, Status};

use self::packet::outside;
use self::peer::{Peer, Received};
use self::routes::Routes;
use crate::key::PublicKey;
use crate::spec::Spec;

/// Handshakes a second from one address before it must prove that it is there (whitepaper, section
/// 5.3). Each costs about 0.1 ms.
const HANDSHAKES_PER_SECOND: u64 = 20;

/// How often [`Engine::tick`] wants to be called.
const TICK: Duration = Duration::from_millis(100);

/// How long the same is not told again of strangers.
const SILENCE: Duration = Duration::from_secs(10);

/// Less than this is a clock that is kept right.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

/// One end of a tunnel.
pub(crate) struct Engine {
    secret: x25519::StaticSecret,
    public: x25519::PublicKey,
    key: PublicKey,
    ours: Vec<IpAddr>,
    peers: Vec<Peer>,
    routes: Routes,
    limiter: Arc<RateLimiter>,
    indices: IndexTable,
    /// Which peer a session's index is for.
    sessions: BTreeMap<u32, PeerIndex>,
    told: [Option<Instant>; 3],
    clock: Now,
}

impl Engine {
    /// An end that has sent nothing yet.
    pub(crate) fn new(spec: &Spec, now: Now) -> Self {
        let private = &spec.interface.private_key;
        let secret = private.to_secret();
        let public = x25519::PublicKey::from(&secret);
        let limiter = Arc::new(RateLimiter::new(&public, HANDSHAKES_PER_SECOND));
        let indices = IndexTable::from_os_rng();
        let peer = |(index, peer)| {
            let (indices, limiter) = (indices.clone(), limiter.clone());
            let mtu = spec.interface.mtu;
            Peer::new(PeerIndex(index), peer, private, mtu, indices, limiter)
        };
        Self {
            key: private.public_key(),
            ours: spec
                .interface
                .addresses
                .iter()
                .map(ipnet::IpNet::addr)
                .collect(),
            peers: spec.peers.iter().enumerate().map(peer).collect(),
            routes: Routes::new(spec),
            secret,
            public,
            limiter,
            indices,
            sessions: BTreeMap::new(),
            told: [None; 3],
            clock: now,
        }
    }

    /// The peer whose AllowedIPs have this address.
    pub(crate) fn route(&self, address: IpAddr) -> Option<PeerIndex> {
        self.routes.peer(address)
    }

    /// Takes a datagram from the network.
    pub(crate) fn receive(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut impl Output,
    ) {
        let message = match self
            .limiter
            .verify_packet(from, Packet::copy_from(datagram))
        {
            Ok(message) => message,
            Err(TunnResult::WriteToNetwork(cookie)) => {
                let bytes: Packet = cookie.into();
                out.datagram(from, &bytes);
                self.tell(0, now, Event::UnderLoad { from }, out);
                return;
            }
            Err(TunnResult::Err(WireGuardError::InvalidMac)) => {
                let ours = self.key;
                self.tell(1, now, Event::OtherKey { from, ours }, out);
                return;
            }
            Err(_) => return,
        };
        let Some(index) = self.peer_of(&message, now, from, out) else {
            return;
        };
        let mut noted = Noted::new(out);
        let Some(peer) = self.peers.get_mut(index.0) else {
            return;
        };
        let received = peer.receive(now, from, message, datagram.len(), &mut noted);
        self.note(noted.sessions, index);
        if let Received::Packet(packet) = received {
            self.deliver(now, index, &packet, out);
        }
    }

    fn deliver(&mut self, now: Now, index: PeerIndex, packet: &[u8], out: &mut impl Output) {
        let Some(peer) = self.peers.get_mut(index.0) else {
            return;
        };
        let Some(outside) = outside(packet) else {
            return;
        };
        if self.routes.peer(outside.source) != Some(index) {
            let address = outside.source;
            peer.tell(now, Trouble::Source { address }, out);
        } else if !self.ours.contains(&outside.destination) {
            let address = outside.destination;
            peer.tell(now, Trouble::Destination { address }, out);
        } else {
            peer.well();
            out.packet(index, packet.get(..outside.len).unwrap_or_default());
        }
    }

    /// Takes an IP packet of ours; the peer is the one whose AllowedIPs have its destination.
    /// Without one it is dropped.
    pub(crate) fn send(&mut self, now: Now, packet: &[u8], out: &mut impl Output) {
        let Some(index) = outside(packet).and_then(|o| self.routes.peer(o.destination)) else {
            return;
        };
        self.with(index, out, |peer, out| peer.send(now, packet, out));
    }

    /// Does what is due, and returns when it wants to be called again.
    pub(crate) fn tick(&mut self, now: Now, out: &mut impl Output) -> Instant {
        self.watch_clock(now, out);
        for index in 0..self.peers.len() {
            self.with(PeerIndex(index), out, |peer, out| peer.tick(now, out));
        }
        now.instant + TICK
    }

    /// The network says that a datagram did not arrive. It is told and changes nothing else,
    /// since anybody may say so.
    pub(crate) fn unreachable(
        &mut self,
        now: Now,
        to: SocketAddr,
        why: Unreachable,
        out: &mut impl Output,
    ) {
        let endpoint = to;
        let trouble = match why {
            Unreachable::PortClosed => Trouble::PortClosed { endpoint },
            Unreachable::Host | Unreachable::Network => Trouble::NoWay { endpoint },
            Unreachable::TooBig(bytes) => {
                for peer in self.peers.iter_mut().filter(|p| p.endpoint() == Some(to)) {
                    peer.too_big(bytes, out);
                }
                return;
            }
        };
        for peer in &mut self.peers {
            if peer.endpoint() == Some(to) && peer.is_unanswered() {
                peer.tell(now, trouble.clone(), out);
            }
        }
    }

    /// What [`Output::resolve`] asked for.
    pub(crate) fn resolved(
        &mut self,
        now: Now,
        index: PeerIndex,
        answer: io::Result<Vec<SocketAddr>>,
        out: &mut impl Output,
    ) {
        let answer = answer.map_err(|e| e.to_string());
        self.with(index, out, |peer, out| peer.resolved(now, answer, out));
    }

    /// The largest packet that the path to a peer is taken to carry.
    pub(crate) fn mtu(&self, index: PeerIndex) -> u16 {
        self.peers.get(index.0).map_or(u16::MAX, Peer::mtu)
    }

    /// For people.
    pub(crate) fn status(&self) -> Status {
        Status {
            public_key: self.key,
            peers: self.peers.iter().map(Peer::status).collect(),
        }
    }

    /// Lets a peer do something, and takes down which sessions it began.
    fn with<O: Output>(
        &mut self,
        index: PeerIndex,
        out: &mut O,
        action: impl FnOnce(&mut Peer, &mut Noted<'_, O>),
    ) {
        let mut noted = Noted::new(out);
        if let Some(peer) = self.peers.get_mut(index.0) {
            action(peer, &mut noted);
        }
        self.note(noted.sessions, index);
    }

    fn note(&mut self, sessions: Vec<u32>, peer: PeerIndex) {
        if sessions.is_empty() {
            return;
        }
        let indices = &self.indices;
        self.sessions.retain(|session, _| indices.in_use(*session));
        self.sessions
            .extend(sessions.into_iter().map(|s| (s, peer)));
    }

    fn peer_of(
        &mut self,
        message: &WgKind,
        now: Now,
        from: SocketAddr,
        out: &mut impl Output,
    ) -> Option<PeerIndex> {
        let session = match message {
            WgKind::HandshakeInit(initiation) => {
                // Fails for a message that is forged after its first MAC.
                let half = parse_handshake_anon(&self.secret, &self.public, initiation).ok()?;
                let public_key = PublicKey::from_bytes(half.peer_static_public);
                let found = self.peers.iter().position(|peer| peer.key() == public_key);
                if found.is_none() {
                    self.tell(2, now, Event::UnknownPeer { public_key, from }, out);
                }
                return found.map(PeerIndex);
            }
            WgKind::HandshakeResp(p) => p.receiver_idx.get(),
            WgKind::CookieReply(p) => p.receiver_idx.get(),
            WgKind::Data(p) => p.header.receiver_idx.get(),
        };
        self.sessions.get(&session).copied()
    }

    fn tell(&mut self, slot: usize, now: Now, event: Event, out: &mut impl Output) {
        let Some(told) = self.told.get_mut(slot) else {
            return;
        };
        let is_recent = |at: Instant| now.instant.saturating_duration_since(at) < SILENCE;
        if !told.is_some_and(is_recent) {
            *told = Some(now.instant);
            out.event(event);
        }
    }

    fn watch_clock(&mut self, now: Now, out: &mut impl Output) {
        let passed = now.instant.saturating_duration_since(self.clock.instant);
        let expected = self.clock.wall + passed;
        self.clock = now;
        if let Ok(by) = expected.duration_since(now.wall)
            && by > CLOCK_SLACK
        {
            out.event(Event::ClockBack { by });
        }
    }
}

/// Passes everything on, and takes down the indices of the sessions that are begun.
struct Noted<'a, O> {
    out: &'a mut O,
    sessions: Vec<u32>,
}

impl<'a, O: Output> Noted<'a, O> {
    fn new(out: &'a mut O) -> Self {
        Self {
            out,
            sessions: Vec::new(),
        }
    }
}

impl<O: Output> Output for Noted<'_, O> {
    fn datagram(&mut self, to: SocketAddr, bytes: &[u8]) {
        // Types 1 and 2 begin a session; their sender index is what the answers are for.
        if let [1 | 2, 0, 0, 0, a, b, c, d, ..] = bytes {
            self.sessions.push(u32::from_le_bytes([*a, *b, *c, *d]));
        }
        self.out.datagram(to, bytes);
    }

    fn packet(&mut self, peer: PeerIndex, bytes: &[u8]) {
        self.out.packet(peer, bytes);
    }

    fn resolve(&mut self, peer: PeerIndex, host: &str, port: u16) {
        self.out.resolve(peer, host, port);
    }

    fn event(&mut self, event: Event) {
        self.out.event(event);
    }
}
