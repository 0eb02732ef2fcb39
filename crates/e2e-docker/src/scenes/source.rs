//! The images are compiled in their containers, as on a machine that has no binaries.

use std::time::Duration;

use crate::compilers;
use crate::machine::Machine;
use crate::stage::Stage;
use crate::{Outcome, doing};

use super::checks::{self, equal};
use super::folder;

/// How long the node or the signer may compile on two cores that are busy.
const PATIENCE: Duration = Duration::from_secs(3600);

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), stage)?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    for binary in ["tmkms", "scaller", "sekaid"] {
        let file = deploy.join("prebuilt").join(binary);
        std::fs::remove_file(file).map_err(doing("remove a binary"))?;
    }
    let work = folder.path().join("compilers");
    compilers::make(&stage.parts, &machine.daemon, &kit.path(""), &work)?;
    let shell = machine.shell(&deploy);
    for service in ["tmkms", "sekai"] {
        let start = std::time::Instant::now();
        shell.run_within(
            &format!("TMKMS=source SEKAI=source docker compose -f dev-compose.yml build {service}"),
            PATIENCE,
        )?;
        println!("    {service}: {} s", start.elapsed().as_secs());
    }
    let version = shell.run("docker run --rm sekin-sekai /sekaid version")?;
    equal("the node's version", &version.trim(), &"v0.4.13")?;
    checks::is_small(&shell)?;
    // The signer and scaller are those that were compiled: nothing else is there to be built from.
    shell.run("TMKMS=source SEKAI=source ./setup dev")?;
    let address = checks::address(&shell, &deploy.join("tmkms/secrets"))?;
    checks::signs(&shell, &address, 2).map(drop)
}
