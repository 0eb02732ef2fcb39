//! `tmkms config check`, and reading the configuration for every other command.

use std::io::{self, Write};
use std::path::Path;

use super::args::CheckArgs;
use super::key::permissions;
use super::{Failure, Outcome};
use crate::config::{Config, Loaded};
use crate::observe;
use crate::signer::check as check_signer;

/// Reads a configuration; prints its warnings to standard error.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let colour = observe::wants_colour(&io::stderr());
    let Loaded { config, warnings } = Config::load(path)
        .map_err(|e| Failure::Rendered(e.render(colour).trim_end().to_owned()))?;
    if !warnings.is_empty() {
        // Without a standard error there is nobody to warn, and the signer must start all the same.
        let _ = write!(io::stderr(), "{}", warnings.render(colour));
    }
    Ok(config)
}

/// Checks the file, then the keys and states that it names. Changes and locks nothing, so it
/// may run beside the signer.
pub(super) fn check(args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let config = load(&args.config.path)?;
    let lines = check_signer(&config, permissions(args.allow_insecure_permissions))
        .map_err(|errors| Failure::listed(&errors))?;
    for line in lines {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{} is in order", config.file.display())?;
    Ok(())
}
