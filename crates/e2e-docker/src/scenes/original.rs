//! Development and production with the commands of KIRA's own guide.

use std::fs;
use std::path::Path;

use e2e::world::VALIDATOR as VALIDATOR_ADDRESS;

use crate::guide::{Guide, Part};
use crate::machine::Machine;
use crate::original::{
    DEVELOPMENT, SIGNER, SIGNER_FILES, SIGNER_KEYS, TROUBLESHOOTING, VALIDATOR, VALIDATOR_KEYS,
    steps,
};
use crate::shell::Shell;
use crate::stage::Stage;
use crate::{Outcome, doing};

use super::checks::{self, equal};
use super::pair::Pair;
use super::{folder, key_file};

/// On one machine.
pub(super) fn development(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), stage)?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    let mut shell = machine.shell(&deploy);
    for step in steps("development", DEVELOPMENT) {
        shell.step(&step)?;
        let is_file = !deploy.join("tmkms/tmkms.toml").is_dir();
        equal("tmkms.toml is no directory", &is_file, &true)?;
    }
    for step in steps("troubleshooting", TROUBLESHOOTING) {
        shell.step(&step)?;
    }
    checks::is_private(&key_file(&deploy))?;
    checks::is_private(&deploy.join("tmkms/secrets/kms-identity.key"))?;
    let address = checks::address(&shell, &deploy.join("tmkms/secrets"))?;
    checks::signs(&shell, &address, 2)?;
    checks::is_healthy(&shell, "sekin-tmkms-1")?;
    checks::no_conflict(&shell.run("docker logs sekin-tmkms-1")?)?;
    let log = fs::read_to_string(deploy.join("logs/tmkms.log"))
        .map_err(doing("read the log that syslog-ng keeps"))?;
    checks::no_conflict(&log)?;
    is_stamped(&log)
}

/// On two, with stock WireGuard at the validator's. What the original leaves to an editor is edited here.
pub(super) fn production(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let pair = Pair::create(stage, folder.path())?;
    let guide = Guide::read(&pair.validator_kit.path("docs/guide.md"))?;
    let (here, there) = (
        pair.validator_kit.deploy(),
        pair.signer_kit.deploy().join("tmkms"),
    );
    let mut validator = pair.validator_shell();
    let mut signer = pair.signer.shell(&there);
    validator.steps(&guide.part(Part::NewNode)?)?;
    play_all(&mut validator, "validator", VALIDATOR_KEYS)?;
    play_all(&mut signer, "signer", SIGNER_KEYS)?;
    edit_tunnel(&here, &there)?;
    carry_key(&here, pair.signer.home())?;
    play_all(&mut validator, "validator", VALIDATOR)?;
    validator.run("docker exec sekin-sekai-1 /scaller start")?;
    play_all(&mut signer, "signer", SIGNER_FILES)?;
    edit_signer(&there.join("tmkms.toml"))?;
    play_all(&mut signer, "signer", SIGNER)?;
    let address = checks::address(&signer, &there.join("secrets"))?;
    checks::signs(&validator, &address, 2)?;
    checks::no_conflict(&signer.run("docker logs sekin-signer-tmkms-1")?)
}

fn play_all(shell: &mut Shell<'_>, part: &str, commands: &[&str]) -> Outcome {
    steps(part, commands)
        .iter()
        .try_for_each(|step| shell.step(step).map(drop))
}

/// Puts the keys and the validator's address into both ends.
fn edit_tunnel(validator: &Path, signer: &Path) -> Outcome {
    let key = |folder: &Path, name: &str| {
        let text = fs::read_to_string(folder.join(name)).map_err(doing("read a key"))?;
        Ok::<_, String>(text.trim().to_owned())
    };
    let values = [
        (
            "<VALIDATOR_PRIVATE_KEY>",
            key(validator, "validator_private.key")?,
        ),
        (
            "<VALIDATOR_PUBLIC_KEY>",
            key(validator, "validator_public.key")?,
        ),
        ("<SIGNER_PRIVATE_KEY>", key(signer, "signer_private.key")?),
        ("<SIGNER_PUBLIC_KEY>", key(signer, "signer_public.key")?),
        ("<VALIDATOR_PUBLIC_IP>", VALIDATOR_ADDRESS.to_string()),
    ];
    edit(
        &validator.join("tmkms/wireguard/validator/wg0.conf"),
        &values,
    )?;
    edit(&signer.join("wireguard/signer/wg0.conf"), &values)
}

/// The key as the node has it, on the signer's machine.
fn carry_key(validator: &Path, home: &Path) -> Outcome {
    let to = home.join("original");
    let carry = || {
        fs::create_dir(&to)?;
        let name = "priv_validator_key.json";
        fs::copy(validator.join("sekai/config").join(name), to.join(name))
    };
    carry().map(drop).map_err(doing("carry the key"))
}

/// The validator's address inside the tunnel, and the tunnel, which is the signer's own here.
fn edit_signer(file: &Path) -> Outcome {
    let values = [
        (
            "addr = \"tcp://sekai.local:26659\"",
            "addr = \"tcp://10.200.0.1:26659\"",
        ),
        ("# [wireguard]", "[wireguard]"),
        ("# config = \"wireguard", "config = \"wireguard"),
    ];
    edit(file, &values.map(|(text, value)| (text, value.to_owned())))
}

fn edit(file: &Path, values: &[(&str, String)]) -> Outcome {
    let text = fs::read_to_string(file).map_err(doing(&format!("read {}", file.display())))?;
    let edited = values
        .iter()
        .fold(text, |text, (name, value)| text.replace(name, value));
    fs::write(file, edited).map_err(doing(&format!("write {}", file.display())))
}

/// Every line of a log begins with a time, zone and all.
fn is_stamped(log: &str) -> Outcome {
    let is_time = |line: &str| {
        let time = line.split(' ').next().unwrap_or_default().as_bytes();
        time.len() >= 25 && time.get(4) == Some(&b'-') && time.get(10) == Some(&b'T')
    };
    match log.lines().find(|line| !is_time(line)) {
        Some(line) => Err(format!("a line without its time: {line}")),
        None => Ok(()),
    }
}
