//! Dialling and dialling again: how soon, how often, and that nobody waits for anybody else.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use testnode::{Listener, ReservedPort};

use crate::support::{
    Asker, CHAIN, Home, PATIENCE, Rig, Tmkms, address, chain_id, precommit, prevote,
};

/// A signer for a node at this address, which need not exist.
fn start(addr: &str, lines: &str) -> (Home, Tmkms) {
    let mut home = Home::new();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, addr, lines);
    let tmkms = home.start();
    (home, tmkms)
}

#[test]
fn node_that_starts_late_is_reached_within_700_ms() {
    let port = ReservedPort::new().unwrap();
    let (_home, tmkms) = start(&format!("tcp://{}", port.addr().unwrap()), "");
    tmkms.wait_for("connection refused");
    std::thread::sleep(Duration::from_secs(1));
    let started = Instant::now();
    let node = port.listen().unwrap();
    let connection = node.accept_raw(PATIENCE).unwrap();
    let took = started.elapsed();
    assert!(took <= Duration::from_millis(700), "{took:?}");
    drop(connection);
    Asker::new(node.accept(PATIENCE).unwrap()).sign(&prevote(1, "a"));
}

#[test]
fn log_tells_once_why_there_is_no_connection() {
    let port = ReservedPort::new().unwrap();
    let (_home, tmkms) = start(&format!("tcp://{}", port.addr().unwrap()), "");
    let line = tmkms.wait_for("connection refused");
    for cause in ["nothing listens there", "priv_validator_laddr"] {
        assert!(line.contains(cause), "{line}");
    }
    assert!(line.contains(" WARN tmkms::session: ["), "{line}");
    // Half a dozen tries.
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(tmkms.count("connection refused"), 1);
}

#[test]
fn tries_follow_each_other_within_500_ms() {
    let rig = Rig::new();
    let mut last = None;
    let mut gaps = Vec::new();
    for _ in 0..8 {
        drop(rig.node.accept_raw(PATIENCE).unwrap());
        let now = Instant::now();
        gaps.extend(last.map(|last| now - last));
        last = Some(now);
    }
    // The waits themselves are at most 50, 100, 200 and 400 ms, then 500 ms; the rest is leave
    // for a busy machine.
    assert!(gaps[0] < Duration::from_millis(300), "{gaps:?}");
    assert!(
        gaps.iter().all(|gap| *gap < Duration::from_millis(800)),
        "{gaps:?}"
    );
    assert_eq!(
        rig.tmkms.count("something accepts and closes"),
        1,
        "{:#?}",
        rig.tmkms.lines()
    );
    rig.accept().sign(&prevote(1, "a"));
}

#[test]
fn node_that_restarts_is_served_again_at_once() {
    let rig = Rig::new();
    let addr = rig.node.tcp_addr().unwrap();
    rig.accept().sign(&prevote(1, "a"));
    drop(rig.node);
    rig.tmkms.wait_for("connection refused");
    let started = Instant::now();
    // Its identity is another one, as with a real node.
    let node = Listener::tcp_at(addr).unwrap();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    assert!(started.elapsed() < Duration::from_secs(2));
    asker.sign(&precommit(1, "a"));
    rig.tmkms
        .wait_for_nth("connected to validator successfully", 2);
}

#[test]
fn unix_socket_that_does_not_exist_yet_is_reached_when_it_does() {
    let mut home = Home::new();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, "unix://late.sock", "");
    let tmkms = home.start();
    let line = tmkms.wait_for("the socket does not exist");
    assert!(
        line.contains("the node is down, or priv_validator_laddr"),
        "{line}"
    );
    let node = Listener::unix(&home.path("late.sock")).unwrap();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    // A node that died leaves its socket file behind.
    drop((asker, node));
    let line = tmkms.wait_for("connection refused");
    assert!(line.contains("nothing listens there"), "{line}");
}

#[test]
fn unix_socket_that_closes_at_once_does_not_fill_the_log() {
    let mut home = Home::new();
    let node = Listener::unix(&home.path("node.sock")).unwrap();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, "unix://node.sock", "");
    let tmkms = home.start();
    for _ in 0..6 {
        drop(node.accept_raw(PATIENCE).unwrap());
    }
    tmkms.wait_for("the node closed the connection");
    assert!(
        tmkms.count("connected to validator") <= 1,
        "{:#?}",
        tmkms.lines()
    );
    assert_eq!(tmkms.count("the node closed the connection"), 1);
    // It serves, and the log says so.
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    tmkms.wait_for_nth("connected to validator successfully", 2);
    // From here on it is an ordinary connection that ends.
    drop(asker);
    tmkms.wait_for_nth("the node closed the connection", 2);
}

#[test]
fn name_that_does_not_resolve_is_told_with_its_likely_cause() {
    let (_home, tmkms) = start("tcp://nonexistent.invalid:26659", "");
    let line = tmkms.wait_for("the host name cannot be resolved");
    assert!(line.contains("is the node's container running"), "{line}");
}

#[test]
fn host_that_does_not_answer_is_told_with_its_likely_cause() {
    let silent = Silent::new();
    let (_home, tmkms) = start(&format!("tcp://{}", silent.addr()), "");
    let line = tmkms.wait_for("connecting timed out after 900 ms");
    assert!(line.contains("a firewall drops the packets"), "{line}");
}

/// A port that answers no connection attempt: its queue is full, so the system drops them.
struct Silent {
    listener: std::net::TcpListener,
    _queue: Vec<std::net::TcpStream>,
}

impl Silent {
    fn new() -> Self {
        let listener = ReservedPort::new().unwrap().listen_with_backlog(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let wait = Duration::from_millis(50);
        let queue = std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&addr, wait).ok());
        Self {
            _queue: queue.take(8).collect(),
            listener,
        }
    }

    fn addr(&self) -> std::net::SocketAddr {
        self.listener.local_addr().unwrap()
    }
}

#[test]
fn unix_socket_with_a_full_queue_is_told_and_does_not_hold_up_the_end() {
    let mut home = Home::new();
    let listener = rustix_unix_listener(&home.path("full.sock"));
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, "unix://full.sock", "");
    // The queue of one is taken.
    let _taken = std::os::unix::net::UnixStream::connect(home.path("full.sock")).unwrap();
    let tmkms = home.start();
    let line = tmkms.wait_for("connecting timed out after 900 ms");
    assert!(line.contains("no answer at all"), "{line}");
    let ended = tmkms.stop();
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
    drop(listener);
}

fn rustix_unix_listener(path: &std::path::Path) -> UnixListener {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&socket, 0).unwrap();
    UnixListener::from(socket)
}

#[test]
fn dead_nodes_delay_neither_another_chain_nor_another_node_of_their_own() {
    let silent = Silent::new();
    // Accepts by the kernel only, and says nothing: the handshake waits.
    let mute = Listener::tcp().unwrap();
    let (good, other) = (Listener::tcp().unwrap(), Listener::tcp().unwrap());
    let mut home = Home::new();
    home.add_chain(CHAIN, "");
    home.add_chain("dead-1", "");
    home.add_chain("other-1", "");
    home.add_node(CHAIN, &format!("tcp://{}", silent.addr()), "");
    home.add_node(CHAIN, &address(&mute), "");
    home.add_node(CHAIN, &address(&good), "");
    home.add_node("dead-1", "tcp://nonexistent.invalid:26659", "");
    home.add_node("other-1", &address(&other), "");
    let tmkms = home.start();
    let mut asker = Asker::new(good.accept(PATIENCE).unwrap());
    let mut on_other = other.accept(PATIENCE).unwrap();
    let mut slowest = Duration::ZERO;
    let started = Instant::now();
    // Long enough for the others to time out, fail and dial again.
    for height in 1.. {
        let asked = Instant::now();
        asker.sign(&precommit(height, "a"));
        on_other.public_key("other-1").unwrap();
        slowest = slowest.max(asked.elapsed());
        if started.elapsed() > Duration::from_millis(1_500) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(slowest < Duration::from_millis(400), "{slowest:?}");
    tmkms.wait_for("connecting timed out");
    tmkms.wait_for("[dead-1@tcp://nonexistent.invalid:26659] the host name cannot be resolved");
}

#[test]
fn node_that_is_silent_past_the_timeout_is_dropped_and_dialled_again() {
    let rig = Rig::with("", "timeout = 1");
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    let started = Instant::now();
    let line = rig
        .tmkms
        .wait_for("nothing arrived for 1 s, not even a ping");
    assert!(line.contains("it is frozen or overloaded"), "{line}");
    assert!(started.elapsed() >= Duration::from_millis(900));
    // The node sees the end, and a new connection.
    assert!(asker.signer.receive().unwrap_err().is_clean_close());
    rig.accept().sign(&precommit(1, "a"));
}

#[test]
fn node_that_pings_is_not_dropped() {
    let rig = Rig::with("", "timeout = 1");
    let mut asker = rig.accept();
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(250));
        asker.signer.ask(&privval::node_side::ping()).unwrap();
    }
    asker.sign(&prevote(1, "a"));
    assert_eq!(rig.tmkms.count("connected to validator"), 1);
}

#[test]
fn node_with_another_peer_id_gets_nothing() {
    let node = Listener::tcp().unwrap();
    let addr = node.tcp_addr().unwrap();
    let (_home, tmkms) = start(&format!("tcp://{}@{addr}", node.peer_id()), "");
    // The right one is served...
    let expected = node.peer_id();
    Asker::new(node.accept(PATIENCE).unwrap()).sign(&prevote(1, "a"));
    drop(node);
    // ...until it restarts, with another identity.
    let node = Listener::tcp_at(addr).unwrap();
    let mut signer = node.accept(PATIENCE).unwrap();
    let error = signer.public_key(chain_id().as_str()).unwrap_err();
    assert!(error.is_clean_close(), "{error}");
    let line = tmkms.wait_for("the node's peer ID is");
    let text = format!(
        "the node's peer ID is {}, tmkms.toml says {expected}: a node makes a new identity",
        node.peer_id()
    );
    assert!(line.contains(&text), "{line}");
    assert!(line.contains("ERROR"), "{line}");
    assert!(
        line.contains("remove the id and protect the path instead"),
        "{line}"
    );
}
