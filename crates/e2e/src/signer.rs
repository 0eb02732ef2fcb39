//! The signer, whichever it is: its directory, and its lives one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use interop::{Process, SignerHome};

use crate::binaries::Binaries;
use crate::combination::SignerKind;
use crate::namespace::{NOBODY, Namespace, run};
use crate::process::end;
use crate::sekai::CHAIN_ID;
use crate::wireguard::Conf;
use crate::{Outcome, doing};

/// A signer. It ends when dropped.
pub struct Signer {
    kind: SignerKind,
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    process: Option<Process>,
}

impl Signer {
    /// Its directory, with the key of the node, for a node at `address`. Nothing in it belongs
    /// to root.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(
        binaries: &Binaries,
        kind: SignerKind,
        dir: &Path,
        key: &Path,
        address: &str,
        conf: &Conf,
    ) -> Outcome<Self> {
        let binary = match kind {
            SignerKind::PeerBesideTun => &binaries.peer,
            _ => &binaries.ours,
        };
        let mut home = SignerHome::new(dir.to_owned());
        home.add_chain_with(binary, CHAIN_ID, key);
        home.add_node(CHAIN_ID, address, "v0.34");
        if kind == SignerKind::Ours {
            home.add_text("\n[wireguard]\nconfig = \"wg0.conf\"\n");
            conf.write_quick(&home.path("wg0.conf"), NOBODY)?;
        }
        let config = home.save();
        fs::create_dir(home.path("run")).map_err(doing("make the signer's directory"))?;
        let owner = format!("{NOBODY}:{NOBODY}");
        run(Command::new("chown").args(["-R", &owner]).arg(dir), "")?;
        Ok(Self {
            kind,
            binary: binary.clone(),
            log: dir.with_extension("log"),
            config,
            process: None,
        })
    }

    /// Starts it as nobody; its log goes on.
    pub fn start(&mut self, machine: &Namespace) {
        self.start_with(machine, &[]);
    }

    /// The same, with variables of the environment.
    pub fn start_with(&mut self, machine: &Namespace, variables: &[(&str, &str)]) {
        // By env(1), so that they are those of nobody's process and not of what starts it: a library
        // that is loaded there too would make files that belong to root.
        let mut command = machine.command_of_nobody(Path::new("/usr/bin/env"));
        command.args(
            variables
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        command.arg(&self.binary);
        command.arg("start").arg("-c").arg(&self.config);
        command.env("XDG_RUNTIME_DIR", self.config.with_file_name("run"));
        self.process = Some(Process::start("signer", &mut command, &self.log));
    }

    /// Ends it as a service manager does; tmkms 0.15 knows no other end than SIGKILL.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            match self.kind {
                SignerKind::PeerBesideTun => process.kill(),
                _ => end(&mut process),
            }
        }
    }

    /// The process of its present life.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// What it has said in all its lives.
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
