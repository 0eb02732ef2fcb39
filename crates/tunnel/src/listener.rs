//! A port inside the tunnel.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::driver::{Answer, Core, Shared};
use crate::netstack::{Bell, ConnectionId, Knock, Progress};
use crate::stream::{TunnelStream, ended};

/// Attempts of addresses that may not connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// How many segments asked for a connection, by address.
    pub known: Vec<(IpAddr, u64)>,
    /// How many came from more addresses than are told apart.
    pub others: u64,
}

/// Listens until it is dropped.
pub struct TunnelListener {
    shared: Arc<Shared>,
    port: u16,
    bell: Arc<Bell>,
}

impl TunnelListener {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        port: u16,
        held: bool,
        allowed: Vec<IpNet>,
    ) -> io::Result<Self> {
        let bell = shared.with(|core, _| {
            let listens = core.stack.listen(port, held, allowed);
            listens.then(|| core.stack.listener_bell(port)).flatten()
        })?;
        let bell = bell.ok_or_else(|| {
            let text = format!("port {port} inside the tunnel is listened to already");
            io::Error::new(io::ErrorKind::AddrInUse, text)
        })?;
        let shared = Arc::clone(shared);
        Ok(Self { shared, port, bell })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a connection. Only for listeners that are not held.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn accept(&self) -> io::Result<TunnelStream> {
        let accepted = self.accept_until(None)?;
        accepted.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    /// The same, but no longer than `timeout`.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn accept_timeout(&self, timeout: Duration) -> io::Result<Option<TunnelStream>> {
        self.accept_until(Some(Instant::now() + timeout))
    }

    fn accept_until(&self, deadline: Option<Instant>) -> io::Result<Option<TunnelStream>> {
        let accepted = self.wait(deadline, |core, _| {
            let id = core.stack.accept(self.port)?;
            Some((id, core.stack.ends(id)?.1))
        })?;
        accepted.map(|(id, peer)| self.stream(id, peer)).transpose()
    }

    /// Who waits at a held listener for an answer to their SYN, one attempt for each address, the
    /// newest last. One that was not repeated for 4 s is not there any more.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn knocking(&self) -> io::Result<Vec<Knock>> {
        let port = self.port;
        Ok(self
            .shared
            .with(|core, now| core.stack.knocking(now, port))?)
    }

    /// Waits until somebody knocks at a held listener and gives the newest attempt; `None` after
    /// `timeout`.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn newest(&self, timeout: Duration) -> io::Result<Option<Knock>> {
        self.wait(Some(Instant::now() + timeout), |core, now| {
            core.stack.knocking(now, self.port).pop()
        })
    }

    /// Answers a knock and waits until the connection stands.
    ///
    /// # Errors
    /// `NotFound` when it is not waiting any more, `ConnectionReset` when the other end has given
    /// up meanwhile, `TimedOut` when it does not answer within `timeout`.
    pub fn admit(&self, source: SocketAddr, timeout: Duration) -> io::Result<TunnelStream> {
        let port = self.port;
        let admitted = self
            .shared
            .with(|core, now| core.stack.admit(now, port, source))?;
        let id = admitted.ok_or_else(|| {
            let text = format!("{source} does not wait for a connection any more");
            io::Error::new(io::ErrorKind::NotFound, text)
        })?;
        let stream = self.stream(id, source)?;
        match stream.wait_open(Some(Instant::now() + timeout))? {
            Some(Progress::Ended(end)) => Err(ended(end, source)),
            Some(_) => Ok(stream),
            None => {
                let text = format!("{source} does not answer any more");
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
        }
    }

    /// Answers a knock with RST: who dials sees "connection refused".
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn refuse(&self, source: SocketAddr) -> io::Result<()> {
        let port = self.port;
        Ok(self
            .shared
            .with(|core, now| core.stack.refuse(now, port, source))?)
    }

    /// Forgets a knock without an answer. It is there again when it is repeated.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn ignore(&self, source: SocketAddr) -> io::Result<()> {
        let port = self.port;
        self.shared.with(|core, _| {
            core.stack.ignore(port, source);
        })?;
        Ok(())
    }

    /// The attempts of those who may not connect, since the last call.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn take_strangers(&self) -> io::Result<Strangers> {
        let port = self.port;
        let (known, others) = self
            .shared
            .with(|core, _| core.stack.take_strangers(port))?;
        Ok(Strangers { known, others })
    }

    fn stream(&self, id: ConnectionId, peer: SocketAddr) -> io::Result<TunnelStream> {
        TunnelStream::new(Arc::clone(&self.shared), id, peer)
    }

    fn wait<R>(
        &self,
        deadline: Option<Instant>,
        mut ask: impl FnMut(&mut Core, Instant) -> Option<R>,
    ) -> io::Result<Option<R>> {
        let bell = &self.bell;
        Ok(self.shared.wait(deadline, |core, now| {
            ask(core, now).map_or_else(|| Answer::Wait(Arc::clone(bell)), Answer::Is)
        })?)
    }
}

impl Drop for TunnelListener {
    fn drop(&mut self) {
        // A tunnel that has been stopped has no listeners.
        let _ = self
            .shared
            .with(|core, now| core.stack.unlisten(now, self.port));
    }
}
