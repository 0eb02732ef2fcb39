//! Sessions: one thread for each node, which dials it, serves it, and dials again.
//!
//! Invariants:
//! - A session decides nothing about signatures: requests go to the node's
//!   [`Chain`](crate::signer::Chain), whose guard decides.
//! - A refusal is an answer on the same connection. A connection ends only when the node ends
//!   it, when it is dead, when its bytes can no longer be cut into messages, or on request.
//! - Sessions share nothing but their chain's lock, so one node's trouble delays no other.
//! - The request to stop interrupts waiting and reading, never a request in hand.

mod answer;
mod backoff;
mod connection;
mod dial;
mod log;
mod node;
mod resolve;
mod serve;
mod shutdown;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::connection::{Connection, Interrupt, Transport};
pub use self::dial::knock;
pub use self::node::{Address, DEFAULT_TIMEOUT, Node};
pub(crate) use self::resolve::look_up;
pub use self::shutdown::Shutdown;
pub use self::trouble::{KINDS, Retry, Trouble};

use self::backoff::Backoff;

/// How often the log repeats that a node is still not connected.
const REMINDER: Duration = Duration::from_secs(60);

/// How long an attempt to connect may take before the session counts as stuck: 3 s for the name,
/// 4 s for each of its addresses, 33 s for the handshake.
const DIAL: Duration = Duration::from_secs(120);

/// The same for the pause before the next attempt, which is 5 s at most.
const PAUSE: Duration = Duration::from_secs(15);

/// Signs for a node until a stop is asked for.
///
/// # Errors
/// The [`Trouble`] that ended the connection, when the node has `reconnect = false`.
pub fn run(node: &Node, shutdown: &Shutdown) -> Result<(), Trouble> {
    let mut backoff = Backoff::default();
    let mut told = Told::default();
    while !shutdown.is_asked() {
        let Some(trouble) = attempt(node, shutdown, &mut backoff, &mut told) else {
            break;
        };
        node.record.waiting();
        node.record.turn().due(Instant::now(), PAUSE);
        told.trouble(node, &trouble, backoff.attempts());
        if !node.reconnect {
            return Err(trouble);
        }
        shutdown.sleep(backoff.next(trouble.retry(), random()));
    }
    node.record.turn().ended();
    Ok(())
}

/// Dials once and serves what comes of it. `None` when a stop was asked for.
fn attempt(
    node: &Node,
    shutdown: &Shutdown,
    backoff: &mut Backoff,
    told: &mut Told,
) -> Option<Trouble> {
    let tries = backoff.attempts();
    node.record.dialling();
    node.record.turn().due(Instant::now(), DIAL);
    let dialled = dial::dial(node, shutdown, &mut |t| told.trouble(node, t, tries));
    let trouble = match dialled {
        Ok(connection) => {
            told.tunnel = connection.transport().tunnel();
            told.connected(node);
            let end = serve::serve(connection, node, shutdown, &mut || told.asked(node));
            told.barren = end.requests == 0;
            if end.requests > 0 {
                backoff.reset();
            }
            end.trouble
        }
        Err(trouble) => Some(trouble),
    };
    trouble.filter(|_| !shutdown.is_asked())
}

/// Without randomness the waits are merely in step.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

/// What the log knows, so that it gets changes and not every try.
#[derive(Default)]
struct Told {
    kind: Option<&'static str>,
    since: Option<Instant>,
    last: Option<Instant>,
    /// The last connection brought no request: something accepts and closes, again and again.
    /// The next one is told when it brings one.
    barren: bool,
    /// The tunnel that the connection is inside of.
    tunnel: Option<Arc<str>>,
}

impl Told {
    fn connected(&mut self, node: &Node) {
        if !self.barren {
            self.tell_connected(node);
        }
    }

    /// The connection has brought its first request.
    fn asked(&mut self, node: &Node) {
        if self.barren {
            self.tell_connected(node);
        }
    }

    fn tell_connected(&mut self, node: &Node) {
        node.record.connected(self.tunnel.clone());
        log::connected(node, self.tunnel.as_deref());
        *self = Self {
            tunnel: self.tunnel.take(),
            ..Self::default()
        };
    }

    fn trouble(&mut self, node: &Node, trouble: &Trouble, tries: u32) {
        node.record.trouble(trouble);
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        if self.kind != Some(trouble.kind()) {
            self.kind = Some(trouble.kind());
            self.last = Some(now);
            log::trouble(node, trouble);
        } else if self.last.is_none_or(|last| now - last >= REMINDER) {
            self.last = Some(now);
            log::still(node, trouble, now - since, tries);
        }
    }
}
