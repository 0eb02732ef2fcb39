//! KIRA's node, in its container.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use interop::{ConfigFile, Process, Rpc, fast_chain};

use crate::namespace::{Namespace, run};
use crate::process::end;
use crate::world::PRIVVAL_PORT;
use crate::{Outcome, doing};

/// The chain.
pub const CHAIN_ID: &str = "testnet-1";
/// The node's RPC, inside its container only.
pub const RPC: Rpc = Rpc { port: 26_657 };
const P2P_PORT: u16 = 26_656;
/// What the node waits after the votes of a round without a block, before the next round.
pub const TIMEOUT_PRECOMMIT: Duration = Duration::from_secs(1);

/// The home directory of a chain with one validator, to be copied.
pub struct Template {
    home: PathBuf,
    binary: PathBuf,
}

impl Template {
    /// Sets one up by the steps of the guide.
    ///
    /// # Errors
    /// What sekaid says.
    pub fn create(home: PathBuf) -> Outcome<Self> {
        let template = Self {
            home,
            binary: interop::sekaid(),
        };
        for step in [
            format!("init Genesis --chain-id {CHAIN_ID} --overwrite"),
            "keys add genesis --keyring-backend test".to_owned(),
            "add-genesis-account genesis 300000000000000ukex --keyring-backend test".to_owned(),
            "gentx-claim genesis --moniker Genesis --keyring-backend test".to_owned(),
        ] {
            let mut command = Command::new(&template.binary);
            command.args(step.split(' ')).arg("--home");
            run(command.arg(&template.home), "")?;
        }
        template.configure();
        Ok(template)
    }

    /// Blocks in quick succession, but the times that the node waits for a vote are sekaid's own:
    /// a signature that comes late costs a round there as it does in production.
    fn configure(&self) {
        let config = self.home.join("config/config.toml");
        fast_chain(&config, RPC.port, P2P_PORT);
        ConfigFile::open(&config)
            .set(
                "",
                "priv_validator_laddr",
                &format!("\"tcp://0.0.0.0:{PRIVVAL_PORT}\""),
            )
            .set("consensus", "timeout_propose", "\"3s\"")
            .set("consensus", "timeout_prevote", "\"1s\"")
            .set(
                "consensus",
                "timeout_precommit",
                &format!("\"{}s\"", TIMEOUT_PRECOMMIT.as_secs()),
            )
            .set("consensus", "timeout_commit", "\"100ms\"")
            .set("consensus", "skip_timeout_commit", "false")
            .save();
        ConfigFile::open(&self.home.join("config/app.toml"))
            .set("grpc", "enable", "false")
            .set("grpc-web", "enable", "false")
            .save();
    }

    /// The validator's key, which the signer imports.
    pub fn key(&self) -> PathBuf {
        self.home.join("config/priv_validator_key.json")
    }

    /// A node of its own for one scene, which has no key any more.
    ///
    /// # Errors
    /// What the system says.
    pub fn copy(&self, home: PathBuf) -> Outcome<Sekai> {
        run(Command::new("cp").arg("-a").arg(&self.home).arg(&home), "")?;
        // sekaid writes a new, useless one in its place.
        fs::remove_file(home.join("config/priv_validator_key.json"))
            .map_err(doing("take the node's key away"))?;
        Ok(Sekai {
            home,
            binary: self.binary.clone(),
            process: None,
        })
    }
}

/// A node. It ends when dropped.
pub struct Sekai {
    home: PathBuf,
    binary: PathBuf,
    process: Option<Process>,
}

impl Sekai {
    /// Starts it in a namespace; its log goes on.
    pub fn start(&mut self, namespace: &Namespace) {
        let mut command = namespace.command(&self.binary);
        command.arg("start").arg("--home").arg(&self.home);
        self.process = Some(Process::start("sekaid", &mut command, &self.log()));
    }

    /// Ends it as a service manager does.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            end(&mut process);
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// What it has said in all its lives.
    pub fn output(&self) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log(&self) -> PathBuf {
        self.home.join("node.log")
    }
}

/// Whether somebody listens on a TCP port of the namespace that the calling thread is in.
pub fn listens(port: u16) -> bool {
    ["tcp", "tcp6"].iter().any(|table| {
        let path = Path::new("/proc/thread-self/net").join(table);
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().any(|line| is_listener(line, port))
    })
}

/// A line of proc_pid_net(5): ` 0: 00000000:6823 00000000:0000 0A …`, where 0A is LISTEN.
fn is_listener(line: &str, port: u16) -> bool {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, _, state, ..] = fields.as_slice() else {
        return false;
    };
    *state == "0A" && local.ends_with(&format!(":{port:04X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_is_told_from_a_connection_and_from_another_port() {
        let line = |port: &str, state: &str| {
            is_listener(
                &format!("  0: 00000000:{port} 00000000:0000 {state} 0:0"),
                26659,
            )
        };
        assert!(line("6823", "0A"));
        assert!(!line("6823", "01"));
        assert!(!line("6824", "0A"));
        assert!(!is_listener("  sl  local_address rem_address   st", 26659));
    }
}
