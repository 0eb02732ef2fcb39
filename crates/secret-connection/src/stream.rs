//! `SecretConnection` over anything that reads and writes: a TCP or Unix
//! socket, or a stream in memory.
//!
//! Invariants:
//! - A read that times out loses nothing: the next one goes on in mid-frame.
//! - A write that fails spoils the sending side for good, since part of a frame
//!   may be out. A refused frame spoils the receiving side.
//! - Reading and writing allocate nothing per frame once the buffers have grown.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

use thiserror::Error;

use crate::connect::{self, HandshakeFailure, Pause};
use crate::record::{
    DATA_START, MAX_DATA_LEN, OpenError, Opener, SEALED_FRAME_LEN, SealError, SealedFrame, Sealer,
};
use crate::{Identity, PeerId};

/// The most that one `write` takes, in bytes, which bounds the buffer.
/// `write_all` goes on with the rest.
const MAX_WRITE_LEN: usize = 64 * MAX_DATA_LEN;

/// An established connection. Reads and writes carry plain data; on the wire
/// there are sealed frames only.
///
/// There is no buffering on the way out: each `write` is one `write_all` of the
/// stream beneath (up to 64 KiB of data), so give it whole messages.
pub struct SecretStream<T> {
    io: T,
    remote_public_key: [u8; 32],
    opener: Opener,
    incoming: Incoming,
    sealer: Sealer,
    outgoing: Vec<u8>,
    write_failed: bool,
}

/// What arrived: a frame in the making, or the unread data of an opened one.
struct Incoming {
    frame: Box<SealedFrame>,
    filled: usize,
    unread: Range<usize>,
}

impl<T: Read + Write> SecretStream<T> {
    /// Runs the handshake and waits for the peer as long as the stream's own
    /// read timeout allows; a timeout during it is a failure.
    ///
    /// `ephemeral_secret` must be fresh from the system's random source for each
    /// connection. On TCP, set `TCP_NODELAY` first.
    ///
    /// # Errors
    /// [`HandshakeFailure`]; the stream is dropped.
    pub fn connect(
        io: T,
        identity: &Identity,
        ephemeral_secret: [u8; 32],
    ) -> Result<Self, HandshakeFailure> {
        Self::connect_while(io, identity, ephemeral_secret, |pause, _| {
            pause != Pause::TimedOut
        })
    }

    /// As [`connect`](Self::connect), but asks `keep_waiting` before each
    /// further read, with the number of bytes that the peer has sent so far.
    /// With a short read timeout on the stream, this is where to look at a
    /// deadline or a request to stop; `false` ends the handshake as
    /// [`HandshakeFailure::Silent`] or [`HandshakeFailure::Stalled`].
    ///
    /// # Errors
    /// [`HandshakeFailure`]; the stream is dropped.
    pub fn connect_while(
        mut io: T,
        identity: &Identity,
        ephemeral_secret: [u8; 32],
        keep_waiting: impl FnMut(Pause, usize) -> bool,
    ) -> Result<Self, HandshakeFailure> {
        let established = connect::run(&mut io, identity, ephemeral_secret, keep_waiting)?;
        let remote_public_key = *established.remote_public_key();
        let (sealer, opener) = established.into_records();
        Ok(Self {
            io,
            remote_public_key,
            opener,
            incoming: Incoming::new(),
            sealer,
            outgoing: Vec::with_capacity(SEALED_FRAME_LEN),
            write_failed: false,
        })
    }
}

impl<T> SecretStream<T> {
    /// The fingerprint of the peer's proven key. Compare it with the expected
    /// one before the first read or write, if one is expected.
    #[must_use]
    pub fn remote_peer_id(&self) -> PeerId {
        PeerId::from_public_key(&self.remote_public_key)
    }

    /// The peer's proven Ed25519 public key.
    #[must_use]
    pub const fn remote_public_key(&self) -> &[u8; 32] {
        &self.remote_public_key
    }

    /// The stream beneath, for its address and timeouts.
    #[must_use]
    pub const fn get_ref(&self) -> &T {
        &self.io
    }

    /// The stream beneath. Reading or writing there directly ruins the
    /// connection.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Whether nothing is under way from the peer: no unread data and no frame
    /// begun. Tells an idle peer from one that stopped in mid-frame.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.incoming.filled == 0 && self.incoming.unread.is_empty()
    }
}

impl<T: Read> Read for SecretStream<T> {
    /// Returns decrypted data; `Ok(0)` when the peer closed between two frames
    /// (which an attacker can bring about as well: the protocol has no sealed
    /// end mark).
    ///
    /// # Errors
    /// Those of the stream beneath, unchanged; after `WouldBlock`, `TimedOut`
    /// and `Interrupted` reading goes on as if nothing had been. `UnexpectedEof`
    /// and `InvalidData` carry a [`StreamError`].
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.incoming.unread.is_empty() {
            if !self.incoming.fill_from(&mut self.io)? {
                return Ok(0);
            }
            self.incoming.open_with(&mut self.opener)?;
        }
        Ok(self.incoming.take(buffer))
    }
}

impl<T: Write> Write for SecretStream<T> {
    /// Seals up to 64 KiB of data and writes all frames at once. `Ok` means that
    /// all of them are with the stream beneath.
    ///
    /// # Errors
    /// Those of the stream beneath, a timeout among them; every later write then
    /// fails with [`StreamError::WriteFailed`].
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.write_failed {
            return Err(StreamError::WriteFailed.into());
        }
        let data = data.get(..MAX_WRITE_LEN).unwrap_or(data);
        self.outgoing.clear();
        self.sealer
            .seal(data, &mut self.outgoing)
            .map_err(StreamError::Seal)?;
        self.write_failed = true;
        self.io.write_all(&self.outgoing)?;
        self.write_failed = false;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.io.flush()
    }
}

impl Incoming {
    fn new() -> Self {
        Self {
            frame: Box::new([0; SEALED_FRAME_LEN]),
            filled: 0,
            unread: 0..0,
        }
    }

    /// Reads on until the frame is whole. `false` at the end of the stream.
    fn fill_from(&mut self, io: &mut impl Read) -> io::Result<bool> {
        loop {
            let rest = self.frame.get_mut(self.filled..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(true);
            }
            match (io.read(rest)?, self.filled) {
                (0, 0) => return Ok(false),
                (0, received) => return Err(StreamError::ClosedInFrame { received }.into()),
                (count, _) => self.filled += count,
            }
        }
    }

    fn open_with(&mut self, opener: &mut Opener) -> io::Result<()> {
        self.filled = 0;
        let data = opener.open(&mut self.frame).map_err(StreamError::Open)?;
        self.unread = DATA_START..DATA_START + data.len();
        Ok(())
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let unread = self.frame.get(self.unread.clone()).unwrap_or_default();
        let count = buffer.len().min(unread.len());
        for (to, from) in buffer.iter_mut().zip(unread) {
            *to = *from;
        }
        self.unread.start += count;
        count
    }
}

/// What ends an established connection, beyond the errors of the stream
/// beneath. Found inside the [`io::Error`] of a read or write.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StreamError {
    /// The stream ended within a frame.
    #[error(
        "the peer closed the connection in the middle of a frame, after {received} of 1044 bytes"
    )]
    ClosedInFrame {
        /// How much of the frame had arrived, in bytes.
        received: usize,
    },
    /// The peer sent a frame that is refused.
    #[error(transparent)]
    Open(OpenError),
    /// Nothing more can be sealed.
    #[error(transparent)]
    Seal(SealError),
    /// An earlier write failed half-way.
    #[error("an earlier write to the peer failed, so nothing more is sent; reconnect")]
    WriteFailed,
}

impl StreamError {
    /// Finds one in an error that a [`SecretStream`] returned.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        let kind = match error {
            StreamError::ClosedInFrame { .. } => ErrorKind::UnexpectedEof,
            StreamError::Open(_) => ErrorKind::InvalidData,
            StreamError::Seal(_) => ErrorKind::Other,
            StreamError::WriteFailed => ErrorKind::BrokenPipe,
        };
        Self::new(kind, error)
    }
}
