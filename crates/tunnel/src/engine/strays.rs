//! Datagrams of a session that this end does not know: it was started anew, and the peer has not
//! noticed.
//!
//! WireGuard leaves them without an answer, and a peer doubts its session after 15 s at the earliest
//! (section 6.5 of its paper). A gateway does not know where its signer is, so that it cannot begin
//! a handshake either, but for this hint. The peer alone can answer that handshake; its answer is
//! what the endpoint follows. To anybody else it shows that WireGuard is here: therefore only in the
//! first seconds of this end's life, only for peers that have not been heard in it, and seldom.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long after a start. A peer with the usual PersistentKeepalive of 25 s sends something in it.
const LIFE: Duration = Duration::from_secs(30);

/// So many hints are taken in [`WINDOW`]: as many initiations as can be answered at the same time.
const MOST: usize = 2;
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Strays {
    started: Option<Instant>,
    taken: VecDeque<(Instant, SocketAddr)>,
}

impl Strays {
    /// This end lives.
    pub(super) fn begin(&mut self, now: Instant) {
        self.started.get_or_insert(now);
    }

    /// Whether a datagram that fits no session is worth a handshake.
    pub(super) fn is_hint(&mut self, now: Instant, from: SocketAddr) -> bool {
        let age = |at: Instant| now.saturating_duration_since(at);
        let young = self.started.is_some_and(|at| age(at) < LIFE);
        self.taken.retain(|(at, _)| age(*at) < WINDOW);
        let is_taken = self.taken.iter().any(|(_, place)| *place == from);
        if !young || is_taken || self.taken.len() >= MOST {
            return false;
        }
        self.taken.push_back((now, from));
        true
    }
}
