//! `tmkms config check`, and reading the configuration for every other command.

use std::io::{IsTerminal as _, Write};
use std::path::Path;

use super::args::CheckArgs;
use super::key::permissions;
use super::{Failure, Outcome};
use crate::config::{Config, Loaded};
use crate::signer::check as check_signer;

/// Reads a configuration; prints its warnings to standard error.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let colour = std::io::stderr().is_terminal();
    let Loaded { config, warnings } =
        Config::load(path).map_err(|e| Failure(e.render(colour).trim_end().to_owned()))?;
    if !warnings.is_empty() {
        write!(std::io::stderr(), "{}", warnings.render(colour))?;
    }
    Ok(config)
}

/// Checks the file, then the keys and states that it names. Changes and locks nothing, so it
/// may run beside the signer.
pub(super) fn check(args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let config = load(&args.config.path)?;
    let lines = check_signer(&config, permissions(args.allow_insecure_permissions))
        .map_err(|errors| super::start::listed(&errors))?;
    for line in lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{} is right", config.file.display())?;
    Ok(())
}
