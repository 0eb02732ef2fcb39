//! `deploy/setup` on one machine and on two: from nothing, again, and after an interruption.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use e2e::world::{SIGNER, VALIDATOR};
use serde_json::Value;

use crate::guide::{Guide, Part};
use crate::machine::Machine;
use crate::shell::Shell;
use crate::stage::Stage;
use crate::{Outcome, chain, doing};

use super::checks::{self, equal};
use super::folder;
use super::pair::Pair;

/// What `setup dev` says when it begins with a step: it is ended there, then begun anew.
const MOMENTS: [&str; 6] = [
    "the containers of the node",
    "a chain of your own",
    "the configuration of the signer",
    "sekaid is stopped",
    "the key goes to the signer",
    "sekaid starts",
];

/// On one machine. The manual steps, in another clone, leave the same files.
pub(super) fn development(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), stage)?;
    let by_hand = machine.clone_kit("by-hand")?;
    let mut shell = machine.shell(&by_hand.deploy());
    let guide = Guide::read(&by_hand.path("docs/guide.md"))?;
    shell.steps(&guide.part(Part::Development)?)?;
    machine.tidy()?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    let shell = machine.shell(&deploy);
    for step in MOMENTS {
        shell.interrupted("./setup dev", &format!("== {step}"))?;
    }
    println!("    ./setup dev");
    shell.run("./setup dev")?;
    let address = checks::address(&shell, &deploy.join("tmkms/secrets"))?;
    checks::signs(&shell, &address, 2)?;
    let wanted: Vec<String> = files(&by_hand.deploy().join("tmkms"))?
        .into_keys()
        .collect();
    let found = files(&deploy.join("tmkms"))?;
    equal(
        "files of setup and by hand",
        &found.keys().cloned().collect(),
        &wanted,
    )?;
    println!("    ./setup dev again");
    shell.run("./setup dev")?;
    let again = files(&deploy.join("tmkms"))?;
    let is_kept = |(name, content): (&String, &Vec<u8>)| {
        name.starts_with("state/") || again.get(name) == Some(content)
    };
    equal(
        "keys and configuration are kept",
        &found.iter().all(is_kept),
        &true,
    )?;
    checks::signs(&shell, &address, 2)?;
    checks::no_conflict(&shell.run("cat logs/tmkms.log*")?)
}

/// On two machines.
pub(super) fn production(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let pair = Pair::create(stage, folder.path())?;
    let (validator, signer) = (pair.validator_shell(), pair.signer_shell());
    for round in ["", " again"] {
        println!("    ./setup validator, ./setup signer{round}");
        validator.run("./setup validator --endpoint 203.0.113.2 --new-chain")?;
        validator.run("scp -pr to-signer signer.example.com:")?;
        signer.run("./setup signer ~/to-signer")?;
        let secrets = pair.signer_kit.deploy().join("tmkms/secrets");
        let address = checks::address(&signer, &secrets)?;
        checks::signs(&validator, &address, 2)?;
    }
    checks::no_conflict(&signer.run("docker logs sekin-signer-tmkms-1")?)?;
    joining(&pair)
}

/// Another operator joins that chain, on the signer's machine, which has room for a node: by hand, then
/// by `setup`. The node waits for a signer of its own.
fn joining(pair: &Pair) -> Outcome {
    let validator = pair.validator_shell();
    validator.run("RPC_PUBLISH=0.0.0.0 docker compose --profile remote-signer up -d")?;
    chain::grows(&validator, 1)?;
    let wanted = genesis(&validator)?;
    let kit = pair.signer.clone_kit("joining")?;
    let guide = Guide::read(&kit.path("docs/guide.md"))?;
    let mut shell = pair.signer.shell(&kit.deploy());
    shell = shell.replacing("203.0.113.5", &VALIDATOR.to_string());
    println!("    a node joins");
    shell.run("docker compose build && docker compose up -d")?;
    shell.steps(&guide.part(Part::Joining)?)?;
    equal(
        "the genesis is the same",
        &(genesis(&shell)? == wanted),
        &true,
    )?;
    shell.run("docker compose down && rm -r sekai")?;
    println!("    ./setup validator --rpc-node");
    shell.run(&format!(
        "./setup validator --endpoint {SIGNER} --rpc-node {VALIDATOR}:26657"
    ))?;
    equal(
        "the genesis is the same",
        &(genesis(&shell)? == wanted),
        &true,
    )?;
    let handed = "cat to-signer/chain-id && test -s to-signer/wg0.conf && \
                  test -s to-signer/config/priv_validator_key.json";
    equal("the chain's id", &shell.run(handed)?.trim(), &"testnet-1")?;
    shell
        .fails("docker exec sekin-sekai-1 test -e /sekai/signer-bundle")
        .map(drop)
}

/// The node's genesis: what it says, however it is spaced.
fn genesis(shell: &Shell<'_>) -> Outcome<Value> {
    let text = shell.run("docker exec sekin-sekai-1 cat /sekai/config/genesis.json")?;
    serde_json::from_str(&text).map_err(doing("read the genesis"))
}

/// What is below a folder.
fn files(folder: &Path) -> Outcome<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    collect(folder, folder, &mut found).map_err(doing("read the files of the kit"))?;
    Ok(found)
}

fn collect(
    root: &Path,
    folder: &Path,
    found: &mut BTreeMap<String, Vec<u8>>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.strip_prefix(root).unwrap_or(&path);
        let kind = path.symlink_metadata()?;
        if kind.is_dir() {
            collect(root, &path, found)?;
        } else if kind.is_file() {
            found.insert(name.to_string_lossy().into_owned(), fs::read(&path)?);
        }
    }
    Ok(())
}
