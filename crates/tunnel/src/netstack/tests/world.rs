//! The link and the clock.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use smoltcp::wire::{Ipv4Packet, TcpPacket};

use super::super::{ConnectionId, Netstack, Progress, SplitMix, Wire};

pub(super) const PORT: u16 = 26659;

/// What the link does with packets.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) delay: Duration,
    /// Each packet is held back for up to this much more, so that they overtake each other.
    pub(super) jitter: Duration,
    /// Of 1,000.
    pub(super) lost: u64,
    /// Of 1,000.
    pub(super) doubled: u64,
    pub(super) mtu: usize,
    /// What is longer disappears.
    pub(super) limit: usize,
}

impl Link {
    pub(super) fn of_rtt_ms(rtt_ms: u64) -> Self {
        Self {
            delay: Duration::from_millis(rtt_ms) / 2,
            jitter: Duration::ZERO,
            lost: 0,
            doubled: 0,
            mtu: 1420,
            limit: 1420,
        }
    }
}

/// Side 0 is 10.200.0.1 and fd00::1, side 1 is 10.200.0.2 and fd00::2.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) start: Instant,
    pub(super) link: Link,
    pub(super) sides: [Netstack; 2],
    pub(super) sent: usize,
    /// Of 1,000 packets so many get another TCP header, with checksums that fit.
    pub(super) lies: u64,
    /// The packets that were sent, from which side, when asked for.
    pub(super) tap: Option<Vec<(usize, Vec<u8>)>>,
    under_way: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    random: SplitMix,
}

pub(super) fn address(side: usize) -> IpAddr {
    ["10.200.0.1", "10.200.0.2"][side].parse().unwrap()
}

pub(super) fn endpoint(side: usize) -> SocketAddr {
    SocketAddr::new(address(side), PORT)
}

impl World {
    pub(super) fn new(link: Link, seed: u64) -> Self {
        println!("seed {seed}");
        let now = Instant::now();
        let mut random = SplitMix(seed);
        let sides = [1, 2].map(|n| {
            let nets = [format!("10.200.0.{n}/24"), format!("fd00::{n}/64")];
            let nets = nets.map(|net| net.parse().unwrap());
            Netstack::new(&nets, 1420, random.next(), now).unwrap()
        });
        Self {
            now,
            start: now,
            link,
            sides,
            sent: 0,
            lies: 0,
            tap: None,
            under_way: BTreeMap::new(),
            random,
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Everything that is due now, then on to the next moment, but not past `until`.
    pub(super) fn step(&mut self, until: Instant) {
        self.flush();
        let due = self.under_way.keys().next().map(|(at, _)| *at);
        let now = self.now;
        let timers = self.sides.each_mut().map(|side| side.poll_at(now));
        let next = timers.into_iter().flatten().chain(due).min();
        // A timer that is due although everything was polled would stop the clock.
        let soonest = self.now + Duration::from_micros(1);
        self.now = next.unwrap_or(until).max(soonest).min(until);
        while let Some((&(at, n), _)) = self.under_way.first_key_value()
            && at <= self.now
        {
            let (to, packet) = self.under_way.remove(&(at, n)).unwrap();
            self.sides[to].input(self.now, &packet);
        }
    }

    pub(super) fn flush(&mut self) {
        for from in [0, 1] {
            let mut out = Out(self.link.mtu, Vec::new());
            self.sides[from].poll(self.now, &mut out);
            for packet in out.1 {
                self.send(from, &packet);
            }
        }
    }

    /// Puts a packet on the link.
    pub(super) fn send(&mut self, from: usize, packet: &[u8]) {
        self.sent += 1;
        if let Some(tap) = &mut self.tap {
            tap.push((from, packet.to_vec()));
        }
        if packet.len() > self.link.limit || self.random.next() % 1000 < self.link.lost {
            return;
        }
        let copies = 1 + u64::from(self.random.next() % 1000 < self.link.doubled);
        for _ in 0..copies {
            let jitter_us = u64::try_from(self.link.jitter.as_micros()).unwrap() + 1;
            let jitter = Duration::from_micros(self.random.next() % jitter_us);
            let at = self.now + self.link.delay + jitter;
            let n = self.random.next();
            let mut packet = packet.to_vec();
            if self.random.next() % 1000 < self.lies {
                lie(&mut packet, &mut self.random);
            }
            self.under_way.insert((at, n), (1 - from, packet));
        }
    }

    /// Steps until `done` gives something, or `limit` has passed.
    pub(super) fn until<T>(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let end = self.now + limit;
        loop {
            if let Some(result) = done(self) {
                return Some(result);
            }
            if self.now >= end {
                return None;
            }
            self.step(end);
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.until(time, |_| None::<()>);
    }

    /// Dials from side 1 and waits until it stands or has failed.
    pub(super) fn dial(&mut self, limit: Duration) -> (ConnectionId, Progress) {
        let id = self.sides[1].connect(self.now, endpoint(0)).unwrap();
        self.until(limit, |world| {
            (world.sides[1].progress(id) != Progress::Opening).then_some(())
        });
        (id, self.sides[1].progress(id))
    }

    /// A connection from side 1 to a listener of side 0; both ends.
    pub(super) fn connected(&mut self) -> [ConnectionId; 2] {
        self.sides[0].listen(PORT, false, Vec::new());
        let limit = Duration::from_secs(10);
        let (dialled, progress) = self.dial(limit);
        assert_eq!(progress, Progress::Open);
        let accepted = self.until(limit, |world| world.sides[0].accept(PORT));
        [accepted.expect("accepted"), dialled]
    }

    /// Sends `bytes` from one side and waits until the other has read them all.
    pub(super) fn carry(
        &mut self,
        from: usize,
        ends: [ConnectionId; 2],
        bytes: &[u8],
        limit: Duration,
    ) -> Option<Vec<u8>> {
        let mut written = 0;
        let mut read = Vec::new();
        self.until(limit, |world| {
            let rest = &bytes[written..];
            written += world.sides[from].write(ends[from], rest).unwrap_or(0);
            let mut buffer = [0; 4096];
            let to = 1 - from;
            while let Ok(Some(len @ 1..)) = world.sides[to].read(ends[to], &mut buffer) {
                read.extend_from_slice(&buffer[..len]);
            }
            (read.len() == bytes.len()).then_some(())
        })?;
        Some(read)
    }
}

struct Out(usize, Vec<Vec<u8>>);

impl Wire for Out {
    fn mtu(&self, _: IpAddr) -> usize {
        self.0
    }

    fn packet(&mut self, packet: &[u8]) {
        self.1.push(packet.to_vec());
    }
}

/// Changes bytes behind the ports, mostly small ones and in the sequence numbers, and makes the
/// checksums right again.
fn lie(packet: &mut [u8], random: &mut SplitMix) {
    for _ in 0..=random.next() % 3 {
        let at = 24 + usize::try_from(random.next() % 20).unwrap();
        let change = [1, 255, random.next().to_le_bytes()[0]];
        let change = change[usize::try_from(random.next() % 3).unwrap()];
        if let Some(byte) = packet.get_mut(at) {
            *byte = byte.wrapping_add(change);
        }
    }
    if let Ok(mut ip) = Ipv4Packet::new_checked(packet) {
        let (source, destination) = (ip.src_addr().into(), ip.dst_addr().into());
        if let Ok(mut tcp) = TcpPacket::new_checked(ip.payload_mut()) {
            tcp.fill_checksum(&source, &destination);
        }
    }
}
