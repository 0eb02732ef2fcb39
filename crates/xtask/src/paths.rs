//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The folder for what is expensive to build and belongs to no checkout.
pub(crate) fn cache() -> Result<PathBuf, String> {
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .map(|base| base.join("tmkms-xtask"))
        .ok_or_else(|| {
            "neither XDG_CACHE_HOME nor HOME is set: no place to build nodes in".to_owned()
        })
}

/// The release binary of the signer.
pub(crate) fn signer() -> Result<PathBuf, String> {
    Ok(target()?.join("release/tmkms"))
}

/// The target directory. This program is `TARGET/debug/xtask`.
pub(crate) fn target() -> Result<PathBuf, String> {
    let own = env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let target = own
        .ancestors()
        .nth(2)
        .ok_or("this program stands in no target directory")?;
    Ok(target.to_owned())
}

/// The cargo that runs this program, without what that has told it of this package: ring's build
/// takes such a variable for a change, and by turns with `cargo build` all would be built again.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether leaving something out is a failure.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_this_package() {
        let removed: Vec<String> = cargo()
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(removed.iter().any(|it| it == name), "{name}: {removed:?}");
        }
    }
}
