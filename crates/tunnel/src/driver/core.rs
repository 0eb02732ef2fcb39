//! The engine and the netstack together, under one lock.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::udp::{Failure, Sockets};
use super::watch::Watch;
use crate::engine::{Engine, Event, Now, Output, PeerIndex, Status};
use crate::netstack::{Bell, Netstack, Wire};

/// The least pause between two rounds that nobody asked for. smoltcp says "at once" about some
/// things that only the other end can change.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Events kept until the thread logs them; more are dropped.
const MAX_EVENTS: usize = 256;

/// Datagrams that are read in one go before others may have the lock.
const BATCH: usize = 16;

/// The longest datagram of UDP.
const MAX_DATAGRAM: usize = 65_535;

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
    /// Who waits at the sockets.
    pub(super) watch: Watch,
    deadline: Instant,
    /// Room for a datagram.
    buffer: Vec<u8>,
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
            watch: Watch::new(),
            deadline: Instant::now(),
            buffer: vec![0; MAX_DATAGRAM],
            stopped: false,
        }
    }

    /// Takes the datagrams that have come, or some of them.
    pub(super) fn receive(&mut self, socket: &UdpSocket) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..BATCH {
            match socket.recv_from(&mut buffer) {
                Ok((len, from)) => {
                    let datagram = buffer.get(..len).unwrap_or_default();
                    self.datagram(Instant::now(), from, datagram);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What an earlier datagram of ours met.
                Err(_) => {
                    let failures = self.out.sockets.failures();
                    self.failures(Instant::now(), failures);
                }
            }
        }
        self.buffer = buffer;
    }

    fn datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        self.engine
            .receive(moment(now), from, datagram, &mut self.out);
        while let Some(packet) = self.out.packets.pop_front() {
            self.stack.input(now, &packet);
        }
    }

    /// What the network said about datagrams of ours.
    fn failures(&mut self, now: Instant, failures: Vec<Failure>) {
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

    /// Does what is due and sends what is ready.
    pub(super) fn turn(&mut self, now: Instant) {
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
    }

    /// When there is something to do even if nothing comes, as of the last turn.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
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

    pub(super) fn take_rung(&mut self) -> Vec<Arc<Bell>> {
        self.stack.take_rung()
    }

    /// Stops without sending anything.
    pub(super) fn give_up(&mut self) {
        self.stopped = true;
        self.stack.abort_all();
    }

    /// Whether there is something for the thread.
    pub(super) fn has_news(&self) -> bool {
        !self.out.questions.is_empty() || !self.out.events.is_empty()
    }

    pub(super) fn take_news(&mut self) -> (Vec<Event>, Vec<Question>) {
        let Outbox {
            events, questions, ..
        } = &mut self.out;
        (std::mem::take(events), std::mem::take(questions))
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
