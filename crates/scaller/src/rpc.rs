//! A network's genesis, as a node's RPC gives it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use node_rpc::Rpc;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// The most of a genesis.
const MAX_GENESIS: u64 = 512 << 20;

#[derive(Deserialize)]
struct Whole {
    genesis: Box<RawValue>,
}

#[derive(Deserialize)]
struct Chunk {
    total: String,
    data: String,
}

/// The genesis, to the byte as the node gives it: in one piece, or in parts if it is large.
pub(crate) fn genesis(rpc: &Rpc) -> Result<Vec<u8>, Failure> {
    let failed = |error: String| {
        Failure::new(format!(
            "cannot get the genesis from {}: {error}",
            rpc.server().authority()
        ))
    };
    match rpc.raw("/genesis", MAX_GENESIS) {
        Ok(outcome) => {
            let whole: Whole = serde_json::from_str(outcome.result.get())
                .map_err(|error| failed(error.to_string()))?;
            Ok(whole.genesis.get().as_bytes().to_vec())
        }
        Err(error) if error.contains("genesis_chunked") => chunks(rpc).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}

fn chunks(rpc: &Rpc) -> Result<Vec<u8>, String> {
    let mut genesis = Vec::new();
    let mut number: u64 = 0;
    loop {
        let outcome = rpc.raw(&format!("/genesis_chunked?chunk={number}"), MAX_GENESIS)?;
        let chunk: Chunk =
            serde_json::from_str(outcome.result.get()).map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use node_rpc::Server;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

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
        assert_eq!(genesis(&rpc).unwrap(), br#"{"chain_id":"x"}"#);
    }

    #[test]
    fn a_small_genesis_is_taken_to_the_byte() {
        let rpc = node(&[("/genesis", r#"{"result":{"genesis":{"b":1,  "a":1.50}}}"#)]);
        assert_eq!(genesis(&rpc).unwrap(), br#"{"b":1,  "a":1.50}"#);
    }

    #[test]
    fn a_genesis_that_does_not_come_is_said() {
        let told = genesis(&node(&[])).unwrap_err().to_string();
        let beginning = "cannot get the genesis from 127.0.0.1:";
        assert!(told.contains(beginning), "{told}");
        assert!(told.ends_with(": HTTP 404"), "{told}");
    }
}
