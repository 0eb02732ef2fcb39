//! `cargo xtask e2e`: builds the node and the signers, then plays the rows.

use crate::{Outcome, interop, nodes, paths, peers};
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let asks_only = |argument: &String| matches!(argument.as_str(), "--help" | "-h" | "list");
    if arguments.is_empty() || arguments.iter().any(asks_only) {
        return start(arguments, |_| {});
    }
    let go = nodes::go_version().ok_or(nodes::NO_GO)?;
    let nodes = nodes::build_sekaid(&go)?;
    let peers = peers::build_tmkms()?;
    let signer = interop::build_signer()?;
    start(arguments, |command| {
        command.env("TMKMS_BIN", &signer);
        command.env("TMKMS_INTEROP_NODES", &nodes);
        command.env("TMKMS_INTEROP_PEERS", &peers);
    })
}

fn start(arguments: &[String], set: impl FnOnce(&mut Command)) -> Outcome {
    let mut command = Command::new(paths::cargo());
    command.current_dir(paths::workspace());
    command.args(["run", "--quiet", "--package", "e2e", "--"]);
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
