//! The socket beneath a connection, with the node's haste and, if wanted, its sloth.
//!
//! Invariant: a read ends at the deadline, however slowly the bytes drip in.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use testnode::RawStream;

/// The pause between two pieces of one write.
const PAUSE: Duration = Duration::from_millis(2);

/// What the harness sets while the connection is in use.
pub(crate) struct Control {
    deadline: Mutex<Instant>,
    /// How many bytes go out at once; 0 for all.
    piece_len: AtomicUsize,
}

/// The socket.
pub(crate) struct Wire {
    stream: RawStream,
    control: Arc<Control>,
}

impl Control {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            deadline: Mutex::new(Instant::now()),
            piece_len: AtomicUsize::new(0),
        })
    }

    /// All reads and writes from now on have this long.
    pub(crate) fn allow(&self, time: Duration) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + time;
    }

    /// Writes go out in pieces of so many bytes, with pauses; 0 for whole ones.
    pub(crate) fn cut_writes(&self, piece_len: usize) {
        self.piece_len.store(piece_len, Ordering::Relaxed);
    }

    fn left(&self) -> io::Result<Duration> {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Wire {
    pub(crate) fn new(stream: RawStream, control: Arc<Control>) -> Self {
        Self { stream, control }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_timeout(self.control.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_timeout(self.control.left()?)?;
        match self.control.piece_len.load(Ordering::Relaxed) {
            0 => self.stream.write(bytes),
            piece_len => {
                thread::sleep(PAUSE);
                self.stream.write(bytes.get(..piece_len).unwrap_or(bytes))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
