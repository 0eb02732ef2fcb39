//! The node's side, by its home directory. The test itself is the node: it has a file of the
//! node's database open, and listens.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use super::{Diagnosis, RpcServer, Says, address, closed_port, kms};
use crate::home::{Home, TMKMS};

/// `sekai/`, a node's home, with this `priv_validator_laddr`.
fn sekai(home: &Home, laddr: &str) {
    home.must(&format!(
        "mkdir -p sekai/config sekai/data/blockstore.db && : > sekai/data/blockstore.db/LOCK &&
         printf 'priv_validator_laddr = \"{laddr}\"\n[consensus]\ntimeout_prevote = \"1s\"\n' \
         > sekai/config/config.toml"
    ));
}

/// Makes this process the node.
fn run_node(home: &Home) -> File {
    File::open(home.path("sekai/data/blockstore.db/LOCK")).unwrap()
}

/// On the node's machine, where there is no tmkms.toml.
fn look(home: &Home, more: &[&str]) -> Diagnosis {
    let mut command = Command::new(TMKMS);
    command.args(["doctor", "--json", "--node-home", "sekai"]);
    Diagnosis::run(home, command.args(more))
}

/// With the signer's tmkms.toml too.
fn look_with_kms(home: &Home, more: &[&str]) -> Diagnosis {
    let all = [&["--node-home", "sekai"], more].concat();
    Diagnosis::of(home, &all)
}

const DECOY: &str = "00000000000000000000000000000000000000AA";

fn key_file(home: &Home, address: &str) {
    fs::write(
        home.path("sekai/config/priv_validator_key.json"),
        format!("{{\"address\": \"{address}\"}}"),
    )
    .unwrap();
}

#[test]
fn node_that_serves_its_one_signer_is_fine() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    sekai(&home, &format!("tcp://{address}"));
    let _node = run_node(&home);
    let _signer = TcpStream::connect(address).unwrap();
    let _served = listener.accept().unwrap();
    let found = look(&home, &[]);
    // Without a tmkms.toml nobody knows where the signer is.
    assert_eq!(found.complaints(), ["home.loopback"], "{found:#?}");
    assert_eq!(found.code, 2);
    found.tells("config.none", "only the node's side");
    found.tells("port.connected", "serves 127.0.0.1:");
}

#[test]
fn empty_priv_validator_laddr_is_a_node_that_signs_by_itself() {
    let home = Home::new();
    sekai(&home, "");
    look(&home, &[])
        .has("home.no_laddr", "broken", "sed -i 's|^priv_validator_laddr")
        .has("home.no_laddr", "broken", "scaller remote-signer enable");
}

#[test]
fn loopback_is_reached_by_a_signer_on_the_same_machine_only() {
    let home = Home::new();
    sekai(&home, "tcp://127.0.0.1:26659");
    kms(&home, "tcp://10.200.0.1:26659");
    look_with_kms(&home, &[]).has("home.loopback", "warning", "tcp://10.200.0.1:26659");
    home.must("sed -i 's/10.200.0.1/127.0.0.1/' kms/tmkms.toml");
    look_with_kms(&home, &[]).lacks("home.loopback");
}

#[test]
fn address_that_no_signer_can_dial_is_told() {
    let home = Home::new();
    sekai(&home, "noise://id@127.0.0.1:26659");
    look(&home, &[]).has("home.bad_laddr", "broken", "tcp://ADDRESS:26659");
}

#[test]
fn directory_that_is_no_home_is_told() {
    let home = Home::new();
    home.must("mkdir sekai");
    look(&home, &[]).has("home.missing", "broken", "--home");
    home.must("mkdir sekai/config && echo 'a = = 1' > sekai/config/config.toml");
    look(&home, &[]).has("home.bad_config", "broken", "correct that line");
}

/// "endpoint connection timed out": it has given up, and nothing starts it again.
#[test]
fn node_that_does_not_run_is_told_with_what_starts_it_again() {
    let home = Home::new();
    sekai(&home, &format!("tcp://127.0.0.1:{}", closed_port()));
    look(&home, &[])
        .has(
            "port.no_process",
            "broken",
            "scaller start --home sekai --restart always",
        )
        .has("port.no_process", "broken", "tmkms start")
        .tells("port.no_process", "endpoint connection timed out");
}

#[test]
fn node_that_runs_and_does_not_listen_is_told() {
    let home = Home::new();
    sekai(&home, &format!("tcp://127.0.0.1:{}", closed_port()));
    let _node = run_node(&home);
    look(&home, &[]).has("port.not_listening", "broken", "restart the node");
}

#[test]
fn node_without_a_signer_and_with_a_poisoned_queue_is_told() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    sekai(&home, &format!("tcp://{address}"));
    let _node = run_node(&home);
    look(&home, &[]).has("port.no_signer", "broken", "tmkms status");
    for _ in 0..10 {
        drop(TcpStream::connect(address).unwrap());
    }
    look(&home, &[])
        .has("port.backlog", "broken", "nothing may probe the port")
        .tells("port.backlog", "10 connections");
}

#[test]
fn stopped_node_is_told() {
    let home = Home::new();
    sekai(&home, "tcp://127.0.0.1:26659");
    let mut held = Command::new("sleep");
    held.arg("60").stdin(run_node(&home));
    let mut child = held.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // Only `sleep` is the node: this process has closed its own handle with the command.
    drop(held);
    let deadline = std::time::Instant::now() + crate::signer::PATIENCE;
    let found = loop {
        let found = look(&home, &[]);
        if found.find("port.frozen").is_some() || std::time::Instant::now() > deadline {
            break found;
        }
    };
    let _ = child.kill();
    let _ = child.wait();
    found.has(
        "port.frozen",
        "broken",
        &format!("kill -CONT {}", child.id()),
    );
}

#[test]
fn port_on_every_address_of_the_machine_is_told() {
    let home = Home::new();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    sekai(&home, &format!("tcp://0.0.0.0:{port}"));
    let _node = run_node(&home);
    let found = look(&home, &[]);
    let is_in_container = std::path::Path::new("/.dockerenv").exists();
    // Broken where the machine that the test runs on has an address of the internet.
    let id = ["port.every_address", "port.public"];
    let told = id.iter().find_map(|id| found.find(id));
    assert!(told.is_some() || is_in_container, "{found:#?}");
    if let Some(told) = told {
        assert!(
            told["remedy"][0]
                .as_str()
                .unwrap()
                .contains("tcp://10.200.0.1"),
            "{told}"
        );
    }
}

#[test]
fn key_that_is_still_on_the_node_is_told_from_a_decoy() {
    let home = Home::new();
    sekai(&home, "tcp://0.0.0.0:26659");
    kms(&home, "tcp://10.200.0.1:26659");
    look_with_kms(&home, &[]).tells("home.no_key", "is not there");
    key_file(&home, DECOY);
    look_with_kms(&home, &[]).tells("home.decoy", "Never claim a seat without --pubkey");
    look(&home, &[]).has("home.key_unknown", "warning", "--rpc");
    let ours = address(&home);
    key_file(&home, &ours);
    look_with_kms(&home, &[])
        .has(
            "home.key_still_there",
            "broken",
            "mv -n sekai/config/priv_validator_key.json",
        )
        .has(
            "home.key_still_there",
            "broken",
            "scaller remote-signer enable",
        );
    // On the node's own machine the chain tells.
    let rpc = RpcServer::start(Says::validator(&ours));
    look(&home, &["--rpc", &rpc.url]).has("home.key_still_there", "broken", "mv -n");
}

#[test]
fn decoy_that_was_claimed_is_told() {
    let home = Home::new();
    sekai(&home, "tcp://0.0.0.0:26659");
    kms(&home, "tcp://10.200.0.1:26659");
    key_file(&home, DECOY);
    let rpc = RpcServer::start(Says::validator(DECOY));
    look_with_kms(&home, &["--rpc", &rpc.url])
        .has("home.decoy_claimed", "broken", "--pubkey")
        .has("node.not_validator", "broken", "tmkms key show");
}

#[test]
fn chain_of_the_genesis_is_compared() {
    let home = Home::new();
    sekai(&home, "tcp://0.0.0.0:26659");
    kms(&home, "tcp://10.200.0.1:26659");
    home.must("echo '{\"chain_id\": \"testnet-9\"}' > sekai/config/genesis.json");
    look_with_kms(&home, &[]).has("home.chain_id_differs", "broken", "\"testnet-9\"");
}

#[test]
fn node_that_went_on_after_its_key_was_imported_is_told() {
    let home = Home::new();
    sekai(&home, "tcp://0.0.0.0:26659");
    kms(&home, "tcp://10.200.0.1:26659");
    home.must(
        "echo '{\"chain_id\": \"testnet-1\"}' > sekai/config/genesis.json
         echo '{\"height\": \"57\", \"round\": 0, \"step\": 3}' > sekai/data/priv_validator_state.json
         tmkms state import -c kms/tmkms.toml --height 50",
    );
    look_with_kms(&home, &[])
        .has(
            "home.state_ahead",
            "broken",
            "tmkms state import -c kms/tmkms.toml sekai/data",
        )
        .tells("home.state_ahead", "57/0/2");
    home.must("tmkms state import -c kms/tmkms.toml --height 57");
    look_with_kms(&home, &[]).lacks("home.state_ahead");
}
