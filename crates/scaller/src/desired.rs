//! What a waiting main process should run: written by `start`, removed by `stop`.
//!
//! It is a file, so it outlives the container: one that is started again runs sekaid again.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use crate::restart::Policy;

const FILE: &str = "start.json";

/// sekaid should run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Desired {
    /// When it is run again after it ended.
    pub(crate) restart: Policy,
}

#[derive(Serialize, Deserialize)]
struct Text {
    restart: String,
}

/// What should run; `None` if nothing should.
pub(crate) fn read(home: &Home) -> Result<Option<Desired>, Failure> {
    let path = home.own_file(FILE)?;
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", &path, &error)),
    };
    let parsed = serde_json::from_slice::<Text>(&text)
        .map_err(|error| error.to_string())
        .and_then(|text| text.restart.parse());
    let restart = parsed.map_err(|problem| {
        Failure::new(format!(
            "{} is damaged ({problem}). Run `scaller stop`, then `scaller start` again",
            path.display()
        ))
    })?;
    Ok(Some(Desired { restart }))
}

/// Asks for sekaid.
pub(crate) fn write(home: &Home, desired: &Desired) -> Result<(), Failure> {
    let path = home.own_file(FILE)?;
    let text = Text {
        restart: desired.restart.to_string(),
    };
    let text = serde_json::to_vec(&text)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    files::replace(&path, &text, files::PUBLIC).map_err(|e| Failure::file("write", &path, &e))
}

/// Asks for nothing any more; whether something had been asked for.
pub(crate) fn remove(home: &Home) -> Result<bool, Failure> {
    let path = home.own_file(FILE)?;
    match fs::remove_file(&path) {
        Ok(()) => {
            files::sync_directory(files::parent(&path))
                .map_err(|e| Failure::file("sync the directory of", &path, &e))?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::file("remove", &path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_remembered_until_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        assert_eq!(read(&home).unwrap(), None);
        for restart in [Policy::Times(3), Policy::Always] {
            write(&home, &Desired { restart }).unwrap();
            assert_eq!(read(&home).unwrap(), Some(Desired { restart }));
        }
        assert!(remove(&home).unwrap());
        assert!(!remove(&home).unwrap());
        assert_eq!(read(&home).unwrap(), None);
    }

    #[test]
    fn a_damaged_one_says_how_to_get_rid_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        fs::write(home.own_file(FILE).unwrap(), "{}").unwrap();
        let text = read(&home).unwrap_err().to_string();
        assert!(text.contains("start.json is damaged"), "{text}");
        assert!(text.contains("`scaller stop`"), "{text}");
    }
}
