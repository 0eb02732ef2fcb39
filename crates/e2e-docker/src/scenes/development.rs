//! The development chapter of the guide and its way to see what is wrong, then everything that can
//! stop is stopped, and the logs are rotated.

use std::fs;
use std::path::Path;

use crate::guide::{Guide, Part};
use crate::machine::Machine;
use crate::shell::Shell;
use crate::stage::Stage;
use crate::{Outcome, doing};

use super::checks::{self, equal};
use super::rotation;
use super::{folder, key_file};

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let mut machine = Machine::create("dev", folder.path(), stage)?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    let guide = Guide::read(&kit.path("docs/guide.md"))?;
    let mut shell = machine.shell(&deploy);
    for part in [Part::Development, Part::WhereTheNodeIs] {
        shell.steps(&guide.part(part)?)?;
    }
    checks::is_small(&shell)?;
    checks::is_private(&key_file(&deploy))?;
    let address = checks::address(&shell, &deploy.join("tmkms/secrets"))?;
    checks::signs(&shell, &address, 2)?;
    checks::answers(&shell, "127.0.0.1", true)?;
    the_example_says_the_same(&mut shell, &guide, &deploy)?;
    day_by_day(&mut shell, &guide, &address)?;
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
    let log = fs::read_to_string(deploy.join("logs/tmkms.log"));
    checks::no_conflict(&log.map_err(doing("read the log that syslog-ng keeps"))?)?;
    rotation::play(&shell, &deploy.join("logs"))
}

/// The other way to the configuration.
fn the_example_says_the_same(shell: &mut Shell<'_>, guide: &Guide, deploy: &Path) -> Outcome {
    let file = deploy.join("tmkms/tmkms.toml");
    let read = || fs::read_to_string(&file).map_err(doing("read tmkms.toml"));
    let made = read()?;
    shell.step(guide.mention("cp tmkms/tmkms.toml.example tmkms/tmkms.toml")?)?;
    equal(
        "tmkms.toml without comments",
        &settings(&read()?),
        &settings(&made),
    )
}

fn settings(text: &str) -> Vec<&str> {
    let is_setting = |line: &&str| !line.is_empty() && !line.starts_with('#');
    text.lines().filter(is_setting).collect()
}

fn day_by_day(shell: &mut Shell<'_>, guide: &Guide, address: &str) -> Outcome {
    shell.step(guide.mention("docker exec sekin-sekai-1 /scaller stop")?)?;
    shell.fails("docker exec sekin-sekai-1 pgrep --full '/sekaid start'")?;
    shell.step(guide.mention("docker exec sekin-sekai-1 /scaller start")?)?;
    checks::signs(shell, address, 1)?;
    let state = "docker exec sekin-tmkms-1 tmkms state show -c /tmkms/tmkms.toml";
    shell.step(guide.mention(state)?)?;
    shell
        .step(guide.mention("docker logs sekin-tmkms-1")?)
        .map(drop)
}
