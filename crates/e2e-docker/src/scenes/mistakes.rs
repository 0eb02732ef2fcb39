//! What people get wrong, and what is in the way on their machines: it is said, and nothing is lost.

use std::fs;

use crate::machine::Machine;
use crate::shell::Shell;
use crate::{Outcome, doing};

use super::checks::{self, equal};
use super::{Stage, folder};

pub(super) fn play(stage: &Stage) -> Outcome {
    let folder = folder()?;
    let machine = Machine::create("dev", folder.path(), &stage.parts, stage.is_verbose)?;
    let kit = machine.clone_kit("sekin")?;
    let deploy = kit.deploy();
    let shell = machine.shell(&deploy);
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
    old_programs(&machine, &shell)?;
    directory_in_place_of_a_file(&shell, &deploy.join("tmkms/tmkms.toml"))?;
    port_in_use(&machine, &shell)?;
    network_taken(&shell, &deploy)
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

/// A docker of another time, which answers only what it is.
fn old_programs(machine: &Machine, shell: &Shell<'_>) -> Outcome {
    let old = "#!/bin/sh\n[ \"$1\" = version ] && echo 19.03.15\n";
    machine.install("docker", old)?;
    let told = says(shell, "./setup dev", "Docker 19.03.15 is too old");
    let old = "#!/bin/sh\ncase $1 in version) echo 24.0.5 ;; compose) echo 2.17.2 ;; esac\n";
    machine.install("docker", old)?;
    let told = told.and(says(
        shell,
        "./setup dev",
        "docker compose 2.17.2 is too old",
    ));
    fs::remove_file(machine.home().join("bin/docker")).map_err(doing("remove a program"))?;
    told
}

fn directory_in_place_of_a_file(shell: &Shell<'_>, file: &std::path::Path) -> Outcome {
    let what = "make a directory in place of tmkms.toml";
    fs::create_dir_all(file.join("inner")).map_err(doing(what))?;
    says(shell, "./setup dev", "tmkms/tmkms.toml has to be a file")?;
    fs::remove_dir(file.join("inner")).map_err(doing(what))
    // The empty one is left for the scene's last part, which removes it.
}

fn port_in_use(machine: &Machine, shell: &Shell<'_>) -> Outcome {
    let taken = machine
        .namespace
        .inside(|| std::net::TcpListener::bind("0.0.0.0:26656").map_err(doing("take a port")))?;
    let told = says(shell, "./setup dev", "tcp port 26656 is in use");
    drop(taken);
    told
}

/// 10.1.0.0/16 belongs to somebody else: it is said, and another one is taken by a setting, also by
/// the files below `tmkms/`.
fn network_taken(shell: &Shell<'_>, deploy: &std::path::Path) -> Outcome {
    shell.run("docker network create --subnet 10.1.0.0/24 theirs")?;
    says(shell, "./setup dev", "the network 10.1.0.0/16 is taken")?;
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
