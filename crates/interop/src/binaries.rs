//! Where the binaries are: the signer, the nodes, the peer signer.
//!
//! `cargo xtask` builds them and tells by environment variables where they are;
//! without these the places it builds to by default are tried.

use std::env;
use std::path::{Path, PathBuf};

/// A line of CometBFT releases that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum CometBft {
    V0_34,
    V0_37,
    V0_38,
    V0_39,
    V0_40,
    V1_0,
}

impl CometBft {
    /// The line as people write it: `0.38`.
    pub fn line(self) -> &'static str {
        match self {
            Self::V0_34 => "0.34",
            Self::V0_37 => "0.37",
            Self::V0_38 => "0.38",
            Self::V0_39 => "0.39",
            Self::V0_40 => "0.40",
            Self::V1_0 => "1.0",
        }
    }
}

/// The node of a release line, at the version pinned in `interop/nodes`.
pub fn cometbft(release: CometBft) -> PathBuf {
    node(&format!("cometbft-{}.", release.line()), "cometbft")
}

/// KIRA's node.
pub fn sekaid() -> PathBuf {
    node("sekaid-", "sekaid")
}

/// The last official acceptance test of remote signers.
pub fn signer_harness() -> PathBuf {
    node("tm-signer-harness", "tm-signer-harness")
}

/// The ABCI application that uses vote extensions.
pub fn extension_app() -> PathBuf {
    built(
        cache("TMKMS_INTEROP_NODES", "nodes").join("extension-app/extension-app"),
        "nodes",
    )
}

/// tmkms 0.15.0, the signer that ours replaces.
pub fn peer_tmkms() -> PathBuf {
    let root = cache("TMKMS_INTEROP_PEERS", "peers");
    built(root.join("tmkms-0.15.0/bin/tmkms"), "peers")
}

/// Our own binary: `TMKMS_BIN`, else the release build of this workspace.
///
/// # Panics
/// When there is none.
pub fn tmkms() -> PathBuf {
    let path = env::var_os("TMKMS_BIN")
        .map_or_else(|| workspace().join("target/release/tmkms"), PathBuf::from);
    assert!(
        path.is_file(),
        "no signer at {}: run `cargo build --release`, or set TMKMS_BIN",
        path.display()
    );
    path
}

/// The one directory of `interop/nodes` whose name starts with `prefix` names
/// the build, so that a changed pin changes nothing here.
fn node(prefix: &str, binary: &str) -> PathBuf {
    let pins = workspace().join("interop/nodes");
    let names: Vec<String> = std::fs::read_dir(&pins)
        .unwrap_or_else(|error| panic!("{}: {error}", pins.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix))
        .collect();
    let [name] = names.as_slice() else {
        panic!("{} holds {names:?}, expected one {prefix}*", pins.display());
    };
    let root = cache("TMKMS_INTEROP_NODES", "nodes");
    built(root.join(name).join(binary), "nodes")
}

fn built(path: PathBuf, command: &str) -> PathBuf {
    assert!(
        path.is_file(),
        "no binary at {}: run `cargo xtask {command}`",
        path.display()
    );
    path
}

fn cache(variable: &str, folder: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return PathBuf::from(path);
    }
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .expect("neither XDG_CACHE_HOME nor HOME is set")
        .join("tmkms-xtask")
        .join(folder)
}

fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap()
}
