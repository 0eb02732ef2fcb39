//! What all scenes of a run share: the signers' binaries and the chain.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::binaries::Binaries;
use crate::namespace::PREFIX;
use crate::sekai::Template;
use crate::{Outcome, doing};

/// What all scenes of a run share.
pub struct Stage {
    /// The signers.
    pub binaries: Binaries,
    /// The chain.
    pub template: Template,
    dir: tempfile::TempDir,
}

impl Stage {
    /// Copies and sets up what every scene begins with.
    ///
    /// # Errors
    /// What the system or sekaid says.
    pub fn create() -> Outcome<Self> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .map_err(doing("make a temporary directory"))?;
        Ok(Self {
            binaries: Binaries::copy_to(dir.path())?,
            template: Template::create(dir.path().join("template"))?,
            dir,
        })
    }

    /// An empty directory for the next scene.
    ///
    /// # Errors
    /// What the system says.
    pub fn scene_dir(&self) -> Outcome<PathBuf> {
        let dir = self.dir.path().join("scene");
        // Of the scene before.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).map_err(doing("make a directory"))?;
        Ok(dir)
    }
}
