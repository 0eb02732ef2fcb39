//! A node gives its signer one window of about three seconds at its start.

use interop::{CometBft, Node, SignerHome};
use std::time::{Duration, Instant};

const CHAIN_ID: &str = "starts-1";

#[test]
fn every_node_start_finds_the_waiting_signer_at_the_first_try() {
    let starts = std::env::var("TMKMS_INTEROP_STARTS").map_or(100, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::init(CometBft::V0_37, dir.path().join("node"), CHAIN_ID);
    let address = node.use_tcp_signer();
    let mut home = SignerHome::new(dir.path().join("signer"));
    home.add_chain(CHAIN_ID, &node.path("config/priv_validator_key.json"));
    home.add_node(CHAIN_ID, &address, "v0.37");
    node.take_key_away();
    let signer = home.start();

    let mut times: Vec<Duration> = Vec::new();
    for number in 1..=starts {
        // The node may have committed more than it could tell before it was killed.
        let signed = signer.heights().last().copied().unwrap_or(0);
        let begin = Instant::now();
        node.start();
        let height = node.wait_for_height(signed + 1);
        times.push(begin.elapsed());
        node.kill();
        if number % 20 == 0 {
            println!("{number} of {starts} node starts, height {height}");
        }
    }
    times.sort();
    println!(
        "{starts} node starts: first new block after {} ms (median), {} ms (slowest)",
        times[times.len() / 2].as_millis(),
        times[times.len() - 1].as_millis()
    );
    signer.stop();
}
