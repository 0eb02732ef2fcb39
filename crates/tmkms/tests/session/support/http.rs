//! HTTP as a browser or Prometheus asks: one request for each connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Got {
    /// The status code.
    pub(crate) status: u16,
    /// The lines before the body.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

/// Sends bytes as they are, and reads the whole answer.
pub(crate) fn exchange(address: SocketAddr, sent: &[u8]) -> Got {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(sent).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let count = reader.read_line(&mut head).unwrap();
        assert!(count > 0, "no whole head: {head:?}");
    }
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    // Not everybody hangs up when asked to.
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<u64>().unwrap())
    });
    let mut body = String::new();
    let mut rest = reader.take(length.unwrap_or(u64::MAX));
    rest.read_to_string(&mut body).unwrap();
    Got {
        status: status.unwrap_or_else(|| panic!("no status in {head}")),
        head,
        body,
    }
}

/// Gets a path.
pub(crate) fn get(address: SocketAddr, path: &str) -> Got {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    exchange(address, request.as_bytes())
}

/// Gets a path until the answer is so: the records follow the signatures by some microseconds.
pub(crate) fn get_when(address: SocketAddr, path: &str, is_so: impl Fn(&Got) -> bool) -> Got {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let got = get(address, path);
        if is_so(&got) {
            return got;
        }
        assert!(Instant::now() < deadline, "{path}: {got:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
