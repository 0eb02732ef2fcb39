//! A directory with everything that one signer needs: key, identity, tmkms.toml, state.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use keys::{Algorithm, Overwrite, generate, generate_identity, write_identity, write_key};
use privval::{ChainId, PublicKey};
use tempfile::TempDir;

use crate::error::CrashError;

/// A signer's directory; removed when dropped.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
    chain_id: ChainId,
    key: PublicKey,
}

impl Home {
    /// Makes a directory with a new key.
    ///
    /// # Errors
    /// [`CrashError::Home`].
    pub fn new() -> Result<Self, CrashError> {
        let directory = tempfile::Builder::new()
            .prefix("tmkms-crash-")
            .tempdir()
            .map_err(home)?;
        let at = directory.path();
        fs::create_dir(at.join("state")).map_err(home)?;
        fs::create_dir(at.join("run")).map_err(home)?;
        let key = generate(Algorithm::Ed25519).map_err(home)?;
        write_key(&at.join("consensus.key"), &key, Overwrite::Refuse).map_err(home)?;
        let identity = generate_identity().map_err(home)?;
        write_identity(&at.join("identity.key"), &identity, Overwrite::Refuse).map_err(home)?;
        Ok(Self {
            chain_id: ChainId::new("crash-1").map_err(home)?,
            key: key.public_key(),
            directory,
        })
    }

    /// Writes tmkms.toml for nodes at these addresses.
    ///
    /// # Errors
    /// [`CrashError::Home`].
    pub fn configure(&self, addresses: &[String]) -> Result<(), CrashError> {
        let mut text = format!(
            "[[chain]]\nid = \"{id}\"\nkey_format = {{ type = \"cosmos-json\" }}\n\
             state_file = \"state/state.json\"\n\n\
             [[providers.softsign]]\nchain_ids = [\"{id}\"]\nkey_type = \"consensus\"\n\
             path = \"consensus.key\"\n",
            id = self.chain_id
        );
        for address in addresses {
            text.push_str(&format!(
                "\n[[validator]]\nchain_id = \"{}\"\naddr = \"{address}\"\n\
                 secret_key = \"identity.key\"\nreconnect = true\n",
                self.chain_id
            ));
        }
        fs::write(self.config(), text).map_err(home)
    }

    /// Adds lines at the end of tmkms.toml.
    ///
    /// # Errors
    /// [`CrashError::Home`].
    pub fn configure_more(&self, lines: &str) -> Result<(), CrashError> {
        let text = fs::read_to_string(self.config()).map_err(home)?;
        fs::write(self.config(), text + lines).map_err(home)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The chain.
    #[must_use]
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The validator's key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// tmkms.toml.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path().join("tmkms.toml")
    }

    /// The directory that holds the state and nothing else.
    #[must_use]
    pub fn state_directory(&self) -> PathBuf {
        self.path().join("state")
    }

    /// The document.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        self.state_directory().join("state.json")
    }

    /// The ring.
    #[must_use]
    pub fn ring_file(&self) -> PathBuf {
        self.state_directory().join("state.json.ring")
    }

    /// What the signer prints in its present life.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    /// Where the signer keeps its memory of this boot. It is kept over a loss of power here, which
    /// is harder than it is: it must never know more than the disk.
    #[must_use]
    pub fn run_directory(&self) -> PathBuf {
        self.path().join("run")
    }

    /// Removes the memory of this boot, as a reboot does.
    ///
    /// # Errors
    /// [`CrashError::System`].
    pub fn forget_boot(&self) -> Result<(), CrashError> {
        match fs::remove_dir_all(self.run_directory().join("tmkms")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CrashError::doing("remove the memory of this boot")(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes every file in the state directory.
    ///
    /// # Errors
    /// [`CrashError::System`].
    pub fn clear_state(&self) -> Result<(), CrashError> {
        let doing = || CrashError::doing("empty the state directory");
        for entry in fs::read_dir(self.state_directory()).map_err(doing())? {
            let path = entry.map_err(doing())?.path();
            // ext4 has a lost+found.
            if !path.is_dir() {
                fs::remove_file(path).map_err(doing())?;
            }
        }
        Ok(())
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn home(error: impl ToString) -> CrashError {
    CrashError::Home(error.to_string())
}
