//! A node that is set up and run by scaller.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use interop::{ConfigFile, Process, Rpc, fast_chain, free_port, wait_for_height};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const CHAIN_ID: &str = "testnet-1";

/// A home directory in a temporary one, with ports of its own.
pub(crate) struct Node {
    pub(crate) dir: TempDir,
    pub(crate) home: PathBuf,
    pub(crate) rpc: Rpc,
    pub(crate) p2p_port: u16,
    pub(crate) signer_address: String,
}

impl Node {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            home: dir.path().join("sekai"),
            dir,
            rpc: Rpc { port: free_port() },
            p2p_port: free_port(),
            signer_address: format!("tcp://127.0.0.1:{}", free_port()),
        }
    }

    /// The only validator of a new chain, by the guide's commands.
    pub(crate) fn genesis() -> Self {
        let node = Self::unclaimed();
        node.claim();
        node
    }

    /// The same before it is the validator.
    pub(crate) fn unclaimed() -> Self {
        let node = Self::empty();
        node.ok(&["init", "--chain-id", CHAIN_ID, "--moniker", "Genesis"]);
        node.ok(&["keys-add", "--name", "genesis", "--no-backup"]);
        node.ok(&["add-genesis-account", "--name", "genesis"]);
        node.configure();
        node
    }

    pub(crate) fn claim(&self) {
        self.ok(&["gentx-claim", "--name", "genesis", "--moniker", "Genesis"]);
    }

    /// Free ports and short timeouts.
    pub(crate) fn configure(&self) {
        fast_chain(
            &self.path("config/config.toml"),
            self.rpc.port,
            self.p2p_port,
        );
        ConfigFile::open(&self.path("config/config.toml"))
            .set("rpc", "pprof_laddr", "\"\"")
            .save();
        ConfigFile::open(&self.path("config/app.toml"))
            .set("grpc", "enable", "false")
            .set("grpc-web", "enable", "false")
            .save();
    }

    /// `scaller WORDS --home HOME`.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scaller"));
        command.args(words).arg("--home").arg(&self.home);
        command.env("SCALLER_SEKAID", interop::sekaid());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn output(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs it and returns what it said.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        let output = self.output(words);
        let said = said(&output);
        assert!(output.status.success(), "{words:?} failed: {said}");
        said
    }

    /// Runs it in vain and returns what it said.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.output(words);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        said
    }

    /// A scaller that goes on running; its output and sekaid's are in a file.
    pub(crate) fn spawn(&self, words: &[&str]) -> Process {
        let name = format!("scaller-{}", words[0]);
        let log = self.dir.path().join(format!("{name}.log"));
        let _ = fs::remove_file(&log);
        Process::start(&name, &mut self.command(words), &log)
    }

    pub(crate) fn start(&self) -> Process {
        self.spawn(&["start"])
    }

    /// Waits until the chain is `count` blocks further than now.
    pub(crate) fn wait_for_blocks(&self, process: &mut Process, count: u64) -> u64 {
        let now = self.rpc.height().unwrap_or(0);
        wait_for_height(self.rpc, process, now + count)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The height up to which the node's own state says that it signed.
    pub(crate) fn signed_height(&self) -> u64 {
        let state = self.json("data/priv_validator_state.json");
        state["height"].as_str().unwrap().parse().unwrap()
    }

    /// The address and the private part of the key in the node.
    pub(crate) fn key(&self) -> (String, String) {
        let key = self.json("config/priv_validator_key.json");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&key["address"]), text(&key["priv_key"]["value"]))
    }
}

impl Drop for Node {
    /// A sekaid whose scaller is gone holds the lock of its home, which says which process it is.
    fn drop(&mut self) {
        let Ok(lock) = fs::File::open(self.path(".scaller/lock")) else {
            return;
        };
        if lock.try_lock().is_ok() {
            return;
        }
        let said = fs::read_to_string(self.path(".scaller/lock")).unwrap_or_default();
        let pid = said.split_once("(process ").and_then(|(_, rest)| {
            let pid: i32 = rest.trim_end_matches(')').parse().ok()?;
            Pid::from_raw(pid)
        });
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// What sekaid ends with after SIGTERM: two of its own parts handle it, and the first one wins.
pub(crate) fn is_end_by_sigterm(status: ExitStatus) -> bool {
    matches!(status.code(), Some(0 | 143))
}

/// Both outputs of a command.
pub(crate) fn said(output: &Output) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The files below a directory that contain a text.
pub(crate) fn files_with(directory: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if path.is_file() {
            let content = fs::read(&path).unwrap();
            if content
                .windows(text.len())
                .any(|window| window == text.as_bytes())
            {
                found.push(path);
            }
        }
    }
    found
}

/// How long a node may take for what takes it a second or two.
pub(crate) const SOON: Duration = Duration::from_secs(30);
