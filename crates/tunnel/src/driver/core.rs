//! The engine and the netstack together, under one lock.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar};
use std::time::{Duration, Instant, SystemTime};

use super::udp::{Failure, Sockets};
use crate::engine::{Engine, Event, Now, Output, PeerIndex, Status};
use crate::netstack::{Netstack, Wire};

/// The least pause between two rounds that nobody asked for. smoltcp says "at once" about some
/// things that only the other end can change.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Events kept until the thread logs them; more are dropped.
const MAX_EVENTS: usize = 256;

/// A name to look up.
pub(crate) struct Question {
    pub(crate) peer: PeerIndex,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Everything that a tunnel knows.
pub(crate) struct Core {
    engine: Engine,
    pub(crate) stack: Netstack,
    out: Outbox,
    /// When the thread will wake by itself.
    sleeping_until: Option<Instant>,
    deadline: Instant,
    stopped: bool,
}

/// What the engine puts out while it works.
struct Outbox {
    sockets: Arc<Sockets>,
    packets: VecDeque<Vec<u8>>,
    failures: Vec<Failure>,
    questions: Vec<Question>,
    events: Vec<Event>,
}

impl Core {
    pub(crate) fn new(engine: Engine, stack: Netstack, sockets: Arc<Sockets>) -> Self {
        Self {
            engine,
            stack,
            out: Outbox {
                sockets,
                packets: VecDeque::new(),
                failures: Vec::new(),
                questions: Vec::new(),
                events: Vec::new(),
            },
            sleeping_until: None,
            deadline: Instant::now(),
            stopped: false,
        }
    }

    /// A datagram from the network.
    pub(super) fn datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        self.engine
            .receive(moment(now), from, datagram, &mut self.out);
        while let Some(packet) = self.out.packets.pop_front() {
            self.stack.input(now, &packet);
        }
    }

    /// What the network said about datagrams of ours.
    pub(super) fn failures(&mut self, now: Instant, failures: Vec<Failure>) {
        for Failure { to, why } in failures {
            self.engine.unreachable(moment(now), to, why, &mut self.out);
        }
    }

    /// The answer to a [`Question`].
    pub(crate) fn resolved(
        &mut self,
        now: Instant,
        peer: PeerIndex,
        addresses: io::Result<Vec<SocketAddr>>,
    ) {
        self.engine
            .resolved(moment(now), peer, addresses, &mut self.out);
    }

    /// Does what is due and sends what is ready. Returns whether the thread sleeps longer than it
    /// may now.
    pub(super) fn turn(&mut self, now: Instant) -> bool {
        let mut wire = Path {
            engine: &mut self.engine,
            out: &mut self.out,
            now: moment(now),
        };
        self.stack.poll(now, &mut wire);
        let engine_at = self.engine.tick(moment(now), &mut self.out);
        let failures = std::mem::take(&mut self.out.failures);
        self.failures(now, failures);
        let stack_at = self.stack.poll_at(now);
        let deadline = stack_at.map_or(engine_at, |at| at.min(engine_at));
        self.deadline = deadline.max(now + SHORTEST_SLEEP);
        let work = !self.out.questions.is_empty() || !self.out.events.is_empty();
        self.sleeping_until
            .is_some_and(|until| self.deadline < until || work)
    }

    /// Tells how long the thread may sleep, and that it does.
    pub(super) fn sleep(&mut self) -> Instant {
        self.sleeping_until = Some(self.deadline);
        self.deadline
    }

    pub(super) fn woken(&mut self) {
        self.sleeping_until = None;
    }

    /// Resets all connections and lets the peers know.
    pub(super) fn stop(&mut self, now: Instant) {
        self.stack.abort_all();
        self.turn(now);
        self.stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn take_rung(&mut self) -> Vec<Arc<Condvar>> {
        self.stack.take_rung()
    }

    /// Stops without sending anything; who is to be told.
    pub(super) fn ring_all(&mut self) -> Vec<Arc<Condvar>> {
        self.stopped = true;
        self.stack.abort_all();
        self.stack.take_rung()
    }

    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.out.events)
    }

    pub(super) fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.out.questions)
    }

    pub(super) fn sockets(&self) -> Arc<Sockets> {
        Arc::clone(&self.out.sockets)
    }

    /// Whether a peer has this address in its AllowedIPs.
    pub(crate) fn covers(&self, address: IpAddr) -> bool {
        self.engine.route(address).is_some()
    }

    pub(crate) fn status(&self, now: Instant) -> Status {
        self.engine.status(moment(now))
    }
}

fn moment(now: Instant) -> Now {
    Now {
        instant: now,
        wall: SystemTime::now(),
    }
}

impl Output for Outbox {
    fn datagram(&mut self, to: SocketAddr, bytes: &[u8]) {
        if let Err(failure) = self.sockets.send(to, bytes) {
            self.failures.push(failure);
        }
    }

    fn packet(&mut self, _: PeerIndex, bytes: &[u8]) {
        self.packets.push_back(bytes.to_vec());
    }

    fn resolve(&mut self, peer: PeerIndex, host: &str, port: u16) {
        let host = host.to_owned();
        self.questions.push(Question { peer, host, port });
    }

    fn event(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push(event);
        }
    }
}

/// The way of the netstack's packets through the engine.
struct Path<'a> {
    engine: &'a mut Engine,
    out: &'a mut Outbox,
    now: Now,
}

impl Wire for Path<'_> {
    fn mtu(&self, to: IpAddr) -> usize {
        let peer = self.engine.route(to);
        let mtu = peer.and_then(|peer| self.engine.mtu(peer));
        mtu.map_or(usize::MAX, usize::from)
    }

    fn packet(&mut self, packet: &[u8]) {
        self.engine.send(self.now, packet, self.out);
    }
}
