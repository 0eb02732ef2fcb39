//! TCP inside the tunnel, without sockets or clocks of its own: IP packets come in by
//! [`Netstack::input`] and go out by [`Netstack::poll`].
//!
//! Invariants:
//! - Nothing but TCP on ports that are listened to is answered: no echo, no UDP, no fragments. A
//!   SYN to any other port gets RST.
//! - What peers can make it keep is bounded: half-open connections, SYNs that wait, connections
//!   that nobody accepted. The oldest gives way, or the newcomer is not answered.
//! - A SYN to a held listener is answered only after [`Netstack::admit`].

mod address;
mod bell;
mod calls;
mod clock;
mod connection;
mod device;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod listener;
mod random;
mod segment;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::Socket;
use smoltcp::wire::{HardwareAddress, IpCidr};

pub use address::AddressError;
pub(crate) use bell::Bell;
use clock::Clock;
use connection::{Connection, Origin, new_socket};
pub(crate) use connection::{ConnectionId, End, Progress, SILENCE_LIMIT};
use device::Queue;
pub use listener::Knock;
use listener::{Listener, Verdict};
use random::SplitMix;
use segment::{Seen, Segment};

/// Connections in all, of both directions.
const MAX_CONNECTIONS: usize = 128;

/// Connections of one port whose handshake is under way.
const MAX_HALF_OPEN: usize = 16;

/// Connections of one port that nobody has accepted yet.
const MAX_READY: usize = 16;

/// How long a connection that nobody holds any more may take to deliver what was written.
const LINGER: Duration = Duration::from_secs(5);

/// Where packets go.
pub(crate) trait Wire {
    /// The longest packet in bytes that the path to this address carries inside the tunnel.
    fn mtu(&self, to: IpAddr) -> usize;
    /// Sends a packet.
    fn packet(&mut self, packet: &[u8]);
}

/// Why a connection cannot even be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectError {
    /// The tunnel has no address of that family, or the address is our own or no host's.
    NoRoute,
    /// [`MAX_CONNECTIONS`] reached.
    TooMany,
}

/// The stack.
pub(crate) struct Netstack {
    clock: Clock,
    addresses: Vec<IpNet>,
    interface: Interface,
    queue: Queue,
    sockets: SocketSet<'static>,
    connections: BTreeMap<ConnectionId, Connection>,
    listeners: BTreeMap<u16, Listener>,
    random: SplitMix,
    next_id: u64,
    rung: Vec<Arc<Bell>>,
}

impl Netstack {
    /// A stack with these addresses. `seed` decides ports and sequence numbers: fresh randomness
    /// outside tests.
    ///
    /// # Errors
    /// [`AddressError`].
    pub(crate) fn new(
        addresses: &[IpNet],
        mtu: u16,
        seed: u64,
        now: Instant,
    ) -> Result<Self, AddressError> {
        address::check(addresses)?;
        let clock = Clock::new(now);
        let mut queue = Queue::new(usize::from(mtu));
        let mut random = SplitMix(seed);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = random.next();
        let mut interface = Interface::new(config, &mut queue, clock.at(now));
        interface.update_ip_addrs(|own| {
            for net in addresses {
                // Cannot fail: their number was checked.
                let _ = own.push(IpCidr::new(net.addr().into(), net.prefix_len()));
            }
        });
        // On a device without link addresses the gateway is never looked up; smoltcp only wants
        // a route to exist. The table has room for two.
        let routes = interface.routes_mut();
        let _ = routes.add_default_ipv4_route(Ipv4Addr::LOCALHOST);
        let _ = routes.add_default_ipv6_route(Ipv6Addr::LOCALHOST);
        Ok(Self {
            clock,
            addresses: addresses.to_vec(),
            interface,
            queue,
            sockets: SocketSet::new(Vec::new()),
            connections: BTreeMap::new(),
            listeners: BTreeMap::new(),
            random,
            next_id: 0,
            rung: Vec::new(),
        })
    }

    /// A packet from a peer. The answer, if any, goes out with the next [`Netstack::poll`].
    pub(crate) fn input(&mut self, now: Instant, packet: &[u8]) {
        match segment::see(packet) {
            Some(Seen::Tcp(segment)) if self.is_own(segment.destination.ip()) => {
                self.segment(now, &segment, packet);
            }
            Some(Seen::Undelivered {
                local,
                remote,
                refused,
            }) => self.undelivered(local, remote, refused),
            _ => {}
        }
    }

    /// Sends what is to be sent now, and notices what ran out of time.
    pub(crate) fn poll(&mut self, now: Instant, wire: &mut impl Wire) {
        self.give_up_abandoned(now);
        let at = self.clock.at(now);
        while let PollResult::SocketStateChanged =
            self.interface
                .poll_egress(at, &mut self.queue, &mut self.sockets)
        {}
        self.queue.drain(|packet| {
            let mtu = segment::destination(packet).map_or(usize::MAX, |to| wire.mtu(to));
            segment::fit(packet, mtu, &mut |piece| wire.packet(piece));
        });
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in ids {
            self.observe(id, false);
        }
    }

    /// When [`Netstack::poll`] has something to do even if nothing comes.
    pub(crate) fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        let at = self.clock.at(now);
        let sockets = self.interface.poll_at(at, &self.sockets);
        let abandoned = self.connections.values().filter_map(|c| c.abandoned);
        sockets
            .map(|at| self.clock.real(at))
            .into_iter()
            .chain(abandoned)
            .min()
    }

    /// Those who wait for something that has changed since the last call.
    pub(crate) fn take_rung(&mut self) -> Vec<Arc<Bell>> {
        std::mem::take(&mut self.rung)
    }

    fn segment(&mut self, now: Instant, segment: &Segment, packet: &[u8]) {
        if let Some(id) = self.find(segment.destination, segment.source) {
            let was_full = self.is_full(id);
            self.feed(now, packet);
            let has_room = was_full && !self.is_full(id);
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.heard = now;
                // A mere acknowledgement wakes nobody.
                let socket = self.sockets.get::<Socket<'_>>(connection.handle);
                if socket.can_recv() || has_room {
                    self.rung.push(Arc::clone(&connection.bell));
                }
            }
            self.observe(id, segment.resets);
        } else if segment.opens {
            self.syn(now, segment, packet);
        } else if segment.resets {
            if let Some(listener) = self.listeners.get_mut(&segment.destination.port()) {
                listener.take(segment.source);
            }
        } else {
            // Of no connection: smoltcp answers RST.
            self.feed(now, packet);
        }
    }

    fn syn(&mut self, now: Instant, segment: &Segment, packet: &[u8]) {
        let port = segment.destination.port();
        let Some(listener) = self.listeners.get_mut(&port) else {
            return self.feed(now, packet);
        };
        match listener.judge(now, segment.source, packet) {
            Verdict::Open if listener.ready.len() < MAX_READY => {
                self.forget_oldest_half_open(port);
                self.open(now, segment, packet, Origin::Arriving(port));
            }
            Verdict::Hold => self.rung.push(Arc::clone(&listener.bell)),
            Verdict::Open | Verdict::Drop => {}
        }
    }

    /// Makes a socket for a SYN and gives it the SYN.
    fn open(
        &mut self,
        now: Instant,
        segment: &Segment,
        packet: &[u8],
        origin: Origin,
    ) -> Option<ConnectionId> {
        if self.connections.len() >= MAX_CONNECTIONS {
            return None;
        }
        let mut socket = new_socket();
        socket.listen(segment.destination).ok()?;
        let id = self.add(now, socket, segment.destination, segment.source, origin);
        self.feed(now, packet);
        self.observe(id, false);
        Some(id)
    }

    fn add(
        &mut self,
        now: Instant,
        socket: Socket<'static>,
        local: SocketAddr,
        remote: SocketAddr,
        origin: Origin,
    ) -> ConnectionId {
        let handle = self.sockets.add(socket);
        let id = ConnectionId(self.next_id);
        self.next_id += 1;
        let connection = Connection::new(handle, local, remote, origin, now);
        self.connections.insert(id, connection);
        id
    }

    fn forget_oldest_half_open(&mut self, port: u16) {
        let arriving = |c: &Connection| c.origin == Origin::Arriving(port) && c.is_half_open();
        let mut half_open = self.connections.iter().filter(|(_, c)| arriving(c));
        let oldest = half_open.next().map(|(id, _)| *id);
        if half_open.count() + 1 >= MAX_HALF_OPEN
            && let Some(id) = oldest
        {
            self.remove(id);
        }
    }

    fn undelivered(&mut self, local: SocketAddr, remote: SocketAddr, refused: bool) {
        // Only while dialling: a connection that stands outlives a router's bad moment.
        let Some(id) = self.find(local, remote) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(&id)
            && connection.progress() == Progress::Opening
            && connection.origin == Origin::Expected
        {
            connection.end = Some(if refused {
                End::Refused
            } else {
                End::Unreachable
            });
            self.rung.push(Arc::clone(&connection.bell));
            let handle = connection.handle;
            self.socket(handle).abort();
        }
    }

    fn feed(&mut self, now: Instant, packet: &[u8]) {
        self.queue.put(packet);
        let at = self.clock.at(now);
        self.interface
            .poll_ingress_single(at, &mut self.queue, &mut self.sockets);
    }

    /// Takes note of a connection's state, tells who waits for it, and forgets it when nobody does.
    fn observe(&mut self, id: ConnectionId, reset: bool) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let socket = self.sockets.get::<Socket<'_>>(connection.handle);
        if connection.observe(socket, reset) {
            self.rung.push(Arc::clone(&connection.bell));
            if let Origin::Arriving(port) = connection.origin
                && connection.progress() == Progress::Open
                && let Some(listener) = self.listeners.get_mut(&port)
            {
                connection.origin = Origin::Queued(port);
                listener.ready.push_back(id);
                self.rung.push(Arc::clone(&listener.bell));
            }
        }
        let unheld = connection.abandoned.is_some() || connection.origin != Origin::Expected;
        // The remote end is forgotten when the last RST is out.
        if unheld && connection.end.is_some() && socket.remote_endpoint().is_none() {
            self.remove(id);
        }
    }

    fn give_up_abandoned(&mut self, now: Instant) {
        let late = |c: &&mut Connection| c.abandoned.is_some_and(|until| until <= now);
        for connection in self.connections.values_mut().filter(late) {
            connection.end.get_or_insert(End::Aborted);
            connection.abandoned = Some(now + LINGER);
            self.sockets
                .get_mut::<Socket<'_>>(connection.handle)
                .abort();
        }
    }

    fn remove(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        self.sockets.remove(connection.handle);
        if let Origin::Queued(port) = connection.origin
            && let Some(listener) = self.listeners.get_mut(&port)
        {
            listener.ready.retain(|ready| *ready != id);
        }
    }

    /// Whether a write finds no room.
    fn is_full(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| {
            let socket = self.sockets.get::<Socket<'_>>(connection.handle);
            socket.send_queue() == socket.send_capacity()
        })
    }

    fn find(&self, local: SocketAddr, remote: SocketAddr) -> Option<ConnectionId> {
        let same = |c: &Connection| c.end.is_none() && c.local == local && c.remote == remote;
        let mut all = self.connections.iter();
        all.find(|(_, c)| same(c)).map(|(id, _)| *id)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|net| net.addr() == address)
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut::<Socket<'static>>(handle)
    }
}

#[cfg(test)]
mod tests;
