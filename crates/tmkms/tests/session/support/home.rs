//! A directory with tmkms.toml, keys and state, laid out as `tmkms init` does.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keys::{Algorithm, Overwrite, generate, generate_identity, write_identity, write_key};
use tempfile::TempDir;
use testnode::Listener;

use super::{Tmkms, address};

/// The chain of most tests.
pub(crate) const CHAIN: &str = "testnet-1";

/// The directory; removed when dropped.
pub(crate) struct Home {
    dir: TempDir,
    toml: String,
}

impl Home {
    /// A directory with an identity key and nothing else.
    pub(crate) fn new() -> Self {
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
            toml: String::new(),
        };
        for folder in ["secrets", "state"] {
            fs::create_dir(home.path(folder)).unwrap();
        }
        let seed = generate_identity().unwrap();
        write_identity(&home.path("secrets/identity.key"), &seed, Overwrite::Refuse).unwrap();
        home
    }

    /// A directory for one chain with one node.
    pub(crate) fn of_node(node: &Listener) -> Self {
        let mut home = Self::new();
        home.add_chain(CHAIN, "");
        home.add_node(CHAIN, &address(node), "");
        home
    }

    /// Adds a chain with a new Ed25519 key. `lines` go into its `[[chain]]`.
    pub(crate) fn add_chain(&mut self, id: &str, lines: &str) {
        let key = generate(Algorithm::Ed25519).unwrap();
        write_key(&self.key_file(id), &key, Overwrite::Refuse).unwrap();
        self.add_chain_with_key(id, lines, "");
    }

    /// Adds a chain whose key file is there. `key_lines` go into its `[[providers.softsign]]`.
    pub(crate) fn add_chain_with_key(&mut self, id: &str, lines: &str, key_lines: &str) {
        write!(
            self.toml,
            r#"
[[chain]]
id = "{id}"
key_format = {{ type = "hex" }}
state_file = "state/{id}.json"
{lines}

[[providers.softsign]]
chain_ids = ["{id}"]
key_type = "consensus"
path = "secrets/{id}.key"
{key_lines}
"#
        )
        .unwrap();
    }

    /// Adds a node. `lines` go into its `[[validator]]`.
    pub(crate) fn add_node(&mut self, chain_id: &str, addr: &str, lines: &str) {
        let identity = if addr.starts_with("tcp") {
            "secret_key = \"secrets/identity.key\""
        } else {
            ""
        };
        write!(
            self.toml,
            r#"
[[validator]]
chain_id = "{chain_id}"
addr = "{addr}"
{identity}
{lines}
"#
        )
        .unwrap();
    }

    /// Adds lines of any kind at the end.
    pub(crate) fn add_lines(&mut self, lines: &str) {
        write!(self.toml, "\n{lines}\n").unwrap();
    }

    /// Adds `[metrics]` on any free port.
    pub(crate) fn add_metrics(&mut self) {
        self.add_lines("[metrics]\nlisten = \"127.0.0.1:0\"");
    }

    /// A path below the directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The key file of a chain.
    pub(crate) fn key_file(&self, chain_id: &str) -> PathBuf {
        self.path(format!("secrets/{chain_id}.key"))
    }

    /// The state file of a chain.
    pub(crate) fn state_file(&self, chain_id: &str) -> PathBuf {
        self.path(format!("state/{chain_id}.json"))
    }

    /// Writes the state file that tmkms 0.15 would have left after the precommit of a height.
    pub(crate) fn put_state(&self, chain_id: &str, height: i64) {
        let text = format!(r#"{{"height":"{height}","round":"0","step":2,"block_id":null}}"#);
        fs::write(self.state_file(chain_id), text).unwrap();
    }

    /// Height, round and step in the state file, read as a person reads it.
    pub(crate) fn state(&self, chain_id: &str) -> (i64, i64, i64) {
        let text = fs::read_to_string(self.state_file(chain_id)).unwrap();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap();
        let number = |text: &serde_json::Value| text.as_str().unwrap().parse().unwrap();
        (
            number(&state["height"]),
            number(&state["round"]),
            state["step"].as_i64().unwrap(),
        )
    }

    /// Writes a script that can be run, as a state hook.
    pub(crate) fn put_script(&self, name: &str, body: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// Writes tmkms.toml.
    pub(crate) fn write_config(&self) -> PathBuf {
        let path = self.path("tmkms.toml");
        fs::write(&path, &self.toml).unwrap();
        path
    }

    /// Runs `tmkms start`.
    pub(crate) fn start(&self) -> Tmkms {
        self.start_with(&[])
    }

    /// Runs `tmkms start` with nobody at the other end of its output.
    pub(crate) fn start_unread(&self) -> Tmkms {
        Tmkms::start_unread(&self.write_config())
    }

    /// Runs `tmkms start` with somebody at the other end of its output who does not read.
    pub(crate) fn start_stalled(&self, args: &[&str]) -> Tmkms {
        Tmkms::start_stalled(&self.write_config(), args)
    }

    /// What tmkms.toml says so far.
    pub(crate) fn toml(&self) -> String {
        self.toml.clone()
    }

    /// Replaces all of it.
    pub(crate) fn set_toml(&mut self, toml: String) {
        self.toml = toml;
    }

    /// Runs `tmkms start` with more variables in its environment.
    pub(crate) fn start_in(&self, environment: &[(&str, &str)]) -> Tmkms {
        Tmkms::start_in(&self.write_config(), &[], environment)
    }

    /// Runs `tmkms start` with more arguments.
    pub(crate) fn start_with(&self, args: &[&str]) -> Tmkms {
        Tmkms::start(&self.write_config(), args)
    }
}
