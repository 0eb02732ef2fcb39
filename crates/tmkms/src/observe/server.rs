//! Answers whoever connects to the status socket: one document, then the end.
//!
//! Invariants:
//! - Nothing is read from a connection, so there is nothing to be attacked with.
//! - It shares no lock with the signing that is held during I/O, and has a thread of its own:
//!   whatever happens to its clients, nobody waits who signs.
//! - One client at a time, `PATIENCE` each, at most one every `PAUSE`.

use std::io::{self, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tracing::debug;

use super::socket::Socket;
use super::source::Source;

/// How long a client may take to read.
const PATIENCE: Duration = Duration::from_secs(1);

/// What keeps a client that asks in a loop from taking a processor to itself.
const PAUSE: Duration = Duration::from_millis(5);

/// A socket that is being answered on. Dropping this ends that, and removes the socket.
#[derive(Debug)]
pub struct Server {
    socket: Socket,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Answers on a socket from now on, on a thread of its own.
    ///
    /// # Errors
    /// What the system says when it has no thread.
    pub fn start(socket: Socket, source: Arc<Source>) -> io::Result<Self> {
        let listener = socket.listener()?;
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        thread::Builder::new()
            .name("status".to_owned())
            .spawn(move || serve(&listener, &source, &told))?;
        Ok(Self { socket, ended })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Ends the wait for the next client; where it does not, the thread ends with the process.
        if let Ok(listener) = self.socket.listener() {
            let _ = rustix::net::shutdown(&listener, rustix::net::Shutdown::Both);
        }
    }
}

fn serve(listener: &UnixListener, source: &Source, ended: &AtomicBool) {
    while !ended.load(Ordering::SeqCst) {
        let answered = listener
            .accept()
            .and_then(|(client, _)| answer(client, source));
        if let Err(error) = answered {
            // Clients go away as they like.
            debug!(target: "tmkms::status", "a status request was not answered: {error}");
        }
        thread::sleep(PAUSE);
    }
}

fn answer(mut client: UnixStream, source: &Source) -> io::Result<()> {
    client.set_write_timeout(Some(PATIENCE))?;
    let mut text = serde_json::to_vec(&source.document())?;
    text.push(b'\n');
    client.write_all(&text)
}
