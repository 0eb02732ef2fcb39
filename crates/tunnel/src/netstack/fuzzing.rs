//! The stack in a fuzzer's hands: whatever a peer sends, what is kept stays bounded, and what goes
//! out is TCP from our address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, IpRepr, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

use super::segment::{Seen, see};
use super::{ConnectionId, MAX_CONNECTIONS, Netstack, Wire};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);
const MTU: u16 = 1420;
/// Anybody may connect.
const OPEN: u16 = 80;
/// Who connects waits; from one network only.
const HELD: u16 = 81;
/// Nobody listens.
const CLOSED: u16 = 82;

struct World {
    stack: Netstack,
    now: Instant,
    /// A connection of ours to the peer's port of this number.
    dialled: Option<ConnectionId>,
    /// Where a segment would fit: what we sent last, in the peer's place.
    expected: Option<(u16, u16, i32, i32)>,
}

#[derive(Default)]
struct Sent(Vec<Vec<u8>>);

impl Wire for Sent {
    fn mtu(&self, _: IpAddr) -> usize {
        MTU.into()
    }

    fn packet(&mut self, packet: &[u8]) {
        self.0.push(packet.to_vec());
    }
}

/// What a peer does, one thing after the other: each a kind and what belongs to it.
///
/// # Panics
/// When what is kept has no bound, or something else than TCP of ours goes out.
pub fn netstack(mut input: &[u8]) {
    let Some(mut world) = World::new() else {
        return;
    };
    while let Some((&[kind, a, b, c], rest)) = input.split_first_chunk() {
        let len = usize::from(c) * 6;
        let (bytes, rest) = rest.split_at(len.min(rest.len()));
        input = rest;
        match kind % 8 {
            0 => world.stack.input(world.now, bytes),
            1..=4 => world.segment(kind, a, b, bytes),
            5 => world.now += Duration::from_millis(u64::from(a) * u64::from(b)),
            6 => world.ours(a, bytes),
            _ => world.dial(a),
        }
        world.look();
    }
}

impl World {
    fn new() -> Option<Self> {
        let now = Instant::now();
        let ours = IpAddr::from(OURS).into();
        let mut stack = Netstack::new(&[ours], MTU, 1, now).ok()?;
        stack.listen(OPEN, false, Vec::new());
        stack.listen(HELD, true, vec!["10.200.0.0/28".parse().ok()?]);
        Some(Self {
            stack,
            now,
            dialled: None,
            expected: None,
        })
    }

    /// A whole segment with right checksums, which may fit a connection.
    fn segment(&mut self, kind: u8, a: u8, b: u8, payload: &[u8]) {
        let ports = [OPEN, HELD, CLOSED];
        let port = ports.get(usize::from(a) % 3).copied().unwrap_or(OPEN);
        let mut place = (u16::from(b), port, 0, 0);
        if kind % 8 > 2 {
            place = self.expected.unwrap_or(place);
        }
        let (from, to, sequence, acknowledged) = place;
        let shift = i32::from(b % 3) - 1;
        let controls = [
            TcpControl::None,
            TcpControl::Syn,
            TcpControl::Fin,
            TcpControl::Rst,
            TcpControl::Psh,
        ];
        let tcp = TcpRepr {
            src_port: from.max(1),
            dst_port: to,
            control: controls
                .get(usize::from(a >> 4) % controls.len())
                .copied()
                .unwrap_or(TcpControl::None),
            seq_number: TcpSeqNumber(sequence.wrapping_add(shift)),
            ack_number: (kind % 8 > 1).then_some(TcpSeqNumber(acknowledged)),
            window_len: u16::from(a) * 200,
            window_scale: None,
            max_seg_size: kind.is_multiple_of(2).then_some(u16::from(b) * 8),
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let source = Ipv4Addr::new(10, 200, 0, 2 + (b >> 5));
        self.stack.input(self.now, &packet(source, &tcp));
    }

    /// What our side does meanwhile.
    fn ours(&mut self, what: u8, bytes: &[u8]) {
        let knocks = self.stack.knocking(self.now, HELD);
        let newest = knocks.last().map(|knock| knock.source);
        match (what % 6, newest, self.dialled) {
            (0, Some(source), _) => {
                self.stack.admit(self.now, HELD, source);
            }
            (1, Some(source), _) => self.stack.refuse(self.now, HELD, source),
            (2, _, Some(id)) => {
                // Whatever comes of it.
                let _ = self.stack.write(id, bytes);
            }
            (3, _, Some(id)) => {
                let _ = self.stack.read(id, &mut [0; 512]);
            }
            (4, _, Some(id)) => self.stack.release(self.now, id),
            (5, _, _) => self.dialled = self.stack.accept(OPEN).or(self.dialled),
            _ => {}
        }
    }

    fn dial(&mut self, port: u8) {
        let to = SocketAddr::from(([10, 200, 0, 2], u16::from(port).max(1)));
        if let Ok(id) = self.stack.connect(self.now, to)
            && let Some(before) = self.dialled.replace(id)
        {
            self.stack.release(self.now, before);
        }
    }

    fn look(&mut self) {
        let mut sent = Sent::default();
        self.stack.poll(self.now, &mut sent);
        self.stack.take_rung();
        for packet in &sent.0 {
            assert!(packet.len() <= MTU.into(), "too long a packet");
            let is_ours = match see(packet) {
                Some(Seen::Tcp(segment)) => segment.source.ip() == IpAddr::from(OURS),
                _ => false,
            };
            assert!(is_ours, "something else than TCP of ours: {packet:?}");
            let tcp = packet.get(20..).map(TcpPacket::new_unchecked);
            self.expected = tcp.map(|tcp| {
                let (sequence, len) = (tcp.seq_number(), tcp.segment_len());
                let next = (sequence + len).0;
                (tcp.dst_port(), tcp.src_port(), tcp.ack_number().0, next)
            });
        }
        assert!(self.stack.connections.len() <= MAX_CONNECTIONS);
        assert!(self.stack.knocking(self.now, HELD).len() <= super::listener::MAX_KNOCKS);
    }
}

fn packet(source: Ipv4Addr, tcp: &TcpRepr<'_>) -> Vec<u8> {
    let ip = IpRepr::Ipv4(Ipv4Repr {
        src_addr: source,
        dst_addr: OURS,
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    });
    let mut packet = vec![0; 20 + tcp.buffer_len()];
    let checksums = ChecksumCapabilities::default();
    ip.emit(packet.as_mut_slice(), &checksums);
    if let Some(body) = packet.get_mut(20..) {
        let mut body = TcpPacket::new_unchecked(body);
        tcp.emit(&mut body, &ip.src_addr(), &ip.dst_addr(), &checksums);
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::super::SplitMix;
    use super::*;

    #[test]
    fn random_lives_of_peers_break_nothing_and_reach_a_connection() {
        let seed = 1;
        println!("seed {seed}");
        let mut random = SplitMix(seed);
        for _ in 0..200 {
            let bytes: Vec<u8> = (0..400).map(|_| random.next() as u8).collect();
            netstack(&bytes);
        }
        // SYN to the open port, the last step of the handshake, then our side accepts.
        let mut world = World::new().unwrap();
        world.segment(1, 0x12, 1, &[]);
        world.look();
        world.segment(3, 0, 1, &[]);
        world.look();
        world.ours(5, &[]);
        assert!(world.dialled.is_some());
    }
}
