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
