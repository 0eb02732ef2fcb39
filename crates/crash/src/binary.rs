//! Which binary is the signer.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::CrashError;

/// Finds the signer: `TMKMS_BIN`, else the release build of this workspace, which is brought up
/// to date first, so that it is this source that is tested.
///
/// # Errors
/// [`CrashError`] when it does not build.
pub fn find() -> Result<PathBuf, CrashError> {
    if let Some(path) = std::env::var_os("TMKMS_BIN") {
        return Ok(PathBuf::from(path));
    }
    let target = target_directory()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "tmkms"])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .status()
        .map_err(CrashError::doing("run cargo"))?;
    if status.success() {
        return Ok(target.join("release/tmkms"));
    }
    Err(CrashError::Signer("it does not build".to_owned()))
}

/// This program is `TARGET/PROFILE/crash`.
fn target_directory() -> Result<PathBuf, CrashError> {
    let own = std::env::current_exe().map_err(CrashError::doing("find this program"))?;
    let target = own.ancestors().nth(2).map(Path::to_owned);
    target.ok_or_else(|| CrashError::Home("this program is in no target directory".to_owned()))
}
