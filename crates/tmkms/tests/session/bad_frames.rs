//! Nodes that shake hands well and then send what cannot be read: the connection ends with a
//! line that says why, nothing is signed, and a good node on the same port is served after it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privval::MAX_FRAME_LEN;
use secret_connection::Identity;
use testnode::{Listener, RawStream, Signer};

use crate::support::{
    Asker, CHAIN, Fields, Home, PATIENCE, Random, Rig, framed, nil_prevote, prevote,
};

/// A connection whose bytes on the wire are at hand.
struct Wire {
    asker: Asker,
    /// Beneath the encryption.
    stream: TcpStream,
    /// What was written last.
    last: Arc<Mutex<Vec<u8>>>,
}

struct Tap {
    stream: TcpStream,
    last: Arc<Mutex<Vec<u8>>>,
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.last.lock().unwrap() = bytes.to_vec();
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    fn accept(rig: &Rig) -> Self {
        let RawStream::Tcp(stream) = rig.node.accept_raw(PATIENCE).unwrap() else {
            unreachable!()
        };
        let last = Arc::<Mutex<Vec<u8>>>::default();
        let tap = Tap {
            stream: stream.try_clone().unwrap(),
            last: last.clone(),
        };
        let identity = Identity::from_seed(&[3; 32]);
        let signer = Signer::secret(tap, &identity, rig_secret()).unwrap();
        Self {
            asker: Asker::new(signer),
            stream,
            last,
        }
    }

    fn last(&self) -> Vec<u8> {
        self.last.lock().unwrap().clone()
    }
}

fn rig_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).unwrap();
    secret
}

/// Signs height 1, behaves badly, sees the end of the connection and its line in the log, then
/// has a good node go on.
fn bad_node(expected: &[&str], behave: impl FnOnce(&mut Wire)) {
    let rig = Rig::new();
    let mut wire = Wire::accept(&rig);
    wire.asker.sign(&nil_prevote(1));
    behave(&mut wire);
    let line = rig.tmkms.wait_for(expected[0]);
    for text in expected {
        assert!(line.contains(text), "{text:?} is not in {line}");
    }
    assert!(wire.asker.signer.receive().unwrap_err().is_clean_close());
    assert_eq!(rig.home.state(CHAIN), (1, 0, 1));
    let mut asker = rig.accept();
    asker.sign(&nil_prevote(1));
    asker.sign(&prevote(2, "a"));
}

#[test]
fn replays_a_sealed_frame() {
    bad_node(
        &[
            "failed authentication: it was altered, repeated or reordered on the way",
            "something between signer and node",
        ],
        |wire| {
            let frame = wire.last();
            wire.stream.write_all(&frame).unwrap();
        },
    );
}

#[test]
fn alters_a_sealed_frame() {
    bad_node(&["failed authentication"], |wire| {
        let mut frame = wire.last();
        frame[100] ^= 1;
        wire.stream.write_all(&frame).unwrap();
    });
}

#[test]
fn sends_plain_bytes_after_the_handshake() {
    bad_node(&["failed authentication"], |wire| {
        wire.stream.write_all(&[0; 1044]).unwrap();
    });
}

#[test]
fn closes_in_the_middle_of_a_sealed_frame() {
    bad_node(
        &["closed the connection in the middle of a frame, after 500 of 1044 bytes"],
        |wire| {
            let frame = wire.last();
            wire.stream.write_all(&frame[..500]).unwrap();
            wire.stream.shutdown(Shutdown::Write).unwrap();
        },
    );
}

#[test]
fn closes_in_the_middle_of_a_request() {
    bad_node(&["the node closed the connection"], |wire| {
        let request = framed(&prevote(2, "a"));
        wire.asker
            .signer
            .send(&request[..request.len() - 1])
            .unwrap();
        wire.stream.shutdown(Shutdown::Write).unwrap();
    });
}

#[test]
fn announces_a_message_that_is_too_long() {
    bad_node(
        &[
            "a message of 2162689 bytes was announced, at most 2162688 are accepted",
            "what speaks there is not a node of a known version",
            "ERROR",
        ],
        |wire| {
            let len = MAX_FRAME_LEN + 1;
            let prefix = [
                len as u8 | 0x80,
                (len >> 7) as u8 | 0x80,
                (len >> 14) as u8 | 0x80,
                (len >> 21) as u8,
            ];
            wire.asker.signer.send(&prefix).unwrap();
        },
    );
}

#[test]
fn announces_a_length_that_is_no_number() {
    bad_node(&["the length of the message is not a number"], |wire| {
        wire.asker.signer.send(&[0xff; 11]).unwrap();
    });
}

#[test]
fn longest_message_is_read_and_answered() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    // A malformed vote with an address that fills the message to the bound.
    let vote = |len| {
        let vote = Fields::new().number(1, 7).bytes(6, vec![0; len]);
        Fields::new()
            .bytes(3, Fields::new().bytes(1, vote))
            .framed()
    };
    let around = vote(MAX_FRAME_LEN - 100).len() - (MAX_FRAME_LEN - 100);
    let longest = vote(MAX_FRAME_LEN + 4 - around);
    assert_eq!(
        longest.len(),
        MAX_FRAME_LEN + 4,
        "with its length before it"
    );
    let (_, why) = asker.refused_bytes(&longest);
    assert!(why.contains("vote type 7"), "{why}");
    asker.sign(&prevote(1, "a"));
}

#[test]
fn stops_in_the_middle_of_a_request_and_is_dropped() {
    let rig = Rig::with("", "timeout = 1");
    let mut asker = rig.accept();
    let request = framed(&prevote(1, "a"));
    asker.signer.send(&request[..request.len() - 1]).unwrap();
    rig.tmkms.wait_for("nothing arrived for 1 s");
    assert_eq!(rig.home.state(CHAIN), (0, 0, 0));
    rig.accept().sign(&prevote(1, "a"));
}

#[test]
fn request_in_many_small_pieces_is_one_request() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    for byte in framed(&nil_prevote(1)) {
        asker.signer.send(&[byte]).unwrap();
    }
    asker.signer.receive().unwrap();
    rig.tmkms.wait_for("signed Prevote:<nil> at h/r/s 1/0/1");
}

#[test]
fn random_bytes_on_a_unix_socket_sign_nothing() {
    let mut random = Random::new();
    let mut home = Home::new();
    let node = Listener::unix(&home.path("node.sock")).unwrap();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, "unix://node.sock", "timeout = 1");
    let tmkms = home.start();
    for _ in 0..3 {
        let mut stream = node.accept_raw(PATIENCE).unwrap();
        let len = random.below(3_000);
        // Small first bytes, so that some of it is taken for messages.
        let bytes: Vec<u8> = (0..len)
            .map(|_| (random.below(40) * random.below(7)) as u8)
            .collect();
        // Fails when the signer has hung up already.
        let _ = stream.write_all(&bytes);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(tmkms.count("] signed "), 0);
    Asker::new(node.accept(PATIENCE).unwrap()).sign(&prevote(1, "a"));
}
