//! One signer connected to the node: two threads that carry bytes, and the end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};

use super::upstream;
use crate::stream::TunnelStream;

/// Bytes carried at once: the longest message of privval.
const CHUNK: usize = 64 * 1024;

/// A running session.
pub(super) struct Session {
    ends: Arc<Ends>,
    threads: Vec<JoinHandle<()>>,
}

/// Both connections, as both threads have them.
struct Ends {
    port: u16,
    peer: SocketAddr,
    begun: Instant,
    signer: TunnelStream,
    node: TcpStream,
    /// Wakes the thread that waits for the node.
    wake: OwnedFd,
    over: AtomicBool,
    /// Whether the node has sent anything: it has taken the connection out of its backlog.
    node_spoke: AtomicBool,
}

/// Who ended a session, and how.
enum Cause {
    SignerClosed,
    SignerLost(io::Error),
    NodeClosed,
    NodeLost(io::Error),
    Stopped,
}

impl Session {
    pub(super) fn start(port: u16, signer: TunnelStream, node: TcpStream) -> io::Result<Self> {
        let ends = Arc::new(Ends {
            port,
            peer: signer.peer_addr(),
            begun: Instant::now(),
            signer,
            node,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            over: AtomicBool::new(false),
            node_spoke: AtomicBool::new(false),
        });
        tracing::info!("port {port}: {} is connected to the node", ends.peer);
        let mut session = Self {
            ends: Arc::clone(&ends),
            threads: Vec::new(),
        };
        let started = session
            .spawn("to node", Ends::carry_to_node)
            .and_then(|()| session.spawn("to signer", Ends::carry_to_signer));
        if let Err(e) = started {
            session.end();
            return Err(e);
        }
        Ok(session)
    }

    fn spawn(&mut self, name: &str, carry: fn(&Ends) -> Cause) -> io::Result<()> {
        let ends = Arc::clone(&self.ends);
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || {
            let cause = carry(&ends);
            ends.end(&cause);
        })?;
        self.threads.push(thread);
        Ok(())
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.ends.peer
    }

    pub(super) fn is_over(&self) -> bool {
        self.ends.over.load(Ordering::Acquire)
    }

    /// How long nothing has come from the signer, not even the answer to a probe.
    pub(super) fn silent_for(&self) -> Duration {
        self.ends.signer.silent_for().unwrap_or(Duration::MAX)
    }

    /// Ends it if it still runs, and waits until both connections are closed.
    pub(super) fn end(self) {
        self.ends.end(&Cause::Stopped);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a session's thread had panicked");
            }
        }
    }
}

impl Ends {
    fn carry_to_node(&self) -> Cause {
        let mut buffer = vec![0; CHUNK];
        loop {
            match (&self.signer).read(&mut buffer) {
                Ok(0) => return Cause::SignerClosed,
                Ok(len) => {
                    let bytes = buffer.get(..len).unwrap_or_default();
                    if let Err(e) = (&self.node).write_all(bytes) {
                        return Cause::NodeLost(e);
                    }
                }
                Err(e) => return Cause::SignerLost(e),
            }
        }
    }

    fn carry_to_signer(&self) -> Cause {
        let mut buffer = vec![0; CHUNK];
        loop {
            if !self.wait_for_node() {
                return Cause::Stopped;
            }
            match (&self.node).read(&mut buffer) {
                Ok(0) => return Cause::NodeClosed,
                Ok(len) => {
                    self.node_spoke.store(true, Ordering::Release);
                    let bytes = buffer.get(..len).unwrap_or_default();
                    if let Err(e) = (&self.signer).write_all(bytes) {
                        return Cause::SignerLost(e);
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Cause::NodeLost(e),
            }
        }
    }

    /// Until the node has something to read. `false` when the session is over.
    fn wait_for_node(&self) -> bool {
        loop {
            let mut fds = [
                PollFd::new(&self.node, PollFlags::IN),
                PollFd::new(&self.wake, PollFlags::IN),
            ];
            // A signal interrupts it; then nothing is ready.
            let polled = poll(&mut fds, None);
            if self.over.load(Ordering::Acquire) {
                return false;
            }
            let [node, _] = &fds;
            if polled.is_ok() && !node.revents().is_empty() {
                return true;
            }
        }
    }

    /// Ends both connections the way the first one ended. Only the first call counts.
    fn end(&self, cause: &Cause) {
        if self.over.swap(true, Ordering::AcqRel) {
            return;
        }
        let unserved = !self.node_spoke.load(Ordering::Acquire);
        match cause {
            Cause::NodeClosed => {
                // What the node said last is delivered before the end.
                let _ = self.signer.shutdown(Shutdown::Both);
            }
            Cause::NodeLost(_) => self.signer.abort(),
            Cause::SignerClosed if !unserved => {
                let _ = self.signer.shutdown(Shutdown::Both);
                let _ = self.node.shutdown(Shutdown::Both);
            }
            Cause::SignerClosed | Cause::SignerLost(_) | Cause::Stopped => {
                upstream::reset_when_closed(&self.node);
                self.signer.abort();
            }
        }
        // It fails only when the counter is full; then the thread is awake already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        self.log(cause);
    }

    fn log(&self, cause: &Cause) {
        let Self { port, peer, .. } = self;
        let lasted = self.begun.elapsed().as_secs_f64();
        match cause {
            Cause::SignerClosed => {
                tracing::info!("port {port}: {peer} has closed after {lasted:.1} s");
            }
            Cause::SignerLost(e) => {
                tracing::warn!("port {port}: {peer} is lost after {lasted:.1} s: {e}");
            }
            Cause::NodeClosed => {
                tracing::warn!("port {port}: the node has closed after {lasted:.1} s");
            }
            Cause::NodeLost(e) => {
                tracing::warn!("port {port}: the node is lost after {lasted:.1} s: {e}");
            }
            Cause::Stopped => {
                tracing::info!("port {port}: {peer} is disconnected after {lasted:.1} s");
            }
        }
    }
}
