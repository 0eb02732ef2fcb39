//! Against another implementation, `cometbft-p2p`, over real sockets: whichever
//! end dials, both directions, messages of 0 to 5,000 bytes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use cometbft_p2p::{IdentitySecret, ReadMsg, SecretConnection, TryCloneIo, WriteMsg};
use secret_connection::{Identity, SecretStream};

const OURS: [u8; 32] = [1; 32];
const THEIRS: [u8; 32] = [2; 32];
const LIMIT: Duration = Duration::from_secs(20);

const LENGTHS: [usize; 14] = [
    0, 1, 2, 3, 100, 1018, 1019, 1020, 1021, 1024, 1025, 2048, 3000, 5000,
];

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `BytesValue` with its length in front, as `cometbft-p2p` reads and writes a
/// `Vec<u8>`.
fn encode(content: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    if !content.is_empty() {
        body.push(0x0a);
        varint(content.len(), &mut body);
        body.extend_from_slice(content);
    }
    let mut message = Vec::new();
    varint(body.len(), &mut message);
    message.extend_from_slice(&body);
    message
}

/// The other implementation sends back whatever it gets.
fn echo<S: Read + Write + Send + Sync + TryCloneIo>(socket: S) {
    let identity = IdentitySecret::from_bytes(&THEIRS);
    let mut connection = SecretConnection::new(socket, &identity).unwrap();
    let key = connection.peer_public_key().ed25519().unwrap();
    assert_eq!(key.to_bytes(), Identity::from_seed(&OURS).public_key());
    for _ in LENGTHS {
        let message: Vec<u8> = connection.read_msg().unwrap();
        connection.write_msg(&message).unwrap();
    }
}

fn talk<S: Read + Write>(socket: S, ephemeral: u8) {
    let identity = Identity::from_seed(&OURS);
    let mut stream = SecretStream::connect(socket, &identity, [ephemeral; 32]).unwrap();
    let theirs = Identity::from_seed(&THEIRS);
    assert_eq!(stream.remote_peer_id(), theirs.peer_id());
    assert_eq!(stream.remote_public_key(), &theirs.public_key());
    for length in LENGTHS {
        let message = encode(&data(length));
        stream.write_all(&message).unwrap();
        let mut answer = vec![0; message.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, message, "{length} bytes");
        assert!(stream.is_idle());
    }
    let mut end = [0];
    assert_eq!(stream.read(&mut end).unwrap(), 0, "the peer has closed");
}

#[test]
fn the_other_implementation_understands_us_over_a_unix_socket() {
    // Which ephemeral key is lower is up to chance on their side: several
    // rounds see both orders.
    for ephemeral in 1..=16 {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_read_timeout(Some(LIMIT)).unwrap();
        there.set_read_timeout(Some(LIMIT)).unwrap();
        let peer = thread::spawn(move || echo(there));
        talk(here, ephemeral);
        peer.join().unwrap();
    }
}

#[test]
fn either_end_may_dial_over_tcp() {
    for we_dial in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let accepted = listener.accept().unwrap().0;
        for socket in [&dialled, &accepted] {
            socket.set_nodelay(true).unwrap();
            socket.set_read_timeout(Some(LIMIT)).unwrap();
        }
        let (here, there) = if we_dial {
            (dialled, accepted)
        } else {
            (accepted, dialled)
        };
        let peer = thread::spawn(move || echo(there));
        talk(here, 5);
        peer.join().unwrap();
    }
}
