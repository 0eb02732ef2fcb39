//! What peers cannot make it do or keep.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpProtocol, IpRepr, Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use super::super::{MAX_CONNECTIONS, MAX_HALF_OPEN, MAX_READY, Netstack};
use super::world::{Link, PORT, World};

fn world() -> World {
    World::new(Link::of_rtt_ms(20), 1)
}

fn segment(source: SocketAddr, port: u16, control: TcpControl, ack: Option<i32>) -> Vec<u8> {
    let SocketAddr::V4(source) = source else {
        panic!("IPv4 only");
    };
    let tcp = TcpRepr {
        src_port: source.port(),
        dst_port: port,
        control,
        seq_number: TcpSeqNumber(1),
        ack_number: ack.map(TcpSeqNumber),
        window_len: 1000,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let ip = IpRepr::Ipv4(Ipv4Repr {
        src_addr: *source.ip(),
        dst_addr: Ipv4Addr::new(10, 200, 0, 1),
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    });
    let mut packet = vec![0; 20 + tcp.buffer_len()];
    let checksums = ChecksumCapabilities::default();
    ip.emit(packet.as_mut_slice(), &checksums);
    let mut body = TcpPacket::new_unchecked(&mut packet[20..]);
    tcp.emit(&mut body, &ip.src_addr(), &ip.dst_addr(), &checksums);
    packet
}

fn source(n: u32) -> SocketAddr {
    let address = Ipv4Addr::from(0x0ac8_1000 + n / 100);
    SocketAddr::new(address.into(), u16::try_from(1024 + n % 100).unwrap())
}

#[test]
fn a_flood_of_syns_keeps_few_and_lets_the_newest_in() {
    let mut world = world();
    world.sides[0].listen(PORT, false, Vec::new());
    for n in 0..10_000 {
        let syn = segment(source(n), PORT, TcpControl::Syn, None);
        world.sides[0].input(world.now, &syn);
    }
    assert_eq!(world.sides[0].connections.len(), MAX_HALF_OPEN);
    let ends = world.connected();
    assert_eq!(
        world.carry(0, ends, b"hi", Duration::from_secs(1)),
        Some(b"hi".to_vec())
    );
}

#[test]
fn a_flood_of_syns_to_a_held_listener_keeps_few() {
    let mut world = world();
    world.sides[0].listen(PORT, true, Vec::new());
    for n in 0..10_000 {
        let syn = segment(source(n), PORT, TcpControl::Syn, None);
        world.sides[0].input(world.now, &syn);
    }
    let now = world.now;
    assert_eq!(world.sides[0].knocking(now, PORT).len(), 16);
    assert_eq!(world.sides[0].connections.len(), 0);
}

#[test]
fn connections_that_nobody_accepts_are_few() {
    let mut world = world();
    world.sides[0].listen(PORT, false, Vec::new());
    for _ in 0..2 * MAX_READY {
        let _ = world.dial(Duration::from_millis(50));
        world.wait(Duration::from_millis(20));
    }
    assert_eq!(world.sides[0].connections.len(), MAX_READY);
}

#[test]
fn connections_of_both_directions_are_bounded() {
    let mut world = world();
    let now = world.now;
    let remote = "10.200.0.2:1".parse().unwrap();
    let dialled = (0..2 * MAX_CONNECTIONS)
        .filter(|_| world.sides[0].connect(now, remote).is_ok())
        .count();
    assert_eq!(dialled, MAX_CONNECTIONS);
}

#[test]
fn a_handshake_that_is_never_finished_is_forgotten() {
    let mut world = world();
    world.sides[0].listen(PORT, false, Vec::new());
    let syn = segment(source(1), PORT, TcpControl::Syn, None);
    world.sides[0].input(world.now, &syn);
    assert_eq!(world.sides[0].connections.len(), 1);
    world.link.limit = 0;
    world.wait(Duration::from_secs(10));
    assert_eq!(world.sides[0].connections.len(), 0);
}

#[test]
fn a_reset_during_the_handshake_frees_its_place() {
    let mut world = world();
    world.sides[0].listen(PORT, false, Vec::new());
    let syn = segment(source(1), PORT, TcpControl::Syn, None);
    world.sides[0].input(world.now, &syn);
    let mut rst = segment(source(1), PORT, TcpControl::Rst, None);
    // The sequence number after the SYN's, and the checksum with it.
    rst[27] += 1;
    let checksum = u16::from_be_bytes([rst[36], rst[37]]) - 1;
    rst[36..38].copy_from_slice(&checksum.to_be_bytes());
    world.sides[0].input(world.now, &rst);
    assert_eq!(world.sides[0].connections.len(), 0);
}

/// How many packets side 0 answers to one.
fn answers(packet: &[u8]) -> usize {
    let mut world = world();
    world.sides[0].listen(PORT, false, Vec::new());
    world.link.limit = 0;
    world.sides[0].input(world.now, packet);
    world.flush();
    world.sent
}

#[test]
fn only_tcp_to_our_own_address_is_answered() {
    let syn = segment(source(1), PORT, TcpControl::Syn, None);
    assert_eq!(answers(&syn), 1, "SYN to a port that is listened to");
    let closed = segment(source(1), 22, TcpControl::Syn, None);
    assert_eq!(answers(&closed), 1, "RST for another port");
    let reset = segment(source(1), 22, TcpControl::Rst, Some(1));
    assert_eq!(answers(&reset), 0, "never an answer to RST");

    let with_protocol = |protocol| {
        let mut packet = syn.clone();
        let mut ip = Ipv4Packet::new_unchecked(packet.as_mut_slice());
        ip.set_next_header(protocol);
        ip.fill_checksum();
        packet
    };
    for protocol in [IpProtocol::Icmp, IpProtocol::Udp, IpProtocol::Unknown(99)] {
        assert_eq!(answers(&with_protocol(protocol)), 0, "{protocol}");
    }
    let mut echo = with_protocol(IpProtocol::Icmp);
    echo[20..28].copy_from_slice(&[8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
    assert_eq!(answers(&echo), 0, "echo request");

    let mut fragment = syn.clone();
    let mut ip = Ipv4Packet::new_unchecked(fragment.as_mut_slice());
    ip.set_more_frags(true);
    ip.fill_checksum();
    assert_eq!(answers(&fragment), 0, "fragment");

    let mut elsewhere = syn.clone();
    let mut ip = Ipv4Packet::new_unchecked(elsewhere.as_mut_slice());
    ip.set_dst_addr(Ipv4Addr::new(10, 200, 0, 255));
    ip.fill_checksum();
    assert_eq!(answers(&elsewhere), 0, "broadcast");
}

#[test]
fn addresses_that_are_no_hosts_are_refused() {
    let now = std::time::Instant::now();
    let make = |nets: &[&str]| {
        let nets: Vec<_> = nets.iter().map(|net| net.parse().unwrap()).collect();
        Netstack::new(&nets, 1420, 1, now)
            .err()
            .map(|e| e.to_string())
    };
    assert_eq!(make(&["10.0.0.1/32", "fd00::1/128"]), None);
    let error = make(&["224.0.0.1/32"]).unwrap();
    assert_eq!(
        error,
        "224.0.0.1 is no address for one host: it means many, or none"
    );
    let many: Vec<String> = (1..=9).map(|n| format!("10.0.0.{n}/32")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(make(&many).unwrap(), "9 addresses; a tunnel has at most 8");
}

proptest! {
    #[test]
    fn no_bytes_stop_it(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut world = world();
        world.sides[0].listen(PORT, false, Vec::new());
        let now = world.now;
        world.sides[0].input(now, &bytes);
        world.flush();
    }

    /// Right checksums, wrong everything else: what only an authenticated peer could send.
    #[test]
    fn a_peer_that_lies_stops_nothing(seed in any::<u64>(), lies in 1u64..400) {
        let mut world = World::new(Link::of_rtt_ms(2), seed);
        let ends = world.connected();
        world.lies = lies;
        for side in [0, 1] {
            world.carry(side, ends, &[side as u8; 3000], Duration::from_millis(200));
        }
        world.sides[1].finish(ends[1]);
        world.carry(0, ends, &[0; 3000], Duration::from_millis(200));
        let now = world.now;
        world.sides[0].release(now, ends[0]);
        world.wait(Duration::from_secs(20));
        // Both still work.
        world.lies = 0;
        let now = world.now;
        world.sides[0].unlisten(now, PORT);
        let ends = world.connected();
        let sent = vec![1; 3000];
        prop_assert_eq!(world.carry(0, ends, &sent, Duration::from_secs(1)), Some(sent));
    }
}
