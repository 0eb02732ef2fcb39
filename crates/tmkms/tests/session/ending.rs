//! How a signer ends: on a signal, after the request in hand; or because a node is gone for good.

use std::time::Duration;

use privval::node_side::Answer;
use rustix::process::Signal;
use testnode::{Listener, ReservedPort, verifies};

use crate::support::{
    Asker, CHAIN, Ended, Home, PATIENCE, Random, Rig, Tmkms, address, framed, prevote, spin,
};

/// An operator's service manager waits longer; a person at a terminal does not.
const AT_ONCE: Duration = Duration::from_secs(2);

fn start(addr: &str, lines: &str) -> (Home, Tmkms) {
    let mut home = Home::new();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, addr, lines);
    let tmkms = home.start();
    (home, tmkms)
}

fn ends_well(tmkms: Tmkms, signal: Signal) -> Ended {
    tmkms.signal(signal);
    let ended = tmkms.wait();
    assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.lines);
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);
    ended
}

#[test]
fn signals_end_an_idle_connection_with_exit_code_0() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let rig = Rig::new();
        let mut asker = rig.accept();
        asker.sign(&prevote(1, "a"));
        let ended = ends_well(rig.tmkms, signal);
        assert!(ended.says(&format!("{name}: finishing the requests in hand")));
        assert!(!ended.says("the node closed"), "{:#?}", ended.lines);
        assert!(asker.signer.receive().unwrap_err().is_clean_close());
    }
}

#[test]
fn signal_ends_the_sleep_between_two_tries() {
    let port = ReservedPort::new().unwrap();
    let (_home, tmkms) = start(&format!("tcp://{}", port.addr().unwrap()), "");
    tmkms.wait_for("connection refused");
    ends_well(tmkms, Signal::TERM);
}

#[test]
fn signal_ends_the_long_sleep_after_what_waiting_does_not_mend() {
    let rig = Rig::new();
    // Each try doubles the wait; the last one is of 1.6 to 3.2 s.
    for _ in 0..7 {
        use std::io::Write as _;
        let mut stream = rig.node.accept_raw(PATIENCE).unwrap();
        stream.write_all(b"garbage").unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    let ended = ends_well(rig.tmkms, Signal::TERM);
    assert!(ended.took < Duration::from_secs(1), "{:?}", ended.took);
}

#[test]
fn signal_ends_a_dial_that_nobody_answers() {
    let full = ReservedPort::new().unwrap().listen_with_backlog(0).unwrap();
    let addr = full.local_addr().unwrap();
    let short = Duration::from_millis(50);
    let _queue: Vec<_> = (0..3)
        .map(|_| std::net::TcpStream::connect_timeout(&addr, short))
        .collect();
    let (_home, tmkms) = start(&format!("tcp://{addr}"), "");
    tmkms.wait_for("starting up");
    // In the middle of the first attempt.
    std::thread::sleep(Duration::from_millis(100));
    ends_well(tmkms, Signal::TERM);
}

#[test]
fn signal_ends_a_handshake_in_which_the_node_says_nothing() {
    let rig = Rig::new();
    let _silent = rig.node.accept_raw(PATIENCE).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let ended = ends_well(rig.tmkms, Signal::TERM);
    // An end on request is no trouble.
    assert!(!ended.says("handshake"), "{:#?}", ended.lines);
}

#[test]
fn signal_ends_the_search_for_a_name_and_for_a_socket() {
    for (addr, line) in [
        ("tcp://nonexistent.invalid:1", "cannot be resolved"),
        ("unix://missing.sock", "the socket does not exist"),
    ] {
        let (_home, tmkms) = start(addr, "");
        tmkms.wait_for(line);
        ends_well(tmkms, Signal::TERM);
    }
}

#[test]
fn request_in_hand_is_answered_in_full_or_not_at_all() {
    const ROUNDS: i64 = 40;
    let mut random = Random::new();
    let node = Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    // With nothing known, a height that goes unanswered would hold back the next.
    home.put_state(CHAIN, 10);
    let mut answered = 0;
    for height in 11..11 + ROUNDS {
        let before = home.state(CHAIN).0;
        let tmkms = home.start();
        let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
        let asked = prevote(height, "a");
        let (send_after, stop_after) = (random.below(1_500), random.below(3_000));
        let reply = std::thread::scope(|scope| {
            let asker = &mut asker;
            let reply = scope.spawn(move || {
                spin(Duration::from_micros(send_after));
                asker.signer.send(&framed(&asked))?;
                asker.signer.receive()
            });
            spin(Duration::from_micros(stop_after));
            tmkms.signal(Signal::TERM);
            reply.join().unwrap()
        });
        let ended = tmkms.wait();
        assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.lines);
        let state = home.state(CHAIN).0;
        match reply {
            Ok(reply) => {
                let Answer::Vote(signed) = Answer::parse(&reply) else {
                    panic!("{reply:?}");
                };
                let sign_bytes = prevote(height, "a").sign_bytes();
                assert!(verifies(&asker.key, &sign_bytes, &signed.signature));
                assert_eq!(state, height);
                assert!(ended.says(&format!("at h/r/s {height}/0/1")));
                assert!(asker.signer.receive().unwrap_err().is_clean_close());
                answered += 1;
            }
            Err(error) => {
                assert!(error.is_clean_close(), "{error}");
                assert!(state == before || state == height, "{state}");
            }
        }
    }
    println!("{answered} of {ROUNDS} answered");
}

#[test]
fn node_without_reconnect_ends_the_process_when_it_is_not_there() {
    let port = ReservedPort::new().unwrap();
    let addr = port.addr().unwrap();
    let (_home, tmkms) = start(&format!("tcp://{addr}"), "reconnect = false");
    let ended = tmkms.wait();
    assert_eq!(ended.status.code(), Some(1));
    ended.line(&format!(
        "error: [{CHAIN}@tcp://{addr}] connection refused; reconnect = false, so the signer ends"
    ));
}

#[test]
fn node_without_reconnect_ends_the_process_when_it_is_gone() {
    let rig = Rig::with("", "reconnect = false");
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    drop(asker);
    let ended = rig.tmkms.wait();
    assert_eq!(ended.status.code(), Some(1));
    ended.line("the node closed the connection; reconnect = false, so the signer ends");
    // What was signed stays signed.
    assert_eq!(rig.home.state(CHAIN), (1, 0, 1));
}

#[test]
fn signal_ends_a_node_without_reconnect_with_exit_code_0() {
    let rig = Rig::with("", "reconnect = false");
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    ends_well(rig.tmkms, Signal::TERM);
}

#[test]
fn node_without_reconnect_takes_the_other_sessions_with_it() {
    let nodes = [Listener::tcp().unwrap(), Listener::tcp().unwrap()];
    let mut home = Home::new();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, &address(&nodes[0]), "reconnect = false");
    home.add_node(CHAIN, &address(&nodes[1]), "");
    let tmkms = home.start();
    let once = Asker::new(nodes[0].accept(PATIENCE).unwrap());
    let mut other = Asker::new(nodes[1].accept(PATIENCE).unwrap());
    other.sign(&prevote(1, "a"));
    drop(once);
    let ended = tmkms.wait();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);
    assert!(other.signer.receive().unwrap_err().is_clean_close());
}
