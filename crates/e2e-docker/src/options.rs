//! The command line.

use clap::Parser;

/// The deployment kit, end to end; needs root.
#[derive(Debug, Parser)]
#[command(name = "e2e docker", bin_name = "cargo xtask e2e docker")]
pub struct Options {
    /// Only this scene; may be given several times. `--scene list` shows them
    #[arg(long, value_name = "NAME")]
    pub scene: Vec<String>,
    /// Shows what each command prints
    #[arg(short, long)]
    pub verbose: bool,
}
