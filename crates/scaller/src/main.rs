//! `scaller`: the helper beside `sekaid`, KIRA's node.
//!
//! It sets a node up, supervises it as the main process of a container or a service, and takes
//! the consensus key out of it for a remote signer, or back.
//!
//! Invariants:
//! - A key, a genesis or a state that is there is never overwritten: what has to make room is
//!   moved aside, and the text says where.
//! - At most one place can sign at any time, also after a crash between two steps of
//!   `remote-signer` (see [`remote`]).
//! - Nothing here connects to the port on which the node waits for its signer: the node would take
//!   the connection for the signer.
//! - A mnemonic goes from `sekaid` to the person and never into a file.

mod args;
mod desired;
mod failure;
mod files;
mod genesis;
mod home;
mod init;
mod join;
mod keys;
mod listener;
mod node_config;
mod remote;
mod restart;
mod rpc;
mod sekaid;
mod settings;
mod signals;
mod start;
mod status;
mod supervise;
mod version;
mod wait;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command, DisableArgs, EnableArgs, RemoteSigner};
use crate::failure::{Failure, say};
use crate::home::Home;

/// How a command ends when it did what it was asked: with the code for the process.
type Outcome = Result<ExitCode, Failure>;

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            say!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Init(args) => init::run(&args),
        Command::KeysAdd(args) => keys::run(&args),
        Command::AddGenesisAccount(args) => genesis::add_account(&args),
        Command::GentxClaim(args) => genesis::claim(&args),
        Command::Start(args) => start::run(&args),
        Command::Join(args) => join::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Stop(args) => wait::stop(&args),
        Command::Wait(args) => wait::run(&args),
        Command::RemoteSigner(RemoteSigner::Enable(args)) => remote_enable(args),
        Command::RemoteSigner(RemoteSigner::Disable(args)) => remote_disable(args),
        Command::Version => version::run(),
    }
}

fn remote_enable(args: EnableArgs) -> Outcome {
    let home = Home::new(&args.home.home);
    let _lock = home.lock()?;
    let asked = remote::Enable {
        listen: args.listen,
        bundle: args.bundle,
        address: args.address,
    };
    remote::take_out(&home, &asked)?;
    Ok(ExitCode::SUCCESS)
}

fn remote_disable(args: DisableArgs) -> Outcome {
    let asked = remote::Disable {
        bundle: args.bundle,
        state: args.state,
        height: args.height,
        signer_stopped: args.signer_stopped,
    };
    remote::disable(&Home::new(&args.home.home), &asked)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a line on standard output, which is for data: everything else goes to standard error.
fn print(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}")
        .map_err(|error| Failure::new(format!("cannot write to standard output: {error}")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/scaller.md");

    /// Every flag of a command with its default, as its row in the document has it.
    fn check(command: &clap::Command, name: &str) {
        let start = format!("| `{name}` |");
        let row = DOCUMENT.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row for {name}"));
        for argument in command.get_arguments() {
            let long = argument.get_long().unwrap();
            if ["home", "help", "version"].contains(&long) {
                continue;
            }
            assert!(row.contains(&format!("--{long}")), "{name}: no --{long}");
            for default in argument.get_default_values() {
                let default = default.to_str().unwrap();
                let shown = [format!("--{long} {default}"), format!("--{long}={default}")];
                let quoted = format!("--{long} \"{default}\"");
                let is_flag = !argument.get_action().takes_values();
                assert!(
                    is_flag
                        || default.is_empty()
                        || row.contains(&quoted)
                        || shown.iter().any(|text| row.contains(text)),
                    "{name}: --{long} {default}"
                );
            }
        }
    }

    #[test]
    fn every_command_and_flag_is_in_the_document_with_its_default() {
        let all = Args::command();
        all.clone().debug_assert();
        for command in all.get_subcommands() {
            if command.has_subcommands() {
                for inner in command.get_subcommands() {
                    check(
                        inner,
                        &format!("{} {}", command.get_name(), inner.get_name()),
                    );
                }
            } else {
                check(command, command.get_name());
            }
        }
    }

    /// The sources, with texts that go over several lines in one.
    fn sources(directory: &std::path::Path) -> String {
        let mut all = String::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all += &sources(&path);
                continue;
            }
            let mut lines = std::fs::read_to_string(path).unwrap();
            while let Some((start, rest)) = lines.split_once("\\\n") {
                lines = format!("{start}{}", rest.trim_start());
            }
            all += &lines;
        }
        all
    }

    #[test]
    fn every_message_in_the_document_is_one_of_the_program() {
        let (_, section) = DOCUMENT.split_once("## What it says").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let sources = ["scaller/src", "node-rpc/src"].map(|name| sources(&crates.join(name)));
        let sources = sources.concat();
        let rows: Vec<&str> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        assert!(rows.len() > 10, "{} rows", rows.len());
        for row in rows {
            let (message, _) = row[2..].split_once(" | ").unwrap();
            let message = message.trim_matches('`').trim();
            for part in message.split(['…', 'N']).map(str::trim) {
                assert!(sources.contains(part), "{part:?} of {message:?}");
            }
        }
    }

    #[test]
    fn the_commands_of_the_guide_are_understood() {
        for line in [
            "init --chain-id testnet-1 --moniker Genesis",
            "keys-add --name genesis",
            "add-genesis-account --name genesis --coins 1ukex",
            "gentx-claim --name genesis --moniker Genesis",
            "start",
            "start --home /sekai --restart always",
            "join --rpc-node 1.2.3.4:26657 --statesync --prune nothing --start=false",
            "join --rpc-node 1.2.3.4:26657 --start --remote-signer",
            "wait",
            "status",
            "version",
        ] {
            let words = ["scaller"].into_iter().chain(line.split_whitespace());
            Args::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
