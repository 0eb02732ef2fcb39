//! `scaller remote-signer`: hands the consensus key over to a remote signer, and takes it back.
//!
//! Invariants, also after a crash between any two steps:
//! - The node signs by itself only with the key in its place, `priv_validator_laddr` empty, and a
//!   state that is not below what was signed. `enable` makes the address its first step and the
//!   key the last; `disable` the state its first, then the key, and the address its last.
//! - The key is at one place. It is moved, and never put where something else is.
//! - A mark is never lowered: of all marks that are known of, the highest counts.
//! - An interrupted command is finished by giving it again; `start` refuses until then.
//!
//! A node without its key file writes a new one at each start, and with it a state at height 0.
//! That key is a decoy: no validator, in use by nothing. It is told apart by its address, which is
//! why the address of the key that was taken out is on record.

mod disable;
mod enable;
mod key;
mod mark;
mod record;

use std::path::PathBuf;

use serde_json::Value;

use crate::failure::{Failure, say};
use crate::home::Home;
use crate::node_config::NodeConfig;

pub(crate) use self::disable::{Disable, run as disable};
pub(crate) use self::enable::{Enable, take_out};
pub(crate) use self::key::NodeKey;
use self::record::{Phase, Record};

/// Where in the node's home the bundle goes unless another place is named.
const BUNDLE: &str = "signer-bundle";

/// The two files that belong together, at their places below the node's home or a bundle.
#[derive(Debug)]
struct Pair {
    key: PathBuf,
    state: PathBuf,
}

impl Pair {
    /// Where the node has them.
    fn of_node(home: &Home, config: &NodeConfig) -> Result<Self, Failure> {
        let at = |name: &str, default: &str| -> Result<PathBuf, Failure> {
            Ok(home.path(config.text(name)?.unwrap_or(default)))
        };
        Ok(Self {
            key: at("priv_validator_key_file", "config/priv_validator_key.json")?,
            state: at(
                "priv_validator_state_file",
                "data/priv_validator_state.json",
            )?,
        })
    }

    /// Where a bundle has them: laid out as a node's home, so that `tmkms softsign import` finds
    /// the state also if it is not named.
    fn of_bundle(bundle: &std::path::Path) -> Self {
        Self {
            key: bundle.join("config/priv_validator_key.json"),
            state: bundle.join("data/priv_validator_state.json"),
        }
    }
}

/// The consensus key that a signer has, for the genesis; `None` if the node signs by itself.
pub(crate) fn remote_key(home: &Home) -> Result<Option<NodeKey>, Failure> {
    Ok(Record::read(home)?.map(|record| record.key))
}

/// Before a start: refuses what would sign wrongly or not at all, and says what is dangerous.
pub(crate) fn check(home: &Home) -> Result<(), Failure> {
    let config = home.config()?;
    let is_remote = config.signer()?.is_some();
    let pair = Pair::of_node(home, &config)?;
    let found = NodeKey::read_if_there(&pair.key)?;
    let Some(record) = Record::read(home)? else {
        if is_remote {
            warn_of_key_on_node(home, &pair, found.as_ref())?;
        }
        return Ok(());
    };
    match record.phase {
        Phase::Enabling => return Err(interrupted("enable")),
        Phase::Disabling => return Err(interrupted("disable")),
        Phase::Remote => {}
    }
    let address = &record.key.address;
    if !is_remote {
        return Err(Failure::new(format!(
            "the consensus key {address} is with a remote signer, but priv_validator_laddr in {} \
             is empty: this node would sign with another key, or again what was signed. Set it \
             with `scaller remote-signer enable`, or take the key back with `scaller \
             remote-signer disable`",
            home.config_file().display()
        )));
    }
    if found.is_some_and(|key| key.address == *address) {
        say!(
            "warning: the consensus key {address} is at {} again, and with the remote signer too. \
             Move it off this machine: without priv_validator_laddr this node would sign with it, \
             from a state that knows nothing",
            pair.key.display()
        );
    } else {
        say!(
            "scaller: the consensus key {address} is with the remote signer; {} is a decoy, which \
             sekaid writes at a start without a key",
            pair.key.display()
        );
    }
    Ok(())
}

fn interrupted(command: &str) -> Failure {
    Failure::new(format!(
        "`scaller remote-signer {command}` was interrupted. Give it again to finish it, then start"
    ))
}

/// The guide's steps by hand leave the key where it was.
fn warn_of_key_on_node(home: &Home, pair: &Pair, found: Option<&NodeKey>) -> Result<(), Failure> {
    let Some(key) = found else { return Ok(()) };
    let has_signed = mark::Mark::read_if_there(&pair.state)?.is_some_and(|mark| !mark.is_zero());
    if !has_signed && !is_in_genesis(home, key)? {
        return Ok(());
    }
    say!(
        "warning: this node waits for a remote signer, and key {} at {} is a validator's. If the \
         signer has it too, take it off the node: `scaller remote-signer enable` does that",
        key.address,
        pair.key.display()
    );
    Ok(())
}

/// Whether the key is a validator's from the chain's first block on.
fn is_in_genesis(home: &Home, key: &NodeKey) -> Result<bool, Failure> {
    let Some(genesis) = home.genesis()? else {
        return Ok(false);
    };
    let validators = genesis
        .pointer("/app_state/customstaking/validators")
        .and_then(Value::as_array);
    let public = Some(key.pub_key.value.as_str());
    Ok(validators.is_some_and(|all| {
        all.iter()
            .any(|one| one.pointer("/pub_key/key").and_then(Value::as_str) == public)
    }))
}
