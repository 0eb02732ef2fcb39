//! What networks do, and how long it takes to talk again.

use std::net::SocketAddr;
use std::time::Duration;

use super::world::{Said, World, address, numbers, pair, segment, spec};
use crate::engine::{Engine, PeerIndex, PeerState, Unreachable};
use crate::spec::{Endpoint, Host};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// Sends a request a second and its answer as TCP would, for this time.
fn talk(world: &mut World, time: Duration) {
    let end = world.elapsed() + time;
    while world.elapsed() < end {
        world.send(1, &segment(1, 0, 1, 100));
        world.run(20 * MS);
        if !world.nodes[0].said.packets.is_empty() {
            world.nodes[0].said.packets.clear();
            world.send(0, &segment(0, 1, 2, 100));
        }
        world.run(980 * MS);
    }
}

/// How long the signer has to ask until it has an answer.
fn until_answered(world: &mut World) -> Duration {
    let start = world.elapsed();
    world.nodes[1].said.packets.clear();
    world.nodes[0].said.packets.clear();
    let mut step = 0;
    while world.nodes[1].said.packets.is_empty() {
        assert!(world.elapsed() - start < 10 * S, "no answer");
        if step % 1000 == 0 {
            world.send(1, &segment(1, 0, 1, 100));
        }
        step += 1;
        world.run(MS);
        if !world.nodes[0].said.packets.is_empty() {
            world.nodes[0].said.packets.clear();
            world.send(0, &segment(0, 1, 2, 100));
        }
    }
    world.elapsed() - start
}

#[test]
fn after_a_cut_of_any_length_it_talks_within_a_second_and_a_half() {
    for cut in [5, 20, 60, 100, 200, 300] {
        let mut world = pair();
        talk(&mut world, 10 * S);
        world.link.cut = true;
        talk(&mut world, cut * S);
        world.link.cut = false;
        let time = until_answered(&mut world);
        assert!(time < 1500 * MS, "{time:?} after {cut} s");
    }
}

#[test]
fn a_restarted_gateway_is_noticed_within_a_second_and_a_half() {
    let mut world = pair();
    talk(&mut world, 10 * S);
    world.nodes[0].engine = Engine::new(&spec(0, &[(1, false)]), 99);
    let time = until_answered(&mut world);
    assert!(time < 1500 * MS, "{time:?}");
}

/// A gateway that was started anew while its signer trusts their session, some seconds ago.
fn restarted(ago: Duration) -> World {
    let mut world = pair();
    talk(&mut world, 10 * S);
    // until the signer owes no keepalive either
    world.run(11 * S);
    world.nodes[0].engine = Engine::new(&spec(0, &[(1, false), (2, false)]), 99);
    world.nodes[0].said = Said::default();
    world.run(ago);
    world
}

#[test]
fn a_restarted_gateway_begins_a_session_where_it_hears_of_an_old_one() {
    let mut world = restarted(29 * S);
    // one packet, and nothing that a signer would do for the lack of an answer
    world.send(1, &segment(1, 0, 7, 100));
    world.run(40 * MS);
    let peer = &world.nodes[0].engine.status(world.now()).peers[0];
    assert_eq!(peer.state, PeerState::Up);
    assert_eq!(peer.endpoint, Some(address(1)));
    world.send(1, &segment(1, 0, 8, 100));
    world.run(10 * MS);
    assert_eq!(numbers(&world, 0), [8]);
}

#[test]
fn a_gateway_that_has_been_up_for_half_a_minute_is_silent_to_strays() {
    let mut world = restarted(30 * S);
    world.send(1, &segment(1, 0, 7, 100));
    world.run(40 * MS);
    assert_eq!(world.nodes[0].said.sent, 0);
}

#[test]
fn a_flood_of_strays_gets_two_initiations_a_second_for_each_unknown_peer() {
    let mut world = restarted(S);
    let stray = [&[4, 0, 0, 0][..], &[7; 44]].concat();
    for number in 0..5000_u16 {
        let from = SocketAddr::from(([203, 0, 113, (number % 250) as u8], 1000 + number));
        world.inject(0, from, &stray);
        world.run(MS);
    }
    assert_eq!(world.nodes[0].said.initiations, 5 * 2 * 2);
    // and does not keep the signer out
    assert!(until_answered(&mut world) < 1500 * MS);
}

#[test]
fn a_peer_that_was_heard_is_not_looked_for_again() {
    let mut world = pair();
    talk(&mut world, 5 * S);
    let before = world.nodes[0].said.sent;
    let stray = [&[4, 0, 0, 0][..], &[7; 44]].concat();
    world.inject(0, address(2), &stray);
    assert_eq!(world.nodes[0].said.sent, before);
}

#[test]
fn a_restarted_signer_talks_at_once() {
    let mut world = pair();
    talk(&mut world, 10 * S);
    world.nodes[1].engine = Engine::new(&spec(1, &[(0, true)]), 99);
    let time = until_answered(&mut world);
    assert!(time < 50 * MS, "{time:?}");
}

#[test]
fn an_unanswered_initiation_is_repeated_about_every_second_with_jitter() {
    let mut world = pair();
    world.link.cut = true;
    for _ in 0..60 {
        world.send(1, &segment(1, 0, 1, 100));
        world.run(S);
    }
    let sent = world.nodes[1].said.initiations;
    assert!((60..=75).contains(&sent), "{sent}");
    // nobody wants anything any more
    world.run(120 * S);
    let sent = world.nodes[1].said.initiations;
    world.run(120 * S);
    assert_eq!(world.nodes[1].said.initiations, sent);
}

#[test]
fn a_bad_network_delivers_and_the_tunnel_stays_up() {
    for seed in 0..5 {
        let mut world = pair().seeded(seed);
        world.link.loss = 200;
        world.link.duplication = 100;
        world.link.delay = 75 * MS;
        world.link.jitter = 50 * MS;
        world.send(1, &segment(1, 0, 0, 100));
        world.run(5 * S);
        world.nodes[0].said.packets.clear();
        for number in 0..2000 {
            world.send(1, &segment(1, 0, number, 100));
            world.send(0, &segment(0, 1, number, 100));
            world.run(200 * MS);
        }
        let arrived = numbers(&world, 0).len();
        // a fifth is lost, and nothing else but a few packets in flight at each renewal
        assert!(arrived >= 1500, "seed {seed}: {arrived}");
        let sent = world.nodes[1].said.initiations;
        assert!(sent < 40, "seed {seed}: {sent} initiations");
    }
}

#[test]
fn a_replayed_datagram_is_dropped_and_moves_no_endpoint() {
    let mut world = pair();
    talk(&mut world, 3 * S);
    let stranger = SocketAddr::from(([203, 0, 113, 9], 1));
    world.nodes[0].said.packets.clear();
    let seen: Vec<_> = world.seen.iter().cloned().collect();
    for (_, to, bytes) in seen.iter().filter(|(_, to, _)| *to == address(0)) {
        assert_eq!(*to, address(0));
        world.inject(0, stranger, bytes);
    }
    assert!(world.nodes[0].said.packets.is_empty());
    let status = world.nodes[0].engine.status(world.now());
    assert_eq!(status.peers[0].endpoint, Some(address(1)));
    assert!(until_answered(&mut world) < 50 * MS);
}

#[test]
fn the_endpoint_follows_the_signer_to_another_address() {
    let mut world = pair();
    talk(&mut world, 3 * S);
    world.nodes[1].at = SocketAddr::from(([203, 0, 113, 9], 4242));
    assert!(until_answered(&mut world) < 50 * MS);
    let status = world.nodes[0].engine.status(world.now());
    assert_eq!(status.peers[0].endpoint, Some(world.nodes[1].at));
}

#[test]
fn a_name_is_resolved_when_needed_and_again_after_failures() {
    let mut signer = spec(1, &[(0, true)]);
    signer.peers[0].endpoint = Some(Endpoint {
        host: Host::Name("gateway.example".into()),
        port: 51820,
    });
    let mut world = World::new(&[spec(0, &[(1, false)]), signer]);
    world.run(S);
    assert!(world.nodes[1].said.questions.is_empty());
    world.send(1, &segment(1, 0, 1, 100));
    let question = world.nodes[1].said.questions.pop_front();
    let expected = (PeerIndex(0), "gateway.example".to_owned(), 51820);
    assert_eq!(question, Some(expected));
    let now = world.now();
    let answer = Ok(vec![address(0)]);
    let node = &mut world.nodes[1];
    node.engine
        .resolved(now, PeerIndex(0), answer, &mut node.said);
    assert!(until_answered(&mut world) < 50 * MS);

    // the gateway starts again elsewhere, and does not know where the signer is
    world.nodes[0].engine = Engine::new(&spec(0, &[(1, false)]), 99);
    world.nodes[0].at = address(7);
    for _ in 0..7 {
        world.send(1, &segment(1, 0, 1, 100));
        world.run(S);
    }
    assert!(world.nodes[1].said.questions.pop_front().is_some());
    let now = world.now();
    let answer = Ok(vec![address(7)]);
    let node = &mut world.nodes[1];
    node.engine
        .resolved(now, PeerIndex(0), answer, &mut node.said);
    assert!(until_answered(&mut world) < 1500 * MS);
    let status = world.nodes[1].engine.status(world.now());
    assert_eq!(status.peers[0].endpoint, Some(address(7)));
}

#[test]
fn a_closed_port_hastens_the_next_initiation_but_does_not_flood() {
    let mut world = pair();
    talk(&mut world, 3 * S);
    world.link.cut = true;
    let before = world.nodes[1].said.initiations;
    world.send(1, &segment(1, 0, 1, 100));
    for _ in 0..1000 {
        let now = world.now();
        let node = &mut world.nodes[1];
        let why = Unreachable::PortClosed;
        node.engine
            .unreachable(now, address(0), why, &mut node.said);
        world.run(MS);
    }
    let sent = world.nodes[1].said.initiations - before;
    assert!((2..=3).contains(&sent), "{sent}");
}
