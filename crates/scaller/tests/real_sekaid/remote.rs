//! The key goes to the signer and comes back, and nobody signs twice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use interop::{ConfigFile, Signer, run, tmkms, wait_for_height};

use crate::node::{CHAIN_ID, Node, SOON, files_with, is_end_by_sigterm};

/// A block takes some tens of milliseconds; a pause between blocks lets a stop fall in between.
fn pauses(node: &Node) {
    ConfigFile::open(&node.path("config/config.toml"))
        .set("consensus", "timeout_commit", "\"300ms\"")
        .set("consensus", "skip_timeout_commit", "false")
        .save();
}

#[test]
fn the_key_goes_to_the_signer_and_back_and_there_again() {
    let node = Node::genesis();
    pauses(&node);
    let (address, secret) = node.key();
    let mut scaller = node.start();
    node.wait_for_blocks(&mut scaller, 4);
    let text = node.refused(&["remote-signer", "enable"]);
    assert!(text.contains("is in use by sekaid"), "{text}");
    scaller.terminate();
    let local = node.signed_height();
    let step = node.json("data/priv_validator_state.json")["step"]
        .as_u64()
        .unwrap();
    assert_eq!(
        files_with(node.dir.path(), &secret),
        [node.path("config/priv_validator_key.json")]
    );

    let before = fs::read_to_string(node.path("config/config.toml")).unwrap();
    let text = node.ok(&["remote-signer", "enable", "--listen", &node.signer_address]);
    assert!(
        text.contains(&format!("({local}/",).replace('(', "h/r/s ")),
        "{text}"
    );
    assert!(text.contains("is a decoy"), "{text}");
    let after = fs::read_to_string(node.path("config/config.toml")).unwrap();
    assert_eq!(
        after,
        before.replace(
            "priv_validator_laddr = \"\"",
            &format!("priv_validator_laddr = {:?}", node.signer_address)
        )
    );
    let bundle = node.path("signer-bundle");
    let bundled = bundle.join("config/priv_validator_key.json");
    assert_eq!(files_with(node.dir.path(), &secret), [bundled]);

    // No signer yet: two windows pass, and scaller says what it waits for.
    let mut scaller = node.start();
    scaller.wait_for_output("no signer came within sekaid's 3 s (try 2)", SOON);
    let config = set_up_signer(&node, &bundle, &format!("last signature, h/r/s {local}/"));
    let signer = Signer::start(&tmkms(), &config);
    let reached = node.wait_for_blocks(&mut scaller, local + 4);
    scaller.wait_for_output("a signer is connected to sekaid", SOON);
    every_block_is_signed_by(&node, &address, reached);
    // The signer goes on after the node's last signature, wherever in a height that was.
    let first = &signer.signed()[0];
    assert!((first.height, first.step + 1) > (local, step), "{first:?}");
    assert!(first.height <= local + 1, "{first:?}");

    // A decoy is there now, and is not taken for the key.
    let decoy = node.key();
    assert_ne!(decoy.0, address);
    assert_eq!(node.signed_height(), 0);
    scaller.terminate();
    let text = node.ok(&["remote-signer", "enable", "--listen", &node.signer_address]);
    assert!(text.contains("is with the remote signer already"), "{text}");
    assert_eq!(node.key(), decoy);

    signer.stop();
    let exported = export(&node, &config);
    let signed = comes_back(&node, &bundle, &address, &exported);
    // The signer's copy goes, as the command asks for.
    fs::remove_file(
        node.dir
            .path()
            .join("tmkms/secrets/priv_validator_key.json"),
    )
    .unwrap();

    let mut scaller = node.start();
    let second = node.wait_for_blocks(&mut scaller, reached + 4);
    scaller.terminate();
    every_block_was_signed_once(&node, signed);
    let text = node.ok(&["remote-signer", "enable", "--listen", &node.signer_address]);
    assert!(
        text.contains(&format!("h/r/s {}/", node_bundle_height(&bundle))),
        "{text}"
    );
    assert!(node_bundle_height(&bundle) >= second);
    println!(
        "signed by the node up to {local}, by the signer up to {signed}, by the node up to {second}"
    );
}

/// `disable` refuses without a word about the signer, then never goes below what is known.
fn comes_back(node: &Node, bundle: &Path, address: &str, exported: &Path) -> u64 {
    let text = node.refused(&["remote-signer", "disable"]);
    assert!(text.contains("stop the signer first"), "{text}");
    let text = node.refused(&["remote-signer", "disable", "--signer-stopped"]);
    assert!(text.contains("what has the signer signed?"), "{text}");
    let text = node.ok(&[
        "remote-signer",
        "disable",
        "--signer-stopped",
        "--state",
        exported.to_str().unwrap(),
    ]);
    assert!(text.contains("Moved the decoy"), "{text}");
    assert_eq!(node.key().0, address);
    assert!(!bundle.exists(), "an empty bundle is left");
    let state: serde_json::Value = serde_json::from_slice(&fs::read(exported).unwrap()).unwrap();
    let signed: u64 = state["height"].as_str().unwrap().parse().unwrap();
    assert_eq!(node.signed_height(), signed);
    let text = node.ok(&["remote-signer", "disable"]);
    assert!(text.contains("signs by itself already"), "{text}");
    signed
}

fn node_bundle_height(bundle: &Path) -> u64 {
    let text = fs::read(bundle.join("data/priv_validator_state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_slice(&text).unwrap();
    state["height"].as_str().unwrap().parse().unwrap()
}

/// As the texts of `enable` and the guide have it.
fn set_up_signer(node: &Node, bundle: &Path, told: &str) -> PathBuf {
    let dir = node.dir.path().join("tmkms");
    run(Command::new(tmkms()).arg("init").arg(&dir).args([
        "-n",
        "kira",
        "--chain-id",
        CHAIN_ID,
        "--addr",
        &node.signer_address,
    ]));
    let config = dir.join("tmkms.toml");
    let key = ConfigFile::open(&config).first("path").unwrap();
    let imported = run(Command::new(tmkms())
        .args(["softsign", "import"])
        .arg(bundle.join("config/priv_validator_key.json"))
        .arg(dir.join(key))
        .arg("--state")
        .arg(bundle.join("data/priv_validator_state.json")));
    assert!(imported.contains(told), "{imported}");
    config
}

fn export(node: &Node, config: &Path) -> PathBuf {
    let json = run(Command::new(tmkms())
        .args(["state", "export", "-c"])
        .arg(config));
    let file = node.dir.path().join("exported.json");
    fs::write(&file, json).unwrap();
    file
}

fn every_block_is_signed_by(node: &Node, address: &str, reached: u64) {
    for height in 1..=reached {
        let signers = node.rpc.commit_signers(height).unwrap();
        assert_eq!(signers, [address.to_owned()], "height {height}");
    }
}

/// The node went on above what the signer had signed.
fn every_block_was_signed_once(node: &Node, signed: u64) {
    assert!(node.signed_height() > signed);
}

#[test]
fn a_signer_that_comes_late_or_restarts_is_waited_for() {
    let node = Node::unclaimed();
    node.ok(&["remote-signer", "enable", "--listen", &node.signer_address]);
    // The seat is claimed with the signer's key, not with the decoy that sekaid writes for it.
    node.claim();
    assert!(node.path("config/priv_validator_key.json").exists());
    let config = set_up_signer(&node, &node.path("signer-bundle"), "nothing was signed yet");
    let signer = Signer::start(&tmkms(), &config);
    let mut scaller = node.start();
    let first = node.wait_for_blocks(&mut scaller, 4);
    signer.stop();
    let signer = Signer::start(&tmkms(), &config);
    let second = node.wait_for_blocks(&mut scaller, first + 4);
    // While it waits, a signal ends it at once.
    scaller.terminate();
    signer.stop();
    let mut scaller = node.start();
    scaller.wait_for_output("no signer came", SOON);
    thread::sleep(Duration::from_millis(200));
    let status = scaller.terminate();
    assert!(is_end_by_sigterm(status), "{status}");
    let log = scaller.output();
    assert!(
        !log.contains("a signer is connected"),
        "who was that?\n{log}"
    );
    println!("sekaid waits for its signer: {first} blocks, signer restarted, {second} blocks");
}

#[test]
fn a_taken_port_is_said_before_sekaid_starts() {
    let node = Node::genesis();
    let port = node.signer_address.rsplit_once(':').unwrap().1;
    node.ok(&["remote-signer", "enable", "--listen", &node.signer_address]);
    let _other = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let text = node.refused(&["start"]);
    assert!(text.contains(&format!("port {port}")), "{text}");
    assert!(
        !text.contains("starting node"),
        "sekaid was started:\n{text}"
    );
}

#[test]
fn a_unix_socket_that_sekaid_left_behind_is_no_hindrance() {
    let mut node = Node::genesis();
    let socket = node.dir.path().join("signer.sock");
    node.signer_address = format!("unix://{}", socket.display());
    node.ok(&["remote-signer", "enable", "--listen", &node.signer_address]);
    let config = set_up_signer(&node, &node.path("signer-bundle"), "nothing was signed yet");
    let signer = Signer::start(&tmkms(), &config);
    let mut reached = 0;
    for _ in 0..2 {
        let mut scaller = node.start();
        reached = wait_for_height(node.rpc, &mut scaller, reached + 4);
        scaller.wait_for_output("a signer is connected to sekaid", SOON);
        scaller.terminate();
        assert!(
            socket.exists(),
            "sekaid removes its socket now: nothing is tested here"
        );
    }
    signer.stop();
    println!("a signer on a Unix socket, node started twice: {reached} blocks");
}
