//! What this side asks of the stack: dial, listen, read, write, close.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use ipnet::IpNet;
use smoltcp::socket::tcp::{RecvError, Socket};

use super::bell::Bell;
use super::connection::{Connection, ConnectionId, End, Origin, Progress, new_socket};
use super::listener::{Knock, Listener};
use super::segment::{Seen, see};
use super::{ConnectError, LINGER, MAX_CONNECTIONS, Netstack};

/// Ports for connections from here (RFC 6335, section 6).
const EPHEMERAL: std::ops::RangeInclusive<u16> = 49152..=65535;

impl Netstack {
    /// Begins a connection.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
    ) -> Result<ConnectionId, ConnectError> {
        if self.connections.len() >= MAX_CONNECTIONS {
            return Err(ConnectError::TooMany);
        }
        let own = self.source_for(remote.ip()).ok_or(ConnectError::NoRoute)?;
        let local = self.free_port(own, remote);
        let mut socket = new_socket();
        socket
            .connect(self.interface.context(), remote, local)
            .map_err(|_| ConnectError::NoRoute)?;
        let id = self.add(now, socket, local, remote, Origin::Expected);
        self.observe(id, false);
        Ok(id)
    }

    /// The address to dial from: one whose network has `remote` in it, or the first of its family.
    fn source_for(&self, remote: IpAddr) -> Option<IpAddr> {
        if self.is_own(remote) {
            return None;
        }
        let near = self.addresses.iter().find(|net| net.contains(&remote));
        let same_family = |net: &&IpNet| net.addr().is_ipv4() == remote.is_ipv4();
        near.or_else(|| self.addresses.iter().find(same_family))
            .map(IpNet::addr)
    }

    /// A port chosen at random; there are far more than connections.
    fn free_port(&mut self, own: IpAddr, remote: SocketAddr) -> SocketAddr {
        let ports = u64::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        loop {
            let offset = u16::try_from(self.random.next() % ports).unwrap_or(0);
            let local = SocketAddr::new(own, EPHEMERAL.start() + offset);
            let taken = |c: &Connection| c.local == local && c.remote == remote;
            if !self.connections.values().any(taken) {
                return local;
            }
        }
    }

    /// Listens on a port of all our addresses for those in `allowed`, or anybody when it is
    /// empty. Returns `false` when somebody listens there already.
    pub(crate) fn listen(&mut self, port: u16, held: bool, allowed: Vec<IpNet>) -> bool {
        if port == 0 || self.listeners.contains_key(&port) {
            return false;
        }
        self.listeners.insert(port, Listener::new(held, allowed));
        true
    }

    /// Ends listening. What nobody accepted is reset.
    pub(crate) fn unlisten(&mut self, now: Instant, port: u16) {
        self.listeners.remove(&port);
        for connection in self.connections.values_mut() {
            if matches!(connection.origin, Origin::Arriving(p) | Origin::Queued(p) if p == port) {
                connection.origin = Origin::Expected;
                connection.abandoned = Some(now);
            }
        }
    }

    /// Rung when somebody knocks or a connection can be accepted.
    pub(crate) fn listener_bell(&self, port: u16) -> Option<Arc<Bell>> {
        let listener = self.listeners.get(&port)?;
        Some(Arc::clone(&listener.bell))
    }

    /// The oldest connection that stands and was not accepted yet.
    pub(crate) fn accept(&mut self, port: u16) -> Option<ConnectionId> {
        let id = self.listeners.get_mut(&port)?.ready.pop_front()?;
        self.connections.get_mut(&id)?.origin = Origin::Expected;
        Some(id)
    }

    /// Who waits at a held listener, the newest attempt last.
    pub(crate) fn knocking(&mut self, now: Instant, port: u16) -> Vec<Knock> {
        let listener = self.listeners.get_mut(&port);
        listener.map_or_else(Vec::new, |listener| listener.knocking(now))
    }

    /// Answers a SYN that waits. `None` when it waits no longer.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        port: u16,
        source: SocketAddr,
    ) -> Option<ConnectionId> {
        let packet = self.ignore(port, source)?;
        let Some(Seen::Tcp(segment)) = see(&packet) else {
            return None;
        };
        self.open(now, &segment, &packet, Origin::Expected)
    }

    /// Answers a SYN that waits with RST, which the dialling side reports as refused.
    pub(crate) fn refuse(&mut self, now: Instant, port: u16, source: SocketAddr) {
        if let Some(packet) = self.ignore(port, source) {
            // No socket takes it, so smoltcp answers RST.
            self.feed(now, &packet);
        }
    }

    /// Forgets a SYN that waits, without an answer.
    pub(crate) fn ignore(&mut self, port: u16, source: SocketAddr) -> Option<Vec<u8>> {
        self.listeners.get_mut(&port)?.take(source)
    }

    /// The attempts of those who are not allowed since the last call, by address, and those of
    /// further addresses.
    pub(crate) fn take_strangers(&mut self, port: u16) -> (Vec<(IpAddr, u64)>, u64) {
        let listener = self.listeners.get_mut(&port);
        listener.map_or_else(Default::default, Listener::take_strangers)
    }

    /// How far a connection is.
    pub(crate) fn progress(&self, id: ConnectionId) -> Progress {
        let connection = self.connections.get(&id);
        connection.map_or(Progress::Ended(End::Aborted), Connection::progress)
    }

    /// Rung when something about the connection changed.
    pub(crate) fn bell(&self, id: ConnectionId) -> Option<Arc<Bell>> {
        let connection = self.connections.get(&id)?;
        Some(Arc::clone(&connection.bell))
    }

    /// Wakes who waits for the connection, to look again.
    pub(crate) fn ring(&mut self, id: ConnectionId) {
        if let Some(bell) = self.bell(id) {
            self.rung.push(bell);
        }
    }

    /// Our end and the other.
    pub(crate) fn ends(&self, id: ConnectionId) -> Option<(SocketAddr, SocketAddr)> {
        self.connections.get(&id).map(|c| (c.local, c.remote))
    }

    /// When something came last from the other end.
    pub(crate) fn heard(&self, id: ConnectionId) -> Option<Instant> {
        self.connections.get(&id).map(|c| c.heard)
    }

    /// Takes what has come. `Some(0)` when the other end has closed its side, `None` when there
    /// is nothing yet.
    ///
    /// # Errors
    /// Why the connection is over.
    pub(crate) fn read(&mut self, id: ConnectionId, into: &mut [u8]) -> Result<Option<usize>, End> {
        let connection = self.connections.get(&id).ok_or(End::Aborted)?;
        let (end, handle) = (connection.end, connection.handle);
        match self.socket(handle).recv_slice(into) {
            Ok(0) => Ok(None),
            Ok(len) => Ok(Some(len)),
            Err(RecvError::Finished) => Ok(Some(0)),
            Err(RecvError::InvalidState) => match end {
                Some(End::Finished) => Ok(Some(0)),
                Some(end) => Err(end),
                None => Ok(None),
            },
        }
    }

    /// Gives bytes to send; returns how many there was room for.
    ///
    /// # Errors
    /// Why nothing can be sent any more.
    pub(crate) fn write(&mut self, id: ConnectionId, bytes: &[u8]) -> Result<usize, End> {
        let connection = self.connections.get(&id).ok_or(End::Aborted)?;
        let (end, handle) = (connection.end, connection.handle);
        match (end, self.socket(handle).send_slice(bytes)) {
            (Some(end), _) => Err(end),
            (None, Ok(len)) => Ok(len),
            (None, Err(_)) => Err(End::Finished),
        }
    }

    /// Sends what was written, then closes our side.
    pub(crate) fn finish(&mut self, id: ConnectionId) {
        if let Some(handle) = self.connections.get(&id).map(|c| c.handle) {
            self.socket(handle).close();
            self.observe(id, false);
        }
    }

    /// Ends the connection at once, with RST.
    pub(crate) fn abort(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.end.get_or_insert(End::Aborted);
            self.rung.push(Arc::clone(&connection.bell));
            let handle = connection.handle;
            self.socket(handle).abort();
        }
    }

    /// Resets all connections and rings everybody.
    pub(crate) fn abort_all(&mut self) {
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in ids {
            self.abort(id);
        }
        let bells = self.listeners.values().map(|l| Arc::clone(&l.bell));
        self.rung.extend(bells);
    }

    /// Nobody holds the connection any more: what was written is still delivered, unless bytes
    /// that nobody will read lie there; then the other end is told by RST.
    pub(crate) fn release(&mut self, now: Instant, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let opening = connection.progress() == Progress::Opening;
        let socket = self.sockets.get_mut::<Socket<'_>>(connection.handle);
        if socket.recv_queue() > 0 || opening {
            connection.end.get_or_insert(End::Aborted);
            socket.abort();
        } else {
            socket.close();
        }
        connection.abandoned = Some(now + LINGER);
        self.observe(id, false);
    }
}
