//! The node's side of a tunnel: ports inside it, each forwarded to a port of a node.
//!
//! A node serves one signer, and each TCP connection that it is offered besides costs it up to
//! 3 s, or its start. So:
//!
//! Invariants:
//! - A connection to the node is opened only for an allowed peer that waits for one at that very
//!   moment, and never a second one beside it.
//! - The peer is answered only when the connection to the node stands. Until then it waits; in
//!   the end it is refused, so that it learns that the node does not listen.
//! - A session is replaced only when its peer is gone, which the tunnel finds out by probing.
//! - When one side ends, the other is ended at once, in the same way.
//! - Nothing is ever answered in a peer's place.

mod forward;
mod session;
mod upstream;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ipnet::IpNet;

use crate::tunnel::Tunnel;

/// A port inside the tunnel and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The port on the tunnel's addresses.
    pub port: u16,
    /// The node: `host:port`. The name is looked up for each connection.
    pub upstream: String,
    /// Who may connect, by address inside the tunnel. With nobody in it, nobody may.
    pub allowed: Vec<IpNet>,
}

/// What a forward does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody wants a connection.
    Idle,
    /// A peer waits because the node does not listen, for this reason.
    Holding(String),
    /// A peer is connected to the node.
    Forwarding(SocketAddr),
}

/// A forward with its counters, since the start.
#[derive(Clone, Debug)]
pub struct ForwardStatus {
    /// What it forwards.
    pub forward: Forward,
    /// What it does.
    pub state: State,
    /// Sessions that were begun.
    pub sessions: u64,
    /// Attempts that were refused because the node did not listen.
    pub refused: u64,
    /// Segments of peers that are not allowed.
    pub strangers: u64,
}

/// What a forward's thread and its watchers share.
struct Shared {
    forward: Forward,
    state: Mutex<State>,
    sessions: AtomicU64,
    refused: AtomicU64,
    strangers: AtomicU64,
    stopping: AtomicBool,
}

/// The forwards of one tunnel, each with a thread. Ends with [`Gateway::stop`] or when it is
/// dropped.
pub struct Gateway {
    shared: Vec<Arc<Shared>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Gateway {
    /// Listens on all ports, or fails and listens on none.
    ///
    /// # Errors
    /// `InvalidInput` when an upstream is not `host:port` or a forward allows nobody, `AddrInUse`
    /// when a port is listened to already; or the system has no thread to give.
    pub fn start(tunnel: &Tunnel, forwards: Vec<Forward>) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for forward in forwards {
            upstream::check(&forward)?;
            let listener = tunnel.listen_held(forward.port, forward.allowed.clone())?;
            listeners.push((Arc::new(Shared::new(forward)), listener));
        }
        let gateway = Self {
            shared: listeners.iter().map(|(s, _)| Arc::clone(s)).collect(),
            threads: Mutex::new(Vec::new()),
        };
        for (shared, listener) in listeners {
            let name = format!("forward {}", shared.forward.port);
            let thread = std::thread::Builder::new().name(name);
            // Dropping the gateway ends those that run already.
            let thread = thread.spawn(move || forward::run(&shared, &listener))?;
            gateway.threads().push(thread);
        }
        Ok(gateway)
    }

    /// How each forward is, in the order of the start.
    #[must_use]
    pub fn status(&self) -> Vec<ForwardStatus> {
        self.shared.iter().map(|shared| shared.status()).collect()
    }

    /// Ends all sessions and waits for the threads. Does nothing the second time.
    pub fn stop(&self) {
        for shared in &self.shared {
            shared.stopping.store(true, Ordering::Release);
        }
        for thread in self.threads().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a forward's thread had panicked");
            }
        }
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn new(forward: Forward) -> Self {
        Self {
            forward,
            state: Mutex::new(State::Idle),
            sessions: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            strangers: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn status(&self) -> ForwardStatus {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        ForwardStatus {
            forward: self.forward.clone(),
            state: state.clone(),
            sessions: self.sessions.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            strangers: self.strangers.load(Ordering::Relaxed),
        }
    }
}
