//! KIRA's node, set up by the steps of the operator's guide.

use interop::{
    ConfigFile, Process, Rpc, Signer, fast_chain, free_port, run, sekaid, tmkms, wait_for_height,
};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const CHAIN_ID: &str = "testnet-1";
const BLOCKS: u64 = 8;

#[test]
fn sekaid_commits_blocks_signed_by_our_binary_through_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let sekai = Sekai::init(dir.path().join("sekai"));
    let tmkms = dir.path().join("tmkms");
    let config = set_up_signer(&sekai, &tmkms);
    sekai.take_key_away();

    let signer = Signer::start(&interop::tmkms(), &config);
    let mut node = sekai.start();
    let first = wait_for_height(sekai.rpc, &mut node, BLOCKS);
    guide_lines_are_in_the_log(&sekai, &signer);
    signer.stop();

    let signer = Signer::start(&interop::tmkms(), &config);
    let second = wait_for_height(sekai.rpc, &mut node, first + BLOCKS);
    node.terminate();

    let mut node = sekai.start();
    let third = wait_for_height(sekai.rpc, &mut node, second + BLOCKS);
    for height in 1..=third {
        let signers = sekai.rpc.commit_signers(height).unwrap();
        let expected = std::slice::from_ref(&sekai.validator_address);
        assert_eq!(signers, expected, "height {height}");
    }
    println!(
        "sekaid: {third} blocks committed; signer restarted after {first}, node after {second}"
    );
    signer.stop();
}

/// `tmkms init`, then the key import, as the guide has it.
pub(crate) fn set_up_signer(sekai: &Sekai, dir: &Path) -> PathBuf {
    run(Command::new(tmkms()).arg("init").arg(dir).args([
        "-n",
        "kira",
        "--chain-id",
        CHAIN_ID,
        "--addr",
        &sekai.signer_address,
    ]));
    let config = dir.join("tmkms.toml");
    let key = ConfigFile::open(&config).first("path").unwrap();
    run(Command::new(tmkms())
        .args(["softsign", "import"])
        .arg(sekai.home.join("config/priv_validator_key.json"))
        .arg(dir.join(&key)));
    key_show_agrees_with_the_node(sekai, &dir.join(key));
    config
}

/// What an operator copies into `claim-validator-seat --pubkey` must be what
/// the node itself would say.
fn key_show_agrees_with_the_node(sekai: &Sekai, key: &Path) {
    let ours = run(Command::new(tmkms()).args(["key", "show"]).arg(key));
    for command in ["show-validator", "show-address"] {
        let theirs = sekai.run(&["tendermint", command]);
        let theirs = theirs.trim();
        assert!(
            ours.contains(theirs),
            "{command} says {theirs}, key show says:\n{ours}"
        );
    }
}

/// `INFO tmkms::session: [testnet-1@tcp://…] signed Proposal:… at h/r/s N/0/0 (… ms)`,
/// and the prevote and the precommit of the same height.
fn guide_lines_are_in_the_log(sekai: &Sekai, signer: &Signer) {
    let signed = signer.signed();
    let origin = format!("{CHAIN_ID}@{}", sekai.signer_address);
    for height in 1..=BLOCKS {
        for (step, kind) in (0..).zip(["Proposal", "Prevote", "Precommit"]) {
            let found = signed.iter().any(|line| {
                line.origin == origin
                    && !line.is_replay
                    && (line.kind.as_str(), line.height, line.step) == (kind, height, step)
            });
            assert!(found, "no line about {kind} of height {height}");
        }
    }
}

/// A sekaid home directory with a chain of one validator.
pub(crate) struct Sekai {
    pub(crate) home: PathBuf,
    pub(crate) rpc: Rpc,
    pub(crate) signer_address: String,
    validator_address: String,
}

impl Sekai {
    pub(crate) fn init(home: PathBuf) -> Self {
        let mut sekai = Self {
            home,
            rpc: Rpc { port: free_port() },
            signer_address: format!("tcp://127.0.0.1:{}", free_port()),
            validator_address: String::new(),
        };
        sekai.run(&["init", "Genesis", "--chain-id", CHAIN_ID, "--overwrite"]);
        let keyring = ["--keyring-backend", "test"];
        sekai.run(&[&["keys", "add", "genesis"], &keyring[..]].concat());
        sekai.run(
            &[
                &["add-genesis-account", "genesis", "300000000000000ukex"],
                &keyring[..],
            ]
            .concat(),
        );
        sekai.run(
            &[
                &["gentx-claim", "genesis", "--moniker", "Genesis"],
                &keyring[..],
            ]
            .concat(),
        );
        sekai.configure();
        sekai.validator_address = sekai.read_validator_address();
        sekai
    }

    fn configure(&self) {
        let config = self.home.join("config/config.toml");
        fast_chain(&config, self.rpc.port, free_port());
        ConfigFile::open(&config)
            .set(
                "",
                "priv_validator_laddr",
                &format!("{:?}", self.signer_address),
            )
            .save();
        ConfigFile::open(&self.home.join("config/app.toml"))
            .set("grpc", "enable", "false")
            .set("grpc-web", "enable", "false")
            .save();
    }

    fn read_validator_address(&self) -> String {
        let text =
            std::fs::read_to_string(self.home.join("config/priv_validator_key.json")).unwrap();
        let key: serde_json::Value = serde_json::from_str(&text).unwrap();
        key["address"].as_str().unwrap().to_owned()
    }

    /// The node cannot sign by itself any more. It writes a new, useless key in
    /// the same place at its start.
    pub(crate) fn take_key_away(&self) {
        let key = self.home.join("config/priv_validator_key.json");
        std::fs::rename(&key, self.home.join("moved-away.json")).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(Command::new(sekaid())
            .args(arguments)
            .arg("--home")
            .arg(&self.home))
    }

    pub(crate) fn start(&self) -> Process {
        let mut command = Command::new(sekaid());
        command.arg("start").arg("--home").arg(&self.home);
        Process::start("sekaid", &mut command, &self.home.join("node.log"))
    }
}
