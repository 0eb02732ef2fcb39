//! `scaller add-genesis-account` and `scaller gentx-claim`: who is in the genesis.

use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::args::{AccountArgs, ClaimArgs, KeyArgs};
use crate::failure::{Failure, say};
use crate::home::Home;
use crate::{remote, sekaid};

pub(crate) fn add_account(args: &AccountArgs) -> Outcome {
    let home = Home::new(&args.key.home.home);
    let _lock = home.lock()?;
    check_before_begin(&home)?;
    let KeyArgs { name, .. } = &args.key;
    let mut command = command(
        &home,
        &["add-genesis-account", name, &args.coins],
        &args.key,
    );
    let output = sekaid::output(&mut command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        say!("Gave {} to account {name} in the genesis", args.coins);
    } else if said.contains("cannot add account at existing address") {
        say!("Account {name} is in the genesis already: nothing was changed");
    } else {
        return Err(sekaid::failed("add the account", &output));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn claim(args: &ClaimArgs) -> Outcome {
    let home = Home::new(&args.key.home.home);
    let _lock = home.lock()?;
    let genesis = check_before_begin(&home)?;
    if let Some(validator) = validator(&genesis) {
        say!("The genesis has its validator {validator} already: nothing was changed");
        return Ok(ExitCode::SUCCESS);
    }
    let mut arguments = vec!["gentx-claim", &args.key.name, "--moniker", &args.moniker];
    // Without it sekaid would take the decoy in the place of a key that a signer has.
    let remote = remote::remote_key(&home)?.and_then(|key| key.sdk_json());
    arguments.extend(remote.iter().flat_map(|key| ["--pubkey", key]));
    let mut command = command(&home, &arguments, &args.key);
    sekaid::run("claim the validator's seat", &mut command)?;
    say!(
        "The genesis has this node's consensus key as its validator {}",
        args.moniker
    );
    Ok(ExitCode::SUCCESS)
}

fn command(home: &Home, arguments: &[&str], key: &KeyArgs) -> Command {
    let backend = ["--keyring-backend", &key.keyring_backend];
    let mut command = sekaid::command(home, &[arguments, &backend].concat());
    // The keyring may ask for its password.
    command.stdin(Stdio::inherit());
    command
}

/// The genesis of a chain that has not begun.
fn check_before_begin(home: &Home) -> Result<Value, Failure> {
    let genesis = home.made_genesis()?;
    if home.has_begun() {
        return Err(Failure::new(format!(
            "the chain in {} has begun: its genesis cannot change any more",
            home.root().display()
        )));
    }
    Ok(genesis)
}

/// The first validator of the genesis.
fn validator(genesis: &Value) -> Option<&str> {
    genesis
        .pointer("/app_state/customstaking/validators/0/val_key")?
        .as_str()
}
