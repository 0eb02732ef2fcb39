//! Tunnels that are up, and the streams inside them.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tracing::info;
use tunnel::{Host, Options, StartError, TunnelStream};

use super::{Tunnel, Tunnels, is_behind};
use crate::session::{Interrupt, Transport};

/// How long a write into a tunnel may wait for room. It blocks only when the node has stopped
/// reading; a dead path is noticed by the tunnel itself.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a tunnel is not up. None of the others is, then.
#[derive(Debug, thiserror::Error)]
#[error("the tunnel of {file}: {source}")]
pub struct NotUp {
    file: String,
    source: StartError,
}

/// Tunnels that are up. They end when this is dropped, and their peers learn that their
/// connections are over.
#[derive(Default)]
pub struct Running(Vec<Up>);

/// One that is up.
pub struct Up {
    /// Its name: that of its file, without the ending.
    pub name: Arc<str>,
    /// What its file says.
    pub configured: Tunnel,
    /// Itself.
    pub tunnel: tunnel::Tunnel,
}

/// Tunnels with their keys in memory and their ports taken, which do nothing yet.
pub struct Prepared(Vec<PreparedOne>);

/// One of them.
pub struct PreparedOne {
    configured: Tunnel,
    prepared: tunnel::Prepared,
}

impl Tunnels {
    /// Prepares all, or none. Before the sandbox goes on, and before memory is locked.
    ///
    /// # Errors
    /// [`NotUp`], for the first that cannot be.
    pub fn prepare(self) -> Result<Prepared, NotUp> {
        let all = self.0.into_iter().map(Tunnel::prepare);
        Ok(Prepared(all.collect::<Result<_, _>>()?))
    }

    /// Whether an endpoint has a name that must be looked up.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.iter().any(Tunnel::has_names)
    }
}

impl Prepared {
    /// Starts all, or none.
    ///
    /// # Errors
    /// [`NotUp`], for the first that cannot be.
    pub fn start(self) -> Result<Running, NotUp> {
        let all = self.0.into_iter().map(PreparedOne::start);
        Ok(Running(all.collect::<Result<_, _>>()?))
    }
}

impl Tunnel {
    /// Its name: that of its file, without the ending.
    fn name(&self) -> Cow<'_, str> {
        let stem = self.file.file_stem();
        stem.map_or("tunnel".into(), |stem| stem.to_string_lossy())
    }

    /// Whether an endpoint has a name that must be looked up.
    #[must_use]
    pub fn has_names(&self) -> bool {
        let endpoints = self.spec.peers.iter().filter_map(|it| it.endpoint.as_ref());
        let mut hosts = endpoints.map(|endpoint| &endpoint.host);
        hosts.any(|host| matches!(host, Host::Name(_)))
    }

    /// Takes the port and reads the keys.
    ///
    /// # Errors
    /// [`NotUp`], and nothing is left behind.
    pub fn prepare(self) -> Result<PreparedOne, NotUp> {
        let options = Options {
            name: self.name().into_owned(),
        };
        let prepared = tunnel::Tunnel::prepare(&self.spec, &options);
        let prepared = prepared.map_err(|source| self.not_up(source))?;
        Ok(PreparedOne {
            configured: self,
            prepared,
        })
    }

    fn not_up(&self, source: StartError) -> NotUp {
        NotUp {
            file: self.file.display().to_string(),
            source,
        }
    }
}

impl PreparedOne {
    /// What its file says.
    #[must_use]
    pub fn configured(&self) -> &Tunnel {
        &self.configured
    }

    /// Lets it run.
    ///
    /// # Errors
    /// [`NotUp`], when the system has no thread to give.
    pub fn start(self) -> Result<Up, NotUp> {
        let configured = self.configured;
        let tunnel = self.prepared.start();
        let tunnel = tunnel.map_err(|source| configured.not_up(source))?;
        info!(
            target: "tmkms::tunnel",
            "{} is up, on UDP port {}", configured.describe(), tunnel.port()
        );
        Ok(Up {
            name: configured.name().into(),
            configured,
            tunnel,
        })
    }
}

impl Running {
    /// The tunnel behind which an address lies.
    #[must_use]
    pub fn route(&self, address: IpAddr) -> Option<&Up> {
        self.0.iter().find(|up| is_behind(&up.configured, address))
    }

    /// All of them, in the order of tmkms.toml.
    pub fn iter(&self) -> std::slice::Iter<'_, Up> {
        self.0.iter()
    }

    /// Ends all of them: their peers learn that their connections are over.
    pub fn stop(&self) {
        self.iter().for_each(|up| up.tunnel.stop());
    }
}

impl Up {
    /// Dials an address inside the tunnel.
    ///
    /// # Errors
    /// As for [`tunnel::Tunnel::connect`].
    pub fn connect(&self, to: SocketAddr, timeout: Duration) -> io::Result<Inside> {
        let stream = self.tunnel.connect(to, timeout)?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let tunnel = Arc::clone(&self.name);
        Ok(Inside { stream, tunnel })
    }
}

/// A connection inside a tunnel.
pub struct Inside {
    stream: TunnelStream,
    tunnel: Arc<str>,
}

impl Read for Inside {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Inside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for Inside {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout));
        Ok(())
    }

    fn interrupter(&self) -> io::Result<Box<dyn Interrupt>> {
        Ok(Box::new(Reader(self.stream.clone())))
    }

    fn tunnel(&self) -> Option<Arc<str>> {
        Some(Arc::clone(&self.tunnel))
    }
}

struct Reader(TunnelStream);

impl Interrupt for Reader {
    fn interrupt(&self) {
        // Fails only when the tunnel is gone, and then there is no read to end.
        let _ = self.0.shutdown(Shutdown::Read);
    }
}
