//! Each thing that is configured wrongly is named within 15 s.

use std::time::Duration;

use super::world::{World, address, inside, key, pair, segment, spec};
use crate::engine::{Engine, Event, Now, Unreachable};
use crate::key::PresharedKey;
use crate::spec::Spec;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A signer that asks once a second, for 15 s. Returns what the gateway and the signer say.
fn ask(gateway: Spec, signer: Spec) -> [String; 2] {
    let mut world = World::new(&[gateway, signer]);
    ask_in(&mut world)
}

fn ask_in(world: &mut World) -> [String; 2] {
    for _ in 0..15 {
        world.send(1, &segment(1, 0, 1, 100));
        world.run(S);
    }
    [0, 1].map(|node| {
        let events = world.nodes[node].said.events.iter();
        events.map(|e| format!("{e}\n")).collect()
    })
}

fn gateway() -> Spec {
    spec(0, &[(1, false)])
}

fn signer() -> Spec {
    spec(1, &[(0, true)])
}

#[test]
fn a_wrong_public_key_of_the_gateway_is_named_at_both_ends() {
    let mut wrong = signer();
    wrong.peers[0].public_key = key(7).public_key();
    let [gateway, signer] = ask(gateway(), wrong);
    let ours = key(0).public_key();
    assert_eq!(
        gateway,
        format!(
            "192.0.2.2:51820 sends handshakes for another key: if that is a peer, its PublicKey \
             for this end should be {ours}\n"
        )
    );
    assert!(signer.contains("no answer from peer"), "{signer}");
    assert!(signer.contains("is its PublicKey right here"), "{signer}");
}

#[test]
fn a_wrong_private_key_of_the_signer_is_named() {
    let mut wrong = signer();
    wrong.interface.private_key = key(7);
    let [gateway, signer] = ask(gateway(), wrong);
    let theirs = key(7).public_key();
    let expected = format!("192.0.2.2:51820 begins a handshake as {theirs}, which is no peer");
    assert!(gateway.starts_with(&expected), "{gateway}");
    assert!(signer.contains("and ours there"), "{signer}");
}

#[test]
fn a_wrong_preshared_key_is_named_at_both_ends() {
    let mut wrong = signer();
    wrong.peers[0].preshared_key = Some(PresharedKey::from_bytes([8; 32]));
    let [gateway, signer] = ask(gateway(), wrong);
    assert!(gateway.contains("PresharedKey differs"), "{gateway}");
    assert!(signer.contains("most likely PresharedKey"), "{signer}");
}

#[test]
fn wrong_allowed_ips_are_named_at_both_ends() {
    let mut wrong = gateway();
    wrong.peers[0].allowed_ips = vec!["10.200.0.77/32".parse().unwrap()];
    let [gateway, signer] = ask(wrong, signer());
    assert!(
        gateway.contains("from 10.200.0.2, which is not in its AllowedIPs"),
        "{gateway}"
    );
    assert!(
        signer.contains("answers no packet: check that its AllowedIPs"),
        "{signer}"
    );
}

#[test]
fn a_wrong_address_is_named() {
    let mut wrong = gateway();
    wrong.interface.addresses = vec!["10.200.0.9/24".parse().unwrap()];
    let [gateway, _] = ask(wrong, signer());
    assert!(
        gateway.contains(&format!("to {}, which is not an Address", inside(0))),
        "{gateway}"
    );
}

#[test]
fn a_closed_port_is_named() {
    let mut world = World::new(&[gateway(), signer()]);
    world.link.cut = true;
    world.send(1, &segment(1, 0, 1, 100));
    let (now, node) = (world.now(), &mut world.nodes[1]);
    let why = Unreachable::PortClosed;
    node.engine
        .unreachable(now, address(0), why, &mut node.said);
    let text = node.said.events[0].to_string();
    assert!(
        text.starts_with("nothing listens on UDP 192.0.2.1:51820"),
        "{text}"
    );
}

/// As at a gateway whose node starts: packets wait there for up to 3 s, and are then refused.
#[test]
fn a_peer_that_answers_after_some_seconds_is_no_trouble() {
    let mut world = pair();
    for _ in 0..3 {
        world.send(1, &segment(1, 0, 1, 100));
        world.run(3100 * MS);
        world.send(0, &segment(0, 1, 1, 44));
        world.run(S);
    }
    let events = world.nodes[1].said.events.iter();
    let text: String = events.map(|e| format!("{e}\n")).collect();
    assert!(!text.contains("answers no packet"), "{text}");
    let status = world.nodes[1].engine.status(world.now());
    assert_eq!(status.peers[0].trouble, None);
}

#[test]
fn a_peer_that_moves_is_told() {
    let mut world = pair();
    world.send(1, &segment(1, 0, 1, 100));
    world.run(S);
    world.nodes[1].at = std::net::SocketAddr::from(([203, 0, 113, 9], 4242));
    world.send(1, &segment(1, 0, 2, 100));
    world.run(S);
    let last = world.nodes[0].said.events.last().unwrap().to_string();
    assert!(
        last.ends_with("is at 203.0.113.9:4242 now, no more at 192.0.2.2:51820"),
        "{last}"
    );
}

#[test]
fn silence_is_told_once_a_minute_and_its_end_too() {
    let mut world = World::new(&[gateway(), signer()]);
    world.link.cut = true;
    for _ in 0..100 {
        world.send(1, &segment(1, 0, 1, 100));
        world.run(S);
    }
    assert_eq!(world.nodes[1].said.events.len(), 2);
    let trouble = |world: &World| {
        let status = world.nodes[1].engine.status(world.now());
        status.peers[0].trouble.clone()
    };
    assert!(trouble(&world).unwrap().text.contains("no answer"));
    world.link.cut = false;
    world.run(2 * S);
    assert!(matches!(world.nodes[1].said.events[2], Event::Up { .. }));
    assert_eq!(trouble(&world), None);
}

#[test]
fn a_clock_that_is_set_back_is_named_and_harmless() {
    let mut world = pair();
    let Now { instant, wall } = world.now();
    let node = &mut world.nodes[1];
    node.engine.tick(Now { instant, wall }, &mut node.said);
    let wall = wall - Duration::from_secs(3600);
    node.engine.tick(Now { instant, wall }, &mut node.said);
    let text = node.said.events[0].to_string();
    assert!(text.contains("clock was set back by 3600 s"), "{text}");
    let [_, signer] = ask_in(&mut world);
    assert!(signer.contains("is connected"), "{signer}");
}

/// A peer that starts again with its clock back sends initiations that are older than those the
/// gateway knows. Recorded ones stand for them here.
#[test]
fn a_peer_whose_clock_went_back_is_named_and_reached_from_the_other_end() {
    let (mut world, old) = recorded();
    world.run(5 * S);
    world.nodes[1].engine = Engine::new(&signer(), 3);
    let before = world.nodes[0].said.initiations;
    // its first one says it, since by the answer in the other direction it needs no second one
    world.inject(0, address(1), &old[0]);
    world.run(300 * MS);
    let text = said(&world);
    assert!(text.contains("its clock was set back"), "{text}");
    for initiation in old.iter().skip(1).take(4) {
        world.inject(0, address(1), initiation);
        world.run(100 * MS);
    }
    assert_eq!(world.nodes[0].said.initiations - before, 1);
    // the signer took it, and has a session without having begun one
    world.send(1, &segment(1, 0, 42, 100));
    world.run(50 * MS);
    assert!(super::world::numbers(&world, 0).contains(&42));
}

#[test]
fn a_network_that_changes_the_order_of_two_handshakes_is_no_old_clock() {
    let (mut world, old) = recorded();
    world.run(500 * MS);
    world.inject(0, address(1), &old[0]);
    world.run(300 * MS);
    assert!(!said(&world).contains("clock"), "{}", said(&world));
}

/// A pair that has just become connected, and initiations of the signer that were lost before.
fn recorded() -> (World, Vec<Vec<u8>>) {
    let mut world = pair();
    world.link.cut = true;
    for _ in 0..8 {
        world.send(1, &segment(1, 0, 1, 100));
        world.run(S);
    }
    let old: Vec<_> = world
        .seen
        .iter()
        .map(|(_, _, bytes)| bytes.clone())
        .collect();
    world.link.cut = false;
    world.run_until(2 * S, |world| {
        let status = world.nodes[0].engine.status(world.now());
        status.peers[0].last_handshake.is_some()
    });
    (world, old)
}

fn said(world: &World) -> String {
    let events = world.nodes[0].said.events.iter();
    events.map(|e| format!("{e}\n")).collect()
}
