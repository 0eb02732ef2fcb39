//! A connection to a node: a transport, and on TCP a SecretConnection over it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use secret_connection::SecretStream;

/// A stream of bytes to a node: a socket, or a stream inside a tunnel.
pub trait Transport: Read + Write + Send {
    /// Bounds how long one read may block.
    ///
    /// # Errors
    /// What the system says.
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()>;

    /// A handle with which another thread can end a blocking read.
    ///
    /// # Errors
    /// What the system says.
    fn interrupter(&self) -> io::Result<Box<dyn Interrupt>>;

    /// The name of the tunnel that it is inside of.
    fn tunnel(&self) -> Option<Arc<str>> {
        None
    }
}

/// Ends a blocking read, and leaves writes alone: an answer in hand still goes out.
pub trait Interrupt: Send {
    /// Makes the read return as if the node had closed.
    fn interrupt(&self);
}

impl Transport for TcpStream {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn interrupter(&self) -> io::Result<Box<dyn Interrupt>> {
        Ok(Box::new(self.try_clone()?))
    }
}

impl Interrupt for TcpStream {
    fn interrupt(&self) {
        // Fails only when the connection is gone, and then there is no read to end.
        let _ = self.shutdown(Shutdown::Read);
    }
}

impl Transport for UnixStream {
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        Self::set_read_timeout(self, Some(timeout))
    }

    fn interrupter(&self) -> io::Result<Box<dyn Interrupt>> {
        Ok(Box::new(self.try_clone()?))
    }
}

impl Interrupt for UnixStream {
    fn interrupt(&self) {
        // As for TCP.
        let _ = self.shutdown(Shutdown::Read);
    }
}

/// An established connection.
pub enum Connection {
    /// Encrypted and authenticated, over TCP.
    Secret(Box<SecretStream<Box<dyn Transport>>>),
    /// In plain, over a Unix socket.
    Plain(Box<dyn Transport>),
}

impl Connection {
    /// The transport beneath.
    #[must_use]
    pub fn transport(&self) -> &dyn Transport {
        match self {
            Self::Secret(stream) => stream.get_ref().as_ref(),
            Self::Plain(transport) => transport.as_ref(),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Secret(stream) => stream.read(buffer),
            Self::Plain(transport) => transport.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Secret(stream) => stream.write(bytes),
            Self::Plain(transport) => transport.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Secret(stream) => stream.flush(),
            Self::Plain(transport) => transport.flush(),
        }
    }
}
