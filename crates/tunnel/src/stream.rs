//! A TCP connection inside the tunnel, used like one of the system's.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::driver::{Answer, Core, Shared};
use crate::netstack::{Bell, ConnectionId, End, Progress, SILENCE_LIMIT};

/// A connection inside the tunnel. Its clones are the same connection; when the last one is
/// dropped, what was written is still delivered.
///
/// A dead path is noticed within 10 s, even while nothing is sent. Reading and writing may be done
/// from two threads at once.
#[derive(Clone)]
pub struct TunnelStream(Arc<Held>);

struct Held {
    shared: Arc<Shared>,
    id: ConnectionId,
    bell: Arc<Bell>,
    local: SocketAddr,
    peer: SocketAddr,
    /// Nanoseconds, 0 for none.
    read_timeout: AtomicU64,
    write_timeout: AtomicU64,
    reading_shut: AtomicBool,
}

impl Drop for Held {
    fn drop(&mut self) {
        // A tunnel that has been stopped has no connections to release.
        let _ = self
            .shared
            .with(|core, now| core.stack.release(now, self.id));
    }
}

impl TunnelStream {
    pub(crate) fn new(shared: Arc<Shared>, id: ConnectionId, peer: SocketAddr) -> io::Result<Self> {
        let found = shared.with(|core, _| Some((core.stack.bell(id)?, core.stack.ends(id)?)))?;
        let (bell, (local, _)) = found.ok_or_else(|| ended(End::Aborted, peer))?;
        Ok(Self(Arc::new(Held {
            shared,
            id,
            bell,
            local,
            peer,
            read_timeout: AtomicU64::new(0),
            write_timeout: AtomicU64::new(0),
            reading_shut: AtomicBool::new(false),
        })))
    }

    /// Waits until the connection stands or has failed; `None` when `deadline` came first.
    pub(crate) fn wait_open(&self, deadline: Option<Instant>) -> io::Result<Option<Progress>> {
        self.wait(deadline, |core| match core.stack.progress(self.0.id) {
            Progress::Opening => None,
            progress => Some(progress),
        })
    }

    fn wait<R>(
        &self,
        deadline: Option<Instant>,
        mut ask: impl FnMut(&mut Core) -> Option<R>,
    ) -> io::Result<Option<R>> {
        let bell = &self.0.bell;
        Ok(self.0.shared.wait(deadline, |core, _| {
            ask(core).map_or_else(|| Answer::Watch(Arc::clone(bell)), Answer::Is)
        })?)
    }

    /// The address and port of the other end.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.peer
    }

    /// The address and port of this end.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    /// How long ago something came from the other end. A connection that stands hears at least
    /// the answer to a probe each second, and each round trip.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        let heard = self.0.shared.with(|core, now| {
            let heard = core.stack.heard(self.0.id)?;
            Some(now.saturating_duration_since(heard))
        });
        heard.ok().flatten()
    }

    /// Whether the connection is over. What came before may still be there to be read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let progress = self.0.shared.with(|core, _| core.stack.progress(self.0.id));
        !matches!(progress, Ok(Progress::Open | Progress::Opening))
    }

    /// How long a read waits before it fails with `WouldBlock`; `None` is for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.0.read_timeout.store(nanos(timeout), Ordering::Relaxed);
    }

    /// How long a write waits for room before it fails with `WouldBlock`; `None` is for ever.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.0
            .write_timeout
            .store(nanos(timeout), Ordering::Relaxed);
    }

    /// Closes one direction or both. After `Read`, reads give the end of the stream; a read that
    /// waits in another thread is woken.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.0.reading_shut.store(true, Ordering::Release);
        }
        self.0.shared.with(|core, _| {
            if matches!(how, Shutdown::Write | Shutdown::Both) {
                core.stack.finish(self.0.id);
            }
            core.stack.ring(self.0.id);
        })?;
        Ok(())
    }

    /// Ends the connection at once; the other end sees a reset.
    pub fn abort(&self) {
        // A tunnel that has been stopped has reset it already.
        let _ = self.0.shared.with(|core, _| core.stack.abort(self.0.id));
    }

    fn read_some(&self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let held = &self.0;
        let deadline = deadline(&held.read_timeout);
        let read = held.shared.wait(deadline, |core, _| {
            if held.reading_shut.load(Ordering::Acquire) {
                return Answer::Is(Ok(0));
            }
            match core.stack.read(held.id, into).transpose() {
                Some(result) => Answer::Came(result),
                None => Answer::Watch(Arc::clone(&held.bell)),
            }
        })?;
        finished(read, held.peer)
    }

    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let held = &self.0;
        let deadline = deadline(&held.write_timeout);
        let written = self.wait(deadline, |core| match core.stack.write(held.id, bytes) {
            Ok(0) => None,
            result => Some(result),
        })?;
        finished(written, held.peer)
    }
}

impl Read for TunnelStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read_some(into)
    }
}

impl Write for TunnelStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for &TunnelStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read_some(into)
    }
}

impl Write for &TunnelStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn nanos(timeout: Option<Duration>) -> u64 {
    timeout.map_or(0, |t| {
        u64::try_from(t.as_nanos()).unwrap_or(u64::MAX).max(1)
    })
}

fn deadline(timeout: &AtomicU64) -> Option<Instant> {
    match timeout.load(Ordering::Relaxed) {
        0 => None,
        nanos => Some(Instant::now() + Duration::from_nanos(nanos)),
    }
}

fn finished(result: Option<Result<usize, End>>, peer: SocketAddr) -> io::Result<usize> {
    match result {
        Some(Ok(len)) => Ok(len),
        Some(Err(end)) => Err(ended(end, peer)),
        // As the system's own sockets say it.
        None => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// The end of a connection as an error.
pub(crate) fn ended(end: End, peer: SocketAddr) -> io::Error {
    use io::ErrorKind;
    let limit = SILENCE_LIMIT.as_secs();
    let (kind, text) = match end {
        End::Refused => (
            ErrorKind::ConnectionRefused,
            format!("{peer} inside the tunnel refused: nobody listens there"),
        ),
        End::Unreachable => (
            ErrorKind::HostUnreachable,
            format!("{peer} is not reachable from the other end of the tunnel"),
        ),
        End::TimedOut => (
            ErrorKind::TimedOut,
            format!("nothing came from {peer} inside the tunnel for {limit} s"),
        ),
        End::Reset => (
            ErrorKind::ConnectionReset,
            format!("{peer} inside the tunnel reset the connection"),
        ),
        End::Aborted => (
            ErrorKind::ConnectionAborted,
            format!("the connection to {peer} inside the tunnel was given up here"),
        ),
        End::Finished => (
            ErrorKind::BrokenPipe,
            format!("the connection to {peer} inside the tunnel is closed"),
        ),
    };
    io::Error::new(kind, text)
}
