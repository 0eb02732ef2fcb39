//! The sources that a release is made of.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, doing, run, run_text};

/// A checkout, and the time that everything made of it bears.
#[derive(Clone, Debug)]
pub struct Source {
    root: PathBuf,
    epoch: u64,
}

impl Source {
    /// The checkout that this program was built in.
    ///
    /// # Errors
    /// When it is none, or `SOURCE_DATE_EPOCH` is no number.
    pub fn here() -> Outcome<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).unwrap_or(here).to_owned();
        let seconds = match env::var("SOURCE_DATE_EPOCH") {
            Ok(seconds) => seconds,
            Err(_) => {
                let mut log = Command::new("git");
                log.args(["log", "--max-count=1", "--format=%ct"]);
                run_text(log.current_dir(&root)).map_err(|text| {
                    format!("{text}\nOutside of a Git checkout, set SOURCE_DATE_EPOCH")
                })?
            }
        };
        let epoch = seconds.trim().parse();
        Ok(Self {
            root,
            epoch: epoch.map_err(doing("read the time of the sources"))?,
        })
    }

    /// A tree that is no checkout, of a known time.
    #[must_use]
    pub fn at(root: &Path, epoch: u64) -> Self {
        Self {
            root: root.to_owned(),
            epoch,
        }
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its time, in seconds since 1970.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The release's version: that of the workspace.
    #[must_use]
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// A copy of the files that Git knows, as they are now.
    ///
    /// # Errors
    /// What Git or the system says.
    pub fn copy_to(&self, root: &Path) -> Outcome<Self> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z"]).current_dir(&self.root);
        let names = String::from_utf8(run(&mut list)?).map_err(doing("read file names"))?;
        for name in names.split_terminator('\0') {
            let (from, to) = (self.root.join(name), root.join(name));
            let parent = to.parent().unwrap_or(root);
            fs::create_dir_all(parent).map_err(doing("make a directory"))?;
            copy(&from, &to).map_err(doing(&format!("copy {name}")))?;
        }
        Ok(Self::at(root, self.epoch))
    }
}

/// A link is copied as such: it may lead to what each checkout makes for itself.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    fs::copy(from, to).map(drop)
}
