//! `cargo xtask e2e`: builds the node and the signers as far as they are needed, then plays the rows
//! of the tunnel, the scenes of the deployment kit, the firewall's rules or the units.

use crate::{Outcome, dist, docker, interop, nodes, paths, peers};
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments.split_first() {
        None => {
            tunnel(&["tunnel".to_owned()])?;
            kit(&[])?;
            firewall(&["firewall".to_owned()])?;
            units(&["systemd".to_owned()])
        }
        Some((first, rest)) if first == "docker" => kit(rest),
        Some((first, _)) if first == "firewall" => firewall(arguments),
        Some((first, _)) if first == "systemd" => units(arguments),
        Some(_) => tunnel(arguments),
    }
}

fn tunnel(arguments: &[String]) -> Outcome {
    if asks_only(arguments) {
        return start("e2e", arguments, |_| {});
    }
    let go = nodes::go_version().ok_or(nodes::NO_GO)?;
    let nodes = nodes::build_sekaid(&go)?;
    let peers = peers::build_tmkms()?;
    let signer = interop::build_signer()?;
    start("e2e", arguments, |command| {
        command.env("TMKMS_BIN", &signer);
        command.env("TMKMS_INTEROP_NODES", &nodes);
        command.env("TMKMS_INTEROP_PEERS", &peers);
    })
}

fn kit(arguments: &[String]) -> Outcome {
    if asks_only(arguments) {
        return start("e2e-docker", arguments, |_| {});
    }
    let go = nodes::go_version().ok_or(nodes::NO_GO)?;
    let parts = docker::build(&go)?;
    start("e2e-docker", arguments, |command| {
        command.envs(parts);
    })
}

/// Packets only.
fn firewall(arguments: &[String]) -> Outcome {
    start("e2e", arguments, |_| {})
}

/// The signer, and a stand-in for the node.
fn units(arguments: &[String]) -> Outcome {
    if asks_only(arguments) {
        return start("e2e", arguments, |_| {});
    }
    let signer = interop::build_signer()?;
    let package = dist::package(&signer)?;
    start("e2e", arguments, |command| {
        command.env("TMKMS_BIN", &signer);
        command.env("TMKMS_DEB", &package);
    })
}

/// Whether nothing is to be played.
fn asks_only(arguments: &[String]) -> bool {
    let asks = |argument: &String| matches!(argument.as_str(), "--help" | "-h" | "list");
    arguments.iter().any(asks)
}

fn start(package: &str, arguments: &[String], set: impl FnOnce(&mut Command)) -> Outcome {
    let mut command = paths::cargo();
    command.current_dir(paths::workspace());
    command.args(["run", "--quiet", "--package", package, "--"]);
    set(command.args(arguments));
    let status = command
        .status()
        .map_err(|error| format!("cargo run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("e2e failed".to_owned())
    }
}
