//! A machine: a network namespace with a Docker daemon and a clone of the repository.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use e2e::namespace::Namespace;

use crate::daemon::Daemon;
use crate::guide::Ledger;
use crate::images::Parts;
use crate::kit::Kit;
use crate::shell::Shell;
use crate::stage::Stage;
use crate::{Outcome, doing};

/// A machine. It is gone when dropped.
pub struct Machine {
    /// Its daemon; before the namespace, so that it ends first.
    pub daemon: Daemon,
    /// Its network.
    pub namespace: Namespace,
    folder: PathBuf,
    parts: Parts,
    ledger: Ledger,
    is_verbose: bool,
}

impl Machine {
    /// One that Docker was just installed on.
    ///
    /// # Errors
    /// When the system refuses something.
    pub fn create(role: &str, folder: &Path, stage: &Stage) -> Outcome<Self> {
        let namespace = Namespace::create(role)?;
        let folder = folder.join(role);
        let daemon = Daemon::start(&namespace, role, &folder, &stage.parts.compose)?;
        Ok(Self {
            daemon,
            namespace,
            folder,
            parts: stage.parts.clone(),
            ledger: stage.ledger.clone(),
            is_verbose: stage.is_verbose,
        })
    }

    /// Clones the repository, and has the images that are to be pulled.
    ///
    /// # Errors
    /// When something cannot be copied.
    pub fn clone_kit(&self, name: &str) -> Outcome<Kit> {
        let kit = Kit::clone_to(&self.folder.join(name), &self.parts)?;
        self.parts
            .import(&self.daemon, &kit.deploy().join(".env.example"))?;
        Ok(kit)
    }

    /// A shell in a folder.
    pub fn shell(&self, folder: &Path) -> Shell<'_> {
        let ledger = self.ledger.clone();
        Shell::new(&self.daemon, &self.folder, folder, ledger, self.is_verbose)
    }

    /// The home directory of who works there.
    pub fn home(&self) -> &Path {
        &self.folder
    }

    /// Puts a program where shells on it find it first.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn install(&self, name: &str, script: &str) -> Outcome {
        let file = self.folder.join("bin").join(name);
        let write = || {
            fs::create_dir_all(self.folder.join("bin"))?;
            fs::write(&file, script)?;
            fs::set_permissions(&file, Permissions::from_mode(0o755))
        };
        write().map_err(doing(&format!("write {}", file.display())))
    }

    /// Removes all containers and networks.
    ///
    /// # Errors
    /// What Docker says.
    pub fn tidy(&self) -> Outcome {
        let all = self.daemon.docker(&["ps", "--all", "--quiet"])?;
        for container in all.split_whitespace() {
            self.daemon.docker(&["rm", "--force", container])?;
        }
        self.daemon.docker(&["network", "prune", "--force"])?;
        Ok(())
    }
}
