//! Two ends and a wire between them. The clock is the real one, since gotatun reads it itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test may panic

mod faults;
mod world;

use std::time::Duration;

use self::world::{FIRST, SECOND, THIRD, World, packet};
use super::Event;

#[test]
fn packets_cross_both_ways_and_the_first_ones_wait_for_the_handshake() {
    let mut world = World::new();
    for n in 0..5 {
        world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], n));
    }
    world.settle();
    let got = world.take_packets(SECOND);
    let expected: Vec<_> = (0..5)
        .map(|n| packet([10, 200, 0, 2], [10, 200, 0, 1], n))
        .collect();
    assert_eq!(got, expected);
    world.send(SECOND, &packet([10, 200, 0, 1], [10, 200, 0, 2], 9));
    world.settle();
    assert_eq!(
        world.take_packets(FIRST),
        vec![packet([10, 200, 0, 1], [10, 200, 0, 2], 9)]
    );
    assert!(matches!(
        world.take_events(FIRST)[..],
        [Event::Connected { .. }]
    ));
}

#[test]
fn padding_is_taken_off() {
    let mut world = World::new();
    world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 1));
    world.settle();
    let lens: Vec<usize> = world.take_packets(SECOND).iter().map(Vec::len).collect();
    assert_eq!(lens, [packet([0; 4], [0; 4], 1).len()]);
}

#[test]
fn packet_from_an_address_that_is_not_the_peers_is_dropped_and_named() {
    let mut world = World::new();
    world.send(FIRST, &packet([10, 200, 0, 77], [10, 200, 0, 1], 1));
    world.settle();
    assert!(world.take_packets(SECOND).is_empty());
    let told = world.told(SECOND);
    assert!(
        told.contains("dropped a packet from 10.200.0.77, which is not in its AllowedIPs"),
        "{told}"
    );
}

#[test]
fn peers_cannot_reach_each_other_through_this_end() {
    let mut world = World::new();
    world.send(THIRD, &packet([10, 200, 0, 3], [10, 200, 0, 2], 1));
    world.settle();
    assert!(world.take_packets(SECOND).is_empty());
    assert!(world.take_packets(FIRST).is_empty());
    let told = world.told(SECOND);
    assert!(
        told.contains("dropped a packet for 10.200.0.2, which is no Address of this end"),
        "{told}"
    );
}

#[test]
fn repeated_datagram_is_delivered_once() {
    let mut world = World::new();
    world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 1));
    world.settle();
    world.take_packets(SECOND);
    world.double = true;
    for n in 2..10 {
        world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], n));
    }
    world.settle();
    assert_eq!(world.take_packets(SECOND).len(), 8);
}

#[test]
fn endpoint_follows_authentic_datagrams_only() {
    let mut world = World::new();
    world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 1));
    world.settle();
    let before = world.endpoint(SECOND, 0);
    world.inject(
        SECOND,
        "203.0.113.9:9".parse().unwrap(),
        &[4, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    );
    assert_eq!(world.endpoint(SECOND, 0), before);
    let moved = "198.51.100.7:4000".parse().unwrap();
    world.move_to(FIRST, moved);
    world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 2));
    world.settle();
    assert_eq!(world.endpoint(SECOND, 0), Some(moved));
    world.send(SECOND, &packet([10, 200, 0, 1], [10, 200, 0, 2], 3));
    world.settle();
    assert_eq!(world.take_packets(FIRST).len(), 1);
    assert!(world.told(SECOND).contains("moved from"));
}

#[test]
fn other_end_that_was_restarted_is_reached_again_within_two_and_a_half_seconds() {
    let mut world = World::new();
    world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 1));
    world.settle();
    world.take_packets(SECOND);
    world.restart(SECOND);
    let taken = world.until(Duration::from_secs(4), |world| {
        world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 2));
        !world.take_packets(SECOND).is_empty()
    });
    assert!(taken < Duration::from_millis(2500), "{taken:?}");
}

#[test]
fn wire_that_was_cut_works_two_seconds_after_it_is_whole_again() {
    let mut world = World::new();
    world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 1));
    world.settle();
    world.take_packets(SECOND);
    world.cut = true;
    world.restart(SECOND);
    world.run(Duration::from_secs(7), |world| {
        world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 2));
    });
    let told = world.told(FIRST);
    assert!(
        told.contains("no answer to handshakes from 192.0.2.2:51820"),
        "{told}"
    );
    world.cut = false;
    let taken = world.until(Duration::from_secs(4), |world| {
        world.send(FIRST, &packet([10, 200, 0, 2], [10, 200, 0, 1], 3));
        !world.take_packets(SECOND).is_empty()
    });
    assert!(taken < Duration::from_secs(2), "{taken:?}");
}
