//! From an empty directory to a chain that commits blocks.

use std::fs::File;
use std::io::Read;

use crate::node::{CHAIN_ID, Node, files_with, is_end_by_sigterm, said};

#[test]
fn the_guides_commands_make_a_chain_that_signs_and_ends_on_sigterm() {
    let node = Node::genesis();
    // Each of them again changes nothing, and is no mistake.
    let key = node.key();
    for (words, told) in [
        (&["init", "--chain-id", CHAIN_ID][..], "already"),
        (&["keys-add", "--name", "genesis"], "already"),
        (&["add-genesis-account"], "already"),
        (&["gentx-claim"], "already"),
    ] {
        let said = node.ok(words);
        assert!(said.contains(told), "{words:?}: {said}");
    }
    let text = node.refused(&["init", "--chain-id", "other-1"]);
    assert!(
        text.contains("of chain testnet-1 already, not of other-1"),
        "{text}"
    );
    assert_eq!(node.key(), key);

    let mut scaller = node.start();
    let reached = node.wait_for_blocks(&mut scaller, 8);
    for height in 1..=reached {
        let signers = node.rpc.commit_signers(height).unwrap();
        assert_eq!(signers, std::slice::from_ref(&key.0), "height {height}");
    }
    // sekaid's own output is where scaller's is.
    assert!(scaller.output().contains("committed state"), "no output");
    status_tells_of_the_node(&node);
    for words in [&["add-genesis-account", "--name", "x"][..], &["start"]] {
        let text = node.refused(words);
        assert!(text.contains("is in use by sekaid (process "), "{text}");
    }
    let status = scaller.terminate();
    assert!(is_end_by_sigterm(status), "sekaid's exit code: {status}");
    assert!(node.rpc.height().is_none(), "sekaid still answers");
    let text = node.refused(&["gentx-claim"]);
    assert!(
        text.contains("has begun: its genesis cannot change"),
        "{text}"
    );

    let mut scaller = node.start();
    let again = node.wait_for_blocks(&mut scaller, reached + 2);
    scaller.terminate();
    println!("sekaid under scaller: {reached} blocks, SIGTERM, then up to {again}");
}

fn status_tells_of_the_node(node: &Node) {
    let rpc = format!("http://127.0.0.1:{}", node.rpc.port);
    let said = node.ok(&["status", "--rpc", &rpc, "--interx", "http://127.0.0.1:1"]);
    for line in [
        "Sekai       [+] OK       height ",
        "Interx      [X] DOWN     ",
        "Chain       [ ] INFO     testnet-1",
        "Validator   [+] OK       power ",
        "Signer      [ ] INFO     the node signs by itself",
    ] {
        assert!(said.contains(line), "no {line:?} in\n{said}");
    }
    let said = node.refused(&["status", "--rpc", "127.0.0.1:1"]);
    assert!(said.contains("Sekai       [X] DOWN"), "{said}");
}

#[test]
fn an_interrupted_init_is_finished_with_the_keys_that_it_has() {
    let node = Node::empty();
    node.ok(&["init"]);
    let key = node.key();
    std::fs::remove_file(node.path("config/genesis.json")).unwrap();
    let text = node.refused(&["start"]);
    assert!(text.contains("holds no node yet"), "{text}");
    let text = node.ok(&["init"]);
    assert!(text.contains("Made a node of chain testnet-1"), "{text}");
    assert_eq!(node.key(), key);
    std::fs::write(node.path("config/genesis.json"), "{\"chain_id\"").unwrap();
    let text = node.refused(&["init"]);
    assert!(text.contains("genesis.json is damaged"), "{text}");
    assert_eq!(node.key(), key);
}

#[test]
fn a_mnemonic_is_shown_once_and_is_on_no_disk() {
    let node = Node::empty();
    node.ok(&["init"]);
    let log = node.dir.path().join("output.txt");
    let output = node
        .command(&["keys-add"])
        .stdout(File::create(&log).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(
        text.contains("standard output is a file. No key was made"),
        "{text}"
    );
    assert!(!node.path("keyring-test/genesis.info").exists());

    let shown = node.ok(&["keys-add"]);
    let mnemonic = shown
        .lines()
        .find(|line| line.split_whitespace().count() == 24)
        .unwrap_or_else(|| panic!("no mnemonic in {shown}"));
    assert_eq!(
        files_with(node.dir.path(), mnemonic),
        Vec::<std::path::PathBuf>::new()
    );

    // What replaces the file: a pipe, here and back.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let piped = node
        .command(&["keys-add", "--name", "piped", "--mnemonic-fd", "0"])
        .stdin(writer)
        .output()
        .unwrap();
    let mut words = String::new();
    reader.read_to_string(&mut words).unwrap();
    assert!(piped.status.success(), "{}", said(&piped));
    assert_eq!(words.split_whitespace().count(), 24, "{words:?}");
    assert!(!said(&piped).contains(words.trim()), "shown as well");
    assert!(files_with(node.dir.path(), words.trim()).is_empty());
    recovers(&node, &words);
}

fn recovers(node: &Node, words: &str) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, words.as_bytes()).unwrap();
    drop(writer);
    let other = Node::empty();
    let output = other
        .command(&["keys-add", "--name", "back", "--recover"])
        .stdin(reader)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let address = |node: &Node, name: &str| {
        let mut sekaid = std::process::Command::new(interop::sekaid());
        sekaid.args(["keys", "show", name, "-a", "--keyring-backend", "test"]);
        interop::run(sekaid.arg("--home").arg(&node.home))
    };
    assert_eq!(address(node, "piped"), address(&other, "back"));
    let text = other.refused(&["keys-add", "--name", "back", "--recover"]);
    assert!(text.contains("exists in the keyring already"), "{text}");
}
