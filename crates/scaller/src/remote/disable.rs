//! `remote-signer disable`: the key comes back to the node, with the highest mark known.
//!
//! Steps, each on the disk before the next:
//! 1. the record that it has begun, with the mark,
//! 2. the decoy is moved aside,
//! 3. the state, at the mark,
//! 4. the key, moved out of the bundle (sekaid leaves the state beside a key as it is),
//! 5. `priv_validator_laddr` is emptied: from here on the node signs by itself,
//! 6. what is left of the bundle and the record go.
//!
//! The state of the node counts for the mark only while the key is in its place: beside a decoy it
//! says nothing.

use std::fs;
use std::path::{Path, PathBuf};

use super::enable::move_key;
use super::key::NodeKey;
use super::mark::Mark;
use super::record::{Phase, Record};
use super::{BUNDLE, Pair};
use crate::failure::{Failure, say};
use crate::files;
use crate::home::Home;
use crate::node_config::NodeConfig;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Disable {
    /// Where the bundle is; `None` for where it was put.
    pub(crate) bundle: Option<PathBuf>,
    /// What the signer has signed: its `tmkms state export`.
    pub(crate) state: Option<PathBuf>,
    /// A height up to which everything counts as signed.
    pub(crate) height: Option<i64>,
    /// The word that the signer is stopped and its key gone.
    pub(crate) signer_stopped: bool,
}

/// Takes the key back.
pub(crate) fn run(home: &Home, asked: &Disable) -> Result<(), Failure> {
    let _lock = home.lock()?;
    let config = home.config()?;
    let pair = Pair::of_node(home, &config)?;
    let found = NodeKey::read_if_there(&pair.key)?;
    let record = Record::read(home)?;
    if record.is_none() && config.signer()?.is_none() {
        return signs_already(found.as_ref(), &pair);
    }
    let bundle = bundle_place(home, record.as_ref(), asked);
    let from = Pair::of_bundle(&bundle);
    let key = key_to_take(record.as_ref(), found.as_ref(), &from, &pair)?;
    let is_in_place = found.as_ref() == Some(&key);
    check_asked(asked, record.as_ref(), is_in_place)?;
    let mark = highest(record.as_ref(), asked, &from, is_in_place.then_some(&pair))?;

    let record = Record {
        phase: Phase::Disabling,
        key,
        signed: mark.place,
        bundle,
    };
    record.write(home)?;
    if !is_in_place {
        set_decoy_aside(home, found.as_ref(), &pair)?;
    }
    mark.write(&pair.state)?;
    if is_in_place {
        remove_copy(&record.key, &from)?;
    } else {
        move_key(&from.key, &pair.key)?;
    }
    sign_locally(config)?;
    clear_bundle(&record.bundle, &from);
    Record::remove(home)?;
    say!(
        "The consensus key {} is in the node again. It signed {} last, and the node goes on after \
         that",
        record.key.address,
        record.signed
    );
    say!("Start the node, and leave the signer off: two signers with one key end a validator");
    Ok(())
}

fn signs_already(found: Option<&NodeKey>, pair: &Pair) -> Result<(), Failure> {
    match found {
        Some(key) => say!(
            "The node signs by itself already, with key {}: nothing was changed",
            key.address
        ),
        None => {
            return Err(Failure::new(format!(
                "no remote signer is set up, and there is no key at {}",
                pair.key.display()
            )));
        }
    }
    Ok(())
}

fn bundle_place(home: &Home, record: Option<&Record>, asked: &Disable) -> PathBuf {
    let bundle = match (&asked.bundle, record) {
        (Some(bundle), _) => bundle.clone(),
        (None, Some(record)) => record.bundle.clone(),
        (None, None) => home.path(BUNDLE),
    };
    std::path::absolute(&bundle).unwrap_or(bundle)
}

/// The key that comes back: the one on record, wherever it is now.
fn key_to_take(
    record: Option<&Record>,
    found: Option<&NodeKey>,
    from: &Pair,
    pair: &Pair,
) -> Result<NodeKey, Failure> {
    let in_bundle = NodeKey::read_if_there(&from.key)?;
    match (record.map(|record| &record.key), found, in_bundle) {
        (Some(expected), Some(here), _) if expected == here => Ok(here.clone()),
        (Some(expected), _, Some(there)) if *expected != there => Err(Failure::new(format!(
            "{} is key {}, but {} was taken out of this node. Nothing was changed. Name the \
             right bundle with --bundle",
            from.key.display(),
            there.address,
            expected.address
        ))),
        (_, _, Some(there)) => Ok(there),
        (_, _, None) => Err(Failure::new(format!(
            "there is no key at {}. Bring the bundle back that `remote-signer enable` made, or \
             name its place with --bundle. The key at {} is not it: sekaid writes such a decoy at \
             each start without a key",
            from.key.display(),
            pair.key.display()
        ))),
    }
}

fn check_asked(asked: &Disable, record: Option<&Record>, is_in_place: bool) -> Result<(), Failure> {
    // It has not left the node: nobody else has signed with it.
    let never_left = is_in_place && record.is_some_and(|r| r.phase == Phase::Enabling);
    if never_left {
        return Ok(());
    }
    if !asked.signer_stopped {
        return Err(Failure::new(
            "stop the signer first, for good, and take the key away from it: from here on the node \
             signs, and two signers with one key end a validator. Nothing was changed. Then say so \
             with --signer-stopped",
        ));
    }
    if asked.state.is_none() && asked.height.is_none() {
        return Err(Failure::new(
            "what has the signer signed? Without that the node could sign it again. Nothing was \
             changed. On the signer: `tmkms state export -c tmkms.toml > exported.json`, then here \
             --state exported.json. Without the signer's disk: --height N, with a height that the \
             chain has passed since. If it never had the key: --state with the state in the bundle",
        ));
    }
    if asked.height.is_some_and(|height| height < 1) {
        return Err(Failure::new("--height: the first height of a chain is 1"));
    }
    Ok(())
}

/// The highest of everything that is known.
fn highest(
    record: Option<&Record>,
    asked: &Disable,
    bundle: &Pair,
    in_place: Option<&Pair>,
) -> Result<Mark, Failure> {
    let mut marks = Vec::new();
    // First those that may carry a signature.
    if let Some(pair) = in_place {
        marks.push((Mark::read(&pair.state)?, "the node's own state"));
    }
    if let Some(mark) = Mark::read_if_there(&bundle.state)? {
        marks.push((mark, "the state in the bundle"));
    }
    let asked_for = match (&asked.state, asked.height) {
        (Some(file), _) => Some(Mark::read(file)?),
        (None, Some(height)) => Some(Mark::whole_height(height)),
        (None, None) => None,
    };
    let asked_place = asked_for.as_ref().map(|mark| mark.place);
    marks.extend(asked_for.map(|mark| (mark, "what was given")));
    if let Some(record) = record {
        marks.push((Mark::at(record.signed), "the record of this node"));
    }
    let mut all = marks.into_iter();
    let (mut highest, mut source) = all
        .next()
        .ok_or_else(|| Failure::new("nothing is known of what was signed last"))?;
    for (mark, name) in all {
        if mark.place > highest.place {
            source = name;
        }
        highest = highest.or_higher(mark);
    }
    if asked_place.is_some_and(|asked| asked < highest.place) {
        say!(
            "{source} says that {} was signed, which is later than what was given: a mark is never \
             lowered, so that counts",
            highest.place
        );
    }
    Ok(highest)
}

/// It is nobody's key. It is kept all the same, because what looks like a key is never destroyed.
fn set_decoy_aside(home: &Home, found: Option<&NodeKey>, pair: &Pair) -> Result<(), Failure> {
    let Some(decoy) = found else { return Ok(()) };
    let name = format!("decoy-{}.json", decoy.address);
    let aside = home.own_file(&name)?;
    move_key(&pair.key, &aside)?;
    say!("Moved the decoy {} to {}", decoy.address, aside.display());
    Ok(())
}

/// A copy that an interrupted move between two file systems has left.
fn remove_copy(key: &NodeKey, from: &Pair) -> Result<(), Failure> {
    files::remove_part(&from.key).map_err(|e| Failure::file("remove a part of", &from.key, &e))?;
    if NodeKey::read_if_there(&from.key)?.as_ref() != Some(key) {
        return Ok(());
    }
    fs::remove_file(&from.key)
        .and_then(|()| files::sync_directory(files::parent(&from.key)))
        .map_err(|e| Failure::file("remove", &from.key, &e))
}

fn sign_locally(mut config: NodeConfig) -> Result<(), Failure> {
    config.set_signer("")?;
    config.save()
}

/// The state is in the node now, and an old copy could mislead. Directories go if they are empty.
fn clear_bundle(bundle: &Path, from: &Pair) {
    // Without the key nothing in it can do harm, so that what fails here is only untidy.
    let _ = fs::remove_file(&from.state);
    for directory in [files::parent(&from.key), files::parent(&from.state), bundle] {
        let _ = fs::remove_dir(directory);
    }
}
