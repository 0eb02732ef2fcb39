//! The stream over sockets that dribble, time out, break and lie.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic: that is how it fails"
)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use secret_connection::{
    Handshake, HandshakeError, HandshakeFailure, Identity, OpenError, Pause, SEALED_FRAME_LEN,
    SecretStream, Stage, StreamError,
};

const LIMIT: Duration = Duration::from_secs(20);

fn identity(seed: u8) -> Identity {
    Identity::from_seed(&[seed; 32])
}

fn sockets() -> (UnixStream, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    for socket in [&here, &there] {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.set_write_timeout(Some(LIMIT)).unwrap();
    }
    (here, there)
}

fn join<A: Read + Write, B: Read + Write + Send + 'static>(
    here: A,
    there: B,
) -> (SecretStream<A>, SecretStream<B>) {
    let peer = thread::spawn(move || {
        SecretStream::connect_while(there, &identity(2), [4; 32], |_, _| true).unwrap()
    });
    let here = SecretStream::connect_while(here, &identity(1), [3; 32], |_, _| true).unwrap();
    (here, peer.join().unwrap())
}

fn connected() -> (SecretStream<UnixStream>, SecretStream<UnixStream>) {
    let (here, there) = sockets();
    join(here, there)
}

/// What `connect` says about a peer that does this.
fn failure(peer: impl FnOnce(UnixStream) -> Option<UnixStream>) -> HandshakeFailure {
    let (here, there) = sockets();
    here.set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let _kept_open = peer(there);
    match SecretStream::connect(here, &identity(1), [3; 32]) {
        Ok(_) => panic!("the handshake must fail"),
        Err(failure) => failure,
    }
}

fn ephemeral_message() -> Vec<u8> {
    Handshake::start(&identity(2), [4; 32]).1.to_vec()
}

fn stream_error(error: &io::Error) -> StreamError {
    *StreamError::of(error).expect("an error of ours")
}

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

/// One byte a read, and a timeout or an interruption before each.
struct Dribble {
    socket: UnixStream,
    turn: usize,
    /// Largest piece that a single write takes.
    write_len: usize,
    writes: Vec<usize>,
}

impl Dribble {
    fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            turn: 0,
            write_len: usize::MAX,
            writes: Vec::new(),
        }
    }
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        match self.turn % 4 {
            0 => self.socket.read(&mut buffer[..1]),
            1 => Err(ErrorKind::WouldBlock.into()),
            2 => Err(ErrorKind::TimedOut.into()),
            _ => Err(ErrorKind::Interrupted.into()),
        }
    }
}

impl Write for Dribble {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.writes.push(data.len());
        self.socket.write(&data[..data.len().min(self.write_len)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

#[test]
fn single_bytes_and_timeouts_lose_nothing_in_the_handshake_or_after() {
    let (here, there) = sockets();
    let mut slow = Dribble::new(here);
    slow.write_len = 1;
    let (mut here, mut there) = join(slow, there);
    assert!(here.is_idle());

    let message = data(2500);
    there.write_all(&message).unwrap();
    let mut received = Vec::new();
    let mut buffer = [0; 700];
    let mut pauses = 0;
    while received.len() < message.len() {
        match here.read(&mut buffer) {
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if is_pause(&error) => {
                pauses += 1;
                // Three pauses come before the first byte of a frame, then
                // three before each of the others.
                let begun = pauses % (3 * SEALED_FRAME_LEN) > 3;
                assert!(!begun || !here.is_idle(), "after {pauses} pauses");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(received, message);
    assert_eq!(pauses, 3 * 3 * SEALED_FRAME_LEN);

    // Single bytes fill a socket soon, so someone has to read meanwhile.
    let reader = thread::spawn(move || {
        let mut received = vec![0; 2500];
        there.read_exact(&mut received).unwrap();
        received
    });
    here.write_all(&message).unwrap();
    assert_eq!(reader.join().unwrap(), message);
}

#[test]
fn a_message_of_several_frames_is_one_write() {
    let (here, there) = sockets();
    let (mut here, mut there) = join(Dribble::new(here), there);
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        there.read_to_end(&mut received).unwrap();
        received
    });
    here.get_mut().writes.clear();
    here.write_all(&data(1024)).unwrap();
    here.write_all(&data(9000)).unwrap();
    here.write_all(&data(65 * 1024)).unwrap();
    assert_eq!(
        here.get_ref().writes,
        [1, 9, 64, 1].map(|frames| frames * SEALED_FRAME_LEN)
    );
    drop(here);
    let expected = [data(1024), data(9000), data(65 * 1024)].concat();
    assert_eq!(reader.join().unwrap(), expected);
}

#[test]
fn empty_reads_and_writes_do_nothing() {
    let (mut here, mut there) = connected();
    assert_eq!(here.write(&[]).unwrap(), 0);
    assert_eq!(there.read(&mut []).unwrap(), 0);
    here.write_all(b"x").unwrap();
    let mut byte = [0];
    there.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn leftovers_are_kept_for_the_next_read() {
    let (mut here, mut there) = connected();
    here.write_all(b"abcdef").unwrap();
    let mut part = [0; 4];
    assert_eq!(there.read(&mut part).unwrap(), 4);
    assert_eq!(&part, b"abcd");
    assert!(!there.is_idle());
    assert_eq!(there.read(&mut part).unwrap(), 2);
    assert_eq!(&part[..2], b"ef");
    assert!(there.is_idle());
}

#[test]
fn closing_between_frames_is_an_end_and_within_one_an_error() {
    let (here, mut there) = connected();
    drop(here);
    assert_eq!(there.read(&mut [0]).unwrap(), 0);

    let (here, mut there) = connected();
    here.get_ref().write_all(&[0; 100]).unwrap();
    drop(here);
    let error = there.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(
        error.to_string(),
        "the peer closed the connection in the middle of a frame, after 100 of 1044 bytes"
    );
}

#[test]
fn a_forged_frame_ends_the_reading_side_for_good() {
    let (mut here, mut there) = connected();
    here.get_ref().write_all(&[0; SEALED_FRAME_LEN]).unwrap();
    here.write_all(b"authentic").unwrap();
    let error = there.read(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let forged = OpenError::Forged { frame: 1 };
    assert_eq!(stream_error(&error), StreamError::Open(forged));
    let error = there.read(&mut [0; 9]).unwrap_err();
    assert_eq!(
        stream_error(&error),
        StreamError::Open(OpenError::AlreadyFailed)
    );
}

/// Copies every frame twice once told to.
struct Repeat(UnixStream, bool);

impl Read for Repeat {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Repeat {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write_all(data)?;
        if self.1 {
            self.0.write_all(data)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_frame_replayed_on_the_wire_is_refused() {
    let (here, there) = sockets();
    let (mut here, mut there) = join(Repeat(here, false), there);
    here.get_mut().1 = true;
    here.write_all(b"once").unwrap();
    let mut buffer = [0; 16];
    assert_eq!(there.read(&mut buffer).unwrap(), 4);
    let error = there.read(&mut buffer).unwrap_err();
    let forged = OpenError::Forged { frame: 2 };
    assert_eq!(stream_error(&error), StreamError::Open(forged));
}

#[test]
fn a_write_that_failed_half_way_is_never_followed_by_another() {
    let (mut here, _there) = connected();
    here.get_ref()
        .set_write_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    // Nobody reads on the other end, so the socket fills up.
    let error = (0..1000)
        .find_map(|_| here.write_all(&data(60_000)).err())
        .expect("a full socket");
    assert!(is_pause(&error), "{error}");
    let error = here.write(b"more").unwrap_err();
    assert_eq!(stream_error(&error), StreamError::WriteFailed);
    assert_eq!(
        error.to_string(),
        "an earlier write to the peer failed, so nothing more is sent; reconnect"
    );
}

#[test]
fn a_peer_that_closes_at_once_is_told_from_one_that_is_silent() {
    let closed = failure(|_| None);
    assert!(matches!(closed, HandshakeFailure::ClosedBeforeFirstByte));
    assert_eq!(
        closed.to_string(),
        "the peer closed the connection before it sent a byte"
    );
    let half_closed = failure(|socket| {
        socket.shutdown(Shutdown::Write).unwrap();
        Some(socket)
    });
    assert!(matches!(
        half_closed,
        HandshakeFailure::ClosedBeforeFirstByte
    ));
    let silent = failure(Some);
    assert!(matches!(silent, HandshakeFailure::Silent));
    assert_eq!(
        silent.to_string(),
        "the peer accepted the connection but sent nothing in the time allowed"
    );
}

#[test]
fn a_peer_that_stops_half_way_is_described() {
    for (length, stage) in [(3, Stage::Ephemeral), (35, Stage::Auth), (100, Stage::Auth)] {
        let mut bytes = ephemeral_message();
        bytes.resize(length, 0);

        let stalled = failure(|mut socket| {
            socket.write_all(&bytes).unwrap();
            Some(socket)
        });
        assert!(
            matches!(stalled, HandshakeFailure::Stalled { stage: s, received } if s == stage && received == length),
            "{stalled}"
        );
        let closed = failure(|mut socket| {
            socket.write_all(&bytes).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            Some(socket)
        });
        assert_eq!(
            closed.to_string(),
            format!(
                "the peer closed the connection during the handshake, {stage}, after {length} bytes"
            )
        );
    }
}

#[test]
fn a_reset_counts_as_closed() {
    // With most of our first message unread the kernel resets.
    let (here, mut there) = sockets();
    let closer = thread::spawn(move || there.read_exact(&mut [0]).unwrap());
    let result = SecretStream::connect(here, &identity(1), [3; 32]);
    closer.join().unwrap();
    assert!(matches!(
        result.err(),
        Some(HandshakeFailure::ClosedBeforeFirstByte)
    ));
}

#[test]
fn another_protocol_is_garbage_even_if_it_says_little() {
    let failed = failure(|mut socket| {
        socket.write_all(b"HTTP/1.1 4").unwrap();
        Some(socket)
    });
    assert!(matches!(failed, HandshakeFailure::Garbage(_)));
    assert_eq!(
        failed.to_string(),
        "the peer does not speak SecretConnection: its first bytes are not those of a SecretConnection"
    );
}

#[test]
fn a_proof_that_cannot_be_opened_is_a_cryptographic_failure() {
    let failed = failure(|mut socket| {
        let mut bytes = ephemeral_message();
        bytes.resize(35 + SEALED_FRAME_LEN, 7);
        socket.write_all(&bytes).unwrap();
        Some(socket)
    });
    assert!(matches!(
        failed,
        HandshakeFailure::Cryptographic(HandshakeError::Record(OpenError::Forged { frame: 0 }))
    ));
}

#[test]
fn a_caller_can_stop_the_wait_even_while_the_peer_dribbles() {
    let (here, mut there) = sockets();
    there.write_all(&ephemeral_message()).unwrap();
    let mut pauses = Vec::new();
    let slow = Dribble::new(here);
    let result = SecretStream::connect_while(slow, &identity(1), [3; 32], |pause, received| {
        pauses.push((pause, received));
        pauses.len() < 20
    });
    assert!(matches!(
        result.err(),
        Some(HandshakeFailure::Stalled {
            stage: Stage::Ephemeral,
            received: 5
        })
    ));
    let expected: Vec<_> = (0..5)
        .flat_map(|received| {
            [
                (Pause::TimedOut, received),
                (Pause::TimedOut, received),
                (Pause::Interrupted, received),
                (Pause::Partial, received + 1),
            ]
        })
        .collect();
    assert_eq!(pauses, expected);
}

#[test]
fn a_whole_message_is_used_without_waiting_for_more() {
    let (here, there) = sockets();
    let peer = thread::spawn(move || SecretStream::connect(there, &identity(2), [4; 32]).is_ok());
    let mut partial = Vec::new();
    let slow = Dribble::new(here);
    let result = SecretStream::connect_while(slow, &identity(1), [3; 32], |pause, received| {
        if pause == Pause::Partial {
            partial.push(received);
        }
        true
    });
    assert!(result.is_ok());
    assert!(peer.join().unwrap());
    let whole = [35, 35 + SEALED_FRAME_LEN];
    let expected: Vec<_> = (1..=whole[1]).filter(|n| !whole.contains(n)).collect();
    assert_eq!(partial, expected);
}
