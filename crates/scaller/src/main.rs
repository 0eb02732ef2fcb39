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
mod http;
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
