//! `deploy/setup` on one machine and on two: from nothing, again, and after an interruption.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::document;
use crate::machine::Machine;
use crate::{Outcome, doing};

use super::checks::{self, equal};
use super::pair::Pair;
use super::{Stage, folder};

/// On one machine. The manual steps, in another clone, leave the same files.
pub(super) fn development(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), &stage.parts, stage.is_verbose)?;
    let by_hand = machine.clone_kit("by-hand")?;
    let mut shell = machine.shell(&by_hand.deploy());
    for step in document::steps(&by_hand.path("docs/guide.md"))? {
        if step.headings.iter().any(|heading| heading == "Development") {
            shell.step(&step)?;
        }
    }
    machine.tidy()?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    let shell = machine.shell(&deploy);
    println!("    ./setup dev is interrupted");
    shell.fails("timeout --signal=INT 12 ./setup dev")?;
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
    checks::no_conflict(&signer.run("docker logs sekin-signer-tmkms-1")?)
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
