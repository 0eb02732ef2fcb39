//! `cargo xtask e2e`: builds the node and the signers, gets the tools, then plays the rows.

use crate::progress::watched;
use crate::{Outcome, interop, nodes, paths, peers};
use std::process::Command;

/// What is called from the system, and the Debian package that has it.
const TOOLS: [(&str, &str); 4] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("wg", "wireguard-tools"),
    ("wireguard-go", "wireguard-go"),
];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let asks_only = |argument: &String| matches!(argument.as_str(), "--help" | "-h" | "list");
    if arguments.is_empty() || arguments.iter().any(asks_only) {
        return start(arguments, |_| {});
    }
    install_tools()?;
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

/// Installs what is missing with the system's package manager, where that is Debian's and there
/// is nobody to ask; elsewhere it says what is missing.
fn install_tools() -> Outcome {
    let missing: Vec<&str> = TOOLS
        .iter()
        .filter(|(program, _)| !exists(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !paths::in_ci() || !exists("apt-get") {
        return Err(format!(
            "programs are missing here; on Debian: apt-get install {names}"
        ));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        watched(
            &format!("apt-get {}", arguments.join(" ")),
            command.args(arguments),
        )
    };
    let install = ["install", "-y", "--no-install-recommends"];
    let install: Vec<&str> = install.iter().chain(&missing).copied().collect();
    // Lists of packages may be missing or old.
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
}

fn exists(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}
