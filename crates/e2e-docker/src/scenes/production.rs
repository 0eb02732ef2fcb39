//! The production chapter of the guide on two machines, then everything that can fail fails.

use std::time::Duration;

use e2e::wait::{pause, until};
use e2e::world::VALIDATOR;

use crate::Outcome;
use crate::guide::{Guide, Part};
use crate::stage::Stage;

use super::checks;
use super::folder;
use super::pair::Pair;

/// How long nothing gets through.
const OUTAGE: Duration = Duration::from_secs(20);
/// How long the signer is stopped: the node goes on waiting after its own 3 s.
const PAUSE: Duration = Duration::from_secs(8);
/// How long a container may take to say why it does not start.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let mut pair = Pair::create(stage, folder.path())?;
    let guide = Guide::read(&pair.validator_kit.path("docs/guide.md"))?;
    follow_the_guide(&pair, &guide)?;
    let secrets = pair.signer_kit.deploy().join("tmkms/secrets");
    let address = checks::address(&pair.signer_shell(), &secrets)?;
    checks::signs(&pair.validator_shell(), &address, 3)?;
    is_closed(&pair)?;
    let mut log = restarts(&pair, &address)?;
    log += &wipes(&pair, &address)?;
    log += &downs(&pair, &address)?;
    log += &old_state(&pair, &address)?;
    log += &power_cuts(&mut pair, &address)?;
    checks::no_conflict(&log)
}

fn follow_the_guide(pair: &Pair, guide: &Guide) -> Outcome {
    let mut validator = pair.validator_shell();
    validator.steps(&guide.part(Part::NewNode)?)?;
    validator.steps(&guide.part(Part::Validator)?)?;
    let mut signer = pair.signer_shell();
    signer.steps(&guide.part(Part::Signer)?)?;
    validator.steps(&guide.part(Part::Later)?)?;
    // Typed in deploy/tmkms, like all of the signer's.
    signer.steps(&guide.part(Part::WhereTheSignerIsAlone)?)?;
    let stop = "docker compose -f signer-compose.yml stop tmkms";
    signer.step(guide.mention(stop)?)?;
    pause(PAUSE)?;
    signer
        .run("docker compose -f signer-compose.yml up -d")
        .map(drop)
}

/// Neither machine has a port for 26659, and the signer's has none at all.
fn is_closed(pair: &Pair) -> Outcome {
    let published = pair
        .validator
        .daemon
        .docker(&["ps", "--format", "{{.Ports}}"])?;
    checks::equal("26659 is published", &published.contains("26659"), &false)?;
    let published = pair
        .signer
        .daemon
        .docker(&["ps", "--format", "{{.Ports}}"])?;
    checks::equal("ports of the signer", &published.trim(), &"")?;
    // Published on the machine alone.
    checks::answers(&pair.validator_shell(), "127.0.0.1", true)?;
    checks::answers(&pair.signer_shell(), &VALIDATOR.to_string(), false)
}

/// Each container in turn.
fn restarts(pair: &Pair, address: &str) -> Outcome<String> {
    let (validator, signer) = (pair.validator_shell(), pair.signer_shell());
    for service in ["gateway", "sekai", "syslog-ng"] {
        println!("    {service} is restarted");
        validator.run(&format!(
            "docker compose --profile remote-signer restart {service}"
        ))?;
        checks::signs(&validator, address, 2)?;
    }
    println!("    the signer is restarted");
    signer.run("docker compose -f tmkms/signer-compose.yml restart tmkms")?;
    checks::signs(&validator, address, 2)?;
    Ok(String::new())
}

/// The gateway is gone for a while, then the path.
fn wipes(pair: &Pair, address: &str) -> Outcome<String> {
    let validator = pair.validator_shell();
    println!("    the gateway is removed, and made anew");
    validator.run("docker compose --profile remote-signer rm --stop --force gateway")?;
    pause(Duration::from_secs(5))?;
    validator.run("docker compose --profile remote-signer up -d")?;
    checks::signs(&validator, address, 2)?;
    println!("    nothing gets through for {} s", OUTAGE.as_secs());
    pair.internet.ip("link set signer down")?;
    pause(OUTAGE)?;
    pair.internet.ip("link set signer up")?;
    checks::signs(&validator, address, 2)?;
    Ok(String::new())
}

/// Each side is taken down, and up again. The log of a container goes with it.
fn downs(pair: &Pair, address: &str) -> Outcome<String> {
    let (validator, signer) = (pair.validator_shell(), pair.signer_shell());
    println!("    the validator's side is taken down, and up");
    validator.run("docker compose --profile remote-signer down")?;
    validator.run("docker compose --profile remote-signer up -d")?;
    checks::signs(&validator, address, 2)?;
    println!("    the signer's side is taken down, and up");
    let log = signer_log(pair)?;
    signer.run("docker compose -f tmkms/signer-compose.yml down")?;
    signer.run("docker compose -f tmkms/signer-compose.yml up -d")?;
    checks::signs(&validator, address, 2)?;
    Ok(log)
}

/// An older state is put back while the signer is down: a container that was made anew knows what
/// the one before it has signed. The newest state goes on.
fn old_state(pair: &Pair, address: &str) -> Outcome<String> {
    println!("    an older state is put back");
    let (validator, signer) = (pair.validator_shell(), pair.signer_shell());
    let compose = "docker compose -f tmkms/signer-compose.yml";
    signer.run("cp -a tmkms/state old-state")?;
    checks::signs(&validator, address, 1)?;
    let log = signer_log(pair)?;
    signer.run(&format!("{compose} down"))?;
    signer.run("mv tmkms/state new-state && mv old-state tmkms/state")?;
    signer.run(&format!("{compose} up -d"))?;
    let refusal = "is old: it ends at";
    until("the signer refuses the old state", PATIENCE, || {
        let log = signer.run("docker logs sekin-signer-tmkms-1").ok()?;
        log.contains(refusal).then_some(())
    })?;
    signer.run(&format!("{compose} down"))?;
    signer.run("rm -r tmkms/state && mv new-state tmkms/state")?;
    signer.run(&format!("{compose} up -d"))?;
    checks::signs(&validator, address, 2)?;
    Ok(log)
}

/// Each machine loses its power.
fn power_cuts(pair: &mut Pair, address: &str) -> Outcome<String> {
    println!("    the validator's machine loses its power");
    pair.validator.daemon.cut_power();
    pair.validator.daemon.boot()?;
    checks::signs(&pair.validator_shell(), address, 2)?;
    println!("    the signer's machine loses its power");
    pair.signer.daemon.cut_power();
    pair.signer.daemon.boot()?;
    checks::signs(&pair.validator_shell(), address, 2)?;
    signer_log(pair)
}

fn signer_log(pair: &Pair) -> Outcome<String> {
    pair.signer_shell().run("docker logs sekin-signer-tmkms-1")
}
