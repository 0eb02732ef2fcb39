//! The images are compiled in their containers, as on a machine that has no binaries.

use std::fs;
use std::time::{Duration, Instant};

use crate::compilers;
use crate::machine::Machine;
use crate::shell::Shell;
use crate::stage::Stage;
use crate::{Outcome, doing};

use super::checks::{self, equal};
use super::{folder, key_file};

/// How long the node or the signer may compile where others compile as well.
const PATIENCE: Duration = Duration::from_secs(3600);
/// For what is typed here: in place of the binaries that other scenes have.
const SOURCE: &str = "TMKMS=source SEKAI=source";

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), stage)?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    for binary in ["tmkms", "scaller", "sekaid"] {
        let file = deploy.join("prebuilt").join(binary);
        fs::remove_file(file).map_err(doing("remove a binary"))?;
    }
    timed("the compilers", || {
        compilers::import(&machine.daemon, &kit, machine.home())
    })?;
    let shell = machine.shell(&deploy);
    for service in ["tmkms", "sekai"] {
        let build = format!("{SOURCE} docker compose -f dev-compose.yml build {service}");
        timed(&build, || shell.run_within(&build, PATIENCE).map(drop))?;
    }
    checks::is_small(&shell)?;
    is_pinned(&shell)?;
    // It builds them as well, and takes what is there: nothing that they are made of has changed.
    let setup = format!("{SOURCE} ./setup dev");
    timed(&setup, || shell.run(&setup).map(drop))?;
    let address = checks::address(&shell, &deploy.join("tmkms/secrets"))?;
    checks::signs(&shell, &address, 2)?;
    checks::is_private(&key_file(&deploy))?;
    checks::no_conflict(&shell.run("cat logs/tmkms.log*")?)
}

/// scaller and sekaid run; the node is of the module that is pinned.
fn is_pinned(shell: &Shell<'_>) -> Outcome {
    let said = shell.run("docker run --rm sekin-sekai /scaller version")?;
    equal(
        "what scaller tells of sekaid",
        &said.lines().nth(1),
        &Some("sekaid version: v0.4.13"),
    )?;
    // That is what the build was told; the module itself is written into the program too.
    let said = shell.run(
        "docker create --name sekaid sekin-sekai && docker cp sekaid:/sekaid ~/sekaid && \
         docker rm sekaid && go version -m ~/sekaid",
    )?;
    let module = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("mod\t"));
    let found: Vec<&str> = module.unwrap_or_default().split('\t').take(2).collect();
    let pinned = vec!["github.com/KiraCore/sekai", "v0.4.13"];
    equal("the node's module", &found, &pinned)
}

fn timed(what: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    println!("    {what}");
    let start = Instant::now();
    work()?;
    println!("    it took {} s", start.elapsed().as_secs());
    Ok(())
}
