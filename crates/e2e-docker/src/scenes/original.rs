//! Development with the commands of KIRA's own guide.

use crate::machine::Machine;
use crate::original::{DEVELOPMENT, TROUBLESHOOTING, steps};
use crate::{Outcome, doing};

use super::checks::{self, equal};
use super::{Stage, folder, key_file};

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), &stage.parts, stage.is_verbose)?;
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
    let log = std::fs::read_to_string(deploy.join("logs/tmkms.log"))
        .map_err(doing("read the log that syslog-ng keeps"))?;
    checks::no_conflict(&log)?;
    is_stamped(&log)
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
