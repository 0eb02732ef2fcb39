//! A node's RPC, asked with plain HTTP.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// No answer of a loopback node takes this long, except from one that hangs.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The RPC server on a loopback port.
#[derive(Clone, Copy, Debug)]
pub struct Rpc {
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Rpc {
    /// The height of the last committed block; `None` while the node does not answer.
    pub fn height(self) -> Option<u64> {
        let status = self.get("/status")?;
        number(&status["sync_info"]["latest_block_height"])
    }

    /// The signatures of the commit of `height`: addresses of the validators
    /// that voted for the block, in upper-case hex.
    pub fn commit_signers(self, height: u64) -> Option<Vec<String>> {
        const FOR_THE_BLOCK: u64 = 2;
        let commit = self.get(&format!("/commit?height={height}"))?;
        let signatures = commit["signed_header"]["commit"]["signatures"].as_array()?;
        let signers = signatures
            .iter()
            .filter(|signature| signature["block_id_flag"].as_u64() == Some(FOR_THE_BLOCK))
            .map(|signature| signature["validator_address"].as_str().unwrap().to_owned());
        Some(signers.collect())
    }

    /// How many pieces of evidence of misbehaviour the block of `height` holds.
    pub fn evidence_count(self, height: u64) -> Option<usize> {
        let block = self.get(&format!("/block?height={height}"))?;
        let evidence = &block["block"]["evidence"]["evidence"];
        Some(evidence.as_array().map_or(0, Vec::len))
    }

    /// How many peers the node is connected to.
    pub fn peer_count(self) -> Option<u64> {
        number(&self.get("/net_info")?["n_peers"])
    }

    /// The `result` of a call, `None` while there is none.
    pub fn get(self, path: &str) -> Option<Value> {
        let body = self.body(path).ok()?;
        let mut answer: Value = serde_json::from_str(body.split_once("\r\n\r\n")?.1).ok()?;
        let result = answer["result"].take();
        (!result.is_null()).then_some(result)
    }

    /// HTTP/1.0, so that the answer comes whole and the end of the connection ends it.
    fn body(self, path: &str) -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// CometBFT writes 64-bit numbers as text.
fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}
