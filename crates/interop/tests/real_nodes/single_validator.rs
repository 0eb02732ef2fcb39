//! One validator whose only signer is our binary, for every release line.

use interop::{CometBft, Node, Signer, SignerHome};
use std::path::Path;

/// Blocks before, between and after the restarts: 24 in total.
const BLOCKS: u64 = 8;

#[test]
fn cometbft_0_34_commits_over_tcp_through_restarts() {
    commits_over_tcp_through_restarts(CometBft::V0_34);
}

#[test]
fn cometbft_0_37_commits_over_tcp_through_restarts() {
    commits_over_tcp_through_restarts(CometBft::V0_37);
}

#[test]
fn cometbft_0_38_commits_over_tcp_through_restarts() {
    commits_over_tcp_through_restarts(CometBft::V0_38);
}

#[test]
fn cometbft_0_39_commits_over_tcp_through_restarts() {
    commits_over_tcp_through_restarts(CometBft::V0_39);
}

#[test]
fn cometbft_0_40_commits_over_tcp_through_restarts() {
    commits_over_tcp_through_restarts(CometBft::V0_40);
}

#[test]
fn cometbft_1_0_commits_over_tcp_through_restarts() {
    commits_over_tcp_through_restarts(CometBft::V1_0);
}

#[test]
fn cometbft_0_38_commits_over_a_unix_socket_through_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("unix://{}", dir.path().join("signer.sock").display());
    let mut chain = Chain::new(CometBft::V0_38, dir.path(), |node| {
        node.use_signer(&address);
    });
    chain.runs_through_restarts();
}

fn commits_over_tcp_through_restarts(release: CometBft) {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(release, dir.path(), |node| {
        node.use_tcp_signer();
    });
    chain.runs_through_restarts();
}

/// A node and the only signer that it can have.
struct Chain {
    release: CometBft,
    node: Node,
    signer_home: SignerHome,
    validator: String,
}

impl Chain {
    fn new(release: CometBft, dir: &Path, connect: impl FnOnce(&mut Node)) -> Self {
        let line = release.line();
        let chain_id = format!("single-{line}");
        let mut node = Node::init(release, dir.join("node"), &chain_id);
        connect(&mut node);
        let mut signer_home = SignerHome::new(dir.join("signer"));
        signer_home.add_chain(&chain_id, &node.path("config/priv_validator_key.json"));
        let address = node.signer_address.clone().unwrap();
        signer_home.add_node(&chain_id, &address, &format!("v{line}"));
        let validator = node.validator_address();
        node.take_key_away();
        Self {
            release,
            node,
            signer_home,
            validator,
        }
    }

    fn runs_through_restarts(&mut self) {
        let signer = self.signer_home.start();
        self.node.start();
        let first = self.node.wait_for_height(BLOCKS);
        let signed = signer.heights().len();
        signer.stop();

        let signer = self.signer_home.start();
        let second = self.node.wait_for_blocks(BLOCKS);
        self.node.stop();

        self.node.start();
        let third = self.node.wait_for_height(second + BLOCKS);
        self.every_commit_is_ours(third);
        self.shows(first, second, third, signed, &signer);
        signer.stop();
    }

    /// The height of the chain may have moved on since `last` was read.
    fn every_commit_is_ours(&self, last: u64) {
        for height in 1..=last {
            let signers = self.node.rpc.commit_signers(height);
            let expected = std::slice::from_ref(&self.validator);
            assert_eq!(signers.as_deref(), Some(expected), "height {height}");
        }
    }

    fn shows(&self, first: u64, second: u64, third: u64, signed: usize, signer: &Signer) {
        let signed = signed + signer.heights().len();
        assert!(
            signed >= usize::try_from(first).unwrap(),
            "only {signed} heights in the signer's log"
        );
        println!(
            "CometBFT {} at {}: {third} blocks committed by {}; signer restarted after {first}, \
             node after {second}; {signed} heights signed",
            self.release.line(),
            self.node.signer_address.as_deref().unwrap(),
            self.validator,
        );
    }
}
