//! What is on record about a key that was handed over.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::key::NodeKey;
use super::mark::Place;
use crate::failure::Failure;
use crate::files;
use crate::home::Home;

const FILE: &str = "remote-signer.json";

/// How far a command came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// `enable` has begun.
    Enabling,
    /// The key is in the bundle, or with the signer.
    Remote,
    /// `disable` has begun.
    Disabling,
}

/// The record. There is none while the node signs by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) phase: Phase,
    /// Which key.
    pub(super) key: NodeKey,
    /// What it is known to have signed at least.
    pub(super) signed: Place,
    /// Where it was put.
    pub(super) bundle: PathBuf,
}

impl Record {
    pub(super) fn read(home: &Home) -> Result<Option<Self>, Failure> {
        let path = home.own_file(FILE)?;
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &path, &error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            Failure::new(format!(
                "{} is damaged ({error}). It says which consensus key is with the remote signer: \
                 put it right from a backup",
                path.display()
            ))
        })
    }

    pub(super) fn write(&self, home: &Home) -> Result<(), Failure> {
        let path = home.own_file(FILE)?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        files::replace(&path, &text, files::SECRET).map_err(|e| Failure::file("write", &path, &e))
    }

    pub(super) fn remove(home: &Home) -> Result<(), Failure> {
        let path = home.own_file(FILE)?;
        fs::remove_file(&path)
            .and_then(|()| files::sync_directory(files::parent(&path)))
            .map_err(|e| Failure::file("remove", &path, &e))
    }
}
