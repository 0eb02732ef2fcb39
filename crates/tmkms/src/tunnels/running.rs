//! Tunnels that are up, and the streams inside them.

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

impl Tunnels {
    /// Brings all up, or none.
    ///
    /// # Errors
    /// [`NotUp`], for the first that cannot be.
    pub fn start(self) -> Result<Running, NotUp> {
        let mut running = Running::default();
        for configured in self.0 {
            running.0.push(start(configured)?);
        }
        Ok(running)
    }

    /// Whether an endpoint has a name that must be looked up.
    #[must_use]
    pub fn has_names(&self) -> bool {
        let peers = self.iter().flat_map(|tunnel| &tunnel.spec.peers);
        let mut endpoints = peers.filter_map(|peer| peer.endpoint.as_ref());
        endpoints.any(|endpoint| matches!(endpoint.host, Host::Name(_)))
    }
}

fn start(configured: Tunnel) -> Result<Up, NotUp> {
    let name: Arc<str> = configured
        .file
        .file_stem()
        .map_or_else(|| "tunnel".into(), |stem| stem.to_string_lossy())
        .into();
    let options = Options {
        name: name.to_string(),
    };
    let tunnel = tunnel::Tunnel::start(&configured.spec, &options).map_err(|source| NotUp {
        file: configured.file.display().to_string(),
        source,
    })?;
    info!(
        target: "tmkms::tunnel",
        "{} is up, on UDP port {}", configured.describe(), tunnel.port()
    );
    Ok(Up {
        name,
        configured,
        tunnel,
    })
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
