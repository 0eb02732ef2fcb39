//! What it costs a signature to be remembered for `tmkms status`.
//!
//! ```sh
//! cargo run --release -p tmkms --example recording
//! ```
#![allow(clippy::print_stdout)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use privval::{Canonical, ChainId, Height, Timestamp};
use tmkms::observe::record::{ChainRecord, Took};

const SIGNATURES: i64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let votes = votes()?;
    let record = ChainRecord::default();
    println!("alone: {} ns per signature", measured(&record, &votes)?);
    let done = AtomicBool::new(false);
    let (ns, asked) = thread::scope(|scope| {
        let asker = scope.spawn(|| ask(&record, &done));
        let ns = measured(&record, &votes);
        done.store(true, Ordering::SeqCst);
        (ns, asker.join())
    });
    let asked = asked.map_err(|_| "the asking thread panicked")?;
    println!(
        "while somebody asks without a pause ({asked} times): {} ns per signature",
        ns?
    );
    Ok(())
}

fn votes() -> Result<Vec<Canonical>, Box<dyn std::error::Error>> {
    let chain = ChainId::new("testnet-1")?;
    let timestamp = Timestamp {
        seconds: 0,
        nanos: 0,
    };
    let heights = (1..=1_000).map(Height::try_from);
    let vote = |height| Ok(testnode::precommit(&chain, height?, timestamp));
    heights.map(vote).collect()
}

/// With the five readings of the clock that the session and the chain make for it.
fn measured(record: &ChainRecord, votes: &[Canonical]) -> Result<u128, std::num::TryFromIntError> {
    let started = Instant::now();
    for vote in votes.iter().cycle().take(usize::try_from(SIGNATURES)?) {
        let clock: [Instant; 5] = std::array::from_fn(|_| Instant::now());
        let [a, b, c, d, e] = clock;
        let took = Took {
            decode: b - a,
            commit: c - b + Duration::from_micros(131),
            sync: Duration::from_micros(110),
            sign: d - c + Duration::from_micros(20),
            write: e - d + Duration::from_micros(9),
            total: e - a + Duration::from_micros(160),
        };
        record.signed(vote, &took);
    }
    Ok(started.elapsed().as_nanos() / u128::try_from(SIGNATURES)?)
}

fn ask(record: &ChainRecord, done: &AtomicBool) -> u64 {
    let mut asked = 0;
    while !done.load(Ordering::SeqCst) {
        std::hint::black_box(record.document("testnet-1", Instant::now()));
        asked += 1;
    }
    asked
}
