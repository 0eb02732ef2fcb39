//! The network in memory: delay, loss, duplication, reordering and cuts, all from a seed.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::jitter::Jitter;
use crate::engine::{Engine, Event, Now, Output, PeerIndex};
use crate::key::{PresharedKey, PrivateKey};
use crate::spec::{Endpoint, Host, Interface, Peer, Spec};

/// How bad the network is. Chances are in 1/1000.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) loss: u64,
    pub(super) duplication: u64,
    pub(super) cut: bool,
    /// Larger datagrams are lost.
    pub(super) limit: usize,
}

/// What one engine said.
#[derive(Default)]
pub(super) struct Said {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    pub(super) packets: Vec<(PeerIndex, Vec<u8>)>,
    pub(super) questions: VecDeque<(PeerIndex, String, u16)>,
    pub(super) events: Vec<Event>,
    pub(super) sent: usize,
    pub(super) initiations: usize,
}

impl Output for Said {
    fn datagram(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.sent += 1;
        self.initiations += usize::from(bytes[0] == 1);
        self.datagrams.push((to, bytes.to_vec()));
    }
    fn packet(&mut self, peer: PeerIndex, bytes: &[u8]) {
        self.packets.push((peer, bytes.to_vec()));
    }
    fn resolve(&mut self, peer: PeerIndex, host: &str, port: u16) {
        self.questions.push_back((peer, host.to_owned(), port));
    }
    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

pub(super) struct Node {
    pub(super) engine: Engine,
    pub(super) said: Said,
    pub(super) at: SocketAddr,
}

pub(super) struct World {
    start: Instant,
    wall: SystemTime,
    elapsed: Duration,
    pub(super) nodes: Vec<Node>,
    pub(super) link: Link,
    chance: Jitter,
    on_the_way: BTreeMap<(Duration, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    number: u64,
    /// The last datagrams that were sent, for replays.
    pub(super) seen: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl World {
    pub(super) fn new(specs: &[Spec]) -> Self {
        let nodes = specs.iter().enumerate().map(|(i, spec)| Node {
            engine: Engine::new(spec, 7 + i as u64),
            said: Said::default(),
            at: address(i),
        });
        Self {
            start: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            elapsed: Duration::ZERO,
            nodes: nodes.collect(),
            link: Link {
                delay: Duration::from_millis(5),
                jitter: Duration::ZERO,
                loss: 0,
                duplication: 0,
                cut: false,
                limit: usize::MAX,
            },
            chance: Jitter::new(1),
            on_the_way: BTreeMap::new(),
            number: 0,
            seen: VecDeque::new(),
        }
    }

    pub(super) fn seeded(mut self, seed: u64) -> Self {
        self.chance = Jitter::new(seed);
        self
    }

    pub(super) fn now(&self) -> Now {
        Now {
            instant: self.start + self.elapsed,
            wall: self.wall + self.elapsed,
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Has a node send a packet.
    pub(super) fn send(&mut self, node: usize, packet: &[u8]) {
        let now = self.now();
        let Node { engine, said, .. } = &mut self.nodes[node];
        engine.send(now, packet, said);
        self.collect(node);
    }

    /// Hands a datagram to a node, from anybody.
    pub(super) fn inject(&mut self, node: usize, from: SocketAddr, datagram: &[u8]) {
        let now = self.now();
        let Node { engine, said, .. } = &mut self.nodes[node];
        engine.receive(now, from, datagram, said);
        self.collect(node);
    }

    /// Lets time pass, in steps of a millisecond.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.elapsed + time;
        while self.elapsed < end {
            self.elapsed += Duration::from_millis(1);
            self.arrive();
            for node in 0..self.nodes.len() {
                let now = self.now();
                let Node { engine, said, .. } = &mut self.nodes[node];
                engine.tick(now, said);
                self.collect(node);
            }
        }
    }

    /// Lets time pass until something holds. Panics when it takes too long.
    pub(super) fn run_until(&mut self, most: Duration, holds: impl Fn(&Self) -> bool) -> Duration {
        let start = self.elapsed;
        while !holds(self) {
            assert!(self.elapsed - start < most, "not within {most:?}");
            self.run(Duration::from_millis(1));
        }
        self.elapsed - start
    }

    fn arrive(&mut self) {
        while let Some(entry) = self.on_the_way.first_entry() {
            if entry.key().0 > self.elapsed {
                break;
            }
            let (from, to, bytes) = entry.remove();
            if let Some(node) = self.nodes.iter().position(|node| node.at == to) {
                self.inject(node, from, &bytes);
            }
        }
    }

    fn collect(&mut self, node: usize) {
        let from = self.nodes[node].at;
        for (to, bytes) in std::mem::take(&mut self.nodes[node].said.datagrams) {
            self.seen.push_back((from, to, bytes.clone()));
            self.seen.truncate(100_000);
            let copies = 1 + u64::from(self.chance.next() % 1000 < self.link.duplication);
            for _ in 0..copies {
                let lost = self.chance.next() % 1000 < self.link.loss;
                if lost || self.link.cut || bytes.len() > self.link.limit {
                    continue;
                }
                let jitter = self.link.jitter * (self.chance.next() % 1024) as u32 / 1024;
                self.number += 1;
                let at = self.elapsed + self.link.delay + jitter;
                let entry = (from, to, bytes.clone());
                self.on_the_way.insert((at, self.number), entry);
            }
        }
    }
}

/// Where a node is.
pub(super) fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + node as u8], 51820))
}

/// The address of a node inside the tunnel.
pub(super) fn inside(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 200, 0, 1 + node as u8)
}

pub(super) fn key(node: usize) -> PrivateKey {
    PrivateKey::from_bytes([1 + node as u8; 32])
}

/// A node with these peers, each with or without an endpoint.
pub(super) fn spec(node: usize, peers: &[(usize, bool)]) -> Spec {
    Spec {
        interface: Interface {
            private_key: key(node),
            addresses: vec![format!("{}/24", inside(node)).parse().unwrap()],
            listen_port: None,
            mtu: None,
        },
        peers: peers
            .iter()
            .map(|(peer, known)| Peer {
                public_key: key(*peer).public_key(),
                preshared_key: Some(PresharedKey::from_bytes([9; 32])),
                allowed_ips: vec![format!("{}/32", inside(*peer)).parse().unwrap()],
                endpoint: known.then(|| Endpoint {
                    host: Host::Address(address(*peer).ip()),
                    port: address(*peer).port(),
                }),
                persistent_keepalive_s: None,
            })
            .collect(),
    }
}

/// A gateway (0) and a signer (1) that knows where it is.
pub(super) fn pair() -> World {
    World::new(&[spec(0, &[(1, false)]), spec(1, &[(0, true)])])
}

/// A TCP segment with a number in it, padded to a length.
pub(super) fn segment(from: usize, to: usize, number: u32, len: usize) -> Vec<u8> {
    raw_segment(inside(from), inside(to), number, len)
}

pub(super) fn raw_segment(from: Ipv4Addr, to: Ipv4Addr, number: u32, len: usize) -> Vec<u8> {
    let len = len.max(44);
    let mut packet = vec![0; len];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(len as u16).to_be_bytes());
    packet[8] = 64;
    packet[9] = 6;
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.octets());
    packet[20 + 12] = 0x50;
    packet[20 + 13] = 0x18;
    packet[40..44].copy_from_slice(&number.to_be_bytes());
    packet
}

/// The numbers of the segments that arrived at a node.
pub(super) fn numbers(world: &World, node: usize) -> Vec<u32> {
    let packets = world.nodes[node].said.packets.iter();
    packets
        .map(|(_, packet)| u32::from_be_bytes(packet[40..44].try_into().unwrap()))
        .collect()
}
