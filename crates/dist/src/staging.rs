//! A tree of files as they will be packed: modes and times are set, whatever the umask.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::{Outcome, doing};

/// The tree.
#[derive(Debug)]
pub struct Staging {
    root: PathBuf,
    epoch: u64,
}

impl Staging {
    /// An empty one, in a directory that is made.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(root: PathBuf, epoch: u64) -> Outcome<Self> {
        let staging = Self { root, epoch };
        staging.directory(Path::new(""))?;
        Ok(staging)
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts a copy of a file into it.
    ///
    /// # Errors
    /// What the system says.
    pub fn copy(&self, from: &Path, name: &str) -> Outcome {
        let bytes = fs::read(from).map_err(doing(&format!("read {}", from.display())))?;
        let mode = fs::metadata(from)
            .map_err(doing("look at a file"))?
            .permissions()
            .mode();
        self.put(name, &bytes, mode & 0o100 != 0)
    }

    /// Puts a file into it.
    ///
    /// # Errors
    /// What the system says.
    pub fn put(&self, name: &str, bytes: &[u8], is_program: bool) -> Outcome {
        let path = self.root.join(name);
        if let Some(parent) = Path::new(name).parent() {
            self.directory(parent)?;
        }
        let mode = if is_program { 0o755 } else { 0o644 };
        let time = UNIX_EPOCH + Duration::from_secs(self.epoch);
        let write = || {
            fs::write(&path, bytes)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            File::options()
                .write(true)
                .open(&path)?
                .set_times(FileTimes::new().set_modified(time))
        };
        write().map_err(doing(&format!("write {}", path.display())))
    }

    /// Makes a directory, and those above it.
    fn directory(&self, name: &Path) -> Outcome {
        for part in name.ancestors() {
            let path = self.root.join(part);
            let make = || {
                fs::create_dir_all(&path)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            };
            make().map_err(doing(&format!("make {}", path.display())))?;
        }
        Ok(())
    }

    /// All files, by their names from its root, sorted.
    ///
    /// # Errors
    /// What the system says.
    pub fn files(&self) -> Outcome<Vec<String>> {
        let mut files = Vec::new();
        collect(&self.root, "", &mut files).map_err(doing("list files"))?;
        files.sort();
        Ok(files)
    }
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}
