//! A node's RPC: what joining a network and `status` ask.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::http::{Patience, Server};

/// The most of a genesis.
const MAX_GENESIS: u64 = 512 << 20;

/// The most of any other answer.
const MAX_ANSWER: u64 = 16 << 20;

/// A node's RPC server.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    server: Server,
    patience: Patience,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Whole {
    genesis: Box<RawValue>,
}

#[derive(Deserialize)]
struct Chunk {
    total: String,
    data: String,
}

impl Rpc {
    pub(crate) fn new(server: Server, patience: Duration) -> Self {
        Self {
            server,
            patience: Patience(patience),
        }
    }

    /// The `result` of a call.
    pub(crate) fn call(&self, path: &str) -> Result<Value, String> {
        let text = self.raw(path, MAX_ANSWER)?;
        serde_json::from_str(text.get()).map_err(|error| error.to_string())
    }

    /// The genesis, to the byte as the node gives it: in one piece, or in parts if it is large.
    pub(crate) fn genesis(&self) -> Result<Vec<u8>, Failure> {
        let failed = |error: String| {
            Failure::new(format!(
                "cannot get the genesis from {}: {error}",
                self.server.authority()
            ))
        };
        match self.raw("/genesis", MAX_GENESIS) {
            Ok(text) => {
                let whole: Whole =
                    serde_json::from_str(text.get()).map_err(|error| failed(error.to_string()))?;
                Ok(whole.genesis.get().as_bytes().to_vec())
            }
            Err(error) if error.contains("genesis_chunked") => self.chunks().map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }

    fn chunks(&self) -> Result<Vec<u8>, String> {
        let mut genesis = Vec::new();
        let mut number: u64 = 0;
        loop {
            let text = self.raw(&format!("/genesis_chunked?chunk={number}"), MAX_GENESIS)?;
            let chunk: Chunk =
                serde_json::from_str(text.get()).map_err(|error| error.to_string())?;
            let data = BASE64_STANDARD
                .decode(chunk.data)
                .map_err(|error| format!("part {number}: {error}"))?;
            genesis.extend_from_slice(&data);
            if u64::try_from(genesis.len()).unwrap_or(u64::MAX) > MAX_GENESIS {
                return Err(format!("it is longer than {MAX_GENESIS} bytes"));
            }
            number = number.saturating_add(1);
            let total: u64 = chunk.total.parse().map_err(|_| "part without a total")?;
            if number >= total {
                return Ok(genesis);
            }
        }
    }

    /// A call that fails has an error in its answer, with a status code that says little.
    fn raw(&self, path: &str, limit: u64) -> Result<Box<RawValue>, String> {
        let (code, body) = self.server.get(path, limit, self.patience)?;
        let envelope: Envelope<'_> = match serde_json::from_slice(&body) {
            Ok(envelope) => envelope,
            Err(_) if code != 200 => return Err(format!("HTTP {code}")),
            Err(error) => return Err(format!("the answer is not that of a node's RPC ({error})")),
        };
        match (envelope.result, envelope.error) {
            (_, Some(error)) if !error.is_null() => Err(error.to_string()),
            (Some(result), _) => Ok(result.to_owned()),
            (None, _) => Err(format!("an answer without a result, HTTP {code}")),
        }
    }
}

/// A text in an answer, empty if it is not there.
pub(crate) fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
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
                write!(stream.get_mut(), "HTTP/1.0 {code} X\r\n\r\n{body}").unwrap();
            }
        });
        let server = Server {
            host: "127.0.0.1".to_owned(),
            port,
        };
        Rpc::new(server, Duration::from_secs(5))
    }

    #[test]
    fn a_large_genesis_comes_in_parts() {
        let rpc = node(&[
            (
                "/genesis",
                r#"{"error":{"data":"genesis response is large, please use the genesis_chunked API instead"}}"#,
            ),
            (
                "/genesis_chunked?chunk=0",
                r#"{"result":{"chunk":"0","total":"2","data":"eyJjaGFpbl8="}}"#,
            ),
            (
                "/genesis_chunked?chunk=1",
                r#"{"result":{"chunk":"1","total":"2","data":"aWQiOiJ4In0="}}"#,
            ),
        ]);
        assert_eq!(rpc.genesis().unwrap(), br#"{"chain_id":"x"}"#);
    }

    #[test]
    fn a_small_genesis_is_taken_to_the_byte() {
        let rpc = node(&[("/genesis", r#"{"result":{"genesis":{"b":1,  "a":1.50}}}"#)]);
        assert_eq!(rpc.genesis().unwrap(), br#"{"b":1,  "a":1.50}"#);
    }

    #[test]
    fn what_is_no_rpc_is_said() {
        let rpc = node(&[("/status", "<html>"), ("/net_info", r#"{"jsonrpc":"2.0"}"#)]);
        let told = rpc.call("/status").unwrap_err();
        assert!(told.contains("not that of a node's RPC"), "{told}");
        assert_eq!(rpc.call("/other").unwrap_err(), "HTTP 404");
        let told = rpc.call("/net_info").unwrap_err();
        assert!(told.contains("without a result"), "{told}");
        let told = rpc.genesis().unwrap_err().to_string();
        assert!(
            told.contains("cannot get the genesis from 127.0.0.1:"),
            "{told}"
        );
    }
}
