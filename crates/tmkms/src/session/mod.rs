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
mod audit;
mod backoff;
mod connection;
mod dial;
mod log;
mod node;
mod resolve;
mod serve;
mod shutdown;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::connection::{Connection, Interrupt, Transport};
pub use self::dial::knock;
pub use self::node::{Address, DEFAULT_TIMEOUT, Node};
pub(crate) use self::resolve::look_up;
pub use self::shutdown::Shutdown;
pub use self::trouble::{KINDS, Retry, Trouble};

use self::backoff::Backoff;

/// When the log says for the first time that a node is still not connected.
const FIRST_REMINDER: Duration = Duration::from_secs(30);

/// How often the log repeats that.
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

/// What the log knows, so that it gets what is new and not every try. Each kind of trouble is told
/// once until the node is connected, however they alternate; then only that it goes on.
#[derive(Default)]
struct Told {
    kinds: BTreeSet<&'static str>,
    since: Option<Instant>,
    reminder: Option<Instant>,
    /// The last connection brought no request: something accepts and closes, again and again.
    /// The next one is told when it brings one.
    barren: bool,
    /// The tunnel that the connection is inside of.
    tunnel: Option<Arc<str>>,
}

/// What there is to say of a trouble.
#[derive(Debug, PartialEq, Eq)]
enum Worth {
    /// All of it.
    New,
    /// That it still goes on, since then.
    Reminder(Duration),
    /// Nothing.
    Known,
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
        match self.worth(trouble.kind(), Instant::now()) {
            Worth::New => log::trouble(node, trouble),
            Worth::Reminder(since) => log::still(node, trouble, since, tries),
            Worth::Known => {}
        }
    }

    fn worth(&mut self, kind: &'static str, now: Instant) -> Worth {
        let since = *self.since.get_or_insert(now);
        let reminder = *self.reminder.get_or_insert(now + FIRST_REMINDER);
        if self.kinds.insert(kind) {
            return Worth::New;
        }
        if now < reminder {
            return Worth::Known;
        }
        self.reminder = Some(now + REMINDER);
        Worth::Reminder(now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_then_after_30_s_and_then_each_minute() {
        let (mut told, start) = (Told::default(), Instant::now());
        let at = |s| start + Duration::from_secs(s);
        assert_eq!(told.worth("refused", at(0)), Worth::New);
        let reminded: Vec<u64> = (1..=200)
            .filter(|s| told.worth("refused", at(*s)) != Worth::Known)
            .collect();
        assert_eq!(reminded, [30, 90, 150]);
    }

    #[test]
    fn troubles_that_alternate_are_told_once_each() {
        let (mut told, start) = (Told::default(), Instant::now());
        let kinds = ["dns", "refused"].into_iter().cycle();
        let worth: Vec<Worth> = kinds
            .take(58)
            .zip(0..)
            .map(|(kind, half)| told.worth(kind, start + Duration::from_millis(500 * half)))
            .collect();
        assert_eq!(worth[..2], [Worth::New, Worth::New]);
        assert!(worth[2..].iter().all(|it| *it == Worth::Known), "{worth:?}");
        let after = start + Duration::from_secs(30);
        let reminder = Worth::Reminder(Duration::from_secs(30));
        assert_eq!(told.worth("dns", after), reminder);
    }
}
