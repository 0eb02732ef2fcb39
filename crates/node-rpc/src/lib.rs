//! A node's RPC, asked over plain HTTP.
//!
//! Invariants:
//! - Connecting and each read are bounded in time, and answers in length.
//! - No request goes anywhere but to the address that was given: redirections are not followed.
//! - No answer leads to a panic.

mod http;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub use crate::http::{Answer, Patience, Server};

/// The most of an answer, unless the caller says otherwise.
const MAX_ANSWER: u64 = 16 << 20;

/// A node's RPC server.
#[derive(Clone, Debug)]
pub struct Rpc {
    server: Server,
    patience: Patience,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Value>,
}

/// The `result` of a call, as it came.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its JSON, to the byte.
    pub result: Box<RawValue>,
    /// What the server's clock said, if it tells: the value of the header `Date`.
    pub date: Option<String>,
}

impl Rpc {
    /// The RPC of a server, with this patience for connecting and for each read.
    #[must_use]
    pub fn new(server: Server, patience: Duration) -> Self {
        Self {
            server,
            patience: Patience(patience),
        }
    }

    /// Which server it is.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The `result` of a call.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn call(&self, path: &str) -> Result<Value, String> {
        let outcome = self.raw(path, MAX_ANSWER)?;
        serde_json::from_str(outcome.result.get()).map_err(|error| error.to_string())
    }

    /// The `result` of a call to the byte, of at most `limit` bytes with what is around it. A call
    /// that fails has an error in its answer, with a status code that says little.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn raw(&self, path: &str, limit: u64) -> Result<Outcome, String> {
        let Answer { code, date, body } = self.server.get(path, limit, self.patience)?;
        let envelope: Envelope<'_> = match serde_json::from_slice(&body) {
            Ok(envelope) => envelope,
            Err(_) if code != 200 => return Err(format!("HTTP {code}")),
            Err(error) => return Err(format!("the answer is not that of a node's RPC ({error})")),
        };
        match (envelope.result, envelope.error) {
            (_, Some(error)) if !error.is_null() => Err(error.to_string()),
            (Some(result), _) => Ok(Outcome {
                result: result.to_owned(),
                date,
            }),
            (None, _) => Err(format!("an answer without a result, HTTP {code}")),
        }
    }
}

/// A text in an answer, empty if it is not there.
#[must_use]
pub fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;

    /// A node that answers each path with a text, as often as it is asked.
    fn node(answers: &'static [(&'static str, &'static str)]) -> Rpc {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    stream.read_line(&mut request).unwrap();
                }
                let path = request.split_whitespace().nth(1).unwrap();
                let found = answers.iter().find(|(name, _)| *name == path);
                let (code, body) = found.map_or((404, "nothing"), |(_, body)| (200, *body));
                write!(
                    stream.get_mut(),
                    "HTTP/1.0 {code} X\r\nDate: now\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        let server = Server {
            host: "127.0.0.1".to_owned(),
            port,
        };
        Rpc::new(server, Duration::from_secs(5))
    }

    #[test]
    fn a_result_is_taken_to_the_byte_with_the_servers_time() {
        let rpc = node(&[("/genesis", r#"{"result":{"b":1,  "a":1.50}}"#)]);
        let outcome = rpc.raw("/genesis", 100).unwrap();
        assert_eq!(outcome.result.get(), r#"{"b":1,  "a":1.50}"#);
        assert_eq!(outcome.date.as_deref(), Some("now"));
        let value = rpc.call("/genesis").unwrap();
        assert_eq!(value.pointer("/b"), Some(&Value::from(1)));
        assert_eq!(text(&value, "/b"), "");
    }

    #[test]
    fn what_is_no_rpc_is_said() {
        let rpc = node(&[
            ("/status", "<html>"),
            ("/net_info", r#"{"jsonrpc":"2.0"}"#),
            ("/bad", r#"{"error":{"code":-32603}}"#),
        ]);
        let told = rpc.call("/status").unwrap_err();
        assert!(told.contains("not that of a node's RPC"), "{told}");
        assert_eq!(rpc.call("/other").unwrap_err(), "HTTP 404");
        let told = rpc.call("/net_info").unwrap_err();
        assert!(told.contains("without a result"), "{told}");
        assert_eq!(rpc.call("/bad").unwrap_err(), r#"{"code":-32603}"#);
    }
}
