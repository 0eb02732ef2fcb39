//! The development chapter of the guide and its way to see what is wrong, then everything that can stop is stopped.

use crate::Outcome;
use crate::document;
use crate::machine::Machine;

use super::checks;
use super::{Stage, folder, key_file};

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let mut machine = Machine::create("dev", folder.path(), &stage.parts, stage.is_verbose)?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    let steps = document::steps(&kit.path("docs/guide.md"))?;
    let mut shell = machine.shell(&deploy);
    for step in steps.iter().filter(|step| is_development(&step.headings)) {
        shell.step(step)?;
    }
    checks::is_private(&key_file(&deploy))?;
    let address = checks::address(&shell, &deploy.join("tmkms/secrets"))?;
    checks::signs(&shell, &address, 2)?;
    for service in ["tmkms", "sekai", "syslog-ng", "tmkms"] {
        shell.run(&format!(
            "docker compose -f dev-compose.yml restart {service}"
        ))?;
        checks::signs(&shell, &address, 1)?;
    }
    shell.run("docker compose -f dev-compose.yml down")?;
    shell.run("docker compose -f dev-compose.yml up -d")?;
    checks::signs(&shell, &address, 1)?;
    drop(shell);
    machine.daemon.cut_power();
    machine.daemon.boot()?;
    let shell = machine.shell(&deploy);
    checks::signs(&shell, &address, 1)?;
    checks::is_healthy(&shell, "sekin-tmkms-1")?;
    let log = std::fs::read_to_string(deploy.join("logs/tmkms.log"));
    checks::no_conflict(&log.map_err(crate::doing("read the log that syslog-ng keeps"))?)
}

fn is_development(headings: &[String]) -> bool {
    let wanted = ["Development", "Where the node is"];
    headings
        .iter()
        .any(|heading| wanted.contains(&heading.as_str()))
}
