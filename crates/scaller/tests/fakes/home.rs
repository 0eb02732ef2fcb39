//! A home directory that is made by hand, and a sekaid that does what a test says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The validator's key, its address and its private part.
pub(crate) const KEY: &str = r#"{
  "address": "89F5C6FA623C4CBBFE795458F8A46E28E90B5B36",
  "pub_key": {"type": "tendermint/PubKeyEd25519", "value": "qbU0rU112/tCM2ZVWtTQr5xT7dLNvfmW0P3IsODZ+r0="},
  "priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "FoE4lALSuep1xOoVPVGRDfSWVtJvoLqpYeTkx65OTjuptTStTXXb+0IzZlVa1NCvnFPt0s29+ZbQ/ciw4Nn6vQ=="}
}"#;
pub(crate) const ADDRESS: &str = "89F5C6FA623C4CBBFE795458F8A46E28E90B5B36";
pub(crate) const SECRET: &str = "FoE4lALSuep1xOoVPVGRDfSWVtJvoLqp";

/// Another key, as sekaid writes one where there is none.
pub(crate) const DECOY: &str = r#"{
  "address": "6E03A42FA5F4E78B28B5C4E4BA97E6A9AB5C7E60",
  "pub_key": {"type": "tendermint/PubKeySecp256k1", "value": "AAAA"},
  "priv_key": {"type": "tendermint/PrivKeySecp256k1", "value": "AAAA"}
}"#;

/// What the node has signed.
pub(crate) const SIGNED: u64 = 7;

/// A home directory in a temporary one.
pub(crate) struct Home {
    pub(crate) dir: TempDir,
    pub(crate) root: PathBuf,
}

impl Home {
    /// A node that has signed, and signs by itself.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Self {
            root: dir.path().join("sekai"),
            dir,
        };
        fs::create_dir_all(home.path("config")).unwrap();
        fs::create_dir_all(home.path("data")).unwrap();
        home.write(
            "config/config.toml",
            "# the node\nmoniker = \"n\"\npriv_validator_laddr = \"\" # none\n[rpc]\nladdr = \"tcp://127.0.0.1:1\"\n",
        );
        home.write("config/genesis.json", "{\"chain_id\":\"testnet-1\"}");
        home.write("config/priv_validator_key.json", KEY);
        home.write(
            "data/priv_validator_state.json",
            &format!("{{\"height\":\"{SIGNED}\",\"round\":0,\"step\":3}}"),
        );
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The height in a state file.
    pub(crate) fn height(&self, name: &str) -> u64 {
        height(&self.path(name))
    }

    /// Puts a shell script in the place of sekaid. `$1` is `start`.
    pub(crate) fn fake(&self, script: &str) {
        let path = self.dir.path().join("sekaid");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `scaller WORDS --home HOME`, behind the words of `wrapper`.
    pub(crate) fn wrapped(&self, wrapper: &[&str], words: &[&str]) -> Command {
        let scaller = env!("CARGO_BIN_EXE_scaller");
        let mut command = match wrapper {
            [] => Command::new(scaller),
            [program, rest @ ..] => {
                let mut command = Command::new(program);
                command.args(rest).arg(scaller);
                command
            }
        };
        command.args(words).arg("--home").arg(&self.root);
        command.env("SCALLER_SEKAID", self.dir.path().join("sekaid"));
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        self.wrapped(&[], words)
    }

    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }

    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{words:?}: {}",
            said(&output)
        );
        said(&output)
    }
}

pub(crate) fn height(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    state["height"].as_str().unwrap().parse().unwrap()
}

/// Both outputs of a command.
pub(crate) fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many files below a directory contain a text.
pub(crate) fn count_with(directory: &Path, text: &str) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count += count_with(&path, text);
        } else if fs::read_to_string(&path).is_ok_and(|content| content.contains(text)) {
            count += 1;
        }
    }
    count
}
