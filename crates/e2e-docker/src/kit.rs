//! The repository as an operator has it after `git clone`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::namespace::run;

use crate::images::Parts;
use crate::{Outcome, doing};

/// A clone.
#[derive(Clone, Debug)]
pub struct Kit {
    root: PathBuf,
}

impl Kit {
    /// Copies what Git knows of, or would take up, to `root`, with the binaries that the images
    /// are made of.
    ///
    /// # Errors
    /// What the system says.
    pub fn clone_to(root: &Path, parts: &Parts) -> Outcome<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut list = Command::new("git");
        list.arg("-C").arg(&workspace);
        list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        for name in run(&mut list, "")?.lines() {
            copy(&workspace.join(name), &root.join(name))
                .map_err(doing(&format!("copy {name}")))?;
        }
        let kit = Self {
            root: root.to_owned(),
        };
        for binary in &parts.binaries {
            let name = binary.file_name().unwrap_or_default();
            fs::copy(binary, kit.deploy().join("prebuilt").join(name))
                .map_err(doing(&format!("copy {}", binary.display())))?;
        }
        Ok(kit)
    }

    /// The folder of the kit.
    pub fn deploy(&self) -> PathBuf {
        self.root.join("deploy")
    }

    /// A document, by its path in the repository.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// A file that Git still knows and that is gone is left out.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let Ok(found) = from.symlink_metadata() else {
        return Ok(());
    };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to).map(drop)
}
