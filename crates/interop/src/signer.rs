//! The signer under test, or the peer that it replaces: a directory with
//! tmkms.toml, keys and state, and the process that runs on it.

use crate::binaries::tmkms;
use crate::process::{Process, run};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A signer's directory. Files are laid out as `tmkms init` does.
pub struct SignerHome {
    dir: PathBuf,
    config: String,
}

impl SignerHome {
    /// A new directory with a fresh identity key and no chain yet.
    pub fn new(dir: PathBuf) -> Self {
        for folder in ["secrets", "state"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        let home = Self {
            dir,
            config: String::new(),
        };
        run(Command::new(tmkms())
            .args(["softsign", "keygen", "-t", "secret-connection"])
            .arg(home.path("secrets/kms-identity.key")));
        home
    }

    /// Adds a chain whose key is imported from a node's `priv_validator_key.json`.
    pub fn add_chain(&mut self, chain_id: &str, node_key: &Path) {
        self.add_chain_with(&tmkms(), chain_id, node_key);
    }

    /// The same, imported by `binary`.
    pub fn add_chain_with(&mut self, binary: &Path, chain_id: &str, node_key: &Path) {
        let key = self.path(&format!("secrets/{chain_id}-consensus.key"));
        run(Command::new(binary)
            .args(["softsign", "import"])
            .arg(node_key)
            .arg(&key));
        write!(
            self.config,
            r#"
[[chain]]
id = "{chain_id}"
key_format = {{ type = "bech32", account_key_prefix = "cosmospub", consensus_key_prefix = "cosmosvalconspub" }}
state_file = "{state}"

[[providers.softsign]]
chain_ids = ["{chain_id}"]
key_type = "consensus"
path = "{key}"
"#,
            state = self.path(&format!("state/{chain_id}-consensus.json")).display(),
            key = key.display(),
        )
        .unwrap();
    }

    /// Adds a node of a chain that was added before.
    pub fn add_node(&mut self, chain_id: &str, address: &str, protocol_version: &str) {
        write!(
            self.config,
            r#"
[[validator]]
chain_id = "{chain_id}"
addr = "{address}"
secret_key = "{identity}"
protocol_version = "{protocol_version}"
reconnect = true
"#,
            identity = self.path("secrets/kms-identity.key").display(),
        )
        .unwrap();
    }

    /// Tells our signer what its key has signed before, so that it does not hold
    /// the first height that it is asked for (`tmkms state import --height`).
    pub fn count_as_signed(&self, height: u64) {
        run(Command::new(tmkms())
            .args(["state", "import", "--height", &height.to_string(), "-c"])
            .arg(self.save()));
    }

    /// Writes tmkms.toml and starts our binary on it.
    pub fn start(&self) -> Signer {
        self.start_with(&tmkms())
    }

    /// Writes tmkms.toml and starts `binary` on it.
    pub fn start_with(&self, binary: &Path) -> Signer {
        Signer::start(binary, &self.save())
    }

    /// Adds lines of tmkms.toml as they are.
    pub fn add_text(&mut self, text: &str) {
        self.config += text;
    }

    /// Writes tmkms.toml; returns its path.
    pub fn save(&self) -> PathBuf {
        let path = self.path("tmkms.toml");
        std::fs::write(&path, &self.config).unwrap();
        path
    }

    /// A path below the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// A running signer.
pub struct Signer {
    /// The process; its output is that of this run only.
    pub process: Process,
}

impl Signer {
    /// `tmkms start -c CONFIG`.
    pub fn start(binary: &Path, config: &Path) -> Self {
        let log = config.with_file_name("signer.log");
        // Each run's output counts for itself.
        let _ = std::fs::remove_file(&log);
        // The machine's own may have a signer of another test with the same key.
        let boot_memory = config.with_file_name("run");
        std::fs::create_dir_all(&boot_memory).expect("a directory beside the configuration");
        let mut command = Command::new(binary);
        command.arg("start").arg("-c").arg(config);
        command.env("XDG_RUNTIME_DIR", boot_memory);
        Self {
            process: Process::start("signer", &mut command, &log),
        }
    }

    /// Ends the signer as an operator's service manager does.
    ///
    /// # Panics
    /// When it does not end within ten seconds with exit code 0.
    pub fn stop(mut self) {
        let status = self.process.terminate();
        assert_eq!(
            status.code(),
            Some(0),
            "the signer's exit after SIGTERM: {status}"
        );
    }

    /// Ends the signer with SIGKILL: tmkms 0.15 knows no other end.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// What the log says was signed so far, in order.
    pub fn signed(&self) -> Vec<Signed> {
        self.process
            .output()
            .lines()
            .filter_map(Signed::parse)
            .collect()
    }

    /// The heights whose precommit was signed, without repetition.
    pub fn heights(&self) -> Vec<u64> {
        let mut heights: Vec<u64> = self
            .signed()
            .iter()
            .filter(|line| line.kind == "Precommit")
            .map(|line| line.height)
            .collect();
        heights.dedup();
        heights
    }
}

/// One log line about a signature:
/// `… INFO tmkms::session: [CHAIN@ADDR] signed Proposal:4901A1C131 at h/r/s 51/0/0 (0 ms)`.
#[derive(Debug, PartialEq, Eq)]
pub struct Signed {
    /// What stands between the brackets.
    pub origin: String,
    /// `Proposal`, `Prevote` or `Precommit`.
    pub kind: String,
    /// The block.
    pub height: u64,
    /// The round.
    pub round: u64,
    /// 0, 1 or 2 as tmkms counts.
    pub step: u64,
    /// Whether an earlier signature was given again, which the line says at its end.
    pub is_replay: bool,
}

impl Signed {
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("INFO tmkms::session: [")?;
        let (origin, rest) = rest.split_once("] signed ")?;
        let (kind, rest) = rest.split_once(':')?;
        let (_block, rest) = rest.split_once(" at h/r/s ")?;
        let (place, time) = rest.split_once(" (")?;
        let (ms, after) = time.split_once(" ms)")?;
        ms.parse::<u64>().ok()?;
        let mut numbers = place.split('/').map(|number| number.parse::<u64>().ok());
        Some(Self {
            origin: origin.to_owned(),
            kind: kind.to_owned(),
            height: numbers.next()??,
            round: numbers.next()??,
            step: numbers.next()??,
            is_replay: !after.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_line_is_read() {
        let line = "2026-01-30T20:26:37.121Z  INFO tmkms::session: \
            [testnet-1@tcp://sekai.local:26659] signed Proposal:4901A1C131 at h/r/s 51/0/0 (0 ms)";
        let expected = Signed {
            origin: "testnet-1@tcp://sekai.local:26659".to_owned(),
            kind: "Proposal".to_owned(),
            height: 51,
            round: 0,
            step: 0,
            is_replay: false,
        };
        assert_eq!(Signed::parse(line), Some(expected));
    }

    #[test]
    fn other_lines_are_not_taken_for_signatures() {
        assert_eq!(
            Signed::parse("INFO tmkms::session: [c@tcp://h:1] connected"),
            None
        );
    }
}
