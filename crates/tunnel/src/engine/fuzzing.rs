//! The engine in a fuzzer's hands, before and after authentication.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use super::{Engine, Event, Now, Output, PeerIndex, Unreachable};
use crate::key::PrivateKey;
use crate::spec::{Endpoint, Host, Interface, Peer, Spec};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);
const SIGNER: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 2);

#[derive(Default)]
struct Taken {
    datagrams: Vec<Vec<u8>>,
    packets: Vec<Vec<u8>>,
    events: usize,
}

impl Output for Taken {
    fn datagram(&mut self, _: SocketAddr, bytes: &[u8]) {
        self.datagrams.push(bytes.to_vec());
    }
    fn packet(&mut self, _: PeerIndex, bytes: &[u8]) {
        self.packets.push(bytes.to_vec());
    }
    fn resolve(&mut self, _: PeerIndex, _: &str, _: u16) {}
    fn event(&mut self, event: Event) {
        self.events += usize::from(!event.to_string().is_empty());
    }
}

/// A gateway and a signer with a session, and all the datagrams that made it.
struct Pair {
    gateway: Engine,
    signer: Engine,
    now: Now,
    at: SocketAddr,
    seen: Vec<Vec<u8>>,
}

impl Pair {
    fn connected() -> Self {
        let [gateway, signer] = [1, 2].map(|k| PrivateKey::from_bytes([k; 32]));
        let gateway_at = SocketAddr::from((Ipv4Addr::LOCALHOST, 51820));
        let ours = spec(&gateway, GATEWAY, &signer, SIGNER, None);
        let theirs = spec(&signer, SIGNER, &gateway, GATEWAY, Some(gateway_at));
        let mut pair = Self {
            gateway: Engine::new(&ours, 1),
            signer: Engine::new(&theirs, 2),
            now: Now {
                instant: Instant::now(),
                wall: SystemTime::UNIX_EPOCH,
            },
            at: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            seen: Vec::new(),
        };
        pair.connect();
        pair
    }

    fn connect(&mut self) {
        let mut out = Taken::default();
        let packet = [
            &[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0][..],
            &SIGNER.octets(),
            &GATEWAY.octets(),
        ];
        self.signer.send(self.now, &packet.concat(), &mut out);
        for turn in 0..4 {
            let datagrams = std::mem::take(&mut out.datagrams);
            for datagram in &datagrams {
                let (engine, from) = if turn % 2 == 0 {
                    (&mut self.gateway, self.at)
                } else {
                    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 51820));
                    (&mut self.signer, from)
                };
                engine.receive(self.now, from, datagram, &mut out);
            }
            self.seen.extend(datagrams);
        }
    }
}

/// Datagrams of strangers, one after the other: each a kind, a length and its bytes. They are the
/// bytes themselves, or a datagram that was seen with the bytes laid over it from some place on.
///
/// # Panics
/// When a stranger's datagram is taken for a peer's.
pub fn strangers(mut input: &[u8]) {
    let mut pair = Pair::connected();
    let stranger = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let mut out = Taken::default();
    let mut pace = 0;
    while let Some((&[kind, place, len], rest)) = input.split_first_chunk() {
        let (bytes, rest) = rest.split_at(usize::from(len).min(rest.len()));
        input = rest;
        pace += u64::from(place);
        pair.now.instant += Duration::from_millis(place.into());
        let mut datagram = Vec::new();
        if kind > 1 {
            let seen = pair.seen.get(usize::from(kind) % pair.seen.len().max(1));
            datagram = seen.cloned().unwrap_or_default();
            let over = datagram.iter_mut().skip(place.into()).zip(bytes);
            over.for_each(|(to, from)| *to ^= from);
        } else {
            datagram.extend(bytes);
        }
        pair.gateway
            .receive(pair.now, stranger, &datagram, &mut out);
        let why = Unreachable::PortClosed;
        pair.gateway.unreachable(pair.now, stranger, why, &mut out);
        pair.gateway.tick(pair.now, &mut out);
    }
    assert!(out.packets.is_empty(), "a stranger's packet came through");
    let status = pair.gateway.status(pair.now);
    let endpoint = status.peers.first().and_then(|peer| peer.endpoint);
    assert_eq!(endpoint, Some(pair.at), "a stranger moved an endpoint");
    assert!(
        out.events as u64 <= 8 * (2 + pace / 60_000),
        "too many events"
    );
}

/// Packets of an authentic peer, one after the other: each a length of two bytes and its bytes.
///
/// # Panics
/// When a packet comes through that is not from the peer's address to ours.
pub fn insider(mut input: &[u8]) {
    let mut pair = Pair::connected();
    let mut out = Taken::default();
    while let Some((len, rest)) = input.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes(*len) % 2048);
        let (bytes, rest) = rest.split_at(len.min(rest.len()));
        input = rest;
        let peer = pair.signer.peers.first_mut();
        let sealed = peer.and_then(|peer| peer.noise.seal(pair.now.instant, bytes));
        if let Some(sealed) = sealed {
            pair.gateway.receive(pair.now, pair.at, &sealed, &mut out);
        }
        // what our own netstack sends may be anything too
        pair.gateway.send(pair.now, bytes, &mut out);
    }
    for packet in &out.packets {
        let parsed = super::packet::IpPacket::parse(packet);
        let addresses = parsed.map(|p| (p.source, p.destination));
        let allowed = (IpAddr::from(SIGNER), IpAddr::from(GATEWAY));
        assert_eq!(addresses, Some(allowed), "it is not from the peer to us");
    }
}

fn spec(
    key: &PrivateKey,
    ip: Ipv4Addr,
    peer: &PrivateKey,
    peer_ip: Ipv4Addr,
    at: Option<SocketAddr>,
) -> Spec {
    Spec {
        interface: Interface {
            private_key: key.clone(),
            addresses: vec![IpAddr::from(ip).into()],
            listen_port: None,
            mtu: None,
        },
        peers: vec![Peer {
            public_key: peer.public_key(),
            preshared_key: None,
            allowed_ips: vec![IpAddr::from(peer_ip).into()],
            endpoint: at.map(|at| Endpoint {
                host: Host::Address(at.ip()),
                port: at.port(),
            }),
            persistent_keepalive_s: None,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::jitter::Jitter;

    #[test]
    fn random_bytes_of_strangers_and_of_a_peer_break_nothing() {
        let seed = 1;
        println!("seed {seed}");
        let mut chance = Jitter::new(seed);
        for _ in 0..300 {
            let len = chance.next() % 600;
            let mut bytes: Vec<u8> = (0..len).map(|_| chance.next() as u8).collect();
            strangers(&bytes);
            insider(&bytes);
            // nearly a packet
            let packet = [
                &[
                    90,
                    0,
                    0x45,
                    0,
                    0,
                    (chance.next() % 99) as u8,
                    0,
                    0,
                    0,
                    0,
                    64,
                    6,
                    0,
                    0,
                ][..],
                &SIGNER.octets(),
                &GATEWAY.octets(),
            ];
            bytes.splice(0..0, packet.concat());
            insider(&bytes);
        }
    }

    #[test]
    fn the_insiders_honest_packet_comes_through() {
        let mut pair = Pair::connected();
        let mut out = Taken::default();
        let packet = [
            &[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0][..],
            &SIGNER.octets(),
            &GATEWAY.octets(),
        ]
        .concat();
        let sealed = pair.signer.peers[0].noise.seal(pair.now.instant, &packet);
        pair.gateway
            .receive(pair.now, pair.at, &sealed.unwrap(), &mut out);
        assert_eq!(out.packets, [packet]);
    }
}
