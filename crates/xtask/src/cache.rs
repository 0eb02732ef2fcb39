//! Builds that are kept until what they are made from changes.

use crate::progress::watched;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One thing to build into the cache.
pub(crate) struct Build {
    /// What the screen calls it.
    pub(crate) name: String,
    /// Its folder in the cache.
    pub(crate) folder: PathBuf,
    /// The file that the build makes, below the folder.
    pub(crate) product: String,
    /// Everything that the product depends on. Kept beside the product; the
    /// build is repeated when it differs.
    pub(crate) key: String,
    /// The command that makes the product in the folder that it is given.
    pub(crate) command: fn(&Self, &Path) -> Command,
    /// Where the command runs.
    pub(crate) source: PathBuf,
}

impl Build {
    pub(crate) fn is_current(&self) -> bool {
        let kept = fs::read_to_string(self.key_file());
        kept.is_ok_and(|kept| kept == self.key) && self.folder.join(&self.product).is_file()
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join("built-from")
    }

    /// Builds beside the old product, then swaps, so that an interrupted build
    /// never leaves a half-written product with a matching key.
    fn make(&self, label: &str) -> Result<(), String> {
        let fresh = self.folder.with_file_name(format!("{}.new", self.name));
        let _ = fs::remove_dir_all(&fresh);
        fs::create_dir_all(&fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
        let mut command = (self.command)(self, &fresh);
        watched(label, command.current_dir(&self.source))?;
        let swap = || {
            fs::write(fresh.join("built-from"), &self.key)?;
            let _ = fs::remove_dir_all(&self.folder);
            fs::rename(&fresh, &self.folder)
        };
        swap().map_err(|error| format!("{}: {error}", self.folder.display()))
    }
}

/// Makes what is not current, one after the other, under a lock: two runs at
/// once build each thing once.
pub(crate) fn make_all(root: &Path, kind: &str, builds: &[Build]) -> Result<(), String> {
    fs::create_dir_all(root).map_err(|error| format!("{}: {error}", root.display()))?;
    let lock =
        File::create(root.join(".lock")).map_err(|error| format!("{}: {error}", root.display()))?;
    lock.lock()
        .map_err(|error| format!("{}: {error}", root.display()))?;
    for (number, build) in (1..).zip(builds) {
        if !build.is_current() {
            let label = format!(
                "building {kind} {number} of {}: {}",
                builds.len(),
                build.name
            );
            build.make(&label)?;
        }
    }
    Ok(())
}
