//! `scaller init`.

use std::process::ExitCode;

use serde_json::Value;

use crate::Outcome;
use crate::args::InitArgs;
use crate::failure::{Failure, say};
use crate::home::Home;
use crate::sekaid;

pub(crate) fn run(args: &InitArgs) -> Outcome {
    let home = Home::new(&args.home.home);
    std::fs::create_dir_all(home.root()).map_err(|e| Failure::file("make", home.root(), &e))?;
    let _lock = home.lock()?;
    make(&home, &args.chain_id, &args.moniker)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a node's files, or finds that they are there for this chain.
///
/// The keys of an interrupted run are kept; sekaid makes what is missing. The caller holds the
/// home's lock.
pub(crate) fn make(home: &Home, chain_id: &str, moniker: &str) -> Result<(), Failure> {
    if chain_id.is_empty() {
        return Err(Failure::new("the chain id is empty"));
    }
    if let Some(genesis) = home.genesis()? {
        return check_same(home, &genesis, chain_id, moniker);
    }
    let arguments = ["init", moniker, "--chain-id", chain_id];
    sekaid::run("make the node", &mut sekaid::command(home, &arguments))?;
    say!(
        "Made a node of chain {chain_id} named {moniker} in {}",
        home.root().display()
    );
    Ok(())
}

fn check_same(home: &Home, genesis: &Value, chain_id: &str, moniker: &str) -> Result<(), Failure> {
    let root = home.root().display();
    let found = genesis
        .get("chain_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if found != chain_id {
        return Err(Failure::new(format!(
            "{root} holds a node of chain {found} already, not of {chain_id}. Nothing was \
             changed. Choose another directory with --home, or move that one away"
        )));
    }
    say!("{root} holds a node of chain {chain_id} already: nothing was changed");
    let config = home.config()?;
    match config.text("moniker")? {
        Some(name) if name != moniker => {
            say!("Its name stays {name}: it is `moniker` in config.toml");
        }
        _ => {}
    }
    Ok(())
}
