//! Listening for a signer, and talking to it as a node does.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use privval::node_side::{self, Answer};
use privval::{Canonical, Deframer, FrameError, PublicKey};
use secret_connection::{HandshakeFailure, Identity, SecretStream};

use crate::verify::verifies;

/// How long a node waits for one answer (CometBFT `privval/signer_endpoint.go`).
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// What goes wrong while talking to a signer.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The network failed, or the signer closed.
    #[error("the connection to the signer failed: {0}")]
    Io(#[from] io::Error),
    /// No signer came.
    #[error("no signer connected within {} s", .0.as_secs())]
    NoSigner(Duration),
    /// The handshake failed.
    #[error("the handshake with the signer failed: {0}")]
    Handshake(#[from] HandshakeFailure),
    /// The answer cannot be cut out.
    #[error("the signer's answer is broken: {0}")]
    Frame(#[from] FrameError),
    /// The signer refused.
    #[error("the signer refused: {0}")]
    Refused(String),
    /// The answer is of another kind than the question.
    #[error("the signer answered something else: {0:?}")]
    Unexpected(Answer),
    /// The signature does not verify.
    #[error("the signature of {0} does not verify")]
    BadSignature(String),
}

/// Waits for signers, as a node with `priv_validator_laddr` set.
pub struct Listener {
    socket: Socket,
    identity: Identity,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens on a free port of 127.0.0.1. The identity is fresh, as a node's is.
    ///
    /// # Errors
    /// What the system says.
    pub fn tcp() -> Result<Self, NodeError> {
        Self::new(Socket::Tcp(TcpListener::bind("127.0.0.1:0")?))
    }

    /// Listens on a Unix socket, in plain.
    ///
    /// # Errors
    /// What the system says.
    pub fn unix(path: &Path) -> Result<Self, NodeError> {
        Self::new(Socket::Unix(UnixListener::bind(path)?))
    }

    fn new(socket: Socket) -> Result<Self, NodeError> {
        match &socket {
            Socket::Tcp(listener) => listener.set_nonblocking(true)?,
            Socket::Unix(listener) => listener.set_nonblocking(true)?,
        }
        Ok(Self {
            socket,
            identity: Identity::from_seed(&random()?),
        })
    }

    /// The address, on TCP.
    #[must_use]
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// The identity that this node proves.
    #[must_use]
    pub fn peer_id(&self) -> secret_connection::PeerId {
        self.identity.peer_id()
    }

    /// Takes the next connection as it is, without a handshake: for tests of bad nodes.
    ///
    /// # Errors
    /// [`NodeError::NoSigner`] after `patience`, else what the system says.
    pub fn accept_raw(&self, patience: Duration) -> Result<RawStream, NodeError> {
        let deadline = Instant::now() + patience;
        loop {
            let accepted = match &self.socket {
                Socket::Tcp(listener) => listener.accept().map(|(s, _)| RawStream::Tcp(s)),
                Socket::Unix(listener) => listener.accept().map(|(s, _)| RawStream::Unix(s)),
            };
            match accepted {
                Ok(stream) => {
                    stream.tune()?;
                    return Ok(stream);
                }
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e.into()),
                Err(_) if Instant::now() >= deadline => {
                    return Err(NodeError::NoSigner(patience));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Takes the next signer.
    ///
    /// # Errors
    /// [`NodeError`] when none comes within `patience` or its handshake fails.
    pub fn accept(&self, patience: Duration) -> Result<Signer, NodeError> {
        let stream = self.accept_raw(patience)?;
        let stream: Box<dyn Stream> = match stream {
            RawStream::Unix(stream) => Box::new(stream),
            RawStream::Tcp(stream) => {
                Box::new(SecretStream::connect(stream, &self.identity, random()?)?)
            }
        };
        Ok(Signer {
            stream,
            deframer: Deframer::new(),
        })
    }
}

/// An accepted connection, before any handshake.
pub enum RawStream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl RawStream {
    fn tune(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(READ_TIMEOUT))
            }
            Self::Unix(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(READ_TIMEOUT))
            }
        }
    }
}

impl Read for RawStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for RawStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connected signer.
pub struct Signer {
    stream: Box<dyn Stream>,
    deframer: Deframer,
}

impl Signer {
    /// Sends bytes as they are and returns the next answer.
    ///
    /// # Errors
    /// [`NodeError`] when the connection fails or the answer is broken.
    pub fn ask(&mut self, framed: &[u8]) -> Result<Answer, NodeError> {
        self.send(framed)?;
        let mut buffer = [0; 4096];
        loop {
            if let Some(message) = self.deframer.next_message()? {
                return Ok(Answer::parse(&message));
            }
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(NodeError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            self.deframer.push(buffer.get(..count).unwrap_or_default());
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        self.stream.write_all(bytes)?;
        self.stream.flush()?;
        Ok(())
    }

    /// Asks for the public key.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn public_key(&mut self, chain_id: &str) -> Result<PublicKey, NodeError> {
        match self.ask(&node_side::pub_key_request(chain_id))? {
            Answer::PubKey(key) => Ok(key),
            other => Err(unexpected(other)),
        }
    }

    /// Asks for a signature, and verifies it for what was asked with the timestamp that came
    /// back. Returns the signature and, for an extended vote, that of the extension.
    ///
    /// # Errors
    /// [`NodeError`] when it is refused or does not verify.
    pub fn sign(
        &mut self,
        key: &PublicKey,
        asked: &Canonical,
        extension: &[u8],
    ) -> Result<node_side::Signed, NodeError> {
        let answer = match asked {
            Canonical::Vote(vote) => {
                self.ask(&node_side::sign_vote_request(vote, extension, false))?
            }
            Canonical::Proposal(proposal) => {
                self.ask(&node_side::sign_proposal_request(proposal))?
            }
        };
        let signed = match answer {
            Answer::Vote(signed) | Answer::Proposal(signed) => signed,
            other => return Err(unexpected(other)),
        };
        let mut as_signed = asked.clone();
        match &mut as_signed {
            Canonical::Vote(vote) => vote.timestamp = signed.timestamp,
            Canonical::Proposal(proposal) => proposal.timestamp = signed.timestamp,
        }
        if verifies(key, &as_signed.sign_bytes(), &signed.signature) {
            return Ok(signed);
        }
        Err(NodeError::BadSignature(asked.hrs().to_string()))
    }
}

fn unexpected(answer: Answer) -> NodeError {
    match answer {
        Answer::Refused { description, .. } => NodeError::Refused(description),
        other => NodeError::Unexpected(other),
    }
}

fn random() -> Result<[u8; 32], NodeError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| NodeError::Io(io::Error::other(e)))?;
    Ok(bytes)
}
