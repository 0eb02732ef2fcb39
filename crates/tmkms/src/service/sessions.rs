//! The threads of the nodes.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{error, warn};

use super::{Event, GRACE, Roster};
use crate::session::{self, Node, Shutdown, Trouble};

/// A session for each node.
pub struct Sessions {
    running: BTreeMap<u64, Session>,
    next: u64,
    events: Sender<Event>,
    roster: Roster,
}

struct Session {
    node: Arc<Node>,
    stop: Shutdown,
    thread: JoinHandle<()>,
}

impl Sessions {
    /// None yet. What becomes of them is told to `events`.
    #[must_use]
    pub fn new(events: Sender<Event>) -> Self {
        Self {
            running: BTreeMap::new(),
            next: 0,
            events,
            roster: Roster::default(),
        }
    }

    /// The nodes that are served.
    #[must_use]
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Begins to serve a node.
    ///
    /// # Errors
    /// What the system says when it has no thread.
    pub fn add(&mut self, node: Node) -> io::Result<()> {
        let (id, node, stop) = (self.next, Arc::new(node), Shutdown::default());
        let (served, asked, events) = (Arc::clone(&node), stop.clone(), self.events.clone());
        let thread = thread::Builder::new()
            .name(node.to_string())
            .spawn(move || {
                let trouble = guarded(&served, &asked).err();
                let trouble = trouble.map(|it| (served.to_string(), it));
                drop(served);
                // Fails when nobody waits any more: then the process is about to end.
                let _ = events.send(Event::Ended { id, trouble });
            })?;
        self.next = id.wrapping_add(1);
        self.roster.add(Arc::clone(&node));
        self.running.insert(id, Session { node, stop, thread });
        Ok(())
    }

    /// Takes note of an end; false for a session that is not there any more.
    pub(super) fn ended(&mut self, id: u64) -> bool {
        let session = self.running.remove(&id);
        if let Some(session) = &session {
            self.roster.remove(&session.node.to_string());
        }
        session.is_some()
    }

    /// Asks all to end after the request in hand.
    pub(super) fn stop_all(&self) {
        self.running.values().for_each(|it| it.stop.ask());
    }

    /// Ends the sessions of nodes of these names, and waits until their connections are closed.
    pub(super) fn remove(&mut self, names: &[String]) {
        let is_named = |session: &Session| names.contains(&session.node.to_string());
        let ids: Vec<u64> = self
            .running
            .iter()
            .filter(|(_, session)| is_named(session))
            .map(|(id, _)| *id)
            .collect();
        let ending: Vec<Session> = ids
            .iter()
            .filter_map(|id| self.running.remove(id))
            .collect();
        for session in &ending {
            session.stop.ask();
            self.roster.remove(&session.node.to_string());
        }
        let deadline = Instant::now() + GRACE;
        for session in ending {
            while !session.thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(2));
            }
            if !session.thread.is_finished() {
                warn!(
                    target: "tmkms::session",
                    "[{}] is still in its last request; its chain is not let go before that ends",
                    session.node
                );
            }
        }
    }
}

/// Runs a session again if it panics: a bug in the handling of one message must not silence the
/// signer. The chain itself stops signing if its guard was involved.
fn guarded(node: &Node, shutdown: &Shutdown) -> Result<(), Trouble> {
    loop {
        let run = std::panic::AssertUnwindSafe(|| session::run(node, shutdown));
        match std::panic::catch_unwind(run) {
            Ok(result) => return result,
            Err(_) => {
                error!(target: "tmkms::session", "[{node}] a bug ended the session; dialling again");
                shutdown.sleep(Duration::from_secs(1));
            }
        }
    }
}
