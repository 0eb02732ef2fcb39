//! The command line.
//!
//! Each command is a function that writes what it has to say to a writer and fails with a
//! [`Failure`]; only `main` prints errors and chooses exit codes.

mod args;
mod args_doctor;
mod args_harness;
mod args_tunnel;
mod audit;
mod backup;
mod config;
mod demo;
mod demo_tunnel;
mod doctor;
mod encrypt;
mod failure;
mod gateway;
mod harness;
mod import;
mod init;
mod key;
mod logging;
mod output;
mod permissions;
mod restore;
mod rotate;
mod softsign;
mod start;
mod state;
mod status;
mod wireguard;
mod wireguard_show;

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory as _;

pub use self::args::{Args, LogArgs, LogFormat};
use self::args::{
    AuditCommand, Command, ConfigCommand, IdentityCommand, KeyCommand, SoftsignCommand,
    StateCommand,
};
pub use self::args_tunnel::GatewayArgs;
pub use self::failure::Failure;
pub use self::output::Output;

/// What a command returns.
pub type Outcome = Result<(), Failure>;

/// Runs a command.
///
/// # Errors
/// [`Failure`] with the text to print.
pub fn run(args: Args, out: &mut dyn Write) -> Outcome {
    let outcome = command(args.command, out);
    out.flush()?;
    outcome
}

fn command(command: Command, out: &mut dyn Write) -> Outcome {
    match command {
        Command::Init(args) => init::run(&args, out),
        Command::Softsign(SoftsignCommand::Keygen(args)) => softsign::keygen(&args, out),
        Command::Softsign(SoftsignCommand::Import(args)) => import::run(&args, out),
        Command::Identity(IdentityCommand::New(args)) => softsign::identity(&args, out),
        Command::Key(command) => key_command(command, out),
        Command::Config(ConfigCommand::Check(args)) => config::check(&args, out),
        Command::State(StateCommand::Show(args)) => state::show(&args, out),
        Command::State(StateCommand::Import(args)) => state::import(&args, out),
        Command::State(StateCommand::Export(args)) => state::export(&args, out),
        Command::Start(args) => start::run(&args),
        Command::Status(args) => status::run(&args, out),
        Command::Doctor(args) => doctor::run(args, out),
        Command::Permissions(args) => permissions::run(&args, out),
        Command::Audit(AuditCommand::Verify(args)) => audit::verify(&args, out),
        Command::Wireguard(command) => wireguard::run(&command, out),
        Command::Gateway(args) => gateway::run(&args),
        Command::Demo(args) => demo::run(&args, out),
        Command::Harness(args) => harness::run(&args, out),
        Command::Version => Ok(writeln!(out, "{}", env!("CARGO_PKG_VERSION"))?),
        Command::Completions { shell } => completions(shell, out),
        Command::Man { directory } => man(&directory, out),
    }
}

fn key_command(command: KeyCommand, out: &mut dyn Write) -> Outcome {
    match command {
        KeyCommand::Show(args) => key::show(&args, out),
        KeyCommand::Encrypt(args) => encrypt::encrypt(&args, out),
        KeyCommand::Decrypt(args) => encrypt::decrypt(&args, out),
        KeyCommand::Backup(args) => backup::run(&args, out),
        KeyCommand::Restore(args) => restore::run(&args, out),
        KeyCommand::RotateIdentity(args) => rotate::run(&args, out),
    }
}

fn completions(shell: clap_complete::Shell, out: &mut dyn Write) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "tmkms", &mut script);
    Ok(out.write_all(&script)?)
}

fn man(directory: &Path, out: &mut dyn Write) -> Outcome {
    std::fs::create_dir_all(directory).map_err(|e| cannot("create", directory, &e))?;
    clap_mangen::generate_to(Args::command(), directory)
        .map_err(|e| cannot("write man pages to", directory, &e))?;
    Ok(writeln!(out, "Wrote man pages to {}", directory.display())?)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
}

/// `-` as a file name.
fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
