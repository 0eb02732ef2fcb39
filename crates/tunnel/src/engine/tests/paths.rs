//! Paths that carry less than they should.

use std::time::Duration;

use super::world::{World, address, numbers, pair, segment, spec};
use crate::engine::icmp;
use crate::engine::packet::IpPacket;
use crate::engine::{Carries, Event, PeerIndex, Unreachable};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A SYN that asks for this MSS, after an option that is to be skipped.
fn syn(from: usize, to: usize, mss: u16) -> Vec<u8> {
    let mut packet = segment(from, to, 0, 48);
    packet[20 + 12] = 0x70;
    packet[20 + 13] = 2;
    let [high, low] = mss.to_be_bytes();
    packet[40..48].copy_from_slice(&[1, 2, 4, high, low, 3, 3, 7]);
    let sum = tcp_sum(&packet);
    packet[36..38].copy_from_slice(&sum);
    packet
}

/// What makes the checksum right; zero when it is.
fn tcp_sum(packet: &[u8]) -> [u8; 2] {
    let tcp = &packet[20..];
    let pseudo = [0, 6, 0, tcp.len() as u8];
    icmp::checksum([&packet[12..20], &pseudo, tcp])
}

fn mtus(world: &World) -> [u16; 2] {
    [0, 1].map(|node| world.nodes[node].engine.mtu(PeerIndex(0)).unwrap_or(0))
}

fn mss_of(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[43], packet[44]])
}

#[test]
fn a_connection_begins_with_what_the_path_carries() {
    // the largest datagram, and the MTU that fits
    for (limit, mtu) in [
        (1500, 1420),
        (1400, 1340),
        (1280, 1216),
        (1150, 1088),
        (1120, 1088),
        (1040, 1000),
    ] {
        let mut world = pair();
        world.link.limit = limit;
        world.link.delay = 10 * MS;
        world.send(1, &syn(1, 0, 1380));
        let time = world.run_until(S, |world| !world.nodes[0].said.packets.is_empty());
        // one round trip for the handshake, and two at most for the size
        assert!(time <= 75 * MS, "{time:?}");
        world.send(0, &syn(0, 1, 1380));
        world.run_until(S, |world| !world.nodes[1].said.packets.is_empty());
        for node in 0..2 {
            let packet = &world.nodes[node].said.packets[0].1;
            assert_eq!(mss_of(packet), mtu - 40, "limit {limit}");
            assert_eq!(tcp_sum(packet), [0, 0]);
        }
        assert_eq!(mtus(&world), [mtu; 2]);
        let events = &world.nodes[1].said.events;
        assert!(
            events
                .iter()
                .any(|e| matches!(e, Event::Mtu { mtu: m, measured: true, .. } if *m == mtu))
        );
    }
}

/// A gateway has its answer ready when the node is there; it must not wait for another round trip
/// then.
#[test]
fn who_is_dialled_knows_the_size_before_it_answers() {
    let mut world = pair();
    world.link.delay = 10 * MS;
    world.send(1, &syn(1, 0, 1380));
    world.run_until(S, |world| !world.nodes[0].said.packets.is_empty());
    world.run(60 * MS);
    assert_eq!(mtus(&world)[0], 1420);
    world.send(0, &syn(0, 1, 1380));
    let time = world.run_until(S, |world| !world.nodes[1].said.packets.is_empty());
    assert!(time <= 11 * MS, "{time:?}");
}

#[test]
fn without_any_answer_the_smallest_size_is_used_within_a_second() {
    let mut world = pair();
    world.link.limit = 1000;
    world.send(1, &syn(1, 0, 1380));
    let time = world.run_until(2 * S, |world| !world.nodes[0].said.packets.is_empty());
    assert!(time < S, "{time:?}");
    assert_eq!(carries(&world), Carries::Unanswered);
    assert_eq!(mss_of(&world.nodes[0].said.packets[0].1), 960);
    let text = world.nodes[1].said.events.last().unwrap().to_string();
    assert!(text.starts_with("using an MTU of 1000 to peer"), "{text}");
}

/// Two ends with this size, after a connection that was begun over a path of this limit.
fn configured(mtu: u16, limit: usize) -> World {
    let mut signer = spec(1, &[(0, true)]);
    signer.interface.mtu = Some(mtu);
    let mut gateway = spec(0, &[(1, false)]);
    gateway.interface.mtu = Some(mtu);
    let mut world = World::new(&[gateway, signer]);
    world.link.limit = limit;
    world.send(1, &syn(1, 0, 1460));
    world.run(2 * S);
    world
}

fn carries(world: &World) -> Carries {
    let now = world.now();
    world.nodes[1].engine.status(now).peers[0].carries
}

#[test]
fn a_configured_mtu_is_used_at_once_and_measured_all_the_same() {
    // what is configured, the largest datagram, and what is measured
    for (mtu, limit, measured) in [
        (1200, 1500, 1200),
        (1200, 1150, 1088),
        (1300, 1360, 1300),
        (1420, 1280, 1216),
        (900, 1500, 900),
        (3000, 9000, 3000),
        (3000, 1500, 1420),
    ] {
        let world = configured(mtu, limit);
        let mss = mss_of(&world.nodes[0].said.packets[0].1);
        assert_eq!(mss, (mtu - 40).min(1460), "{mtu} {limit}");
        assert_eq!(mtus(&world), [mtu; 2]);
        assert_eq!(carries(&world), Carries::Bytes(measured), "{mtu} {limit}");
        let events = &world.nodes[1].said.events;
        let told = |e: &Event| {
            matches!(e, Event::MtuTooLarge { configured, mtu: m, .. }
                if (*configured, *m) == (mtu, measured))
        };
        assert_eq!(events.iter().any(told), measured < mtu, "{events:?}");
    }
}

#[test]
fn a_configured_mtu_that_cannot_be_measured_is_no_news() {
    let world = configured(1200, 1000);
    assert_eq!(carries(&world), Carries::Unanswered);
    assert_eq!(mtus(&world), [1200; 2]);
    let events = &world.nodes[1].said.events;
    assert!(
        events.iter().all(|e| matches!(e, Event::Up { .. })),
        "{events:?}"
    );
}

#[test]
fn a_lossy_path_is_measured_rightly() {
    for seed in 0..20 {
        let mut world = pair().seeded(seed);
        world.link.loss = 100;
        world.link.limit = 1280;
        world.send(1, &segment(1, 0, 0, 100));
        world.run(10 * S);
        let [_, mtu] = mtus(&world);
        assert_eq!(mtu, 1216, "seed {seed}");
    }
}

#[test]
fn a_path_that_shrinks_is_measured_again() {
    let mut world = pair();
    world.send(1, &syn(1, 0, 1380));
    world.run(S);
    assert_eq!(mtus(&world)[1], 1420);
    world.link.limit = 1150;
    for _ in 0..5 {
        world.send(1, &segment(1, 0, 1, 1400));
        world.run(S);
    }
    assert_eq!(mtus(&world)[1], 1088);
}

/// Small packets come through, so that there is no silence.
#[test]
fn a_large_segment_that_is_sent_again_and_again_has_the_path_measured() {
    let mut world = pair();
    world.send(1, &syn(1, 0, 1380));
    world.run(5 * S);
    world.link.limit = 1150;
    for number in 0..20 {
        world.send(1, &segment(1, 0, 1, 1400));
        world.send(0, &segment(0, 1, number, 44));
        world.run(100 * MS);
    }
    assert_eq!(mtus(&world)[1], 1088);
}

#[test]
fn what_the_network_says_of_sizes_is_measured_and_not_believed() {
    let mut world = pair();
    world.send(1, &syn(1, 0, 1380));
    world.send(0, &segment(0, 1, 1, 44));
    world.run(500 * MS);
    world.send(0, &segment(0, 1, 1, 44));
    world.run(5 * S);
    let say = |world: &mut World, bytes| {
        let (now, node) = (world.now(), &mut world.nodes[1]);
        let why = Unreachable::TooBig(bytes);
        node.engine
            .unreachable(now, address(0), why, &mut node.said);
        world.send(1, &segment(1, 0, 1, 100));
        world.send(0, &segment(0, 1, 1, 44));
        world.run(2 * S);
        mtus(world)[1]
    };
    let sent = world.nodes[1].said.sent;
    assert_eq!(say(&mut world, 1500), 1420);
    assert_eq!(world.nodes[1].said.sent, sent + 1, "it fits");
    assert_eq!(say(&mut world, 1280), 1420, "a lie");
    world.link.limit = 1280;
    assert_eq!(say(&mut world, 1280), 1216);
}

#[test]
fn a_path_that_was_measured_is_not_forgotten_when_nothing_answers() {
    let mut world = pair();
    world.send(1, &syn(1, 0, 1380));
    world.run(S);
    world.link.limit = 300;
    for _ in 0..20 {
        world.send(1, &segment(1, 0, 1, 1400));
        world.run(S);
    }
    assert_eq!(mtus(&world)[1], 1420);
    world.link.limit = 1280;
    for _ in 0..5 {
        world.send(1, &segment(1, 0, 1, 1400));
        world.run(S);
    }
    assert_eq!(mtus(&world)[1], 1216);
}

#[test]
fn a_ping_is_not_answered_by_the_engine() {
    let mut world = pair();
    world.send(1, &segment(1, 0, 0, 100));
    world.run(S);
    let sent = world.nodes[0].said.sent;
    let (from, to) = (super::world::inside(1), super::world::inside(0));
    let mut ping = icmp::probe(from.into(), to.into(), 100).unwrap();
    assert!(icmp::answer(&IpPacket::parse(&ping).unwrap()).is_some());
    ping[28..44].fill(0x61);
    world.send(1, &ping);
    world.run(50 * MS);
    assert_eq!(world.nodes[0].said.sent, sent);
    assert_eq!(numbers(&world, 0).len(), 2);
}

#[test]
fn probes_and_their_answers_have_right_checksums_in_both_versions() {
    let v4 = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
    let v6 = ["fd00::1", "fd00::2"].map(|ip| ip.parse().unwrap());
    for [from, to] in [v4, v6] {
        let probe = icmp::probe(from, to, 1281).unwrap();
        assert_eq!(probe.len(), 1281);
        let answer = icmp::answer(&IpPacket::parse(&probe).unwrap()).unwrap();
        let parsed = IpPacket::parse(&answer).unwrap();
        assert_eq!((parsed.source, parsed.destination), (to, from));
        assert_eq!(icmp::answered(&parsed), Some(1281));
        for bytes in [&probe, &answer] {
            let parsed = IpPacket::parse(bytes).unwrap();
            if from.is_ipv4() {
                assert_eq!(icmp::checksum([&bytes[..20]]), [0, 0]);
                assert_eq!(icmp::checksum([parsed.payload]), [0, 0]);
            } else {
                let [high, low] = (parsed.payload.len() as u16).to_be_bytes();
                let pseudo = [0, 0, high, low, 0, 0, 0, 58];
                let sum = icmp::checksum([&bytes[8..40], &pseudo, parsed.payload]);
                assert_eq!(sum, [0, 0]);
            }
        }
    }
}
