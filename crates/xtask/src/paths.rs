//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

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

/// The cargo that runs this program.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Whether leaving something out is a failure.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some()
}
