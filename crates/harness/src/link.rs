//! The connection to the signer: one at a time, and a new one where the last has ended.
//!
//! Invariants:
//! - It serves one signer, as a node does, and takes the next connection only when this one is
//!   over.
//! - Like a node, it drops a connection on which an answer is overdue or cannot be read.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use privval::{NODE_READ_LIMIT, Version, frame};
use testnode::{Listener, NodeError, Signer};

use crate::fault::Trouble;
use crate::plan::Plan;
use crate::wire::{Control, Wire};

/// What nodes of 0.40 read of one reply (CometBFT `privval/signer_endpoint.go`): 1 MiB for an
/// extension, and the rest of the vote.
const READ_LIMIT_SINCE_0_40: usize = 1024 * 1024 + 2 * 96 + 1024;

/// After so many unanswered requests in a row the signer is taken for dead.
const MOST_SILENT: u32 = 3;

/// The same of all requests: each costs 5 s.
const MOST_SILENT_IN_ALL: u32 = 20;

/// After so many times in a row that it was waited for in vain, the signer is gone. Once may be a
/// crash, after which it is started again.
const MOST_ABSENT: u32 = 2;

/// How often it is looked whether a signer is still expected.
const LOOK: Duration = Duration::from_millis(100);

/// The connection.
pub(crate) struct Link<'a> {
    listener: &'a Listener,
    plan: &'a Plan,
    control: Arc<Control>,
    signer: Option<Signer>,
    silent_in_a_row: u32,
    silent_in_all: u32,
    absent_in_a_row: u32,
    connections: u32,
}

impl<'a> Link<'a> {
    pub(crate) fn new(plan: &'a Plan, listener: &'a Listener) -> Self {
        Self {
            listener,
            plan,
            control: Control::new(),
            signer: None,
            silent_in_a_row: 0,
            silent_in_all: 0,
            absent_in_a_row: 0,
            connections: 0,
        }
    }

    /// How many connections there have been, with a handshake.
    pub(crate) fn connections(&self) -> u32 {
        self.connections
    }

    /// Why it makes no sense to ask for more, if so.
    pub(crate) fn is_hopeless(&self) -> Option<&'static str> {
        if self.absent_in_a_row >= MOST_ABSENT {
            return Some("the signer did not come back");
        }
        (self.silent_in_a_row >= MOST_SILENT || self.silent_in_all >= MOST_SILENT_IN_ALL)
            .then_some("the signer left too many requests unanswered")
    }

    /// Waits for the signer, unless it is connected.
    pub(crate) fn connect(&mut self, patience: Duration) -> Result<(), Trouble> {
        if self.signer.is_some() {
            return Ok(());
        }
        self.plan.is_waiting.store(true, Ordering::Relaxed);
        let accepted = self.accept(patience);
        match &accepted {
            Ok(()) => {
                self.plan.is_waiting.store(false, Ordering::Relaxed);
                self.absent_in_a_row = 0;
            }
            // The next case goes on waiting.
            Err(_) => self.absent_in_a_row += 1,
        }
        accepted
    }

    fn accept(&mut self, patience: Duration) -> Result<(), Trouble> {
        let deadline = Instant::now() + patience;
        let mut handshake = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let control = Arc::clone(&self.control);
            let timeout = self.plan.answer_timeout;
            let accepted = self.listener.accept_through(left.min(LOOK), |stream| {
                control.allow(timeout);
                Wire::new(stream, control)
            });
            match accepted {
                Ok(signer) => {
                    self.signer = Some(signer);
                    self.connections += 1;
                    return Ok(());
                }
                Err(NodeError::NoSigner(_)) if left > LOOK && !self.is_given_up() => {}
                Err(NodeError::NoSigner(_)) => {
                    let waited = patience;
                    return Err(Trouble::NotBack { waited, handshake });
                }
                Err(error) => {
                    handshake = Some(error.to_string());
                    // A signer that fails at once fails often.
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    fn is_given_up(&self) -> bool {
        self.plan.given_up.load(Ordering::Relaxed)
    }

    /// Takes a connection and holds it for a while without a word, as a node that hangs.
    pub(crate) fn hold_silently(&mut self, time: Duration) -> Result<(), Trouble> {
        self.close();
        let patience = self.plan.return_timeout;
        let held = self.listener.accept_raw(patience);
        held.map(|_held| thread::sleep(time))
            .map_err(|_| Trouble::NotBack {
                waited: patience,
                handshake: None,
            })
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self) {
        self.signer = None;
    }

    /// Sends a request and returns the answer without its length.
    pub(crate) fn ask(&mut self, version: Version, framed: &[u8]) -> Result<Vec<u8>, Trouble> {
        self.send(framed)?;
        self.receive(version)
    }

    /// Sends bytes as they are, on a new connection if there is none.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.connect(self.plan.return_timeout)?;
        self.control.allow(self.plan.answer_timeout);
        let sent = self.signer.as_mut().map(|signer| signer.send(bytes));
        match sent {
            Some(Err(error)) => Err(self.lost(error)),
            _ => Ok(()),
        }
    }

    /// Waits for the next answer.
    pub(crate) fn receive(&mut self, version: Version) -> Result<Vec<u8>, Trouble> {
        self.control.allow(self.plan.answer_timeout);
        let received = self.signer.as_mut().map(Signer::receive);
        let message = match received {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(self.lost(error)),
            None => return Err(Trouble::Closed),
        };
        self.silent_in_a_row = 0;
        let (len, limit) = (frame(&message).len(), read_limit(version));
        if len > limit {
            // The node loses its place in the stream.
            self.close();
            return Err(Trouble::TooLong { len, limit });
        }
        Ok(message)
    }

    /// Sends a request in pieces of so many bytes, beneath whatever encrypts it, and waits for the
    /// answer.
    pub(crate) fn ask_in_pieces(
        &mut self,
        version: Version,
        framed: &[u8],
        piece_len: usize,
    ) -> Result<Vec<u8>, Trouble> {
        self.connect(self.plan.return_timeout)?;
        self.control.cut_writes(piece_len);
        let sent = self.send(framed);
        self.control.cut_writes(0);
        sent?;
        self.receive(version)
    }

    fn lost(&mut self, error: NodeError) -> Trouble {
        self.close();
        let is_late =
            |e: &io::Error| matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock);
        match error {
            NodeError::Closed { .. } => Trouble::Closed,
            NodeError::Io(e) if is_late(&e) => {
                self.silent_in_a_row += 1;
                self.silent_in_all += 1;
                Trouble::Silent(self.plan.answer_timeout)
            }
            error if error.is_clean_close() => Trouble::Closed,
            error => Trouble::BadReply(error.to_string()),
        }
    }
}

/// How many bytes of one reply a node reads, with its length.
fn read_limit(version: Version) -> usize {
    if version == Version::V0_40 {
        READ_LIMIT_SINCE_0_40
    } else {
        NODE_READ_LIMIT
    }
}
