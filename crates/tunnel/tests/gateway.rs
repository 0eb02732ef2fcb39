//! A gateway before a node with one slot, and what it does to either side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use common::{PORT, Relay, inside, pair, spec, start};
use tunnel::gateway::{Forward, Gateway, State};
use tunnel::{Options, Tunnel, TunnelStream};

const LIMIT: Duration = Duration::from_secs(5);
const DIAL: Duration = Duration::from_secs(4);

/// A node's port, as CometBFT has it: one connection is served, the others wait in the kernel.
struct Node(TcpListener);

impl Node {
    fn listening() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn at(address: SocketAddr) -> Self {
        Self(TcpListener::bind(address).unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn accept(&self) -> TcpStream {
        let limit = Instant::now() + LIMIT;
        loop {
            match self.waiting() {
                Some(stream) => return stream,
                None if Instant::now() > limit => panic!("no connection came"),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// The next connection in the backlog.
    fn waiting(&self) -> Option<TcpStream> {
        self.0.set_nonblocking(true).unwrap();
        let (stream, _) = self.0.accept().ok()?;
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Some(stream)
    }
}

/// An address where nobody listens now. Something else could take it before the node does; the
/// range of ports is wide.
fn reserved() -> SocketAddr {
    Node::listening().address()
}

fn forward(upstream: SocketAddr) -> Forward {
    Forward {
        port: PORT,
        upstream: upstream.to_string(),
        allowed: vec![IpAddr::from([10, 97, 0, 2]).into()],
    }
}

fn gateway(tunnel: &Tunnel, upstream: SocketAddr) -> Gateway {
    Gateway::start(tunnel, vec![forward(upstream)]).unwrap()
}

fn dial(tunnel: &Tunnel) -> std::io::Result<TunnelStream> {
    let stream = tunnel.connect(inside(1), DIAL)?;
    stream.set_read_timeout(Some(LIMIT));
    Ok(stream)
}

/// A signer in session with the node, both having spoken.
fn session(signer: &Tunnel, node: &Node) -> (TunnelStream, TcpStream) {
    let mut dialled = dial(signer).unwrap();
    let mut accepted = node.accept();
    check(&mut dialled, &mut accepted);
    (dialled, accepted)
}

/// Bytes go both ways.
fn check(signer: &mut TunnelStream, node: &mut TcpStream) {
    let mut buffer = [0; 4];
    node.write_all(b"sign").unwrap();
    signer.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"sign");
    signer.write_all(b"done").unwrap();
    node.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"done");
}

fn until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

#[test]
fn a_signer_is_connected_to_the_node() {
    let node = Node::listening();
    let (one, two) = pair();
    let gateway = gateway(&one, node.address());
    let (mut signer, mut accepted) = session(&two, &node);
    let long = vec![9; 200_000];
    std::thread::scope(|scope| {
        scope.spawn(|| (&accepted).write_all(&long).unwrap());
        let mut read = vec![0; long.len()];
        signer.read_exact(&mut read).unwrap();
        assert_eq!(read, long);
    });
    check(&mut signer, &mut accepted);
    let status = &gateway.status()[0];
    assert_eq!(status.state, State::Forwarding(signer.local_addr()));
    assert_eq!((status.sessions, status.refused), (1, 0));
    assert!(node.waiting().is_none());
}

#[test]
fn a_signer_waits_for_a_node_that_starts_and_is_its_only_connection() {
    let address = reserved();
    let (one, two) = pair();
    let gateway = gateway(&one, address);
    std::thread::scope(|scope| {
        let dialling = scope.spawn(|| dial(&two));
        until(
            "it holds",
            || matches!(&gateway.status()[0].state, State::Holding(why) if why.contains("refused")),
        );
        std::thread::sleep(Duration::from_millis(500));
        assert!(
            !dialling.is_finished(),
            "not answered while the node is away"
        );
        let node = Node::at(address);
        let began = Instant::now();
        let mut accepted = node.accept();
        println!("connected {:?} after the node listened", began.elapsed());
        let mut signer = dialling.join().unwrap().unwrap();
        check(&mut signer, &mut accepted);
        assert!(began.elapsed() < Duration::from_secs(2));
        assert!(node.waiting().is_none());
    });
}

#[test]
fn a_signer_is_refused_when_the_node_stays_away() {
    let (one, two) = pair();
    let gateway = gateway(&one, reserved());
    let begun = Instant::now();
    let error = dial(&two).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!((2900..4000).contains(&begun.elapsed().as_millis()));
    assert_eq!(gateway.status()[0].refused, 1);
    assert_eq!(gateway.status()[0].sessions, 0);
}

#[test]
fn the_node_sees_at_once_that_the_signer_has_gone() {
    let node = Node::listening();
    let (one, two) = pair();
    let _gateway = gateway(&one, node.address());
    let (signer, mut accepted) = session(&two, &node);
    drop(signer);
    let begun = Instant::now();
    assert_eq!(accepted.read(&mut [0; 8]).unwrap(), 0, "closed in order");
    assert!(begun.elapsed() < Duration::from_millis(500));

    let (signer, mut accepted) = session(&two, &node);
    signer.abort();
    let begun = Instant::now();
    let error = accepted.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[test]
fn no_live_connection_of_a_signer_that_left_stays_in_the_backlog() {
    let node = Node::listening();
    let (one, two) = pair();
    let gateway = gateway(&one, node.address());
    let signer = dial(&two).unwrap();
    until("a session", || gateway.status()[0].sessions == 1);
    drop(signer);
    until("its end", || gateway.status()[0].state == State::Idle);
    // The node has not accepted it until now.
    let mut stale = node.accept();
    let error = stale.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let _ = session(&two, &node);
}

#[test]
fn the_signer_sees_how_the_node_ended() {
    let node = Node::listening();
    let (one, two) = pair();
    let _gateway = gateway(&one, node.address());
    let (mut signer, mut accepted) = session(&two, &node);
    accepted.write_all(b"bye").unwrap();
    drop(accepted);
    let mut last = Vec::new();
    signer.read_to_end(&mut last).unwrap();
    assert_eq!(last, b"bye");

    let (mut signer, accepted) = session(&two, &node);
    // Closing with unread bytes is a reset.
    signer.write_all(b"unread").unwrap();
    until("the bytes to be there", || {
        accepted.peek(&mut [0; 6]).is_ok_and(|len| len == 6)
    });
    drop(accepted);
    let error = signer.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_port_scan_of_an_allowed_peer_does_not_touch_the_session() {
    let node = Node::listening();
    let (one, two) = pair();
    let gateway = gateway(&one, node.address());
    let (mut signer, mut accepted) = session(&two, &node);
    for _ in 0..10 {
        let limit = Duration::from_millis(100);
        let error = two.connect(inside(1), limit).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
    check(&mut signer, &mut accepted);
    assert!(
        node.waiting().is_none(),
        "the node was offered one connection"
    );
    assert_eq!(gateway.status()[0].sessions, 1);
}

#[test]
fn a_second_dial_gets_its_turn_when_the_first_session_ends() {
    let node = Node::listening();
    let (one, two) = pair();
    let _gateway = gateway(&one, node.address());
    let (signer, accepted) = session(&two, &node);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| dial(&two));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!second.is_finished());
        drop((signer, accepted));
        let mut accepted = node.accept();
        let mut signer = second.join().unwrap().unwrap();
        check(&mut signer, &mut accepted);
    });
}

#[test]
fn a_signer_that_was_killed_and_started_again_is_back_within_2_s() {
    let node = Node::listening();
    let one = start(1, None);
    let gateway = gateway(&one, node.address());
    let relay = Relay::to(SocketAddr::new([127, 0, 0, 1].into(), one.port()));
    let killed = start(2, Some(relay.address));
    let (_signer, mut old) = session(&killed, &node);
    // What a killed process would not send either stays in the relay.
    relay.cut();
    std::thread::sleep(Duration::from_millis(50));

    let begun = Instant::now();
    let restarted = start(2, Some(SocketAddr::new([127, 0, 0, 1].into(), one.port())));
    let mut signer = dial(&restarted).unwrap();
    let error = old.read(&mut [0; 8]).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ConnectionReset,
        "the old one was ended"
    );
    let mut accepted = node.accept();
    check(&mut signer, &mut accepted);
    println!("back after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(gateway.status()[0].sessions, 2);
}

#[test]
fn a_gateway_that_was_restarted_connects_a_signer_that_dials_on() {
    let node = Node::listening();
    let one = start(1, None);
    let port = one.port();
    let first = gateway(&one, node.address());
    let two = start(2, Some(SocketAddr::new([127, 0, 0, 1].into(), port)));
    let (_signer, _accepted) = session(&two, &node);
    drop((first, one));
    let dialling = std::thread::spawn(move || (dial(&two), two));
    std::thread::sleep(Duration::from_millis(500));

    let begun = Instant::now();
    let mut again = spec(1, None);
    again.interface.listen_port = Some(port);
    let one = Tunnel::start(&again, &Options::default()).unwrap();
    let _second = gateway(&one, node.address());
    let (signer, _two) = dialling.join().unwrap();
    let mut accepted = node.accept();
    check(&mut signer.unwrap(), &mut accepted);
    println!("back after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[test]
fn strangers_get_no_answer_and_are_counted() {
    let node = Node::listening();
    let (one, two) = pair();
    let mut forward = forward(node.address());
    forward.allowed = vec!["10.97.0.77/32".parse().unwrap()];
    let gateway = Gateway::start(&one, vec![forward]).unwrap();
    let limit = Duration::from_millis(300);
    let error = two.connect(inside(1), limit).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(node.waiting().is_none());
    drop(node);
    // They are counted when they are reported, at most every 10 s, and at the end.
    gateway.stop();
    assert!(gateway.status()[0].strangers >= 1);
}

#[test]
fn what_cannot_work_does_not_start() {
    let (one, _two) = pair();
    let start = |upstream: &str, allowed: &[&str]| {
        let forward = Forward {
            port: PORT,
            upstream: upstream.to_owned(),
            allowed: allowed.iter().map(|net| net.parse().unwrap()).collect(),
        };
        Gateway::start(&one, vec![forward])
            .err()
            .map(|e| e.to_string())
    };
    assert_eq!(
        start("sekai.local", &["10.97.0.2/32"]).unwrap(),
        "the upstream of port 26659 is `sekai.local`; write it as host:port, sekai.local:26659 for \
         example"
    );
    assert_eq!(
        start("sekai.local:26659", &[]).unwrap(),
        "port 26659 allows nobody; name the signers' addresses inside the tunnel"
    );
    let node = Node::listening();
    let twice = vec![forward(node.address()), forward(node.address())];
    let error = Gateway::start(&one, twice).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    // The first of the two has not stayed behind.
    assert_eq!(start("127.0.0.1:1", &["10.97.0.2/32"]), None);
}

#[test]
fn stopping_ends_the_session_on_both_sides() {
    let node = Node::listening();
    let (one, two) = pair();
    let gateway = gateway(&one, node.address());
    let (mut signer, mut accepted) = session(&two, &node);
    gateway.stop();
    assert!(accepted.read(&mut [0; 8]).is_err());
    let error = signer.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = two.connect(inside(1), Duration::from_millis(300));
    assert_eq!(error.err().unwrap().kind(), ErrorKind::ConnectionRefused);
}
