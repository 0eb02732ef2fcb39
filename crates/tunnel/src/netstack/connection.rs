//! One TCP connection: smoltcp's socket, and why it ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};

use super::bell::Bell;
use super::clock::Clock;

/// Bytes in each direction of a connection: the longest message of privval (64 KiB and some) and
/// one more under way. The kernel gives the pages only when they are written.
const BUFFER_LEN: usize = 256 * 1024;

/// How often a silent connection is probed. A peer that was restarted answers the probe with RST.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// How long nothing may come from the other end before the connection is dead.
pub(crate) const SILENCE_LIMIT: Duration = Duration::from_secs(8);

/// Names a connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(super) u64);

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both ends closed it.
    Finished,
    /// Nobody listens there.
    Refused,
    /// A router or the host itself says that it cannot be reached.
    Unreachable,
    /// Nothing came for [`SILENCE_LIMIT`].
    TimedOut,
    /// The other end, or what has taken its place, knows nothing of it.
    Reset,
    /// This end gave it up.
    Aborted,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The handshake is under way.
    Opening,
    /// It stands, at least in one direction.
    Open,
    /// It is over.
    Ended(End),
}

/// Where a connection came from, and who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Somebody here waits for it already.
    Expected,
    /// It will be put into the queue of the listener on this port when it stands.
    Arriving(u16),
    /// It is in that queue.
    Queued(u16),
}

pub(super) struct Connection {
    pub(super) handle: SocketHandle,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) origin: Origin,
    pub(super) end: Option<End>,
    /// When something came from the other end.
    pub(super) heard: Instant,
    /// Set when nobody here holds it any more: it is aborted then, unless it ends before.
    pub(super) abandoned: Option<Instant>,
    /// Rung when something changed.
    pub(super) bell: Arc<Bell>,
    last_state: State,
}

impl Connection {
    pub(super) fn new(
        handle: SocketHandle,
        local: SocketAddr,
        remote: SocketAddr,
        origin: Origin,
        now: Instant,
    ) -> Self {
        Self {
            handle,
            local,
            remote,
            origin,
            end: None,
            heard: now,
            abandoned: None,
            bell: Arc::default(),
            last_state: State::Closed,
        }
    }

    /// Takes note of the socket's state. Returns whether it changed. `reset` says that the last
    /// segment that came was RST.
    pub(super) fn observe(&mut self, socket: &Socket<'_>, reset: bool) -> bool {
        let state = socket.state();
        if self.last_state == state {
            return false;
        }
        let before = std::mem::replace(&mut self.last_state, state);
        if self.end.is_none() {
            self.end = match state {
                // RST on a half-open connection puts smoltcp's socket back to listening.
                State::Listen => Some(End::Reset),
                State::Closed => Some(end_after(before, reset)),
                _ => None,
            };
        }
        true
    }

    pub(super) fn progress(&self) -> Progress {
        match (self.end, self.last_state) {
            (Some(end), _) => Progress::Ended(end),
            (None, State::SynSent | State::SynReceived) => Progress::Opening,
            (None, _) => Progress::Open,
        }
    }

    pub(super) fn is_half_open(&self) -> bool {
        matches!(self.origin, Origin::Arriving(_)) && self.progress() == Progress::Opening
    }
}

fn end_after(before: State, reset: bool) -> End {
    match before {
        State::SynSent if reset => End::Refused,
        _ if reset => End::Reset,
        State::LastAck | State::TimeWait | State::Closing => End::Finished,
        _ => End::TimedOut,
    }
}

/// A socket that sends at once, acknowledges with the next poll, and notices a dead path.
pub(super) fn new_socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER_LEN]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket.set_keep_alive(Some(Clock::span(PROBE_INTERVAL)));
    socket.set_timeout(Some(Clock::span(SILENCE_LIMIT)));
    socket
}
