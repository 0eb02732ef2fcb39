//! WireGuard without sockets, clocks or threads: datagrams and time go in, datagrams, packets and
//! events come out.
//!
//! Invariants:
//! - A packet goes to the one peer whose AllowedIPs hold its destination by the longest prefix,
//!   and comes only from the peer whose AllowedIPs hold its source in the same way, and only to
//!   one of our addresses. Nothing passes from peer to peer.
//! - An endpoint follows authentic datagrams only.
//! - Memory is bounded by the number of peers.

mod event;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod gate;
mod icmp;
mod initiations;
mod jitter;
mod mss;
mod noise;
mod notices;
mod output;
mod packet;
mod path;
mod peer;
mod queue;
mod receiving;
mod routes;
mod sending;
mod status;
mod strays;
#[cfg(test)]
mod tests;
mod time;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use gotatun::noise::index_table::IndexTable;
use gotatun::packet::{Packet, WgKind};
use gotatun::x25519;

pub use event::Event;
pub(crate) use output::{Output, PeerIndex, Unreachable};
pub use path::Carries;
pub use status::{PeerState, PeerStatus, Status, Trouble};
pub(crate) use time::Now;

use self::gate::Gate;
use self::jitter::Jitter;
use self::noise::Noise;
use self::notices::Notices;
use self::packet::IpPacket;
use self::peer::{Due, PeerState as Peer};
use self::routes::Routes;
use self::sending::{initiate, keepalive, probe, send_packet};
use self::strays::Strays;
use crate::key::PublicKey;
use crate::spec::Spec;

/// The engine wants to be called at least so often.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// The wall clock may be corrected by less than this.
const CLOCK_STEP: Duration = Duration::from_secs(5);

/// Our end of a tunnel.
pub(crate) struct Engine {
    private_key: x25519::StaticSecret,
    public_key: PublicKey,
    addresses: Vec<IpAddr>,
    routes: Routes,
    peers: Vec<Peer>,
    gate: Gate,
    strays: Strays,
    notices: Notices,
    clocks: Option<Now>,
    jitter: Jitter,
    strangers: u64,
}

impl Engine {
    /// Our end as the configuration has it. The seed is for jitter alone; the randomness of the
    /// handshake is the system's.
    pub(crate) fn new(spec: &Spec, seed: u64) -> Self {
        let interface = &spec.interface;
        let private_key = interface.private_key.to_secret();
        let public = x25519::PublicKey::from(&private_key);
        let indices = IndexTable::from_os_rng();
        let gate = Gate::new(&public);
        let peers = spec.peers.iter().map(|peer| {
            let key = &interface.private_key;
            let noise = Noise::new(key, peer, indices.clone(), gate.limiter());
            Peer::new(peer, interface.mtu, noise)
        });
        Self {
            public_key: PublicKey::from_bytes(public.to_bytes()),
            addresses: interface.addresses.iter().map(|net| net.addr()).collect(),
            routes: Routes::new(&spec.peers),
            peers: peers.collect(),
            private_key,
            gate,
            strays: Strays::default(),
            notices: Notices::default(),
            clocks: None,
            jitter: Jitter::new(seed),
            strangers: 0,
        }
    }

    /// A datagram from the network.
    pub(crate) fn receive(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut impl Output,
    ) {
        let authentic = match Packet::copy_from(datagram).try_into_wg() {
            Ok(WgKind::HandshakeInit(packet)) => self.initiation(now, from, packet, out),
            Ok(WgKind::HandshakeResp(packet)) => self.response(now, from, packet, out),
            Ok(WgKind::CookieReply(packet)) => self.cookie(now, packet),
            Ok(WgKind::Data(packet)) => self.data(now, from, packet, out),
            Err(_) => false,
        };
        if !authentic {
            self.strangers += 1;
        }
    }

    /// An IP packet from the netstack. It waits for a handshake when there is no session.
    pub(crate) fn send(&mut self, now: Now, packet: &[u8], out: &mut impl Output) {
        let Some(parsed) = IpPacket::parse(packet) else {
            return;
        };
        let Some(index) = self.routes.find(parsed.destination) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(index.0) else {
            return;
        };
        peer.wants(now);
        if !send_packet(now, peer, &parsed, out) {
            peer.queue.push(now.instant, packet);
            if peer.noise.session(now.instant).is_none() {
                peer.begin(now);
            }
        }
        self.serve(now, index, out);
    }

    /// Does what is due. Returns when it wants to be called again at the latest.
    pub(crate) fn tick(&mut self, now: Now, out: &mut impl Output) -> Instant {
        self.strays.begin(now.instant);
        self.watch_clock(now, out);
        let indices = (0..self.peers.len()).map(PeerIndex);
        indices.for_each(|index| self.serve(now, index, out));
        let next = self.peers.iter().filter_map(|p| p.next_at(now.instant));
        next.min()
            .unwrap_or(now.instant + MAX_SLEEP)
            .clamp(now.instant, now.instant + MAX_SLEEP)
    }

    /// The network said that a datagram of ours did not arrive. Believed only so far that the next
    /// initiation comes sooner.
    pub(crate) fn unreachable(
        &mut self,
        now: Now,
        to: SocketAddr,
        why: Unreachable,
        out: &mut impl Output,
    ) {
        let Some((index, peer)) = self.find(|peer| peer.endpoint == Some(to)) else {
            return;
        };
        if let Unreachable::TooBig(bytes) = why {
            peer.path.too_big(bytes);
            return;
        }
        if !peer.is_wanted(now.instant) {
            return;
        }
        peer.begin(now);
        peer.hasten(now);
        let (peer, endpoint) = (peer.public_key, to);
        let event = match why {
            Unreachable::PortClosed => Event::PortClosed { peer, endpoint },
            _ => Event::NoWay { peer, endpoint },
        };
        self.notices.tell(now.instant, Some(index), event, out);
        self.serve(now, index, out);
    }

    /// The answer to [`Output::resolve`].
    pub(crate) fn resolved(
        &mut self,
        now: Now,
        peer: PeerIndex,
        addresses: io::Result<Vec<SocketAddr>>,
        out: &mut impl Output,
    ) {
        let index = peer;
        let Some(peer) = self.peers.get_mut(index.0) else {
            return;
        };
        if let Err(error) = &addresses {
            let (peer, error) = (peer.public_key, error.to_string());
            let event = Event::Unresolved { peer, error };
            self.notices.tell(now.instant, Some(index), event, out);
        }
        peer.resolved(now, addresses.unwrap_or_default());
        self.serve(now, index, out);
    }

    /// The largest packet to send to this peer, in bytes; `None` before it is known. Until then
    /// beginnings of connections wait here.
    pub(crate) fn mtu(&self, peer: PeerIndex) -> Option<u16> {
        let path = &self.peers.get(peer.0)?.path;
        (!path.is_unknown()).then(|| path.mtu())
    }

    /// The peer that packets to this address go to.
    pub(crate) fn route(&self, destination: IpAddr) -> Option<PeerIndex> {
        self.routes.find(destination)
    }

    /// How it stands.
    pub(crate) fn status(&self, now: Now) -> Status {
        let peers = self.peers.iter().enumerate().map(|(i, peer)| PeerStatus {
            public_key: peer.public_key,
            endpoint: peer.endpoint,
            allowed_ips: peer.allowed_ips.clone(),
            last_handshake: peer
                .last_handshake
                .map(|at| now.instant.saturating_duration_since(at)),
            received_bytes: peer.received_bytes,
            sent_bytes: peer.sent_bytes,
            dropped_packets: peer.dropped + peer.queue.dropped,
            state: match (peer.noise.session(now.instant), peer.attempt) {
                (Some(_), _) => PeerState::Up,
                (None, Some(_)) => PeerState::Connecting,
                (None, None) => PeerState::Idle,
            },
            mtu: self.mtu(PeerIndex(i)),
            carries: peer.path.carries(),
            persistent_keepalive_s: peer.keepalive_s,
            trouble: self.notices.trouble(now.instant, PeerIndex(i)),
        });
        Status {
            public_key: self.public_key,
            peers: peers.collect(),
            strangers: self.strangers,
        }
    }

    /// Does what is due for one peer.
    fn serve(&mut self, now: Now, index: PeerIndex, out: &mut impl Output) {
        let Some(peer) = self.peers.get_mut(index.0) else {
            return;
        };
        while let Some(due) = peer.due(now) {
            match due {
                Due::Initiation => initiate(now, peer, &mut self.jitter, out),
                Due::Keepalive => keepalive(now, peer, out),
                Due::Path => probe(now, peer, out),
                Due::Complaint(seconds) => {
                    let event = Event::NoAnswer {
                        peer: peer.public_key,
                        endpoint: peer.endpoint,
                        seconds,
                    };
                    self.notices.tell(now.instant, Some(index), event, out);
                }
                Due::Resolution => {
                    if let Some((host, port)) = peer.name() {
                        out.resolve(index, host, port);
                    }
                }
            }
        }
    }

    /// Notices when the wall clock goes back against the other one. gotatun's timestamps do not
    /// follow it, so that the peers go on listening.
    fn watch_clock(&mut self, now: Now, out: &mut impl Output) {
        let Some(before) = self.clocks.replace(now) else {
            return;
        };
        let expected = before.wall + now.instant.saturating_duration_since(before.instant);
        let back = expected.duration_since(now.wall).unwrap_or_default();
        if back >= CLOCK_STEP {
            let seconds = back.as_secs();
            let event = Event::ClockSteppedBack { seconds };
            self.notices.tell(now.instant, None, event, out);
        }
    }

    fn find(&mut self, is_it: impl Fn(&Peer) -> bool) -> Option<(PeerIndex, &mut Peer)> {
        let found = self.peers.iter_mut().enumerate().find(|(_, p)| is_it(p));
        found.map(|(i, peer)| (PeerIndex(i), peer))
    }
}
