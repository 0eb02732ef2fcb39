//! A second node joins a network.

use std::fs;
use std::io::Write as _;

use interop::wait_for_height;

use crate::node::{CHAIN_ID, Node, files_with, said};

/// What a node on loopback needs, as scall.toml.
fn overrides(node: &Node) -> String {
    let file = node.dir.path().join("scall.toml");
    let text = format!(
        "\"config.rpc.laddr\" = \"tcp://127.0.0.1:{}\"\n\
         \"config.rpc.pprof_laddr\" = \"\"\n\
         \"config.p2p.laddr\" = \"tcp://127.0.0.1:{}\"\n\
         [config.p2p]\naddr_book_strict = false\nallow_duplicate_ip = true\n\
         [app.grpc]\nenable = false\n[app.grpc-web]\nenable = false\n",
        node.rpc.port, node.p2p_port
    );
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn mnemonic() -> String {
    // Of no account anywhere: the first word of the list, and a checksum.
    format!("{}art", "abandon ".repeat(23))
}

#[test]
fn a_node_joins_with_a_mnemonic_and_follows_the_chain() {
    let first = Node::genesis();
    interop::ConfigFile::open(&first.path("config/config.toml"))
        .set("p2p", "pex", "true")
        .save();
    let mut running = first.start();
    let height = first.wait_for_blocks(&mut running, 4);

    let second = Node::empty();
    let rpc = format!("127.0.0.1:{}", first.rpc.port);
    let config = overrides(&second);
    let words = ["join", "--rpc-node", &rpc, "--config", &config];
    let other_chain = [&words[..], &["--chain-id", "other-1"]].concat();
    let text = second.refused(&other_chain);
    assert!(
        text.contains("is a node of chain testnet-1, not of other-1"),
        "{text}"
    );
    assert!(!second.home.exists(), "something was written");

    let join = [&words[..], &["--chain-id", CHAIN_ID, "--start=false"]].concat();
    let text = with_input(&second, &join, "no mnemonic at all\n", false);
    assert!(text.contains("invalid mnemonic"), "{text}");
    let text = with_input(&second, &join, &format!("{}\n", mnemonic()), true);
    assert!(text.contains("Added key validator"), "{text}");
    assert!(files_with(second.dir.path(), "abandon abandon").is_empty());
    // Again, as after an interruption.
    let text = second.ok(&join);
    assert!(text.contains("is in the keyring already"), "{text}");
    let app = fs::read_to_string(second.path("config/app.toml")).unwrap();
    assert!(
        app.contains("# default: the last 362880 states are kept"),
        "comments are gone"
    );

    let mut scaller = second.start();
    let reached = wait_for_height(second.rpc, &mut scaller, height);
    println!("joined at height {height}, reached {reached}");
    scaller.terminate();
    running.terminate();
}

#[test]
fn a_node_joins_without_its_key() {
    let first = Node::genesis();
    let mut running = first.start();
    first.wait_for_blocks(&mut running, 2);
    let second = Node::empty();
    let rpc = format!("http://127.0.0.1:{}", first.rpc.port);
    let config = overrides(&second);
    let words = ["join", "--rpc-node", &rpc, "--config", &config];
    let join = [&words[..], &["--remote-signer", "--start=false"]].concat();
    for _ in 0..2 {
        second.ok(&join);
        assert!(!second.path("config/priv_validator_key.json").exists());
        assert!(
            second
                .path("signer-bundle/config/priv_validator_key.json")
                .exists()
        );
    }
    let config = fs::read_to_string(second.path("config/config.toml")).unwrap();
    assert!(config.contains("priv_validator_laddr = \"tcp://0.0.0.0:26659\""));
    begins_from_a_snapshot(&first, &second, &join);
    let used = Node::genesis();
    let text = used.refused(&["join", "--rpc-node", &rpc, "--remote-signer"]);
    assert!(
        text.contains("holds another network's genesis, of chain testnet-1, that is in use"),
        "{text}"
    );
    running.terminate();
    let text = second.refused(&join);
    assert!(text.contains("cannot be asked"), "{text}");
}

fn begins_from_a_snapshot(first: &Node, second: &Node, join: &[&str]) {
    let early = [join, &["--statesync"]].concat();
    let text = second.refused(&early);
    assert!(text.contains("before its first snapshot at 1000"), "{text}");
    let in_time = [join, &["--statesync", "--snapshot-interval", "2"]].concat();
    second.ok(&in_time);
    let config = interop::ConfigFile::open(&second.path("config/config.toml"));
    let height: u64 = config.first("trust_height").unwrap().parse().unwrap();
    assert_eq!(height % 2, 0);
    let block = first.rpc.get(&format!("/block?height={height}")).unwrap();
    let hash = block["block_id"]["hash"].as_str().unwrap().to_owned();
    assert_eq!(config.first("trust_hash"), Some(hash));
    assert_eq!(config.first("enable").as_deref(), Some("true"));
    let server = format!("http://127.0.0.1:{}", first.rpc.port);
    let servers = config.first("rpc_servers").unwrap();
    assert_eq!(servers, format!("{server},{server}"));
}

fn with_input(node: &Node, words: &[&str], input: &str, works: bool) -> String {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(input.as_bytes()).unwrap();
    drop(writer);
    let output = node.command(words).stdin(reader).output().unwrap();
    assert_eq!(output.status.success(), works, "{}", said(&output));
    said(&output)
}
