//! What is played.

mod checks;
mod development;
mod mistakes;
mod original;
mod pair;
mod production;
mod rotation;
mod setup;
mod source;
mod variants;

use std::path::PathBuf;

use crate::stage::Stage;
use crate::{Outcome, doing};

/// A scene.
pub struct Scene {
    /// What `--scene` calls it.
    pub name: &'static str,
    /// What happens.
    pub about: &'static str,
    /// Plays it.
    pub play: fn(&Stage) -> Outcome,
}

/// All scenes.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "original",
        about: "development with the commands of KIRA's own guide, as they stand there",
        play: original::development,
    },
    Scene {
        name: "original-production",
        about: "two machines with the commands of KIRA's own guide",
        play: original::production,
    },
    Scene {
        name: "development",
        about: "the development chapter of docs/guide.md, then restarts of everything",
        play: development::play,
    },
    Scene {
        name: "production",
        about: "the production chapter of docs/guide.md on two machines, then everything fails once",
        play: production::play,
    },
    Scene {
        name: "variants",
        about: "the guide's other ways to connect two machines: stock WireGuard, the host's network",
        play: variants::play,
    },
    Scene {
        name: "setup-dev",
        about: "deploy/setup dev: ended at each step, done, and given again",
        play: setup::development,
    },
    Scene {
        name: "setup",
        about: "deploy/setup validator and deploy/setup signer, twice; then a second node joins",
        play: setup::production,
    },
    Scene {
        name: "mistakes",
        about: "what people get wrong, and what is in the way on their machines",
        play: mistakes::play,
    },
    Scene {
        name: "source",
        about: "the images are compiled in their containers, then deploy/setup dev goes on from them",
        play: source::play,
    },
];

/// A folder that goes with the scene.
fn folder() -> Outcome<tempfile::TempDir> {
    let prefix = format!("{}{}-docker", e2e::namespace::PREFIX, std::process::id());
    tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir()
        .map_err(doing("make a folder"))
}

/// The signer's key of a kit, outside of any container.
fn key_file(deploy: &std::path::Path) -> PathBuf {
    deploy.join("tmkms/secrets/priv_validator_key.json")
}
