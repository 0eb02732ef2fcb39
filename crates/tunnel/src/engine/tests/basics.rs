//! Handshake, data, keys that are renewed, and who may talk to whom.

use std::time::Duration;

use super::world::{World, inside, numbers, pair, raw_segment, segment, spec};
use crate::engine::PeerState;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

#[test]
fn packets_that_waited_for_the_handshake_arrive_in_order() {
    let mut world = pair();
    for number in 0..100 {
        world.send(1, &segment(1, 0, number, 200));
    }
    world.run(50 * MS);
    assert_eq!(numbers(&world, 0), (0..100).collect::<Vec<_>>());
    assert_eq!(world.nodes[1].said.initiations, 1);

    world.send(0, &segment(0, 1, 7, 1084));
    world.run(50 * MS);
    assert_eq!(world.nodes[1].said.packets[0].1, segment(0, 1, 7, 1084));
}

#[test]
fn the_queue_keeps_the_newest_packets_within_its_bounds() {
    let mut world = pair();
    for number in 0..1000 {
        world.send(1, &segment(1, 0, number, 200));
    }
    world.run(50 * MS);
    assert_eq!(numbers(&world, 0), (872..1000).collect::<Vec<_>>());
    let status = world.nodes[1].engine.status(world.now());
    assert_eq!(status.peers[0].dropped_packets, 872);
}

#[test]
fn keys_are_renewed_under_traffic_without_a_lost_packet() {
    let mut world = pair().seeded(3);
    world.link.jitter = 20 * MS;
    let count = 10 * 60 * 20;
    for number in 0..count {
        world.send(1, &segment(1, 0, number, 100));
        world.send(0, &segment(0, 1, number, 100));
        world.run(50 * MS);
    }
    world.run(S);
    for node in 0..2 {
        let mut arrived = numbers(&world, node);
        arrived.sort_unstable();
        assert!(arrived.into_iter().eq(0..count), "node {node}");
    }
    // every 120 s, by the one who began
    assert_eq!(world.nodes[1].said.initiations, 5);
    assert_eq!(world.nodes[0].said.initiations, 0);
}

#[test]
fn an_idle_tunnel_is_silent_unless_a_keepalive_is_configured() {
    let mut world = pair();
    world.send(1, &segment(1, 0, 0, 100));
    world.run(20 * S);
    let after = [world.nodes[0].said.sent, world.nodes[1].said.sent];
    world.run(600 * S);
    let later = [world.nodes[0].said.sent, world.nodes[1].said.sent];
    assert_eq!(after, later);
    let status = world.nodes[1].engine.status(world.now());
    assert_eq!(status.peers[0].state, PeerState::Idle);

    let mut signer = spec(1, &[(0, true)]);
    signer.peers[0].persistent_keepalive_s = 25.try_into().ok();
    let mut world = World::new(&[spec(0, &[(1, false)]), signer]);
    world.run(100 * S);
    // a handshake at once with its confirmation, and then one every 25 s
    assert_eq!(world.nodes[1].said.sent, 2 + 3);
    assert_eq!(world.nodes[0].said.sent, 1);
}

#[test]
fn a_packet_is_dropped_unless_its_source_is_the_peers_and_its_destination_ours() {
    let gateway = spec(0, &[(1, false), (2, false)]);
    let mut world = World::new(&[gateway, spec(1, &[(0, true)]), spec(2, &[(0, true)])]);
    world.nodes[1].engine.routes = super::super::routes::Routes::new(&{
        let mut peers = spec(1, &[(0, true)]).peers;
        peers[0].allowed_ips = vec!["0.0.0.0/0".parse().unwrap()];
        peers
    });
    world.send(1, &segment(1, 0, 1, 100));
    world.send(2, &segment(2, 0, 2, 100));
    world.run(300 * MS);
    // to another peer, from another peer, to nobody
    world.send(1, &segment(1, 2, 3, 100));
    world.send(1, &raw_segment(inside(2), inside(0), 4, 100));
    world.send(1, &raw_segment(inside(1), [8, 8, 8, 8].into(), 5, 100));
    world.run(300 * MS);
    assert_eq!(numbers(&world, 0), [1, 2]);
    assert!(numbers(&world, 2).is_empty());
    let status = world.nodes[0].engine.status(world.now());
    assert_eq!(status.peers[0].dropped_packets, 3);
}

#[test]
fn the_longest_prefix_decides() {
    let mut ours = spec(0, &[(1, false), (2, false)]);
    ours.peers[0].allowed_ips = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let world = World::new(&[ours]);
    let route = |ip: &str| {
        world.nodes[0]
            .engine
            .route(ip.parse().unwrap())
            .map(|i| i.0)
    };
    assert_eq!(route("10.200.0.3"), Some(1));
    assert_eq!(route("10.200.0.4"), Some(0));
    assert_eq!(route("fd00::1"), Some(0));
    assert_eq!(route("192.0.2.1"), None);
}
