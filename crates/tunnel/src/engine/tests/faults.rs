//! Wrong keys, old clocks and floods: each named, and none in the way of the others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::super::Event;
use super::world::{FIRST, SECOND, World, key, packet};
use crate::key::PresharedKey;

fn hello() -> Vec<u8> {
    packet([10, 200, 0, 2], [10, 200, 0, 1], 1)
}

#[test]
fn key_that_no_peer_has_is_named_with_the_key() {
    let mut world = World::new();
    world.change(FIRST, |spec| spec.interface.private_key = key(99));
    world.send(FIRST, &hello());
    world.settle();
    let told = world.told(SECOND);
    let stranger = key(99).public_key().to_string();
    assert!(told.contains(&stranger), "{told}");
    assert!(told.contains("which no [Peer] has"), "{told}");
}

#[test]
fn handshake_for_another_public_key_is_named_with_ours() {
    let mut world = World::new();
    world.change(FIRST, |spec| {
        spec.peers[0].public_key = key(98).public_key();
    });
    world.send(FIRST, &hello());
    world.settle();
    let told = world.told(SECOND);
    let ours = key(2).public_key().to_string();
    assert!(
        told.contains(&format!("not for this end's public key {ours}")),
        "{told}"
    );
}

#[test]
fn pre_shared_key_that_differs_is_named_at_both_ends() {
    let mut world = World::new();
    world.change(FIRST, |spec| {
        spec.peers[0].preshared_key = Some(PresharedKey::from_bytes([7; 32]));
    });
    world.run(Duration::from_secs(5), |world| world.send(FIRST, &hello()));
    let told = world.told(FIRST);
    assert!(
        told.contains("PresharedKey differs between the two ends"),
        "{told}"
    );
    let told = world.told(SECOND);
    assert!(
        told.contains("never completes one: PresharedKey differs"),
        "{told}"
    );
    assert!(world.take_packets(SECOND).is_empty());
}

#[test]
fn initiation_that_is_older_than_the_last_one_is_named() {
    let mut world = World::new();
    world.send(FIRST, &hello());
    let old = world.datagrams_to(SECOND)[0].clone();
    world.settle();
    let from = world.place(FIRST);
    world.inject(SECOND, from, &old);
    let told = world.told(SECOND);
    assert!(
        told.contains("not newer than the last one: the clock of the other end was set back"),
        "{told}"
    );
    world.take_packets(SECOND);
    world.send(FIRST, &hello());
    world.settle();
    assert_eq!(world.take_packets(SECOND).len(), 1);
}

#[test]
fn other_end_whose_clock_was_right_and_packets_that_go_one_way_are_named() {
    let mut world = World::new();
    world.run(Duration::from_millis(10_500), |world| {
        world.send(FIRST, &hello());
        std::thread::sleep(Duration::from_millis(20));
    });
    let told = world.told(FIRST);
    assert!(
        told.contains("packets are sent and none comes back"),
        "{told}"
    );
}

#[test]
fn closed_port_is_named_at_once_while_nothing_answers() {
    let mut world = World::new();
    world.cut = true;
    world.send(FIRST, &hello());
    world.closed_port(FIRST, SECOND);
    let told = world.told(FIRST);
    assert!(
        told.contains("nothing listens on UDP port 51820 of 192.0.2.2"),
        "{told}"
    );
}

#[test]
fn closed_port_that_is_claimed_of_a_working_peer_is_not_believed() {
    let mut world = World::new();
    world.send(FIRST, &hello());
    world.settle();
    world.take_events(FIRST);
    world.closed_port(FIRST, SECOND);
    assert!(world.take_events(FIRST).is_empty());
}

#[test]
fn flood_of_initiations_is_answered_with_cookies_and_stops_nobody_else() {
    let mut world = World::new();
    world.send(FIRST, &hello());
    world.settle();
    world.take_packets(SECOND);
    let attacker: SocketAddr = "203.0.113.66:666".parse().unwrap();
    let flood = world.initiations_of_strangers(200);
    let started = Instant::now();
    for initiation in &flood {
        world.inject(SECOND, attacker, initiation);
    }
    let taken = started.elapsed();
    let cookies = world
        .datagrams_to_place(attacker)
        .iter()
        .filter(|d| d[0] == 3)
        .count();
    assert!(
        cookies >= 150,
        "{cookies} cookie replies to 200 initiations"
    );
    assert!(world.told(SECOND).contains("must prove its address"));
    world.send(FIRST, &hello());
    world.settle();
    assert_eq!(world.take_packets(SECOND).len(), 1);
    assert!(
        taken < Duration::from_secs(2),
        "{taken:?} for 200 initiations"
    );
}

#[test]
fn forged_datagrams_of_every_kind_change_nothing() {
    let mut world = World::new();
    world.send(FIRST, &hello());
    world.settle();
    world.take_packets(SECOND);
    let before = world.status(SECOND);
    let from: SocketAddr = "203.0.113.66:666".parse().unwrap();
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    for round in 0..10_000_usize {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let len = [0, 1, 4, 31, 32, 64, 92, 148, 149, 1500][round % 10];
        let mut bytes: Vec<u8> = (0..len).map(|i| (seed >> (i % 57)) as u8).collect();
        if let [first, a, b, c, ..] = bytes.as_mut_slice() {
            (*first, *a, *b, *c) = ((round % 6) as u8, 0, 0, 0);
        }
        world.inject(SECOND, from, &bytes);
    }
    let after = world.status(SECOND);
    assert_eq!(before.peers[0].endpoint, after.peers[0].endpoint);
    assert_eq!(
        before.peers[0].received_bytes,
        after.peers[0].received_bytes
    );
    assert!(world.take_packets(SECOND).is_empty());
    world.send(FIRST, &hello());
    world.settle();
    assert_eq!(world.take_packets(SECOND).len(), 1);
}

#[test]
fn clock_that_goes_back_is_named_with_how_far() {
    let mut world = World::new();
    world.settle();
    world.set_clock_back(FIRST, Duration::from_secs(3600));
    let events = world.take_events(FIRST);
    let [Event::ClockBack { by }] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(
        by.abs_diff(Duration::from_secs(3600)) < Duration::from_secs(5),
        "{by:?}"
    );
}
