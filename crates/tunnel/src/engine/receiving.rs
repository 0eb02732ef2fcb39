//! What is done with each kind of datagram.

use std::net::SocketAddr;

use gotatun::noise::errors::WireGuardError;
use gotatun::noise::handshake::parse_handshake_anon;
use gotatun::packet::{Packet, WgCookieReply, WgData, WgHandshakeInit, WgHandshakeResp};
use gotatun::x25519;

use super::event::Event;
use super::gate::{FREE, Verdict};
use super::mss;
use super::output::{Output, PeerIndex};
use super::packet::IpPacket;
use super::sending::{flush, invite, send_own, transmit};
use super::time::Now;
use super::{Engine, Peer};
use crate::key::PublicKey;

/// A peer's handshakes, one a second, that came to nothing, before people are told.
const TELL_AFTER: u32 = 4;

impl Engine {
    /// Returns whether it was authentic, as all of these do.
    pub(super) fn initiation(
        &mut self,
        now: Now,
        from: SocketAddr,
        packet: Packet<WgHandshakeInit>,
        out: &mut impl Output,
    ) -> bool {
        let verdict = self.gate.initiation(now.instant, from, packet);
        if self.gate.is_under_load() {
            let event = Event::UnderLoad { limit: FREE };
            self.notices.tell(now.instant, None, event, out);
        }
        let packet = match verdict {
            Verdict::Answer(packet) => packet,
            Verdict::Cookie(cookie) => {
                out.datagram(from, &cookie);
                return false;
            }
            Verdict::NotForUs => {
                let ours = self.public_key;
                let event = Event::NotForOurKey { from, ours };
                self.notices.tell(now.instant, None, event, out);
                return false;
            }
            Verdict::Drop => return false,
        };
        let public = x25519::PublicKey::from(*self.public_key.as_bytes());
        let Ok(half) = parse_handshake_anon(&self.private_key, &public, &packet) else {
            return false;
        };
        let key = PublicKey::from_bytes(half.peer_static_public);
        match self.find(|peer| peer.public_key == key) {
            Some((index, _)) => self.answer(now, from, index, packet, out),
            None => {
                let event = Event::UnknownPeer { key, from };
                self.notices.tell(now.instant, None, event, out);
                false
            }
        }
    }

    fn answer(
        &mut self,
        now: Now,
        from: SocketAddr,
        index: PeerIndex,
        packet: Packet<WgHandshakeInit>,
        out: &mut impl Output,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(index.0) else {
            return false;
        };
        let ephemeral = packet.unencrypted_ephemeral;
        match peer.noise.respond(now.instant, packet) {
            Ok(answer) => {
                peer.initiations.accepted(now.instant, ephemeral);
                let before = peer.heard(now, from, WgHandshakeInit::LEN);
                peer.last_handshake = Some(now.instant);
                peer.answered_initiation(now);
                transmit(now, peer, &answer, out);
                if peer.unconfirmed >= TELL_AFTER {
                    let peer = peer.public_key;
                    let event = Event::NeverConfirmed { peer, from };
                    self.notices.tell(now.instant, Some(index), event, out);
                }
                self.moved(now, index, before, from, out);
                self.serve(now, index, out);
                true
            }
            Err(WireGuardError::WrongTai64nTimestamp) => {
                self.old_initiation(now, from, index, ephemeral, out);
                false
            }
            Err(_) => false,
        }
    }

    /// An initiation that is authentic but not new: an echo or another order, which networks do; a
    /// peer whose clock went back; or somebody who repeats what he has recorded. The real peer is helped by a handshake in the other direction; to anybody else that is worth
    /// nothing, is no larger than what he sent, and goes out at most once a second.
    fn old_initiation(
        &mut self,
        now: Now,
        from: SocketAddr,
        index: PeerIndex,
        ephemeral: [u8; 32],
        out: &mut impl Output,
    ) {
        let Some(peer) = self.peers.get_mut(index.0) else {
            return;
        };
        if !peer.initiations.is_told(now.instant, ephemeral) {
            return;
        }
        invite(now, peer, from, out);
        let peer = peer.public_key;
        let event = Event::OldInitiations { peer, from };
        self.notices.tell(now.instant, Some(index), event, out);
    }

    pub(super) fn response(
        &mut self,
        now: Now,
        from: SocketAddr,
        packet: Packet<WgHandshakeResp>,
        out: &mut impl Output,
    ) -> bool {
        let pending = packet.receiver_idx.get();
        if self.find(|peer| peer.noise.has_pending(pending)).is_none() {
            return false;
        }
        let Some(packet) = self.gate.response(from, packet) else {
            return false;
        };
        let Some((index, peer)) = self.find(|peer| peer.noise.has_pending(pending)) else {
            return false;
        };
        let keepalive = match peer.noise.complete(now.instant, packet) {
            Ok(keepalive) => keepalive,
            Err(_) => {
                let peer = peer.public_key;
                let event = Event::WrongAnswer { peer };
                self.notices.tell(now.instant, Some(index), event, out);
                return false;
            }
        };
        let before = peer.heard(now, from, WgHandshakeResp::LEN);
        peer.established(now);
        if !flush(now, peer, out) {
            transmit(now, peer, &keepalive, out);
        }
        self.moved(now, index, before, from, out);
        self.connected(now, index, from, out);
        true
    }

    pub(super) fn cookie(&mut self, now: Now, packet: Packet<WgCookieReply>) -> bool {
        let index = packet.receiver_idx.get();
        let Some((_, peer)) = self.find(|peer| peer.noise.has_pending(index)) else {
            return false;
        };
        let taken = peer.noise.cookie(packet).is_ok();
        if taken {
            peer.took_cookie(now);
        }
        taken
    }

    pub(super) fn data(
        &mut self,
        now: Now,
        from: SocketAddr,
        packet: Packet<WgData>,
        out: &mut impl Output,
    ) -> bool {
        let receiver = packet.header.receiver_idx.get();
        let Some((index, peer)) = self.find(|peer| peer.noise.has_session(receiver)) else {
            self.stray(now, from, out);
            return false;
        };
        let Ok((plain, confirmed)) = peer.noise.open(now.instant, packet) else {
            return false;
        };
        let before = peer.heard(now, from, plain.len() + WgData::OVERHEAD);
        if confirmed {
            peer.confirmed();
            flush(now, peer, out);
        }
        if !plain.is_empty() && peer.received_data(now) {
            peer.begin(now);
        }
        self.moved(now, index, before, from, out);
        if confirmed {
            self.connected(now, index, from, out);
        }
        if !plain.is_empty() {
            self.deliver(now, index, &plain, out);
        }
        self.serve(now, index, out);
        true
    }

    /// Content of a session that is not ours, perhaps of one before our start: whoever has not been
    /// heard since is asked, at that place, for another.
    fn stray(&mut self, now: Now, from: SocketAddr, out: &mut impl Output) {
        if !self.strays.is_hint(now.instant, from) {
            return;
        }
        for peer in self.peers.iter_mut().filter(|peer| peer.is_unheard()) {
            invite(now, peer, from, out);
        }
    }

    /// Tells people when a peer that was up is somewhere else.
    fn moved(
        &mut self,
        now: Now,
        index: PeerIndex,
        before: Option<SocketAddr>,
        to: SocketAddr,
        out: &mut impl Output,
    ) {
        let peer = self.peers.get(index.0).filter(|peer| peer.up);
        if let (Some(peer), Some(from)) = (peer, before) {
            let peer = peer.public_key;
            let event = Event::Moved { peer, from, to };
            self.notices.tell(now.instant, Some(index), event, out);
        }
    }

    /// A session stands.
    fn connected(&mut self, now: Now, index: PeerIndex, at: SocketAddr, out: &mut impl Output) {
        let Some(peer) = self.peers.get_mut(index.0) else {
            return;
        };
        // Handshakes alone do not end the trouble of packets that nobody answers.
        let first = !std::mem::replace(&mut peer.up, true);
        if peer.hollow == 0 && (first || self.notices.has_trouble(index)) {
            self.notices.over(index);
            let (peer, endpoint) = (peer.public_key, at);
            let event = Event::Up { peer, endpoint };
            self.notices.tell(now.instant, Some(index), event, out);
        }
        self.nothing_comes_back(now, index, out);
    }

    fn nothing_comes_back(&mut self, now: Now, index: PeerIndex, out: &mut impl Output) {
        let one_way = |peer: &&Peer| peer.is_one_way(now.instant);
        let peer = self.peers.get(index.0).filter(one_way);
        if let Some(Peer { public_key, .. }) = peer {
            let event = Event::NothingComesBack { peer: *public_key };
            self.notices.tell(now.instant, Some(index), event, out);
        }
    }

    /// Hands on a packet that came from a peer, if it may have come from it and is for us.
    fn deliver(&mut self, now: Now, from: PeerIndex, plain: &[u8], out: &mut impl Output) {
        let Some(peer) = self.peers.get_mut(from.0) else {
            return;
        };
        let Some(packet) = IpPacket::parse(plain) else {
            peer.dropped += 1;
            return;
        };
        let (source, destination) = (packet.source, packet.destination);
        let event = if self.routes.find(source) != Some(from) {
            let peer = peer.public_key;
            Event::SourceNotAllowed { peer, source }
        } else if !self.addresses.contains(&destination) {
            let peer = peer.public_key;
            Event::DestinationNotOurs { peer, destination }
        } else {
            receive_packet(now, from, peer, &packet, out);
            return;
        };
        peer.dropped += 1;
        self.notices.tell(now.instant, Some(from), event, out);
    }
}

/// Takes what belongs to the measuring of the path, and hands on the rest.
fn receive_packet(
    now: Now,
    from: PeerIndex,
    peer: &mut Peer,
    packet: &IpPacket<'_>,
    out: &mut impl Output,
) {
    if peer.path.take_answer(now.instant, packet) {
        return;
    }
    if let Some(answer) = peer.path.answer(now.instant, packet) {
        send_own(now, peer, &answer, out);
        return;
    }
    peer.path
        .used(now.instant, packet.destination, packet.source);
    // before our own result the peer's own limit has to do
    let lowered = (!peer.path.is_unknown())
        .then(|| mss::lowered(packet, peer.path.mtu()))
        .flatten();
    out.packet(from, lowered.as_deref().unwrap_or(packet.bytes));
}
