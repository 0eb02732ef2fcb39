//! `scaller join`: a node of a network that exists.
//!
//! Everything that can be refused is refused before anything is written, and a second run after an
//! interrupted one goes on where that stopped.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use node_rpc::{Rpc, Server, text};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use toml_edit::Value;

use crate::args::{JoinArgs, KeyArgs, SIGNER_ADDRESS, StartArgs};
use crate::failure::{Failure, say};
use crate::home::Home;
use crate::restart::Policy;
use crate::rpc;
use crate::settings::{Settings, apply, pruning, read_overrides};
use crate::{Outcome, files, init, keys, remote, start};

const PATIENCE: Duration = Duration::from_secs(60);

/// The port for peers where a node does not say another.
const P2P_PORT: &str = "26656";

/// The account's name, as in the original.
const ACCOUNT: &str = "validator";

/// What the network says.
struct Network {
    chain_id: String,
    genesis: Vec<u8>,
    settings: Settings,
}

pub(crate) fn run(args: &JoinArgs) -> Outcome {
    let home = Home::new(&args.home.home);
    let overrides = match &args.config {
        Some(file) => read_overrides(file)?,
        None => Settings::new(),
    };
    let network = ask(args)?;
    fs::create_dir_all(home.root()).map_err(|e| Failure::file("make", home.root(), &e))?;
    {
        let _lock = home.lock()?;
        set_up(&home, args, &network, overrides)?;
    }
    if args.start {
        return start::run(&StartArgs {
            home: args.home.clone(),
            restart: Policy::Times(0),
        });
    }
    say!("Start the node with `scaller start`");
    Ok(ExitCode::SUCCESS)
}

fn set_up(
    home: &Home,
    args: &JoinArgs,
    network: &Network,
    overrides: Settings,
) -> Result<(), Failure> {
    check_genesis(home, network)?;
    if !args.remote_signer {
        add_account(home, args)?;
    }
    init::make(home, &network.chain_id, &args.moniker)?;
    put_genesis(home, network)?;
    let mut settings = network.settings.clone();
    settings.extend(overrides);
    apply(home, &settings)?;
    if args.remote_signer {
        let asked = remote::Enable {
            listen: SIGNER_ADDRESS.to_owned(),
            bundle: None,
            address: None,
        };
        remote::take_out(home, &asked)?;
        say!(
            "The bundle has the key that was made for this node. If your validator has another, \
             with the signer already, leave the bundle alone"
        );
    }
    Ok(())
}

/// The account key, from the mnemonic on standard input, which sekaid reads itself.
fn add_account(home: &Home, args: &JoinArgs) -> Result<(), Failure> {
    let key = KeyArgs {
        home: args.home.clone(),
        name: ACCOUNT.to_owned(),
        keyring_backend: "test".to_owned(),
    };
    if keys::exists(home, &key)? {
        say!("Key {ACCOUNT} is in the keyring already: the mnemonic is not read");
        return Ok(());
    }
    say!("Reading the mnemonic from standard input");
    keys::recover(home, &key)?;
    say!("Added key {ACCOUNT} to the keyring");
    Ok(())
}

fn ask(args: &JoinArgs) -> Result<Network, Failure> {
    let server = Server::parse(&args.rpc_node).map_err(Failure::new)?;
    let name = server.authority();
    let rpc = Rpc::new(server.clone(), PATIENCE);
    let failed =
        |error: String| Failure::new(format!("the node at {name} cannot be asked: {error}"));
    let status = rpc.call("/status").map_err(failed)?;
    let genesis = rpc::genesis(&rpc)?;
    let chain_id = chain_id(&genesis)?;
    if !args.chain_id.is_empty() && args.chain_id != chain_id {
        return Err(Failure::new(format!(
            "{name} is a node of chain {chain_id}, not of {}. Nothing was changed",
            args.chain_id
        )));
    }
    say!(
        "{name} is a node of chain {chain_id}; its genesis has SHA-256 {}. Compare that with \
         another source: a node can say what it likes",
        hex::encode(Sha256::digest(&genesis))
    );
    let mut settings = Settings::new();
    settings.insert(
        "config.p2p.seeds".to_owned(),
        seed(&server, &status)?.into(),
    );
    if args.statesync {
        settings.extend(state_sync(&rpc, &server, &status, args.snapshot_interval)?);
    }
    settings.extend(pruning(&args.prune));
    Ok(Network {
        chain_id,
        genesis,
        settings,
    })
}

fn chain_id(genesis: &[u8]) -> Result<String, Failure> {
    let parsed: Json = serde_json::from_slice(genesis)
        .map_err(|error| Failure::new(format!("the genesis is damaged: {error}")))?;
    match text(&parsed, "/chain_id") {
        "" => Err(Failure::new("the genesis names no chain")),
        id => Ok(id.to_owned()),
    }
}

/// `ID@HOST:PORT` of the node that was asked.
fn seed(server: &Server, status: &Json) -> Result<String, Failure> {
    let id = text(status, "/node_info/id");
    if id.is_empty() {
        return Err(Failure::new("the node does not say its id"));
    }
    let port = text(status, "/node_info/listen_addr")
        .rsplit_once(':')
        .map_or(P2P_PORT, |(_, port)| port);
    let peer = Server {
        host: server.host.clone(),
        port: port
            .parse()
            .map_err(|_| Failure::new(format!("the node says that its port is {port}")))?,
    };
    Ok(format!("{id}@{}", peer.authority()))
}

/// Trust begins at the last height at which the network makes snapshots.
fn state_sync(
    rpc: &Rpc,
    server: &Server,
    status: &Json,
    interval: i64,
) -> Result<Settings, Failure> {
    let height: i64 = text(status, "/sync_info/latest_block_height")
        .parse()
        .map_err(|_| Failure::new("the node does not say its height"))?;
    let trusted = match height.checked_rem(interval) {
        Some(rest) if interval > 0 && height > rest => height.saturating_sub(rest),
        _ => {
            return Err(Failure::new(format!(
                "--statesync: the chain is at height {height}, before its first snapshot at \
                 {interval}. Leave --statesync out, or give a smaller --snapshot-interval"
            )));
        }
    };
    let block = rpc
        .call(&format!("/block?height={trusted}"))
        .map_err(|error| Failure::new(format!("cannot get block {trusted}: {error}")))?;
    let hash = text(&block, "/block_id/hash");
    if hash.is_empty() {
        return Err(Failure::new(format!("block {trusted} has no hash")));
    }
    let address = format!("http://{}", server.authority());
    let named = |key: &str, value: Value| (format!("config.statesync.{key}"), value);
    Ok(Settings::from([
        named("enable", true.into()),
        // It wants two, and there is one.
        named("rpc_servers", format!("{address},{address}").into()),
        named("trust_height", trusted.into()),
        named("trust_hash", hash.into()),
    ]))
}

/// A genesis with people in it, or with blocks on it, is not replaced.
fn check_genesis(home: &Home, network: &Network) -> Result<(), Failure> {
    let Some(there) = home.genesis()? else {
        return Ok(());
    };
    let same = there == serde_json::from_slice::<Json>(&network.genesis).unwrap_or_default();
    let has = |pointer: &str| {
        there
            .pointer(pointer)
            .and_then(Json::as_array)
            .is_some_and(|all| !all.is_empty())
    };
    let is_used = home.has_begun()
        || has("/app_state/auth/accounts")
        || has("/app_state/customstaking/validators");
    if same || !is_used {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} holds another network's genesis, of chain {}, that is in use. Nothing was changed. \
         Choose another directory with --home, or move that one away",
        home.root().display(),
        text(&there, "/chain_id")
    )))
}

fn put_genesis(home: &Home, network: &Network) -> Result<(), Failure> {
    if home.has_begun() {
        return Ok(());
    }
    let file = home.genesis_file();
    files::replace(&file, &network.genesis, files::PUBLIC)
        .map_err(|e| Failure::file("write", &file, &e))?;
    say!("Wrote the genesis to {}", file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_the_nodes_own_port() {
        let server = Server::parse("10.0.0.1:26657").unwrap();
        let status =
            serde_json::json!({"node_info": {"id": "ab", "listen_addr": "tcp://0.0.0.0:7"}});
        assert_eq!(seed(&server, &status).unwrap(), "ab@10.0.0.1:7");
        let status = serde_json::json!({"node_info": {"id": "ab"}});
        assert_eq!(seed(&server, &status).unwrap(), "ab@10.0.0.1:26656");
    }
}
