//! Takes connections and answers them, on a few threads of its own.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{debug, info};

use super::listener::Listener;
use super::request::{Refused, Request, head_len};
use super::respond::{Response, refuse, respond, too_slow};
use crate::observe::source::Source;

/// How many connections are served at once. Others wait in the kernel's queue.
pub const THREADS: usize = 4;

/// How long a client may take to ask, and then to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long is waited for a client to hang up, so that nothing it still sends makes the kernel
/// throw the answer away.
const FAREWELL: Duration = Duration::from_millis(200);

/// What keeps clients that ask in a loop from taking the processors to themselves.
const PAUSE: Duration = Duration::from_millis(10);

/// A listener that is answered on. Dropping this ends that.
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Answers from now on.
    ///
    /// # Errors
    /// What the system says when it has no thread.
    pub fn start(listener: Listener, source: &Arc<Source>) -> io::Result<Self> {
        let server = Self {
            listener: Arc::new(listener.listener),
            address: listener.address,
            ended: Arc::default(),
        };
        for number in 1..=THREADS {
            let (listener, ended) = (Arc::clone(&server.listener), Arc::clone(&server.ended));
            let source = Arc::clone(source);
            thread::Builder::new()
                .name(format!("metrics {number}"))
                .spawn(move || serve(&listener, &source, &ended))?;
        }
        info!(target: "tmkms::metrics", "metrics and a page to look at: http://{}/", server.address);
        Ok(server)
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn listener(&self) -> &TcpListener {
        &self.listener
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Ends the waits for the next client, and frees the port for a successor.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

fn serve(listener: &TcpListener, source: &Source, ended: &AtomicBool) {
    while !ended.load(Ordering::SeqCst) {
        let answered = listener
            .accept()
            .and_then(|(client, _)| answer(client, source));
        if let Err(error) = answered {
            // Clients go away as they like.
            debug!(target: "tmkms::metrics", "a request was not answered: {error}");
        }
        thread::sleep(PAUSE);
    }
}

fn answer(mut client: TcpStream, source: &Source) -> io::Result<()> {
    let (response, head_only) = match read(&mut client)? {
        Some(Ok(request)) => (respond(&request, || source.document()), request.is_head),
        Some(Err(why)) => (refuse(why), false),
        None => (too_slow(), false),
    };
    write(&mut client, &response, head_only)?;
    client.shutdown(Shutdown::Write)?;
    farewell(&mut client)
}

/// `None` when it does not come in time.
fn read(client: &mut TcpStream) -> io::Result<Option<Result<Request, Refused>>> {
    let deadline = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        match head_len(&head) {
            Ok(None) => {}
            Ok(Some(len)) => {
                return Ok(Some(Request::parse(head.get(..len).unwrap_or_default())));
            }
            Err(why) => return Ok(Some(Err(why))),
        }
        let Some(left) = left_until(deadline) else {
            return Ok(None);
        };
        client.set_read_timeout(Some(left))?;
        match client.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => head.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn write(client: &mut TcpStream, response: &Response, head_only: bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let bytes = response.encode(head_only);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let left = left_until(deadline).ok_or(io::ErrorKind::TimedOut)?;
        client.set_write_timeout(Some(left))?;
        match client.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn farewell(client: &mut TcpStream) -> io::Result<()> {
    let deadline = Instant::now() + FAREWELL;
    let mut buffer = [0; 2048];
    while let Some(left) = left_until(deadline) {
        client.set_read_timeout(Some(left))?;
        if client.read(&mut buffer)? == 0 {
            break;
        }
    }
    Ok(())
}

/// A time limit of zero would mean none.
fn left_until(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (left > Duration::ZERO).then_some(left)
}

/// The deadline is looked at again.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    [Kind::Interrupted, Kind::WouldBlock, Kind::TimedOut].contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> (Server, SocketAddr) {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        (Server::start(listener, &Arc::default()).unwrap(), address)
    }

    fn ask(address: SocketAddr, sent: &[u8]) -> String {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(sent).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn clients_that_ask_too_slowly_or_for_too_much_are_told_and_hold_up_nobody_for_long() {
        let (_server, address) = server();
        let mut silent: Vec<_> = (0..THREADS)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        let started = Instant::now();
        assert!(ask(address, b"GET /healthz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
        let waited = started.elapsed();
        assert!(waited < 2 * PATIENCE, "{waited:?}");
        let mut text = String::new();
        silent[0].read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
        let long = ask(address, &[b'a'; 9 * 1024]);
        assert!(long.starts_with("HTTP/1.1 431 "), "{long}");
    }

    #[test]
    fn body_that_nobody_reads_does_not_cost_the_answer() {
        let (_server, address) = server();
        let mut sent = b"POST / HTTP/1.1\r\nContent-Length: 20000\r\n\r\n".to_vec();
        sent.extend([b'x'; 20_000]);
        let told = ask(address, &sent);
        assert!(
            told.starts_with("HTTP/1.1 405 ") && told.contains("Allow: GET, HEAD\r\n"),
            "{told}"
        );
    }
}
