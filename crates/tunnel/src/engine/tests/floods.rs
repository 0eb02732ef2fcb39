//! What comes from strangers, and how much of it.

use std::net::SocketAddr;
use std::time::Duration;

use super::world::{World, address, numbers, pair, segment, spec};
use crate::engine::{Event, Output, PeerIndex};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// An attacker's initiations: they are for our key, and of somebody we don't know.
fn initiations(count: u32) -> Vec<Vec<u8>> {
    #[derive(Default)]
    struct Taken(Vec<Vec<u8>>);
    impl Output for Taken {
        fn datagram(&mut self, _: SocketAddr, bytes: &[u8]) {
            self.0.push(bytes.to_vec());
        }
        fn packet(&mut self, _: PeerIndex, _: &[u8]) {}
        fn resolve(&mut self, _: PeerIndex, _: &str, _: u16) {}
        fn event(&mut self, _: Event) {}
    }
    let mut world = World::new(&[spec(5, &[(0, true)])]);
    let mut taken = Taken::default();
    for _ in 0..count {
        let now = world.now();
        let engine = &mut world.nodes[0].engine;
        engine.send(now, &segment(5, 0, 1, 100), &mut taken);
        engine.tick(now, &mut taken);
        world.run(S);
        taken
            .0
            .extend(world.seen.drain(..).map(|(_, _, bytes)| bytes));
    }
    taken.0
}

#[test]
fn under_a_flood_of_initiations_few_are_answered_and_a_peer_still_gets_in() {
    let flood = initiations(20);
    let mut world = pair();
    let mut asked = 0;
    for step in 0_u32..5000 {
        // a thousand a second, each from another address
        let from = SocketAddr::from((std::net::Ipv4Addr::from(0x0b00_0000 + step), 1000));
        world.inject(0, from, &flood[step as usize % flood.len()]);
        if step >= 500 && step % 1000 == 500 {
            world.send(1, &segment(1, 0, step, 100));
            asked += 1;
        }
        world.run(MS);
    }
    let mut arrived = numbers(&world, 0);
    arrived.sort_unstable();
    arrived.dedup();
    assert_eq!(arrived.len(), asked);
    let events = &world.nodes[0].said.events;
    let limit = 50;
    assert!(events.contains(&Event::UnderLoad { limit }), "{events:?}");
    // the strangers got cookies, for all but the first in each second
    let status = world.nodes[0].engine.status(world.now());
    assert!(status.strangers >= 5000);
    assert!(events.len() < 10, "{events:?}");
}

#[test]
fn forged_datagrams_of_all_kinds_neither_disturb_nor_are_answered() {
    let mut world = pair();
    world.send(1, &segment(1, 0, 0, 100));
    world.run(S);
    let real: Vec<_> = world
        .seen
        .iter()
        .map(|(_, _, bytes)| bytes.clone())
        .collect();
    let sent = world.nodes[0].said.sent;
    let mut number = 0_u32;
    for round in 0_u32..10_000 {
        let mut forged = real[round as usize % real.len()].clone();
        // the last 16 bytes of a handshake may be anything to one who asks for no cookie
        let at = 4 + (round as usize * 7) % (forged.len() - 20);
        forged[at] ^= 1 + (round % 255) as u8;
        world.inject(0, address(9), &forged);
        if round % 100 == 99 {
            number += 1;
            world.send(1, &segment(1, 0, number, 100));
            world.run(10 * MS);
        }
    }
    world.run(100 * MS);
    let mut arrived = numbers(&world, 0);
    arrived.sort_unstable();
    arrived.dedup();
    assert_eq!(arrived, (0..=number).collect::<Vec<_>>());
    let status = world.nodes[0].engine.status(world.now());
    assert_eq!(status.peers[0].endpoint, Some(address(1)));
    // nothing goes to the forger; the peer's own initiations are answered
    assert!(world.nodes[0].said.sent - sent < 10);
}
