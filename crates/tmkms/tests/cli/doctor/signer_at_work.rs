//! A signer that runs, and nodes that are not as they should be.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use testnode::Listener;

use super::{Diagnosis, RpcServer, Says, address, closed_port, kms};
use crate::home::Home;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};

const TIME: privval::Timestamp = privval::Timestamp {
    seconds: 1_769_804_797,
    nanos: 0,
};

fn prevote_at(height: i64) -> privval::Canonical {
    let chain = privval::ChainId::new(CHAIN).unwrap();
    testnode::prevote(&chain, privval::Height::try_from(height).unwrap(), TIME)
}

/// Looks again until a finding is there: a signer takes its time to see what is wrong.
pub(super) fn wait_for(home: &Home, id: &str) -> Diagnosis {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = Diagnosis::of(home, &[]);
        if found.find(id).is_some() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {id} in {found:#?}");
        sleep(Duration::from_millis(50));
    }
}

/// A listener that does something with each connection.
fn peer(serve: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    port
}

#[test]
fn signer_at_work_has_nothing_to_mend() {
    let home = Home::new();
    let node = node(&home);
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    let rpc = RpcServer::start(Says::validator(&address(&home)));
    let found = Diagnosis::of(&home, &["--rpc", &rpc.url]);
    assert_eq!(found.complaints(), [""; 0], "{found:#?}");
    for id in [
        "config.ok",
        "port.connected",
        "signer.running",
        "signer.connected",
        "key.ok",
        "state.locked",
        "state.ok",
        "state.fits_node",
    ] {
        assert!(found.find(id).is_some(), "no {id} in {found:#?}");
    }
    // The signer was not disturbed by being looked at.
    sign(&mut connection, &key, 2);
    assert_eq!(signer.stop().code, 0);
}

/// "endpoint connection timed out" in the guide.
#[test]
fn signer_that_does_not_run_is_what_ends_a_node() {
    let home = Home::new();
    let _node = node(&home);
    Diagnosis::of(&home, &[])
        .has(
            "signer.not_running",
            "broken",
            "tmkms start -c kms/tmkms.toml",
        )
        .tells("signer.not_running", "endpoint connection timed out")
        .has("port.no_signer", "broken", "tmkms status");
}

/// "Connection refused" in the guide.
#[test]
fn port_at_which_nobody_listens_is_refused() {
    let home = Home::new();
    kms(&home, &format!("tcp://127.0.0.1:{}", closed_port()));
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "signer.node_refused")
        .has(
            "signer.node_refused",
            "broken",
            "tmkms doctor --node-home DIR",
        )
        .has("signer.node_refused", "broken", "priv_validator_laddr")
        .has(
            "port.nobody_listens",
            "broken",
            "scaller start --restart always",
        );
}

/// "protocol error: I/O error" in the guide: what Docker's proxy does before a dead node.
#[test]
fn peer_that_accepts_and_closes_is_no_node_that_listens() {
    let home = Home::new();
    kms(&home, &format!("tcp://127.0.0.1:{}", peer(drop)));
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "signer.node_accepts_and_closes")
        .has("signer.node_accepts_and_closes", "broken", "Docker's proxy")
        .has("signer.node_accepts_and_closes", "broken", "--node-home");
}

#[test]
fn peer_that_accepts_and_says_nothing_has_another_signer() {
    let home = Home::new();
    let silent = peer(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    kms(&home, &format!("tcp://127.0.0.1:{silent}"));
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "signer.node_silent").has("signer.node_silent", "broken", "a second signer");
}

#[test]
fn peer_that_is_no_node_is_told() {
    let home = Home::new();
    let web = peer(|mut stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n0123456789012345678901234567890");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    kms(&home, &format!("tcp://127.0.0.1:{web}"));
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "signer.node_is_none").has(
        "signer.node_is_none",
        "broken",
        "grep ^priv_validator_laddr",
    );
}

/// A node's identity is another at each start.
#[test]
fn peer_id_in_addr_is_to_be_taken_out() {
    let home = Home::new();
    let node = Listener::tcp().unwrap();
    let port = node.tcp_addr().unwrap().port();
    let id = "f88883b673fc69d7869cab098de3bafc2ff76eb8";
    kms(&home, &format!("tcp://{id}@127.0.0.1:{port}"));
    let _signer = Signer::start(&home, &[]);
    let _accepted = node.accept(PATIENCE);
    let step = format!("addr = \"tcp://127.0.0.1:{port}\"");
    wait_for(&home, "signer.node_peer_id")
        .has("signer.node_peer_id", "broken", &step)
        .has("config.warnings", "warning", "help:");
}

/// "Chain ID mismatch" in the guide.
#[test]
fn request_for_another_chain_is_told_with_where_to_look() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    connection.public_key("testnet-9").unwrap_err();
    Diagnosis::of(&home, &[])
        .has(
            "signer.wrong_chain",
            "broken",
            "grep chain_id NODE_HOME/config/genesis.json",
        )
        .tells("signer.wrong_chain", "testnet-9");
}

#[test]
fn refusal_of_a_moment_ago_is_told() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    connection.sign(&key, &prevote_at(1), &[]).unwrap_err();
    Diagnosis::of(&home, &[])
        .has("signer.refuses", "warning", "docs/troubleshooting.md")
        .tells("signer.refuses", "is before");
}

#[test]
fn chain_without_a_past_that_lets_heights_pass_is_told() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    connection.sign(&key, &prevote_at(97), &[]).unwrap_err();
    Diagnosis::of(&home, &[]).has("signer.waiting", "warning", "tmkms state import");
}

#[test]
fn chain_whose_state_went_away_says_why_it_signs_nothing() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    home.must("rm kms/state/*.ring");
    connection.sign(&key, &prevote_at(2), &[]).unwrap_err();
    Diagnosis::of(&home, &[])
        .has("signer.stopped_signing", "broken", "restart the signer")
        .tells("signer.stopped_signing", "signs nothing");
}

#[test]
fn connection_that_has_just_broken_is_told() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let mut first = node.accept(PATIENCE).unwrap();
    first.public_key(CHAIN).unwrap();
    drop(first);
    let mut second = node.accept(PATIENCE).unwrap();
    second.public_key(CHAIN).unwrap();
    wait_for(&home, "signer.connection_new").has(
        "signer.connection_new",
        "warning",
        "look again in a minute",
    );
}

#[test]
fn node_that_speaks_another_version_than_configured_is_told() {
    let home = Home::new();
    let node = node(&home);
    home.must("sed -i '/^secret_key/a protocol_version = \"v0.34\"' kms/tmkms.toml");
    let _signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    let chain = privval::ChainId::new(CHAIN).unwrap();
    let asked = testnode::precommit(&chain, privval::Height::FIRST, TIME);
    connection.sign(&key, &asked, b"extension").unwrap();
    wait_for(&home, "signer.version_contradicted")
        .has(
            "signer.version_contradicted",
            "warning",
            "remove protocol_version",
        )
        .tells("signer.version_contradicted", "vote extensions");
}

/// Ten `nc -z` on a live port: each costs the node up to 3 s.
#[test]
fn connections_that_wait_at_the_port_are_counted() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let _connection = node.accept(PATIENCE).unwrap();
    let probes: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(node.tcp_addr().unwrap()).unwrap())
        .collect();
    Diagnosis::of(&home, &[])
        .has("port.backlog", "broken", "nothing may probe the port")
        .tells("port.backlog", "3 connections")
        .tells("port.backlog", &probes[0].local_addr().unwrap().to_string());
    // A probe that has left is still in the queue.
    drop(probes);
    Diagnosis::of(&home, &[]).tells("port.backlog", "3 connections");
}

#[test]
fn two_signers_at_one_port_are_told() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let _connection = node.accept(PATIENCE).unwrap();
    let _second = TcpStream::connect(node.tcp_addr().unwrap()).unwrap();
    let _served = node.accept_raw(PATIENCE).unwrap();
    Diagnosis::of(&home, &[]).has("port.several", "broken", "stop every signer but one");
}

#[test]
fn signer_without_a_status_socket_is_seen_by_its_lock() {
    let home = Home::new();
    let node = node(&home);
    home.must("printf '[status]\nsocket = \"off\"\n' >> kms/tmkms.toml");
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    connection.public_key(CHAIN).unwrap();
    signer.wait_for("connected to validator");
    let found = Diagnosis::of(&home, &[]);
    found
        .has("signer.unseen", "warning", "tmkms status")
        .tells("state.locked", &format!("process {}", signer.pid()))
        .lacks("signer.not_running");
}

#[test]
fn connecting_shakes_hands_while_no_signer_runs() {
    let home = Home::new();
    let node = node(&home);
    let accepted = thread::spawn(move || node.accept(PATIENCE).map(|_| ()));
    Diagnosis::of(&home, &["--connect"])
        .tells("connect.ok", "took the connection and the handshake")
        .tells("signer.stopped", "may be connected to");
    accepted.join().unwrap().unwrap();
}

#[test]
fn connecting_is_left_undone_while_a_signer_runs() {
    let home = Home::new();
    let node = node(&home);
    let _signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    connection.public_key(CHAIN).unwrap();
    Diagnosis::of(&home, &["--connect"])
        .has("connect.signer_runs", "warning", "leave --connect out")
        .lacks("connect.ok");
    let second = node.accept_raw(Duration::from_millis(200));
    assert!(second.is_err(), "a second connection came");
}

#[test]
fn connecting_to_nobody_is_told_as_the_signer_tells_it() {
    let home = Home::new();
    kms(&home, &format!("tcp://127.0.0.1:{}", closed_port()));
    Diagnosis::of(&home, &["--connect"])
        .has("connect.fails", "broken", "nothing listens there")
        .tells("connect.fails", "connection refused");
    home.must("rm kms/secrets/kms-identity.key");
    Diagnosis::of(&home, &["--connect"]).has("connect.no_identity", "warning", "identity");
}

/// The lock that a signer would need is held meanwhile; a tunnel whose port is taken is not dialled
/// around.
#[test]
fn connecting_needs_the_lock_and_the_tunnel() {
    let home = Home::new();
    kms(&home, "tcp://10.200.0.1:26659");
    let taken = std::net::UdpSocket::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    home.must(&format!(
        "tmkms wireguard pair --endpoint 203.0.113.1 --signer kms/wg0.conf --validator v.conf &&
         sed -i 's/^Address/ListenPort = {port}\\nAddress/' kms/wg0.conf &&
         printf '[wireguard]\nconfig = \"wg0.conf\"\n' >> kms/tmkms.toml"
    ));
    Diagnosis::of(&home, &["--connect"]).has("connect.tunnel", "broken", "the tunnel's file");
}
