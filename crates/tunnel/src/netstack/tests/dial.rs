//! Dialling and being dialled: what each side learns, and when.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::{ConnectError, End, Progress};
use super::world::{Link, PORT, World, address, endpoint};

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::new(Link::of_rtt_ms(20), 1)
}

/// Lets side 1 dial a held listener of side 0 until its SYN waits there.
fn knocking(world: &mut World) -> (super::super::ConnectionId, SocketAddr) {
    let dialled = world.sides[1].connect(world.now, endpoint(0)).unwrap();
    let source = world.until(SECOND, |world| {
        let now = world.now;
        world.sides[0].knocking(now, PORT).pop().map(|k| k.source)
    });
    (dialled, source.expect("a SYN waits"))
}

#[test]
fn a_dial_takes_one_round_trip_and_the_listener_accepts_it() {
    let mut world = world();
    let ends = world.connected();
    assert_eq!(world.sides[1].ends(ends[1]).unwrap().1, endpoint(0));
    assert_eq!(world.sides[0].ends(ends[0]).unwrap().1.ip(), address(1));
    assert!(world.elapsed() <= Duration::from_millis(30));
}

#[test]
fn ipv6_works_like_ipv4() {
    let mut world = world();
    world.sides[0].listen(PORT, false, Vec::new());
    let remote: SocketAddr = "[fd00::1]:26659".parse().unwrap();
    let dialled = world.sides[1].connect(world.now, remote).unwrap();
    let accepted = world.until(SECOND, |world| world.sides[0].accept(PORT));
    let ends = [accepted.unwrap(), dialled];
    let sent = vec![3; 5000];
    assert_eq!(world.carry(0, ends, &sent, SECOND), Some(sent.clone()));
    assert_eq!(world.carry(1, ends, &sent, SECOND), Some(sent));
}

#[test]
fn a_port_without_listener_refuses() {
    let mut world = world();
    let (_, progress) = world.dial(SECOND);
    assert_eq!(progress, Progress::Ended(End::Refused));
    assert_eq!(world.elapsed(), Duration::from_millis(20));
}

#[test]
fn a_silent_host_leaves_the_dial_open_for_the_caller_to_time() {
    let mut world = world();
    world.link.limit = 0;
    let (_, progress) = world.dial(4 * SECOND);
    assert_eq!(progress, Progress::Opening);
}

#[test]
fn an_address_without_family_or_of_our_own_is_no_route() {
    let mut world = world();
    let now = world.now;
    let own = world.sides[1].connect(now, endpoint(1));
    assert_eq!(own, Err(ConnectError::NoRoute));
    let nets = ["10.200.0.9/24".parse().unwrap()];
    let mut v4_only = super::super::Netstack::new(&nets, 1420, 1, now).unwrap();
    let v6 = v4_only.connect(now, "[fd00::1]:1".parse().unwrap());
    assert_eq!(v6, Err(ConnectError::NoRoute));
}

#[test]
fn routers_that_say_so_end_a_dial_but_no_connection() {
    for (code, end) in [
        (3, End::Refused),
        (1, End::Unreachable),
        (10, End::Unreachable),
    ] {
        let mut world = world();
        world.tap = Some(Vec::new());
        world.link.limit = 0;
        let dialled = world.sides[1].connect(world.now, endpoint(0)).unwrap();
        world.flush();
        let syn = world.tap.as_ref().unwrap()[0].1.clone();
        world.sides[1].input(world.now, &icmp_v4(code, &syn));
        assert_eq!(world.sides[1].progress(dialled), Progress::Ended(end));
    }
    let mut world = world();
    world.tap = Some(Vec::new());
    let ends = world.connected();
    let syn = world.tap.as_ref().unwrap()[0].1.clone();
    world.sides[1].input(world.now, &icmp_v4(1, &syn));
    assert_eq!(world.sides[1].progress(ends[1]), Progress::Open);
}

/// What a router at side 0 sends to side 1 about one of its packets.
fn icmp_v4(code: u8, about: &[u8]) -> Vec<u8> {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv4Repr};
    let inner = &about[..28];
    let ip = Ipv4Repr {
        src_addr: "10.200.0.1".parse().unwrap(),
        dst_addr: "10.200.0.2".parse().unwrap(),
        next_header: IpProtocol::Icmp,
        payload_len: 8 + inner.len(),
        hop_limit: 64,
    };
    let mut packet = vec![0; 20];
    ip.emit(
        &mut Ipv4Packet::new_unchecked(packet.as_mut_slice()),
        &ChecksumCapabilities::default(),
    );
    packet.extend([3, code, 0, 0, 0, 0, 0, 0]);
    packet.extend(inner);
    packet
}

#[test]
fn a_held_listener_answers_nothing_until_it_admits() {
    let mut world = world();
    world.sides[0].listen(PORT, true, Vec::new());
    let (dialled, source) = knocking(&mut world);
    world.tap = Some(Vec::new());
    world.wait(2 * SECOND);
    let answers = world.tap.take().unwrap();
    assert!(answers.iter().all(|(from, _)| *from == 1), "only SYNs");
    assert_eq!(world.sides[1].progress(dialled), Progress::Opening);

    let now = world.now;
    let admitted = world.sides[0].admit(now, PORT, source).unwrap();
    world.wait(Duration::from_millis(20));
    assert_eq!(world.sides[0].progress(admitted), Progress::Open);
    assert_eq!(world.sides[1].progress(dialled), Progress::Open);
    assert_eq!(world.now - now, Duration::from_millis(20));
    let ends = [admitted, dialled];
    assert_eq!(
        world.carry(0, ends, b"hello", SECOND),
        Some(b"hello".to_vec())
    );
}

#[test]
fn a_held_listener_that_refuses_makes_the_dial_fail_at_once() {
    let mut world = world();
    world.sides[0].listen(PORT, true, Vec::new());
    let (dialled, source) = knocking(&mut world);
    let now = world.now;
    world.sides[0].refuse(now, PORT, source);
    world.wait(Duration::from_millis(11));
    assert_eq!(
        world.sides[1].progress(dialled),
        Progress::Ended(End::Refused)
    );
}

#[test]
fn a_dialler_that_gives_up_stops_knocking() {
    let mut world = world();
    world.sides[0].listen(PORT, true, Vec::new());
    let (dialled, source) = knocking(&mut world);
    let now = world.now;
    world.sides[1].release(now, dialled);
    world.wait(Duration::from_millis(11));
    let now = world.now;
    assert!(world.sides[0].knocking(now, PORT).is_empty());
    assert_eq!(world.sides[0].admit(now, PORT, source), None);
}

#[test]
fn the_newest_attempt_of_an_address_is_the_one_that_waits() {
    let mut world = world();
    world.sides[0].listen(PORT, true, Vec::new());
    let (_, first) = knocking(&mut world);
    // The link is cut before the dialler's port is heard of again; then it dials anew.
    let second = world.sides[1].connect(world.now, endpoint(0)).unwrap();
    let port = world.sides[1].ends(second).unwrap().0;
    let found = world.until(SECOND, |world| {
        let now = world.now;
        let knocks = world.sides[0].knocking(now, PORT);
        assert_eq!(knocks.len(), 1);
        (knocks[0].source == port).then_some(())
    });
    assert_eq!(found, Some(()));
    assert_ne!(first, port);
}

#[test]
fn a_knock_that_is_not_repeated_is_forgotten() {
    let mut world = world();
    world.sides[0].listen(PORT, true, Vec::new());
    let (_, source) = knocking(&mut world);
    world.link.limit = 0;
    world.wait(5 * SECOND);
    let now = world.now;
    assert!(world.sides[0].knocking(now, PORT).is_empty());
    assert_eq!(world.sides[0].admit(now, PORT, source), None);
}

#[test]
fn strangers_get_no_answer_and_are_counted() {
    let mut world = world();
    world.sides[0].listen(PORT, true, vec!["10.200.0.3/32".parse().unwrap()]);
    let (_, progress) = world.dial(Duration::from_millis(500));
    assert_eq!(progress, Progress::Opening);
    let now = world.now;
    assert!(world.sides[0].knocking(now, PORT).is_empty());
    let (known, more) = world.sides[0].take_strangers(PORT);
    assert!(
        matches!(known[..], [(source, 2..)] if source == address(1)),
        "{known:?}"
    );
    assert_eq!(more, 0);
    assert!(world.sides[0].take_strangers(PORT).0.is_empty());
}
