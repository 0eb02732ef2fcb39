//! Host names to addresses, within a bound.
//!
//! The system's resolver blocks for as long as it likes (30 s with three dead name servers) and
//! cannot be interrupted, so it runs on a thread of its own. One that is given up on ends by
//! itself.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::shutdown::Shutdown;

/// How long a name may take. The resolver itself asks again after 5 s, and by then the node has
/// given up waiting for its signer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How often the waiting looks at the request to stop.
const TICK: Duration = Duration::from_millis(100);

/// The addresses of a host, in the order in which to try them.
///
/// # Errors
/// What the resolver says; [`ErrorKind::TimedOut`] when it says nothing in time.
pub(super) fn resolve(host: &str, port: u16, shutdown: &Shutdown) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let target = (host.to_owned(), port);
    within(TIMEOUT, shutdown, move || {
        target.to_socket_addrs().map(Iterator::collect)
    })
}

/// The same for whoever only looks.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    resolve(host, port, &Shutdown::default())
}

fn within(
    timeout: Duration,
    shutdown: &Shutdown,
    look_up: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let (found, finding) = mpsc::channel();
    thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(move || {
            // Fails when nobody waits any more.
            let _ = found.send(look_up());
        })?;
    let deadline = Instant::now() + timeout;
    loop {
        match finding.recv_timeout(TICK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline && !shutdown.is_asked() => {
            }
            Err(_) => {
                let text = format!("no answer within {} ms", timeout.as_millis());
                return Err(io::Error::new(ErrorKind::TimedOut, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<SocketAddr> {
        vec![SocketAddr::from(([127, 0, 0, 1], 26659))]
    }

    #[test]
    fn address_needs_no_resolver() {
        let shutdown = Shutdown::default();
        assert_eq!(resolve("127.0.0.1", 26659, &shutdown).unwrap(), one());
        let found = resolve("::1", 26659, &shutdown).unwrap();
        assert_eq!(
            found,
            vec![SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 26659))]
        );
    }

    #[test]
    fn answer_within_the_bound_is_taken() {
        let look_up = || {
            thread::sleep(Duration::from_millis(150));
            Ok(one())
        };
        let found = within(Duration::from_secs(60), &Shutdown::default(), look_up);
        assert_eq!(found.unwrap(), one());
    }

    #[test]
    fn resolver_that_does_not_answer_is_given_up_on() {
        let (keep, wait) = mpsc::channel::<()>();
        let look_up = move || {
            let _ = wait.recv();
            Ok(one())
        };
        let error = within(Duration::from_millis(50), &Shutdown::default(), look_up).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "no answer within 50 ms");
        drop(keep);
    }

    #[test]
    fn request_to_stop_ends_the_wait() {
        let shutdown = Shutdown::default();
        shutdown.ask();
        let (keep, wait) = mpsc::channel::<()>();
        let look_up = move || {
            let _ = wait.recv();
            Ok(one())
        };
        let started = Instant::now();
        assert!(within(Duration::from_secs(60), &shutdown, look_up).is_err());
        assert!(started.elapsed() < Duration::from_secs(30));
        drop(keep);
    }
}
