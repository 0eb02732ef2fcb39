//! Nodes that fail the handshake: each is told with its likely cause, gets nothing, and a good
//! node on the same port is served right after.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use secret_connection::{EPHEMERAL_MESSAGE_LEN, Handshake, Identity, SEALED_FRAME_LEN};
use testnode::{RawStream, Signer};

use crate::support::{CHAIN, PATIENCE, Random, Rig, prevote};

/// What happens when a node does this after it has accepted: `expected` is in the log, and the
/// next node is served.
fn bad_node(expected: &[&str], behave: impl FnOnce(&mut TcpStream)) {
    let rig = Rig::new();
    let mut stream = accept_tcp(&rig);
    behave(&mut stream);
    let line = rig.tmkms.wait_for(expected[0]);
    for text in expected {
        assert!(line.contains(text), "{text:?} is not in {line}");
    }
    drop(stream);
    rig.accept().sign(&prevote(1, "a"));
    rig.tmkms.wait_for("connected to validator successfully");
    // Only the good one.
    assert_eq!(rig.tmkms.count("connected to validator"), 1);
}

fn accept_tcp(rig: &Rig) -> TcpStream {
    match rig.node.accept_raw(PATIENCE).unwrap() {
        RawStream::Tcp(stream) => stream,
        RawStream::Unix(_) => unreachable!(),
    }
}

fn ephemeral(point: [u8; 32]) -> Vec<u8> {
    [&[0x22, 0x0a, 0x20], point.as_slice()].concat()
}

fn read_ephemeral(stream: &mut TcpStream) -> [u8; EPHEMERAL_MESSAGE_LEN] {
    let mut message = [0; EPHEMERAL_MESSAGE_LEN];
    stream.read_exact(&mut message).unwrap();
    message
}

/// Anything that is a point and not the signer's.
fn some_point() -> [u8; 32] {
    let identity = Identity::from_seed(&[1; 32]);
    let (_, message) = Handshake::start(&identity, [9; 32]);
    message[3..].try_into().unwrap()
}

#[test]
fn closes_at_once() {
    bad_node(
        &[
            "something accepts and closes at once: usually Docker's proxy",
            "priv_validator_laddr is 0.0.0.0:PORT",
            "WARN",
        ],
        |stream| stream.shutdown(Shutdown::Both).unwrap(),
    );
}

#[test]
fn closes_in_the_middle_of_its_first_message() {
    bad_node(
        &[
            "closed the connection during the handshake",
            "after 10 bytes",
        ],
        |stream| {
            stream.write_all(&ephemeral(some_point())[..10]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        },
    );
}

#[test]
fn closes_before_its_proof_of_identity() {
    bad_node(
        &[
            "while its proof of identity was awaited, after 35 bytes",
            "or a node that gave up waiting",
        ],
        |stream| {
            stream.write_all(&ephemeral(some_point())).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        },
    );
}

#[test]
fn speaks_another_protocol() {
    bad_node(
        &[
            "does not speak SecretConnection",
            "what listens there is not a node's priv_validator_laddr: check host and port",
            "ERROR",
        ],
        |stream| {
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            stream.write_all(answer).unwrap();
        },
    );
}

#[test]
fn sends_random_bytes() {
    let mut random = Random::new();
    let bytes: Vec<u8> = (0..5_000).map(|_| random.below(256) as u8 | 0x80).collect();
    bad_node(&["does not speak SecretConnection"], |stream| {
        stream.write_all(&bytes).unwrap();
    });
}

#[test]
fn says_nothing() {
    bad_node(
        &[
            "another signer holds its only slot, the node is not reading yet",
            "packets over the path's MTU are lost",
            "WARN",
        ],
        |_| (),
    );
}

#[test]
fn falls_silent_in_the_middle() {
    bad_node(
        &[
            "fell silent during the handshake, while its proof of identity was awaited",
            "the connection stands but the node says nothing",
        ],
        |stream| stream.write_all(&ephemeral(some_point())).unwrap(),
    );
}

#[test]
fn sends_a_point_of_low_order() {
    // RFC 7748, section 6.1; the list is that of <https://cr.yp.to/ecdh.html#validate>.
    let mut one = [0; 32];
    one[0] = 1;
    let mut order_8 = [0; 32];
    hex_to(
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        &mut order_8,
    );
    for point in [[0; 32], one, order_8] {
        bad_node(
            &[
                "its ephemeral key is a point of low order",
                "something stands between",
                "ERROR",
            ],
            |stream| stream.write_all(&ephemeral(point)).unwrap(),
        );
    }
}

fn hex_to(text: &str, bytes: &mut [u8]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    }
}

#[test]
fn sends_our_ephemeral_key_back() {
    bad_node(
        &[
            "it sent our own ephemeral key back",
            "something stands between signer and node",
        ],
        |stream| {
            let ours = read_ephemeral(stream);
            stream.write_all(&ours).unwrap();
        },
    );
}

#[test]
fn sends_a_proof_that_cannot_be_opened() {
    bad_node(
        &["its proof of identity cannot be opened", "ERROR"],
        |stream| {
            stream.write_all(&ephemeral(some_point())).unwrap();
            stream.write_all(&[7; SEALED_FRAME_LEN]).unwrap();
        },
    );
}

#[test]
fn sends_our_own_proof_back() {
    bad_node(&["its proof of identity cannot be opened"], |stream| {
        stream.write_all(&ephemeral(some_point())).unwrap();
        read_ephemeral(stream);
        let mut proof = [0; SEALED_FRAME_LEN];
        stream.read_exact(&mut proof).unwrap();
        stream.write_all(&proof).unwrap();
    });
}

#[test]
fn node_that_speaks_first_is_a_good_node() {
    let rig = Rig::new();
    let mut stream = accept_tcp(&rig);
    let identity = Identity::from_seed(&[3; 32]);
    let (state, first) = Handshake::start(&identity, [5; 32]);
    stream.write_all(&first).unwrap();
    // The signer's proof can only have been made with our key.
    let ours = read_ephemeral(&mut stream);
    let mut proof = [0; SEALED_FRAME_LEN];
    stream.read_exact(&mut proof).unwrap();
    let (state, sealed) = state.handle(&ours).unwrap();
    stream.write_all(&sealed).unwrap();
    assert!(state.handle(&proof).is_ok());
    rig.tmkms.wait_for("connected to validator successfully");
}

#[test]
fn node_that_waits_for_the_signer_to_speak_is_a_good_node() {
    let rig = Rig::new();
    let stream = accept_tcp(&rig);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut first = [0; 1];
    while stream.peek(&mut first).unwrap() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let identity = Identity::from_seed(&[3; 32]);
    let mut signer = Signer::secret(stream, &identity, [5; 32]).unwrap();
    signer.public_key(CHAIN).unwrap();
}

#[test]
fn node_that_shows_the_signers_own_identity_gets_nothing() {
    let rig = Rig::new();
    let stream = accept_tcp(&rig);
    let file = rig.home.path("secrets/identity.key");
    let seed = keys::read_identity(&file, keys::FilePermissions::RequirePrivate).unwrap();
    // Its own check refuses as well; the signer's line is what counts.
    let _ = Signer::secret(stream, &Identity::from_seed(&seed), [5; 32]);
    rig.tmkms
        .wait_for("it has the same identity key as this end");
    rig.accept().sign(&prevote(1, "a"));
}
