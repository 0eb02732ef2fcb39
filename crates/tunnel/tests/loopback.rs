//! Two tunnels of this process with each other, over real UDP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::{PORT, inside, pair, pair_over, spec, start};
use tunnel::{Endpoint, Host, Options, StartError, Tunnel, TunnelStream};

const LIMIT: Duration = Duration::from_secs(4);

fn refused_start(spec: &tunnel::Spec) -> StartError {
    Tunnel::start(spec, &Options::default())
        .err()
        .expect("it does not start")
}

/// Both ends of a connection from side 2 to side 1.
fn connected(one: &Tunnel, two: &Tunnel) -> (TunnelStream, TunnelStream) {
    let listener = one.listen(PORT, Vec::new()).unwrap();
    let dialled = two.connect(inside(1), LIMIT).unwrap();
    let accepted = listener.accept_timeout(LIMIT).unwrap().expect("accepted");
    accepted.set_read_timeout(Some(LIMIT));
    dialled.set_read_timeout(Some(LIMIT));
    (accepted, dialled)
}

fn echo_once(mut from: &TunnelStream, mut to: &TunnelStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    std::thread::scope(|scope| {
        scope.spawn(|| from.write_all(bytes).unwrap());
        to.read_exact(&mut read).unwrap();
    });
    assert_eq!(read, bytes);
}

#[test]
fn both_ends_speak_over_ipv4_and_ipv6() {
    for loopback in ["127.0.0.1", "::1"] {
        let (one, two) = pair_over(loopback.parse().unwrap());
        let (accepted, dialled) = connected(&one, &two);
        assert_eq!(accepted.peer_addr(), dialled.local_addr());
        assert_eq!(dialled.peer_addr(), inside(1));
        let long: Vec<u8> = (0..300_000u32).map(|n| n.to_le_bytes()[0]).collect();
        for bytes in [&b"ping"[..], &long] {
            echo_once(&dialled, &accepted, bytes);
            echo_once(&accepted, &dialled, bytes);
        }
    }
}

#[test]
fn ipv6_inside_works_too() {
    let (one, two) = pair();
    let listener = one.listen(PORT, Vec::new()).unwrap();
    let to: SocketAddr = format!("[fd97::1]:{PORT}").parse().unwrap();
    let dialled = two.connect(to, LIMIT).unwrap();
    let accepted = listener.accept_timeout(LIMIT).unwrap().unwrap();
    accepted.set_read_timeout(Some(LIMIT));
    echo_once(&dialled, &accepted, b"over fd97::1");
}

#[test]
fn a_failed_dial_says_why() {
    let (_one, two) = pair();
    let error = two.connect(inside(1), LIMIT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(
        error.to_string(),
        "10.97.0.1:26659 inside the tunnel refused: nobody listens there"
    );

    let elsewhere = "10.98.0.1:1".parse().unwrap();
    let error = two.connect(elsewhere, LIMIT).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    assert_eq!(
        error.to_string(),
        "no peer of the tunnel has 10.98.0.1 in its AllowedIPs"
    );
    assert!(two.covers(inside(1).ip()));
    assert!(!two.covers("10.98.0.1".parse().unwrap()));
}

#[test]
fn a_dial_without_answer_ends_in_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let two = start(2, Some(silent.local_addr().unwrap()));
    let begun = Instant::now();
    let error = two
        .connect(inside(1), Duration::from_millis(300))
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(
        error
            .to_string()
            .starts_with("no answer from 10.97.0.1:26659 inside the tunnel within 0.3 s")
    );
    assert!((300..2000).contains(&begun.elapsed().as_millis()));
}

#[test]
fn a_held_listener_decides_what_a_dial_learns() {
    let (one, two) = pair();
    let listener = one.listen_held(PORT, Vec::new()).unwrap();
    std::thread::scope(|scope| {
        let dial = scope.spawn(|| two.connect(inside(1), LIMIT));
        let knock = listener.newest(LIMIT).unwrap().expect("somebody knocks");
        listener.refuse(knock.source).unwrap();
        let error = dial.join().unwrap().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

        let dial = scope.spawn(|| two.connect(inside(1), LIMIT));
        let knock = listener.newest(LIMIT).unwrap().expect("somebody knocks");
        let admitted = listener.admit(knock.source, LIMIT).unwrap();
        let dialled = dial.join().unwrap().unwrap();
        admitted.set_read_timeout(Some(LIMIT));
        echo_once(&dialled, &admitted, b"let in");

        let limit = Duration::from_millis(200);
        let error = two.connect(inside(1), limit).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn strangers_hear_nothing_and_are_counted() {
    let (one, two) = pair();
    let friend = vec!["10.97.0.77/32".parse().unwrap()];
    let listener = one.listen(PORT, friend).unwrap();
    let limit = Duration::from_millis(300);
    let error = two.connect(inside(1), limit).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let strangers = listener.take_strangers().unwrap();
    assert!(matches!(strangers.known[..], [(from, 1..)] if from == inside(2).ip()));
}

#[test]
fn closing_and_aborting_reach_the_other_end() {
    let (one, two) = pair();
    let (accepted, dialled) = connected(&one, &two);
    (&dialled).write_all(b"bye").unwrap();
    dialled.shutdown(Shutdown::Write).unwrap();
    let mut read = Vec::new();
    (&accepted).read_to_end(&mut read).unwrap();
    assert_eq!(read, b"bye");

    accepted.abort();
    let error = (&dialled).read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = (&accepted).write(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
}

#[test]
fn a_dropped_stream_is_closed_for_the_other_end() {
    let (one, two) = pair();
    let (accepted, dialled) = connected(&one, &two);
    let clone = dialled.clone();
    drop(dialled);
    echo_once(&clone, &accepted, b"the clone still holds it");
    drop(clone);
    assert_eq!((&accepted).read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_read_ends_after_its_timeout_and_when_another_thread_shuts_it() {
    let (one, two) = pair();
    let (accepted, _dialled) = connected(&one, &two);
    accepted.set_read_timeout(Some(Duration::from_millis(50)));
    let error = (&accepted).read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    accepted.set_read_timeout(None);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| (&accepted).read(&mut [0; 8]).unwrap());
        std::thread::sleep(Duration::from_millis(50));
        let shut = Instant::now();
        accepted.shutdown(Shutdown::Read).unwrap();
        assert_eq!(reading.join().unwrap(), 0);
        // the tunnel looks at everything once a second anyway
        assert!(shut.elapsed() < Duration::from_millis(500));
    });
}

#[test]
fn the_tunnel_lives_on_while_the_call_that_drove_it_is_away() {
    let (one, two) = pair();
    let (accepted, dialled) = connected(&one, &two);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| (&accepted).read(&mut [0; 8]).unwrap());
        std::thread::sleep(Duration::from_millis(50));
        (&dialled).write_all(b"sign").unwrap();
        assert_eq!(reading.join().unwrap(), 4);
    });
    // nobody reads any more; each end probes the other once a second
    let away = Instant::now();
    while away.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(50));
        let silent = dialled.silent_for().unwrap();
        assert!(silent < Duration::from_millis(1500), "{silent:?}");
    }
    echo_once(&accepted, &dialled, b"back");
    echo_once(&dialled, &accepted, b"again");
}

#[test]
fn two_readers_of_one_tunnel_both_hear() {
    let (one, two) = pair();
    let listener = one.listen(26660, Vec::new()).unwrap();
    let ends: Vec<_> = (0..2)
        .map(|_| {
            let to = SocketAddr::new(inside(1).ip(), 26660);
            let dialled = two.connect(to, Duration::from_secs(4)).unwrap();
            (listener.accept().unwrap(), dialled)
        })
        .collect();
    std::thread::scope(|scope| {
        for (mut accepted, mut dialled) in ends.clone() {
            scope.spawn(move || {
                for number in 0..500_u32 {
                    let mut bytes = [0; 4];
                    accepted.read_exact(&mut bytes).unwrap();
                    assert_eq!(bytes, number.to_be_bytes());
                    accepted.write_all(&bytes).unwrap();
                }
            });
            scope.spawn(move || {
                for number in 0..500_u32 {
                    let mut bytes = number.to_be_bytes();
                    dialled.write_all(&bytes).unwrap();
                    dialled.read_exact(&mut bytes).unwrap();
                    assert_eq!(bytes, number.to_be_bytes());
                }
            });
        }
    });
}

#[test]
fn stopping_resets_connections_and_frees_the_port() {
    let (one, two) = pair();
    let (accepted, dialled) = connected(&one, &two);
    let port = one.port();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| (&accepted).read(&mut [0; 8]).unwrap_err());
        std::thread::sleep(Duration::from_millis(50));
        one.stop();
        let error = reading.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(error.to_string(), "the tunnel has been stopped");
    });
    let error = (&dialled).read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(accepted);
    one.stop();
    drop(one);
    UdpSocket::bind(("0.0.0.0", port)).expect("the port is free");
}

#[test]
fn a_taken_port_or_address_does_not_start() {
    let taken = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut bad = spec(1, None);
    bad.interface.listen_port = Some(port);
    assert_eq!(
        refused_start(&bad).to_string(),
        format!(
            "UDP port {port} is in use, by another WireGuard perhaps; stop that, or set another \
             ListenPort"
        )
    );

    let mut bad = spec(1, None);
    bad.interface.addresses = vec!["127.0.0.1/32".parse().unwrap()];
    let text = refused_start(&bad).to_string();
    assert_eq!(
        text,
        "the tunnel's address 127.0.0.1 is already an address of this machine, on lo; take that \
         interface down (`wg-quick down`), or give the tunnel another Address"
    );

    let mut bad = spec(1, None);
    bad.interface.addresses = vec!["224.0.0.1/32".parse().unwrap()];
    assert!(
        refused_start(&bad)
            .to_string()
            .starts_with("Address: 224.0.0.1 is no address")
    );
}

#[test]
fn an_endpoint_that_cannot_be_reached_does_not_start() {
    // A link-local address without its link.
    let bad = spec(2, Some("[fe80::1]:51820".parse().unwrap()));
    assert_eq!(
        refused_start(&bad).to_string(),
        "there is no route to the endpoint [fe80::1]:51820: Invalid argument (os error 22); check \
         that the network is up and that this machine has IPv6"
    );
}

#[test]
fn an_endpoint_may_be_a_name() {
    let one = start(1, None);
    let mut named = spec(2, None);
    named.peers[0].endpoint = Some(Endpoint {
        host: Host::Name("localhost".to_owned()),
        port: one.port(),
    });
    let two = Tunnel::start(&named, &Options::default()).unwrap();
    let _ = connected(&one, &two);
}

#[test]
fn two_listeners_on_one_port_are_refused_until_the_first_has_gone() {
    let (one, _two) = pair();
    let first = one.listen(PORT, Vec::new()).unwrap();
    let error = one.listen_held(PORT, Vec::new()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(first);
    one.listen(PORT, Vec::new()).unwrap();
}
