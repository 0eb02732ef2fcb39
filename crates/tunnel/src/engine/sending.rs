//! How packets and handshakes of one peer leave.

use std::net::SocketAddr;

use super::event::Event;
use super::jitter::Jitter;
use super::mss;
use super::output::Output;
use super::packet::IpPacket;
use super::path::Step;
use super::peer::PeerState as Peer;
use super::time::Now;

pub(super) fn transmit(now: Now, peer: &mut Peer, datagram: &[u8], out: &mut impl Output) {
    if let Some(to) = peer.endpoint {
        out.datagram(to, datagram);
        peer.sent(now, datagram.len());
    }
}

pub(super) fn initiate(now: Now, peer: &mut Peer, jitter: &mut Jitter, out: &mut impl Output) {
    peer.initiated(now, jitter);
    let Some(initiation) = peer.noise.initiate() else {
        return;
    };
    for to in peer.destinations() {
        out.datagram(to, &initiation);
        peer.sent(now, initiation.len());
    }
}

/// A handshake with where the peer perhaps is. Nothing follows from it unless the peer answers.
pub(super) fn invite(now: Now, peer: &mut Peer, at: SocketAddr, out: &mut impl Output) {
    if let Some(initiation) = peer.noise.initiate() {
        out.datagram(at, &initiation);
        peer.sent(now, initiation.len());
    }
}

pub(super) fn keepalive(now: Now, peer: &mut Peer, out: &mut impl Output) {
    match peer.noise.seal(now.instant, &[]) {
        Some(sealed) => transmit(now, peer, &sealed, out),
        None => peer.begin(now),
    }
}

/// Seals and sends. Returns whether that was possible: there has to be a session, and the beginning
/// of a TCP connection waits until the size of the path is known.
pub(super) fn send_packet(
    now: Now,
    peer: &mut Peer,
    packet: &IpPacket<'_>,
    out: &mut impl Output,
) -> bool {
    if peer.noise.session(now.instant).is_none() {
        return false;
    }
    peer.path
        .used(now.instant, packet.source, packet.destination);
    if packet.is_syn() && peer.path.is_unknown() {
        return false;
    }
    let lowered = mss::lowered(packet, peer.path.mtu());
    let bytes = lowered.as_deref().unwrap_or(packet.bytes);
    let padded = padded(bytes, peer.path.mtu().into());
    let Some(sealed) = peer.noise.seal(now.instant, &padded) else {
        return false;
    };
    transmit(now, peer, &sealed, out);
    peer.path.sent(packet);
    peer.sent_packet(now, packet.bytes, packet.wants_answer());
    true
}

/// Zeros up to a multiple of 16 bytes, within the MTU (WireGuard, section 5.4.6).
fn padded(packet: &[u8], mtu: usize) -> Vec<u8> {
    let len = packet.len().next_multiple_of(16).min(mtu).max(packet.len());
    let mut padded = Vec::with_capacity(len);
    padded.extend_from_slice(packet);
    padded.resize(len, 0);
    padded
}

/// Sends what waited for a session, and again what went into one that seems lost. Returns whether
/// there was anything.
pub(super) fn flush(now: Now, peer: &mut Peer, out: &mut impl Output) -> bool {
    let mut sent = false;
    for packet in peer.take_unanswered(now) {
        if let Some(parsed) = IpPacket::parse(&packet) {
            sent |= send_packet(now, peer, &parsed, out);
        }
    }
    let waiting = std::mem::take(&mut peer.queue);
    for (since, packet) in waiting.into_recent(now.instant, &mut peer.dropped) {
        if let Some(parsed) = IpPacket::parse(&packet) {
            if send_packet(now, peer, &parsed, out) {
                sent = true;
            } else {
                peer.queue.push(since, &packet);
            }
        }
    }
    sent
}

/// Sends a packet that is the engine's own: no answer is waited for, and no size is asked after.
pub(super) fn send_own(now: Now, peer: &mut Peer, packet: &[u8], out: &mut impl Output) {
    if let Some(sealed) = peer.noise.seal(now.instant, packet) {
        transmit(now, peer, &sealed, out);
    }
}

/// Does what the measuring of the path wants.
pub(super) fn probe(now: Now, peer: &mut Peer, out: &mut impl Output) {
    match peer.path.step(now.instant) {
        Some(Step::Probes(probes)) => {
            for packet in probes {
                send_own(now, peer, &packet, out);
            }
        }
        Some(Step::Known { mtu, measured }) => {
            let public_key = peer.public_key;
            out.event(match peer.path.too_large() {
                Some(configured) => Event::MtuTooLarge {
                    peer: public_key,
                    configured,
                    mtu,
                },
                None => Event::Mtu {
                    peer: public_key,
                    mtu,
                    measured,
                },
            });
            flush(now, peer, out);
        }
        None => {}
    }
}
