//! The programs of a run, where nobody can execute them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, doing};

/// The programs that come from elsewhere, and the Debian package of each.
const NEEDED: [(&str, &str); 5] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("wg", "wireguard-tools"),
    ("wireguard-go", "wireguard-go"),
    ("setpriv", "util-linux"),
];

/// The signers.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// This workspace's.
    pub ours: PathBuf,
    /// tmkms 0.15.0.
    pub peer: PathBuf,
    /// Whether ours has WireGuard in it, and the gateway.
    pub has_tunnel: bool,
}

impl Binaries {
    /// Copies them to `dir`: where they were built may be closed to nobody.
    ///
    /// # Errors
    /// What the system says.
    pub fn copy_to(dir: &Path) -> Outcome<Self> {
        let ours = copy(&interop::tmkms(), &dir.join("tmkms"))?;
        let peer = copy(&interop::peer_tmkms(), &dir.join("tmkms-0.15.0"))?;
        let has_tunnel = knows_gateway(&ours);
        Ok(Self {
            ours,
            peer,
            has_tunnel,
        })
    }
}

fn copy(from: &Path, to: &Path) -> Outcome<PathBuf> {
    let copied =
        fs::copy(from, to).and_then(|_| fs::set_permissions(to, fs::Permissions::from_mode(0o755)));
    copied.map_err(doing(&format!("copy {}", from.display())))?;
    Ok(to.to_owned())
}

fn knows_gateway(binary: &Path) -> bool {
    let mut command = Command::new(binary);
    let output = command.args(["gateway", "--help"]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Whether everything from elsewhere is here.
///
/// # Errors
/// The names of the packages to install.
pub fn check_tools() -> Outcome {
    let mut packages = missing(&NEEDED);
    if fake_clock().is_none() {
        packages.push("libfaketime");
    }
    none_missing(&packages)
}

/// Whether these programs, each with its package, are here.
///
/// # Errors
/// The names of the packages to install.
pub fn check_programs(needed: &[(&str, &str)]) -> Outcome {
    none_missing(&missing(needed))
}

fn missing<'a>(needed: &[(&str, &'a str)]) -> Vec<&'a str> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let exists = |name: &str| std::env::split_paths(&paths).any(|dir| dir.join(name).is_file());
    let missing = needed.iter().filter(|(program, _)| !exists(program));
    missing.map(|(_, package)| *package).collect()
}

fn none_missing(packages: &[&str]) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    Err(format!(
        "programs are missing here; on Debian: apt-get install {}",
        packages.join(" ")
    ))
}

/// The library that gives a program a clock of its own; its folder is named after the processor.
pub fn fake_clock() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    let library = |folder: fs::DirEntry| folder.path().join("faketime/libfaketime.so.1");
    folders.map(library).find(|library| library.is_file())
}
