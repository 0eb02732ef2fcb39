//! A stand-in for the node that asks at a steady pace and measures each answer: the real one does
//! not tell how long it waited.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use privval::{ChainId, Height, Timestamp};
use testnode::{Listener, NodeError};

use crate::namespace::Namespace;
use crate::sekai::CHAIN_ID;
use crate::wait::{is_interrupted, pause};
use crate::world::PRIVVAL_PORT;
use crate::{Outcome, doing};

/// How long a signer may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long answers took, sorted.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Sorts them.
    pub fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The smallest value that so many of 1,000 do not exceed, in ms.
    pub fn of_thousand_ms(&self, share: usize) -> f64 {
        let rank = (self.0.len() * share).div_ceil(1000);
        let value = self.0.get(rank.max(1) - 1).copied().unwrap_or_default();
        value.as_secs_f64() * 1e3
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Waits for the signer in the node's container, then asks `count` times, `rest` after each
/// answer. The first answers, on a path that is new to both ends, are not counted.
///
/// # Errors
/// When no signer comes or an answer is not right.
pub fn ask(container: &Namespace, count: u32, rest: Duration) -> Outcome<Latencies> {
    container.inside(|| {
        let socket = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PRIVVAL_PORT));
        let socket = socket.map_err(doing("listen for the signer"))?;
        measure(socket, count, rest)
    })
}

fn measure(socket: TcpListener, count: u32, rest: Duration) -> Outcome<Latencies> {
    const UNCOUNTED: u32 = 20;
    let failed = |error: NodeError| format!("the stand-in for the node: {error}");
    let listener = Listener::from_tcp(socket).map_err(failed)?;
    let mut signer = listener.accept(PATIENCE).map_err(failed)?;
    let key = signer.public_key(CHAIN_ID).map_err(failed)?;
    let chain = ChainId::new(CHAIN_ID).map_err(doing("name the chain"))?;
    let mut latencies = Vec::new();
    for number in 0..count + UNCOUNTED {
        if is_interrupted() {
            return Err("interrupted".to_owned());
        }
        let height = Height::try_from(i64::from(number + 1));
        let height = height.map_err(doing("make a height"))?;
        // Proposals only: of votes, tmkms 0.15 wants to know the address, and signs no extension.
        let asked = testnode::proposal(&chain, height, now());
        let start = Instant::now();
        signer.sign(&key, &asked, b"").map_err(failed)?;
        let took = start.elapsed();
        if number >= UNCOUNTED {
            latencies.push(took);
        }
        pause(rest)?;
    }
    Ok(Latencies::new(latencies))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or_default(),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let latencies = Latencies::new((1..=200).rev().map(Duration::from_millis).collect());
        let found = [500, 990, 1000].map(|share| latencies.of_thousand_ms(share).round());
        assert_eq!(found, [100.0, 198.0, 200.0]);
        assert_eq!(Latencies::default().of_thousand_ms(500).round(), 0.0);
    }
}
