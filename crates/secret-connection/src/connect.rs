//! Drives the handshake over a byte stream, and sorts what can go wrong there.
//!
//! Invariant: a failure says how far the peer got, so that the session can name
//! the likely cause: nothing behind the address, a busy node, a proxy, another
//! protocol, or an attack.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use thiserror::Error;

use crate::Identity;
use crate::handshake::{
    AwaitAuth, AwaitEphemeral, EPHEMERAL_MESSAGE_LEN, Established, Handshake, HandshakeError,
};
use crate::record::SEALED_FRAME_LEN;

/// Why there is no connection, by what the peer did.
#[derive(Debug, Error)]
pub enum HandshakeFailure {
    /// End of stream or reset, and the peer never said anything.
    #[error("the peer closed the connection before it sent a byte")]
    ClosedBeforeFirstByte,
    /// End of stream or reset after the peer had begun.
    #[error("the peer closed the connection during the handshake, {stage}, after {received} bytes")]
    ClosedDuringHandshake {
        /// What was awaited.
        stage: Stage,
        /// Bytes that had arrived since the connection began, 1 or more.
        received: usize,
    },
    /// The time ran out, and the peer never said anything.
    #[error("the peer accepted the connection but sent nothing in the time allowed")]
    Silent,
    /// The time ran out after the peer had begun.
    #[error("the peer fell silent during the handshake, {stage}, after {received} bytes")]
    Stalled {
        /// What was awaited.
        stage: Stage,
        /// Bytes that had arrived since the connection began, 1 or more.
        received: usize,
    },
    /// The peer speaks another protocol, or a broken one.
    #[error("the peer does not speak SecretConnection: {0}")]
    Garbage(HandshakeError),
    /// The peer failed a cryptographic check.
    #[error("the peer failed the handshake: {0}")]
    Cryptographic(HandshakeError),
    /// Another error of the underlying stream.
    #[error("the connection failed during the handshake, {stage}: {source}")]
    Io {
        /// What was awaited.
        stage: Stage,
        /// What the stream reported.
        source: io::Error,
    },
}

/// The two things that the handshake waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The peer's ephemeral key, in the clear.
    Ephemeral,
    /// The peer's identity and signature, sealed.
    Auth,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ephemeral => "while its ephemeral key was awaited",
            Self::Auth => "while its proof of identity was awaited",
        })
    }
}

/// Why the handshake is about to wait once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// The stream's own timeout passed, or it would have blocked.
    TimedOut,
    /// A signal interrupted the system call.
    Interrupted,
    /// A part of a message arrived; the rest is still due.
    Partial,
}

impl From<HandshakeError> for HandshakeFailure {
    fn from(error: HandshakeError) -> Self {
        if error.is_garbage() {
            Self::Garbage(error)
        } else {
            Self::Cryptographic(error)
        }
    }
}

/// Runs the handshake as `SecretStream::connect_while` describes.
pub(crate) fn run<T: Read + Write>(
    io: &mut T,
    identity: &Identity,
    ephemeral_secret: [u8; 32],
    keep_waiting: impl FnMut(Pause, usize) -> bool,
) -> Result<Established, HandshakeFailure> {
    let mut driver = Driver {
        io,
        stage: Stage::Ephemeral,
        received: 0,
        keep_waiting,
    };
    let (state, first) = Handshake::start(identity, ephemeral_secret);
    driver.send(&first)?;
    let (state, sealed) = driver.exchange_ephemeral(state)?;
    driver.stage = Stage::Auth;
    driver.send(&sealed)?;
    driver.receive_auth(state)
}

struct Driver<'a, T, F> {
    io: &'a mut T,
    stage: Stage,
    received: usize,
    keep_waiting: F,
}

impl<T: Read + Write, F: FnMut(Pause, usize) -> bool> Driver<'_, T, F> {
    fn exchange_ephemeral(
        &mut self,
        state: AwaitEphemeral<'_>,
    ) -> Result<(AwaitAuth, Vec<u8>), HandshakeFailure> {
        let mut message = [0; EPHEMERAL_MESSAGE_LEN];
        self.fill(&mut message, AwaitEphemeral::check_prefix)?;
        Ok(state.handle(&message)?)
    }

    fn receive_auth(&mut self, state: AwaitAuth) -> Result<Established, HandshakeFailure> {
        let mut frame = [0; SEALED_FRAME_LEN];
        self.fill(&mut frame, |_| Ok(()))?;
        Ok(state.handle(&frame)?)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), HandshakeFailure> {
        self.io
            .write_all(bytes)
            .and_then(|()| self.io.flush())
            .map_err(|error| self.failure(error))
    }

    fn fill(
        &mut self,
        buffer: &mut [u8],
        check: fn(&[u8]) -> Result<(), HandshakeError>,
    ) -> Result<(), HandshakeFailure> {
        let mut filled = 0;
        loop {
            let rest = buffer.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            match self.io.read(rest) {
                Ok(0) => return Err(self.failure(ErrorKind::UnexpectedEof.into())),
                Ok(count) => {
                    filled += count;
                    self.received += count;
                    check(buffer.get(..filled).unwrap_or_default())?;
                    if filled < buffer.len() {
                        self.pause(Pause::Partial, ErrorKind::TimedOut.into())?;
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        self.pause(Pause::TimedOut, error)?;
                    }
                    ErrorKind::Interrupted => self.pause(Pause::Interrupted, error)?,
                    _ => return Err(self.failure(error)),
                },
            }
        }
    }

    fn pause(&mut self, pause: Pause, error: io::Error) -> Result<(), HandshakeFailure> {
        if (self.keep_waiting)(pause, self.received) {
            Ok(())
        } else {
            Err(self.failure(error))
        }
    }

    /// A peer that closes with our bytes unread shows as a reset, or as a
    /// broken pipe on the next write: all of these are "closed".
    fn failure(&self, source: io::Error) -> HandshakeFailure {
        let (stage, received) = (self.stage, self.received);
        match (source.kind(), received) {
            (
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::NotConnected
                | ErrorKind::BrokenPipe
                | ErrorKind::WriteZero,
                received,
            ) => match received {
                0 => HandshakeFailure::ClosedBeforeFirstByte,
                _ => HandshakeFailure::ClosedDuringHandshake { stage, received },
            },
            (ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted, 0) => {
                HandshakeFailure::Silent
            }
            (ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted, _) => {
                HandshakeFailure::Stalled { stage, received }
            }
            _ => HandshakeFailure::Io { stage, source },
        }
    }
}
