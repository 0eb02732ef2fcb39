//! A stand-in for the node, which asks for one height after the other.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use privval::{ChainId, Height, Timestamp};
use testnode::{Listener, NodeError};

use super::boot::Machine;
use crate::world::PRIVVAL_PORT;
use crate::{Outcome, doing};

/// The chain of the guide.
pub(super) const CHAIN: &str = "testnet-1";
/// How long a signer may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens on the machine for the signer, and has heights `from` to `to` signed.
pub(super) fn sign(machine: &Machine, from: i64, to: i64) -> Outcome {
    machine.network.inside(|| {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, PRIVVAL_PORT));
        let socket = socket.map_err(doing("listen for the signer"))?;
        let failed = |error: NodeError| format!("the stand-in for the node: {error}");
        let listener = Listener::from_tcp(socket).map_err(failed)?;
        let mut signer = listener.accept(PATIENCE).map_err(failed)?;
        let key = signer.public_key(CHAIN).map_err(failed)?;
        let chain = ChainId::new(CHAIN).map_err(doing("name the chain"))?;
        for height in from..=to {
            let height = Height::try_from(height).map_err(doing("make a height"))?;
            for asked in [testnode::proposal, testnode::prevote, testnode::precommit] {
                let asked = asked(&chain, height, Timestamp::GO_ZERO);
                signer.sign(&key, &asked, b"").map_err(failed)?;
            }
        }
        Ok(())
    })
}

/// The same, when the signer must refuse; returns its reason.
pub(super) fn refused(machine: &Machine, height: i64) -> Outcome<String> {
    match sign(machine, height, height) {
        Ok(()) => Err(format!("height {height} was signed again")),
        Err(text) => Ok(text),
    }
}
