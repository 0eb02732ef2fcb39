//! Three ends: the first and the third each know the second.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::super::{Engine, Event, Now, Output, PeerIndex, Status, Unreachable};
use crate::key::PrivateKey;
use crate::spec::{Endpoint, Host, Interface, Peer, Spec};

pub(super) const FIRST: usize = 0;
pub(super) const SECOND: usize = 1;
pub(super) const THIRD: usize = 2;

pub(super) fn key(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n; 32])
}

/// An IPv4 packet with a few bytes of content.
pub(super) fn packet(source: [u8; 4], destination: [u8; 4], n: u8) -> Vec<u8> {
    let mut packet = vec![n; 43];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&43_u16.to_be_bytes());
    packet[12..16].copy_from_slice(&source);
    packet[16..20].copy_from_slice(&destination);
    packet
}

fn peer(n: u8, address: &str, endpoint: Option<SocketAddr>) -> Peer {
    Peer {
        public_key: key(n).public_key(),
        preshared_key: None,
        allowed_ips: vec![address.parse().unwrap()],
        endpoint: endpoint.map(|at| Endpoint {
            host: Host::Address(at.ip()),
            port: at.port(),
        }),
        persistent_keepalive_s: None,
    }
}

fn spec(end: usize) -> Spec {
    let n = u8::try_from(end).unwrap() + 1;
    let second = Some(place_of(SECOND));
    let (address, peers) = match end {
        FIRST => ("10.200.0.2/24", vec![peer(2, "10.200.0.1/32", second)]),
        SECOND => (
            "10.200.0.1/24",
            vec![
                peer(1, "10.200.0.2/32", None),
                peer(3, "10.200.0.3/32", None),
            ],
        ),
        _ => ("10.200.0.3/24", vec![peer(2, "10.200.0.0/24", second)]),
    };
    Spec {
        interface: Interface {
            private_key: key(n),
            addresses: vec![address.parse().unwrap()],
            listen_port: None,
            mtu: None,
        },
        peers,
    }
}

fn place_of(end: usize) -> SocketAddr {
    let n = u8::try_from(end).unwrap() + 1;
    SocketAddr::from(([192, 0, 2, n], 51820))
}

#[derive(Default)]
struct Collected {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    packets: Vec<Vec<u8>>,
    events: Vec<Event>,
}

impl Output for Collected {
    fn datagram(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.datagrams.push((to, bytes.to_vec()));
    }

    fn packet(&mut self, _peer: PeerIndex, bytes: &[u8]) {
        self.packets.push(bytes.to_vec());
    }

    fn resolve(&mut self, _peer: PeerIndex, host: &str, _port: u16) {
        panic!("nobody has a name here, {host} is asked for");
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

struct End {
    spec: Spec,
    engine: Engine,
    place: SocketAddr,
    packets: Vec<Vec<u8>>,
    events: Vec<Event>,
}

pub(super) struct World {
    ends: Vec<End>,
    wire: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Nothing arrives.
    pub(super) cut: bool,
    /// Everything arrives twice.
    pub(super) double: bool,
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: SystemTime::now(),
    }
}

impl World {
    pub(super) fn new() -> Self {
        let end = |end| End {
            spec: spec(end),
            engine: Engine::new(&spec(end), now()),
            place: place_of(end),
            packets: Vec::new(),
            events: Vec::new(),
        };
        Self {
            ends: [FIRST, SECOND, THIRD].map(end).into(),
            wire: VecDeque::new(),
            cut: false,
            double: false,
        }
    }

    /// Lets an end start anew with something changed.
    pub(super) fn change(&mut self, end: usize, change: impl FnOnce(&mut Spec)) {
        change(&mut self.ends[end].spec);
        self.restart(end);
    }

    pub(super) fn restart(&mut self, end: usize) {
        let end = &mut self.ends[end];
        end.engine = Engine::new(&end.spec, now());
    }

    pub(super) fn move_to(&mut self, end: usize, place: SocketAddr) {
        self.ends[end].place = place;
    }

    pub(super) fn place(&self, end: usize) -> SocketAddr {
        self.ends[end].place
    }

    fn act(&mut self, end: usize, action: impl FnOnce(&mut Engine, &mut Collected)) {
        let mut collected = Collected::default();
        let end = &mut self.ends[end];
        action(&mut end.engine, &mut collected);
        end.packets.extend(collected.packets);
        end.events.extend(collected.events);
        let from = end.place;
        for (to, bytes) in collected.datagrams {
            self.wire.push_back((from, to, bytes));
        }
    }

    pub(super) fn send(&mut self, end: usize, packet: &[u8]) {
        self.act(end, |engine, out| engine.send(now(), packet, out));
    }

    pub(super) fn inject(&mut self, end: usize, from: SocketAddr, datagram: &[u8]) {
        self.act(end, |engine, out| {
            engine.receive(now(), from, datagram, out);
        });
    }

    pub(super) fn closed_port(&mut self, end: usize, of: usize) {
        let to = self.place(of);
        self.act(end, |engine, out| {
            engine.unreachable(now(), to, Unreachable::PortClosed, out);
        });
    }

    pub(super) fn set_clock_back(&mut self, end: usize, by: Duration) {
        self.act(end, |engine, out| {
            let mut now = now();
            now.wall -= by;
            engine.tick(now, out);
        });
    }

    /// Delivers until nothing is on its way.
    pub(super) fn settle(&mut self) {
        for end in 0..self.ends.len() {
            self.act(end, |engine, out| {
                engine.tick(now(), out);
            });
        }
        while let Some((from, to, bytes)) = self.wire.pop_front() {
            let receiver = self.ends.iter().position(|end| end.place == to);
            if let Some(end) = receiver.filter(|_| !self.cut) {
                for _ in 0..=u8::from(self.double) {
                    self.inject(end, from, &bytes);
                }
            }
        }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, how_long: Duration, mut action: impl FnMut(&mut Self)) {
        let started = Instant::now();
        while started.elapsed() < how_long {
            action(self);
            self.settle();
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// How long it takes until `done`, at most `limit`.
    pub(super) fn until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Duration {
        let started = Instant::now();
        while !done(self) && started.elapsed() < limit {
            self.settle();
            thread::sleep(Duration::from_millis(10));
        }
        started.elapsed()
    }

    pub(super) fn take_packets(&mut self, end: usize) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.ends[end].packets)
    }

    pub(super) fn take_events(&mut self, end: usize) -> Vec<Event> {
        std::mem::take(&mut self.ends[end].events)
    }

    /// All that an end said, one line each.
    pub(super) fn told(&mut self, end: usize) -> String {
        let lines: Vec<String> = self
            .take_events(end)
            .iter()
            .map(ToString::to_string)
            .collect();
        lines.join("\n")
    }

    pub(super) fn status(&self, end: usize) -> Status {
        self.ends[end].engine.status()
    }

    pub(super) fn endpoint(&self, end: usize, peer: usize) -> Option<SocketAddr> {
        self.status(end).peers[peer].endpoint
    }

    pub(super) fn datagrams_to(&self, end: usize) -> Vec<Vec<u8>> {
        self.datagrams_to_place(self.place(end))
    }

    pub(super) fn datagrams_to_place(&self, place: SocketAddr) -> Vec<Vec<u8>> {
        let to_it = self.wire.iter().filter(|(_, to, _)| *to == place);
        to_it.map(|(_, _, bytes)| bytes.clone()).collect()
    }

    /// Initiations to the second end with keys that it does not know.
    pub(super) fn initiations_of_strangers(&self, count: usize) -> Vec<Vec<u8>> {
        let mut made = Vec::new();
        for n in 0..count {
            let mut spec = spec(FIRST);
            let mut private = [200; 32];
            private[..8].copy_from_slice(&n.to_le_bytes());
            spec.interface.private_key = PrivateKey::from_bytes(private);
            let mut out = Collected::default();
            let hello = packet([10, 200, 0, 2], [10, 200, 0, 1], 1);
            Engine::new(&spec, now()).send(now(), &hello, &mut out);
            made.extend(out.datagrams.into_iter().map(|(_, bytes)| bytes));
        }
        made
    }
}
