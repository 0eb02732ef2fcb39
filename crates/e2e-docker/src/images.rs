//! The images that others publish, made here under the names that the kit uses, since nothing is
//! pulled: Debian from its packages, `alpine` as one static busybox, and in place of the compilers
//! Debian again, because binaries that are built already are put into the images; `compilers` has those
//! that compile.

use std::fs;
use std::path::{Path, PathBuf};

use crate::daemon::Daemon;
use crate::{Outcome, doing};

/// Where `cargo xtask` has put what a run needs.
#[derive(Clone, Debug)]
pub struct Parts {
    /// A Debian root as an archive.
    pub debian: PathBuf,
    /// `alpine`'s.
    pub alpine: PathBuf,
    /// The compose plugin.
    pub compose: PathBuf,
    /// Static binaries: the signer and scaller; and the node.
    pub binaries: [PathBuf; 3],
}

/// What a build starts from: the variables of `deploy/.env.example`.
const BASES: [&str; 3] = ["DEBIAN_IMAGE", "RUST_IMAGE", "GO_IMAGE"];

impl Parts {
    /// From the environment.
    ///
    /// # Errors
    /// When it was not `cargo xtask` that started this.
    pub fn of_environment() -> Outcome<Self> {
        Ok(Self {
            debian: variable("E2E_DOCKER_DEBIAN")?,
            alpine: variable("E2E_DOCKER_ALPINE")?,
            compose: variable("E2E_DOCKER_COMPOSE")?,
            binaries: [
                variable("E2E_DOCKER_TMKMS")?,
                variable("E2E_DOCKER_SCALLER")?,
                variable("E2E_DOCKER_SEKAID")?,
            ],
        })
    }

    /// Gives a daemon the images, under the names that `settings`, the kit's own example, has.
    ///
    /// # Errors
    /// What Docker says.
    pub fn import(&self, daemon: &Daemon, settings: &Path) -> Outcome {
        let text = fs::read_to_string(settings).map_err(doing("read .env.example"))?;
        let mut first: Option<String> = None;
        for base in BASES {
            let name = default(&text, base)?;
            match &first {
                None => {
                    daemon.docker(&["import", &self.debian.to_string_lossy(), &name])?;
                    first = Some(name);
                }
                Some(first) => {
                    daemon.docker(&["tag", first, &name])?;
                }
            }
        }
        daemon.docker(&["import", &self.alpine.to_string_lossy(), "alpine:latest"])?;
        Ok(())
    }
}

fn variable(name: &str) -> Outcome<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{name} is not set: start this with `cargo xtask e2e docker`"))
}

/// The value of `#NAME=VALUE`.
pub(crate) fn default(settings: &str, name: &str) -> Outcome<String> {
    let found = settings.lines().find_map(|line| {
        line.strip_prefix('#')?
            .strip_prefix(name)?
            .strip_prefix('=')
    });
    found
        .map(str::to_owned)
        .ok_or_else(|| format!(".env.example has no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_the_value_behind_the_hash() {
        let settings = "# text\n#RUST_IMAGE=rust:1\n#RUST=2\n";
        assert_eq!(default(settings, "RUST_IMAGE").unwrap(), "rust:1");
        assert!(default(settings, "GO_IMAGE").is_err());
    }
}
