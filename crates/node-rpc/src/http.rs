//! As much of HTTP as a node's RPC needs: one GET, answered in full.

use std::io::{ErrorKind, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long connecting and each read may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience(
    /// The bound of each step.
    pub Duration,
);

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Without brackets, also for IPv6.
    pub host: String,
    /// TCP.
    pub port: u16,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The header `Date`, if there is one: the server's own clock, to the second.
    pub date: Option<String>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Server {
    /// `http://HOST:PORT`, or `HOST:PORT`; without a port that of a node's RPC.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("https://") {
            return Err(format!(
                "{text}: https is not supported. Give the http address of a node that you trust, \
                 or of a proxy on this machine that speaks https for you"
            ));
        }
        let (rest, default) = match text.strip_prefix("http://") {
            Some(rest) => (rest.trim_end_matches('/'), 80),
            None => (text, 26657),
        };
        let wrong = || format!("{text:?} is no address: expected HOST:PORT");
        let (host, port) = match rest.rsplit_once(':') {
            // A colon inside of brackets belongs to the address.
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            _ => (rest, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(['/', ' ', '@']) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// `HOST:PORT`.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The answer to a GET, with a body of at most `limit` bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn get(&self, path: &str, limit: u64, patience: Patience) -> Result<Answer, String> {
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("no answer within {} s", patience.0.as_secs())
            }
            _ => error.to_string(),
        };
        let mut stream = self.connect(patience)?;
        // 1.0: the answer comes in one piece, and ends with the connection.
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: */*\r\n\r\n",
            self.authority()
        )
        .map_err(failed)?;
        let mut answer = Vec::new();
        let most = limit.saturating_add(MAX_HEAD);
        (&mut stream)
            .take(most.saturating_add(1))
            .read_to_end(&mut answer)
            .map_err(failed)?;
        if u64::try_from(answer.len()).unwrap_or(u64::MAX) > most {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
        split(answer)
    }

    fn connect(&self, patience: Patience) -> Result<TcpStream, String> {
        let mut last = "the name has no address".to_owned();
        let addresses = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| error.to_string())?;
        for address in addresses {
            match TcpStream::connect_timeout(&address, patience.0) {
                Ok(stream) => {
                    let set = stream
                        .set_read_timeout(Some(patience.0))
                        .and_then(|()| stream.set_write_timeout(Some(patience.0)));
                    return set.map(|()| stream).map_err(|error| error.to_string());
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }
}

/// No head of an answer is longer.
const MAX_HEAD: u64 = 64 * 1024;

/// Takes the head off.
fn split(mut answer: Vec<u8>) -> Result<Answer, String> {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or("the answer is not HTTP, or was cut")?;
    let body = answer.split_off(end.saturating_add(4));
    let head = String::from_utf8_lossy(&answer);
    let lower = head.to_ascii_lowercase();
    let code = lower
        .strip_prefix("http/1.")
        .and_then(|rest| rest.split_whitespace().nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or("the answer is not HTTP")?;
    for line in lower.lines() {
        match line.split_once(':') {
            Some(("content-length", length)) if length.trim().parse() != Ok(body.len()) => {
                return Err("the answer was cut".to_owned());
            }
            Some(("transfer-encoding", coding)) if coding.trim() != "identity" => {
                return Err(format!("the answer comes in a coding,{coding}"));
            }
            _ => {}
        }
    }
    Ok(Answer {
        code,
        date: header(&head, "date"),
        body,
    })
}

/// The value of a header, as it was written.
fn header(head: &str, name: &str) -> Option<String> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    const SOON: Patience = Patience(Duration::from_secs(5));

    fn server(answer: &'static [u8]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // All of the request: closing before that would be a reset.
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            // Whoever has read enough may close.
            let _ = stream.write_all(answer);
        });
        Server {
            host: "127.0.0.1".to_owned(),
            port,
        }
    }

    #[test]
    fn an_answer_is_read_whole() {
        let said = b"HTTP/1.1 500 Oops\r\nDATE: Sat, 28 Nov 2026 21:00:00 GMT\r\nContent-Length: 2\r\n\r\nhi";
        let expected = Answer {
            code: 500,
            date: Some("Sat, 28 Nov 2026 21:00:00 GMT".to_owned()),
            body: b"hi".to_vec(),
        };
        assert_eq!(server(said).get("/", 10, SOON), Ok(expected));
    }

    #[test]
    fn a_server_that_says_nothing_is_given_up_on() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = Server {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
        };
        let got = silent.get("/", 10, Patience(Duration::from_secs(1)));
        assert_eq!(got, Err("no answer within 1 s".to_owned()));
    }

    #[test]
    fn a_bad_answer_is_an_error_and_is_bounded() {
        for (answer, told) in [
            (&b"SSH-2.0\r\n\r\n"[..], "not HTTP"),
            (b"", "not HTTP, or was cut"),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nhi", "was cut"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                "chunked",
            ),
        ] {
            let got = server(answer).get("/", 10, SOON).unwrap_err();
            assert!(got.contains(told), "{got}");
        }
        let long: &'static [u8] = vec![b'a'; 70_000].leak();
        let got = server(long).get("/", 10, SOON).unwrap_err();
        assert!(got.contains("longer than 10 bytes"), "{got}");
    }

    #[test]
    fn addresses_are_read_with_and_without_a_scheme() {
        for (text, host, port) in [
            ("10.0.0.1:1", "10.0.0.1", 1),
            ("node.example", "node.example", 26657),
            ("http://node.example/", "node.example", 80),
            ("http://[::1]:7", "::1", 7),
            ("[::1]", "::1", 26657),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port), "{text}");
        }
        for wrong in ["", ":1", "a:b", "http://a/b", "https://a"] {
            assert!(Server::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Server::parse("[::1]:7").unwrap().authority(), "[::1]:7");
    }
}
