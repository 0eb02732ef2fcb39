//! The node's side, the same for all signers: accepts them, asks them, takes the time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use privval::node_side::Answer;
use privval::{Timestamp, node_side};
use secret_connection::{Identity, SEALED_FRAME_LEN};
use testnode::{NodeError, Signer};

use crate::contender::Contender;
use crate::error::BenchError;
use crate::requests::Request;
use crate::scene::{Node, Socket};

/// How long an answer may take (CometBFT `privval/signer_endpoint.go`).
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a signer may take to dial.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a waiting node looks for it, which bounds the error of the time to the start.
const GLANCE: Duration = Duration::from_micros(100);

/// A connection to a signer.
pub(crate) enum Link {
    /// It speaks privval.
    Signer(Signer),
    /// It speaks frames of 1,044 bytes.
    Floor(Box<dyn Stream>),
}

/// A socket, of either kind.
pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// An answer with signatures.
pub(crate) struct Answered {
    /// From before the request was written until the answer was decoded.
    pub(crate) took: Duration,
    /// The signature.
    pub(crate) signature: Vec<u8>,
    /// The time that was signed.
    pub(crate) timestamp: Timestamp,
    /// The signature of the extension, empty if there is none.
    pub(crate) extension_signature: Vec<u8>,
}

impl Link {
    /// Waits for the signer to dial a node, and shakes hands.
    pub(crate) fn accept(contender: Contender, node: &Node) -> Result<Self, BenchError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Self::try_accept(contender, &node.socket) {
                Err(BenchError::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if Instant::now() >= deadline {
                return Err(NodeError::NoSigner(PATIENCE).into());
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn try_accept(contender: Contender, socket: &Socket) -> Result<Self, BenchError> {
        match socket {
            Socket::Tcp(listener) => {
                let stream = listener.accept()?.0;
                tune_tcp(&stream)?;
                if contender == Contender::Floor {
                    return Ok(Self::Floor(Box::new(stream)));
                }
                let identity = Identity::from_seed(&random()?);
                Ok(Self::Signer(Signer::secret(stream, &identity, random()?)?))
            }
            Socket::Unix(listener) => {
                let stream = listener.accept()?.0;
                tune_unix(&stream)?;
                if contender == Contender::Floor {
                    return Ok(Self::Floor(Box::new(stream)));
                }
                Ok(Self::Signer(Signer::plain(stream)))
            }
        }
    }

    /// Asks for the public key, as a node does first.
    pub(crate) fn greet(&mut self, node: &Node) -> Result<(), BenchError> {
        if let Self::Signer(signer) = self {
            signer.ask(&node_side::pub_key_request(node.chain.as_str()))?;
        }
        Ok(())
    }

    /// Asks for a signature.
    pub(crate) fn ask(&mut self, request: &Request) -> Result<Answered, BenchError> {
        match self {
            Self::Signer(signer) => ask_signer(signer, request),
            Self::Floor(stream) => ask_floor(stream, request),
        }
    }
}

fn ask_signer(signer: &mut Signer, request: &Request) -> Result<Answered, BenchError> {
    let before = Instant::now();
    let answer = signer.ask(&request.framed)?;
    let took = before.elapsed();
    match answer {
        Answer::Vote(signed) | Answer::Proposal(signed) => Ok(Answered {
            took,
            signature: signed.signature,
            timestamp: signed.timestamp,
            extension_signature: signed.extension_signature,
        }),
        Answer::Refused { description, .. } => Err(NodeError::Refused(description).into()),
        other => Err(NodeError::Unexpected(other).into()),
    }
}

fn ask_floor(stream: &mut Box<dyn Stream>, request: &Request) -> Result<Answered, BenchError> {
    let mut frame = [0; SEALED_FRAME_LEN];
    for (to, from) in frame.iter_mut().zip(&request.sign_bytes) {
        *to = *from;
    }
    let before = Instant::now();
    stream.write_all(&frame)?;
    stream.read_exact(&mut frame)?;
    let took = before.elapsed();
    Ok(Answered {
        took,
        signature: frame.iter().copied().take(64).collect(),
        timestamp: request.asked.timestamp(),
        extension_signature: Vec::new(),
    })
}

fn tune_tcp(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))
}

fn tune_unix(stream: &UnixStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))
}

/// Fresh bytes of the system.
pub(crate) fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
