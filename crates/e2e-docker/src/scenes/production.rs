//! The production chapter of the guide on two machines, then everything that can fail fails.

use std::time::Duration;

use e2e::wait::pause;

use crate::Outcome;
use crate::document::{self, Step};

use super::checks;
use super::pair::Pair;
use super::{Stage, folder};

/// How long nothing gets through.
const OUTAGE: Duration = Duration::from_secs(20);

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let mut pair = Pair::create(stage, folder.path())?;
    follow_the_guide(&pair)?;
    let secrets = pair.signer_kit.deploy().join("tmkms/secrets");
    let address = checks::address(&pair.signer_shell(), &secrets)?;
    checks::signs(&pair.validator_shell(), &address, 3)?;
    is_closed(&pair)?;
    let mut log = restarts(&pair, &address)?;
    log += &wipes(&pair, &address)?;
    log += &downs(&pair, &address)?;
    log += &power_cuts(&mut pair, &address)?;
    checks::no_conflict(&log)
}

fn follow_the_guide(pair: &Pair) -> Outcome {
    let steps = document::steps(&pair.validator_kit.path("docs/guide.md"))?;
    let mut validator = pair.validator_shell();
    let of_validator = |step: &&Step| {
        let has = |part: &str| {
            step.headings
                .iter()
                .any(|heading| heading.starts_with(part))
        };
        has("Development") && (has("1.") || has("2.") || has("3."))
            || has("On the validator's machine")
    };
    for step in steps.iter().filter(of_validator) {
        validator.step(step)?;
    }
    let mut signer = pair.signer_shell();
    let wanted = ["On the signer's machine", "Where the signer is alone"];
    let is_signers = |step: &&Step| {
        let mut headings = step.headings.iter();
        headings.any(|heading| wanted.contains(&heading.as_str()))
    };
    for step in steps.iter().filter(is_signers) {
        signer.step(step)?;
    }
    Ok(())
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
    checks::equal("ports of the signer", &published.trim(), &"")
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
