//! What people get wrong, and what is in the way on their machines: it is said, and nothing is lost.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::wait::until;

use crate::guide::Guide;
use crate::machine::Machine;
use crate::shell::Shell;
use crate::stage::Stage;
use crate::{Outcome, chain, doing};

use super::checks::{self, equal};
use super::{folder, key_file};

/// How long a line of a log may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), stage)?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    let guide = Guide::read(&kit.path("docs/guide.md"))?;
    let mut shell = machine.shell(&deploy);
    says(&shell, "./setup nope", "there is no `nope`")?;
    says(&shell, "./setup dev --nope", "there is no option --nope")?;
    says(&shell, "./setup validator", "give --endpoint HOST")?;
    says(&shell, "./setup signer nowhere", "nowhere is no directory")?;
    says(
        &shell,
        "DOCKER_HOST=unix:///nowhere ./setup dev",
        "Docker does not answer",
    )?;
    without_a_file(&shell)?;
    without_configuration(&shell)?;
    without_the_node(&mut shell, &guide)?;
    programs(&machine, &shell)?;
    directory_in_place_of_a_file(&mut shell, &guide, &deploy.join("tmkms/tmkms.toml"))?;
    port_in_use(&machine, &shell)?;
    network_taken(&shell, &deploy)?;
    another_key(&shell, &deploy)
}

/// It fails, and says why.
fn says(shell: &Shell<'_>, line: &str, why: &str) -> Outcome {
    let said = shell.fails(line)?;
    println!(
        "    {line}: {}",
        said.trim().lines().last().unwrap_or_default()
    );
    if said.contains(why) {
        return Ok(());
    }
    Err(format!("`{line}` does not say {why:?}:\n{said}"))
}

/// A file in `logs/`, or what a command prints, comes to say something.
fn comes_to_say(shell: &Shell<'_>, line: &str, what: &str) -> Outcome {
    until(&format!("`{line}` says {what:?}"), PATIENCE, || {
        std::thread::sleep(Duration::from_millis(300));
        shell.run(line).ok()?.contains(what).then_some(())
    })?;
    println!("    {what}");
    Ok(())
}

/// The signer's machine without its wg0.conf: nothing is made in its place.
fn without_a_file(shell: &Shell<'_>) -> Outcome {
    shell.run("docker compose -f tmkms/signer-compose.yml build")?;
    shell.fails("docker compose -f tmkms/signer-compose.yml up -d")?;
    let log = shell.run("docker compose -f tmkms/signer-compose.yml logs tmkms-files")?;
    let is_named = log.contains("wireguard/signer/wg0.conf");
    equal("the missing wg0.conf is named", &is_named, &true)?;
    shell.fails("test -e tmkms/wireguard/signer/wg0.conf")?;
    shell
        .run("docker compose -f tmkms/signer-compose.yml down")
        .map(drop)
}

/// The signer without tmkms.toml says so, and no directory is made of it.
fn without_configuration(shell: &Shell<'_>) -> Outcome {
    shell.run("docker compose -f dev-compose.yml build syslog-ng")?;
    shell.run("docker compose -f dev-compose.yml up -d tmkms")?;
    let missing = "there is no configuration file /tmkms/tmkms.toml";
    comes_to_say(shell, "docker logs sekin-tmkms-1 2>&1", missing)?;
    shell.fails("test -e tmkms/tmkms.toml")?;
    shell
        .run("docker compose -f dev-compose.yml down")
        .map(drop)
}

/// The gateway by itself has no network; the guide says what makes it.
fn without_the_node(shell: &mut Shell<'_>, guide: &Guide) -> Outcome {
    let wg0 = "tmkms/wireguard/validator/wg0.conf";
    shell.run(&format!("printf x > {wg0}"))?;
    let gateway = "docker compose -f tmkms/gateway-compose.yml up -d";
    says(
        shell,
        gateway,
        "network kiranet declared as external, but could not be found",
    )?;
    shell.run("docker compose build")?;
    shell.step(guide.mention("docker compose up -d")?)?;
    shell.run("docker compose down")?;
    shell.run(&format!("rm {wg0}")).map(drop)
}

/// A docker of another time or kind, which answers only what it is.
fn programs(machine: &Machine, shell: &Shell<'_>) -> Outcome {
    let with = |script: &str, why: &str| {
        machine.install("docker", &format!("#!/bin/sh\n{script}\n"))?;
        says(shell, "./setup dev", why)
    };
    let told = with(
        "[ \"$1\" = version ] && echo 19.03.15",
        "Docker 19.03.15 is too old",
    )
    .and(with(
        "case $1 in version) echo 24.0.5 ;; compose) echo 2.17.2 ;; esac",
        "docker compose 2.17.2 is too old",
    ))
    .and(with(
        "[ \"$1\" = version ] && echo 24.0.5",
        "Docker has no compose plugin",
    ))
    .and(with(
        "echo 'permission denied while trying to connect' >&2; exit 1",
        "this user may not use Docker",
    ))
    .and(with(
        "case $1 in version) echo 24.0.5 ;; compose) [ \"$2\" = version ] && echo 2.29.7 ;; \
         info) echo '[name=seccomp,profile=builtin name=rootless name=cgroupns]' ;; esac",
        "Docker is rootless here",
    ));
    fs::remove_file(machine.home().join("bin/docker")).map_err(doing("remove a program"))?;
    told
}

/// What an older kit leaves: full, it is not touched; empty, the guide's command or `setup` removes
/// it.
fn directory_in_place_of_a_file(shell: &mut Shell<'_>, guide: &Guide, file: &Path) -> Outcome {
    let what = "make a directory in place of tmkms.toml";
    fs::create_dir_all(file.join("inner")).map_err(doing(what))?;
    says(shell, "./setup dev", "tmkms/tmkms.toml has to be a file")?;
    fs::remove_dir(file.join("inner")).map_err(doing(what))?;
    let init = "docker run --rm -v $(pwd)/tmkms:/tmkms:z sekin-tmkms init /tmkms -n kira";
    says(shell, init, "is a directory, but a file is to be written")?;
    shell.step(guide.mention("rmdir tmkms/tmkms.toml")?)?;
    // The empty one for the scene's last parts, which remove it.
    fs::create_dir(file).map_err(doing(what))
}

fn port_in_use(machine: &Machine, shell: &Shell<'_>) -> Outcome {
    let taken = machine
        .namespace
        .inside(|| std::net::TcpListener::bind("0.0.0.0:26656").map_err(doing("take a port")))?;
    let told = says(shell, "./setup dev", "tcp port 26656 is in use");
    drop(taken);
    told?;
    let taken = machine
        .namespace
        .inside(|| std::net::UdpSocket::bind("0.0.0.0:51820").map_err(doing("take a port")))?;
    let validator = "./setup validator --endpoint 203.0.113.2 --new-chain";
    let told = says(shell, validator, "udp port 51820 is in use");
    drop(taken);
    told?;
    // Prometheus has it on many machines.
    shell
        .run("docker run --detach --name theirs --publish 127.0.0.1:9090:9090 alpine sleep 600")?;
    let told = says(
        shell,
        "./setup dev",
        "tcp port 9090 belongs to the container theirs",
    );
    shell.run("docker rm --force theirs")?;
    told
}

/// 10.1.0.0/16 belongs to somebody else: it is said, and another one is taken by a setting, also by
/// the files below `tmkms/`.
fn network_taken(shell: &Shell<'_>, deploy: &Path) -> Outcome {
    for theirs in ["10.1.0.0/24", "10.0.0.0/8"] {
        shell.run(&format!("docker network create --subnet {theirs} theirs"))?;
        says(shell, "./setup dev", "the network 10.1.0.0/16 is taken")?;
        says(
            shell,
            "docker compose -f dev-compose.yml up -d syslog-ng 2>&1",
            "Pool overlaps with other one on this address space",
        )?;
        shell.run("docker network rm theirs")?;
    }
    shell.run("docker network create --subnet 10.1.0.0/24 theirs")?;
    fs::write(deploy.join(".env"), "KIRANET=10.77\n").map_err(doing("write .env"))?;
    shell.run("./setup dev")?;
    let networks = shell.run("docker network inspect kiranet")?;
    equal(
        "the other network is taken",
        &networks.contains("10.77.0.0/16"),
        &true,
    )?;
    let address = checks::address(shell, &deploy.join("tmkms/secrets"))?;
    checks::signs(shell, &address, 2).map(drop)
}

/// A key that is not the validator's: the node says so and no block comes; the right one, put back,
/// goes on where it was.
fn another_key(shell: &Shell<'_>, deploy: &Path) -> Outcome {
    let tmkms = "docker run --rm -v $(pwd)/tmkms:/tmkms:z -v $(pwd)/sekai:/sekai:ro,z sekin-tmkms";
    let bundle = "/sekai/signer-bundle/config/priv_validator_key.json";
    let key = "/tmkms/secrets/priv_validator_key.json";
    let address = checks::address(shell, &deploy.join("tmkms/secrets"))?;
    let file = key_file(deploy);
    let kept = fs::read(&file).map_err(doing("read the key"))?;
    says(
        shell,
        &format!("{tmkms} softsign import {bundle} {key}"),
        "--force",
    )?;
    says(shell, &format!("{tmkms} softsign keygen {key}"), "--force")?;
    let unchanged = fs::read(&file).map_err(doing("read the key"))? == kept;
    equal("the key is as it was", &unchanged, &true)?;

    shell.run("docker exec sekin-sekai-1 /scaller stop")?;
    shell.run("docker compose -f dev-compose.yml stop tmkms")?;
    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).map_err(doing("move the key"))?;
    shell.run(&format!("{tmkms} softsign keygen {key}"))?;
    shell.run("docker compose -f dev-compose.yml up -d tmkms")?;
    shell.run("docker exec sekin-sekai-1 /scaller start")?;
    comes_to_say(shell, "cat logs/sekai.log", "This node is not a validator")?;
    let before = chain::height(shell);
    e2e::wait::pause(Duration::from_secs(10))?;
    equal(
        "blocks without the validator's key",
        &chain::height(shell),
        &before,
    )?;

    shell.run("docker exec sekin-sekai-1 /scaller stop")?;
    shell.run("docker compose -f dev-compose.yml stop tmkms")?;
    fs::rename(&aside, &file).map_err(doing("move the key back"))?;
    shell.run("docker compose -f dev-compose.yml up -d tmkms")?;
    shell.run("docker exec sekin-sekai-1 /scaller start")?;
    checks::signs(shell, &address, 2)?;
    checks::no_conflict(&shell.run("cat logs/tmkms.log*")?)
}
