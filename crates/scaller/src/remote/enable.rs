//! `remote-signer enable`: the key and its state leave the node as one bundle.
//!
//! Steps, each on the disk before the next:
//! 1. the record of which key it is and what it has signed,
//! 2. `priv_validator_laddr`: from here on the node cannot sign by itself,
//! 3. a copy of the state in the bundle (a later start may set the node's own back to 0),
//! 4. the key, moved into the bundle,
//! 5. the record says that it is done.

use std::fs;
use std::path::{Path, PathBuf};

use super::key::NodeKey;
use super::mark::Mark;
use super::record::{Phase, Record};
use super::{BUNDLE, Pair, is_in_genesis};
use crate::failure::{Failure, say};
use crate::files;
use crate::home::Home;
use crate::listener::Address;
use crate::node_config::NodeConfig;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Enable {
    /// The value for `priv_validator_laddr`.
    pub(crate) listen: String,
    /// Where the bundle goes; `None` for the place in the node's home.
    pub(crate) bundle: Option<PathBuf>,
    /// The address of the key, said by the person who asks.
    pub(crate) address: Option<String>,
}

/// Takes the key out. The caller holds the home's lock.
pub(crate) fn take_out(home: &Home, asked: &Enable) -> Result<(), Failure> {
    Address::parse(&asked.listen)
        .map_err(|problem| Failure::new(format!("--listen {:?} {problem}", asked.listen)))?;
    let config = home.config()?;
    let pair = Pair::of_node(home, &config)?;
    let found = NodeKey::read_if_there(&pair.key)?;
    match (Record::read(home)?, found) {
        (Some(record), _) if record.phase == Phase::Disabling => Err(Failure::new(
            "`scaller remote-signer disable` was interrupted. Give it again to finish it first",
        )),
        (Some(record), found) if record.phase == Phase::Remote => {
            already(config, &pair, found.as_ref(), &record, asked)
        }
        (Some(record), found) => proceed(home, config, &pair, found.as_ref(), record, asked),
        (None, None) => without_key(home, config, asked),
        (None, Some(key)) => {
            let record = begin(home, &config, &pair, key, asked)?;
            let key = record.key.clone();
            proceed(home, config, &pair, Some(&key), record, asked)
        }
    }
}

/// Checks everything that can be refused, then puts the key on record.
fn begin(
    home: &Home,
    config: &NodeConfig,
    pair: &Pair,
    key: NodeKey,
    asked: &Enable,
) -> Result<Record, Failure> {
    let mark = Mark::read(&pair.state)?;
    check_address(&key, asked)?;
    if config.signer()?.is_some() && asked.address.is_none() {
        check_no_decoy(home, &key, &mark, pair)?;
    }
    let bundle = asked.bundle.clone().unwrap_or_else(|| home.path(BUNDLE));
    let bundle = std::path::absolute(&bundle).unwrap_or(bundle);
    check_bundle(&bundle, &key, &mark)?;
    let record = Record {
        phase: Phase::Enabling,
        key,
        signed: mark.place,
        bundle,
    };
    record.write(home)?;
    Ok(record)
}

fn check_address(key: &NodeKey, asked: &Enable) -> Result<(), Failure> {
    match &asked.address {
        Some(address) if !address.eq_ignore_ascii_case(&key.address) => Err(Failure::new(format!(
            "the key on this node is {}, not {address}. Nothing was changed",
            key.address
        ))),
        _ => Ok(()),
    }
}

/// The node waits for a signer already and nothing is on record: the key may be the validator's,
/// left behind, or a decoy that would be imported for it.
fn check_no_decoy(home: &Home, key: &NodeKey, mark: &Mark, pair: &Pair) -> Result<(), Failure> {
    if !mark.is_zero() || is_in_genesis(home, key)? {
        return Ok(());
    }
    Err(Failure::new(format!(
        "this node waits for a remote signer already, and the key at {} has signed nothing and is \
         not in the genesis: it may be a decoy, which the node writes at each start without a key. \
         Nothing was changed. If {address} is your validator's address, say so: `scaller \
         remote-signer enable --address {address}`",
        pair.key.display(),
        address = key.address
    )))
}

fn check_bundle(bundle: &Path, key: &NodeKey, mark: &Mark) -> Result<(), Failure> {
    let there = Pair::of_bundle(bundle);
    let is_other = |file: &Path| {
        Failure::new(format!(
            "{} is there already, from another key or a later time. Nothing was changed. Move it \
             away, or name another place with --bundle",
            file.display()
        ))
    };
    if NodeKey::read_if_there(&there.key)?.is_some_and(|other| other != *key) {
        return Err(is_other(&there.key));
    }
    if Mark::read_if_there(&there.state)?.is_some_and(|other| other.place > mark.place) {
        return Err(is_other(&there.state));
    }
    Ok(())
}

/// The steps, from wherever they were interrupted.
fn proceed(
    home: &Home,
    mut config: NodeConfig,
    pair: &Pair,
    found: Option<&NodeKey>,
    mut record: Record,
    asked: &Enable,
) -> Result<(), Failure> {
    config.set_signer(&asked.listen)?;
    config.save()?;
    let bundle = Pair::of_bundle(&record.bundle);
    if found == Some(&record.key) {
        make_directories(&record.bundle, &bundle)?;
        // Only as long as the key is there is the state beside it that of the key.
        let mark = Mark::read(&pair.state)?.or_higher(Mark::at(record.signed));
        mark.write(&bundle.state)?;
        record.signed = mark.place;
        move_key(&pair.key, &bundle.key)?;
    } else if NodeKey::read_if_there(&bundle.key)?.as_ref() != Some(&record.key) {
        return Err(Failure::new(format!(
            "an interrupted `remote-signer enable` was moving key {} from {} to {}, and it is at \
             neither. Put it back to one of them, and give the command again",
            record.key.address,
            pair.key.display(),
            bundle.key.display()
        )));
    }
    record.phase = Phase::Remote;
    record.write(home)?;
    tell(&record, &bundle, asked);
    Ok(())
}

fn make_directories(root: &Path, bundle: &Pair) -> Result<(), Failure> {
    for directory in [
        root,
        files::parent(&bundle.key),
        files::parent(&bundle.state),
    ] {
        files::make_private_directory(directory)
            .map_err(|e| Failure::file("make", directory, &e))?;
    }
    Ok(())
}

/// Between two file systems an interruption can leave a whole copy of the same key there.
pub(super) fn move_key(from: &Path, to: &Path) -> Result<(), Failure> {
    if NodeKey::read_if_there(to)?
        .is_some_and(|there| NodeKey::read(from).is_ok_and(|k| k == there))
    {
        return fs::remove_file(from)
            .and_then(|()| files::sync_directory(files::parent(from)))
            .map_err(|e| Failure::file("remove", from, &e));
    }
    files::move_to(from, to).map_err(|error| {
        Failure::new(format!(
            "cannot move {} to {}: {error}. The key is still at the first. Put right what is in \
             the way, and give the command again",
            from.display(),
            to.display()
        ))
    })
}

fn already(
    mut config: NodeConfig,
    pair: &Pair,
    found: Option<&NodeKey>,
    record: &Record,
    asked: &Enable,
) -> Result<(), Failure> {
    let address = &record.key.address;
    if found == Some(&record.key) {
        return Err(Failure::new(format!(
            "the consensus key {address} was taken out and is back at {}: two places could sign. \
             Nothing was changed. Move it off this machine; the node then writes a decoy",
            pair.key.display()
        )));
    }
    config.set_signer(&asked.listen)?;
    config.save()?;
    say!(
        "The consensus key {address} is with the remote signer already; its bundle was put in {}. \
         The node waits for the signer at {}",
        record.bundle.display(),
        asked.listen
    );
    if asked
        .bundle
        .as_ref()
        .is_some_and(|bundle| *bundle != record.bundle)
    {
        say!("--bundle changes nothing any more. Move the bundle yourself");
    }
    Ok(())
}

/// Somebody has moved it away by hand.
fn without_key(home: &Home, mut config: NodeConfig, asked: &Enable) -> Result<(), Failure> {
    config.set_signer(&asked.listen)?;
    config.save()?;
    say!(
        "{} has no consensus key to take out: the signer must have it already, with what it has \
         signed. The node waits for the signer at {}",
        home.root().display(),
        asked.listen
    );
    tell_decoy();
    Ok(())
}

fn tell(record: &Record, bundle: &Pair, asked: &Enable) {
    let root = record.bundle.display();
    say!(
        "Took consensus key {} out of the node, with what it signed last ({}), to {root}",
        record.key.address,
        record.signed
    );
    say!("The node waits for its signer at {}", asked.listen);
    say!(
        "Next, with the bundle on the signer's machine:\n  tmkms softsign import {} \
         secrets/priv_validator_key.json --state {}\nThen take {root} off this machine and keep it \
         as the offline backup: `remote-signer disable` needs it",
        bundle.key.display(),
        bundle.state.display()
    );
    tell_decoy();
}

fn tell_decoy() {
    say!(
        "A priv_validator_key.json that appears on the node from now on is a decoy: sekaid writes \
         one at each start without a key. Do not import it, and do not claim a seat with it"
    );
}
